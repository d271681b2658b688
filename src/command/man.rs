//! `tokctl man`: the manual from inside the binary.

mod pages;
pub mod roff;

use crate::cli::Man;
use crate::env;
use crate::error::{Error, Result};
use crate::files::in_place;
use crate::profile::nearest;
use crate::secret::Secret;
use crate::ui;
pub use pages::find;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// Shows a page, or writes all of them.
pub fn run(man: &Man) -> Result<()> {
    if let Some(directory) = &man.install {
        return install(directory);
    }
    let topic = man.page.join(" ");
    let Some((_, source)) = find(&topic) else {
        return Err(unknown(&topic));
    };
    if man.troff {
        return ui::answer(&Secret::new(source));
    }
    match ui::look().columns {
        Some(_) if shown_by_man(&source) => Ok(()),
        columns => {
            let text = roff::text(&source, columns.unwrap_or(IN_A_PIPE));
            ui::answer(&Secret::new(text))
        }
    }
}

/// As `man` prints a page that goes into a pipe.
const IN_A_PIPE: usize = 80;

fn unknown(topic: &str) -> Error {
    let topics = pages::topics();
    let near = nearest(topic, topics.iter().map(String::as_str));
    let meant = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    Error::usage(format!("there is no page about {topic:?}{meant}"))
        .hint(format!("there are: {}", topics.join(", ")))
}

/// Whether the system's `man` has shown it, with the person's own pager.
fn shown_by_man(source: &str) -> bool {
    let Some(program) = env::program("man") else {
        return false;
    };
    let child = Command::new(program)
        .args(["-l", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return false;
    };
    if let Some(mut input) = child.stdin.take() {
        // Who leaves the pager early has read enough.
        drop(input.write_all(source.as_bytes()));
    }
    child.wait().is_ok_and(|status| status.success())
}

/// Writes every page where `man` finds it: below `man1`, `man5` and `man7`.
fn install(directory: &Path) -> Result<()> {
    for (name, source) in pages::all() {
        let section = name.rsplit_once('.').map_or("1", |(_, section)| section);
        let below = directory.join(format!("man{section}"));
        std::fs::create_dir_all(&below)
            .map_err(|cause| Error::io(below.display(), &cause))
            .and_then(|()| {
                let file = below.join(&name);
                in_place::replace(&file, &source).map_err(|cause| Error::io(file.display(), &cause))
            })?;
    }
    ui::notice(&format!(
        "the manual is in {}; read it with: man tokctl",
        directory.display()
    ));
    Ok(())
}
