//! Answers that a strict reader does not take, beside curl on the same bytes: what curl takes is taken. A refresh token that
//! is used once lies in such an answer.
#![cfg(unix)]

use crate::support;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;
use std::sync::Mutex;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use support::profiles::client_at;
use support::raw::read_head;
use support::{RawServer, Sandbox};

const TOKEN: &str = r#"{"access_token":"at","expires_in":60}"#;

/// Of these rows curl, as Debian has it, takes far more than this.
const TAKEN_AT_LEAST: usize = 110;

/// Answers by name; `|` stands for CR LF, HEX and LEN for the length of TOKEN.
#[derive(Default)]
struct Rows(Vec<(String, Vec<u8>)>);

impl Rows {
    fn text(&mut self, text: &str) {
        let name = if text.len() > 110 {
            format!("{}…{} bytes", &text[..100], text.len())
        } else {
            text.to_owned()
        };
        let bytes = text.replace('|', "\r\n").replace("HEX", "25");
        let bytes = bytes.replace("LEN", "content-length: 37");
        let bytes = bytes.replace("TOKEN", TOKEN).into_bytes();
        self.0.push((name, bytes));
    }

    fn compressed(&mut self, name: &str, body: &[u8]) {
        let header = name.split(':').next().expect("a coding");
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {header}\r\ncontent-length: {length}\r\n\r\n"
        );
        self.0.push((
            format!("compressed, {name}"),
            [head.as_bytes(), body].concat(),
        ));
    }
}

fn chunks(rows: &mut Rows) {
    let long = |length: usize| "a".repeat(length);
    let by_one = |end: &str| {
        TOKEN.chars().fold(String::new(), |mut all, c| {
            let _ = write!(all, "1{end}{c}{end}");
            all
        })
    };
    let mut bodies: Vec<String> = [
        "HEX|TOKEN|0||",
        "HEX\nTOKEN\n0\n\n",
        "HEX\nTOKEN|0||",
        "HEX|TOKEN\n0||",
        "HEX|TOKEN|0\n\n",
        "0000HEX|TOKEN|00000||",
        "00000000000000HEX|TOKEN|0||",
        "HEX;a=b|TOKEN|0;c=d||",
        "HEX;a=\"b;\\\"c\"|TOKEN|0||",
        "HEX;a\rb|TOKEN|0||",
        "HEX;a\u{0}b|TOKEN|0||",
        "HEX;a\u{e9}b|TOKEN|0||",
        "HEX  |TOKEN|0  ||",
        "HEX\t|TOKEN|0||",
        " HEX|TOKEN|0||",
        "0xHEX|TOKEN|0||",
        "HEXzz|TOKEN|0||",
        "HEX,1|TOKEN|0||",
        "HEX\r|TOKEN|0||",
        "HEX|TOKEN\r|0||",
        "|HEX|TOKEN|0||",
        "HEX|TOKEN||0||",
        "HEX|TOKEN|0|x: y||",
        "HEX|TOKEN|0|x: y|a: b||",
        "HEX|TOKEN|0|x: y\n\n",
        "HEX|TOKEN|0|no colon||",
        "HEX|TOKEN|0|x: y| z||",
        "HEX|TOKEN|0|content-length: 3||",
        "HEX|TOKEN|0|x: \u{1}\u{7f}||",
        "HEX|TOKEN|0||junk",
        "HEX|TOKEN|0||HTTP/1.1 400 No||",
        "HEX|TOKEN|0|",
        "HEX|TOKEN|0",
        "HEX|TOKEN|",
        "HEX|TOKEN",
        "HEX|TOKEN0||",
        "HEX|TOKENxx|0||",
        "zz|TOKEN|0||",
        "TOKEN",
        "0||",
    ]
    .map(str::to_owned)
    .to_vec();
    for length in [50, 1000, 20_000, 400_000] {
        bodies.push(format!("HEX;{}|TOKEN|0||", long(length)));
        bodies.push(format!("HEX|TOKEN|0;{}||", long(length)));
        bodies.push(format!("HEX|TOKEN|0|x: {}||", long(length)));
        bodies.push(format!("HEX|TOKEN|0|{}|", "x: y|".repeat(length / 50)));
    }
    bodies.push(format!("HEX{}|TOKEN|0{0}||", " ".repeat(60)));
    bodies.push(by_one("|") + "0||");
    bodies.push(by_one("\n") + "0\n\n");
    for body in bodies {
        rows.text(&format!(
            "HTTP/1.1 200 OK|transfer-encoding: chunked||{body}"
        ));
    }
    for field in [
        "Transfer-Encoding: Chunked",
        "transfer-encoding:chunked",
        "transfer-encoding: identity, chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked|transfer-encoding: chunked",
        "transfer-encoding: ,chunked,",
        "transfer-encoding:| chunked",
        "transfer-encoding : chunked",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: chunked|LEN",
        "LEN|transfer-encoding: chunked",
        "transfer-encoding: chunked|content-length: 0",
    ] {
        rows.text(&format!("HTTP/1.1 200 OK|{field}||HEX|TOKEN|0||"));
        rows.text(&format!("HTTP/1.0 200 OK|{field}||HEX\nTOKEN\n0\n\n"));
    }
    for field in ["transfer-encoding: identity", "transfer-encoding:"] {
        rows.text(&format!("HTTP/1.1 200 OK|{field}||TOKEN"));
        rows.text(&format!("HTTP/1.1 200 OK|{field}|LEN||TOKEN"));
    }
}

fn heads(rows: &mut Rows) {
    for line in [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200.0 OK",
        "HTTP/1.1 200: OK",
        "HTTP/1.1 0200 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 +200 OK",
        "HTTP/1.0 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/2 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/3 200 OK",
        "HTTP/1 200 OK",
        "http/1.1 200 OK",
        "Http/1.1 200 OK",
        "HTTP 200 OK",
        "HTTP/ 1.1 200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/x.1 200 OK",
        "HTTP/1.x 200 OK",
        "HTTP/1.1 200 \u{fc}\u{1}\u{7f}",
        "HTTP/1.1 200 HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r",
        "HTTP/1.1 201 Created",
        "HTTP/1.1 202 x",
        "HTTP/1.1 203 x",
        "HTTP/1.1 206 x",
        "HTTP/1.1 299 x",
        "ICY 200 OK",
    ] {
        rows.text(&format!("{line}|LEN||TOKEN"));
    }
    rows.text(&format!("HTTP/1.1 200 {}|LEN||TOKEN", "x".repeat(60_000)));
    for interim in [
        "HTTP/1.1 100 Continue||",
        "HTTP/1.1 100\n\n",
        "HTTP/1.1 102 Processing||",
        "HTTP/1.1 103 Early Hints|link: x||",
        "HTTP/1.1 199 x||",
        "HTTP/1.1 100 Continue|content-length: 5||",
        "HTTP/1.1 100 Continue|transfer-encoding: chunked||",
        "HTTP/1.1 100 Continue|connection: close||",
        "HTTP/1.1 100 Continue|content-encoding: gzip||",
        "HTTP/1.0 100 Continue||",
        "|",
        "\n",
        "\u{feff}",
    ] {
        rows.text(&format!("{interim}HTTP/1.1 200 OK|LEN||TOKEN"));
    }
    let twice = "HTTP/1.1 100 Continue||".repeat(30);
    rows.text(&format!("{twice}HTTP/1.1 200 OK|LEN||TOKEN"));
    for length in [
        "-1",
        "x",
        "",
        "+37",
        "037",
        "0x25",
        "37 ",
        "  37",
        "37abc",
        "37, 37",
        "37, 5",
        "37;x",
        "37.0",
        "3 7",
        "99999999999999999999",
        "9223372036854775807",
        "18446744073709551616",
        "\"37\"",
        "38",
        "37\u{b}",
        "37| ",
    ] {
        rows.text(&format!("HTTP/1.1 200 OK|content-length: {length}||TOKEN"));
    }
    for fields in [
        "LEN|LEN",
        "LEN|content-length: 5",
        "content-length: 5|LEN",
        "LEN|content-length: x",
        "content-length : 37",
        "content-length:| 37",
        "CONTENT-LENGTH: 37",
        "x: a| b|\tc|LEN",
        " b|LEN",
        "no colon|LEN",
        ": x|LEN",
        "a b: c|LEN",
        "x: \u{1}\u{7f}|LEN",
        "x: a\u{0}b|LEN",
        "\u{fc}: \u{fc}|LEN",
        "x: a\rb|LEN",
        "x: a\r\r|LEN",
        "a: b\nLEN\nc: d",
        "connection: close",
        "connection: keep-alive",
        "connection: upgrade|upgrade: h2c|LEN",
        "content-range: bytes 0-36/37|LEN",
        "location: http://127.0.0.1:1/|LEN",
        "www-authenticate: Negotiate|LEN",
        "retry-after: 100|LEN",
        "content-type: \u{1};;=|LEN",
        "content-type: text/plain|LEN",
        "content-type: application/json; charset=utf-16|LEN",
        "proxy-connection: close|LEN",
        "alt-svc: h3=\":443\"|LEN",
        "content-encoding: identity|LEN",
        "content-encoding: none|LEN",
        "content-encoding:|LEN",
        "x: a\r\n\r",
    ] {
        rows.text(&format!("HTTP/1.1 200 OK|{fields}||TOKEN"));
    }
    for (line, times) in [
        ("x: y", 1000),
        ("x: y", 20_000),
        (&"x".repeat(49_000), 5),
        (&"x".repeat(49_000), 9),
    ] {
        rows.text(&format!(
            "HTTP/1.1 200 OK|{}LEN||TOKEN",
            format!("{line}: z|").repeat(times)
        ));
    }
    for whole in [
        "HTTP/1.1 200 OK\nLEN\n\nTOKEN",
        "HTTP/1.1 200 OK\nLEN\n|TOKEN",
        "HTTP/1.1 200 OK|LEN|\nTOKEN",
        "HTTP/1.1 200 OK|LEN|\r|TOKEN",
        "HTTP/1.1 200 OK|LEN|\r\r|TOKEN",
        "HTTP/1.1 200 OK||TOKEN",
        "HTTP/1.1 200 OK\n\nTOKEN",
        "HTTP/1.1 200 OK|LEN||TOKENtrailing",
        "HTTP/1.1 200 OK\rLEN\r\rTOKEN",
        "HTTP/1.1 200 OK|LEN|TOKEN",
        "TOKEN",
        "",
    ] {
        rows.text(whole);
    }
}

fn compressions(rows: &mut Rows) {
    let text = TOKEN.as_bytes();
    let gzip = |text: &[u8]| {
        let mut to = GzEncoder::new(Vec::new(), Compression::default());
        to.write_all(text).expect("memory");
        to.finish().expect("memory")
    };
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text).expect("memory");
    let zlib = zlib.finish().expect("memory");
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(text).expect("memory");
    let raw = raw.finish().expect("memory");
    let packed = gzip(text);
    let cut = |bytes: &[u8], by: usize| bytes[..bytes.len() - by].to_vec();
    let more = |bytes: &[u8], more: &[u8]| [bytes, more].concat();
    let wrong = more(&cut(&packed, 8), &[0; 8]);
    for (name, body) in [
        ("gzip", packed.clone()),
        ("x-gzip", packed.clone()),
        ("GZIP", packed.clone()),
        ("gzip, identity", packed.clone()),
        ("gzip, gzip", gzip(&packed)),
        ("gzip: its check cut off", cut(&packed, 8)),
        ("gzip: half of its check", cut(&packed, 4)),
        ("gzip: its check is wrong", wrong),
        ("gzip: more behind it", more(&packed, b"junkjunkjunk")),
        ("gzip: NULs behind it", more(&packed, &[0; 20])),
        (
            "gzip: two members",
            more(&gzip(&text[..9]), &gzip(&text[9..])),
        ),
        ("gzip: zlib", zlib.clone()),
        ("gzip: plain", text.to_vec()),
        ("gzip: cut", cut(&packed, 20)),
        ("deflate", zlib.clone()),
        ("deflate: its check cut off", cut(&zlib, 4)),
        ("deflate: more behind it", more(&zlib, b"junk")),
        ("deflate: raw", raw.clone()),
        ("deflate: raw, more behind it", more(&raw, b"junk")),
        ("deflate: gzip", packed.clone()),
        ("deflate: plain", text.to_vec()),
    ] {
        rows.compressed(name, &body);
    }
    let length = packed.len();
    for end in ["\r\n", "\n"] {
        let head = format!(
            "HTTP/1.1 200 OK{end}content-encoding: gzip{end}transfer-encoding: chunked{end}{end}{length:x}{end}"
        );
        let body = [
            head.as_bytes(),
            &packed,
            format!("{end}0{end}{end}").as_bytes(),
        ]
        .concat();
        rows.0
            .push((format!("chunked and compressed, {end:?}"), body));
    }
}

/// Says it to whoever asks.
fn saying(bytes: Vec<u8>) -> RawServer {
    RawServer::start(move |mut stream| {
        read_head(&mut stream);
        // Who has read enough closes.
        if stream.write_all(&bytes).is_ok() && stream.shutdown(Shutdown::Write).is_ok() {
            drop(stream.read_to_end(&mut Vec::new()));
        }
    })
}

/// Whether curl takes it: a token, and nothing to complain about.
fn curl_takes(url: &str) -> bool {
    let run = Command::new("curl")
        .args([
            "--silent",
            "--max-time",
            "5",
            "--compressed",
            "--data",
            "a=b",
            url,
        ])
        .output()
        .expect("curl is installed");
    run.status.success() && String::from_utf8_lossy(&run.stdout).contains(TOKEN)
}

#[test]
#[ignore = "needs curl: tests/run installs it"]
fn what_curl_takes_is_taken() {
    let mut rows = Rows::default();
    chunks(&mut rows);
    heads(&mut rows);
    compressions(&mut rows);
    let (taken, wrong) = (Mutex::new(0), Mutex::new(Vec::new()));
    let rows = Mutex::new(rows.0.into_iter());
    let next = || rows.lock().expect("no panic").next();
    support::run::at_once(0..4, |_| {
        while let Some((name, bytes)) = next() {
            let server = saying(bytes);
            if !curl_takes(&server.url("/token")) {
                continue;
            }
            *taken.lock().expect("no panic") += 1;
            let mut sandbox = Sandbox::new();
            let config = client_at(&server.url("/token"), "store = \"none\"");
            let run = sandbox
                .env("P_SECRET", "s")
                .config(&config)
                .run(["get", "p"]);
            if (run.code, run.stdout.as_str()) != (0, "at\n") {
                wrong
                    .lock()
                    .expect("no panic")
                    .push(format!("{name:?}: {}", run.stderr.trim_end()));
            }
        }
    });
    let (taken, wrong) = (
        taken.into_inner().expect("no panic"),
        wrong.into_inner().expect("no panic"),
    );
    assert!(
        wrong.is_empty(),
        "{} of {taken} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        taken >= TAKEN_AT_LEAST,
        "curl itself took {taken} rows only"
    );
}
