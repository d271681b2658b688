//! `tokctl providers`: the built-in presets, and what each sets.

use crate::cli::Providers;
use crate::error::{Error, Kind, Result};
use crate::profile::preset;
use crate::secret::Secret;
use crate::ui;

/// Lists the presets, or shows one.
pub fn run(providers: &Providers) -> Result<()> {
    let Some(name) = &providers.name else {
        let width = preset::names().map(str::len).max().unwrap_or(0);
        let lines = preset::names().map(|name| {
            let title = preset::fact(name, "title").unwrap_or_default();
            format!("{name:<width$}  {title}\n")
        });
        return ui::answer(&Secret::new(lines.collect()));
    };
    let Some(text) = preset::text(name) else {
        let near = preset::nearest(name)
            .map_or_else(String::new, |near| format!("; the nearest is {near:?}"));
        return Err(Error::new(
            Kind::UnknownProfile,
            format!("there is no preset {name:?}{near}"),
        )
        .hint("to list them, run: tokctl providers"));
    };
    let redirect = match preset::fact(name, "redirect_uri") {
        Some(uri) => format!("\n# redirect URI to register: {uri}\n"),
        None => String::new(),
    };
    ui::answer(&Secret::new(format!("{text}{redirect}")))
}
