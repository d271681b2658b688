//! The authentication schemes that a server offers in `WWW-Authenticate` (RFC 9110 section 11.6.1).

/// The schemes of one header field, which may hold several challenges, in their order and in lower case.
///
/// Read as bytes: a realm may be in Latin-1. What cannot be read costs no more than the rest of its field.
pub fn schemes(field: &[u8]) -> Vec<String> {
    let parts = split(field);
    parts.into_iter().filter_map(scheme).collect()
}

/// The parts between the commas that are not within quotes.
fn split(field: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in field.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(&field[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&field[start..]);
    parts
}

/// The scheme that a part begins with; none where it is one more parameter of the challenge before it.
fn scheme(part: &[u8]) -> Option<String> {
    let part = part.trim_ascii();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let end = part.iter().position(|byte| !is_token(byte));
    let (word, rest) = part.split_at(end.unwrap_or(part.len()));
    let is_parameter = rest.trim_ascii_start().first() == Some(&b'=');
    let is_word = !word.is_empty() && rest.first().is_none_or(u8::is_ascii_whitespace);
    let text = || String::from_utf8_lossy(word).to_ascii_lowercase();
    (is_word && !is_parameter).then(text)
}

#[cfg(test)]
mod tests {
    use super::schemes;

    #[test]
    fn every_scheme_of_a_field_is_seen() {
        for (field, expected) in [
            (
                &b"Basic realm=\"x\", Bearer realm=\"y\""[..],
                &["basic", "bearer"][..],
            ),
            (
                b"Bearer realm=\"y\",Basic realm=\"x\"",
                &["bearer", "basic"],
            ),
            (b"Bearer,Basic", &["bearer", "basic"]),
            (b"BEARER", &["bearer"]),
            (b"Basic realm=\"a, Bearer b\"", &["basic"]),
            (b"Basic realm=\"a \\\", Bearer \\\" b\"", &["basic"]),
            (b"Basic realm=\"caf\xe9\", Bearer", &["basic", "bearer"]),
            (b"Basic\trealm=x,\tBearer\t", &["basic", "bearer"]),
            (
                b"Bearer realm=\"r\", error=\"invalid_token\", scope = \"a b\"",
                &["bearer"],
            ),
            (
                b"Negotiate YII==, NTLM, Bearer",
                &["negotiate", "ntlm", "bearer"],
            ),
            (b", ,Bearer,", &["bearer"]),
            (b"Basic realm=\"open, Bearer", &["basic"]),
            (b"Basic=x, \xff, \"Bearer\"", &[]),
            (b"Bearer/1", &[]),
            (b"", &[]),
        ] {
            assert_eq!(schemes(field), expected, "{}", field.escape_ascii());
        }
    }
}
