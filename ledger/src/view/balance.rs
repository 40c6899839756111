//! Balances as of an instant, with nothing expired in them, whether that was written yet or not (SEMANTICS §1, §8).

use std::borrow::Cow;

use crate::alert::AlertState;
use crate::amount::Credits;
use crate::apply;
use crate::customer::Customer;
use crate::decide::takeable;
use crate::expiry;
use crate::time::Timestamp;
use crate::tranche::{Source, Tranche};
use crate::unit::{PriceType, Unit};
use crate::wallet::{Wallet, WalletHead, WalletStatus};

/// Credits by the source of their tranches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySource {
    /// [`Source::Purchased`].
    pub purchased: Credits,
    /// [`Source::Promotional`].
    pub promotional: Credits,
    /// [`Source::PlanIncluded`].
    pub plan_included: Credits,
    /// [`Source::Refund`].
    pub refund: Credits,
    /// [`Source::Adjustment`].
    pub adjustment: Credits,
    /// [`Source::Rollover`].
    pub rollover: Credits,
}

impl BySource {
    /// The credits of one source.
    #[must_use]
    pub const fn of(&self, source: Source) -> Credits {
        match source {
            Source::Purchased => self.purchased,
            Source::Promotional => self.promotional,
            Source::PlanIncluded => self.plan_included,
            Source::Refund => self.refund,
            Source::Adjustment => self.adjustment,
            Source::Rollover => self.rollover,
        }
    }

    /// Each source with its credits, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Source, Credits)> {
        Source::ALL.into_iter().map(|source| (source, self.of(source)))
    }

    fn add(&mut self, source: Source, credits: Credits) {
        match source {
            Source::Purchased => self.purchased += credits,
            Source::Promotional => self.promotional += credits,
            Source::PlanIncluded => self.plan_included += credits,
            Source::Refund => self.refund += credits,
            Source::Adjustment => self.adjustment += credits,
            Source::Rollover => self.rollover += credits,
        }
    }
}

/// What a charge of each price type, without a feature, could take now, overdraft included and what holds pin not: what a 402 would call
/// `available`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByPriceType {
    /// For metered use.
    pub usage: Credits,
    /// For fixed fees.
    pub fixed: Credits,
}

/// The figures of a wallet or of a unit as of an instant (SEMANTICS §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Σ usable − debt.
    pub posted: Credits,
    /// Σ pinned by open holds.
    pub held: Credits,
    /// posted − held.
    pub own: Credits,
    /// max(0, own + overdraft limit), whatever the wallet's status; of a unit: the sum over its active wallets.
    pub available: Credits,
    /// Bought and not paid.
    pub pending: Credits,
    /// Confirmed, with a start in the future.
    pub scheduled: Credits,
    /// Overdraft taken and not repaid.
    pub debt: Credits,
    /// Usable credit by source, what open holds pin of ended credit included. Σ = posted + debt.
    pub by_source: BySource,
    /// What a charge could take: nothing from a wallet that is not active.
    pub by_price_type: ByPriceType,
}

impl Figures {
    /// Adds one wallet's figures to its unit's.
    fn add(&mut self, wallet: &Self, status: WalletStatus) {
        self.posted += wallet.posted;
        self.held += wallet.held;
        self.own += wallet.own;
        if status == WalletStatus::Active {
            self.available += wallet.available;
        }
        self.pending += wallet.pending;
        self.scheduled += wallet.scheduled;
        self.debt += wallet.debt;
        wallet.by_source.iter().for_each(|(source, credits)| self.by_source.add(source, credits));
        self.by_price_type.usage += wallet.by_price_type.usage;
        self.by_price_type.fixed += wallet.by_price_type.fixed;
    }
}

/// A wallet as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletBalance {
    /// The wallet's settings and, as of the instant, its running values.
    pub head: WalletHead,
    /// Its figures.
    pub figures: Figures,
    /// Its alert.
    pub alert_state: AlertState,
    /// Seconds until it is empty at the rate of the last hour; `None` = nobody knows.
    pub runway_s: Option<u64>,
    /// Its live tranches in burn order, scheduled ones included; of ended ones only those that open holds pin.
    pub tranches: Vec<Tranche>,
}

/// All wallets that count in one unit, closed ones left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitBalance {
    /// The unit.
    pub unit: Unit,
    /// Sums over its wallets.
    pub figures: Figures,
}

/// A customer's balance as of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// All wallets, oldest first, closed ones left out.
    pub wallets: Vec<WalletBalance>,
    /// One per unit, in the order of its oldest wallet. With exactly one, a reply shows its figures on top.
    pub units: Vec<UnitBalance>,
}

/// The balance as of `now`. `now` is never before the customer's last record.
#[must_use]
pub fn balance(customer: &Customer, now: Timestamp) -> BalanceView {
    let mut view = BalanceView { wallets: Vec::new(), units: Vec::new() };
    let ahead = as_of(customer, now);
    for wallet in ahead.wallets.iter().filter(|wallet| wallet.is_open()) {
        let wallet = wallet.clone();
        let figures = figures(&ahead, &wallet, now);
        let status = wallet.head.status;
        match view.units.iter_mut().find(|balance| balance.unit == wallet.head.unit) {
            Some(balance) => balance.figures.add(&figures, status),
            None => {
                let mut sum = Figures::default();
                sum.add(&figures, status);
                view.units.push(UnitBalance { unit: wallet.head.unit.clone(), figures: sum });
            }
        }
        let (alert_state, runway_s) = watched(&wallet, now);
        let (head, tranches) = (wallet.head, wallet.tranches);
        view.wallets.push(WalletBalance { head, figures, alert_state, runway_s, tranches });
    }
    view
}

/// The wallet's head with the running values that it has at `now`. Its sequence stays that of the last row written.
#[must_use]
pub fn head_at(customer: &Customer, wallet: &Wallet, now: Timestamp) -> WalletHead {
    wallet_at(&as_of(customer, now), wallet).head.clone()
}

/// The figures of one wallet as of `now`.
#[must_use]
pub fn figures_at(customer: &Customer, wallet: &Wallet, now: Timestamp) -> Figures {
    let ahead = as_of(customer, now);
    figures(&ahead, wallet_at(&ahead, wallet), now)
}

/// A wallet's alert and its runway as of `now` (SEMANTICS §12).
#[must_use]
pub fn watched_at(customer: &Customer, wallet: &Wallet, now: Timestamp) -> (AlertState, Option<u64>) {
    watched(wallet_at(&as_of(customer, now), wallet), now)
}

/// Of a wallet for which nothing is due. A closed one stays as its last row left it.
fn watched(wallet: &Wallet, now: Timestamp) -> (AlertState, Option<u64>) {
    let Some(watch) = wallet.watch.as_deref() else { return (AlertState::Ok, None) };
    let alerts = wallet.head.rules.as_ref().and_then(|rules| rules.alerts.as_ref());
    let state = alerts.map_or(AlertState::Ok, |alerts| alerts.state(wallet.head.posted, watch.base));
    (state, watch.spent.runway_s(wallet.head.own(), now).filter(|_| wallet.is_open()))
}

/// The customer's wallets as they will be when what is due at `now` has been written; sequences stay those of the last rows written.
fn as_of(customer: &Customer, now: Timestamp) -> Cow<'_, Customer> {
    if now < customer.next_due() {
        return Cow::Borrowed(customer);
    }
    let mut ahead = apply::wallets_after(customer, &expiry::due(customer, now, usize::MAX));
    for (ahead, written) in ahead.wallets.iter_mut().zip(&customer.wallets) {
        ahead.head.sequence = written.head.sequence;
    }
    Cow::Owned(ahead)
}

/// The same wallet in another state of its customer.
fn wallet_at<'a>(customer: &'a Customer, wallet: &Wallet) -> &'a Wallet {
    customer.wallet(wallet.head.id).expect("wallets are never taken away")
}

/// The figures of a wallet for which nothing is due.
fn figures(customer: &Customer, wallet: &Wallet, now: Timestamp) -> Figures {
    let head = &wallet.head;
    let mut figures = Figures {
        posted: head.posted,
        held: head.held,
        own: head.own(),
        available: head.available(),
        pending: customer.recharges.pending(head.id),
        debt: head.debt,
        by_price_type: ByPriceType {
            usage: takeable(wallet, PriceType::Usage, now),
            fixed: takeable(wallet, PriceType::Fixed, now),
        },
        ..Figures::default()
    };
    for tranche in &wallet.tranches {
        if tranche.scheduled {
            figures.scheduled += tranche.remaining;
        } else {
            figures.by_source.add(tranche.terms.source, tranche.remaining);
        }
    }
    figures
}
