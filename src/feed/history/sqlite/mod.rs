//! The history in an SQLite file of its own: `store` writes it, `reader` reads it, `verify` looks whether it is what it must be.

mod compare;
mod erase;
mod insert;
mod look;
mod read;
mod reader;
mod schema;
mod seal;
mod store;
pub(super) mod values;
mod verify;

pub use compare::Differences;
pub use erase::{EraseError, erasable, erase, followed_to};
pub(crate) use reader::Reader;
pub(in crate::feed) use reader::{find, look, look_offline};
pub use seal::Sealed;
pub(crate) use store::SqliteStore;
pub(in crate::feed) use verify::Looked;
