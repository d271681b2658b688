//! What the integration tests stand on: a fresh home, a scripted server, an OpenID provider, a
//! session bus with a keyring.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test file takes what it needs"
)]

pub mod account;
pub mod canaries;
pub mod daemons;
pub mod desk;
pub mod git;
pub mod golden;
pub mod grants;
pub mod helpers;
pub mod http;
pub mod issuer;
pub mod keyring;
pub mod keys;
pub mod login;
pub mod misbehaving;
pub mod namespace;
pub mod oidc;
pub mod profiles;
pub mod program;
pub mod raw;
pub mod registries;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod scene;
pub mod server;
pub mod signer;
pub mod smtp;
pub mod terminal;
pub mod tls;
pub mod tokens;
pub mod traced;
pub mod webdriver;

pub use account::Account;
pub use canaries::Canaries;
pub use daemons::{Daemon, Kind, Seat};
pub use desk::Desk;
pub use keyring::{GnomeKeyring, SessionBus};
pub use login::Login;
pub use misbehaving::Misbehaving;
pub use namespace::Namespace;
pub use oidc::OidcProvider;
pub use program::tokctl;
pub use raw::RawServer;
pub use run::{Run, Running};
pub use sandbox::Sandbox;
pub use server::{Gate, Reply, Request, Server};
pub use signer::{Signer, SigningKey};
pub use terminal::Terminal;
pub use tls::TlsServer;
pub use tokens::Tokens;
