//! The history in an SQLite file of its own: `store` writes it, `reader` reads it.

mod erase;
mod insert;
mod read;
mod reader;
mod schema;
mod store;
pub(super) mod values;

pub use erase::{EraseError, erasable, erase, followed_to};
pub(crate) use reader::Reader;
pub(in crate::feed) use reader::find;
pub(crate) use store::SqliteStore;
