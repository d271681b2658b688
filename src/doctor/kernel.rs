//! The kernel keyring, where access tokens are cached.

use super::Report;
use crate::store::kernel::{self, Ring};

/// Puts a key in, and takes it out again.
pub fn check(report: &mut Report) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let name = format!("tokctl:doctor:{}", std::process::id());
    let kept = kernel::put(Ring::User, &name, (b"probe", 10));
    let found = kernel::get(Ring::User, &name);
    kernel::forget(Ring::User, &name);
    if kept && found.is_some_and(|found| found.as_slice() == b"probe") {
        return report.ok("kernel keyring", "keeps access tokens until they expire");
    }
    report.warn(
        "kernel keyring",
        "it takes nothing: barred here (as in many containers), or full (/proc/key-users)",
        "nothing has to be done: each call then reads the store itself, and is slower",
    );
}
