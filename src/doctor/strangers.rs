//! What is kept for names that are no profiles any more.

use super::Report;
use crate::error::shell_word;
use crate::profile::config::Config;
use crate::token::strangers;
use std::path::Path;

/// Names each, with what ends it.
pub fn check(report: &mut Report, config: Option<&Config>, state: Option<&Path>) {
    let (Some(config), Some(state)) = (config, state) else {
        return;
    };
    for note in strangers::of(config, state).unwrap_or_default() {
        let name = &note.profile;
        let is_grant = note.refreshable || note.has_token || note.unrevoked > 0;
        let thing = if is_grant { "a grant" } else { "something" };
        let what =
            format!("{thing} is kept for {name}, which is in the configuration file no more");
        let remedy = format!(
            "to end and erase it, run: tokctl remove {}",
            shell_word(name)
        );
        report.warn("left behind", what, remedy);
    }
}
