//! What needs root and mounts of its own: homes that cannot be written, full disks, other
//! users, networks with dead hosts.

#[path = "../support/mod.rs"]
mod support;

mod barred;
mod filesystems;
mod networks;
mod two_users;
