//! What kubectl, cargo, bazel and terraform start for a token, as their own files have it.

use super::{Report, short_path};
use crate::helper::{Mode, install};

/// Looks at each program's file; nothing is said of one that does not ask tokctl.
pub fn check(report: &mut Report) {
    for mode in [Mode::Kubectl, Mode::Cargo, Mode::Bazel, Mode::Terraform] {
        let name = mode.name();
        let mut words = install::starts(mode);
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            continue;
        }
        let before = report.count("warning");
        let remedy = format!("write its path down: tokctl helper install {name} PROFILE");
        for word in &words {
            short_path::check(report, name, word, &remedy);
        }
        if report.count("warning") == before {
            report.ok(name, format!("asks tokctl: it starts {}", words.join(", ")));
        }
    }
}
