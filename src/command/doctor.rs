//! `tokctl doctor`: what works and what does not, fit to be pasted into a bug report.

use crate::cli::{Doctor, Global};
use crate::doctor;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::ui;

/// Prints the report whatever is in it; a problem is the exit code.
pub fn run(global: &Global, args: &Doctor) -> Result<()> {
    let report = doctor::examine(
        global.config.as_deref(),
        args.profile.as_deref(),
        args.offline,
    );
    let text = if args.json {
        format!("{}\n", report.json())
    } else {
        report.lines(ui::look())
    };
    ui::answer(&Secret::new(text))?;
    let Some(kind) = report.worst() else {
        return Ok(());
    };
    let what = match report.count("problem") {
        1 => "1 problem was found".to_owned(),
        many => format!("{many} problems were found"),
    };
    Err(Error::new(kind, what))
}
