//! The history in a schema of a PostgreSQL database: `store` writes it, `reader` reads it, an `address` says where it is.
//!
//! The same lines as in SQLite, in forms that a person with psql can use: amounts are NUMERIC, ids are texts as the API prints them,
//! times are nanoseconds as everywhere in Coffer, and as instants in the views (`schema`). Absent on purpose: anything outside of the one
//! schema, whatever others keep in it, and a sync per batch. Tested in `tests/history_postgres/`.

mod address;
mod cell;
mod compare;
mod connection;
mod erase;
mod insert;
mod inspect;
mod lines;
mod look;
mod numeric;
mod read;
mod reader;
mod schema;
mod store;
mod table;
mod tls;

pub use self::address::{Address, AddressError, Server};
pub(super) use self::compare::PostgresLooked;
pub(super) use self::erase::{erasable, erase, followed_to};
pub(super) use self::reader::PostgresReader;
pub(super) use self::store::PostgresStore;
