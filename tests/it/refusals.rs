//! Replies without a token: what is made of them, and what of the server's words is shown.
#![cfg(unix)]

use crate::support;

use support::login::{arrive, parameter, redirect};
use support::{Login, Reply, Run, Sandbox, Server};

const NOTHING_KEPT: &str = "store = \"none\"";

/// One request that is answered with this, and nothing kept.
fn get(reply: Reply) -> Run {
    let server = Server::always(reply);
    Sandbox::with_client(&server, NOTHING_KEPT).run(["get", "p", "--timeout=500ms"])
}

/// Status, type and body of a reply, and the exit code and words that it comes to. `TOKEN` stands
/// for what would be a grant's members.
const REPLIES: &str = r#"
    200 json {TOKEN,"error":"bad_verification_code"}   => 5 bad_verification_code (HTTP 200)
    200 json {TOKEN,"ok":false}                        => 5 HTTP 200
    200 json {"ok":false,"error":"not_authed"}         => 5 not_authed
    200 json {TOKEN,"error":{"type":"OAuthException"}} => 5 OAuthException
    200 json {TOKEN,"error":500}                       => 5 error
    200 json {TOKEN,"error":true}                      => 5 error
    200 json {TOKEN,"error":"temporarily_unavailable"} => 6 temporarily_unavailable
    200 json {}                   => 5 HTTP 200 without a token (application/json)
    200 json []                   => 5 without a token
    200 json [{TOKEN}]            => 5 without a token
    200 json "at"                 => 5 without a token
    200 json null                 => 5 without a token
    200 json at                   => 5 without a token
    200 json {TOKEN               => 5 without a token
    200 json {TOKEN}{TOKEN}       => 5 without a token
    200 json TOKEN                => 5 without a token
    200 html <p>access_token=at   => 6 HTTP 200 without a token (text/html)
    200 html                      => 6 HTTP 200 without a token (text/html)
    200 none                      => 5 HTTP 200 without a token (without a content type)
    204 none                      => 5 HTTP 204 without a token
    400 json {TOKEN}              => 5 HTTP 400
    404 html <p>no</p>            => 5 HTTP 404 (text/html)|tokctl: hint: that is not its address; run: tokctl add p --change --token-endpoint
    401 none                      => 5 HTTP 401 (without a content type)|tokctl: hint: compare client_id
    403 json {"message":"gone by gateway"}     => 5 HTTP 403: gone by gateway
    400 json {"errors":[{"message":"first"}]}  => 5 HTTP 400: first
    400 json {"error":"invalid_scope"}         => 5 tokctl: hint: the profile asks for no scope
    400 json {"error":"unauthorized_client"}   => 5 tokctl: hint: the server does not allow this grant
    400 json {"error":"unsupported_grant_type"} => 5 tokctl: hint: the server does not have this grant
    400 json {"error":"invalid_grant"}         => 5 invalid_grant (HTTP 400)
    400 form error=invalid_client&error_description=no+such%20one => 5 invalid_client: no such one (HTTP 400)
    418 json                      => 5 HTTP 418
    500 html <h1>Oops</h1>        => 6 HTTP 500 (text/html)
    599 json {TOKEN}              => 6 HTTP 599
"#;

#[test]
fn what_is_no_grant_prints_nothing_and_says_what_came() {
    let mut rows = 0;
    for (reply, outcome) in REPLIES.lines().filter_map(|row| row.split_once(" => ")) {
        let mut reply = reply.trim().splitn(3, ' ');
        let status = reply.next().and_then(|status| status.parse().ok());
        let kind = match reply.next() {
            Some("json") => "application/json",
            Some("html") => "text/html; charset=utf-8",
            Some("form") => "application/x-www-form-urlencoded",
            _ => "",
        };
        let body = reply.next().unwrap_or_default().trim();
        let body = body.replace("TOKEN", r#""access_token":"at","expires_in":60"#);
        let (code, words) = outcome.split_once(' ').expect("a code and words");
        let code = code.parse().expect("an exit code");
        let run = get(Reply::new(status.expect("a status"), kind, body));
        run.fails(code, &words.replace('|', "\n"))
            .fails(code, "tokctl: profile \"p\": 127.0.0.1:");
        rows += 1;
    }
    assert_eq!(rows, REPLIES.lines().count() - 1);
}

#[test]
fn a_server_s_words_are_one_short_line_that_cannot_repaint_a_terminal() {
    let long = "x".repeat(10_000);
    for words in [
        "a\\u001b[31mb\\u001b]0;title\\u0007",
        "a\\r\\nb\\nhint: run rm -rf",
        "a\\u202eb\\u2066c",
        "\\u009b31m",
        "a\\u0000b\\u0008\\u007f",
        "a\\u2028b\\u200bc\\ufeff",
        "\\u0085x",
        &long,
    ] {
        for body in [
            format!(r#"{{"error":"e","error_description":"{words}"}}"#),
            format!(r#"{{"error":"{words}"}}"#),
            format!(r#"{{"message":"{words}","error":{{"type":"{words}"}}}}"#),
        ] {
            let run = get(Reply::json(400, body));
            run.fails(5, "tokctl: profile \"p\": 127.0.0.1");
            let ugly = |c: char| {
                (c.is_control() && c != '\n')
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                        | '\u{2066}'..='\u{2069}' | '\u{feff}')
            };
            assert!(!run.stderr.contains(ugly), "{:?}", run.stderr);
            assert!(
                run.stderr.lines().count() == 1 && run.stderr.len() < 1300,
                "{}",
                run.stderr
            );
        }
    }
    for header in ["text/x \t y", "text/x\u{202e}", &format!("text/{long}")] {
        let run = get(Reply::new(400, header, "x"));
        run.fails(5, "HTTP 400");
        assert!(
            run.stderr.len() < 600 && !run.stderr.contains(['\u{1b}', '\u{202e}']),
            "{run:?}"
        );
    }
}

/// Where a login is refused (in the redirect, at the token endpoint), with what code, and the remedy;
/// `URI` stands for the redirect URI that was sent.
const LOGINS: &str = "
    redirect redirect_uri_mismatch => register the redirect URI at the server exactly as it was sent: URI (scheme, host
    token    redirect_uri_mismatch => register the redirect URI at the server exactly as it was sent: URI (scheme, host
    token    invalid_client => compare client_id and client_secret, which is not set with the client's settings
    token    incorrect_client_credentials => (some want another client_auth)
    token    invalid_grant => a code is good once, for some minutes, and with the redirect URI that it was made for; run: tokctl login p
    token    bad_verification_code => a code is good once, for some minutes, and with the redirect URI
    token    insufficient_scope => run: tokctl login p --scope +SCOPE
    redirect invalid_scope => the profile asks for no scope, and this server wants one; run: tokctl add p --change --scope SCOPE
    redirect access_denied => to be asked anew, run: tokctl login p
    redirect unauthorized_client => does not allow this grant for this client
";

#[test]
fn a_login_that_is_refused_says_what_to_do() {
    for row in LOGINS.lines().filter(|row| row.contains("=>")) {
        let (refusal, remedy) = row.split_once(" => ").expect("a row");
        let words: Vec<&str> = refusal.split_whitespace().collect();
        let (place, code) = (words[0], words[1].to_owned());
        let answer = Reply::error(&code);
        let server = Server::always(answer);
        // The port is free between the two, unless somebody is very quick.
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let uri = format!("http://{}/cb/", free.expect("a port is free"));
        let sandbox = Sandbox::new();
        sandbox.config(&format!(
            "[profile.p]\nclient_id = \"c\"\nstore = \"plaintext\"\nredirect_uri = \"{uri}\"\n\
             authorization_endpoint = \"{0}\"\ntoken_endpoint = \"{0}\"\n",
            server.url("/x")
        ));
        let mut login = Login::start(&sandbox, &[]);
        let url = login.address();
        assert_eq!(parameter(&url, "redirect_uri"), uri);
        let back = match place {
            "redirect" => redirect(&url, "").replace("code=c-1", &format!("error={code}")),
            _ => redirect(&url, ""),
        };
        let page = arrive(&back);
        assert!(page.body.contains(&code), "{}", page.body);
        let run = login.wait();
        run.fails(5, &code).fails(5, "tokctl: hint: ");
        run.fails(5, &remedy.replace("URI (", &format!("{uri} (")));
        assert_eq!(
            server.hits(),
            usize::from(place == "token"),
            "a code is sent once"
        );
    }
}

#[test]
fn a_port_that_is_chosen_anew_cannot_be_registered_and_the_remedy_says_so() {
    let server = Server::always(Reply::error("redirect_uri_mismatch"));
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"plaintext\"\nauthorization_endpoint = \"{0}\"\n\
         token_endpoint = \"{0}\"\n",
        server.url("/x")
    ));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    arrive(&redirect(&url, ""));
    let run = login.wait();
    run.fails(
        5,
        &format!(
            "hint: the redirect URI was {}, whose port",
            parameter(&url, "redirect_uri")
        ),
    );
    run.fails(5, "redirect_uri = \"http://127.0.0.1:8000/callback\"");
}

#[test]
fn a_pushed_request_that_is_refused_names_the_redirect_uri() {
    let server = Server::always(Reply::error("invalid_redirect_uri"));
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"plaintext\"\nauthorization_endpoint = \"{0}\"\n\
         token_endpoint = \"{0}\"\npushed_authorization_request_endpoint = \"{0}\"\n\
         require_pushed_authorization_requests = true\n",
        server.url("/x")
    ));
    let run = sandbox.run(["login", "p", "--paste"]);
    run.fails(5, "invalid_redirect_uri (HTTP 400)");
    run.fails(5, "hint: register the redirect URI at the server exactly as it was sent: http://127.0.0.1/callback (");
}

#[test]
fn a_pasted_address_with_another_login_s_state_is_told_from_one_without() {
    let server = Server::tokens(60);
    let sandbox = Sandbox::new();
    sandbox.config(&format!(
        "[profile.p]\nclient_id = \"c\"\nstore = \"plaintext\"\nauthorization_endpoint = \"{0}\"\n\
         token_endpoint = \"{0}\"\n",
        server.url("/x")
    ));
    for (address, why) in [
        (
            "http://127.0.0.1/callback?code=c&state=forged\n",
            "its state is another login's",
        ),
        ("http://127.0.0.1/callback?code=c\n", "it has no state"),
    ] {
        let run = sandbox.run_with_stdin(["login", "p", "--paste"], address);
        run.fails(5, why).fails(
            5,
            "hint: begin again, and give the newest address: tokctl login p",
        );
    }
    assert_eq!(server.hits(), 0, "no code is used");
}

#[test]
fn a_client_s_refusal_names_the_source_of_its_secret() {
    let run = get(Reply::json(401, r#"{"error":"invalid_client"}"#));
    run.fails(
        5,
        "hint: compare client_id and client_secret (from environment variable P_SECRET) with",
    );
    let run = get(Reply::error("insufficient_scope"));
    run.fails(
        5,
        "hint: it needs another scope; run: tokctl add p --change --scope SCOPE",
    );
}
