//! The built-in presets as a user meets them: shown by `tokctl providers`, and as the ground of a
//! profile.
#![cfg(unix)]

use crate::support;

use serde_json::{Value, json};
use support::login::{arrive, parameter, redirect};
use support::{Login, Sandbox, Server};

fn names(sandbox: &Sandbox) -> Vec<String> {
    let list = sandbox.run(["providers", "--json"]).json();
    let names = list.as_array().expect("a list").iter();
    names
        .map(|preset| preset["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// A value for every variable that has none of its own.
fn variables(preset: &Value) -> String {
    let all = preset["variables"].as_object().into_iter().flatten();
    let open = all.filter(|(name, _)| preset["keys"][format!("vars.{name}")].is_null());
    open.map(|(name, _)| format!("vars.{name} = \"x.example\"\n"))
        .collect()
}

#[test]
fn the_presets_are_listed_with_their_titles() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["providers"]);
    run.ok(&run.stdout);
    let names = names(&sandbox);
    assert!(names.len() >= 26, "{names:?}");
    assert_eq!(run.stdout.lines().count(), names.len());
    for (line, name) in run.stdout.lines().zip(&names) {
        let (first, title) = line.split_once(' ').expect("a name and a title");
        assert!(first == name && !title.trim().is_empty(), "{line}");
    }
    let list = sandbox.run(["providers", "--json"]).json();
    for preset in list.as_array().into_iter().flatten() {
        for fact in ["title", "docs", "checked", "register", "grants"] {
            assert!(!preset[fact].is_null(), "{preset}: {fact}");
        }
    }
    sandbox
        .run(["providers", "gogle"])
        .fails(3, "did you mean \"google\"?")
        .fails(3, "hint: to list them, run: tokctl providers");
    sandbox.run(["providers", "--toml"]).fails(2, "<PRESET>");
    sandbox
        .run(["providers", "github", "--toml", "--json"])
        .fails(2, "--json");
}

#[test]
fn a_preset_says_which_redirect_uri_to_register() {
    let sandbox = Sandbox::new();
    for (name, wanted) in [
        ("github", "http://127.0.0.1/callback"),
        ("github-enterprise", "http://localhost/callback"),
        ("google", "http://127.0.0.1/callback"),
        ("microsoft", "http://localhost/callback"),
        ("azure-devops", "http://localhost/callback"),
        ("spotify", "http://127.0.0.1/callback"),
        ("twitch", "http://localhost:3000"),
        ("databricks", "http://localhost:8020"),
        ("salesforce", "http://localhost:1717/OauthRedirect"),
        ("cognito", "http://localhost:8765/callback"),
    ] {
        let run = sandbox.run(["providers", name]);
        run.ok(&run.stdout);
        let line = run
            .stdout
            .lines()
            .find(|line| line.starts_with("redirect URI to register"));
        assert_eq!(
            line.and_then(|line| line.split_whitespace().last()),
            Some(wanted)
        );
        let known = sandbox.run(["providers", name, "--json"]).json();
        assert_eq!(known["redirect_uri"], wanted);
    }
    // Nobody comes back where nobody is sent.
    let page = sandbox.run(["providers", "zoom-s2s"]).stdout;
    assert!(!page.contains("redirect URI"), "{page}");
}

#[test]
fn a_preset_is_shown_whole_and_each_key_with_where_it_comes_from() {
    let sandbox = Sandbox::new();
    let page = sandbox.run(["providers", "azure-devops"]).stdout;
    for line in [
        "azure-devops: Azure DevOps",
        "register a client at      https://entra.microsoft.com/",
        "documentation             https://learn.microsoft.com/",
        "checked                   20",
        "grants                    authorization_code, device_code",
        "vars.tenant               a tenant's id or domain, or common, organizations or consumers [organizations]",
        "scopes                    499b84ac-1321-427f-aa17-267ca6975798/.default",
        "vars.tenant = \"organizations\"\n",
        "offline_scope = [\"offline_access\"]   # from microsoft\n",
        "hosts = [\"https://dev.azure.com\"]\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    let known = sandbox.run(["providers", "azure-devops", "--json"]).json();
    let key = |key: &str| known["keys"][key].clone();
    assert_eq!(
        key("vars.tenant"),
        json!({"value": "organizations", "from": "azure-devops"})
    );
    assert_eq!(
        key("client_auth"),
        json!({"value": "client_secret_post", "from": "microsoft"})
    );
    assert_eq!(known["extends"], "microsoft");
    // What it does not say of scopes, the other one's would say wrongly.
    assert_eq!(
        known["scopes"].as_object().map(serde_json::Map::len),
        Some(1)
    );
    // In the order of the manual, whoever says them.
    let keys: Vec<&str> = page
        .split_once("\n\n")
        .and_then(|(_, rest)| rest.split_once("\n\n"))
        .map(|(_, keys)| keys.lines().filter_map(|line| line.split(" = ").next()))
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(
        keys[..3],
        ["vars.tenant", "token_endpoint", "authorization_endpoint"]
    );
    assert_eq!(keys[6..9], ["client_auth", "grant", "scope"]);
    // What a scope is for stands below what another is for.
    let page = sandbox.run(["providers", "github"]).stdout;
    let column = |about: &str| page.lines().find_map(|line| line.find(about));
    assert_eq!(column("write gists"), column("mail addresses"), "{page}");
    // A second name shows the preset that it is for.
    let forgejo = sandbox.run(["providers", "forgejo", "--json"]).json();
    assert_eq!(forgejo["name"], "gitea");
    let list = sandbox.run(["providers", "--json"]).json();
    let list = list.as_array().expect("a list");
    let second = list.iter().find(|preset| preset["name"] == "forgejo");
    assert_eq!(second.map(|preset| &preset["alias"]), Some(&json!("gitea")));
    let aliases = list.iter().filter(|preset| preset.get("alias").is_some());
    assert_eq!(aliases.count(), 1);
    let box_ = sandbox.run(["providers", "box", "--json"]).json();
    assert_eq!(
        box_["keys"]["token_params.client_credentials.box_subject_id"]["value"],
        "{enterprise_id}"
    );
}

#[test]
fn every_preset_can_be_pasted_into_a_configuration() {
    let sandbox = Sandbox::new();
    for name in names(&sandbox) {
        let run = sandbox.run(["providers", &name, "--toml"]);
        run.ok(&run.stdout);
        let known = sandbox.run(["providers", &name, "--json"]).json();
        let head = format!("[profile.{}]\n", known["name"].as_str().expect("a name"));
        assert!(run.stdout.contains(&head), "{}", run.stdout);
        // Under a name of its own it stands by itself.
        let profile = run
            .stdout
            .replace(&head, "[profile.p]\nclient_id = \"c\"\n");
        sandbox.config(&format!("{profile}{}", variables(&known)));
        let pasted = sandbox.run(["status", "p", "--json"]).json();
        sandbox.config(&format!(
            "[profile.p]\npreset = \"{name}\"\nclient_id = \"c\"\n{}",
            variables(&known)
        ));
        let preset = sandbox.run(["status", "p", "--json"]).json();
        for key in ["grant", "issuer", "token_endpoint"] {
            assert_eq!(pasted[key], preset[key], "{name}: {key}");
        }
        assert!(
            pasted["token_endpoint"]
                .as_str()
                .is_some_and(|url| url.starts_with("https://")),
            "{name}"
        );
    }
}

#[test]
fn what_is_pasted_begins_with_what_has_to_be_filled_in() {
    let sandbox = Sandbox::new();
    for (name, variable) in [
        (
            "gitea",
            "# vars.host = \"\"   # the instance, such as codeberg.org\n",
        ),
        ("gitlab", ""),
    ] {
        let known = sandbox.run(["providers", name, "--json"]).json();
        let fact = |fact: &str| known[fact].as_str().expect("a text").to_owned();
        let head = format!(
            "# {}, as of {}: {}\n# register a client at {}\n[profile.{name}]\n# client_id = \"\"\n{variable}",
            fact("title"),
            fact("checked"),
            fact("docs"),
            fact("register")
        );
        let text = sandbox.run(["providers", name, "--toml"]).stdout;
        let rest = text.strip_prefix(&head).expect(&head);
        assert!(!rest.contains('#'), "{rest}");
    }
}

#[test]
fn a_variable_is_asked_for_and_leads_nowhere_else() {
    let sandbox = Sandbox::new();
    let get = |keys: &str| {
        sandbox.config(&format!(
            "[profile.p]\nclient_id = \"c\"\nstore = \"encrypted-file\"\n{keys}\n"
        ));
        sandbox.run(["get", "p"])
    };
    get("preset = \"gitea\"").fails(3, "token_endpoint: needs vars = { host = ");
    get("preset = \"zoom-s2s\"").fails(3, "token_params: needs vars = { account_id = ");
    for evil in [
        "evil.example/x#",
        "git.example@evil.example",
        "evil.example/",
        "https://x",
        "",
        "a b",
        "a?b",
    ] {
        let vars = format!("preset = \"gitea\"\nvars = {{ host = \"{evil}\" }}");
        get(&vars).fails(3, "vars");
        let vars = format!("preset = \"zoom-s2s\"\nvars = {{ account_id = \"{evil}\" }}");
        get(&vars).fails(3, "vars");
    }
    get("preset = \"keycloak\"\nvars = { base = \"sso.example/../x\", realm = \"r\" }")
        .fails(3, "vars.base must be");
    get("preset = \"gitea\"\nvars = { host = \"git.example:3000\" }").fails(4, "");
    // A grant that is not used wants nothing.
    get("preset = \"box\"\ngrant = \"authorization_code\"").fails(4, "");
    get("preset = \"box\"").fails(3, "enterprise_id");
}

#[test]
fn a_profile_overrides_each_key_of_its_preset() {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let token = server.url("/token");
    sandbox.config(&format!(
        "[profile.zoom]\npreset = \"zoom-s2s\"\nclient_id = \"c\"\nclient_secret = \"presets-canary\"\n\
         token_endpoint = \"{token}\"\nvars = {{ account_id = \"a1\" }}\nstore = \"none\"\n\
         [profile.box]\nclient_id = \"c\"\nclient_secret = \"presets-canary\"\ntoken_endpoint = \"{token}\"\n\
         vars.enterprise_id = \"7\"\ntoken_params.client_credentials.box_subject_type = \"user\"\n\
         client_auth = \"client_secret_basic\"\nstore = \"none\"\n"
    ));
    sandbox
        .run(["get", "zoom"])
        .fails(5, "unsupported_grant_type");
    sandbox.run(["get", "box"]);
    let forms: Vec<_> = server
        .requests()
        .iter()
        .map(support::Request::form)
        .collect();
    assert_eq!(forms[0]["grant_type"], "account_credentials");
    assert_eq!(forms[0]["account_id"], "a1");
    assert_eq!(forms[1]["box_subject_type"], "user");
    assert_eq!(forms[1]["box_subject_id"], "7");
    assert!(!forms[1].contains_key("client_secret"));
}

/// A login with a preset whose endpoints are here.
fn log_in(preset: &str, more: &str) -> (String, Server) {
    let server = Server::tokens(600);
    let sandbox = Sandbox::new();
    let (authorize, token) = (server.url("/authorize"), server.url("/token"));
    sandbox.config(&format!(
        "[profile.p]\npreset = \"{preset}\"\nclient_id = \"c\"\nstore = \"encrypted-file\"\n\
         authorization_endpoint = \"{authorize}\"\ntoken_endpoint = \"{token}\"\n{more}\n"
    ));
    let mut login = Login::start(&sandbox, &[]);
    let url = login.address();
    assert_eq!(arrive(&redirect(&url, "")).status, 200);
    login.wait().ok_with("", "logged in to p");
    (url, server)
}

#[test]
fn a_client_without_a_secret_is_a_public_one_whatever_its_preset_says_of_others() {
    for preset in ["dropbox", "slack"] {
        let (url, server) = log_in(
            preset,
            "redirect_uri = \"http://127.0.0.1/cb\"\nscope = \"a b\"",
        );
        let request = server.requests().pop().expect("a request");
        let form = request.form();
        assert_eq!(form["client_id"], "c", "{preset}");
        assert!(!form.contains_key("client_secret") && request.header("authorization").is_none());
        match preset {
            "slack" => assert_eq!(parameter(&url, "user_scope"), "a,b"),
            _ => assert_eq!(parameter(&url, "token_access_type"), "offline"),
        }
    }
    // What the profile itself says is meant.
    let sandbox = Sandbox::new();
    sandbox.config("[profile.spotify]\nclient_id = \"c\"\n");
    sandbox.run(["get", "spotify"]).fails(3, "client_secret");
}

#[test]
fn a_second_name_is_as_good_as_the_first() {
    let sandbox = Sandbox::new();
    sandbox.config(
        "[profile.forgejo]\nclient_id = \"c\"\nvars.host = \"codeberg.org\"\n\
         [profile.x]\npreset = \"forgejo\"\nclient_id = \"c\"\nvars.host = \"codeberg.org\"\n\
         [profile.igdb]\nclient_id = \"c\"\n",
    );
    for name in ["forgejo", "x"] {
        let known = sandbox.run(["status", name, "--json"]).json();
        assert_eq!(
            known["token_endpoint"],
            "https://codeberg.org/login/oauth/access_token"
        );
    }
    let known = sandbox.run(["status", "igdb", "--json"]).json();
    assert_eq!(known["token_endpoint"], "https://id.twitch.tv/oauth2/token");
}

#[test]
fn with_half_of_what_a_preset_needs_the_other_half_is_named() {
    let mut sandbox = Sandbox::new();
    let run = sandbox.run(["get", "spotify"]);
    run.fails(3, "has no client_id, and SPOTIFY_CLIENT_ID is not set");
    sandbox.env("SPOTIFY_CLIENT_ID", "id");
    let run = sandbox.run(["get", "spotify"]);
    run.fails(3, "hint: set SPOTIFY_CLIENT_SECRET in the environment");
}
