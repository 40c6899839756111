//! Credit out, for a charge or by hand (SEMANTICS §3, §4).
//!
//! One walk over the wallets in burn order and, inside each, over its tranches; then, for USAGE only, over their overdrafts. The
//! walk takes until nothing is needed any more, so what is left over is the shortfall, and what was taken is what was available.

use smallvec::SmallVec;

use super::{Context, active_wallet, check_quantity, existing, limit_reached};
use crate::amount::wide::ExactMoney;
use crate::amount::{Credits, Money, Rate};
use crate::burn_order::{self, Purpose, WalletIndices};
use crate::command::{Debit, ManualDebit, Quantity};
use crate::customer::Customer;
use crate::fact::{DebitRow, Debited, Effect, Giver, Posting, Slice};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::unit::PriceType;
use crate::wallet::{Wallet, WalletHead, WalletStatus};

/// A debit for a charge: over one or several wallets, whole or, if partial, as much as there is.
pub(super) fn debit(customer: &Customer, request: &Debit, context: &Context<'_>) -> Result<Effect, Refusal> {
    check_quantity(request.quantity, "a debit must be more than 0")?;
    existing(customer)?;
    let payers = payers(customer, request)?;
    let purpose = Purpose::Charge { price_type: request.price_type, feature: request.feature.as_deref() };
    let mut taking = Taking::new(customer, request.quantity);
    for payer in &payers {
        taking.take_tranches(*payer, purpose, customer.wallets[*payer].head.available(), context.now);
    }
    match request.price_type {
        PriceType::Usage => payers.iter().for_each(|payer| taking.take_overdraft(*payer)),
        PriceType::Fixed => {}
    }
    taking.finish(request.quantity, request.partial, context).map(Effect::Debited)
}

/// A debit by hand: one wallet, scopes ignored, never overdrawn.
pub(super) fn by_hand(
    customer: &Customer,
    request: &ManualDebit,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    let quantity = Quantity::Credits(request.credits);
    check_quantity(quantity, "a debit must be more than 0")?;
    let wallet = active_wallet(customer, request.wallet)?;
    let index = index_of(customer, wallet);
    let mut taking = Taking::new(customer, quantity);
    taking.take_tranches(index, Purpose::ByHand, wallet.head.own(), context.now);
    let debited = taking.finish(quantity, false, context)?;
    let posting = debited.rows[0].posting;
    let head = WalletHead { posted: posting.after, sequence: posting.sequence, ..wallet.head.clone() };
    Ok(Effect::ManuallyDebited { debited, wallet: Box::new(head) })
}

/// What a charge of this price type, without a feature, could take from the wallet at `now`, overdraft included.
pub(crate) fn takeable(wallet: &Wallet, price_type: PriceType, now: Timestamp) -> Credits {
    if wallet.head.status != WalletStatus::Active || !wallet.head.allowed_price_types.admits(price_type) {
        return Credits::ZERO;
    }
    let purpose = Purpose::Charge { price_type, feature: None };
    let eligible = wallet.tranches.iter().filter(|tranche| purpose.admits(tranche, now));
    let credits = eligible.map(|tranche| tranche.unpinned()).sum::<Credits>().min(wallet.head.available());
    match price_type {
        PriceType::Usage => credits + wallet.head.overdraft_room(),
        PriceType::Fixed => credits,
    }
}

/// The wallets that may pay, in the order in which they pay. May be none.
fn payers(customer: &Customer, request: &Debit) -> Result<WalletIndices, Refusal> {
    let candidates = match request.wallet {
        Some(id) => {
            let wallet = active_wallet(customer, id)?;
            if !names(request, &wallet.head) {
                return Err(Refusal::UnitMismatch);
            }
            std::iter::once(index_of(customer, wallet)).collect()
        }
        None => of_named_unit(customer, request)?,
    };
    Ok(burn_order::wallets(customer, candidates, request.price_type))
}

/// Whether the request's currency and price unit, where given, are the wallet's.
fn names(request: &Debit, head: &WalletHead) -> bool {
    request.currency.is_none_or(|currency| currency == head.unit.currency)
        && (request.price_unit.is_none() || request.price_unit == head.unit.price_unit)
}

/// The active wallets that the request's unit leaves. Credits of different units cannot be added: there must be one unit only. Money
/// can, so a debit by amount and currency may use several.
fn of_named_unit(customer: &Customer, request: &Debit) -> Result<WalletIndices, Refusal> {
    let is_candidate = |head: &WalletHead| head.status == WalletStatus::Active && names(request, head);
    let wallets = customer.wallets.iter().enumerate();
    let candidates: WalletIndices =
        wallets.filter(|(_, wallet)| is_candidate(&wallet.head)).map(|(index, _)| index).collect();
    let several_units = candidates
        .windows(2)
        .any(|pair| customer.wallets[pair[0]].head.unit != customer.wallets[pair[1]].head.unit);
    let is_money = matches!(request.quantity, Quantity::Amount(_)) && request.currency.is_some();
    if several_units && !is_money { Err(Refusal::UnitRequired) } else { Ok(candidates) }
}

fn index_of(customer: &Customer, wallet: &Wallet) -> usize {
    customer
        .wallets
        .iter()
        .position(|other| other.head.id == wallet.head.id)
        .expect("the wallet is the customer's")
}

/// What is still needed.
#[derive(Clone, Copy)]
enum Need {
    Credits(Credits),
    Amount(ExactMoney),
}

impl Need {
    fn of(quantity: Quantity) -> Self {
        match quantity {
            Quantity::Credits(credits) => Self::Credits(credits),
            Quantity::Amount(money) => Self::Amount(ExactMoney::of(money)),
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::Credits(credits) => credits.is_zero(),
            Self::Amount(money) => money.is_zero(),
        }
    }

    /// How many credits of this rate would meet it.
    fn credits(self, rate: Rate) -> Credits {
        match self {
            Self::Credits(credits) => credits,
            Self::Amount(money) => money.credits_up(rate),
        }
    }

    fn less(self, credits: Credits, rate: Rate) -> Self {
        match self {
            Self::Credits(needed) => Self::Credits(needed - credits),
            Self::Amount(money) => Self::Amount(money.less(ExactMoney::of_credits(credits, rate))),
        }
    }

    /// As a refusal and a reply show it: credits, or money rounded up.
    fn shown(self) -> Credits {
        match self {
            Self::Credits(credits) => credits,
            Self::Amount(money) => Credits(money.money_up().expect("at most what was asked for").0),
        }
    }
}

/// A debit while it is being put together.
struct Taking<'a> {
    customer: &'a Customer,
    need: Need,
    rows: SmallVec<[DebitRow; 1]>,
    /// Index of the wallet of each row.
    touched: WalletIndices,
    slices: SmallVec<[Slice; 2]>,
}

impl<'a> Taking<'a> {
    fn new(customer: &'a Customer, quantity: Quantity) -> Self {
        Self {
            customer,
            need: Need::of(quantity),
            rows: SmallVec::new(),
            touched: SmallVec::new(),
            slices: SmallVec::new(),
        }
    }

    /// Takes from the wallet's tranches in burn order, at most `room` in all.
    fn take_tranches(&mut self, index: usize, purpose: Purpose<'_>, room: Credits, now: Timestamp) {
        let wallet = &self.customer.wallets[index];
        // Rounded up once for the wallet: its tranches only share what it gives.
        let wanted = self.need.credits(wallet.head.unit.conversion_rate).min(room);
        let mut left = wanted;
        for tranche in &wallet.tranches {
            if !left.is_positive() {
                break;
            }
            let credits = left.min(tranche.unpinned());
            if credits.is_positive() && purpose.admits(tranche, now) {
                left -= credits;
                let giver = Giver::Tranche { id: tranche.id, terms: tranche.terms.clone() };
                self.slices.push(Slice { wallet: wallet.head.id, credits, giver });
            }
        }
        if left < wanted {
            self.book(index, wanted - left);
        }
    }

    /// Takes from the wallet's overdraft.
    fn take_overdraft(&mut self, index: usize) {
        let head = &self.customer.wallets[index].head;
        let credits = self.need.credits(head.unit.conversion_rate).min(head.overdraft_room());
        if credits.is_positive() {
            self.slices.push(Slice { wallet: head.id, credits, giver: Giver::Overdraft });
            self.book(index, credits);
        }
    }

    /// Adds to the wallet's row.
    fn book(&mut self, index: usize, credits: Credits) {
        let head = &self.customer.wallets[index].head;
        self.need = self.need.less(credits, head.unit.conversion_rate);
        if let Some(row) = self.touched.iter().position(|touched| *touched == index) {
            let row = &mut self.rows[row];
            row.credits += credits;
            row.posting.after -= credits;
            return;
        }
        self.touched.push(index);
        let posting = Posting {
            wallet: head.id,
            sequence: head.sequence + 1,
            before: head.posted,
            after: head.posted - credits,
        };
        self.rows.push(DebitRow { credits, amount: Money::ZERO, posting });
    }

    /// Judges whether it is enough, and adds up.
    fn finish(
        mut self,
        quantity: Quantity,
        partial: bool,
        context: &Context<'_>,
    ) -> Result<Debited, Refusal> {
        let shortfall = self.need.shown();
        if !self.need.is_met() && (!partial || self.rows.is_empty()) {
            let required = Need::of(quantity).shown();
            return Err(Refusal::InsufficientCredits {
                required,
                available: required - shortfall,
                shortfall,
            });
        }
        if self.slices.len() > context.limits.slices_max {
            return Err(limit_reached("slices_max", context.limits.slices_max));
        }
        let amount = self.price_rows()?;
        Ok(self.add_up(amount, shortfall))
    }

    /// Puts the money beside the credits of each row; returns the money of all, rounded once.
    fn price_rows(&mut self) -> Result<Money, Refusal> {
        let wallets = &self.customer.wallets;
        let rate = |index: usize| wallets[index].head.unit.conversion_rate;
        for (row, index) in self.rows.iter_mut().zip(&self.touched) {
            let amount = Money::of_credits_half_even(row.credits, rate(*index));
            row.amount = amount.ok_or(Refusal::AmountOverflow("amount"))?;
        }
        if let [only] = self.rows.as_slice() {
            return Ok(only.amount);
        }
        let exact = self.rows.iter().zip(&self.touched);
        let exact = exact.map(|(row, index)| ExactMoney::of_credits(row.credits, rate(*index)));
        let total = exact.fold(ExactMoney::ZERO, ExactMoney::plus);
        total.money_half_even().ok_or(Refusal::AmountOverflow("amount"))
    }

    fn add_up(self, amount: Money, shortfall: Credits) -> Debited {
        let wallets = &self.customer.wallets;
        let unit = &wallets[self.touched[0]].head.unit;
        let mixed_units = self.touched.iter().any(|index| wallets[*index].head.unit != *unit);
        let sum = |of: fn(&DebitRow) -> Credits| {
            if mixed_units { Credits::ZERO } else { self.rows.iter().map(of).sum() }
        };
        Debited {
            credits: sum(|row| row.credits),
            amount,
            currency: unit.currency,
            mixed_units,
            shortfall,
            balance_before: sum(|row| row.posting.before),
            balance_after: sum(|row| row.posting.after),
            available: if mixed_units { Credits::ZERO } else { self.available_after() },
            rows: self.rows,
            slices: self.slices,
        }
    }

    /// Σ max(0, own + limit) over the active wallets of the unit, after the debit.
    fn available_after(&self) -> Credits {
        let wallets = &self.customer.wallets;
        let unit = &wallets[self.touched[0]].head.unit;
        let of_unit = wallets
            .iter()
            .enumerate()
            .filter(|(_, wallet)| wallet.head.status == WalletStatus::Active && wallet.head.unit == *unit);
        of_unit.map(|(index, wallet)| self.left_available(index, &wallet.head)).sum()
    }

    fn left_available(&self, index: usize, head: &WalletHead) -> Credits {
        let row = self.touched.iter().position(|touched| *touched == index);
        let taken = row.map_or(Credits::ZERO, |row| self.rows[row].credits);
        (head.own() + head.overdraft_limit - taken).max(Credits::ZERO)
    }
}
