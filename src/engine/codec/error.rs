//! What can go wrong between values and bytes.

use coffer_wal::RecordTooLarge;

/// A value could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// More than the log takes; a refusal of the request, before anything changed.
    #[error(transparent)]
    TooLarge(#[from] RecordTooLarge),
    /// No version can hold it: a batch in a batch, or in a batch what may not stand in one. No rule makes either.
    #[error("a value could not be encoded: {0}")]
    Encoder(#[from] bincode::error::EncodeError),
}

/// Bytes could not be read. They passed their checksum, so either another version wrote them, or there is a bug.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A record type that this build does not know.
    #[error(
        "record type {found} about subject kind {subject} is not known: a newer Coffer is needed to read it"
    )]
    RecordType {
        /// What the frame says.
        found: u16,
        /// The subject kind beside it.
        subject: u8,
    },
    /// A version that this build does not know.
    #[error(
        "{what} has version {found}, this build reads up to {newest}: a newer Coffer is needed to read it"
    )]
    Version {
        /// A record or a state.
        what: &'static str,
        /// What the bytes say.
        found: u8,
        /// The newest that this build reads.
        newest: u8,
    },
    /// The bytes are not of this shape.
    #[error("{what} cannot be decoded: {cause}")]
    Malformed {
        /// Which part of what.
        what: &'static str,
        /// What the decoder says.
        cause: Box<bincode::error::DecodeError>,
    },
    /// Something follows what was read.
    #[error("{what} is followed by {bytes} bytes that nobody reads")]
    LeftOver {
        /// Which part of what.
        what: &'static str,
        /// How many.
        bytes: usize,
    },
    /// A number is outside what the ledger allows.
    #[error("{field} cannot be {found}")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u128,
    },
    /// What is kept by a key does not stand in the keys' order, each once.
    #[error("{what} do not stand in order")]
    OutOfOrder {
        /// Of what.
        what: &'static str,
    },
    /// The public part is about something that the personal part has no words for, or the other way round.
    #[error("public and personal part disagree about {about}")]
    PartsDisagree {
        /// What about.
        about: &'static str,
    },
}
