//! kubectl: a user in the kubeconfig, named after the profile, written by kubectl itself.

use super::own_program::is_named;
use super::text::{self, Text};
use super::tool::{Copy, Tool};
use super::{Change, Job, Plan, taken};
use crate::env::programs;
use crate::error::Result;
use serde_json::{Value, json};
use std::ffi::OsStr;

const GROUP: &str = "client.authentication.k8s.io";

/// Adds the user. Which context uses it is the person's to say.
pub fn install(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(programs::kubeconfig())?;
    let copy = Copy::of(&text)?;
    let user = user(job);
    let mut plan = Plan::default();
    let there = exec_of(&copy, &user)?;
    if let Some(there) = &there
        && !is_ours(job, there)
    {
        let what = format!(
            "{}: there is a user {user:?} already, which is not ours",
            text.path.display()
        );
        return Err(taken(
            &what,
            &format!("run: kubectl config delete-user {user}"),
        ));
    }
    let wanted = wanted(job, &copy)?;
    edit(&copy, &words(&user, &wanted))?;
    if !wanted["interactiveMode"].is_string() {
        plan.warnings.extend(name_cluster(&copy, &user)?);
    }
    if exec_of(&copy, &user)? != there {
        plan.changes
            .extend(shown(&text, &copy, &user, (there.as_ref(), Some(&wanted)))?);
        plan.warnings.extend(comments(&text));
    }
    plan.advice.push(format!(
        "to use it, run: kubectl config set-context --current --user={user}"
    ));
    Ok(plan)
}

/// Takes the user away.
pub fn remove(job: &Job<'_>) -> Result<Plan> {
    let text = Text::read(programs::kubeconfig())?;
    let mut plan = Plan::default();
    if !text.exists() {
        return Ok(plan);
    }
    let copy = Copy::of(&text)?;
    let user = user(job);
    let Some(there) = exec_of(&copy, &user)?.filter(|there| is_ours(job, there)) else {
        return Ok(plan);
    };
    edit(&copy, &["config", "delete-user", &user].map(str::to_owned))?;
    let left = view(&copy)?;
    plan.warnings.extend(still_used(&left, &user));
    // What kubectl writes where there is nothing to write.
    let parts = ["clusters", "contexts", "users"].map(|part| left[part].as_array());
    if parts.into_iter().flatten().all(Vec::is_empty) {
        copy.set("")?;
    }
    let change = shown(&text, &copy, &user, (Some(&there), None))?;
    plan.changes.extend(change);
    plan.warnings.extend(comments(&text));
    Ok(plan)
}

fn user(job: &Job<'_>) -> String {
    format!("tokctl-{}", job.profile.unwrap_or_default())
}

/// How kubectl is to start us. Before 1.29 it cannot write what v1 demands (`interactiveMode`), and
/// v1beta1 is what it knows for certain.
fn wanted(job: &Job<'_>, copy: &Copy) -> Result<Value> {
    let args = ["helper", "kubectl", job.profile.unwrap_or_default()];
    let help = edit(
        copy,
        &["config", "set-credentials", "--help"].map(str::to_owned),
    )?;
    // We are to be told the cluster's server, and give the token to the profile's hosts only.
    let mut exec = json!({ "apiVersion": format!("{GROUP}/v1beta1"), "args": args, "command": job.own.word,
        "provideClusterInfo": true });
    if help.contains("--exec-interactive-mode") {
        exec["apiVersion"] = format!("{GROUP}/v1").into();
        exec["interactiveMode"] = "Never".into();
    }
    Ok(exec)
}

/// Has a kubectl that has no flag for it name the cluster: what it has written has the field from 1.20 on, and
/// `kubectl config set` cannot set it (1.32).
fn name_cluster(copy: &Copy, user: &str) -> Result<Option<String>> {
    const FIELD: &str = "      provideClusterInfo: ";
    let text = copy.text()?;
    let begins = format!("- name: {user}\n");
    if let Some((before, rest)) = text.split_once(&begins) {
        // To the next user's, or the end.
        let end = rest.find("\n- ").unwrap_or(rest.len());
        let (own, after) = rest.split_at(end);
        let own = own.replacen(&format!("{FIELD}false"), &format!("{FIELD}true"), 1);
        copy.set(&format!("{before}{begins}{own}{after}"))?;
    }
    let named = exec_of(copy, user)?.is_some_and(|exec| exec["provideClusterInfo"] == true);
    Ok((!named).then(|| {
        "this kubectl does not say which cluster it asks for: the token goes to the server of every context that uses \
         the user"
            .to_owned()
    }))
}

fn words(user: &str, exec: &Value) -> Vec<String> {
    let text = |key: &str| exec[key].as_str().unwrap_or_default().to_owned();
    let mut words = ["config", "set-credentials", user]
        .map(str::to_owned)
        .to_vec();
    words.push(format!("--exec-command={}", text("command")));
    words.push(format!("--exec-api-version={}", text("apiVersion")));
    for word in exec["args"].as_array().into_iter().flatten() {
        words.push(format!("--exec-arg={}", word.as_str().unwrap_or_default()));
    }
    if exec["interactiveMode"].is_string() {
        words.push(format!(
            "--exec-interactive-mode={}",
            text("interactiveMode")
        ));
        words.push("--exec-provide-cluster-info=true".to_owned());
    }
    words
}

/// Runs kubectl with the copy as its only configuration.
fn edit(copy: &Copy, words: &[String]) -> Result<String> {
    let tool = Tool {
        program: "kubectl",
        env: vec![("KUBECONFIG", copy.path().to_owned())],
        copy: Some(copy),
    };
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    tool.run(&words)
}

/// The copy as kubectl understands it.
fn view(copy: &Copy) -> Result<Value> {
    let text = edit(
        copy,
        &["config", "view", "--raw", "--output=json"].map(str::to_owned),
    )?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// How a user is authenticated, if there is one of that name: its `exec`, or null.
fn exec_of(copy: &Copy, user: &str) -> Result<Option<Value>> {
    let view = view(copy)?;
    let users = view["users"].as_array();
    let found = users
        .into_iter()
        .flatten()
        .find(|entry| entry["name"] == *user);
    Ok(found.map(|entry| entry["user"]["exec"].clone()))
}

fn is_ours(job: &Job<'_>, exec: &Value) -> bool {
    let command = exec["command"].as_str();
    command.is_some_and(|word| job.own.is_us(word)) && exec["args"][1] == "kubectl"
}

/// The words by which the kubeconfigs start us: as kubectl writes them, a line each, in YAML or JSON.
pub fn starts() -> Vec<String> {
    let files = programs::kubeconfigs();
    let texts = files.iter().filter_map(|file| text::content(file));
    let mut words = Vec::new();
    for text in texts {
        let commands = text.lines().filter_map(|line| {
            let (key, value) = line.trim().split_once(':')?;
            (key.trim_matches('"') == "command").then(|| value.trim().trim_end_matches(','))
        });
        let commands = commands.map(|value| value.trim_matches(['"', '\'']));
        words.extend(commands.filter(|word| is_named(word)).map(str::to_owned));
    }
    words
}

fn still_used(view: &Value, user: &str) -> Vec<String> {
    let contexts = view["contexts"].as_array();
    let using = contexts
        .into_iter()
        .flatten()
        .filter(|entry| entry["context"]["user"] == *user);
    let told = using.map(|entry| {
        let name = entry["name"].as_str().unwrap_or_default();
        format!("the context {name:?} still names the user {user:?}")
    });
    told.collect()
}

fn comments(text: &Text) -> Option<String> {
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    text.text().lines().any(is_comment).then(|| {
        format!(
            "{}: kubectl writes the file anew, and its comments go",
            text.path.display()
        )
    })
}

fn shown(
    text: &Text,
    copy: &Copy,
    user: &str,
    (before, after): (Option<&Value>, Option<&Value>),
) -> Result<Option<Change>> {
    let line = |sign: char, exec: &Value| format!("{sign} exec: {exec}");
    let lines = [
        before.map(|exec| line('-', exec)),
        after.map(|exec| line('+', exec)),
    ];
    let lines = lines.into_iter().flatten().collect();
    Ok(Change::of(
        text,
        copy.text()?,
        Some(format!("user {user}")),
        lines,
    ))
}
