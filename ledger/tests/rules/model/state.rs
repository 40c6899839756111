//! What the model remembers: everything that ever happened to a wallet and to a tranche. Every figure is summed anew from
//! that whenever it is asked for (SEMANTICS §1).

use std::cmp::Ordering;

use coffer_ledger::command::{CreditReason, Metadata};
use coffer_ledger::ids::{TrancheId, WalletId};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::{Source, Terms};
use coffer_ledger::unit::{Currency, PriceType, PriceUnit};
use coffer_ledger::wallet::{WalletStatus, WalletType};

use super::number::{DIGITS, Q, total};
use super::outcome::Row;

/// The customer, once somebody named it.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) external_id: String,
    pub(crate) minted: bool,
    pub(crate) deleted: bool,
    /// The time zone of its profile.
    pub(crate) zone: Option<String>,
}

/// A wallet. `id` is what the ledger called it: the model learns it after the creation.
#[derive(Clone, Debug)]
pub(crate) struct Purse {
    pub(crate) id: Option<WalletId>,
    pub(crate) currency: Currency,
    pub(crate) price_unit: Option<PriceUnit>,
    pub(crate) rate: Q,
    pub(crate) topup_rate: Q,
    pub(crate) kind: WalletType,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) status: WalletStatus,
    pub(crate) priority: u32,
    pub(crate) admits: PriceTypes,
    pub(crate) limit: Q,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// Every overdraft slice (positive), repayment and write-off (negative).
    pub(crate) debt_moves: Vec<Q>,
    /// Every completed row, oldest first.
    pub(crate) rows: Vec<Row>,
}

impl Purse {
    pub(crate) fn debt(&self) -> Q {
        total(&self.debt_moves)
    }

    /// A unit is (currency, price unit, rate).
    pub(crate) fn same_unit(&self, other: &Self) -> bool {
        self.currency == other.currency && self.price_unit == other.price_unit && self.rate == other.rate
    }

    pub(crate) fn is_active(&self) -> bool {
        self.status == WalletStatus::Active
    }

    pub(crate) fn admits(&self, price_type: PriceType) -> bool {
        lists(self.admits, price_type)
    }
}

/// A tranche, from the first to the last of its credits.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) wallet: usize,
    pub(crate) id: Option<TrancheId>,
    pub(crate) reason: CreditReason,
    pub(crate) source: Source,
    pub(crate) priority: u32,
    pub(crate) scope: Scope,
    pub(crate) original: Q,
    pub(crate) paid: Q,
    pub(crate) effective_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// Everything that ever left it: slices, repayments, expiry, voiding, closing.
    pub(crate) left: Vec<Q>,
    /// What of it ended unspent: expired, voided, forfeited.
    pub(crate) unused: Vec<Q>,
    /// Everything that ever came back to it.
    pub(crate) back: Vec<Q>,
    /// Whether its credit was voided while holds pinned of it.
    pub(crate) voided: bool,
    /// Whether its payment has failed.
    pub(crate) unpaid: bool,
    /// Whether it came back after nothing was left of it: then nobody knows its row any more.
    pub(crate) reborn: bool,
    /// Whether its start has been written; at once unless it was minted for the future.
    pub(crate) started: bool,
    /// Cancelled before its start.
    pub(crate) cancelled: bool,
}

impl Block {
    pub(crate) fn remaining(&self) -> Q {
        &(&self.original - &total(&self.left)) + &total(&self.back)
    }

    /// What of it was spent and has not come back.
    pub(crate) fn spent(&self) -> Q {
        &(&self.original - &self.remaining()) - &total(&self.unused)
    }

    pub(crate) fn is_live(&self) -> bool {
        !self.cancelled && self.remaining().is_positive()
    }

    /// Whether its end is at or before that instant: what comes back to it is gone at once.
    pub(crate) fn has_ended(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= at)
    }

    /// Usable: `remaining` while `effective_at ≤ now < expires_at` (SEMANTICS §1).
    pub(crate) fn is_usable(&self, now: Timestamp) -> bool {
        self.is_live() && self.effective_at <= now && self.expires_at.is_none_or(|end| now < end)
    }

    pub(crate) fn admits(&self, price_type: PriceType, feature: Option<&str>) -> bool {
        let feature_fits = match &self.scope.features {
            None => true,
            Some(names) => feature.is_some_and(|wanted| names.iter().any(|name| &**name == wanted)),
        };
        lists(self.scope.price_types, price_type) && feature_fits
    }

    /// paid × spent / original, rounded down (SEMANTICS §6 "Released so far").
    pub(crate) fn released(&self, spent: &Q) -> Q {
        (&self.paid * spent).over(&self.original).down(DIGITS)
    }

    /// The paid share of the next so many credits that leave it.
    pub(crate) fn share_of_next(&self, credits: &Q) -> Q {
        let spent = &self.original - &self.remaining();
        &self.released(&(&spent + credits)) - &self.released(&spent)
    }
}

fn lists(set: PriceTypes, price_type: PriceType) -> bool {
    match price_type {
        PriceType::Usage => set.usage,
        PriceType::Fixed => set.fixed,
    }
}

/// Burn order inside a wallet, clause by clause as SEMANTICS §3.2 lists them; creation is the index.
pub(crate) fn burns_before(a: (usize, &Block), b: (usize, &Block)) -> Ordering {
    let by_priority = a.1.priority.cmp(&b.1.priority);
    let by_end = match (a.1.expires_at, b.1.expires_at) {
        (Some(first), Some(second)) => first.cmp(&second),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    let by_features = b.1.scope.features.is_some().cmp(&a.1.scope.features.is_some());
    let by_money = a.1.paid.is_positive().cmp(&b.1.paid.is_positive());
    let by_start = a.1.effective_at.cmp(&b.1.effective_at);
    by_priority.then(by_end).then(by_features).then(by_money).then(by_start).then(a.0.cmp(&b.0))
}

/// Order of wallets for a charge that names none, as SEMANTICS §3.1 lists it; age is the index.
pub(crate) fn pays_before(a: (usize, &Purse), b: (usize, &Purse)) -> Ordering {
    a.1.admits.all.cmp(&b.1.admits.all).then(a.1.priority.cmp(&b.1.priority)).then(a.0.cmp(&b.0))
}

impl Block {
    /// A tranche that arrives from another customer.
    pub(crate) fn of_terms(wallet: usize, terms: &Terms) -> Self {
        Self {
            wallet,
            id: None,
            reason: CreditReason::CreditAdjustment,
            source: terms.source,
            priority: terms.priority,
            scope: terms.scope.clone(),
            original: Q::raw(terms.original.0),
            paid: Q::raw(terms.paid.0),
            effective_at: terms.effective_at,
            expires_at: terms.expires_at,
            left: Vec::new(),
            unused: Vec::new(),
            back: Vec::new(),
            voided: false,
            unpaid: false,
            reborn: false,
            started: true,
            cancelled: false,
        }
    }
}
