//! Files: private ones of tokctl's own, and the user's, which are replaced where they stand.

pub mod in_place;
mod private;

pub use private::*;
