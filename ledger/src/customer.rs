//! A customer: the unit of atomicity. One actor owns one of these (DESIGN decision 1).

use std::collections::{BTreeMap, VecDeque};

use crate::amount::Credits;
use crate::budget::Budget;
use crate::command::Metadata;
use crate::grant::Grants;
use crate::hold::Holds;
use crate::ids::{
    CustomerNumber, LogPosition, MintedCustomerId, TenantNumber, ThingId, TransferId, WalletId,
};
use crate::recharge::Recharges;
use crate::time::Timestamp;
use crate::transfer::{TransferOut, TransferReceived};
use crate::wallet::Wallet;
use crate::watch::Calm;

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

/// Of the personal data, what a request gives: the rest stays. See [`Profile`] for the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// New name.
    pub name: Option<Box<str>>,
    /// New e-mail address.
    pub email: Option<Box<str>>,
    /// New contact.
    pub contact: Option<Box<str>>,
    /// New lines of the postal address, each for itself.
    pub address: [Option<Box<str>>; 6],
    /// New time zone.
    pub timezone: Option<Box<str>>,
    /// New pairs, replaced whole.
    pub metadata: Option<Metadata>,
}

impl ProfileChange {
    /// The profile with what is given.
    #[must_use]
    pub fn over(&self, profile: &Profile) -> Profile {
        let Self { name, email, contact, address, timezone, metadata } = self;
        let text = |given: &Option<Box<str>>, now: &Option<Box<str>>| given.clone().or_else(|| now.clone());
        Profile {
            name: text(name, &profile.name),
            email: text(email, &profile.email),
            contact: text(contact, &profile.contact),
            address: std::array::from_fn(|line| text(&address[line], &profile.address[line])),
            timezone: text(timezone, &profile.timezone),
            metadata: metadata.as_ref().unwrap_or(&profile.metadata).clone(),
        }
    }
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

/// Closed holds and transfers that a state remembers. No setting: it is part of the fold, and a fold must not depend on one.
pub const CLOSED_KEPT_MAX: usize = 1_024;

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
    /// Open holds; limited by `holds_max`.
    pub holds: Holds,
    /// Budgets by name; limited by `budgets_max`.
    pub budgets: BTreeMap<Box<str>, Budget>,
    /// What was given back of debits, by their rows (record and row): all that is kept of a closed debit. Limited by `refunds_max`.
    pub given_back: BTreeMap<(LogPosition, u32), Credits>,
    /// Invoices that were settled, by their ids; limited by `invoices_max`.
    pub invoices: BTreeMap<Box<str>, Invoice>,
    /// Transfers that left and are not known to have arrived; limited by `transfers_open_max`.
    pub transfers_out: BTreeMap<TransferId, TransferOut>,
    /// Transfers that arrived and whose sender may still ask.
    pub transfers_in: BTreeMap<TransferId, TransferReceived>,
    /// What it is enrolled in, and its grants.
    pub grants: Grants,
    /// Purchases whose payment is pending, and those that ended last; open ones limited by `recharges_open_max`.
    pub recharges: Recharges,
    /// Holds and transfers that were closed last, oldest first; at most [`CLOSED_KEPT_MAX`]. Older ones are in the log only.
    pub closed: VecDeque<Closed>,
}

/// An invoice that was settled. Its id is never free again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// The record that settled it.
    pub settled: LogPosition,
    /// The record that voided it.
    pub voided: Option<LogPosition>,
}

/// How a hold or a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClosedAs {
    /// A hold: settled.
    Captured,
    /// A hold: given back.
    Released,
    /// A hold: its deadline passed.
    Expired,
    /// A transfer: the receiver has it.
    Completed,
    /// A transfer: back at the sender.
    Returned,
}

/// Something that is closed, and where the log says more about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its id.
    pub id: ThingId,
    /// How it ended.
    pub how: ClosedAs,
    /// The record that closed it; for a transfer, the one that sent it. 0 until that record has a position.
    pub position: LogPosition,
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
            holds: Holds::new(),
            budgets: BTreeMap::new(),
            given_back: BTreeMap::new(),
            invoices: BTreeMap::new(),
            transfers_out: BTreeMap::new(),
            transfers_in: BTreeMap::new(),
            grants: Grants::new(),
            recharges: Recharges::new(),
            closed: VecDeque::new(),
        }
    }

    /// The next instant at which something happens by itself; [`Timestamp::MAX`] if nothing will.
    #[must_use]
    pub fn next_due(&self) -> Timestamp {
        let of_wallets = self.wallets.iter().map(|wallet| wallet.next_due).min().unwrap_or(Timestamp::MAX);
        let of_holds = self.holds.next_deadline();
        of_wallets.min(of_holds).min(self.recharges.next_due()).min(self.grants.next_at())
    }

    /// Finds anew within which balances nothing happens, where a wallet has rules.
    pub fn calm_down(&mut self) {
        for wallet in &mut self.wallets {
            if let (Some(rules), Some(watch)) = (&wallet.head.rules, &mut wallet.watch) {
                watch.calm = Calm::of(rules, watch, self.recharges.pending(wallet.head.id));
            }
        }
    }

    /// Remembers that something was closed.
    pub(crate) fn remember(&mut self, closed: Closed) {
        if self.closed.len() >= CLOSED_KEPT_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(closed);
    }

    /// How a hold or transfer ended, if that is still remembered. Looks at the latest first.
    #[must_use]
    pub fn closed(&self, id: ThingId) -> Option<&Closed> {
        self.closed.iter().rev().find(|closed| closed.id == id)
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
