//! The history in an SQLite file of its own: `store` writes it, `reader` reads it.

mod insert;
mod read;
mod reader;
mod schema;
mod store;
mod values;

pub(crate) use reader::SqliteReader;
pub(crate) use store::SqliteStore;
