//! What this machine keeps of a profile: its record with cache, store and spool, its note, its lock and what is
//! known of its server.

pub mod audit;
pub mod journal;
pub mod keys;
mod lease;
pub mod lock;
mod marks;
pub mod moving;
pub mod note;
pub mod record;
pub mod refusals;
pub mod remembered;
pub mod server;
pub mod spool;
mod stand_in;
pub mod storage;
pub mod unrevoked;
