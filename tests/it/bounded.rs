//! What is read is read whole or not at all: nothing that is too long is cut off and used.

use crate::support;

use support::grants::renewable;
use support::{Reply, Sandbox, Server};

const MIB: usize = 1024 * 1024;

fn sandbox(more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&renewable("http://127.0.0.1:9/token", more));
    sandbox
}

#[test]
fn a_secret_that_is_too_long_for_us_is_not_stored_in_part() {
    let sandbox = sandbox("store = \"plaintext\"\nclient_secret = { keyring = true }");
    let long = "s".repeat(MIB + 1);
    for command in [&["secret", "set", "p"][..], &["import", "p"]] {
        let run = sandbox.run_with_stdin(command, long.clone());
        run.fails(2, "reading stdin: it is larger than 1 MiB");
    }
    assert_eq!(sandbox.files_with("ssss"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_request_without_end_is_refused_by_a_helper() {
    let sandbox = sandbox("hosts = [\"https://git.example\"]");
    let line = format!("path={}\n", "x".repeat(MIB));
    let request = format!("protocol=https\nhost=git.example\n{line}\n");
    let run = sandbox.run_with_stdin(["helper", "git", "get"], request);
    assert_eq!(run.stdout, "quit=1\n", "{run:?}");
    assert!(
        run.stderr
            .contains("git's request: it is larger than 1 MiB"),
        "{run:?}"
    );
}

/// Half of it would be taken for a damaged file, which is not looked at.
#[test]
fn a_file_of_docker_s_that_is_too_long_is_said_to_be() {
    let sandbox = sandbox("hosts = [\"https://ghcr.io\"]");
    let auths = format!(r#"{{"auths":{{"x":"{}"}}}}"#, "x".repeat(MIB));
    sandbox.write(".docker/config.json", auths);
    let run = sandbox.run(["doctor"]);
    assert!(
        run.stdout.contains("config.json: it is larger than 1 MiB"),
        "{run:?}"
    );
}

/// What comes behind so many bytes of a chunk's size would be taken for the chunk.
#[test]
fn a_chunk_s_size_that_does_not_end_is_no_answer() {
    let size = "f".repeat(10_000);
    let body = r#"{"access_token":"at","expires_in":60}"#;
    let reply = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\n{body}\r\n0\r\n\r\n"
    );
    let server = Server::always(Reply::raw(reply));
    let sandbox = Sandbox::with_client(&server, "");
    let run = sandbox.run(["get", "p", "--timeout", "2s"]);
    run.fails(6, "a chunk without its size");
}
