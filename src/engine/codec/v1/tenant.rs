//! A tenant's records and state. Same order of parts as a customer's. Ids of keys stand whole: nothing is taken out.

use bincode::{BorrowDecode, Encode};

use super::wire::{List, Stamp, Thing, tagged};

/// A key's rights: 1 debit, 2 read, 4 write, 8 admin.
#[derive(Clone, Copy, Encode, BorrowDecode)]
pub struct KeyScopes {
    /// The bits.
    pub bits: u8,
}

/// Settings.
#[derive(Encode, BorrowDecode)]
pub struct Settings<'a> {
    /// Burn priority of purchased credit.
    pub purchased: u32,
    /// Of promotional credit.
    pub promotional: u32,
    /// Of a plan's credit.
    pub plan_included: u32,
    /// Of refunds.
    pub refund: u32,
    /// Of adjustments.
    pub adjustment: u32,
    /// Currency of a wallet that names none.
    pub default_currency: Option<[u8; 3]>,
    /// IANA time zone.
    pub time_zone: Option<&'a str>,
}

/// An API key without its name and its customer's name.
#[derive(Encode, BorrowDecode)]
pub struct ApiKey {
    /// Its id.
    pub id: Thing,
    /// SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// What it may do.
    pub scopes: KeyScopes,
    /// The only customer that it sees.
    pub customer: Option<u64>,
    /// When it was made.
    pub created_at: Stamp,
    /// When it was revoked.
    pub revoked_at: Option<Stamp>,
}

/// The names of a key.
#[derive(Encode, BorrowDecode)]
pub struct KeyText<'a> {
    /// Name for people.
    pub name: &'a str,
    /// Its customer as the request called it.
    pub customer: Option<&'a str>,
}

tagged! {
    /// What changed about a tenant.
    pub enum Effect<'a> { 0 = Created(()), 1 = SettingsSet(Settings<'a>), 2 = KeySet(ApiKey) }
    /// What was asked of a tenant.
    pub enum Command<'a> { 0 = Create(()), 1 = SetSettings(Settings<'a>), 2 = CreateKey(CreateKey), 3 = RevokeKey(Thing) }
    /// The words of either.
    pub enum Text<'a> { 0 = Nothing(()), 1 = Name(&'a str), 2 = Key(KeyText<'a>) }
}

/// A key's creation, without its names.
#[derive(Encode, BorrowDecode)]
pub struct CreateKey {
    /// SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// What it may do.
    pub scopes: KeyScopes,
    /// The only customer that it sees.
    pub customer: Option<u64>,
}

/// First in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicFacts<'a> {
    /// The instant of the turn.
    pub at: Stamp,
    /// What changed.
    pub effect: Effect<'a>,
}

/// Last in the public part.
#[derive(Encode, BorrowDecode)]
pub struct PublicRequest<'a> {
    /// The API key that was shown.
    pub by: Option<Thing>,
    /// What was asked.
    pub command: Command<'a>,
}

/// First in the personal part.
#[derive(Encode, BorrowDecode)]
pub struct FactTexts<'a> {
    /// The idempotency key.
    pub idempotency_key: Option<&'a str>,
    /// Words of the facts.
    pub effect: Text<'a>,
}

/// A key with its names.
#[derive(Encode, BorrowDecode)]
pub struct WholeKey<'a> {
    /// Without names.
    pub key: ApiKey,
    /// The names.
    pub text: KeyText<'a>,
}

/// A tenant at rest.
#[derive(Encode, BorrowDecode)]
pub struct Tenant<'a> {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: Option<&'a str>,
    /// Its settings.
    pub settings: Settings<'a>,
    /// Every key it ever had, oldest first.
    pub keys: List<'a, WholeKey<'a>>,
    /// Counts records.
    pub version: u64,
    /// Time of its last record.
    pub last_at: Stamp,
    /// Position of its last record.
    pub last_position: u64,
    /// When it was made.
    pub created_at: Stamp,
}
