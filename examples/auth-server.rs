//! An authorization server on loopback for trying `tokctl` without an account: it grants client
//! credentials and refresh tokens, and answers a GET with a good token.
//!
//! Prints its address, then a line for each request; ends when its standard input ends.

#[path = "../tests/support/server.rs"]
mod server;
#[path = "../tests/support/tokens.rs"]
mod tokens;

use server::Server;
use std::io::{Read, Write};
use tokens::Tokens;

/// An hour, as most servers say.
const EXPIRES_IN: u64 = 3600;

fn main() -> std::io::Result<()> {
    let tokens = Tokens::new(EXPIRES_IN);
    let server = Server::start(move |request| {
        let grant = request.form().remove("grant_type").unwrap_or_default();
        // A reader that is gone does not matter to those who ask for tokens.
        drop(writeln!(
            std::io::stdout(),
            "{} {} {grant}",
            request.method,
            request.path
        ));
        tokens.answer(request)
    });
    writeln!(std::io::stdout(), "READY {}", server.url(""))?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
