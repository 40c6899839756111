//! API keys: 32 random bytes, of which the ledger knows only the SHA-256 (API §1 "Auth").

use crate::ids::{CustomerNumber, KeyId};
use crate::time::Timestamp;

/// What a key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyScopes {
    /// Debits, holds, events, balance.
    pub debit: bool,
    /// Reads.
    pub read: bool,
    /// Wallets and credit.
    pub write: bool,
    /// Keys, settings.
    pub admin: bool,
}

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id; not the secret.
    pub id: KeyId,
    /// SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// Name for people.
    pub name: Box<str>,
    /// What it may do.
    pub scopes: KeyScopes,
    /// The only customer that it sees; `None` = all of the tenant's. The name is how the request called it.
    pub customer: Option<(CustomerNumber, Box<str>)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}
