//! The findings, in the order in which they were made, free of secrets.

use crate::error::{Error, Kind, Result, command};
use crate::secret::Secret;
use crate::text;
use crate::ui::{Look, wrapped};
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

/// A line of a report is at most this long, in characters.
const MAX_DETAIL: usize = 2000;

/// Words of the report itself, which people take for a secret all the same.
const OUR_WORDS: &[&str] = &[
    "access",
    "account",
    "answer",
    "answers",
    "client",
    "client_secret",
    "config",
    "configuration",
    "directly",
    "environment",
    "file",
    "grant",
    "home",
    "host",
    "keyring",
    "kernel",
    "login",
    "mode",
    "name",
    "none",
    "open",
    "password",
    "problem",
    "profile",
    "proxy",
    "refresh",
    "scope",
    "secret",
    "server",
    "status",
    "store",
    "tokctl",
    "token",
    "tokens",
    "user",
    "variable",
    "verdict",
    "warning",
    "works",
    "yours",
];

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
    /// The profile that it is about.
    about: Option<String>,
    findings: Vec<Finding>,
    secrets: Vec<Secret>,
}

impl Report {
    /// An empty one, of a profile or of everything.
    pub fn about(profile: Option<&str>) -> Self {
        Self {
            about: profile.map(str::to_owned),
            ..Self::default()
        }
    }

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

    /// Keeps a secret's text out of every line, whatever quotes it. One that is a word of the report's own cannot be
    /// kept out of it, and says nothing there.
    pub fn keep_out(&mut self, secret: &Secret) {
        let is_ours = secret.is_one_of(OUR_WORDS);
        if secret.len() >= LEAST_SECRET && !is_ours {
            self.secrets.push(secret.clone());
        }
    }

    fn add(&mut self, finding: Finding) {
        let detail = bare(&finding.detail).to_owned();
        self.findings.push(Finding { detail, ..finding });
    }

    /// The problem to mend first, if there is one: what others follow from comes before them.
    fn first(&self) -> Option<(&Finding, Kind)> {
        let problem = |finding: &'_ Finding| match finding.status {
            Status::Problem(kind) => Some(kind),
            _ => None,
        };
        let problems = self.findings.iter();
        let problems = problems.filter_map(|finding| Some((finding, problem(finding)?)));
        problems.min_by_key(|(_, kind)| match kind.exit_code() {
            3 => 0,
            7 => 1,
            1 | 2 => 2,
            5 => 3,
            4 => 4,
            _ => 5,
        })
    }

    /// What kind of problem that is.
    pub fn worst(&self) -> Option<Kind> {
        self.first().map(|(_, kind)| kind)
    }

    /// Whether something is wrong that a request would only meet again: anything but a login that is needed.
    pub fn keeps_from_asking(&self) -> bool {
        let kinds = self.findings.iter().map(|finding| finding.status);
        kinds
            .filter(|status| matches!(status, Status::Problem(_)))
            .any(|status| status != Status::Problem(Kind::LoginRequired))
    }

    /// The one line at the end, and the command that mends it.
    fn verdict(&self) -> (String, Option<String>) {
        let who = self.about.as_deref().unwrap_or("tokctl");
        let warnings = match self.count("warning") {
            0 => String::new(),
            1 => ", with 1 warning".to_owned(),
            many => format!(", with {many} warnings"),
        };
        let Some((finding, _)) = self.first() else {
            return (format!("{who} works, as far as was tried{warnings}"), None);
        };
        let hint = finding.hint.as_deref();
        let remedy = hint.and_then(command).map(str::to_owned);
        let name = &finding.name;
        let what = match self.count("problem") {
            1 => format!("{who} does not work: {name}"),
            many => format!("{who} does not work: {name}, the first of {many} problems"),
        };
        let end = match (&remedy, hint) {
            (Some(remedy), _) => format!("; run: {remedy}"),
            (None, Some(hint)) => format!("; {hint}"),
            (None, None) => String::new(),
        };
        (format!("{what}{end}"), remedy)
    }

    /// How many findings are as bad as `name`.
    pub fn count(&self, name: &str) -> usize {
        let alike = |finding: &&Finding| finding.status.name() == name;
        self.findings.iter().filter(alike).count()
    }

    /// A line for each finding, and one for its hint; the verdict last.
    pub fn lines(&self, look: Look) -> String {
        let tag = |word: &str, color: AnsiColor| {
            let style = Style::new().fg_color(Some(color.into()));
            let gap = " ".repeat(8_usize.saturating_sub(word.len()));
            if look.color {
                format!("{style}{word}{style:#}{gap}")
            } else {
                format!("{word}{gap}")
            }
        };
        let wrapped = |text: &str| wrapped(text, look.columns, 9);
        let line = |finding: &Finding| {
            let color = match finding.status {
                Status::Ok => AnsiColor::Green,
                Status::Warning => AnsiColor::Yellow,
                Status::Problem(_) => AnsiColor::Red,
            };
            let tag = tag(finding.status.name(), color);
            let said = format!(
                "{}: {}",
                self.clean(&finding.name),
                self.clean(&finding.detail)
            );
            let hint = finding.hint.as_ref().map(|hint| self.clean(hint));
            let hint = hint.map_or_else(String::new, |hint| {
                format!("         {}\n", wrapped(&format!("hint: {hint}")))
            });
            format!("{tag} {}\n{hint}", wrapped(&said))
        };
        let all: String = self.findings.iter().map(line).collect();
        let color = match self.worst() {
            Some(_) => AnsiColor::Red,
            None => AnsiColor::Green,
        };
        let verdict = self.clean(&self.verdict().0);
        format!("{all}{} {}\n", tag("verdict", color), wrapped(&verdict))
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
        let (verdict, remedy) = self.verdict();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "checks": checks.collect::<Vec<_>>(),
            "problems": self.count("problem"),
            "warnings": self.count("warning"),
            "exit_code": self.worst().map_or(0, Kind::exit_code),
            "verdict": self.clean(&verdict),
            "remedy": remedy.map(|remedy| self.clean(&remedy)),
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
        let lines = report.lines(Look::PLAIN);
        assert_eq!(lines.lines().count(), 4, "{lines}");
        assert!(
            !lines.contains("hunter22") && !lines.contains('\u{1b}'),
            "{lines}"
        );
        assert!(lines.contains("problem  m: bad\n"), "{lines}");
        assert!(!report.json().to_string().contains("hunter22"));
    }
}
