//! What needs root and mounts of its own: homes that cannot be written, full disks, other users.

#[path = "../support/mod.rs"]
mod support;

mod barred;
mod two_users;
