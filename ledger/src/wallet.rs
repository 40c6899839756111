//! A pool of tranches inside a customer, with one unit, status, scope and limits (SEMANTICS §1).

use crate::amount::{Credits, Rate};
use crate::burn_order::{self, BurnOrder};
use crate::command::Metadata;
use crate::ids::{TrancheId, WalletId};
use crate::scope::PriceTypes;
use crate::time::Timestamp;
use crate::tranche::{Terms, Tranche};
use crate::unit::Unit;
use crate::watch::{WalletRules, Watch};

/// Whether a wallet takes part (SEMANTICS §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WalletStatus {
    /// Everything goes.
    Active,
    /// Credit and expiry go on; nothing leaves.
    Frozen,
    /// Final.
    Closed,
}

/// Flexprice's wallet types. Here they only choose the default of `allowed_price_types`: USAGE or ALL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WalletType {
    /// Pays as use happens.
    PrePaid,
    /// Pays invoices.
    PostPaid,
}

/// A wallet without its tranches: what a reply shows and what a record keeps.
///
/// `own = posted − held`; `available = max(0, own + overdraft_limit)` (SEMANTICS §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletHead {
    /// Its id.
    pub id: WalletId,
    /// What it counts in.
    pub unit: Unit,
    /// Money per credit when buying.
    pub topup_conversion_rate: Rate,
    /// PRE_PAID or POST_PAID.
    pub wallet_type: WalletType,
    /// Name for people.
    pub name: Box<str>,
    /// Text for people.
    pub description: Option<Box<str>>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// Active, frozen or closed.
    pub status: WalletStatus,
    /// Lower pays first when no wallet is named; default 50.
    pub priority: u32,
    /// Which charges it admits.
    pub allowed_price_types: PriceTypes,
    /// How far `own` may go below zero, for USAGE charges; ≥ 0.
    pub overdraft_limit: Credits,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its settings or status last changed (balances do not count).
    pub updated_at: Timestamp,
    /// Number of the last completed ledger row of this wallet; rows are gap-free from 1 (I4).
    pub sequence: u64,
    /// Σ usable − debt. May be negative.
    pub posted: Credits,
    /// Σ pinned by open holds.
    pub held: Credits,
    /// Overdraft taken and not repaid; ≥ 0.
    pub debt: Credits,
    /// What watches over it: alerts, automatic top-up.
    pub rules: Option<Box<WalletRules>>,
}

/// A wallet with its live tranches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// Everything but the tranches.
    pub head: WalletHead,
    /// Live tranches in burn order (see [`crate::burn_order`]), scheduled ones included.
    pub tranches: Vec<Tranche>,
    /// The order in which they are kept: the contract's, unless somebody asks what another one would have done. No record
    /// and no snapshot has it.
    pub burn_order: BurnOrder,
    /// The next instant at which one of the tranches starts or ends; [`Timestamp::MAX`] if none does.
    pub next_due: Timestamp,
    /// What of `head.held` is overdraft that open holds pin: Σ their pins without a tranche.
    pub held_overdraft: Credits,
    /// What happened under `head.rules`; there exactly when those are.
    pub watch: Option<Box<Watch>>,
}

impl WalletHead {
    /// posted − held; may be negative.
    #[must_use]
    pub fn own(&self) -> Credits {
        self.posted - self.held
    }

    /// max(0, own + overdraft limit), whatever the status.
    #[must_use]
    pub fn available(&self) -> Credits {
        (self.own() + self.overdraft_limit).max(Credits::ZERO)
    }
}

impl Wallet {
    /// How much more overdraft a USAGE charge may take, what holds pin of it not counted. Counted from the debt, not from `own`:
    /// credit that may not pay the charge is no security for it either.
    #[must_use]
    pub fn overdraft_room(&self) -> Credits {
        (self.head.overdraft_limit - self.head.debt - self.held_overdraft).max(Credits::ZERO)
    }

    /// Where a live tranche stands.
    #[must_use]
    pub fn find(&self, id: TrancheId, terms: &Terms) -> Option<usize> {
        burn_order::find(self.burn_order, &self.tranches, id, terms).ok()
    }

    /// Keeps the tranches in another order from now on. Moves no credit.
    pub fn reorder(&mut self, order: BurnOrder) {
        self.burn_order = order;
        self.tranches
            .sort_unstable_by(|one, other| order.compare((one.id, &one.terms), (other.id, &other.terms)));
    }

    /// The next instant at which a tranche starts or ends, found by looking at all of them.
    #[must_use]
    pub fn scan_next_due(&self) -> Timestamp {
        self.tranches.iter().map(Tranche::due_at).min().unwrap_or(Timestamp::MAX)
    }

    /// Whether its customer still has it: not closed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.head.status {
            WalletStatus::Active | WalletStatus::Frozen => true,
            WalletStatus::Closed => false,
        }
    }
}
