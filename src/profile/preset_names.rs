//! The text of the built-in presets, and their names.

/// All presets, a table each.
pub const PRESETS: &str = include_str!("presets.toml");

/// The names of all presets, in the order of the file.
pub fn all() -> impl Iterator<Item = &'static str> {
    let heads = PRESETS
        .lines()
        .filter_map(|line| line.strip_prefix("[preset.")?.strip_suffix(']'));
    // A table of its own below a preset's is no preset.
    heads.filter(|name| !name.contains('.'))
}
