//! The text of the built-in presets, and where each begins in it.

/// All presets, a table each.
pub const PRESETS: &str = include_str!("presets.toml");

/// What begins a preset's table, before its name.
pub const HEAD: &str = "[preset.";

/// How many tables there are, with those below a preset's own.
const COUNT: usize = count();

/// Where each table begins, found when this is compiled: a search costs each cached answer a thirtieth, and `status` of
/// many profiles as much for each.
static TABLES: [u32; COUNT] = tables();

/// The names of all presets, in the order of the file.
pub fn all() -> impl Iterator<Item = &'static str> {
    let heads = TABLES.iter().filter_map(|at| name_at(*at));
    // A table of its own below a preset's is no preset.
    heads.filter(|name| !name.contains('.'))
}

/// The text from a preset's table on.
pub fn from(name: &str) -> Option<&'static str> {
    let is_its = |at: &&u32| {
        let rest = PRESETS[start(**at) + HEAD.len()..].strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with("]\n"))
    };
    let at = TABLES.iter().find(is_its)?;
    Some(&PRESETS[start(*at)..])
}

fn name_at(at: u32) -> Option<&'static str> {
    let rest = &PRESETS[start(at) + HEAD.len()..];
    Some(rest.split_once(']')?.0)
}

fn start(at: u32) -> usize {
    usize::try_from(at).expect("32 bits or more")
}

const fn is_head(text: &[u8], at: usize) -> bool {
    let head = HEAD.as_bytes();
    if at + head.len() > text.len() || at > 0 && text[at - 1] != b'\n' {
        return false;
    }
    let mut of = 0;
    while of < head.len() {
        if text[at + of] != head[of] {
            return false;
        }
        of += 1;
    }
    true
}

const fn count() -> usize {
    let text = PRESETS.as_bytes();
    let (mut at, mut found) = (0, 0);
    while at < text.len() {
        if text[at] == b'[' && is_head(text, at) {
            found += 1;
        }
        at += 1;
    }
    found
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the file is far below 4 GB"
)]
const fn tables() -> [u32; COUNT] {
    let text = PRESETS.as_bytes();
    let mut tables = [0; COUNT];
    let (mut at, mut found) = (0, 0);
    while at < text.len() {
        if text[at] == b'[' && is_head(text, at) {
            tables[found] = at as u32;
            found += 1;
        }
        at += 1;
    }
    tables
}
