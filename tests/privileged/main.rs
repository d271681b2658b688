//! What needs root and mounts of its own: homes that cannot be written, full disks, other
//! users, networks with dead hosts.
#![allow(
    clippy::too_many_arguments,
    clippy::too_many_lines,
    reason = "tables of tests are long, and their rows wide"
)]

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod barred;
mod filesystems;
mod foreign_session;
mod journal;
mod memory;
mod networks;
mod two_users;
