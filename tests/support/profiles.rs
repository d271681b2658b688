//! Sandboxes with one profile, `p`, and what its tests say of it.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::sandbox::{Sandbox, files};
use super::server::{Reply, Server};

/// A client secret that no message may hold.
pub const SECRET: &str = "client-secret-canary";

impl Sandbox {
    /// Profile `p` gets tokens from `server` with client credentials; `more` are further keys.
    pub fn with_client(server: &Server, more: &str) -> Self {
        let mut sandbox = Self::new();
        sandbox
            .env("P_SECRET", SECRET)
            .config(&client_at(&server.url("/token"), more));
        sandbox
    }

    /// Profile `p` renews tokens at `server` with the refresh token `rt-1`, which is in an encrypted
    /// file where `more` does not say otherwise.
    #[track_caller]
    pub fn with_grant(server: &Server, more: &str) -> Self {
        let sandbox = Self::new();
        sandbox
            .config(&grant_at(&server.url("/token"), more))
            .import("rt-1");
        sandbox
    }

    /// Stores a refresh token or a token response for `p`, of which the access token counts as new.
    #[track_caller]
    pub fn import(&self, what: &str) {
        let run = self.run_with_stdin(["import", "p", "--no-try", "--force"], just_come(what));
        assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{}", run.stderr);
    }
}

impl Sandbox {
    /// The one record of a store that is `plaintext` or `encrypted-file`.
    #[track_caller]
    pub fn record(&self) -> PathBuf {
        let state = self.state_dir().join("tokctl");
        let mut found = files(&state.join("plaintext"));
        found.extend(files(&state.join("records")));
        let [record] = &found[..] else {
            panic!("not one record: {found:?}")
        };
        record.clone()
    }

    /// Makes the tokens of a plaintext store so many seconds old, with so many to go.
    #[track_caller]
    pub fn age(&self, age: i64, left: i64) -> &Self {
        let path = self.record();
        let text = fs::read(&path).expect("a record can be read");
        let mut record: Value = serde_json::from_slice(&text).expect("a record is JSON");
        let tokens = record["tokens"].as_object_mut().expect("it has tokens");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = i64::try_from(now.expect("after 1970").as_secs()).expect("before 2100");
        for token in tokens.values_mut() {
            token["obtained"] = json!(now - age);
            token["expires"] = json!(now + left);
        }
        fs::write(&path, record.to_string()).expect("a record can be written");
        self
    }
}

/// A token response with the end of its access token in place of its life, which says nothing without its beginning.
pub fn just_come(what: &str) -> String {
    let Ok(mut response) = serde_json::from_str::<Value>(what) else {
        return what.to_owned();
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    if let Some(life) = response["expires_in"].as_u64() {
        response["expires_at"] = json!(now + life);
    }
    response.to_string()
}

impl Sandbox {
    /// Makes all that is noted of profiles so many seconds older: as if that time had passed.
    #[track_caller]
    pub fn notes_age(&self, seconds: i64) -> &Self {
        let notes = files(&self.state_dir().join("tokctl/profiles"));
        assert!(!notes.is_empty(), "nothing is noted");
        for path in notes {
            let text = fs::read(&path).expect("a note can be read");
            let mut note: Value = serde_json::from_slice(&text).expect("a note is JSON");
            for key in ["expires", "updated", "not_before"] {
                if let Some(time) = note[key].as_i64() {
                    note[key] = json!(time - seconds);
                }
            }
            fs::write(&path, note.to_string()).expect("a note can be written");
        }
        self
    }
}

impl Server {
    /// Answers everything with this.
    pub fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone())
    }

    /// Answers everything with 200 and this JSON.
    pub fn granting(json: &str) -> Self {
        Self::always(Reply::json(200, json))
    }
}

/// A configuration with client credentials.
pub fn client_at(token_endpoint: &str, more: &str) -> String {
    let kept = kept_unless_in(more);
    format!(
        "[profile.p]\ntoken_endpoint = \"{token_endpoint}\"\nclient_id = \"id\"\n\
         client_secret = {{ env = \"P_SECRET\" }}\n{kept}{more}\n"
    )
}

/// A configuration with a refresh token.
pub fn grant_at(token_endpoint: &str, more: &str) -> String {
    let kept = kept_unless_in(more);
    format!(
        "[profile.p]\ntoken_endpoint = \"{token_endpoint}\"\nclient_id = \"id\"\n\
         grant = \"refresh_token\"\n{kept}{more}\n"
    )
}

/// Where tokens are kept if `more` does not say: in an encrypted file, which is there everywhere and
/// goes with its sandbox. The kernel's keyring has room for 200 tokens of an ordinary user.
fn kept_unless_in(more: &str) -> String {
    let mut keys = String::new();
    if !more.contains("store = ") {
        keys.push_str("store = \"encrypted-file\"\n");
    }
    if !more.contains("access_cache = ") && !more.contains("store = \"auto\"") {
        keys.push_str("access_cache = \"none\"\n");
    }
    keys
}
