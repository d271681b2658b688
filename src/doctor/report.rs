//! The findings, in the order in which they were made, free of secrets.

use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::text;
use serde_json::{Value, json};

/// A line of a report is at most this long, in characters.
const MAX_DETAIL: usize = 500;

/// A shorter text than this is found in too many words that have nothing to do with it.
const LEAST_SECRET: usize = 4;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    /// It works, and could work better or more safely.
    Warning,
    /// It does not work; the kind says what a script should do.
    Problem(Kind),
}

impl Status {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem(_) => "problem",
        }
    }
}

/// What was found of one thing.
struct Finding {
    name: String,
    status: Status,
    detail: String,
    hint: Option<String>,
}

/// All findings, and the secrets that no line may show.
#[derive(Default)]
pub struct Report {
    findings: Vec<Finding>,
    secrets: Vec<Secret>,
}

impl Report {
    /// Something works.
    pub fn ok(&mut self, name: impl Into<String>, detail: impl Into<String>) {
        self.add(Finding {
            name: name.into(),
            status: Status::Ok,
            detail: detail.into(),
            hint: None,
        });
    }

    /// Something could be better.
    pub fn warn(
        &mut self,
        name: impl Into<String>,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Finding {
            name: name.into(),
            status: Status::Warning,
            detail: detail.into(),
            hint: Some(hint.into()),
        });
    }

    /// Something does not work.
    pub fn problem(&mut self, name: impl Into<String>, error: &Error) {
        self.add(Finding {
            name: name.into(),
            status: Status::Problem(error.kind),
            detail: error.to_string(),
            hint: error.hint.clone(),
        });
    }

    /// The value, or its error as a problem.
    pub fn of<T>(&mut self, name: &str, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.problem(name, &error)).ok()
    }

    /// Keeps a secret's text out of every line, whatever quotes it.
    pub fn keep_out(&mut self, secret: &Secret) {
        if secret.len() >= LEAST_SECRET {
            self.secrets.push(secret.clone());
        }
    }

    fn add(&mut self, finding: Finding) {
        let detail = bare(&finding.detail).to_owned();
        self.findings.push(Finding { detail, ..finding });
    }

    /// The problem to mend first, if there is one: what others follow from comes before them.
    pub fn worst(&self) -> Option<Kind> {
        let problems = self
            .findings
            .iter()
            .filter_map(|finding| match finding.status {
                Status::Problem(kind) => Some(kind),
                _ => None,
            });
        problems.min_by_key(|kind| match kind.exit_code() {
            3 => 0,
            7 => 1,
            1 | 2 => 2,
            5 => 3,
            4 => 4,
            _ => 5,
        })
    }

    /// How many findings are as bad as `name`.
    pub fn count(&self, name: &str) -> usize {
        let alike = |finding: &&Finding| finding.status.name() == name;
        self.findings.iter().filter(alike).count()
    }

    /// A line for each finding, and one for its hint.
    pub fn lines(&self) -> String {
        let line = |finding: &Finding| {
            let (status, name) = (finding.status.name(), self.clean(&finding.name));
            let detail = self.clean(&finding.detail);
            let hint = finding.hint.as_ref().map(|hint| self.clean(hint));
            let hint = hint.map_or_else(String::new, |hint| format!("         hint: {hint}\n"));
            format!("{status:<8} {name}: {detail}\n{hint}")
        };
        self.findings.iter().map(line).collect()
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let checks = self.findings.iter().map(|finding| {
            json!({
                "name": self.clean(&finding.name),
                "status": finding.status.name(),
                "detail": self.clean(&finding.detail),
                "hint": finding.hint.as_ref().map(|hint| self.clean(hint)),
                "code": match finding.status {
                    Status::Problem(kind) => Some(kind.code()),
                    _ => None,
                },
            })
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "checks": checks.collect::<Vec<_>>(),
            "problems": self.count("problem"),
            "warnings": self.count("warning"),
            "exit_code": self.worst().map_or(0, Kind::exit_code),
        })
    }

    fn clean(&self, text: &str) -> String {
        let secrets: Vec<&Secret> = self.secrets.iter().collect();
        text::clean(text, MAX_DETAIL, &secrets)
    }
}

/// A message without the profile that the whole report is about.
fn bare(message: &str) -> &str {
    let rest = message.strip_prefix("profile \"");
    let rest = rest.and_then(|rest| rest.split_once("\": "));
    rest.map_or(message, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_problem_that_others_follow_from_is_the_worst() {
        let mut report = Report::default();
        assert_eq!(report.worst(), None);
        for (kind, worst) in [
            (Kind::Temporary, Kind::Temporary),
            (Kind::LoginRequired, Kind::LoginRequired),
            (Kind::StoreLocked, Kind::StoreLocked),
            (Kind::Config, Kind::Config),
            (Kind::Temporary, Kind::Config),
        ] {
            report.problem("x", &Error::new(kind, "y"));
            assert_eq!(report.worst(), Some(worst));
        }
    }

    #[test]
    fn a_line_with_a_secret_or_an_escape_is_cleaned() {
        let mut report = Report::default();
        report.keep_out(&Secret::new("hunter22".into()));
        report.keep_out(&Secret::new("a".into()));
        report.warn("n", "it is hunter22", "no \u{1b}[2J");
        report.problem("m", &Error::config("profile \"p\": bad"));
        let lines = report.lines();
        assert_eq!(lines.lines().count(), 3, "{lines}");
        assert!(
            !lines.contains("hunter22") && !lines.contains('\u{1b}'),
            "{lines}"
        );
        assert!(lines.contains("problem  m: bad\n"), "{lines}");
        assert!(!report.json().to_string().contains("hunter22"));
    }
}
