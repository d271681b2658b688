//! go's list of those whom it asks for credentials: one that it cannot read ends every command that needs the
//! network.

use super::{Report, short_path};
use crate::bounded;
use crate::env::{self, programs};
use crate::files;
use crate::helper::goauth;

/// The file has a line a variable.
const MAX_BYTES: u64 = 1024 * 1024;

/// Looks at the variable, else at go's own file.
pub fn check(report: &mut Report) {
    let file = programs::go_env();
    let text = file
        .as_ref()
        .and_then(|file| files::open_regular(file).ok())
        .and_then(|file| bounded::text(file, MAX_BYTES).ok());
    let of_file = text.as_deref().and_then(goauth::setting).map(str::to_owned);
    let (place, list) = match (env::var("GOAUTH"), file, of_file) {
        (Some(list), ..) => ("the variable GOAUTH".to_owned(), list),
        (None, Some(file), Some(list)) => (format!("GOAUTH in {}", file.display()), list),
        _ => return,
    };
    if let Some(why) = goauth::fault(&list) {
        report.warn(
            "go",
            format!("{place} {why}, so that go commands that need the network fail"),
            "mend the list: go env -w GOAUTH='COMMAND; netrc', or go env -u GOAUTH",
        );
    }
    let ours = || goauth::entries(&list).filter(|entry| goauth::is_ours(entry));
    for program in ours().filter_map(goauth::program) {
        short_path::check(
            report,
            "go",
            program,
            "write its path down: tokctl helper install go PROFILE",
        );
    }
    if ours().next().is_some() && goauth::fault(&list).is_none() {
        report.ok("go", format!("{place} asks tokctl"));
    }
}
