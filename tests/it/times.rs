//! When a token ends, in the raw answers of servers and in what other programs have saved of them: each row names
//! whose it is and where it was read.
#![cfg(unix)]

use crate::support;

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use support::profiles::{client_at, grant_at};
use support::{Reply, Run, Sandbox, Server};

/// What becomes of the token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// It is kept for about so many seconds.
    For(i64),
    /// It is kept for the usual hour, with a warning that its end is not known.
    Warned,
    /// It is kept until somebody renews it.
    Open,
    /// The same, with a warning.
    OpenWarned,
    /// It is not kept: the refresh token is used at once.
    Spent,
    /// Nothing is stored: it cannot be used.
    Refused,
}
use Then::{For, Open, OpenWarned, Refused, Spent, Warned};

/// One answer: whose, where it was read, why it is a case of its own, its members beside the tokens, what then.
type Row = (&'static str, &'static str, &'static str, &'static str, Then);

/// Answers of token endpoints.
#[rustfmt::skip]
const REPLIES: &[Row] = &[
    ("RFC 6749", "section 5.1, its example", "an integer", r#""expires_in":3600"#, For(3600)),
    ("PayPal", "golang/oauth2 internal/token.go, comment at expirationTime", "a number in quotes", r#""expires_in":"32400""#, For(32400)),
    ("NetDocuments", "badgateway/oauth2-client#123", "in quotes beside an odd token", r#""expires_in":"2700","token_type":"Bearer""#, For(2700)),
    ("Reddit", "reddit-archive/reddit#761", "a whole number as a float", r#""expires_in":3600.0"#, For(3600)),
    ("CMS Blue Button", "CMSgov/bluebutton-web-server#512", "a fraction is cut off", r#""expires_in":3599.876"#, For(3599)),
    ("jq 1.5", "its manual: numbers are IEEE doubles", "an exponent", r#""expires_in":3.6e3"#, For(3600)),
    ("Azure AD B2C", "dart-archive/oauth2#109, double.tryParse", "an exponent in quotes", r#""expires_in":"3.6e3""#, For(3600)),
    ("GitHub OAuth app", "docs.github.com, authorizing OAuth apps", "no time at all", r#""scope":"repo,gist","token_type":"bearer""#, For(3600)),
    ("Slack without rotation", "docs.slack.dev, oauth.v2.access", "null", r#""expires_in":null"#, For(3600)),
    ("Workday", "Nango, providers.yaml", "an empty string", r#""expires_in":"""#, For(3600)),
    ("VK", "ruby-oauth/oauth2#284, spring-security-oauth#738", "0 for a token without end", r#""expires_in":0"#, Warned),
    ("grails-spring-security-oauth2-provider", "its issue 128", "0 in quotes, of the last second of a shared token", r#""expires_in":"0""#, Warned),
    ("CMS Blue Button", "CMSgov/bluebutton-web-server#512, an existing token", "less than a second", r#""expires_in":0.4"#, Warned),
    ("WSO2 API Manager", "wso2/product-apim#3226", "-1 for a token without end", r#""expires_in":-1"#, Warned),
    ("WSO2 API Manager", "wso2/product-apim#9941", "the largest long in milliseconds", r#""expires_in":9223372036854775"#, Warned),
    ("ORCID", "the answer in kbaseorcid's and others' tests", "twenty years", r#""expires_in":631138518"#, Warned),
    ("Spring Security OAuth", "Integer.MAX_VALUE of a client without a validity", "2^31-1", r#""expires_in":2147483647"#, Warned),
    ("grails-spring-security-oauth2-provider", "its issue 120", "fifty years, which as a time are past", r#""expires_in":1576797207"#, Warned),
    ("jsoncrack's stub", "its refresh_token.json", "a word for no end", r#""expires_in":"never""#, Warned),
    ("Python's json module", "docs.python.org, json.dumps(float('inf'))", "Infinity, which is no JSON", r#""expires_in":Infinity"#, Warned),
    ("a server behind LibreChat", "danny-avila/LibreChat#15321", "NaN, which is no JSON", r#""expires_in":NaN"#, Warned),
    ("a provider with false", "pravindahal in thephpleague/oauth2-client#525", "false", r#""expires_in":false"#, Warned),
    ("PHP's json_encode", "php.net, of an array of one", "a list", r#""expires_in":[3600]"#, Warned),
    ("System.Text.Json", "learn.microsoft.com, TimeSpan", "a clock's words", r#""expires_in":"01:00:00""#, Warned),
    ("leaonline/oauth2-server", "its issue 3: \"expires_in not date\"", "a date where a duration belongs", r#""expires_in":"@iso(+600)""#, For(600)),
    ("thephpleague/oauth2-client", "its issue 860: 1602845222 for an hour", "epoch seconds where a duration belongs", r#""expires_in":@s(+600)"#, For(600)),
    ("OAuth-Apis", "OAuth-Apis/apis#56, milliseconds throughout", "epoch milliseconds where a duration belongs", r#""expires_in":@ms(+600)"#, For(600)),
    ("Zoho of old", "zoho/zohocrm-python-sdk OAuthTokens", "milliseconds beside a name for seconds", r#""expires_in":3600000,"expires_in_sec":3600"#, For(3600)),
    ("jsoncrack's stub", "its refresh_token.json, expires_at filled in", "a word that means nothing beside a time that does", r#""expires_in":"never","expires_at":@s(+600)"#, For(600)),
    ("Strava", "developers.strava.com, token refresh", "both, and a clock that is behind", r#""expires_at":@s(-300),"expires_in":21600"#, For(21600)),
    ("Square", "ruby-oauth/oauth2#405, \"2018-09-08T09:25:17Z\"", "RFC 3339 with Z", r#""expires_at":"@z(+600)""#, For(600)),
    ("Keystone in a zone of its own", "RFC 3339 section 5.8", "an offset and a fraction", r#""expires_at":"@+02:00(+600).5""#, For(600)),
    ("golang/oauth2 from New York", "golang/oauth2#482, times in other zones", "an offset to the west", r#""expires_at":"@-05:00(+600)""#, For(600)),
    ("time zones of RFC 3339", "section 4.2, Asia/Kathmandu", "an offset of three quarters", r#""expires_at":"@+05:45(+600)""#, For(600)),
    ("Elixir", "DateTime.to_iso8601 in the basic form", "an offset without a colon", r#""expires_at":"@+0200(+600)""#, For(600)),
    ("PostgreSQL", "its timestamptz as text", "hours alone, a blank for the T", r#""expires_at":"@pg(+600)""#, For(600)),
    ("Ruby", "Time#to_s", "a blank before +0000", r#""expires_at":"@ruby(+600)""#, For(600)),
    ("Ruby on Rails", "ActiveSupport::TimeWithZone#to_s", "a blank and UTC", r#""expires_at":"@rails(+600)""#, For(600)),
    ("RFC 3339", "section 4.3, an unknown zone", "-00:00", r#""expires_at":"@-00:00(+600)""#, For(600)),
    ("RFC 3339", "section 5.6, NOTE on case", "t and z", r#""expires_at":"@lower(+600)""#, For(600)),
    ("Azure App Service authentication", "/.auth/me, expires_on of Facebook's token", "seven digits of a second", r#""expires_at":"@iso(+600).1234567""#, For(600)),
    ("Go", "time.Time in JSON", "nine digits and an offset", r#""expires_at":"@+02:00(+600).123456789""#, For(600)),
    ("oauthlib", "oauthlib/oauthlib#745, time.time() + expires_in", "epoch seconds as a float", r#""expires_at":@s(+600).75"#, For(600)),
    ("KBase ORCID link", "kbaseorcid, expires_at in its tests", "epoch milliseconds", r#""expires_at":@ms(+600)"#, For(600)),
    ("Salesforce", "its issued_at is so; developer.salesforce.com", "epoch milliseconds in quotes", r#""expires_at":"@ms(+600)""#, For(600)),
    ("Apigee", "docs.apigee.com, OAuthV2 policy", "epoch seconds in quotes", r#""expires_at":"@s(+600)""#, For(600)),
    ("chrono", "docs.rs, DateTime::timestamp_micros", "epoch microseconds", r#""expires_at":@micro(+600)"#, For(600)),
    ("Azure App Service on Linux", "azure-sdk-for-python#9480, expires_on", "month before day", r#""expires_on":"@us(+600) +00:00""#, For(600)),
    ("Azure App Service on Windows", "MicrosoftDocs/azure-docs#33604", "month before day, a 24 h clock and AM or PM all the same", r#""expires_on":"@us-24pm(+600) +00:00""#, For(600)),
    ("Azure managed identity", "AzureAD/microsoft-authentication-library-for-dotnet#4963", "seven digits and an offset", r#""expires_on":"@+00:00(+600).0000000""#, For(600)),
    ("Facebook before v2.3", "thephpleague/oauth2-client#86, expires", "a form with expires, a duration", r#""expires":"5183999""#, For(5_183_999)),
    ("ASP.NET OWIN", "Microsoft.Owin.Security.OAuth, TokenEndpoint", "an HTTP date under .expires", r#"".issued":"@http(-10)",".expires":"@http(+600)""#, For(600)),
    ("Python's email.utils", "formatdate(), RFC 5322 section 3.3", "a mail's date with an offset", r#""expires_at":"@mail(+600)""#, For(600)),
    ("RFC 9110", "section 5.6.7, asctime-date", "C's date", r#""expires_at":"@asctime(+600)""#, For(600)),
    ("Azure App Service", "learn.microsoft.com, managed identities REST", "expires_on alone, in quotes", r#""expires_on":"@s(+600)","resource":"https://vault.azure.net""#, For(600)),
    ("Azure IMDS", "learn.microsoft.com, how to use managed identities", "expires_on beside expires_in", r#""expires_in":"3599","ext_expires_in":"3599","expires_on":"@s(+9999)""#, For(3599)),
    ("golang.org/x/oauth2", "token.go, a Token without Expiry in JSON", "Go's word for no end", r#""expiry":"0001-01-01T00:00:00Z""#, For(3600)),
    (".NET", "DateTime.MaxValue", "the end of all times", r#""expires_at":"9999-12-31T23:59:59.9999999Z""#, For(200_000_000_000)),
    ("Laravel", "Carbon::toDateTimeString", "no zone: it may be anybody's clock", r#""expires_at":"@naive(+600)""#, Warned),
    ("airweave", "its issue 1024: \"Remove the 'Z'\"", "ISO without its zone", r#""expires_at":"@iso-naive(+600)""#, Warned),
    ("nitrado", "nitrado/NitrAPI-PHP#24, expires_at else expires_in", "a duration under the name of a time", r#""expires_at":3600"#, Warned),
    ("RFC 3339", "section 5.7, restrictions", "no day of any calendar", r#""expires_at":"2026-13-41T00:00:00Z""#, Warned),
    ("thephpleague/oauth2-client", "its issue 860: 1970-01-01", "1970", r#""expires_at":"1970-01-01T00:00:00Z""#, Warned),
    ("Keycloak", "its refresh_expires_in of an offline token", "the refresh token's 0 is not the access token's", r#""expires_in":300,"refresh_expires_in":0"#, For(300)),
];

/// What other programs have saved, with a refresh token beside it.
#[rustfmt::skip]
const SAVED: &[Row] = &[
    ("spotipy", "spotipy/cache_handler.py", "an end that is past beside a duration", r#""expires_in":3600,"expires_at":@s(-86400)"#, Spent),
    ("spotipy", "the same, just written", "an end that is to come", r#""expires_in":3600,"expires_at":@s(+600)"#, For(600)),
    ("Authlib", "authlib/oauth2/rfc6749/wrappers.py", "an end alone", r#""expires_at":@s(+600)"#, For(600)),
    ("simple-oauth2", "lelylan/simple-oauth2, AccessToken", "RFC 3339 with milliseconds", r#""expires_in":3600,"expires_at":"@iso(-86400).000""#, Spent),
    ("golang.org/x/oauth2", "token.go, Token.Expiry", "Go's name and offset", r#""expiry":"@+02:00(+600).123456789""#, For(600)),
    ("rclone", "rclone.conf, token", "Go's name and offset, past", r#""expiry":"@+02:00(-60).123456789""#, Spent),
    ("google-auth-library-nodejs", "credentials.ts, expiry_date", "Node's name, in milliseconds", r#""expiry_date":@ms(+600)"#, For(600)),
    ("thephpleague/oauth2-client", "AccessToken::jsonSerialize, expires", "PHP's name for the end", r#""expires":@s(-60)"#, Spent),
    ("Azure AD v1", "the answer in learn.microsoft.com", "expires_on before expires_in", r#""expires_in":"3599","expires_on":"@s(-60)""#, Spent),
    ("Doorkeeper", "TokenResponse: created_at", "a beginning, and its duration not over", r#""created_at":@s(-3000),"expires_in":3600"#, For(600)),
    ("Doorkeeper", "the same, saved yesterday", "a beginning, and its duration over", r#""created_at":@s(-86400),"expires_in":7200"#, Spent),
    ("google-api-php-client", "src/Client.php, created", "PHP's name for the beginning", r#""created":@s(-3000),"expires_in":3600"#, For(600)),
    ("Apigee", "docs.apigee.com, issued_at", "a beginning in milliseconds and quotes", r#""issued_at":"@ms(-3000)","expires_in":"3600""#, For(600)),
    ("ASP.NET OWIN", "a saved answer", "HTTP dates", r#"".issued":"@http(-90000)",".expires":"@http(-3600)","expires_in":86399"#, Spent),
    ("Dart's oauth2", "lib/src/credentials.dart, expiration", "Dart's name", r#""expiration":@ms(+600)"#, For(600)),
    ("oauth2client, gcloud of old", "client.py, token_expiry", "token_expiry", r#""token_expiry":"@z(-60)""#, Spent),
    ("RFC 6749", "an answer piped in from curl", "a duration without its beginning", r#""expires_in":3600"#, Spent),
    ("superdesk", "superdesk/superdesk-core#2381, naive local time", "a time that cannot be read beside a duration", r#""expires_in":3600,"expires_at":"@iso-naive(+600)""#, Spent),
    ("a JWT of Keycloak", "its exp, an hour ago", "the token says it itself", r#""expires_in":300,"access_token":"@jwt(-3600)""#, Spent),
    ("a JWT of Keycloak", "its exp, to come", "the token says it itself, to come", r#""expires_in":300,"access_token":"@jwt(+200)""#, For(200)),
    ("a JWT of Entra", "an end beside an exp", "the end that was written down counts", r#""expires_at":@s(+100),"access_token":"@jwt(+4000)""#, For(100)),
    ("a saved answer of ORCID", "twenty years", "a duration that nobody means", r#""expires_in":631138518"#, Warned),
];

/// The same without a refresh token.
#[rustfmt::skip]
const ALONE: &[Row] = &[
    ("RFC 6749", "an answer without a refresh token", "counted from now, and said so", r#""expires_in":600"#, For(600)),
    ("Mailchimp", "mailchimp.com/developer, OAuth", "no end", r#""expires_in":0,"scope":null"#, OpenWarned),
    ("GitHub OAuth app", "a saved answer", "nothing said", r#""scope":"repo""#, Open),
    ("Authlib", "an end that is past", "dead, and nothing renews it", r#""expires_at":@s(-60)"#, Refused),
    ("a JWT of Keycloak", "an exp that is past", "dead by its own word", r#""access_token":"@jwt(-60)""#, Refused),
];

fn now() -> i64 {
    let since = UNIX_EPOCH.elapsed().expect("a clock");
    i64::try_from(since.as_secs()).expect("a time")
}

/// Puts times into a row: `@form(±seconds)`, and what stands after it up to a quote is put after its seconds.
fn filled(members: &str) -> String {
    let Some((before, rest)) = members.split_once('@') else {
        return members.to_owned();
    };
    let (form, rest) = rest.split_once('(').expect("a form has an opening");
    let (offset, rest) = rest.split_once(')').expect("and an end");
    let at = now() + offset.parse::<i64>().expect("seconds from now");
    let is_text = before.ends_with('"');
    let fraction = rest.split(['"', ',']).next().unwrap_or_default();
    let rest_after = &rest[if is_text { fraction.len() } else { 0 }..];
    let text = if is_text {
        time(form, at, fraction)
    } else {
        time(form, at, "")
    };
    format!("{before}{text}{}", filled(rest_after))
}

fn time(form: &str, at: i64, fraction: &str) -> String {
    let rfc3339 = |at: i64| {
        let at = UNIX_EPOCH + Duration::from_secs(at.unsigned_abs());
        humantime::format_rfc3339_seconds(at).to_string()
    };
    let local = |offset: i64| rfc3339(at + offset)[..19].to_owned();
    let http = || httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at.unsigned_abs()));
    let offset = |zone: &str| {
        let digits: String = zone[1..].chars().filter(char::is_ascii_digit).collect();
        let part = |range: std::ops::Range<usize>| digits[range].parse::<i64>().expect("digits");
        let seconds = part(0..2) * 3600 + part(2..4) * 60;
        if zone.starts_with('-') {
            -seconds
        } else {
            seconds
        }
    };
    match form {
        "s" => at.to_string(),
        "ms" => (at * 1000).to_string(),
        "micro" => (at * 1_000_000).to_string(),
        "us" | "us-24pm" => {
            let local = local(0);
            let (year, month, day, clock) =
                (&local[..4], &local[5..7], &local[8..10], &local[11..]);
            let half = match form {
                "us" => "",
                _ if &clock[..2] < "12" => " AM",
                _ => " PM",
            };
            format!("{month}/{day}/{year} {clock}{half}{fraction}")
        }
        "z" => rfc3339(at),
        "iso" => format!("{}{fraction}Z", local(0)),
        "lower" => rfc3339(at).to_lowercase(),
        "naive" => local(0).replace('T', " "),
        "iso-naive" => local(0),
        "pg" => format!("{}+00", local(0).replace('T', " ")),
        "ruby" => format!("{} +0000", local(0).replace('T', " ")),
        "rails" => format!("{} UTC", local(0).replace('T', " ")),
        "http" => http(),
        "mail" => http().replace("GMT", "+0000"),
        "asctime" => {
            let date = http();
            let words: Vec<&str> = date
                .split([' ', ','])
                .filter(|word| !word.is_empty())
                .collect();
            let [week, day, month, year, clock, _] = words[..] else {
                panic!("{date}")
            };
            format!(
                "{week} {month} {:>2} {clock} {year}",
                day.trim_start_matches('0')
            )
        }
        "jwt" => support::issuer::jwt(&json!({ "exp": at })),
        zone => format!("{}{fraction}{zone}", local(offset(zone))),
    }
}

/// A JSON object with these members, and those of its tokens that they do not name.
fn body(members: &str, refresh: bool) -> String {
    let mut body = filled(members);
    if !body.contains("\"access_token\"") {
        body.push_str(r#","access_token":"at-0""#);
    }
    if refresh {
        body.push_str(r#","refresh_token":"rt-1""#);
    }
    format!("{{{body}}}")
}

/// How a run's token ends, and whether a warning tells that its end is not known.
fn seen(run: &Run, then: Then, left: Option<i64>) -> bool {
    let warned = run.stderr.contains("how long is not known");
    let about = |seconds: i64| left.is_some_and(|left| (seconds - 5..=seconds + 1).contains(&left));
    match then {
        For(seconds) if seconds > 100_000_000_000 => left.is_some_and(|left| left > seconds),
        For(seconds) => about(seconds) && !warned,
        Warned => about(3600) && warned,
        Open => left.is_none() && !warned,
        OpenWarned => left.is_none() && warned,
        Spent | Refused => false,
    }
}

fn left(run: &Run) -> Option<i64> {
    run.json()["expires_in"].as_i64()
}

#[track_caller]
fn all_good(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn no_two_rows_are_there_for_the_same_reason() {
    let mut reasons = BTreeSet::new();
    let mut rows = 0;
    for (table, name) in [(REPLIES, "replies"), (SAVED, "saved"), (ALONE, "alone")] {
        for (who, source, why, members, _) in table {
            assert!(!who.is_empty() && !source.is_empty() && !members.is_empty());
            assert!(reasons.insert((name, *why)), "twice: {name}: {why}");
            rows += 1;
        }
    }
    assert!(rows >= 70, "{rows} rows");
}

#[test]
fn a_server_s_time_is_read_as_it_is_meant() {
    let mut wrong = Vec::new();
    for (who, _, why, members, then) in REPLIES {
        let members = body(members, false);
        let server = Server::granting(&members);
        let sandbox = Sandbox::with_client(&server, "");
        let first = sandbox.run(["get", "p"]);
        let second = sandbox.run(["get", "p", "--json"]);
        let kept = first.code == 0 && second.code == 0 && server.hits() == 1;
        if !kept || !seen(&first, *then, left(&second)) {
            wrong.push(format!("{who}: {why}: {members}: {first:?} {second:?}"));
        }
    }
    all_good(&wrong);
}

#[test]
fn what_another_program_has_saved_is_good_until_its_own_end() {
    let mut wrong = Vec::new();
    for (refresh, table) in [(true, SAVED), (false, ALONE)] {
        for (who, _, why, members, then) in table {
            let text = body(members, refresh);
            let server = Server::granting(r#"{"access_token":"at-1","expires_in":60}"#);
            let sandbox = Sandbox::new();
            sandbox.config(&grant_at(&server.url("/token"), ""));
            let import =
                sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], text.as_str());
            let get = sandbox.run(["get", "p", "--json"]);
            let good = match then {
                Refused => {
                    import.code == 2
                        && import.stderr.contains("has ended already")
                        && get.code == 4
                        && server.hits() == 0
                }
                Spent => {
                    import.code == 0
                        && import.stderr.contains("stored a refresh token for p")
                        && get.code == 0
                        && get.json()["access_token"] == "at-1"
                        && server.hits() == 1
                }
                then => {
                    import.code == 0
                        && get.code == 0
                        && server.hits() == 0
                        && seen(&import, *then, left(&get))
                }
            };
            if !good {
                wrong.push(format!("{who}: {why}: {text}: {import:?} {get:?}"));
            }
        }
    }
    all_good(&wrong);
}

#[test]
fn what_an_import_does_not_read_is_said() {
    let import = |text: &str| {
        let sandbox = Sandbox::new();
        sandbox.config(&grant_at("http://127.0.0.1:9/token", ""));
        sandbox.run_with_stdin(["import", "p", "--no-try", "--force"], text)
    };
    import(r#"{"access_token":"a","refresh_token":"r","expires_in":60,"expires_at":"soon"}"#)
        .ok_with("", "expires_at is no time");
    import(r#"{"access_token":"a","expires_in":60}"#).ok_with(
        "",
        "nothing says when the token was issued: its 1m are counted from now",
    );
    import(r#"{"access_token":"a","refresh_token":"r","scope":7}"#).ok_with(
        "",
        "not taken from the reply: the scope is a number, not a string",
    );
    import(r#"{"access_token":"a","refresh_token":7}"#).ok_with(
        "",
        "not taken from the reply: the refresh_token is a number, not a string",
    );
}

#[test]
fn assume_expires_in_helps_where_the_server_s_word_does_not() {
    for strange in [
        "0",
        "-1",
        "\"never\"",
        "631138518",
        "9223372036854775",
        "\"2026-11-26T12:00:00\"",
    ] {
        let server = Server::granting(&format!(
            r#"{{"access_token":"at","expires_in":{strange}}}"#
        ));
        let sandbox = Sandbox::with_client(&server, "assume_expires_in = \"2h\"");
        sandbox.run(["get", "p"]).ok("at\n");
        let answer = sandbox.run(["get", "p", "--json"]);
        let left = left(&answer).unwrap_or_default();
        assert!((7190..=7200).contains(&left), "{strange}: {answer:?}");
        assert_eq!(
            (server.hits(), answer.stderr.as_str()),
            (1, ""),
            "{strange}"
        );
    }
}

#[test]
fn a_login_without_a_refresh_token_can_be_used_or_says_that_it_cannot() {
    use support::issuer::{behave, jwt};
    use support::login::{Login, arrive, profile, redirect};
    let past = json!({ "exp": now() - 100 });
    for (members, usable) in [
        (json!({"expires_in": 0}), true),
        (json!({"expires_in": -1}), true),
        (json!({"expires_in": "never"}), true),
        (json!({"expires_in": 631_138_518}), true),
        (json!({"expires_in": 9_223_372_036_854_775_i64}), true),
        (json!({}), true),
        (json!({"expires_at": now() - 100}), false),
        (json!({"access_token": jwt(&past)}), false),
    ] {
        let mut body = json!({"access_token": "at", "token_type": "Bearer"});
        for (name, value) in members.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let answer = body.to_string();
        let server = Server::start(move |request| match request.path.as_str() {
            "/token" => Reply::json(200, answer.clone()),
            _ => behave(request).unwrap_or_else(|| Reply::json(404, "{}")),
        });
        let sandbox = Sandbox::new();
        sandbox.config(&profile(&server.url(""), "c", ""));
        let mut login = Login::start(&sandbox, &[]);
        arrive(&redirect(&login.address(), ""));
        let run = login.wait();
        let get = sandbox.run(["get", "p"]);
        if usable {
            run.ok_with("", "logged in to p");
            get.ok("at\n");
        } else {
            run.fails(5, "the access token has ended already by this machine's clock, and there is no refresh token");
            get.fails(4, "tokctl login p");
        }
    }
}

#[test]
fn a_lifetime_that_is_none_does_not_ask_a_repeatable_grant_at_every_call() {
    let server = Server::granting(r#"{"access_token":"at","expires_in":"-1"}"#);
    let mut sandbox = Sandbox::new();
    sandbox.env("P_SECRET", "s").config(&client_at(
        &server.url("/token"),
        "assume_expires_in = \"none\"",
    ));
    for _ in 0..3 {
        sandbox.run(["get", "p"]).ok("at\n");
    }
    assert_eq!(server.hits(), 1);
}
