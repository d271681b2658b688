//! What servers really send, and what each of it means.
#![cfg(unix)]

use crate::support;

use serde_json::{Value, json};
use support::{Reply, Run, Sandbox, Server};

const NOTHING_KEPT: &str = "store = \"none\"";

/// One request that is answered with this, and nothing kept.
fn get(reply: Reply) -> Run {
    let server = Server::always(reply);
    Sandbox::with_client(&server, NOTHING_KEPT).run(["get", "p", "--timeout=500ms"])
}

fn get_json(body: &str) -> Run {
    get(Reply::json(200, body))
}

/// What did not go as it should, of many rows at once.
fn none_of(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// How long a token lives that came with this `expires_in`: `kept` for so many seconds, where the server's word is
/// not to be believed for the usual hour and with a warning.
const LIFETIMES: &str = "
    kept 3600:    3600, 3600.0, \"3600\", \" 3600 \", \"3600.0\", 3.6e3, \"3.6e3\", 3600.9, 36e2, \"+3600\"
    kept 3600:    null, \"\", \" \"
    kept 315360000:  315360000, \"315360000\"
    kept 50:      50, 50.99
    disbelieved:  0, 0.0, \"0\", 0.5, -0, \"0.0\", 1e-9
    disbelieved:  -1, -3600.5, \"-1\", 315360001, 1e300, 99999999999999999999999, \"1e300\", \"NaN\"
    disbelieved:  \"inf\", \"3600abc\", \"soon\", \"0x10\", \"1,000\", true, false, [], [3600], {}
    disbelieved:  1e999, -1e999, NaN, Infinity, -Infinity
";

#[test]
fn a_lifetime_is_believed_in_every_shape_that_means_one_and_never_costs_the_token() {
    let mut wrong = Vec::new();
    for row in LIFETIMES
        .lines()
        .map(str::trim)
        .filter(|row| !row.is_empty())
    {
        let (meaning, shapes) = row.split_once(": ").expect("a row has a colon");
        for shape in shapes.split(", ").map(str::trim) {
            let body = format!(r#"{{"access_token":"at","expires_in":{shape}}}"#);
            let server = Server::granting(&body);
            let sandbox = Sandbox::with_client(&server, "");
            let runs = [(); 2].map(|()| sandbox.run(["get", "p", "--json"]));
            let answers = runs
                .each_ref()
                .map(|run| -> Value { serde_json::from_str(&run.stdout).unwrap_or_default() });
            let printed = runs.iter().all(|run| run.code == 0)
                && answers.iter().all(|answer| answer["access_token"] == "at");
            let left = answers[1]["expires_in"].as_i64().unwrap_or(-9);
            let said = &runs[0].stderr;
            let warned = said.contains("warning: profile \"p\": expires_in is");
            let as_told = warned || said.is_empty();
            let seconds = meaning.strip_prefix("kept ").unwrap_or("3600");
            let seconds: i64 = seconds.trim().parse().expect("a number");
            let as_meant = server.hits() == 1
                && warned == (meaning == "disbelieved")
                && (seconds - 3..=seconds).contains(&left);
            if !printed || !as_meant || !as_told {
                let (hits, run) = (server.hits(), &runs[0]);
                wrong.push(format!("{meaning}: {shape}: {hits} requests, {run:?}"));
            }
        }
    }
    none_of(&wrong);
}

#[test]
fn without_a_lifetime_the_profile_assumes_then_the_token_itself_says() {
    // {"exp":4102444800}, the first second of 2100.
    let jwt = "e30.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln";
    let expires = |reply: &str, more: &str| {
        let server = Server::granting(reply);
        let sandbox = Sandbox::with_client(&server, more);
        sandbox.run(["get", "p", "--json"]).json()["expires_at"].clone()
    };
    let reply = format!(r#"{{"access_token":"{jwt}"}}"#);
    assert_eq!(expires(&reply, ""), "2100-01-01T00:00:00Z");
    assert_ne!(
        expires(&reply, "assume_expires_in = \"5m\""),
        "2100-01-01T00:00:00Z"
    );
    let said = format!(r#"{{"access_token":"{jwt}","expires_in":60}}"#);
    assert_ne!(expires(&said, ""), "2100-01-01T00:00:00Z");
    for odd in [
        "e30.bm90IGpzb24.c2ln",
        "e30.!!!.c2ln",
        "a.b",
        "..",
        "e30.eyJleHAiOi0xfQ.x",
    ] {
        let at = expires(&format!(r#"{{"access_token":"{odd}"}}"#), "");
        let at = at.as_str().unwrap_or_default();
        assert!(at > "2020" && at < "2099", "an hour: {odd} {at}");
    }
    let at = expires(
        r#"{"access_token":"t","expires_at":"2098-07-06T05:04:03Z"}"#,
        "",
    );
    assert_eq!(at, "2098-07-06T05:04:03Z");
}

#[test]
fn an_id_token_whose_end_cannot_be_read_is_not_kept_for_ever() {
    for id_token in ["not-a-jwt", "e30.e30.x", "a.b.c.d.e"] {
        let body = format!(r#"{{"access_token":"at","expires_in":60,"id_token":"{id_token}"}}"#);
        let server = Server::granting(&body);
        let sandbox = Sandbox::with_client(&server, "");
        let run = sandbox.run(["get", "p", "--json", "--token=id"]);
        if run.code == 0 {
            let left = run.json()["expires_in"].as_i64();
            assert!(left.is_some_and(|left| left <= 3600), "{run:?}");
        } else {
            run.fails(5, "id_token");
        }
        sandbox.run(["get", "p", "-q"]).ok("at\n");
    }
}

#[test]
fn a_token_that_has_ended_when_it_comes_is_printed_without_a_word_about_stores() {
    // {"exp":1}
    let server = Server::granting(r#"{"access_token":"e30.eyJleHAiOjF9.x"}"#);
    let sandbox = Sandbox::with_client(&server, "store = \"auto\"");
    sandbox.run(["get", "p"]).ok("e30.eyJleHAiOjF9.x\n");
}

#[test]
fn an_access_token_is_visible_ascii_or_nothing_is_printed() {
    let long = |length| format!("\"{}\"", "x".repeat(length));
    let mut wrong = Vec::new();
    for token in [
        "null",
        "\"\"",
        "5",
        "5.5",
        "true",
        "false",
        "{}",
        "{\"a\":\"b\"}",
        "[]",
        "[\"at\"]",
        r#""a\nb""#,
        r#""a\r\nb""#,
        r#""at\n""#,
        r#""a b""#,
        r#"" at""#,
        r#""a\tb""#,
        r#""a\u001b[31mb""#,
        r#""a\u0000b""#,
        r#""a\u007fb""#,
        r#""é""#,
        r#""a\u202eb""#,
        r#""a\u200bb""#,
        r#""\ud83d\ude00""#,
        r#""\ufeffat""#,
        r#"" ""#,
    ] {
        let run = get_json(&format!(r#"{{"access_token":{token},"expires_in":60}}"#));
        let refused = run.code == 5 && run.stdout.is_empty() && run.stderr.lines().count() <= 2;
        if !refused || !run.stderr.starts_with("tokctl: profile \"p\": ") {
            wrong.push(format!("{token}: {run:?}"));
        }
    }
    for token in [
        "\"a\"",
        "\"!#$%&'()*+,-./:;<=>?@[]^_`{|}~\"",
        r#""\u0061t""#,
        r#""\"\\\/""#,
        &long(4096),
        &long(16 * 1024),
        &long(40 * 1024),
        &long(1_000_000),
    ] {
        let run = get_json(&format!(r#"{{"access_token":{token},"expires_in":60}}"#));
        let text: String = serde_json::from_str(token).expect("a JSON string");
        if (run.code, run.stdout.trim_end()) != (0, &text) || !run.stderr.is_empty() {
            wrong.push(format!(
                "{} bytes: exit {} {}",
                token.len(),
                run.code,
                run.stderr
            ));
        }
    }
    none_of(&wrong);
}

#[test]
fn a_long_token_is_kept_where_there_is_room_for_it() {
    for length in [16 * 1024, 500_000] {
        let token = "x".repeat(length);
        let body = format!(r#"{{"access_token":"{token}","expires_in":600}}"#);
        let server = Server::granting(&body);
        let sandbox = Sandbox::with_client(&server, "");
        for _ in 0..3 {
            sandbox.run(["get", "p"]).ok(&format!("{token}\n"));
        }
        assert_eq!(server.hits(), 1, "{length}");
    }
}

#[test]
fn strange_optional_members_never_cost_the_token() {
    let deep = |levels| format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = format!("\"x\":{}5{}", "{\"a\":".repeat(300), "}".repeat(300));
    let mut wrong = Vec::new();
    for member in [
        "\"token_type\":null",
        "\"token_type\":\"\"",
        "\"token_type\":\"BEARER\"",
        "\"token_type\":5",
        "\"token_type\":[\"Bearer\"]",
        "\"scope\":[\"a\",\"b\"]",
        "\"scope\":[1,null]",
        "\"scope\":5",
        "\"scope\":null",
        "\"scope\":\"\"",
        "\"scope\":{}",
        "\"scope\":\"a\\nb\\u001b\"",
        "\"id_token\":\"garbage\"",
        "\"id_token\":5",
        "\"id_token\":{}",
        "\"id_token\":\"a b\"",
        "\"refresh_token\":null",
        "\"refresh_token\":\"\"",
        "\"refresh_token\":5",
        "\"refresh_expires_in\":0",
        "\"error\":null",
        "\"error\":\"\"",
        "\"ok\":true",
        "\"error_description\":\"\"",
        "\"x\":\"\\ud800\"",
        "\"x\":1e400",
        "\"x\":-1e400",
        "\"x\":123456789012345678901234567890",
        "\"\":null",
        "\"\\ud800\":1",
        "\"x\":\"\\u0000\"",
        "\"expires_at\":\"never\"",
        "\"expires_at\":[]",
        "\"authed_user\":{\"id\":\"U\"}",
        &deep(100),
        &deep(200),
        &deep(100_000),
        &objects,
    ] {
        for body in [
            format!(r#"{{"access_token":"at","expires_in":60,{member}}}"#),
            format!(r#"{{{member},"expires_in":60,"access_token":"at"}}"#),
        ] {
            let run = get_json(&body);
            if (run.code, run.stdout.as_str(), run.stderr.as_str()) != (0, "at\n", "") {
                wrong.push(format!("{member:.60}: exit {}: {}", run.code, run.stderr));
            }
        }
    }
    none_of(&wrong);
}

#[test]
fn a_token_is_found_in_every_form_of_a_body() {
    let json = r#"{"access_token":"at","expires_in":60}"#;
    let form = "access_token=at&expires_in=60&scope=a%2Cb&token_type=bearer";
    for (kind, body) in [
        ("application/json", json.as_bytes().to_vec()),
        ("application/json;charset=UTF-8", json.into()),
        ("APPLICATION/JSON", json.into()),
        ("text/plain", json.into()),
        ("text/html; charset=utf-8", json.into()),
        ("", json.into()),
        ("application/json", format!("\u{feff}{json}").into()),
        ("application/json", format!("\r\n\t {json}\n\n").into()),
        (
            "application/json",
            json.replace('}', ",\"x\":\"\u{e9}\"}").into(),
        ),
        ("application/json", [json.as_bytes(), b" "].concat()),
        (
            "application/json",
            [&br#"{"x":"latin"#[..], b"\xe9\",", &json.as_bytes()[1..]].concat(),
        ),
        (
            "application/json",
            r#"{"access_token":"no","expires_in":60,"access_token":"at"}"#.into(),
        ),
        ("application/x-www-form-urlencoded", form.into()),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            form.into(),
        ),
        ("text/plain", form.into()),
        ("", form.into()),
        ("application/json", form.into()),
    ] {
        get(Reply::new(200, kind, body)).ok("at\n");
    }
    get(Reply::json(201, json)).ok("at\n");
    get(Reply::json(299, json)).ok("at\n");
}

#[test]
fn an_unusual_reply_is_read_through_pointers() {
    let body = r#"{"data":{"auth":[{"tok":"at","ttl":"50"}],"kind":"Token"},"access_token":"no"}"#;
    let more = "response = { access_token = \"/data/auth/0/tok\", expires_in = \"/data/auth/0/ttl\", \
                token_type = \"/data/kind\" }\nbearer_token_types = [\"Token\"]";
    let server = Server::granting(body);
    let sandbox = Sandbox::with_client(&server, more);
    let answer = sandbox.run(["get", "p", "--json"]).json();
    assert_eq!(
        (&answer["access_token"], &answer["token_type"]),
        (&json!("at"), &json!("Token"))
    );
    assert!(
        answer["expires_in"]
            .as_i64()
            .is_some_and(|left| (45..=50).contains(&left))
    );
    let server = Server::granting(r#"{"access_token":"at"}"#);
    let sandbox = Sandbox::with_client(&server, more);
    sandbox.run(["get", "p"]).fails(5, "without a token");
}
