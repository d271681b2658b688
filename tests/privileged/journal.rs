//! The account of hand-outs in the system's own log: systemd's journal, which has what goes to syslog too.
#![cfg(target_os = "linux")]

use crate::support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::grants::credentials;
use support::{Namespace, Running, Sandbox, Server};

/// A journal of its own, at the places where programs look for it.
const JOURNAL: &str = "
mount -t tmpfs tmpfs /run
mkdir -p /run/dev /run/log/journal
for device in null zero full random urandom tty; do cp -a /dev/$device /run/dev/; done
mount --bind /run/dev /dev
ln -s /run/systemd/journal/dev-log /dev/log
setpriv --pdeathsig KILL /lib/systemd/systemd-journald >/run/said 2>&1 &
while ! [ -S /run/systemd/journal/socket ]; do sleep 0.05; done";

#[test]
#[ignore = "needs root and systemd-journald: tests/run as root"]
fn what_is_handed_out_is_in_the_journal_and_shown_from_there() {
    let namespace = Namespace::start(JOURNAL);
    let server = Server::tokens(3600);
    for audit in ["journal", "syslog"] {
        let sandbox = Sandbox::new();
        sandbox.config(&credentials(
            &server.url("/token"),
            &format!("store = \"none\"\naudit = \"{audit}\"\nclient_id = \"{audit}\"\n")
                .replace("profile.p", "x"),
        ));
        let name = format!("{audit}-profile");
        let config = std::fs::read_to_string(sandbox.config_file()).expect("text");
        sandbox.config(&config.replace("profile.p", &format!("profile.{name}")));
        let run =
            |words: &[&str]| Running::start(namespace.enter(&sandbox.command(words)), None).wait();
        let got = run(&["get", &name]);
        assert!(got.code == 0 && got.stdout.starts_with("at-"), "{got:?}");
        let until = Instant::now() + Duration::from_secs(10);
        let shown = loop {
            let shown = run(&["log", &name, "--json"]);
            if !shown.stdout.is_empty() || Instant::now() > until {
                break shown;
            }
        };
        let entry: serde_json::Value = serde_json::from_str(&shown.stdout).expect("one entry");
        assert_eq!(
            (&entry["command"], &entry["new"]),
            (&"get".into(), &true.into()),
            "{shown:?}"
        );
        // As the system's own program has it, with what it says itself of who wrote that.
        let mut journal = Command::new("journalctl");
        journal.args([
            "--identifier=tokctl",
            "--output=json",
            "--no-pager",
            "--quiet",
        ]);
        journal.env("PATH", "/usr/bin:/bin");
        let journal = Running::start(namespace.enter(&journal), None).wait();
        let line = journal.stdout.lines().last().unwrap_or_default();
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["SYSLOG_FACILITY"], "10", "{line}");
        assert_eq!(line["_UID"], nix::unistd::getuid().to_string(), "{line}");
        assert!(!journal.stdout.contains("at-"), "{journal:?}");
        assert!(!Path::new(&sandbox.state_dir().join("tokctl/audit.log")).exists());
    }
}
