//! A debit while it is being put together (SEMANTICS §3, §4).
//!
//! The walk takes until nothing is needed any more: what is still needed at its end is the shortfall, and what was taken is what
//! was available. Credits are counted off exactly; money that wallets of different rates share is kept to 30 digits between them.

use smallvec::SmallVec;

use super::{Context, limit_reached};
use crate::amount::wide::ExactMoney;
use crate::amount::{Credits, Money, Rate};
use crate::burn_order::{Purpose, WalletIndices};
use crate::command::{Charge, Quantity};
use crate::customer::Customer;
use crate::fact::{DebitRow, Debited, Giver, Posting, Slice};
use crate::ids::WalletId;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::unit::{PriceType, Unit};
use crate::wallet::{WalletHead, WalletStatus};

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
pub(super) struct Taking<'a> {
    customer: &'a Customer,
    need: Need,
    rows: SmallVec<[DebitRow; 1]>,
    /// Index of the wallet of each row.
    touched: WalletIndices,
    slices: SmallVec<[Slice; 1]>,
    /// What pins that are spent or given back add to a wallet's own: what is spent of them never was in it.
    unpinned: SmallVec<[(usize, Credits); 1]>,
}

impl<'a> Taking<'a> {
    /// Nothing taken yet.
    pub(super) fn new(customer: &'a Customer, quantity: Quantity) -> Self {
        Self {
            customer,
            need: Need::of(quantity),
            rows: SmallVec::new(),
            touched: SmallVec::new(),
            slices: SmallVec::new(),
            unpinned: SmallVec::new(),
        }
    }

    /// Takes what a hold pins.
    pub(super) fn take_pins(&mut self, pins: &[Slice]) {
        self.take_found(pins);
        self.let_go(pins);
    }

    /// Takes slices that were found before.
    pub(super) fn take_found(&mut self, slices: &[Slice]) {
        for slice in slices {
            self.slices.push(slice.clone());
            self.book(self.index(slice.wallet), slice.credits);
        }
    }

    /// Notes that pins are there for all again.
    pub(super) fn let_go(&mut self, pins: &[Slice]) {
        for pin in pins {
            self.unpinned.push((self.index(pin.wallet), pin.credits));
        }
    }

    fn index(&self, wallet: WalletId) -> usize {
        let wallets = &self.customer.wallets;
        wallets
            .iter()
            .position(|other| other.head.id == wallet)
            .expect("slices name wallets of their customer")
    }

    /// The rows so far, without their money.
    pub(super) fn rows(&self) -> &[DebitRow] {
        &self.rows
    }

    /// Takes for a charge: from the tranches of the payers in order, then, for USAGE, from their overdrafts.
    pub(super) fn take_charge(&mut self, payers: &WalletIndices, charge: &Charge, now: Timestamp) {
        self.take_own(payers, charge, now);
        match charge.price_type {
            PriceType::Usage => payers.iter().for_each(|payer| self.take_overdraft(*payer)),
            PriceType::Fixed => {}
        }
    }

    /// Takes for a charge what is there, without overdraft.
    pub(super) fn take_own(&mut self, payers: &WalletIndices, charge: &Charge, now: Timestamp) {
        let purpose = Purpose::Charge { price_type: charge.price_type, feature: charge.feature.as_deref() };
        for payer in payers {
            let room = self.customer.wallets[*payer].head.available();
            self.take_tranches(*payer, purpose, room, now);
        }
    }

    /// Takes from the wallet's tranches in burn order, at most `room` in all.
    pub(super) fn take_tranches(
        &mut self,
        index: usize,
        purpose: Purpose<'_>,
        room: Credits,
        now: Timestamp,
    ) {
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
    pub(super) fn take_overdraft(&mut self, index: usize) {
        let wallet = &self.customer.wallets[index];
        let head = &wallet.head;
        let credits = self.need.credits(head.unit.conversion_rate).min(wallet.overdraft_room());
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

    /// The first so many slices. What the others would have taken is needed again, though it is there: one record holds no more.
    pub(super) fn shortened(self, quantity: Quantity, slices_max: usize) -> Self {
        if self.slices.len() <= slices_max {
            return self;
        }
        let mut shorter = Self::new(self.customer, quantity);
        shorter.take_found(&self.slices[..slices_max]);
        shorter
    }

    /// Judges whether it is enough, and adds up. A partial one takes what one record can hold of what there is.
    pub(super) fn finish(
        self,
        quantity: Quantity,
        partial: bool,
        context: &Context<'_>,
    ) -> Result<Debited, Refusal> {
        if !self.need.is_met() && (!partial || self.rows.is_empty()) {
            return Err(insufficient(Need::of(quantity).shown(), self.need.shown()));
        }
        let first = self.touched[0];
        let taking = if partial { self.shortened(quantity, context.limits.slices_max) } else { self };
        taking.finish_short(first, context)
    }

    /// As [`Taking::finish`], for credits of which fewer will do.
    pub(super) fn finish_range(
        self,
        least: Credits,
        most: Credits,
        context: &Context<'_>,
    ) -> Result<Debited, Refusal> {
        let missing = least - (most - self.need.shown());
        if missing.is_positive() {
            return Err(insufficient(least, missing));
        }
        let found = self.finish(Quantity::Credits(most), true, context)?;
        if found.credits < least {
            return Err(limit_reached("slices_max", context.limits.slices_max));
        }
        Ok(found)
    }

    /// Adds up; what is not there is the shortfall, even if that is all. A debit without a row is one of the wallet `of`.
    pub(super) fn finish_short(mut self, of: usize, context: &Context<'_>) -> Result<Debited, Refusal> {
        if self.slices.len() > context.limits.slices_max {
            return Err(limit_reached("slices_max", context.limits.slices_max));
        }
        let amount = self.price_rows()?;
        Ok(self.add_up(of, amount))
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

    fn add_up(self, of: usize, amount: Money) -> Debited {
        let wallets = &self.customer.wallets;
        let unit = &wallets[of].head.unit;
        let mixed_units = self.touched.iter().any(|index| wallets[*index].head.unit != *unit);
        let sum = |of: fn(&DebitRow) -> Credits| {
            if mixed_units { Credits::ZERO } else { self.rows.iter().map(of).sum() }
        };
        Debited {
            credits: sum(|row| row.credits),
            amount,
            currency: unit.currency,
            mixed_units,
            shortfall: self.need.shown(),
            balance_before: sum(|row| row.posting.before),
            balance_after: sum(|row| row.posting.after),
            available: if mixed_units { Credits::ZERO } else { self.available_after(unit) },
            rows: self.rows,
            slices: self.slices,
            extra: None,
        }
    }

    /// Σ max(0, own + limit) over the active wallets of the unit, after the debit.
    fn available_after(&self, unit: &Unit) -> Credits {
        let wallets = &self.customer.wallets;
        let of_unit = wallets
            .iter()
            .enumerate()
            .filter(|(_, wallet)| wallet.head.status == WalletStatus::Active && wallet.head.unit == *unit);
        of_unit.map(|(index, wallet)| self.left_available(index, &wallet.head)).sum()
    }

    fn left_available(&self, index: usize, head: &WalletHead) -> Credits {
        let row = self.touched.iter().position(|touched| *touched == index);
        let taken = row.map_or(Credits::ZERO, |row| self.rows[row].credits);
        let unpinned = self.unpinned.iter().filter(|(of, _)| *of == index).map(|(_, credits)| *credits);
        (head.own() + unpinned.sum() + head.overdraft_limit - taken).max(Credits::ZERO)
    }
}

/// A refusal for lack of credit; what is not missing is what the charge could have taken.
fn insufficient(required: Credits, shortfall: Credits) -> Refusal {
    Refusal::InsufficientCredits { required, available: required - shortfall, shortfall }
}
