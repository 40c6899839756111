//! A checkpoint: a chained root, and the signature under it. 192 bytes, the same in its file and in a proof.
//!
//! Layout: docs/WAL_FORMAT.md, "Checkpoint". The signature covers everything before it, the magic too, so that it can be taken for
//! nothing else. Tested below and by a golden file.

use coffer_wal::Lsn;
use coffer_wal::audit::SegmentRoot;
use coffer_wal::batch::Hash;
use coffer_wal::segment::StoreId;

use super::key::{AuditKey, PublicKey};

/// Bytes of a checkpoint.
pub const CHECKPOINT_BYTES: usize = 192;

const MAGIC: [u8; 8] = *b"CofrChkp";
const FORMAT: u32 = 1;
const SIGNED_BYTES: usize = 128;

/// What a key vouched for at an instant: that the log up to a record is the one with this chained root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log.
    pub store: StoreId,
    /// Which shard of it.
    pub shard: u16,
    /// The segment after which the root stands.
    pub segment: u64,
    /// Its last record.
    pub last: Lsn,
    /// The chained root.
    pub chained: Hash,
    /// When it was signed, in nanoseconds since 1970 UTC.
    pub time_ns: u64,
    /// Who signed.
    pub key: PublicKey,
}

/// Why bytes are no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not its length, its magic, or fields that cannot be.
    #[error("it is no checkpoint")]
    Shape,
    /// Written in another format.
    #[error("the checkpoint has format {found}; this program reads format 1")]
    Format {
        /// What it has.
        found: u32,
    },
    /// The signature is not of these bytes by this key.
    #[error("the checkpoint's signature does not fit it")]
    Signature,
}

impl Checkpoint {
    /// Of an archived segment, by this key.
    #[must_use]
    pub fn of(
        owner: (StoreId, u16),
        segment: &SegmentRoot,
        chained: Hash,
        time_ns: u64,
        key: PublicKey,
    ) -> Self {
        Self {
            store: owner.0,
            shard: owner.1,
            segment: segment.number,
            last: segment.last,
            chained,
            time_ns,
            key,
        }
    }

    /// Its bytes, signed by the key that it names.
    #[must_use]
    pub fn sign(&self, key: &AuditKey) -> [u8; CHECKPOINT_BYTES] {
        assert_eq!(self.key, key.public(), "a checkpoint names the key that signs it");
        let signed = self.encode();
        let mut bytes = [0; CHECKPOINT_BYTES];
        bytes[..SIGNED_BYTES].copy_from_slice(&signed);
        bytes[SIGNED_BYTES..].copy_from_slice(&key.sign(&signed));
        bytes
    }

    fn encode(&self) -> [u8; SIGNED_BYTES] {
        let fields: [&[u8]; 11] = [
            &MAGIC,
            &FORMAT.to_le_bytes(),
            &self.shard.to_le_bytes(),
            &[0; 2],
            &self.store,
            &self.segment.to_le_bytes(),
            &self.last.0.to_le_bytes(),
            &self.chained,
            &self.time_ns.to_le_bytes(),
            &self.key.id(),
            self.key.bytes(),
        ];
        fields.concat().try_into().expect("the fields are 128 bytes")
    }

    /// Reads it, and checks the signature by the key that it names. Whether that key is to be trusted is the caller's to say.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let bytes: &[u8; CHECKPOINT_BYTES] = bytes.try_into().map_err(|_| CheckpointError::Shape)?;
        if bytes[..8] != MAGIC {
            return Err(CheckpointError::Shape);
        }
        let found = u32::from_le_bytes(array(bytes, 8));
        if found != FORMAT {
            return Err(CheckpointError::Format { found });
        }
        let checkpoint = Self {
            store: array(bytes, 16),
            shard: u16::from_le_bytes(array(bytes, 12)),
            segment: u64::from_le_bytes(array(bytes, 32)),
            last: Lsn(u64::from_le_bytes(array(bytes, 40))),
            chained: array(bytes, 48),
            time_ns: u64::from_le_bytes(array(bytes, 80)),
            key: PublicKey::from_bytes(array(bytes, 96)),
        };
        if checkpoint.encode() != bytes[..SIGNED_BYTES] {
            return Err(CheckpointError::Shape);
        }
        let verified = checkpoint.key.verifies(&bytes[..SIGNED_BYTES], &array(bytes, SIGNED_BYTES));
        if verified { Ok(checkpoint) } else { Err(CheckpointError::Signature) }
    }
}

fn array<const N: usize>(bytes: &[u8; CHECKPOINT_BYTES], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the fields lie within")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Checkpoint, [u8; CHECKPOINT_BYTES]) {
        let key = AuditKey::from_seed(&[7; 32]);
        let segment = SegmentRoot { number: 5, first: Lsn(11), last: Lsn(20), root: [1; 32] };
        let owner = (*b"a store's own id", 3);
        let checkpoint = Checkpoint::of(owner, &segment, [2; 32], 1_763_750_000_000_000_000, key.public());
        (checkpoint, checkpoint.sign(&key))
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_signed_and_any_flipped_bit_is_found() {
        let (checkpoint, bytes) = sample();
        assert_eq!(Checkpoint::open(&bytes), Ok(checkpoint));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            Checkpoint::open(&damaged).unwrap_err();
        }
        assert_eq!(Checkpoint::open(&bytes[..191]), Err(CheckpointError::Shape));
    }

    /// Ed25519 is deterministic, so the signature is golden too.
    #[test]
    fn the_bytes_are_those_of_the_page() {
        let golden = include_bytes!("../../tests/golden/checkpoint.bin");
        assert_eq!(sample().1, *golden);
    }
}
