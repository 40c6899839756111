//! What facts come to: spent, given back, expired by source; overdraft; what nobody paid.
//!
//! Counted per wallet, since nothing adds credits of different units. What a transfer moves is not spent.

use coffer_ledger::amount::Credits;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{Back, Debited, Due, Effect, Facts, GivenBack, Giver, Lapsed, Slice};
use coffer_ledger::ids::WalletId;
use coffer_ledger::tranche::Source;

/// Credits by the source of their tranche, in the order of [`Source::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BySource(pub [Credits; Source::ALL.len()]);

impl BySource {
    fn add(&mut self, source: Source, credits: Credits) {
        // The order of the sources is that of their declaration, which `ALL` has too; a test says so.
        self.0[source as usize] += credits;
    }

    /// Of one source.
    #[must_use]
    pub fn of(&self, source: Source) -> Credits {
        self.0[source as usize]
    }

    /// Of all sources.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.0.iter().copied().sum()
    }
}

/// What happened to the credit of one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken for charges, invoices and by hand.
    pub spent: BySource,
    /// Taken from overdraft.
    pub overdraft: Credits,
    /// Put back by refunds and voided invoices, to tranches.
    pub given_back: BySource,
    /// Put back to overdraft.
    pub overdraft_given_back: Credits,
    /// Gone at its end: breakage.
    pub expired: BySource,
    /// Usage that nothing was there to pay for, and debt that was written off.
    pub uncollected: Credits,
}

impl Tally {
    /// Adds another one of the same unit.
    pub fn add(&mut self, other: &Self) {
        let add = |to: &mut BySource, from: &BySource| {
            to.0.iter_mut().zip(from.0).for_each(|(to, from)| *to += from);
        };
        add(&mut self.spent, &other.spent);
        add(&mut self.given_back, &other.given_back);
        add(&mut self.expired, &other.expired);
        self.overdraft += other.overdraft;
        self.overdraft_given_back += other.overdraft_given_back;
        self.uncollected += other.uncollected;
    }
}

/// The tallies of a customer's wallets, in the order of its wallets.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(pub(super) Vec<Tally>);

impl Tallies {
    /// Counts facts that were applied to the customer.
    pub(super) fn count(&mut self, customer: &Customer, facts: &Facts) {
        let mut counting = Counting { tallies: &mut self.0, customer };
        facts.due.iter().for_each(|due| counting.due(due));
        counting.effect(&facts.effect);
    }
}

struct Counting<'a> {
    tallies: &'a mut Vec<Tally>,
    customer: &'a Customer,
}

impl Counting<'_> {
    fn of(&mut self, wallet: WalletId) -> &mut Tally {
        let at = self.customer.wallets.iter().position(|known| known.head.id == wallet);
        let at = at.expect("facts name wallets of their customer");
        if self.tallies.len() <= at {
            self.tallies.resize(at + 1, Tally::default());
        }
        &mut self.tallies[at]
    }

    fn due(&mut self, due: &Due) {
        match due {
            Due::Expired { credits, terms, posting, .. } => {
                self.of(posting.wallet).expired.add(terms.source, *credits);
            }
            Due::Started { .. } | Due::RechargeExpired(_) => {}
            Due::HoldExpired(end) => self.lapsed(&end.lapsed),
            Due::RolledOver(_) | Due::Granted(_) => {}
        }
    }

    fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => self.debited(debited),
            Effect::Held(step) => {
                if let Some(taken) = &step.taken {
                    self.debited(taken);
                    if taken.shortfall.is_positive() {
                        self.of(step.hold.wallet).uncollected += taken.shortfall;
                    }
                }
                self.lapsed(&step.lapsed);
            }
            Effect::InvoiceSettled(settled) => {
                let parts = settled.lines.iter().flat_map(|line| &line.parts);
                parts.for_each(|part| self.spent(&part.slices));
            }
            Effect::EventRecorded { taken, uncollected, .. } => {
                if let Some(taken) = taken {
                    self.debited(taken);
                }
                if let Some((wallet, credits)) =
                    uncollected.and_then(|memo| memo.wallet.map(|wallet| (wallet, memo.credits)))
                {
                    self.of(wallet).uncollected += credits;
                }
            }
            Effect::WalletClosed { written_off, wallet, released, .. } => {
                released.iter().for_each(|end| self.lapsed(&end.lapsed));
                if written_off.is_positive() {
                    self.of(wallet.id).uncollected += *written_off;
                }
            }
            Effect::Refunded(refunded) => self.given_back(&refunded.back),
            Effect::InvoiceVoided { back, .. } => self.given_back(back),
            Effect::TransferSent(sent) => {
                if let Some(arrived) = &sent.arrived {
                    self.lapsed(&arrived.lapsed);
                }
            }
            Effect::TransferReceived { arrived, .. } => self.lapsed(&arrived.lapsed),
            Effect::TransferReturned { back, .. } => self.lapsed(&back.lapsed),
            Effect::Subscribed(subscribed) => subscribed.minted.iter().for_each(|due| self.due(due)),
            Effect::GrantSet(set) => set.minted.iter().for_each(|due| self.due(due)),
            Effect::Atomic(effects) => effects.iter().for_each(|effect| self.effect(effect)),
            Effect::Ticked
            | Effect::CustomerSet(_)
            | Effect::WalletCreated { .. }
            | Effect::WalletSet(_)
            | Effect::ToppedUp { .. }
            | Effect::CreditVoided(_)
            | Effect::TransferDone(_)
            | Effect::TransferForgotten(_)
            | Effect::BudgetSet(_)
            | Effect::BudgetDeleted(_)
            | Effect::Recharged { .. }
            | Effect::RechargeEnded(_)
            | Effect::AutoTopupResumed(_)
            | Effect::Unsubscribed(_)
            | Effect::GrantRemoved(_)
            | Effect::PlansFollowed(_) => {}
        }
    }

    fn debited(&mut self, debited: &Debited) {
        self.spent(&debited.slices);
    }

    fn spent(&mut self, slices: &[Slice]) {
        for slice in slices {
            let tally = self.of(slice.wallet);
            match slice.giver.source() {
                Some(source) => tally.spent.add(source, slice.credits),
                None => tally.overdraft += slice.credits,
            }
        }
    }

    fn given_back(&mut self, back: &GivenBack) {
        for Back { slice, .. } in &back.slices {
            let tally = self.of(slice.wallet);
            match &slice.giver {
                Giver::Tranche { terms, .. } => tally.given_back.add(terms.source, slice.credits),
                Giver::Overdraft => tally.overdraft_given_back += slice.credits,
            }
        }
        self.lapsed(&back.lapsed);
    }

    /// What was voided has not expired.
    fn lapsed(&mut self, lapsed: &[Lapsed]) {
        for lapsed in lapsed.iter().filter(|lapsed| !lapsed.voided) {
            self.of(lapsed.posting.wallet).expired.add(lapsed.terms.source, lapsed.credits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_declared_in_the_order_in_which_they_are_listed() {
        let mut all = BySource::default();
        for (index, source) in Source::ALL.into_iter().enumerate() {
            all.add(source, Credits(1));
            assert_eq!(all.0[index], Credits(1), "{source:?}");
        }
        assert_eq!(all.total(), Credits(6));
    }
}
