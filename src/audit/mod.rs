//! What makes the log a proof to outsiders: signed checkpoints of the archive's audit trees, and proofs of single transactions.
//!
//! The sealer gives every archived segment a tree and chains the roots (docs/WAL_FORMAT.md, "Audit tree"). The [`Notary`] signs
//! the chained root of each with Ed25519 and keeps the signed [`Checkpoint`] in a file of its own. A [`Proof`] is a record, the
//! way from it to a signed root, and nothing else: whoever has the public key checks it without the data directory.
//!
//! Absent on purpose: any clock but `Env`'s, deciding when to sign (that is `engine/housekeeping`), keeping checkpoints elsewhere,
//! erasing. Tested in each file, in `tests/engine/audit.rs` and, with the real program, in `tests/cli/audit.rs`.

mod checkpoint;
#[cfg(feature = "server")]
pub(crate) mod document;
pub(crate) mod hex;
mod key;
mod notary;
mod proof;
mod prove;
mod store;
#[cfg(test)]
mod tests;

pub use checkpoint::{CHECKPOINT_BYTES, Checkpoint, CheckpointError};
pub use key::{AuditKey, KeyError, PublicKey};
pub use notary::{Notary, NotaryError};
pub use proof::{Proof, ProofError};
pub use prove::{ProveFailure, prove};
pub use store::CheckpointStore;
