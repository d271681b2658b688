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

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    /// What stands between `exec` and the command, and the variables that it makes, or a part of the error.
    const CALLS: &str = "
        p                        => TOKCTL_TOKEN=p
        p --file                 => TOKCTL_FILE=p
        p --refresh              => TOKCTL_FILE=p
        p --env A                => A=p
        p --env A --env B_1      => A=p B_1=p
        --env A=p                => A=p
        p --env A=q              => A=q TOKCTL_TOKEN=p
        p q                      => TOKCTL_TOKEN_P=p TOKCTL_TOKEN_Q=q
        p q --file               => TOKCTL_FILE_P=p TOKCTL_FILE_Q=q
        p --scope s              => TOKCTL_TOKEN=p
        --env A=p --env B=p --scope s => A=p B=p
        --env A=p --env B=q      => A=p B=q
        -q                       => error: there is no profile
        --env A=                 => error: there is no profile after =
        --env A                  => error: --env A is for one profile
        p q --env A              => error: --env A is for one profile
        p --env 1A               => error: \"1A\" is no name for a variable
        p --env A-B              => error: \"A-B\" is no name for a variable
        --env =p                 => error: \"\" is no name for a variable
        --env A=p --env A=q      => error: the variable A is given twice
        p q --scope s            => error: are for one profile
        p q --audience a         => error: are for one profile
        p q --resource https://r => error: are for one profile
        p q --token id           => error: are for one profile
    ";

    #[test]
    fn each_profile_s_token_has_its_variable() {
        for row in CALLS.lines().filter(|row| row.contains("=> ")) {
            let (call, expected) = row.trim().split_once("=> ").expect("a row");
            let line = format!("tokctl exec {call} -- c");
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let parsed = cli::parse(&words).unwrap_or_else(|error| panic!("{row}: {error}"));
            let cli::Command::Exec(exec) = parsed.command else {
                panic!("{row} is another command");
            };
            match (read(&exec), expected.strip_prefix("error: ")) {
                (Ok(found), None) => {
                    let found = found
                        .iter()
                        .map(|one| format!("{}={}", one.name, one.profile));
                    assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{row}");
                }
                (Err(error), Some(part)) => {
                    assert!(error.message.contains(part), "{row}: {error:?}");
                }
                (found, _) => panic!("{row}: {found:?}"),
            }
        }
    }
}
