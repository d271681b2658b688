//! The profile that is being put together, before it is in any file.

use crate::cli::Add;
use crate::error::{Error, Kind, Result, about};
use crate::profile::config::Config;
use crate::profile::edit::{Keys, There};
use crate::profile::{EndpointKind, Endpoints, Profile, preset};
use crate::secret::Secret;
use std::path::{Path, PathBuf};
use toml_edit::{Array, InlineTable, Value};

/// Where the client secret comes from.
#[derive(Clone, Default)]
pub enum Origin {
    /// There is none.
    #[default]
    None,
    /// From the person or stdin, to be kept in the profile's store.
    Given(Secret),
    Env(String),
    File(PathBuf),
    Credential(String),
}

/// What is known so far.
#[derive(Clone, Default)]
pub struct Draft {
    pub name: String,
    /// What becomes of a profile that has this name.
    pub there: There,
    pub preset: Option<String>,
    pub vars: Vec<(String, String)>,
    pub issuer: Option<String>,
    pub endpoints: Endpoints<String>,
    pub ca_file: Option<PathBuf>,
    pub client_id: Option<String>,
    pub secret: Origin,
    pub client_auth: Option<String>,
    pub redirect_uri: Option<String>,
    pub grant: Option<String>,
    pub scope: Vec<String>,
    pub audience: Option<String>,
    pub hosts: Vec<String>,
    pub store: Option<String>,
}

impl Draft {
    /// What the command line says, but for the secret itself.
    pub fn from_flags(add: &Add) -> Result<Self> {
        let name = add.name.clone().unwrap_or_default();
        let addresses = add.issuer.is_some() || add.token_endpoint.is_some();
        let known = preset::names().any(|known| known == name);
        if known && addresses && add.preset.is_none() && !add.change {
            let what = format!(
                "{name:?} is the name of a preset, whose addresses would be mixed with these"
            );
            return Err(Error::usage(what).hint(format!(
                "choose another name, or say --preset {name} if that is meant"
            )));
        }
        let preset = add.preset.clone().or_else(|| known.then(|| name.clone()));
        check_preset(preset.as_deref(), &add.vars)?;
        Ok(Self {
            name,
            there: match add {
                Add { change: true, .. } => There::Changed,
                Add { force: true, .. } => There::Replaced,
                _ => There::Kept,
            },
            preset,
            vars: add.vars.clone(),
            issuer: add.issuer.clone(),
            endpoints: Endpoints::of(|kind| flag(add, kind).cloned()),
            ca_file: absolute(add.ca_file.as_ref())?,
            client_id: add.client_id.clone(),
            secret: match add {
                Add {
                    client_secret_env: Some(name),
                    ..
                } => Origin::Env(name.clone()),
                Add {
                    client_secret_credential: Some(name),
                    ..
                } => Origin::Credential(name.clone()),
                Add {
                    client_secret_file: Some(file),
                    ..
                } => Origin::File(absolute(Some(file))?.unwrap_or_default()),
                _ => Origin::None,
            },
            client_auth: add.client_auth.clone(),
            redirect_uri: add.redirect_uri.clone(),
            grant: add.grant.clone(),
            scope: crate::profile::split_scope(&add.scope),
            audience: add.audience.clone(),
            hosts: add.hosts.clone(),
            store: add.store.clone(),
        })
    }

    /// Whether there is a server.
    pub fn has_server(&self) -> bool {
        self.preset.is_some() || self.issuer.is_some() || self.endpoints.has(EndpointKind::Token)
    }

    /// As it is to stand in the file.
    pub fn keys(&self) -> Keys {
        let text = |value: &Option<String>| value.as_deref().map(Value::from);
        let endpoint = |kind: EndpointKind| {
            let url = self.endpoints.get(kind).map(Value::from);
            (kind.name(), url)
        };
        let list = |texts: &[String]| (!texts.is_empty()).then(|| array(texts));
        // A profile starts from the preset of its own name without being told.
        let preset = self.preset.as_deref().filter(|preset| *preset != self.name);
        let keys = [
            ("preset", preset.map(Value::from)),
            ("vars", self.vars_key()),
            ("issuer", text(&self.issuer)),
            endpoint(EndpointKind::Token),
            endpoint(EndpointKind::Authorization),
            endpoint(EndpointKind::DeviceAuthorization),
            endpoint(EndpointKind::Revocation),
            ("client_id", text(&self.client_id)),
            ("client_secret", self.secret_key()),
            ("client_auth", text(&self.client_auth)),
            ("grant", text(&self.grant)),
            ("redirect_uri", text(&self.redirect_uri)),
            ("scope", list(&self.scope)),
            ("audience", text(&self.audience)),
            ("hosts", list(&self.all_hosts())),
            ("store", text(&self.store)),
            ("ca_file", self.ca_file.as_deref().map(path)),
        ];
        let set = keys
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        set.collect()
    }

    /// Those of the command line beside the preset's, in whose place the key would come.
    fn all_hosts(&self) -> Vec<String> {
        if self.hosts.is_empty() {
            return Vec::new();
        }
        let given = self.hosts.iter().map(|host| whole_host(host));
        let given: Vec<String> = given.collect();
        let filled = |host: &String| {
            let vars = self.vars.iter();
            vars.fold(host.clone(), |host, (name, value)| {
                host.replace(&format!("{{{name}}}"), value)
            })
        };
        let preset = self.preset.as_deref().unwrap_or(&self.name);
        let mut hosts = preset::hosts(preset);
        hosts.retain(|host| !given.contains(&filled(host)));
        hosts.extend(given);
        hosts
    }

    fn vars_key(&self) -> Option<Value> {
        let vars = self
            .vars
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        (!self.vars.is_empty()).then(|| vars.collect::<InlineTable>().into())
    }

    fn secret_key(&self) -> Option<Value> {
        let (source, value) = match &self.secret {
            Origin::None => return None,
            Origin::Given(_) => ("keyring", Value::from(true)),
            Origin::Env(name) => ("env", name.as_str().into()),
            Origin::File(file) => ("file", path(file)),
            Origin::Credential(name) => ("systemd_credential", name.as_str().into()),
        };
        Some(InlineTable::from_iter([(source, value)]).into())
    }

    /// The profile that a configuration with this text gives, checked as every profile is. What is
    /// wrong with it came from the command line or from an answer.
    pub fn profile(&self, config: &Config) -> Result<Profile> {
        Profile::load(config, &self.name).map_err(|error| self.usage(&error.to_string()))
    }

    fn usage(&self, message: &str) -> Error {
        // Without the place in a text that is not written.
        let label = about(&self.name, "");
        let what = message.split_once(&label).map_or(message, |(_, what)| what);
        let error = Error::about(&self.name, Kind::Usage, what);
        match what
            .split_once("needs vars = { ")
            .and_then(|(_, rest)| rest.split_once(' '))
        {
            Some((name, _)) => error.hint(format!("say --var {name}=VALUE")),
            None => error,
        }
    }
}

/// A server as it stands in the file.
pub fn whole_host(host: &str) -> String {
    if host.contains("://") {
        host.to_owned()
    } else {
        format!("https://{host}")
    }
}

/// That there is such a preset, and that it has such variables.
fn check_preset(preset: Option<&str>, vars: &[(String, String)]) -> Result<()> {
    let Some(preset) = preset else {
        return Ok(());
    };
    if !preset::names().any(|known| known == preset) {
        let near = preset::meant(preset);
        return Err(Error::usage(format!("there is no preset {preset:?}{near}"))
            .hint("to list them, run: tokctl providers"));
    }
    let known: Vec<String> = preset::vars(preset)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let unknown = vars.iter().find(|(name, _)| !known.contains(name));
    match unknown {
        Some((name, _)) => {
            let has = match known.as_slice() {
                [] => "none".to_owned(),
                known => known.join(", "),
            };
            let what = format!("--var: the preset {preset:?} has no variable {name:?}");
            Err(Error::usage(what).hint(format!("its variables: {has}")))
        }
        None => Ok(()),
    }
}

fn path(file: &Path) -> Value {
    file.to_string_lossy().into_owned().into()
}

fn array(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(String::as_str).collect::<Array>())
}

/// A file of the command line begins at the current directory, one of the configuration at its own.
fn absolute(file: Option<&PathBuf>) -> Result<Option<PathBuf>> {
    let absolute = |file: &PathBuf| {
        std::path::absolute(file).map_err(|cause| Error::io(file.display(), &cause))
    };
    file.map(absolute).transpose()
}
/// An endpoint's flag.
fn flag(add: &Add, kind: EndpointKind) -> Option<&String> {
    match kind {
        EndpointKind::Token => add.token_endpoint.as_ref(),
        EndpointKind::Authorization => add.authorization_endpoint.as_ref(),
        EndpointKind::DeviceAuthorization => add.device_authorization_endpoint.as_ref(),
        EndpointKind::Revocation => add.revocation_endpoint.as_ref(),
        EndpointKind::PushedAuthorizationRequest => None,
    }
}
