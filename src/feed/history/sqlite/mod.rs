//! The history in an SQLite file of its own: `store` writes it, `reader` reads it.

mod insert;
mod look;
mod read;
mod reader;
mod schema;
mod store;
pub(super) mod values;

pub(crate) use reader::Reader;
pub(in crate::feed) use reader::{find, look, look_offline};
pub(crate) use store::SqliteStore;
