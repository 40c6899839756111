//! Between values and bytes: records for the log, states for the router's slots and for snapshots.
//!
//! [`encode_customer_frame`] writes one whole frame without allocating for a common debit; [`decode_record`] reads all of
//! it again, and [`decode_for_replay`] only what `apply` needs. What is written has the oldest version that can hold it; every
//! version is read. Every decoder answers bytes of a type or version that it does
//! not know with an error that says so, and whoever reads a part to its end reads every byte of it.
//!
//! bincode is used here and nowhere else. The ledger's types derive nothing: [`v1`] to [`v4`] hold the shapes, `convert` goes
//! to and fro. Absent on purpose: checksums (the log's), compression (the archive's), erasure of personal parts.
//! Tested in `tests/codec/` (round trips, broken bytes, golden files, what is public) and in `tests.rs` (frozen files, leaves).

mod bytes;
mod convert;
mod customer;
pub mod error;
pub mod kinds;
mod tenant;
pub mod v1;
pub mod v2;
pub mod v3;
pub mod v4;

pub use customer::{
    ReplayView, decode_customer, decode_for_replay, decode_record, encode_customer, encode_customer_frame,
};
pub use error::{DecodeError, EncodeError};
pub use tenant::{
    TenantReplayView, decode_tenant, decode_tenant_for_replay, decode_tenant_record, encode_tenant,
    encode_tenant_frame,
};

#[cfg(test)]
mod tests;
