//! Files: private ones of tokctl's own, and the user's, which are replaced where they stand.

pub mod in_place;
pub mod layout;
mod own;
pub mod path_bytes;
mod private;
mod remedy;
mod replace;

#[cfg(unix)]
pub use own::own_dirs;
pub use own::{Open, open_own};
#[cfg(target_os = "linux")]
pub use own::{is_kept, make_own_dir};
pub use private::*;
pub use remedy::{readable, remedy};
pub use replace::{
    create, remove, remove_all, replace, sweep, sync_dir, try_write, write, write_unsynced,
};
