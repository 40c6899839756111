//! The history in an SQLite file of its own: `store` writes it, `reader` reads it, `verify` looks whether it is what it must be.

pub(in crate::feed::history) mod compare;
mod erase;
mod insert;
mod look;
mod read;
mod reader;
mod schema;
mod seal;
mod slices;
mod store;
mod values;
mod verify;

pub use compare::Differences;
pub(in crate::feed::history) use erase::{erasable, erase, followed_to};
pub(crate) use reader::SqliteReader;
pub use seal::Sealed;
pub(in crate::feed::history) use slices::written as written_slices;
pub(crate) use store::SqliteStore;
pub(in crate::feed::history) use verify::LookedFile;
