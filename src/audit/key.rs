//! The key that signs checkpoints, and its public half.
//!
//! Made at the first start, in `audit.key` of the data directory, readable by its owner only; or the file that `audit.audit_key`
//! names, which is never made. One line: 64 hex digits, the Ed25519 seed. It never leaves the process; `Debug` shows the public half.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use coffer_wal::storage::{Access, Storage, publish, read_exact_at, write_all_at};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::hex;
use crate::env::Env;

/// The name of the key's file in the data directory.
const FILE_NAME: &str = "audit.key";
const SEED_BYTES: usize = 32;
/// A line of digits and its end.
const FILE_BYTES_MAX: u64 = 66;

/// Signs checkpoints.
#[derive(Clone)]
pub struct AuditKey(SigningKey);

/// Checks signatures of checkpoints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("the audit key {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the storage said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("the audit key {} is not a line of 64 lower-case hex digits", path.display())]
    NotAKey {
        /// Which file.
        path: PathBuf,
    },
}

impl AuditKey {
    /// From its seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Where the key is: `given`, or the file in the data directory.
    #[must_use]
    pub fn path(data_dir: &Path, given: Option<&Path>) -> PathBuf {
        given.map_or_else(|| data_dir.join(FILE_NAME), Path::to_owned)
    }

    /// Reads the key; where none is given and there is none yet, makes it.
    ///
    /// # Errors
    /// [`KeyError`]; a key that was not made whole is no key.
    pub fn open_or_make(env: &Env, data_dir: &Path, given: Option<&Path>) -> Result<Self, KeyError> {
        let path = Self::path(data_dir, given);
        let storage = env.storage.as_ref();
        let exists = storage.exists(&path).map_err(|source| KeyError::Io { path: path.clone(), source })?;
        if exists || given.is_some() {
            return Self::read(storage, &path);
        }
        let mut seed = [0; SEED_BYTES];
        env.entropy.fill(&mut seed);
        write(storage, &path, &seed).map_err(|source| KeyError::Io { path, source })?;
        Ok(Self::from_seed(&seed))
    }

    /// Reads a key that is there.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(storage: &dyn Storage, path: &Path) -> Result<Self, KeyError> {
        let text = read(storage, path).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
        let seed = text.as_deref().map(str::trim_ascii_end).and_then(hex::decode_array);
        seed.map(|seed| Self::from_seed(&seed)).ok_or_else(|| KeyError::NotAKey { path: path.to_owned() })
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl PublicKey {
    /// As `coffer audit key` prints it; `None` if it is no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode_array(text).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok().map(|_| Self(bytes)))
    }

    pub(super) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What names it in a checkpoint: the first 8 bytes of its SHA-256.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let hash: [u8; 32] = Sha256::digest(self.0).into();
        let [a, b, c, d, e, f, g, h, ..] = hash;
        [a, b, c, d, e, f, g, h]
    }

    /// Strictly: a signature has one form, and weak keys sign nothing.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let key = VerifyingKey::from_bytes(&self.0);
        key.is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", self.public())
    }
}

/// `None` when it is too long or no text.
fn read(storage: &dyn Storage, path: &Path) -> io::Result<Option<String>> {
    let file = storage.open(path, Access::Read)?;
    let bytes = file.bytes()?;
    if bytes > FILE_BYTES_MAX {
        return Ok(None);
    }
    let mut content = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
    read_exact_at(file.as_ref(), &mut content, 0)?;
    Ok(String::from_utf8(content).ok())
}

fn write(storage: &dyn Storage, path: &Path, seed: &[u8; SEED_BYTES]) -> io::Result<()> {
    let temporary = path.with_extension("key.tmp");
    if storage.exists(&temporary)? {
        storage.remove(&temporary)?;
    }
    let file = storage.open(&temporary, Access::CreateNewPrivate)?;
    write_all_at(file.as_ref(), format!("{}\n", hex::encode(seed)).as_bytes(), 0)?;
    publish(storage, file.as_ref(), &temporary, path)
}
