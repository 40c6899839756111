//! Which tranche pays first (SEMANTICS §3).
//!
//! Two orders: of the wallets that may pay a charge when none is named, and of the tranches inside a wallet. The second never
//! changes during a tranche's life, so `wallet.tranches` is kept sorted by it and a debit walks from the front. What may pay at
//! all ([`Purpose::admits`]) is a question of its own, asked on the way.

use std::cmp::Ordering;

use smallvec::SmallVec;

mod order;

pub use order::{BurnOrder, SORT_KEYS_MAX, SortKey};

use crate::customer::Customer;
use crate::ids::TrancheId;
use crate::time::Timestamp;
use crate::tranche::{Terms, Tranche};
use crate::unit::PriceType;
use crate::wallet::{Wallet, WalletStatus};

/// What credit is taken for: decides which tranches may give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// A charge: scopes count.
    Charge {
        /// Metered use or a fixed fee.
        price_type: PriceType,
        /// The feature used, if the charge names one.
        feature: Option<&'a str>,
    },
    /// By hand: scopes are ignored.
    ByHand,
}

impl Purpose<'_> {
    /// Whether the tranche may give for this at `now`: started, not ended, scope admits.
    #[must_use]
    pub fn admits(&self, tranche: &Tranche, now: Timestamp) -> bool {
        let in_scope = match *self {
            Self::Charge { price_type, feature } => tranche.terms.scope.admits(price_type, feature),
            Self::ByHand => true,
        };
        in_scope && !tranche.scheduled && tranche.terms.expires_at.is_none_or(|end| now < end)
    }
}

/// The place of a tranche in its wallet's burn order, the contract's; lower burns first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BurnKey {
    priority: u32,
    /// The soonest to end first; never = last.
    expires_at: Timestamp,
    /// Bound to features before free to pay anything.
    any_feature: bool,
    /// Free credit before paid credit.
    paid: bool,
    effective_at: Timestamp,
    /// Creation, oldest first: makes the order total.
    id: TrancheId,
}

/// The burn key of a tranche with these terms.
#[must_use]
pub fn key(id: TrancheId, terms: &Terms) -> BurnKey {
    BurnKey {
        priority: terms.priority,
        expires_at: terms.expires_at.unwrap_or(Timestamp::MAX),
        any_feature: terms.scope.features.is_none(),
        paid: terms.paid.is_positive(),
        effective_at: terms.effective_at,
        id,
    }
}

/// Where the tranche stands in tranches that are kept in this order, or where it belongs.
///
/// # Errors
/// The index at which to insert it.
pub fn find(order: BurnOrder, tranches: &[Tranche], id: TrancheId, terms: &Terms) -> Result<usize, usize> {
    // Most debits take from the first tranche.
    match tranches.first() {
        Some(first) if first.id == id => Ok(0),
        Some(_) | None => match order {
            BurnOrder::Contract => {
                let wanted = key(id, terms);
                tranches.binary_search_by(|tranche| key(tranche.id, &tranche.terms).cmp(&wanted))
            }
            BurnOrder::By(_) => {
                tranches.binary_search_by(|tranche| order.compare((tranche.id, &tranche.terms), (id, terms)))
            }
        },
    }
}

/// Indices into `customer.wallets`; nearly every customer has few.
pub type WalletIndices = SmallVec<[usize; 4]>;

/// The active wallets among `candidates` that admit the price type, in the order in which they pay.
#[must_use]
pub fn wallets(customer: &Customer, mut candidates: WalletIndices, price_type: PriceType) -> WalletIndices {
    let head = |index: usize| &customer.wallets[index].head;
    candidates.retain(|index| {
        head(*index).status == WalletStatus::Active && head(*index).allowed_price_types.admits(price_type)
    });
    if candidates.len() > 1 {
        candidates.sort_unstable_by(|one, other| {
            wallet_order(&customer.wallets[*one], &customer.wallets[*other]).then(one.cmp(other))
        });
    }
    candidates
}

/// The oldest first is the order in which the customer keeps them.
fn wallet_order(one: &Wallet, other: &Wallet) -> Ordering {
    wallet_rank(one).cmp(&wallet_rank(other))
}

/// Listing the price type comes before ALL, then priority.
pub(crate) fn wallet_rank(wallet: &Wallet) -> (bool, u32) {
    (wallet.head.allowed_price_types.all, wallet.head.priority)
}
