//! What `tokctl doctor` has found, as a test reads it.

use super::run::Run;

/// The lines about a thing, with their hints, and the status of the worst of them.
#[track_caller]
pub fn about(run: &Run, name: &str) -> String {
    let mut found = String::new();
    let mut ours = false;
    for line in run.stdout.lines() {
        if !line.starts_with(' ') {
            ours = line
                .get(9..)
                .is_some_and(|rest| rest.starts_with(&format!("{name}:")));
        }
        if ours {
            found.push_str(line);
            found.push('\n');
        }
    }
    assert!(!found.is_empty(), "no line about {name}: {run:?}");
    found
}

#[track_caller]
pub fn no_problem(run: &Run) {
    assert!(
        run.code == 0 && run.stderr.is_empty() && !run.stdout.contains("problem"),
        "{run:?}"
    );
}

/// The thing is a problem just where it makes the exit code.
#[track_caller]
pub fn finds(run: &Run, name: &str, words: &str, hint: &str, code: i32) {
    let found = about(run, name);
    let told = found.contains(words) && found.contains(hint);
    assert!(
        told && run.code == code,
        "{name}, {words}, {hint}, {code}: {run:?}"
    );
    assert_eq!(run.stderr.is_empty(), code == 0, "{run:?}");
    assert_eq!(
        found.contains("problem "),
        code != 0 && name != "login",
        "{found}"
    );
}
