//! A customer: the unit of atomicity. One actor owns one of these (DESIGN decision 1).

use crate::command::Metadata;
use crate::ids::{CustomerNumber, LogPosition, MintedCustomerId, TenantNumber, WalletId};
use crate::time::Timestamp;
use crate::wallet::Wallet;

/// What the caller calls a customer by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomerId {
    /// Made by `POST /customers`: `cust_…`.
    Minted(MintedCustomerId),
    /// Made by the first wallet that named it: the id is the external id.
    Named,
}

/// Personal data and settings of a customer. Only what billing SDKs send; none of it takes part in a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Name for people.
    pub name: Option<Box<str>>,
    /// E-mail address, as given.
    pub email: Option<Box<str>>,
    /// Contact, as given.
    pub contact: Option<Box<str>>,
    /// Postal address: line 1, line 2, city, state, postal code, country.
    pub address: [Option<Box<str>>; 6],
    /// IANA time zone for calendar rules; `None` = UTC.
    pub timezone: Option<Box<str>>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
}

/// Who a customer is; absent until the first accepted record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What replies call it.
    pub id: CustomerId,
    /// The caller's own name for it, unique per tenant.
    pub external_id: Box<str>,
    /// Personal data.
    pub profile: Profile,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its profile last changed.
    pub updated_at: Timestamp,
    /// Whether it was deleted; a deleted customer refuses everything, and its name may be used again.
    pub deleted: bool,
}

/// Everything live about a customer: a fold of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Its number, unique over all tenants.
    pub number: CustomerNumber,
    /// The tenant that it belongs to.
    pub tenant: TenantNumber,
    /// Who it is; `None` before its first record.
    pub identity: Option<Identity>,
    /// Time of its last record. The next turn is never before it (SEMANTICS §10).
    pub last_at: Timestamp,
    /// Position of its last record; 0 before the first.
    pub last_position: LogPosition,
    /// Next value for the counter part of a [`crate::ids::ThingId`].
    pub counter: u64,
    /// All wallets, oldest first, closed ones included.
    pub wallets: Vec<Wallet>,
}

impl Customer {
    /// A customer that no record has touched yet.
    #[must_use]
    pub const fn new(tenant: TenantNumber, number: CustomerNumber) -> Self {
        Self {
            number,
            tenant,
            identity: None,
            last_at: Timestamp(0),
            last_position: LogPosition(0),
            counter: 0,
            wallets: Vec::new(),
        }
    }

    /// The next instant at which something happens by itself; [`Timestamp::MAX`] if nothing will.
    #[must_use]
    pub fn next_due(&self) -> Timestamp {
        self.wallets.iter().map(|wallet| wallet.next_due).min().unwrap_or(Timestamp::MAX)
    }

    /// A wallet by its id, closed ones included.
    #[must_use]
    pub fn wallet(&self, id: WalletId) -> Option<&Wallet> {
        self.wallets.iter().find(|wallet| wallet.head.id == id)
    }

    /// Live tranches of all wallets.
    #[must_use]
    pub fn tranche_count(&self) -> usize {
        self.wallets.iter().map(|wallet| wallet.tranches.len()).sum()
    }
}
