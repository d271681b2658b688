//! Which variable of the command's environment is for which profile's token.

use crate::cli;
use crate::env;
use crate::error::{Error, Result};

/// One variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub profile: String,
}

/// Reads `--env` and the profiles: one profile goes into `TOKCTL_TOKEN`, several into
/// `TOKCTL_TOKEN_<PROFILE>` each, from where a `tokctl get` of the command takes them too; files go into
/// `TOKCTL_FILE` and `TOKCTL_FILE_<PROFILE>`.
pub fn read(exec: &cli::Exec) -> Result<Vec<Variable>> {
    let mut variables = Vec::new();
    let mut unnamed = Vec::new();
    for word in &exec.env {
        match word.split_once('=') {
            Some((name, profile)) if !profile.is_empty() => variables.push(Variable {
                name: name.to_owned(),
                profile: profile.to_owned(),
            }),
            Some(_) => {
                return Err(Error::usage(format!(
                    "--env {word}: there is no profile after ="
                )));
            }
            None => unnamed.push(word),
        }
    }
    match (exec.profiles.as_slice(), unnamed.as_slice()) {
        ([], []) if variables.is_empty() => {
            return Err(
                Error::usage("there is no profile").hint("run: tokctl exec PROFILE -- COMMAND")
            );
        }
        ([profile], [_, ..]) => variables.extend(unnamed.into_iter().map(|name| Variable {
            name: name.clone(),
            profile: profile.clone(),
        })),
        (_, [name, ..]) => {
            let what = format!("--env {name} is for one profile");
            return Err(Error::usage(what).hint(format!("name each one: --env {name}=PROFILE")));
        }
        ([profile], []) => variables.push(Variable {
            name: usual(exec).to_owned(),
            profile: profile.clone(),
        }),
        (profiles, []) => variables.extend(profiles.iter().map(|profile| Variable {
            name: format!("{}_{}", usual(exec), env::variable_part(profile)),
            profile: profile.clone(),
        })),
    }
    check(&variables, exec)?;
    Ok(variables)
}

fn usual(exec: &cli::Exec) -> &'static str {
    if exec.file || exec.refresh {
        "TOKCTL_FILE"
    } else {
        "TOKCTL_TOKEN"
    }
}

fn check(variables: &[Variable], exec: &cli::Exec) -> Result<()> {
    for (at, variable) in variables.iter().enumerate() {
        let name = &variable.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(plain)
            || name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(Error::usage(format!("{name:?} is no name for a variable")));
        }
        if variables[..at].iter().any(|other| other.name == *name) {
            return Err(Error::usage(format!("the variable {name} is given twice")));
        }
    }
    let wanted = &exec.wanted;
    let shaped = wanted.token.is_some()
        || !wanted.scope.is_empty()
        || wanted.audience.is_some()
        || !wanted.resource.is_empty();
    let one = variables
        .iter()
        .all(|variable| variable.profile == variables[0].profile);
    if shaped && !one {
        return Err(Error::usage(
            "--token, --scope, --audience and --resource are for one profile",
        ));
    }
    Ok(())
}
