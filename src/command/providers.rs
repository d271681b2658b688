//! `tokctl providers`: the built-in presets, what is known of each, and where each of its keys comes
//! from.

use crate::cli::Providers;
use crate::error::{Error, Kind, Result};
use crate::profile::preset::{self, Described};
use crate::secret::Secret;
use crate::ui;
use serde_json::{Map, Value, json};

/// Where the redirect goes where a preset does not say it.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Lists the presets, or shows one.
pub fn run(providers: &Providers) -> Result<()> {
    let text = match &providers.name {
        None if providers.json => format!("{}\n", preset::names().map(brief).collect::<Value>()),
        None => list(),
        Some(name) => {
            let preset = preset::describe(name).ok_or_else(|| unknown(name))?;
            match providers {
                Providers { json: true, .. } => format!("{}\n", whole(&preset)),
                Providers { toml: true, .. } => toml(&preset),
                _ => page(&preset),
            }
        }
    };
    ui::answer(&Secret::new(text))
}

fn unknown(name: &str) -> Error {
    let near = preset::meant(name);
    let what = format!("there is no preset {name:?}{near}");
    Error::new(Kind::UnknownProfile, what).hint("to list them, run: tokctl providers")
}

/// A line for each.
fn list() -> String {
    let width = preset::names().map(str::len).max().unwrap_or(0);
    let lines = preset::names().map(|name| {
        let title = match preset::resolved(name) {
            same if same == name => preset::fact(name, "title").unwrap_or_default(),
            other => format!("another name for {other}"),
        };
        format!("{name:<width$}  {title}\n")
    });
    lines.collect()
}

/// One of the list for a program.
fn brief(name: &str) -> Value {
    let Some(preset) = preset::describe(name) else {
        return Value::Null;
    };
    let mut brief = Map::new();
    brief.insert("name".to_owned(), name.into());
    if preset.name != name {
        brief.insert("alias".to_owned(), preset.name.into());
    }
    for fact in ["title", "docs", "checked", "register", "grants"] {
        let value = preset.facts.get(fact).cloned();
        brief.insert(fact.to_owned(), value.unwrap_or_default());
    }
    Value::Object(brief)
}

/// Everything for a program.
fn whole(preset: &Described) -> Value {
    let keys = preset.keys.iter().map(|key| {
        let known = json!({ "value": key.value, "from": key.from });
        (key.path.clone(), known)
    });
    let mut whole = preset.facts.clone();
    whole.insert("name".to_owned(), preset.name.as_str().into());
    whole.insert("redirect_uri".to_owned(), redirect_uri(preset).into());
    whole.insert("keys".to_owned(), Value::Object(keys.collect()));
    Value::Object(whole)
}

/// What has to be registered; none where nobody logs in through a browser.
fn redirect_uri(preset: &Described) -> Option<String> {
    let value = |path: &str| {
        let key = preset.keys.iter().find(|key| key.path == path)?;
        key.value.as_str().map(str::to_owned)
    };
    value("authorization_endpoint")?;
    Some(value("redirect_uri").unwrap_or_else(|| REDIRECT_URI.to_owned()))
}

/// Everything for a person.
fn page(preset: &Described) -> String {
    let fact = |name: &str| preset.facts.get(name).and_then(Value::as_str);
    let mut page = format!("{}: {}\n\n", preset.name, fact("title").unwrap_or_default());
    let mut line = |label: &str, text: &str| page.push_str(&format!("{label:<26}{text}\n"));
    line("register a client at", fact("register").unwrap_or_default());
    if let Some(uri) = redirect_uri(preset) {
        line("redirect URI to register", &uri);
    }
    for (label, name) in [
        ("note", "note"),
        ("a person ends a grant at", "apps"),
        ("documentation", "docs"),
        ("checked", "checked"),
    ] {
        if let Some(text) = fact(name) {
            line(label, text);
        }
    }
    if let Some(Value::Array(grants)) = preset.facts.get("grants") {
        let grants: Vec<&str> = grants.iter().filter_map(Value::as_str).collect();
        line("grants", &grants.join(", "));
    }
    for (name, usual) in preset::vars(&preset.name) {
        let about = preset.facts["variables"][&name]["about"].as_str();
        let usual = usual.map_or_else(String::new, |usual| format!(" [{usual}]"));
        line(
            &format!("vars.{name}"),
            &format!("{}{usual}", about.unwrap_or_default()),
        );
    }
    let width = scopes(preset).map(|(scope, _)| scope.len()).max();
    let width = width.unwrap_or_default();
    for (label, (scope, about)) in scope_labels().zip(scopes(preset)) {
        line(label, &format!("{scope:<width$}  {about}"));
    }
    page.push('\n');
    page + &keys(preset)
}

fn scopes(preset: &Described) -> impl Iterator<Item = (&str, &str)> {
    let scopes = preset.facts.get("scopes").and_then(Value::as_object);
    let scopes = scopes.into_iter().flatten();
    scopes.map(|(scope, about)| (scope.as_str(), about.as_str().unwrap_or_default()))
}

/// The first line of several has the label.
fn scope_labels() -> impl Iterator<Item = &'static str> {
    std::iter::once("scopes").chain(std::iter::repeat(""))
}

/// The keys as they stand in a configuration, each with the preset it comes from where that is
/// another one.
fn keys(preset: &Described) -> String {
    let lines = preset.keys.iter().map(|key| {
        let line = format!("{} = {}", key.path, key.value);
        if key.from == preset.name {
            format!("{line}\n")
        } else {
            format!("{line}   # from {}\n", key.from)
        }
    });
    lines.collect()
}

/// A profile to be put into a configuration and changed there.
fn toml(preset: &Described) -> String {
    let fact = |name: &str| {
        preset
            .facts
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let mut text = format!(
        "# {}, as of {}: {}\n",
        fact("title"),
        fact("checked"),
        fact("docs")
    );
    text.push_str(&format!("# register a client at {}\n", fact("register")));
    text.push_str(&format!("[profile.{}]\n", preset.name));
    text.push_str("# client_id = \"\"\n");
    for (name, usual) in preset::vars(&preset.name) {
        if usual.is_none() {
            let about = preset.facts["variables"][&name]["about"].as_str();
            text.push_str(&format!(
                "# vars.{name} = \"\"   # {}\n",
                about.unwrap_or_default()
            ));
        }
    }
    text + &keys(preset)
}
