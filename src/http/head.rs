//! The head of an answer, read as curl reads it: what a server, or something on the way, writes amiss
//! costs its own line and not the answer. Only one answer comes on each connection, so that no reading
//! of a head can take one answer for another.

/// All of a head, as in curl; more is no head.
pub const MAX_HEAD: usize = 300 * 1024;

/// A status line and the header fields.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    /// "HTTP/1.1".
    pub version: &'static str,
    /// The server's word for the status.
    pub reason: String,
    /// Names in lower case; in the order of the answer.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a head up to its empty line; nothing where it is none of HTTP.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let (version, status, reason) = status_line(lines.next()?)?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            // A folded line (RFC 9112 section 5.2) goes on with the field before it.
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(&text(line));
                }
                continue;
            }
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let name = text(&line[..colon]).to_ascii_lowercase();
            headers.push((name, text(&line[colon + 1..])));
        }
        Some(Self {
            status,
            version,
            reason,
            headers,
        })
    }

    /// The first field of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(own, _)| own == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// All fields of that name, in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether the answer itself is still to come (RFC 9110 section 15.2).
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// The length of the body, where there is one that can be believed.
    pub fn length(&self) -> Option<u64> {
        let mut lengths = self
            .all("content-length")
            .flat_map(|value| value.split(','));
        let length: u64 = lengths.next()?.trim().parse().ok()?;
        // Two of them that differ say nothing.
        let same = |other: &str| other.trim().parse() == Ok(length);
        lengths.all(same).then_some(length)
    }

    /// Whether the body comes in chunks, which go before any length (RFC 9112 section 6.3).
    pub fn is_chunked(&self) -> bool {
        let codings = self.codings("transfer-encoding");
        codings.first().is_some_and(|last| last == "chunked")
    }

    /// The same head for a parser that takes nothing amiss: the status, and the length of the body where its
    /// end is not the connection's. What comes in chunks has been taken out of them.
    pub fn strict(&self) -> String {
        let framing = match self.length() {
            Some(length) if self.codings("transfer-encoding").is_empty() => {
                format!("content-length: {length}\r\n")
            }
            _ => String::new(),
        };
        let status = self.status;
        format!("HTTP/1.1 {status} \r\n{framing}connection: close\r\n\r\n")
    }

    /// The codings of one field, the one that was applied last first.
    pub fn codings(&self, name: &str) -> Vec<String> {
        let all = self.all(name).flat_map(|value| value.split(','));
        let all = all.map(|coding| coding.trim().to_ascii_lowercase());
        let mut all: Vec<String> = all
            .filter(|coding| !coding.is_empty() && coding != "identity")
            .collect();
        all.reverse();
        all
    }
}

/// Without control characters, which mean nothing here and much to a terminal.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.trim_ascii());
    text.chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect()
}

/// The version, the status, and the word for it. Of the version only that there is one, of the status its three digits
/// are needed, as in curl.
fn status_line(line: &[u8]) -> Option<(&'static str, u16, String)> {
    if !may_be(line) {
        return None;
    }
    let line = String::from_utf8_lossy(line);
    let rest = line.get(WORD.len()..)?.trim_start();
    let (version, rest) = rest.split_once([' ', '\t'])?;
    let version = match version {
        "1.0" => "HTTP/1.0",
        _ => "HTTP/1.1",
    };
    let rest = rest.trim_start();
    let (status, reason) = rest.split_at_checked(3)?;
    let digits = status.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || reason.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let status = status.parse().ok().filter(|status| *status >= 100)?;
    Some((version, status, text(reason.as_bytes())))
}

/// Where a head ends in what has come so far: after the first line that is empty but for CRs, or begins with one.
pub fn end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\n', &bytes[from..]) {
        from += at + 1;
        if let Some(b'\n' | b'\r') = bytes.get(from) {
            let last = memchr::memchr(b'\n', &bytes[from..])?;
            return Some(from + last + 1);
        }
    }
    None
}

/// How a status line begins; curl does not look at the case.
const WORD: &[u8] = b"HTTP/";

/// Whether what has come so far can be the beginning of a head.
pub fn may_be(bytes: &[u8]) -> bool {
    let length = bytes.len().min(WORD.len());
    bytes[..length].eq_ignore_ascii_case(&WORD[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_curl_reads_it() {
        let text = b"HTTP/1.1 200  OK then\r\nContent-Type : application/json\r\nx: a\r\n b\r\n\tc\r\nno colon\r\n: y\r\n\
                     \x01z\x02:\x03\x00\r\nContent-Length: 5\n\n";
        assert_eq!(end(text), Some(text.len()));
        let head = Head::parse(text).expect("a head");
        assert_eq!(
            (head.status, head.version, head.reason.as_str()),
            (200, "HTTP/1.1", "OK then")
        );
        assert_eq!(head.header("content-type"), Some("application/json"));
        assert_eq!(head.header("x"), Some("a b c"));
        assert_eq!(head.length(), Some(5));
        let many = "x: y\r\n".repeat(5000);
        let head = Head::parse(format!("HTTP/1.0 200\r\n{many}\r\n").as_bytes()).expect("a head");
        assert_eq!((head.all("x").count(), head.version), (5000, "HTTP/1.0"));
        for wrong in [
            "",
            "HTTP/1.1",
            "HTTP/1.1 20",
            "HTTP/1.1 2000 x",
            "HTTP/1.1 099 x",
            "HTTP/1.1 2x0 x",
            "HTTP/200 OK",
            "SSH-2.0-x",
            "ICY 200 OK",
        ] {
            assert!(Head::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        for odd in ["http/1.1 200OK", "HTTP/ 1.1 200.0 OK", "HTTP/x 200: OK"] {
            let head = Head::parse(odd.as_bytes()).expect(odd);
            assert_eq!(head.status, 200, "{odd}");
        }
        assert!(may_be(b"HT") && may_be(b"HTTP/1.1") && !may_be(b"HX") && !may_be(b"{\"a\""));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\nx: y\r\n"), None);
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r"), None);
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r\r\n{}"), Some(20));
    }

    #[test]
    fn what_is_handed_on_has_the_status_and_the_framing_and_nothing_else() {
        let strict = |fields: &str| {
            let head = Head::parse(format!("HTTP/1.0 200 OK\r\n{fields}\r\n\r\n").as_bytes());
            let strict = head.expect("a head").strict();
            let fields = strict
                .strip_prefix("HTTP/1.1 200 \r\n")
                .expect("the status");
            let fields = fields.strip_suffix("connection: close\r\n\r\n");
            fields
                .expect("one request a connection")
                .trim_end()
                .to_owned()
        };
        for (fields, framing) in [
            ("x : y\r\n z\r\ncontent-length : 5, 5", "content-length: 5"),
            ("content-length: 5\r\ncontent-length: 7", ""),
            ("content-length: 5\r\nTransfer-Encoding: gzip, Chunked", ""),
            ("transfer-encoding: chunked, gzip\r\ncontent-length: 5", ""),
            ("x: \u{1}", ""),
        ] {
            assert_eq!(strict(fields), framing, "{fields}");
        }
    }

    #[test]
    fn a_length_that_cannot_be_believed_is_none() {
        let length = |field: &str| {
            let head = Head::parse(format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n").as_bytes());
            head.expect("a head").length()
        };
        assert_eq!(length("content-length: 7, 7"), Some(7));
        assert_eq!(length("content-length: 7\r\ncontent-length: 7"), Some(7));
        for odd in [
            "x: y",
            "content-length: 7\r\ncontent-length: 3",
            "content-length: -1",
            "content-length: 99999999999999999999",
        ] {
            assert_eq!(length(odd), None, "{odd}");
        }
    }
}
