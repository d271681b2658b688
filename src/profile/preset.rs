//! The built-in presets: facts about public services that a profile starts from.

mod described;

use super::fault;
use super::fields::merge;
use super::keys::{self, Values};
use super::preset_names;
pub use super::preset_names::all as names;
use super::vars::Pattern;
pub use described::{Described, describe};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// What only presets have, beside the keys of a profile.
const FACTS: [&str; 10] = [
    "title",
    "docs",
    "checked",
    "register",
    "apps",
    "note",
    "grants",
    "scopes",
    "variables",
    "extends",
];

/// A preset as a profile starts from it.
#[derive(Default)]
pub struct Preset {
    pub keys: Values,
    /// What each of its variables may be.
    pub variables: BTreeMap<String, Pattern>,
}

/// A preset on top of the one that it extends. `None` where there is no such preset.
pub fn find(name: &str) -> Option<Preset> {
    let (mut whole, extends) = own(name)?;
    let Some(base) = extends.and_then(|base| own(&base)) else {
        return Some(whole);
    };
    // One level deep: what a preset extends extends nothing.
    let mut keys = base.0.keys;
    merge(&mut keys, whole.keys);
    whole.keys = keys;
    for (name, pattern) in base.0.variables {
        whole.variables.entry(name).or_insert(pattern);
    }
    Some(whole)
}

/// What a preset says itself, and which one it extends.
fn own(name: &str) -> Option<(Preset, Option<String>)> {
    read(name, |table| {
        let extends = string(table, "extends").map(str::to_owned);
        let variables = variables(table);
        for fact in FACTS {
            table.remove(fact);
        }
        let keys = keys::check(table).expect("the presets have valid keys");
        Some((Preset { keys, variables }, extends))
    })
}

fn variables(table: &DeTable<'_>) -> BTreeMap<String, Pattern> {
    let declared = table
        .get("variables")
        .and_then(|value| value.get_ref().as_table());
    let pattern = |value: &DeValue<'_>| Pattern::named(string(value.as_table()?, "pattern")?);
    declared
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.get_ref().to_string(), pattern(value.get_ref())?)))
        .collect()
}

/// The preset that a second name is for, else the name itself.
pub fn resolved(name: &str) -> &str {
    text(name).and_then(alias).unwrap_or(name)
}

/// Which preset a second name is for.
fn alias(text: &str) -> Option<&str> {
    let alias = text.lines().nth(1)?.strip_prefix("alias = \"")?;
    Some(alias.trim_end_matches('"'))
}

/// A preset's tables as they stand in the file. All else is not even looked at: a profile without a
/// preset must not pay for them.
fn text(name: &str) -> Option<&'static str> {
    let (text, below) = (preset_names::from(name)?, format!("{name}."));
    let next = text.match_indices("\n[preset.");
    let mut others = next.filter(|(at, head)| !text[at + head.len()..].starts_with(&below));
    Some(others.next().map_or(text, |(end, _)| &text[..end]))
}

/// What `take` finds in a preset's table.
fn read<T>(name: &str, take: impl FnOnce(&mut DeTable<'_>) -> Option<T>) -> Option<T> {
    let own = text(name)?;
    let (name, own) = match alias(own) {
        Some(other) => (other, text(other)?),
        None => (name, own),
    };
    let mut presets = DeTable::parse(own).expect("the presets parse").into_inner();
    let mut table = presets.remove("preset")?.into_inner();
    let DeValue::Table(all) = &mut table else {
        return None;
    };
    match all.remove(name)?.into_inner() {
        DeValue::Table(mut preset) => take(&mut preset),
        _ => None,
    }
}

fn string<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.get_ref().as_str()
}

/// The page on which a person ends what was given to applications, where a preset knows it of this token endpoint.
pub fn apps_page(token_endpoint: &str) -> Option<String> {
    let is_of = |preset: &Described| {
        let mut keys = preset.keys.iter();
        keys.any(|key| key.path == "token_endpoint" && key.value == token_endpoint)
    };
    let page = |preset: Described| Some(preset.facts.get("apps")?.as_str()?.to_owned());
    names().filter_map(describe).find(is_of).and_then(page)
}

/// One of a preset's facts or keys, where it is a string.
pub fn fact(name: &str, key: &str) -> Option<String> {
    let find = |table: &mut DeTable<'_>| {
        let own = |key: &str| string(table, key).map(str::to_owned);
        Some((own(key), own("extends")))
    };
    match read(name, find)? {
        (Some(found), _) => Some(found),
        (None, base) => read(&base?, find)?.0,
    }
}

/// What a variable of a preset is.
pub fn about_var(preset: &str, name: &str) -> Option<String> {
    let described = describe(preset)?;
    let variable = described.facts.get("variables")?.get(name)?;
    variable["about"].as_str().map(str::to_owned)
}

/// Refuses a value that a variable of a preset cannot have.
pub fn check_var(preset: &str, name: &str, value: &str) -> Result<(), String> {
    let patterns = find(preset).map(|preset| preset.variables);
    match patterns.as_ref().and_then(|patterns| patterns.get(name)) {
        Some(pattern) => pattern.check(value).map_err(|why| format!("{name} {why}")),
        None => Ok(()),
    }
}

/// The scopes that a preset names, to choose from, each with what it is for.
pub fn scopes(name: &str) -> Vec<(String, String)> {
    let described = describe(name);
    let scopes = described
        .as_ref()
        .and_then(|preset| preset.facts.get("scopes")?.as_object());
    scopes
        .into_iter()
        .flatten()
        .map(|(name, about)| (name.clone(), about.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// The variables of a preset, with what counts where a profile sets none.
pub fn vars(name: &str) -> Vec<(String, Option<String>)> {
    let Some(preset) = find(name) else {
        return Vec::new();
    };
    let usual = match preset.keys.get("vars") {
        Some(super::Value::Params(vars)) => vars.always.clone(),
        _ => BTreeMap::new(),
    };
    let names = preset.variables.into_keys();
    names
        .map(|name| (name.clone(), usual.get(&name).cloned()))
        .collect()
}

/// What a message about a mistyped preset's name ends with.
pub fn meant(name: &str) -> String {
    fault::meant(name, names())
}

/// Whether a preset's text has this somewhere.
pub fn mentions(word: &str) -> bool {
    preset_names::PRESETS.contains(word)
}

/// The servers that a preset gives the token to, with its `{variables}` as they are; none of no preset.
pub fn hosts(name: &str) -> Vec<String> {
    let keys = find(name).map(|preset| preset.keys);
    match keys.as_ref().and_then(|keys| keys.get("hosts")) {
        Some(super::Value::Texts(hosts)) => hosts.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::{EndpointKind, Profile};
    use super::*;
    use crate::http::Origin;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// All but the aliases, with everything that is known of them.
    fn all() -> Vec<Described> {
        let own = names().filter(|name| resolved(name) == *name);
        own.map(|name| describe(name).expect("every named preset is found"))
            .collect()
    }

    fn text_of<'v>(preset: &'v Described, fact: &str) -> &'v str {
        let text = preset.facts.get(fact).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("{}: {fact} is missing", preset.name))
    }

    /// A profile of this preset that has every variable, with this grant.
    fn profile(name: &str, grant: &str) -> Profile {
        let vars = vars(name).into_iter().filter(|(_, usual)| usual.is_none());
        let vars: Vec<_> = vars
            .map(|(var, _)| format!("{var} = \"x.example\""))
            .collect();
        let text = format!(
            "[profile.p]\npreset = \"{name}\"\nclient_id = \"c\"\nclient_secret = {{ env = \"S\" }}\n\
             grant = \"{grant}\"\nvars = {{ {} }}\n",
            vars.join(", ")
        );
        let config = Config::from_text(&text);
        Profile::load(&config, "p").unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    #[test]
    fn the_presets_are_those_that_are_promised() {
        let there: BTreeSet<&str> = names().collect();
        assert_eq!(there.len(), names().count(), "no name comes twice");
        assert!(find("no-such-preset").is_none() && find("").is_none());
        assert_eq!(resolved("forgejo"), "gitea");
    }

    #[test]
    fn every_preset_has_its_facts_and_nothing_that_is_a_user_s() {
        for preset in all() {
            let name = &preset.name;
            for fact in ["title", "docs", "register", "checked"] {
                let text = text_of(&preset, fact);
                assert!(!text.is_empty() && text.is_ascii(), "{name}: {fact}");
            }
            let date = text_of(&preset, "checked");
            assert!(
                humantime::parse_rfc3339_weak(&format!("{date}T00:00:00Z")).is_ok(),
                "{name}"
            );
            assert!(text_of(&preset, "docs").starts_with("https://"), "{name}");
            assert!(
                text_of(&preset, "register").starts_with("https://"),
                "{name}"
            );
            for fact in preset.facts.keys() {
                assert!(FACTS.contains(&fact.as_str()), "{name}: {fact}");
            }
            for (scope, about) in preset
                .facts
                .get("scopes")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                assert!(
                    about.as_str().is_some_and(|about| !about.is_empty()),
                    "{name}: {scope}"
                );
            }
            let keys = &find(name).expect("it is there").keys;
            for users in [
                "client_id",
                "client_secret",
                "preset",
                "store",
                "store_key",
                "ca_file",
                "access_cache",
                "token",
                "min_ttl",
                "timeout",
                "headers",
            ] {
                assert!(!keys.contains_key(users), "{name}: {users}");
            }
        }
        let lines = preset_names::PRESETS
            .lines()
            .filter(|line| !line.starts_with('#'));
        for line in lines {
            for word in ["command", "password", "env =", "keyring", "\t"] {
                assert!(!line.contains(word), "{word}: {line}");
            }
        }
    }

    #[test]
    fn every_address_of_a_preset_is_one_for_secrets_once_its_variables_are_in() {
        for preset in all() {
            let declared: BTreeSet<String> = vars(&preset.name)
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            let mut used = BTreeSet::new();
            for key in &preset.keys {
                let text = key.value.to_string();
                used.extend(
                    text.split('{')
                        .skip(1)
                        .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())),
                );
            }
            used.remove("client_id");
            assert_eq!(used, declared, "{}", preset.name);
            let grants = preset.facts["grants"].as_array().expect("a list").clone();
            assert!(!grants.is_empty());
            for grant in grants.iter().filter_map(Value::as_str) {
                let profile = profile(&preset.name, grant);
                let server = &profile.server;
                for (kind, needed) in [
                    (EndpointKind::Token, true),
                    (EndpointKind::Authorization, grant == "authorization_code"),
                    (EndpointKind::DeviceAuthorization, grant == "device_code"),
                ] {
                    let known = server.endpoints.has(kind) || !needed;
                    assert!(known, "{} {grant}", preset.name);
                }
                let known = server.endpoints.known().map(|(_, endpoint)| endpoint);
                for endpoint in known.chain(&server.issuer) {
                    assert!(endpoint.is_https(), "{}: {endpoint:?}", preset.name);
                }
            }
            let usual = fact(&preset.name, "grant").expect("a preset says what it is for");
            assert!(grants.contains(&Value::from(usual)), "{}", preset.name);
        }
    }

    #[test]
    fn every_redirect_of_a_preset_comes_back_to_this_machine() {
        for preset in all() {
            let login = fact(&preset.name, "authorization_endpoint").is_some();
            let uri = fact(&preset.name, "redirect_uri");
            assert_eq!(uri.is_some(), login, "{}", preset.name);
            let ours = ["http://127.0.0.1", "http://localhost"];
            let loopback = |uri: &String| ours.iter().any(|ours| uri.starts_with(ours));
            assert!(
                uri.as_ref().is_none_or(loopback),
                "{}: {uri:?}",
                preset.name
            );
        }
    }

    #[test]
    fn a_preset_extends_one_that_extends_none() {
        for preset in all() {
            if let Some(base) = preset.facts.get("extends").and_then(Value::as_str) {
                let base = describe(base).expect("it extends a preset");
                assert!(!base.facts.contains_key("extends"), "{}", preset.name);
            }
        }
        // Its own keys over those of the other, tables by their members.
        let azure = profile("azure-devops", "authorization_code");
        assert_eq!(
            azure.server.url(EndpointKind::Token).unwrap_or_default(),
            "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
        );
        assert_eq!(azure.quirks.offline_scope, ["offline_access"]);
        let hosts = azure.hosts.origins.iter().map(Origin::as_str);
        assert_eq!(hosts.collect::<Vec<_>>(), ["https://dev.azure.com"]);
    }

    #[test]
    fn the_tables_of_a_preset_stand_together() {
        let mut done: Vec<&str> = Vec::new();
        for head in preset_names::PRESETS
            .lines()
            .filter_map(|line| line.strip_prefix("[preset."))
        {
            let name = head.split(['.', ']']).next().unwrap_or_default();
            if done.last() != Some(&name) {
                assert!(!done.contains(&name), "{name}");
                done.push(name);
            }
            assert!(text(name).is_some_and(|text| text.contains(head)), "{head}");
        }
    }
}
