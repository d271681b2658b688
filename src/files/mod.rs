//! Files: private ones of tokctl's own, and the user's, which are replaced where they stand.

pub mod in_place;
pub mod path_bytes;
mod private;

pub use private::*;
