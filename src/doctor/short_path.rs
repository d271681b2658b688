//! Whether a program that starts tokctl finds it also where the PATH is short: cron, systemd and editors start
//! git without the directories that a shell's start files add.

use super::Report;
use crate::env::programs;
use std::path::Path;

/// Looks for a helper's program by the word that starts it.
pub fn check(report: &mut Report, name: &'static str, word: &str, remedy: &str) {
    let path = Path::new(word);
    let what = if path.is_absolute() {
        if path.exists() {
            return;
        }
        format!("{name} starts {word}, which is not there")
    } else {
        let is_found = |dir: &&str| Path::new(dir).join(word).exists();
        if word.contains('/') || programs::SHORT_PATH.iter().any(is_found) {
            return;
        }
        format!(
            "{name} starts {word} by its name, which cron, systemd and editors do not find on their shorter PATH"
        )
    };
    report.warn(name, what, format!("write its path down: {remedy}"));
}
