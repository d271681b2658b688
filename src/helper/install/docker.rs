//! docker: a link by whose name docker starts us, and an entry for each registry in `credHelpers` of
//! its configuration, which podman, skopeo and helm read too.

use super::change::Change;
use super::text::Text;
use super::{Job, Plan, taken};
use crate::env;
use crate::error::Result;
use crate::helper::logins;
use crate::helper::registry::{self, is_ours};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;

const HELPERS: &str = "credHelpers";

/// Adds the link and the entries.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(env::docker_config())?;
    let root = parse(&text)?;
    let mut plan = Plan::default();
    let name = format!("docker-credential-{}", suffix(job));
    let link = job.own.link(&name)?;
    plan.changes.extend(link.change);
    if !link.is_found {
        let what = format!(
            "docker looks for {name} on the PATH, and {} is not there: add its directory",
            link.file.display()
        );
        plan.warnings.push(what);
    }
    let lines = add_entries(job, &mut plan, &text, &root)?;
    plan.warnings.extend(other_logins(job, &text, &root));
    if !lines.is_empty() {
        let change = Change::of(&text, root.to_string(), Some(HELPERS.to_owned()), lines);
        plan.changes.extend(change);
    }
    Ok(plan)
}

/// Puts an entry for each registry into the configuration: the lines that it changes.
fn add_entries(
    job: &Job<'_>,
    plan: &mut Plan,
    text: &Text,
    root: &CstRootNode,
) -> Result<Vec<String>> {
    let ours = suffix(job);
    let helpers = root.object_value_or_set().object_value_or_set(HELPERS);
    let mut lines = Vec::new();
    for server in job
        .hosts
        .iter()
        .flat_map(|host| registry::keys(&host.origin))
    {
        let Some(entry) = helpers.get(&server) else {
            lines.push(format!("+ {}", line(&server, &ours)));
            helpers.append(&server, CstInputValue::String(ours.clone()));
            continue;
        };
        match text_of(&entry) {
            Some(there) if there == ours => {}
            Some(there) if is_ours(&there) => {
                let other = there
                    .strip_prefix("tokctl-")
                    .filter(|other| job.is_another(other));
                plan.taken
                    .extend(other.map(|other| format!("{other} for {server}")));
                lines.push(format!("- {}", line(&server, &there)));
                lines.push(format!("+ {}", line(&server, &ours)));
                entry.set_value(CstInputValue::String(ours.clone()));
            }
            there => return Err(occupied(text, &server, there.as_deref())),
        }
    }
    Ok(lines)
}

/// What stays of earlier logins to these registries, here and with docker's kin.
fn other_logins(job: &Job<'_>, text: &Text, root: &CstRootNode) -> Vec<String> {
    let servers = job
        .hosts
        .iter()
        .flat_map(|host| registry::names(&host.origin));
    let servers: Vec<String> = servers.collect();
    let here = servers
        .iter()
        .filter_map(|server| left_over(text, root, server));
    let mut warnings: Vec<String> = here.collect();
    let of_kin = logins::of_kin(&servers);
    let of_kin = of_kin.iter();
    warnings.extend(of_kin.map(|login| format!("{}; {}", login.what(), login.remedy())));
    warnings
}

/// Takes the link and its entries away.
pub fn remove(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(env::docker_config())?;
    let ours = suffix(job);
    let mut plan = Plan::default();
    let root = parse(&text)?;
    let helpers = root
        .object_value()
        .and_then(|root| root.object_value(HELPERS));
    let mut lines = Vec::new();
    for entry in helpers.iter().flat_map(CstObject::properties) {
        if text_of(&entry).as_deref() == Some(&ours) {
            lines.push(format!("- {}", line(&name_of(&entry), &ours)));
            entry.remove();
        }
    }
    if !lines.is_empty() {
        // What we would have made for the first entry goes with the last.
        if helpers.is_some_and(|helpers| helpers.properties().is_empty()) {
            let whole = root.object_value().and_then(|root| root.get(HELPERS));
            whole.into_iter().for_each(CstObjectProp::remove);
        }
        let is_empty = root
            .object_value()
            .is_some_and(|root| root.properties().is_empty());
        let new = if is_empty {
            String::new()
        } else {
            root.to_string()
        };
        plan.changes
            .extend(Change::of(&text, new, Some(HELPERS.to_owned()), lines));
    }
    plan.changes
        .extend(job.own.unlink(&format!("docker-credential-{ours}")));
    Ok(plan)
}

/// What docker puts after `docker-credential-`.
fn suffix(job: &Job<'_>) -> String {
    job.profile
        .map_or_else(|| "tokctl".to_owned(), |name| format!("tokctl-{name}"))
}

/// The configuration, to be edited without a change in what is around.
fn parse(text: &Text) -> Result<CstRootNode> {
    let content = match text.text() {
        blank if blank.trim().is_empty() => "{\n}\n",
        content => content,
    };
    // docker's own parser takes no comments and no trailing commas.
    let value: Value = serde_json::from_str(content)
        .map_err(|cause| text.error(&format!("it is not JSON (line {})", cause.line())))?;
    let fits = value.is_object() && value.get(HELPERS).is_none_or(Value::is_object);
    if !fits {
        return Err(text.error("it is not what docker writes"));
    }
    CstRootNode::parse(content, &ParseOptions::default()).map_err(|_| text.error("it is not JSON"))
}

fn text_of(entry: &CstObjectProp) -> Option<String> {
    entry.value()?.as_string_lit()?.decoded_value().ok()
}

fn name_of(entry: &CstObjectProp) -> String {
    entry
        .name()
        .and_then(|name| name.decoded_value().ok())
        .unwrap_or_default()
}

fn line(server: &str, helper: &str) -> String {
    format!("{}: {}", Value::from(server), Value::from(helper))
}

fn occupied(text: &Text, server: &str, there: Option<&str>) -> crate::error::Error {
    let what = format!(
        "{}: {server} has the helper {:?} already",
        text.path.display(),
        there.unwrap_or_default()
    );
    taken(
        &what,
        &format!("take {server} out of {HELPERS}, and run this again"),
    )
}

/// A password that docker has written down before, which stays there although nobody uses it.
fn left_over(text: &Text, root: &CstRootNode, server: &str) -> Option<String> {
    let auths = root.object_value()?.object_value("auths")?;
    let entry = auths.object_value(server)?;
    let holds = ["auth", "password", "identitytoken", "registrytoken"];
    holds.iter().any(|key| entry.get(key).is_some()).then(|| {
        format!(
            "{} holds a password for {server} in auths, from an earlier docker login: it is not used any more, and can be taken out",
            text.path.display()
        )
    })
}
