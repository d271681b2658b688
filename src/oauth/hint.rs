//! What to do about a server's refusal: the usual causes, in the words of the profile.

use super::TokenRequest;
use crate::error::shell_word;
use crate::profile::{ClientAuth, Profile};

/// What was sent, as far as a hint depends on it.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// None of a request that is no token request.
    pub what: Option<TokenRequest<'a>>,
    pub redirect_uri: Option<&'a str>,
}

impl<'a> Sent<'a> {
    /// A token request.
    pub fn token(what: TokenRequest<'a>) -> Self {
        let redirect_uri = match what {
            TokenRequest::AuthorizationCode { redirect_uri, .. } => Some(redirect_uri),
            _ => None,
        };
        Self {
            what: Some(what),
            redirect_uri,
        }
    }

    fn is_refresh(self) -> bool {
        matches!(self.what, Some(TokenRequest::RefreshToken(_)))
    }
}

/// A hint for an error's code, or for the status where there is none.
pub fn of(profile: &Profile, sent: Sent<'_>, code: &str, status: u16) -> Option<String> {
    match (code, status) {
        ("redirect_uri_mismatch" | "invalid_redirect_uri", _) => {
            sent.redirect_uri.map(|sent| redirect(profile, sent))
        }
        // The long names are GitHub's and Slack's.
        ("invalid_client" | "incorrect_client_credentials" | "bad_client_secret", _)
        // 401 is for who is not believed (RFC 6749 section 5.2), whatever the code (Keycloak).
        | ("unauthorized_client", 401)
        | ("", 401 | 403) => Some(client(profile)),
        ("invalid_grant" | "bad_verification_code" | "invalid_code", _) => grant(profile, sent),
        ("access_denied" | "insufficient_scope" | "invalid_scope", _) => {
            permission(profile, sent, code)
        }
        // RFC 8693 section 2.2.2 has this code for a token that is not good.
        ("invalid_request", _) if matches!(sent.what, Some(TokenRequest::TokenExchange)) => {
            Some(EXCHANGED.to_owned())
        }
        ("", 404 | 405) => Some(elsewhere(profile, "that is not its address")),
        ("", 300..=399) => Some(elsewhere(profile, "give the address that the server really has")),
        _ => setting(code).map(str::to_owned),
    }
}

/// What is to be changed in the profile or at the server, where the code alone says it.
fn setting(code: &str) -> Option<&'static str> {
    Some(match code {
        "unauthorized_client" => {
            "the server does not allow this grant for this client: check grant, and the client's settings at the server"
        }
        "unsupported_grant_type" => {
            "the server does not have this grant: check grant and token_endpoint"
        }
        "invalid_target" => "check audience and resource: the server does not know one of them",
        "invalid_dpop_proof" | "use_dpop_nonce" => {
            "the server wants tokens bound to a key (DPoP, RFC 9449), which tokctl does not have: \
             switch that off for this client"
        }
        _ => return None,
    })
}

/// Nobody has agreed to what was asked for, or nobody may have it.
fn permission(profile: &Profile, sent: Sent<'_>, code: &str) -> Option<String> {
    let may_log_in = !profile.is_repeatable();
    let login = login(profile);
    match code {
        "insufficient_scope" if may_log_in => Some(format!(
            "it needs a scope that was not granted; {login} --scope +SCOPE"
        )),
        "insufficient_scope" => Some(another_scope(profile)),
        // RFC 6749 section 6: no more than what was granted.
        "invalid_scope" if sent.is_refresh() && profile.asks_beyond() => Some(beyond(profile)),
        "invalid_scope" => Some(scope(profile)),
        _ if may_log_in => Some(format!(
            "the person at the browser, or the server, said no; to be asked anew, {login}"
        )),
        _ => None,
    }
}

/// The command that asks a person.
fn login(profile: &Profile) -> String {
    format!("run: tokctl login {}", shell_word(&profile.name))
}

/// The command that changes a profile.
pub fn change(profile: &Profile, flags: &str) -> String {
    profile.addressed(&format!("run: tokctl add PROFILE --change {flags}"))
}

/// The command that puts another address into a profile.
pub fn address(profile: &Profile) -> String {
    profile.addressed("run: tokctl add PROFILE --change ADDRESS https://…")
}

fn elsewhere(profile: &Profile, what: &str) -> String {
    format!("{what}; {}", address(profile))
}

fn another_scope(profile: &Profile) -> String {
    format!(
        "it needs another scope; {}",
        change(profile, "--scope SCOPE")
    )
}

/// One of the scopes is not known, or not for this client.
fn scope(profile: &Profile) -> String {
    let asked = profile.request.scope.join(" ");
    if asked.is_empty() {
        return format!(
            "the profile asks for no scope, and this server wants one; {}",
            change(profile, "--scope SCOPE")
        );
    }
    format!(
        "the server does not know one of {asked:?}, or does not allow it for this client; for others, {}",
        change(profile, "--scope SCOPE")
    )
}

/// Two copies of one login, of which each has made the other's refresh token worthless.
pub fn copies(profile: &Profile) -> String {
    let name = shell_word(&profile.name);
    format!(
        "a second copy of this login (another machine, a backup, another program) has used the same refresh token: log \
         in on each by itself; here, run: tokctl login {name}"
    )
}

/// A caller has asked for more than what the person has agreed to.
pub fn beyond(profile: &Profile) -> String {
    let name = shell_word(&profile.name);
    let scope = profile.request.scope.iter();
    let scope: Vec<String> = scope.map(|word| format!("+{word}")).collect();
    let added = if scope.is_empty() || !profile.quirks.scope_on_refresh {
        String::new()
    } else {
        format!(" --scope {}", shell_word(&scope.join(" ")))
    };
    format!(
        "the grant lives, but does not cover this scope, audience or resource; to consent to it, run: tokctl login {name}{added}"
    )
}

/// An assertion of our own is not good.
const SIGNED: &str = "check client_key, the assertion's iss, sub and aud, and this machine's clock";

/// Somebody else's token is not good.
const EXCHANGED: &str =
    "check subject_token and subject_token_type: it may have expired, or be for another audience";

/// What was given for the token is not good.
fn grant(profile: &Profile, sent: Sent<'_>) -> Option<String> {
    let why = match sent.what {
        Some(TokenRequest::JwtBearer) => return Some(SIGNED.to_owned()),
        Some(TokenRequest::TokenExchange) => return Some(EXCHANGED.to_owned()),
        _ if sent.redirect_uri.is_some() => {
            "a code is good once, for some minutes, and with the redirect URI that it was made for"
        }
        _ if profile.is_repeatable() => return None,
        _ => "what was sent is used up or has expired",
    };
    Some(format!("{why}; {}", login(profile)))
}

/// The server does not know the client, or does not believe that it is the one.
fn client(profile: &Profile) -> String {
    let clock = "and this machine's clock; or client_assertion_audience: some servers want the token endpoint's URL, \
                 others the issuer";
    match profile.client.auth {
        ClientAuth::PrivateKeyJwt => {
            format!(
                "check client_id, client_key, client_key_id and signing_alg, that the server has the public key, {clock}"
            )
        }
        ClientAuth::Tls => {
            "check client_id and client_certificate: the server must know its subject, or the \
                            certificate itself"
                .to_owned()
        }
        ClientAuth::ClientSecretJwt => format!("check client_id and {}, {clock}", secret(profile)),
        _ => format!(
            "compare client_id and {} with the client's settings at the server (some want another client_auth); {}; for \
             another client_id, {}",
            secret(profile),
            anew(profile),
            change(profile, "--client-id ID")
        ),
    }
}

/// How another secret gets into the place where the profile looks for it.
fn anew(profile: &Profile) -> String {
    let Some(source) = &profile.client.secret else {
        return change(profile, "--client-secret-stdin");
    };
    match source.entered(&profile.name) {
        Some(command) => format!("to enter the secret anew, run: {command}"),
        None => format!("the secret is taken from {}", source.describe()),
    }
}

fn secret(profile: &Profile) -> String {
    match &profile.client.secret {
        Some(source) => format!("client_secret (from {})", source.describe()),
        None => "client_secret, which is not set".to_owned(),
    }
}

/// Where the redirect URI that was sent is not the one that is registered. Most servers say so on a
/// page of their own, and never send the browser back.
pub fn redirect(profile: &Profile, sent: &str) -> String {
    let after_host = sent.rsplit_once(']').map_or(sent, |(_, rest)| rest);
    let has_port = after_host.matches(':').count() > usize::from(!sent.contains(']'));
    if has_port && profile.request.redirect_uri.as_deref() != Some(sent) {
        return format!(
            "the redirect URI was {sent}, whose port is another one each time; where the server wants it to the letter, \
             register one with a port, and set it in the profile, as in redirect_uri = \"http://127.0.0.1:8000/callback\""
        );
    }
    format!(
        "register the redirect URI at the server exactly as it was sent: {sent} (scheme, host, port and slash count; \
         localhost is not 127.0.0.1)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::config::Config;

    fn profile(more: &str) -> Profile {
        let text =
            format!("[profile.p]\ntoken_endpoint = \"https://s/t\"\nclient_id = \"c\"\n{more}");
        Profile::load(&Config::from_text(&text), "p").expect("a good profile")
    }

    #[test]
    fn a_redirect_uri_is_to_be_registered_as_sent_unless_its_port_changes() {
        let fixed = profile("redirect_uri = \"http://localhost:8000/cb/\"");
        let hint = redirect(&fixed, "http://localhost:8000/cb/");
        assert!(
            hint.contains("as it was sent: http://localhost:8000/cb/ ("),
            "{hint}"
        );
        for sent in [
            "http://127.0.0.1:4711/callback",
            "http://[::1]:4711/callback",
        ] {
            let hint = redirect(&profile(""), sent);
            assert!(hint.contains(sent) && hint.contains("each time"), "{hint}");
        }
        for sent in ["http://127.0.0.1/callback", "http://[::1]/callback"] {
            let hint = redirect(&profile(""), sent);
            assert!(
                hint.contains(&format!("as it was sent: {sent} (")),
                "{hint}"
            );
        }
    }

    const SECRET_IN_STORE: &str = "client_secret = { keyring = true }";
    const REPEATABLE: &str =
        "grant = \"client_credentials\"\nclient_secret = { env = \"P_SECRET\" }";

    /// What was sent (`refresh`, `code`, `client`, `jwt`, `exchange`, `page` for what a browser brought, `other`), to
    /// whom (`login`, `robot`), the code (`-` for none), the status; and a part of the hint, or `nothing`.
    const HINTS: &str = "
        page     login redirect_uri_mismatch 400 => as it was sent: http://127.0.0.1:8/cb (
        code     login invalid_redirect_uri  400 => as it was sent: http://127.0.0.1:8/cb (
        refresh  login redirect_uri_mismatch 400 => nothing
        refresh  login invalid_client        401 => compare client_id and client_secret (from the store) with
        refresh  login bad_client_secret     200 => compare client_id and client_secret (from the store) with
        refresh  login incorrect_client_credentials 200 => compare client_id and client_secret (from the store) with
        refresh  login unauthorized_client   401 => compare client_id and client_secret (from the store) with
        refresh  login unauthorized_client   400 => the server does not allow this grant for this client
        refresh  login -                     401 => compare client_id and client_secret (from the store) with
        refresh  login -                     403 => compare client_id and client_secret (from the store) with
        client   robot invalid_client        401 => P_SECRET
        refresh  login invalid_grant         400 => used up or has expired; run: tokctl login p
        code     login invalid_grant         400 => a code is good once, for some minutes, and with the redirect URI that it was made for; run: tokctl login p
        page     login invalid_grant         400 => a code is good once
        code     login bad_verification_code 200 => a code is good once
        code     login invalid_code          200 => a code is good once
        client   robot invalid_grant         400 => nothing
        jwt      robot invalid_grant         400 => check client_key, the assertion's iss
        exchange robot invalid_grant         400 => check subject_token and subject_token_type
        exchange robot invalid_request       400 => check subject_token and subject_token_type
        refresh  login invalid_request       400 => nothing
        refresh  login insufficient_scope    403 => was not granted; run: tokctl login p --scope +SCOPE
        client   robot insufficient_scope    403 => it needs another scope; run: tokctl add p --change --scope SCOPE
        code     login access_denied         400 => said no; to be asked anew, run: tokctl login p
        client   robot access_denied         400 => nothing
        code     login invalid_scope         400 => the server does not know one of \"a b\", or does not allow it for this client; for others, run: tokctl add p --change --scope SCOPE
        refresh  login invalid_scope         400 => the server does not know one of \"a b\"
        refresh  other invalid_scope         400 => the grant lives, but does not cover
        code     other invalid_scope         400 => the server does not know one of \"a b\"
        client   robot invalid_scope         400 => asks for no scope, and this server wants one; run: tokctl add p --change --scope SCOPE
        refresh  login unsupported_grant_type 400 => does not have this grant: check grant and token_endpoint
        refresh  login invalid_target        400 => check audience and resource
        refresh  login invalid_dpop_proof    400 => bound to a key (DPoP
        refresh  login use_dpop_nonce        400 => bound to a key (DPoP
        refresh  login -                     404 => that is not its address; run: tokctl add p --change --token-endpoint https
        refresh  login -                     405 => that is not its address
        refresh  login -                     300 => give the address that the server really has; run: tokctl add p --change --token-endpoint
        refresh  login -                     399 => give the address that the server really has
        refresh  login -                     299 => nothing
        refresh  login -                     400 => nothing
        refresh  login -                     500 => nothing
        refresh  login server_error          404 => nothing
    ";

    #[test]
    fn each_refusal_has_the_hint_that_ends_it() {
        let login = profile(&format!(
            "grant = \"authorization_code\"\nauthorization_endpoint = \"https://s/a\"\nscope = \"a b\"\n{SECRET_IN_STORE}"
        ));
        let robot = profile(REPEATABLE);
        let mut other = login.clone();
        other.own_variant = Some("another".into());
        let text = crate::secret::Secret::new("s".into());
        let redirect_uri = "http://127.0.0.1:8/cb";
        let mut fixed = login.clone();
        fixed.request.redirect_uri = Some(redirect_uri.into());
        let code = TokenRequest::AuthorizationCode {
            code: &text,
            verifier: &text,
            redirect_uri,
        };
        for row in HINTS.lines().filter(|row| row.contains("=>")) {
            let (given, expected) = row.trim().split_once(" => ").expect("a row");
            let words: Vec<&str> = given.split_whitespace().collect();
            let sent = match words[0] {
                "refresh" => Sent::token(TokenRequest::RefreshToken(&text)),
                "code" => Sent::token(code),
                "client" => Sent::token(TokenRequest::ClientCredentials),
                "jwt" => Sent::token(TokenRequest::JwtBearer),
                "exchange" => Sent::token(TokenRequest::TokenExchange),
                _ => Sent {
                    what: None,
                    redirect_uri: Some(redirect_uri),
                },
            };
            let profile = match words[1] {
                "robot" => &robot,
                "other" => &other,
                _ => &fixed,
            };
            let error = if words[2] == "-" { "" } else { words[2] };
            let hint = of(profile, sent, error, words[3].parse().expect("a status"));
            match expected {
                "nothing" => assert_eq!(hint, None, "{row}"),
                part => assert!(
                    hint.as_deref().is_some_and(|hint| hint.contains(part)),
                    "{row}: {hint:?}"
                ),
            }
        }
    }

    #[test]
    fn a_client_is_compared_by_what_it_proves_itself_with() {
        let key = "client_key = { file = \"key.pem\" }";
        for (more, part) in [
            (
                format!("client_auth = \"private_key_jwt\"\n{key}"),
                "client_key_id and signing_alg",
            ),
            (
                format!("client_auth = \"tls_client_auth\"\n{key}"),
                "check client_id and client_certificate: the server must know",
            ),
            (
                format!("client_auth = \"client_secret_jwt\"\n{SECRET_IN_STORE}"),
                "check client_id and client_secret (from the store), and this machine's clock",
            ),
            (
                SECRET_IN_STORE.to_owned(),
                "to enter the secret anew, run: tokctl secret set p",
            ),
            (
                "client_secret = { env = \"S\" }".to_owned(),
                "run: IFS= read -rs S && export S",
            ),
            (
                "client_secret = { file = \"/run/a b\" }".to_owned(),
                "run: (umask 077 && cat > '/run/a b')",
            ),
            (
                "client_secret = { command = [\"pass\", \"x\"] }".to_owned(),
                "the secret is taken from",
            ),
            (
                String::new(),
                "client_secret, which is not set with the client's settings",
            ),
            (
                String::new(),
                "run: tokctl add p --change --client-secret-stdin",
            ),
        ] {
            let hint = client(&profile(&more));
            assert!(hint.contains(part), "{more}: {hint}");
        }
    }

    #[test]
    fn what_goes_beyond_a_grant_is_consented_to_with_a_login() {
        let asking = |more: &str, on_refresh: bool| {
            let mut profile = profile(more);
            profile.quirks.scope_on_refresh = on_refresh;
            beyond(&profile)
        };
        let scope = "scope = [\"a\", \"b\"]";
        assert!(asking(scope, true).ends_with("run: tokctl login p --scope '+a +b'"));
        assert!(asking(scope, false).ends_with("run: tokctl login p"));
        assert!(asking("", true).ends_with("run: tokctl login p"));
        let hint = copies(&profile(""));
        assert!(hint.starts_with("a second copy") && hint.ends_with("run: tokctl login p"));
    }
}
