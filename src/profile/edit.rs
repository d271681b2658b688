//! The configuration file is changed: one profile is put into it, and everything else stays as it was
//! written.

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// A profile's keys, in the order in which they are to stand.
pub type Keys = Vec<(&'static str, Value)>;

/// What becomes of a profile that is there already.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum There {
    /// It is in the way.
    #[default]
    Kept,
    Replaced,
    /// Its keys get new values, and the others stay.
    Changed,
}

/// Why a profile is not put into a text.
pub enum Refused {
    /// There is one of this name.
    Exists,
    /// The text is no TOML, or `profile` is no table in it.
    Unreadable(String),
}

/// The text with this profile in it. One that is there is replaced or changed where it stands; a new one comes at the
/// end.
pub fn with_profile(text: &str, name: &str, keys: &Keys, how: There) -> Result<String, Refused> {
    let mut document: DocumentMut = parse(text)?;
    let profiles = document.get("profile").map(Item::as_table_like);
    let there = match profiles {
        Some(None) => return Err(Refused::Unreadable("profile is no table".to_owned())),
        Some(Some(profiles)) => profiles.contains_key(name),
        None => false,
    };
    if there && how == There::Kept {
        return Err(Refused::Exists);
    }
    if !there {
        // A table that was written inline cannot be added to at the end of the text.
        if let Ok(appended) = appended_if_valid(text, name, table(keys)) {
            return Ok(appended);
        }
    }
    if let Some(profiles) = document["profile"].as_table_like_mut() {
        match profiles.get_mut(name) {
            Some(Item::Value(Value::InlineTable(own))) if how == There::Changed => {
                change(own, keys);
                own.fmt();
            }
            Some(Item::Table(own)) if how == There::Changed => change(own, keys),
            _ => put(profiles, name, keys),
        }
    }
    Ok(with_line_ends_of(text, document.to_string()))
}

/// The text without a profile; as it was where there is none of this name. What was written above it for others, up to
/// the last empty line, stays.
pub fn without_profile(text: &str, name: &str) -> Result<String, Refused> {
    let mut document = parse(text)?;
    let profiles = document
        .get_mut("profile")
        .and_then(Item::as_table_like_mut);
    let Some(item) = profiles.and_then(|profiles| profiles.remove(name)) else {
        return Ok(text.to_owned());
    };
    if let Item::Table(table) = &item
        && let Some(position) = table.position()
    {
        let above = table.decor().prefix().and_then(|prefix| prefix.as_str());
        leave_behind(
            &mut document,
            position,
            others_part(above.unwrap_or_default()),
        );
    }
    Ok(with_line_ends_of(text, document.to_string()))
}

/// The text with a profile under another name, where it stands, and with those that exchange its token naming that.
/// `preset` is written out where the former name has chosen it.
pub fn renamed(
    text: &str,
    (old, new): (&str, &str),
    preset: Option<&str>,
) -> Result<String, Refused> {
    let mut document = parse(text)?;
    let Some(profiles) = document
        .get_mut("profile")
        .and_then(Item::as_table_like_mut)
    else {
        return Ok(text.to_owned());
    };
    if profiles.contains_key(new) {
        return Err(Refused::Exists);
    }
    let Some(mut item) = profiles.remove(old) else {
        return Ok(text.to_owned());
    };
    if let (Some(preset), Some(own)) = (preset, item.as_table_like_mut()) {
        own.insert("preset", Item::Value(preset.into()));
    }
    profiles.insert(new, item);
    let names: Vec<String> = profiles.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        if let Some(own) = profiles.get_mut(&name).and_then(Item::as_table_like_mut) {
            name_anew(own, (old, new));
        }
    }
    if let Some(defaults) = document.get_mut(DEFAULTS).and_then(Item::as_table_like_mut) {
        name_anew(defaults, (old, new));
    }
    Ok(with_line_ends_of(text, document.to_string()))
}

/// The keys that name another profile, whose token is exchanged.
const NAMING: [&str; 2] = ["subject_token", "actor_token"];

fn name_anew(table: &mut dyn TableLike, (old, new): (&str, &str)) {
    for key in NAMING {
        let source = table.get(key).and_then(Item::as_table_like);
        let named = source
            .and_then(|source| source.get("profile"))
            .and_then(Item::as_str);
        if named == Some(old) {
            set(table, &[key, "profile"], Some(new.into()));
        }
    }
}

/// The profiles whose keys name a profile.
pub fn naming(text: &str, name: &str) -> Result<Vec<String>, Refused> {
    let document = parse(text)?;
    let profiles = document.get("profile").and_then(Item::as_table_like);
    let names = |table: &dyn TableLike| {
        NAMING.iter().any(|key| {
            let source = table.get(key).and_then(Item::as_table_like);
            source
                .and_then(|source| source.get("profile"))
                .and_then(Item::as_str)
                == Some(name)
        })
    };
    let all = profiles.into_iter().flat_map(TableLike::iter);
    Ok(all
        .filter(|(own, item)| *own != name && item.as_table_like().is_some_and(names))
        .map(|(own, _)| own.to_owned())
        .collect())
}

/// Of what stands above a table the part that is about others: up to the last empty line.
fn others_part(above: &str) -> &str {
    let lines: Vec<&str> = above.split_inclusive('\n').collect();
    let last = lines.iter().rposition(|line| line.trim().is_empty());
    let is_said = |text: &str| text.contains('#');
    let end = last.map_or(0, |last| lines[..=last].iter().map(|line| line.len()).sum());
    if is_said(&above[..end]) {
        &above[..end]
    } else {
        ""
    }
}

/// Puts what stays of a table that is gone above the next one, or at the end of the text.
fn leave_behind(document: &mut DocumentMut, position: isize, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(table) = next(document.as_table_mut(), position) {
        let own = table.decor().prefix().and_then(|own| own.as_str());
        let own = own.unwrap_or_default().trim_start_matches('\n').to_owned();
        table.decor_mut().set_prefix(format!("{text}{own}"));
    } else {
        let own = document.trailing().as_str().unwrap_or_default();
        let all = format!("{}\n{own}", text.trim_end_matches('\n'));
        document.set_trailing(all);
    }
}

/// The table whose head comes first after a position.
fn next(table: &mut Table, after: isize) -> Option<&mut Table> {
    let first = first_after(table, after)?;
    at(table, first)
}

fn below(table: &Table) -> impl Iterator<Item = &Table> {
    table.iter().flat_map(|(_, item)| match item {
        Item::Table(table) => vec![table],
        Item::ArrayOfTables(tables) => tables.iter().collect(),
        Item::None | Item::Value(_) => Vec::new(),
    })
}

fn first_after(table: &Table, after: isize) -> Option<isize> {
    let heads = below(table).flat_map(|table| {
        let own = table
            .position()
            .filter(|at| *at > after && !table.is_implicit());
        own.into_iter().chain(first_after(table, after))
    });
    heads.min()
}

fn at(table: &mut Table, position: isize) -> Option<&mut Table> {
    for (_, item) in table.iter_mut() {
        let tables: Vec<&mut Table> = match item {
            Item::Table(table) => vec![table],
            Item::ArrayOfTables(tables) => tables.iter_mut().collect(),
            Item::None | Item::Value(_) => Vec::new(),
        };
        for table in tables {
            if table.position() == Some(position) && !table.is_implicit() {
                return Some(table);
            }
            if let Some(found) = at(table, position) {
                return Some(found);
            }
        }
    }
    None
}

/// The keys of a profile that is there.
pub fn keys_of(text: &str, name: &str) -> Result<Vec<String>, Refused> {
    let document = parse(text)?;
    let table = table_of(&document, name);
    let keys = table.into_iter().flat_map(TableLike::iter);
    Ok(keys.map(|(key, _)| key.to_owned()).collect())
}

/// The table of a name: a profile, or what all profiles start with.
fn table_of<'d>(document: &'d DocumentMut, name: &str) -> Option<&'d dyn TableLike> {
    let item = match name {
        DEFAULTS => document.get(DEFAULTS)?,
        name => document.get("profile")?.as_table_like()?.get(name)?,
    };
    item.as_table_like()
}

/// What the text sets for a key, whose parts are the key and what is below it.
pub fn value_of(text: &str, name: &str, key: &[&str]) -> Result<Option<Item>, Refused> {
    let document = parse(text)?;
    let Some((last, path)) = key.split_last() else {
        return Ok(None);
    };
    let mut table = table_of(&document, name);
    for part in path {
        table = table
            .and_then(|table| table.get(part))
            .and_then(Item::as_table_like);
    }
    Ok(table.and_then(|table| table.get(last)).cloned())
}

/// The text with a key set in a table, or taken out of it; the table is made where it is not there.
pub fn with_value(
    text: &str,
    name: &str,
    key: &[&str],
    value: Option<Value>,
) -> Result<String, Refused> {
    let mut document = parse(text)?;
    if table_of(&document, name).is_none() {
        let Some(value) = value else {
            return Ok(text.to_owned());
        };
        let mut table = Table::new();
        set(&mut table, key, Some(value));
        return if name == DEFAULTS {
            let mut before = DocumentMut::new();
            before.insert(DEFAULTS, Item::Table(table));
            let gap = if text.is_empty() { "" } else { "\n" };
            Ok(with_line_ends_of(text, format!("{before}{gap}{text}")))
        } else {
            appended_if_valid(text, name, table)
        };
    }
    let tables: &mut dyn TableLike = match name {
        DEFAULTS => document.as_table_mut(),
        _ => document["profile"]
            .as_table_like_mut()
            .ok_or_else(|| Refused::Unreadable("profile is no table".to_owned()))?,
    };
    if let Some(table) = tables.get_mut(name).and_then(Item::as_table_like_mut) {
        set(table, key, value);
    }
    Ok(with_line_ends_of(text, document.to_string()))
}

/// Sets a key or takes it out, with the comment behind the value that it replaces.
fn set(table: &mut dyn TableLike, key: &[&str], value: Option<Value>) {
    match (key, value) {
        ([last], Some(mut value)) => {
            if let Some(Item::Value(old)) = table.get(last) {
                *value.decor_mut() = old.decor().clone();
            }
            table.insert(last, Item::Value(value));
        }
        ([last], None) => drop(table.remove(last)),
        ([first, rest @ ..], value) => {
            if value.is_some() && table.get(first).is_none_or(|item| !item.is_table_like()) {
                table.insert(first, Item::Value(Value::InlineTable(InlineTable::new())));
            }
            if let Some(below) = table.get_mut(first).and_then(Item::as_table_like_mut) {
                set(below, rest, value);
            }
        }
        ([], _) => {}
    }
}

/// The name of the table that all profiles start with.
pub const DEFAULTS: &str = "defaults";

fn parse(text: &str) -> Result<DocumentMut, Refused> {
    text.parse()
        .map_err(|cause: toml_edit::TomlError| Refused::Unreadable(cause.message().to_owned()))
}

fn appended_if_valid(text: &str, name: &str, table: Table) -> Result<String, Refused> {
    let appended = appended(text, name, table);
    parse(&appended).map(|_| appended)
}

/// The very text, and the new table after it.
fn appended(text: &str, name: &str, table: Table) -> String {
    let mut profiles = Table::new();
    profiles.set_implicit(true);
    profiles.insert(name, Item::Table(table));
    let mut document = DocumentMut::new();
    document.insert("profile", Item::Table(profiles));
    let table = document.to_string();
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let added = format!("{gap}{}", table.trim_start());
    format!("{text}{}", with_line_ends_of(text, added))
}

fn table(keys: &Keys) -> Table {
    let mut table = Table::new();
    for (key, value) in keys {
        table.insert(key, Item::Value(value.clone()));
    }
    table
}

/// Gives keys their new values, with the comments that stand beside the old ones.
fn change(own: &mut dyn TableLike, keys: &Keys) {
    for (key, value) in keys {
        let mut value = value.clone();
        match own.get_mut(key) {
            Some(Item::Value(old)) => {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            _ => drop(own.insert(key, Item::Value(value))),
        }
    }
}

/// Puts the profile among the others, with the comments that stand before the one it replaces.
fn put(profiles: &mut dyn TableLike, name: &str, keys: &Keys) {
    let new = match profiles.get(name) {
        Some(Item::Table(old)) => {
            let mut new = table(keys);
            *new.decor_mut() = old.decor().clone();
            new.set_position(old.position());
            Item::Table(new)
        }
        _ => Item::Value(Value::InlineTable(
            keys.iter()
                .map(|(key, value)| (*key, value.clone()))
                .collect::<InlineTable>(),
        )),
    };
    profiles.insert(name, new);
}

/// The new text with the old one's line ends, where all of those are Windows's: `toml_edit` writes its own.
pub fn with_line_ends_of(old: &str, new: String) -> String {
    let lines = old.matches('\n').count();
    if lines == 0 || lines != old.matches("\r\n").count() {
        return new;
    }
    new.replace("\r\n", "\n").replace('\n', "\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        vec![
            ("client_id", "new".into()),
            ("scope", Value::Array(["a", "b"].into_iter().collect())),
        ]
    }

    fn with(text: &str, name: &str, replace: bool) -> String {
        let how = if replace {
            There::Replaced
        } else {
            There::Kept
        };
        how_with(text, name, how)
    }

    fn how_with(text: &str, name: &str, how: There) -> String {
        match with_profile(text, name, &keys(), how) {
            Ok(text) => text,
            Err(Refused::Exists) => "exists".to_owned(),
            Err(Refused::Unreadable(why)) => format!("unreadable: {why}"),
        }
    }

    const NEW: &str = "[profile.p]\nclient_id = \"new\"\nscope = [\"a\", \"b\"]\n";

    #[test]
    fn a_new_profile_comes_at_the_end_and_nothing_else_changes() {
        assert_eq!(with("", "p", false), NEW);
        for text in [
            "# mine\n\n[defaults]\nmin_ttl   = '5m' # so\n",
            "\u{feff}[profile.a]\r\nclient_id = \"x\"\r\n# the end\r\n",
            "[profile]\n[profile.b]\nclient_id=\"y\"",
            "[profile.z]\nx = \"\"\"\n[profile.p]\n\"\"\"\n[defaults]\n",
            "profile.a.client_id = \"x\"\n",
        ] {
            let changed = with(text, "p", false);
            assert!(changed.starts_with(text), "{changed:?}");
            let ends = if text.contains('\r') {
                NEW.replace('\n', "\r\n")
            } else {
                NEW.to_owned()
            };
            assert!(changed.ends_with(&ends), "{changed:?}");
        }
        assert!(with("", "a.b", false).starts_with("[profile.\"a.b\"]\n"));
    }

    #[test]
    fn inline_profiles_are_added_to_inline() {
        let text = "# mine\nprofile = { a = { client_id = \"x\" } } # all\n[defaults]\n";
        let changed = with(text, "p", false);
        assert!(
            changed.starts_with("# mine\nprofile = { a = { client_id = \"x\" }"),
            "{changed}"
        );
        assert!(changed.contains("p = { client_id = \"new\""), "{changed}");
        assert!(changed.ends_with("# all\n[defaults]\n"), "{changed}");
    }

    #[test]
    fn a_profile_is_replaced_only_when_told_to_and_where_it_stands() {
        let text = "# one\n[profile.p]\nclient_id = \"old\"\n[profile.p.headers]\nx = \"1\"\n\n# two\n[profile.q]\nclient_id = \"q\" # kept\n";
        assert_eq!(with(text, "p", false), "exists");
        let changed = with(text, "p", true);
        assert_eq!(
            changed,
            format!("# one\n{NEW}\n# two\n[profile.q]\nclient_id = \"q\" # kept\n")
        );
        let inline = "[profile]\np = { client_id = \"old\" }\nq = { client_id = \"q\" }\n";
        let changed = with(inline, "p", true);
        assert!(
            !changed.contains("old") && changed.contains("q = { client_id = \"q\" }"),
            "{changed}"
        );
    }

    fn set_in(text: &str, name: &str, key: &[&str], value: Option<Value>) -> String {
        match with_value(text, name, key, value) {
            Ok(text) => text,
            Err(Refused::Exists) => "exists".to_owned(),
            Err(Refused::Unreadable(why)) => format!("unreadable: {why}"),
        }
    }

    #[test]
    fn one_value_changes_and_nothing_else() {
        let text = "# mine\n[profile.p] # p\nclient_id = \"old\" # why\nvars = { a = \"1\" }\n\n# next\n[profile.q]\n";
        let changed = set_in(text, "p", &["client_id"], Some("new".into()));
        assert_eq!(changed, text.replace("old", "new"));
        let changed = set_in(text, "p", &["vars", "b"], Some("2".into()));
        assert_eq!(changed, text.replace("\"1\" }", "\"1\" , b = \"2\" }"));
        let changed = set_in(text, "p", &["headers", "x"], Some("y".into()));
        let with = text.replace("\n\n# next", "\nheaders = { x = \"y\" }\n\n# next");
        assert_eq!(changed, with);
        let changed = set_in(text, "p", &["client_id"], None);
        assert_eq!(changed, text.replace("client_id = \"old\" # why\n", ""));
        assert_eq!(set_in(text, "p", &["scope"], None), text);
        assert_eq!(set_in(text, "r", &["scope"], None), text);
    }

    #[test]
    fn a_table_that_is_not_there_is_made() {
        let text = "# mine\n[profile.p]\n";
        let changed = set_in(text, "q", &["pkce"], Some(true.into()));
        assert_eq!(changed, format!("{text}\n[profile.q]\npkce = true\n"));
        let changed = set_in(text, DEFAULTS, &["min_ttl"], Some("5m".into()));
        assert_eq!(changed, format!("[defaults]\nmin_ttl = \"5m\"\n\n{text}"));
        let changed = set_in("profile = {}\n", "q", &["pkce"], Some(true.into()));
        assert!(changed.starts_with("unreadable"), "{changed}");
    }

    #[test]
    fn a_value_is_found_below_a_table_too() {
        let text = "[defaults]\npkce = false\n[profile.p]\nvars.a = \"1\"\n";
        let found = |name: &str, key: &[&str]| match value_of(text, name, key) {
            Ok(found) => found.map(|item| item.to_string().trim().to_owned()),
            Err(_) => Some("unreadable".to_owned()),
        };
        assert_eq!(found("p", &["vars", "a"]).as_deref(), Some("\"1\""));
        assert_eq!(found(DEFAULTS, &["pkce"]).as_deref(), Some("false"));
        assert_eq!(found("p", &["pkce"]), None);
        assert_eq!(found("q", &["pkce"]), None);
    }

    #[test]
    fn a_change_leaves_the_other_keys_and_the_comments() {
        let text =
            "[profile.p] # mine\nclient_id = \"old\" # so\nissuer = \"https://x\"\n\n[profile.q]\n";
        assert_eq!(
            how_with(text, "p", There::Changed),
            "[profile.p] # mine\nclient_id = \"new\" # so\nissuer = \"https://x\"\nscope = [\"a\", \"b\"]\n\n[profile.q]\n"
        );
        let inline = "profile.p = { client_id = \"old\", issuer = \"x\" }\n";
        assert_eq!(
            how_with(inline, "p", There::Changed),
            "profile.p = { client_id = \"new\", issuer = \"x\", scope = [\"a\", \"b\"] }\n"
        );
    }

    #[test]
    fn what_cannot_be_read_is_not_changed() {
        assert!(with("[profile\n", "p", true).starts_with("unreadable"));
        assert!(with("profile = 1\n", "p", true).starts_with("unreadable"));
    }
}
