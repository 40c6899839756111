//! Purchases that are paid somewhere else: of automatic top-ups, and of invoiced ones that were asked for (SEMANTICS §6, §11).
//!
//! A recharge is *pending* while its payment is; then its credit is nowhere yet, or, if it was *trusted*, there already. It ends once.
//! Pending ones are limited by `recharges_open_max`; of those that ended the [`ENDED_KEPT_MAX`] that began last are kept, as the payment of a
//! trusted one may fail later.
//!
//! A trusted one whose payment failed is *unpaid*: what of its credit was spent is debt, and what comes back of that is less debt. Those of
//! which something was spent or pinned are kept beside the others, the [`UNPAID_KEPT_MAX`] that began last.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::amount::{Credits, Money};
use crate::fact::CreditRow;
use crate::ids::{InvoiceId, LogPosition, RechargeId, TrancheId, WalletId};
use crate::time::Timestamp;
use crate::unit::Currency;

/// Recharges that ended and are remembered: those that began last. No setting: it is part of the fold.
pub const ENDED_KEPT_MAX: usize = 128;

/// Unpaid recharges that are remembered: those that began last. Of older ones, what comes back is credit again. No setting: it is part of
/// the fold.
pub const UNPAID_KEPT_MAX: usize = 1_024;

/// Who wanted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RechargeOrigin {
    /// A rule of the wallet.
    Auto,
    /// A top-up.
    TopUp,
}

impl RechargeOrigin {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Auto, Self::TopUp];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::TopUp => "top_up",
        }
    }
}

/// How far its payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RechargeStatus {
    /// Nobody knows yet.
    Pending,
    /// Paid, or trusted to be where no result is reported.
    Completed,
    /// Not paid.
    Failed,
    /// Called off before it was paid.
    Cancelled,
}

impl RechargeStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Completed, Self::Failed, Self::Cancelled];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a recharge ended without a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RechargeReason {
    /// The payment failed, and nobody says more.
    PaymentFailed,
    /// It was pending for too long.
    Expired,
    /// Somebody called it off.
    Cancelled,
    /// Its wallet was closed.
    WalletClosed,
    /// The card or its bank said no.
    CardDeclined,
    /// The account behind the card has too little money.
    InsufficientFunds,
    /// The card has expired.
    CardExpired,
    /// The payer would have to confirm the payment, and is not there.
    AuthenticationRequired,
    /// Nobody knows what to charge: the customer has no payment method.
    NoPaymentMethod,
    /// The provider does not take the request: the amount, the currency, or who pays.
    PaymentRefused,
}

impl RechargeReason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::PaymentFailed,
        Self::Expired,
        Self::Cancelled,
        Self::WalletClosed,
        Self::CardDeclined,
        Self::InsufficientFunds,
        Self::CardExpired,
        Self::AuthenticationRequired,
        Self::NoPaymentMethod,
        Self::PaymentRefused,
    ];

    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentFailed => "payment_failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::WalletClosed => "wallet_closed",
            Self::CardDeclined => "card_declined",
            Self::InsufficientFunds => "insufficient_funds",
            Self::CardExpired => "card_expired",
            Self::AuthenticationRequired => "authentication_required",
            Self::NoPaymentMethod => "no_payment_method",
            Self::PaymentRefused => "payment_refused",
        }
    }

    /// Those that a payment fails for.
    pub const OF_PAYMENTS: [Self; 7] = [
        Self::PaymentFailed,
        Self::CardDeclined,
        Self::InsufficientFunds,
        Self::CardExpired,
        Self::AuthenticationRequired,
        Self::NoPaymentMethod,
        Self::PaymentRefused,
    ];
}

/// The calendar windows in which an automatic recharge counts, by their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedIn {
    /// End of its day.
    pub day_ends_at: Timestamp,
    /// End of its month.
    pub month_ends_at: Timestamp,
}

/// A purchase and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recharge {
    /// Its id: the payment provider's idempotency key.
    pub id: RechargeId,
    /// Whose.
    pub wallet: WalletId,
    /// What its money is in.
    pub currency: Currency,
    /// Who wanted it.
    pub origin: RechargeOrigin,
    /// How far its payment is.
    pub status: RechargeStatus,
    /// Whether its credit came in without proof of its payment. No more once it is paid; it stays where the payment failed and something of
    /// the credit was spent or pinned ([`Recharge::is_unpaid`]). Records from before that rule do not have it with a failure.
    pub trusted: bool,
    /// The invoice that asks for the money; `None` = it is charged directly.
    pub invoice: Option<InvoiceId>,
    /// When it began.
    pub begun_at: Timestamp,
    /// Where it counts for the rule that began it; of automatic ones only.
    pub counted_in: Option<CountedIn>,
    /// When it fails by itself; `None` = never, as it is trusted.
    pub expires_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended unpaid.
    pub reason: Option<RechargeReason>,
    /// The purchase and, after it, its bonus, as they were recorded when it began. Not trusted: without a balance.
    pub rows: SmallVec<[Box<CreditRow>; 1]>,
    /// What of each row's tranche ended unspent: expired, voided, forfeited. Empty = nothing of any.
    pub gone: SmallVec<[Credits; 2]>,
    /// The record in which it began, and its first row there; 0 until that record has a position.
    pub row: (LogPosition, u32),
    /// The record in which its credit came in later, and its first row there: those rows complete the ones with which it began. 0 = none
    /// has, or that record has no position yet.
    pub came_in: (LogPosition, u32),
}

impl Recharge {
    /// Credits of the purchase, its bonus included.
    #[must_use]
    pub fn credits(&self) -> Credits {
        self.rows.iter().map(|row| row.terms.original).sum()
    }

    /// Worth of what is bought in money, unrounded; a bonus costs nothing.
    #[must_use]
    pub fn amount(&self) -> Money {
        self.rows.iter().filter(|row| row.charged.is_some()).map(|row| row.amount).sum()
    }

    /// Money to be paid.
    #[must_use]
    pub fn charged(&self) -> Money {
        self.rows.iter().filter_map(|row| row.charged).sum()
    }

    /// Whether its credit is in no balance, and counts as bought and not paid.
    #[must_use]
    pub fn is_pending_credit(&self) -> bool {
        self.status == RechargeStatus::Pending && !self.trusted
    }

    /// Whether its credit is there without proof of its payment.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.trusted && !self.is_unpaid()
    }

    /// Whether its credit was there and its payment failed: of its credit only pins are left, what is captured of them is debt, and what
    /// comes back of what was spent is less debt.
    #[must_use]
    pub fn is_unpaid(&self) -> bool {
        self.trusted && self.status == RechargeStatus::Failed
    }

    /// Notes what of a tranche ended unspent.
    pub(crate) fn note_gone(&mut self, tranche: TrancheId, credits: Credits) {
        if let Some(at) = self.rows.iter().position(|row| row.tranche == tranche) {
            self.gone.resize(self.rows.len(), Credits::ZERO);
            self.gone[at] += credits;
        }
    }

    /// What of a row's tranche ended unspent.
    #[must_use]
    pub fn gone_of(&self, row: usize) -> Credits {
        self.gone.get(row).copied().unwrap_or_default()
    }
}

/// The recharges of a customer: pending ones, and the last of those that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recharges {
    by_id: BTreeMap<RechargeId, Recharge>,
    next_due: Timestamp,
}

impl Default for Recharges {
    fn default() -> Self {
        Self::new()
    }
}

impl Recharges {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_id: BTreeMap::new(), next_due: Timestamp::MAX }
    }

    /// Enters a recharge, or replaces it; forgets the oldest that ended beyond [`ENDED_KEPT_MAX`], and the oldest unpaid one beyond
    /// [`UNPAID_KEPT_MAX`].
    pub fn set(&mut self, recharge: Recharge) {
        self.by_id.insert(recharge.id, recharge);
        self.forget(ENDED_KEPT_MAX, |one| one.status != RechargeStatus::Pending && !one.is_unpaid());
        self.forget(UNPAID_KEPT_MAX, Recharge::is_unpaid);
        self.next_due = self.by_id.values().filter_map(due_at).min().unwrap_or(Timestamp::MAX);
    }

    /// Forgets the oldest of those, if there are more than `max`.
    fn forget(&mut self, max: usize, those: impl Fn(&Recharge) -> bool) {
        let mut found = self.by_id.values().filter(|one| those(one)).map(|one| one.id);
        let Some(oldest) = found.next() else { return };
        if 1 + found.count() > max {
            self.by_id.remove(&oldest);
        }
    }

    /// Whether a tranche's credit was never paid: one of an unpaid recharge.
    #[must_use]
    pub fn is_unpaid(&self, tranche: TrancheId) -> bool {
        let has = |one: &Recharge| one.rows.iter().any(|row| row.tranche == tranche);
        self.iter().any(|one| one.is_unpaid() && has(one))
    }

    /// Whether the payment of a tranche's credit has failed, by whatever rule that was written.
    #[must_use]
    pub fn has_failed(&self, tranche: TrancheId) -> bool {
        let has = |one: &Recharge| one.rows.iter().any(|row| row.tranche == tranche);
        self.iter().any(|one| one.status == RechargeStatus::Failed && has(one))
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: RechargeId) -> Option<&Recharge> {
        self.by_id.get(&id)
    }

    /// One of them, to note what became of its credit. Not for what changes when it ends.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Recharge> {
        self.by_id.values_mut()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Recharge> {
        self.by_id.values()
    }

    /// Those of one wallet that are pending.
    pub fn open_of(&self, wallet: WalletId) -> impl Iterator<Item = &Recharge> {
        self.iter().filter(move |one| one.wallet == wallet && one.status == RechargeStatus::Pending)
    }

    /// Credit of a wallet that is bought and not paid (SEMANTICS §1 "pending").
    #[must_use]
    pub fn pending(&self, wallet: WalletId) -> Credits {
        let pending = self.open_of(wallet).filter(|one| one.is_pending_credit());
        let rows = pending.flat_map(|one| &one.rows);
        // A state that was read from anywhere must not break whoever reads it.
        Credits(rows.fold(0, |sum: i128, row| sum.saturating_add(row.terms.original.0)))
    }

    /// Those that fail at or before `now`, by instant.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<(Timestamp, RechargeId)> {
        if now < self.next_due {
            return Vec::new();
        }
        let all = self.iter().filter_map(|one| due_at(one).map(|at| (at, one.id)));
        let mut due: Vec<_> = all.filter(|(at, _)| *at <= now).collect();
        due.sort_unstable();
        due
    }

    /// The next instant at which one fails by itself; [`Timestamp::MAX`] if none does.
    #[must_use]
    pub const fn next_due(&self) -> Timestamp {
        self.next_due
    }

    /// How many are pending.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.iter().filter(|one| one.status == RechargeStatus::Pending).count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }
}

impl FromIterator<Recharge> for Recharges {
    /// Of all that are kept, none of which is forgotten.
    fn from_iter<I: IntoIterator<Item = Recharge>>(recharges: I) -> Self {
        let by_id: BTreeMap<_, _> = recharges.into_iter().map(|recharge| (recharge.id, recharge)).collect();
        let next_due = by_id.values().filter_map(due_at).min().unwrap_or(Timestamp::MAX);
        Self { by_id, next_due }
    }
}

fn due_at(recharge: &Recharge) -> Option<Timestamp> {
    recharge.expires_at.filter(|_| recharge.status == RechargeStatus::Pending)
}
