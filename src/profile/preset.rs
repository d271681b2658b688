//! The built-in presets: facts about public services that a profile starts from.

use super::keys::{self, Values};
use super::slice;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const PRESETS: &str = include_str!("presets.toml");

/// What only presets have, beside the keys of a profile.
const PRESET_KEYS: [&str; 3] = ["title", "docs", "checked"];

/// The keys that a preset sets. `None` where there is no such preset.
pub fn find(name: &str) -> Option<Values> {
    read(name, |preset| {
        for key in PRESET_KEYS {
            preset.remove(key);
        }
        Some(keys::check(preset).expect("the presets have valid keys"))
    })
}

/// What `take` finds in a preset's table.
fn read<T>(name: &str, take: impl FnOnce(&mut DeTable<'_>) -> Option<T>) -> Option<T> {
    let text = slice::for_profile(PRESETS.as_bytes(), name, "preset")
        .expect("the presets use plain table heads");
    let mut presets = DeTable::parse(&text)
        .expect("the presets parse")
        .into_inner();
    let mut table = presets.remove("preset")?.into_inner();
    let DeValue::Table(all) = &mut table else {
        return None;
    };
    match all.remove(name)?.into_inner() {
        DeValue::Table(mut preset) => take(&mut preset),
        _ => None,
    }
}

/// A preset as it stands in the file.
pub fn text(name: &str) -> Option<&'static str> {
    let start = PRESETS.find(&format!("[preset.{name}]\n"))?;
    let text = &PRESETS[start..];
    Some(text.split("\n\n").next().unwrap_or(text))
}

/// One of a preset's facts, where it is a string.
pub fn fact(name: &str, key: &str) -> Option<&'static str> {
    let line = text(name)?
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
    line.strip_suffix('"')
}

/// The scopes that a preset names, to choose from.
pub fn scopes(name: &str) -> Vec<String> {
    let text = |scope: &Spanned<DeValue<'_>>| scope.get_ref().as_str().map(str::to_owned);
    let scopes = read(name, |preset| {
        let scopes = preset.get("scopes")?.get_ref().as_array()?;
        Some(scopes.iter().filter_map(text).collect())
    });
    scopes.unwrap_or_default()
}

/// The variables of a preset's addresses, with what counts where a profile sets none.
pub fn vars(name: &str) -> Vec<(String, Option<String>)> {
    let vars = read(name, |preset| {
        let vars = preset.get("vars")?.get_ref().as_table()?.iter();
        let usual = |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().map(str::to_owned);
        Some(
            vars.map(|(name, value)| (name.get_ref().to_string(), usual(value)))
                .collect(),
        )
    });
    vars.unwrap_or_default()
}

/// The preset that a mistyped name most likely stands for.
pub fn nearest(name: &str) -> Option<String> {
    keys::nearest(name, names())
}

/// Whether a preset's text has this somewhere.
pub fn mentions(word: &str) -> bool {
    PRESETS.contains(word)
}

/// The names of all presets, in the order of the file.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS
        .lines()
        .filter_map(|line| line.strip_prefix("[preset.")?.strip_suffix(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_holds_no_secret() {
        assert!(names().count() >= 3);
        for name in names() {
            let values = find(name).expect("every named preset is found");
            for forbidden in ["client_id", "client_secret", "store_key"] {
                assert!(!values.contains_key(forbidden), "{name}: {forbidden}");
            }
            let own = PRESETS
                .split(&format!("[preset.{name}]"))
                .nth(1)
                .expect("it has a table");
            let own = own.split("\n[").next().expect("up to the next table");
            for needed in PRESET_KEYS {
                assert!(own.contains(&format!("\n{needed} = ")), "{name}: {needed}");
            }
        }
        assert!(find("no-such-preset").is_none());
    }
}
