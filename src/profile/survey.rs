//! Everything that is wrong in a configuration's text, each with its place: for who mends a file, where a command that
//! needs one profile says the first thing that keeps it from its work.

use super::Profile;
use super::config::{
    Config, Layers, Located, Name, check_name, is_table, misplaced, named, table, unparsed,
    without_preset,
};
use super::fault::Fault;
use super::keys;
use super::shape::Shape;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use unicode_width::UnicodeWidthStr;

/// One thing that is wrong.
pub struct Finding {
    /// From 1.
    pub line: usize,
    /// In characters from 1.
    pub column: usize,
    /// The table that it is in, in words.
    pub table: Option<String>,
    pub what: String,
    pub hint: Option<String>,
    /// Whether a key or its value is wrong, where else something is missing or not for others to change.
    pub in_key: bool,
    /// The line, with what may be a secret left out, and below it a mark at the place.
    pub shown: [String; 2],
}

impl Config {
    /// All of it, in the order of the file.
    pub fn findings(&self) -> Vec<Finding> {
        let text = match self.utf8() {
            Ok(text) => text,
            Err(located) => return vec![Finding::at("", located, false)],
        };
        let (parsed, errors) = DeTable::parse_recoverable(text);
        let parsed = parsed.into_inner();
        let not_keys = |located: Located| (located, false);
        let mut all: Vec<_> = errors
            .iter()
            .map(|cause| unparsed(text, cause))
            .map(not_keys)
            .collect();
        let readable = all.is_empty();
        let unknown = parsed.iter().filter(|(key, _)| !is_table(key));
        let unknown = unknown.map(|(key, value)| misplaced(key, value));
        all.extend(unknown.map(not_keys));
        if let Some((key, value)) = parsed.get_key_value("defaults") {
            let faults = self.faults(key, value, |table| without_preset(table).map(|_| ()));
            all.extend(faults.map(|(fault, key)| (Located::of("[defaults]", fault), key)));
        }
        match parsed.get("profile").map(table) {
            Some(Ok(profiles)) => {
                for (name, value) in profiles {
                    let faults: Vec<_> = self.faults(name, value, |_| check_name(name)).collect();
                    // What is missing in it is missing perhaps because of what is wrong.
                    let incomplete = faults.is_empty() && readable;
                    let incomplete = incomplete
                        .then(|| self.incomplete(&parsed, name, value))
                        .flatten();
                    let incomplete = incomplete.map(|fault| (fault, false));
                    let faults = faults.into_iter().chain(incomplete);
                    all.extend(faults.map(|(fault, key)| (Located::of(&named(name), fault), key)));
                }
            }
            Some(Err(fault)) => all.push(not_keys(Located::of("[profile]", fault))),
            None => {}
        }
        all.sort_by_key(|(located, _)| located.at.start);
        let all = all.into_iter();
        all.map(|(located, in_key)| Finding::at(text, located, in_key))
            .collect()
    }

    /// What is wrong in one table, with a further check of it.
    fn faults(
        &self,
        name: &Name<'_>,
        value: &Spanned<DeValue<'_>>,
        further: impl Fn(&DeTable<'_>) -> Result<(), Fault>,
    ) -> impl Iterator<Item = (Fault, bool)> {
        let table = match table(value) {
            Ok(table) => table,
            Err(fault) => return vec![(fault, false)].into_iter(),
        };
        let whole = further(table).err();
        let (keys, distrust) = match keys::check(table) {
            Ok(values) => (Vec::new(), self.check_trust(name, values).err()),
            Err(_) => (keys::faults(table), None),
        };
        let whole = whole.map(|fault| (fault, true)).into_iter();
        let whole = whole.chain(distrust.map(|fault| (fault, false)));
        let all: Vec<_> = whole
            .chain(keys.into_iter().map(|fault| (fault, true)))
            .collect();
        all.into_iter()
    }

    /// Why a profile whose keys are right cannot be used.
    fn incomplete(
        &self,
        parsed: &DeTable<'_>,
        name: &Name<'_>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Fault> {
        let layers = Layers {
            defaults: self.defaults(parsed).unwrap_or_default(),
            profile: self.own(name, value).ok(),
        };
        let error = Profile::from_layers(self, name.get_ref(), layers).err()?;
        let said = error.message;
        let from = said.find(&named(name)).map(|at| at + named(name).len() + 2);
        let what = from.and_then(|from| said.get(from..)).unwrap_or(&said);
        Some(Fault {
            hint: error.hint,
            ..Fault::new(name.span(), what)
        })
    }
}

impl Finding {
    fn at(text: &str, located: Located, in_key: bool) -> Self {
        let start = located.at.start.min(text.len());
        let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        Self {
            line: text[..begin].matches('\n').count() + 1,
            column: text[begin..start].chars().count() + 1,
            table: located.profile,
            what: located.what,
            hint: located.hint,
            in_key,
            shown: marked(line, start - begin..located.at.end.max(start) - begin),
        }
    }
}

/// A line as it can be shown, and the marks below a part of it.
fn marked(line: &str, at: Range<usize>) -> [String; 2] {
    let shown = harmless(line);
    let is_shown = line.starts_with(&shown);
    let part = |from: usize, to: usize| shown.get(from..to).unwrap_or_default().width();
    let (before, width) = if at.start <= shown.len() && is_shown {
        let end = at.end.min(shown.len());
        (part(0, at.start), part(at.start, end.max(at.start)))
    } else {
        // What is left out stands at the end.
        let kept = shown.len() - LEFT_OUT.len();
        if at.start < kept {
            (part(0, at.start), part(at.start, at.end.min(kept)))
        } else {
            (part(0, kept), 1)
        }
    };
    let marks = format!("{}{}", " ".repeat(before), "^".repeat(width.max(1)));
    [shown.replace('\t', " "), marks]
}

/// What stands for a value that is not shown.
const LEFT_OUT: &str = "…";

/// A line without what may be a secret: the value of a key that holds one, of a key that is not known, and what belongs
/// to a value of several lines.
fn harmless(line: &str) -> String {
    let words = line.trim_start();
    if words.starts_with(['[', '#']) || words.is_empty() {
        return line
            .split('#')
            .next()
            .unwrap_or_default()
            .trim_end()
            .to_owned();
    }
    let Some((key, _)) = line.split_once('=') else {
        return LEFT_OUT.to_owned();
    };
    let shape = keys::find(key.trim()).map(|key| key.shape);
    let open = match shape {
        None | Some(Shape::Secret | Shape::Token | Shape::Params | Shape::Claims) => false,
        // An address may have a password in it.
        Some(Shape::Endpoint | Shape::Hosts) => !line.contains('@'),
        Some(_) => !line.contains('#'),
    };
    if open {
        return line.trim_end().to_owned();
    }
    format!("{key}= {LEFT_OUT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_without_what_may_be_a_secret() {
        for (line, shown) in [
            ("[profile.corp] # s3cret", "[profile.corp]"),
            ("min_ttl = \"soon\"", "min_ttl = \"soon\""),
            ("min_ttl = 1 # s3cret", "min_ttl = …"),
            ("client_secret = 's3cret'", "client_secret = …"),
            ("client_sceret = 's3cret'", "client_sceret = …"),
            ("issuer = \"https://a:s3cret@b\"", "issuer = …"),
            ("  's3cret',", "…"),
            ("vars.s3cret", "…"),
        ] {
            assert_eq!(harmless(line), shown);
        }
    }

    #[test]
    fn the_marks_stand_below_the_place() {
        let found = |text: &str| Config::from_text(text).findings();
        let shown = |text: &str| found(text).remove(0).shown;
        assert_eq!(
            shown("[profile.p]\nmin_ttl = \"soon\"\n"),
            ["min_ttl = \"soon\"", "          ^^^^^^"]
        );
        assert_eq!(
            shown("[profile.p]\nclient_secret = 7\n"),
            ["client_secret = …", "                ^"]
        );
        assert_eq!(shown("[profil.p]\n"), ["[profil.p]", " ^^^^^^"]);
        assert_eq!(shown("[profile.p]\nclient_id 's3'\n")[0], "…");
    }

    #[test]
    fn everything_is_found_at_once_and_in_order() {
        let text = "[defaults]\npreset = \"github\"\nmin_tll = 1\n[profile.a]\nscopes = 1\npkce = 3\n[profile.b]\n\
                    client_id = \"c\"\n[profile.'-']\n[other]\n";
        let found = Config::from_text(text).findings();
        let lines: Vec<usize> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 3, 5, 6, 7, 9, 10]);
        assert!(Config::from_text("").findings().is_empty());
    }
}
