//! `tokctl config edit`: a copy of the file in the person's editor; it takes the file's place once nothing is wrong in it.

use super::Turn;
use super::check;
use crate::bounded;
use crate::cli::Global;
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::files::{self, in_place};
use crate::profile::config::{Config, MAX_BYTES};
use crate::program;
use crate::ui;
use std::io::Write;
use std::path::Path;
use tempfile::NamedTempFile;

/// Lets the person edit until it is right, or given up.
///
/// # Errors
/// An editor that fails, a text that stays wrong, and a file that has been changed by somebody else meanwhile.
pub fn run(global: &Global) -> Result<()> {
    let config = Config::load_to_change(global.config.as_deref())?;
    let path = config.path().ok_or_else(|| {
        let what = "there is no home directory for the configuration";
        Error::new(Kind::Io, what).hint("set HOME or TOKCTL_CONFIG")
    })?;
    let before = config.whole()?.to_owned();
    let copy = copy(path, &before)?;
    loop {
        program::edit(&env::editor(), copy.path()).map_err(|why| {
            let what = format!("the editor {:?}: {why}; nothing is changed", env::editor());
            Error::new(Kind::Io, what).hint("name another one in VISUAL or EDITOR")
        })?;
        let text = files::open_regular(copy.path())
            .and_then(|file| bounded::text(file, MAX_BYTES))
            .map_err(|cause| check::file_error(copy.path(), &cause))?;
        if text == before {
            ui::notice("nothing is changed");
            return Ok(());
        }
        let findings = check::of_text(path, &text);
        if findings.is_empty() {
            return keep(global, &before, &text, copy);
        }
        check::tell(Some(path), &findings);
        if !again()? {
            let error = check::faults(findings.len());
            return Err(error.hint("the file is as it was before"));
        }
    }
}

/// A person who made a mistake wants to mend it.
fn again() -> Result<bool> {
    if !ui::can_ask() {
        return Ok(false);
    }
    let answer = ui::ask("edit again? [Y/n]: ")?.unwrap_or_else(|| "n".to_owned());
    Ok(!answer.trim().to_ascii_lowercase().starts_with('n'))
}

/// The copy is beside the file, so that what relates to its directory holds, and nobody else can read it.
fn copy(path: &Path, text: &str) -> Result<NamedTempFile> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let made = in_place::create_dir(dir).and_then(|()| {
        let mut builder = tempfile::Builder::new();
        let mut copy = builder
            .prefix(".tokctl-")
            .suffix(".toml")
            .tempfile_in(dir)?;
        copy.write_all(text.as_bytes())?;
        copy.flush()?;
        Ok(copy)
    });
    made.map_err(|cause| check::file_error(dir, &cause))
}

fn keep(global: &Global, before: &str, text: &str, copy: NamedTempFile) -> Result<()> {
    let turn = Turn::take(global)?;
    if turn.config.whole()? == before {
        return turn.write(text, "nothing is changed");
    }
    let what = format!("{} has been changed meanwhile", turn.path().display());
    let error = Error::new(Kind::Io, what);
    Err(match copy.keep() {
        Ok((_, kept)) => error.hint(format!("what you have written is in {}", kept.display())),
        Err(_) => error,
    })
}
