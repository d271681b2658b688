//! `tokctl config check`: everything that is wrong in the file, each with its line.

use crate::cli::{ConfigCheck, Global};
use crate::error::{Error, Result, io_cause};
use crate::profile::Finding;
use crate::profile::config::Config;
use crate::secret::Secret;
use crate::ui;
use serde_json::{Value, json};
use std::path::Path;

/// Checks the file: no word and exit code 0 where nothing is wrong, as a compiler does.
///
/// # Errors
/// The number of faults, once each has been told.
pub fn run(global: &Global, check: &ConfigCheck) -> Result<()> {
    let config = Config::load(global.config.as_deref())?;
    let findings = config.findings();
    if check.json {
        let all: Vec<Value> = findings.iter().map(as_json).collect();
        ui::answer(&Secret::new(format!("{}\n", Value::Array(all))))?;
    } else {
        tell(config.path(), &findings);
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(faults(count)),
    }
}

/// Shows each fault with its line on stderr.
pub fn tell(path: Option<&Path>, findings: &[Finding]) {
    let path = path.map_or_else(String::new, |path| format!("{}:", path.display()));
    for finding in findings {
        let Finding { line, column, .. } = finding;
        let table = finding.table.as_ref();
        let table = table.map_or_else(String::new, |table| format!("{table}: "));
        let [text, marks] = &finding.shown;
        let hint = finding.hint.as_ref();
        let hint = hint.map_or_else(String::new, |hint| format!("  {hint}\n"));
        ui::show(&format!(
            "{path}{line}:{column}: {table}{}\n    {text}\n    {marks}\n{hint}",
            finding.what
        ));
    }
}

/// That there are so many.
pub fn faults(count: usize) -> Error {
    let words = if count == 1 { "thing is" } else { "things are" };
    Error::config(format!("{count} {words} wrong in the configuration"))
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "line": finding.line,
        "column": finding.column,
        "table": finding.table,
        "message": finding.what,
        "hint": finding.hint,
    })
}

/// What is wrong in a text that is to become the file.
pub fn of_text(path: &Path, text: &str) -> Vec<Finding> {
    Config::from_excerpt(Some(path.to_owned()), text.to_owned()).findings()
}

/// The words of the system about a file.
pub fn file_error(path: &Path, cause: &std::io::Error) -> Error {
    Error::config(format!("{}: {}", path.display(), io_cause(cause)))
}
