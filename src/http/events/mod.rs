//! Usage events (SEMANTICS §19): priced by the tenant's rate cards and debited at once; answered when durable.
//!
//! `sdk` reads them as billing SDKs send them, `batch` as CloudEvents or in our own JSON (`cloud`, `ours`); each becomes a command of the rules (`given`) and goes to the engine (`submit`). An event is known by its customer, source and id: sent again, it is
//! answered by its first outcome. Tested in tests/http/events.rs.

pub(super) mod batch;
mod cloud;
mod given;
mod ids;
mod ours;
mod properties;
mod received;
pub(super) mod sdk;
mod submit;
