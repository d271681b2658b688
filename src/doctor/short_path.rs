//! Whether a program that starts tokctl finds it also where the PATH is short: cron, systemd and editors start
//! git without the directories that a shell's start files add.

use super::Report;
use crate::env::programs;
use std::path::Path;

/// Looks for a helper's program by the word that starts it; the remedy is a whole sentence.
pub fn check(report: &mut Report, name: &'static str, word: &str, remedy: &str) {
    let path = Path::new(word);
    let is_in = |dir: &Path| dir.join(word).exists();
    let what = if path.is_absolute() {
        if path.exists() {
            return;
        }
        format!("{name} starts {word}, which is not there")
    } else if word.contains('/') || programs::SHORT_PATH.iter().any(|dir| is_in(Path::new(dir))) {
        return;
    } else if programs::search_path().iter().any(|dir| is_in(dir)) {
        format!(
            "{name} starts {word} by its name, which cron, systemd and editors do not find on their shorter PATH"
        )
    } else {
        format!("{name} starts {word} by its name, which is not on the PATH")
    };
    report.warn(name, what, remedy);
}
