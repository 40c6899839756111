//! What random programs reached. Dice that never fall on a rule would test nothing and fail never: so the rules that were
//! reached are counted, and the count is tested.

use std::collections::BTreeMap;

use coffer_ledger::amount::Credits;
use coffer_ledger::fact::{
    Back, BackTo, CreditRow, Debited, Due, Effect, Facts, GivenBack, Giver, HoldStep, HoldVerb, Landed,
    Unpaid,
};
use coffer_ledger::hold::HoldStatus;
use coffer_ledger::recharge::RechargeStatus;
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;

use crate::harness::World;
use crate::program::ONE;

/// How often each thing happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u32>);

impl Tally {
    /// Counts everything that happened in a world.
    pub(crate) fn count(&mut self, world: &World) {
        for (record, _) in &world.log {
            self.count_facts(&record.facts);
        }
        for refusal in &world.refusals {
            self.add(name_of(refusal), true);
        }
    }

    /// Those of `names` that happened less often than `least`.
    pub(crate) fn missing(&self, names: &[&'static str], least: u32) -> Vec<&'static str> {
        let seldom = |name: &&&'static str| self.0.get(**name).copied().unwrap_or(0) < least;
        names.iter().filter(seldom).copied().collect()
    }

    fn add(&mut self, name: &'static str, happened: bool) {
        *self.0.entry(name).or_default() += u32::from(happened);
    }

    fn count_facts(&mut self, facts: &Facts) {
        facts.due.iter().for_each(|due| self.count_due(due, facts.at));
        self.add("due beside an effect", !facts.due.is_empty() && facts.effect != Effect::Ticked);
        self.count_effect(&facts.effect);
    }

    fn count_due(&mut self, due: &Due, now: Timestamp) {
        match due {
            Due::Expired { .. } => self.add("expired", true),
            Due::Started { repaid, .. } => {
                self.add("started", true);
                self.add("started and repaid", repaid.0 > 0);
            }
            Due::RolledOver(_) => self.add("rolled over", true),
            Due::Granted(granted) => {
                self.add("granted", true);
                self.add("granted on paper", granted.ends_at.is_some_and(|end| end <= now));
                self.add("granted for once", granted.ends_at.is_none());
                match &granted.landed {
                    Landed::Skipped(_) => self.add("granted nothing", true),
                    Landed::Minted { made, row, .. } => {
                        self.add("granted into a new wallet", made.is_some());
                        self.add("granted and repaid", row.repaid.0 > 0);
                        // Of the plan that prorates.
                        let part = granted.key.subscription.is_some() && row.terms.original.0 % ONE != 0;
                        self.add("granted a part of a period", part);
                    }
                }
            }
            Due::RechargeExpired(_) => self.add("recharge expired", true),
            Due::HoldExpired(end) => {
                self.add("hold expired", !end.is_part());
                self.add("hold expired in part", end.is_part());
                self.add("lapsed at a deadline", !end.lapsed.is_empty());
            }
        }
    }

    fn count_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Ticked => self.add("ticked", true),
            Effect::CustomerSet(identity) => self.add("deleted", identity.deleted),
            Effect::WalletCreated { initial, .. } => self.add("initial credit", initial.is_some()),
            Effect::WalletSet(_) => self.add("wallet set", true),
            Effect::ToppedUp { rows, .. } => rows.iter().for_each(|row| self.count_credit(row)),
            Effect::Debited(debited) => self.count_debit(debited),
            Effect::ManuallyDebited { .. } => self.add("debited by hand", true),
            Effect::WalletClosed { forfeits, cancelled, written_off, refund, released, .. } => {
                self.add("forfeited", !forfeits.is_empty());
                self.add("start cancelled", !cancelled.is_empty());
                self.add("debt written off", written_off.0 > 0);
                self.add("remainder refunded", refund.0 > 0);
                self.add("closed with open holds", !released.is_empty());
            }
            Effect::Held(step) => self.count_step(step),
            Effect::Refunded(refunded) => {
                self.add("refunded", true);
                self.add("refunded in part", refunded.left.0 > 0);
                self.count_back(&refunded.back);
            }
            Effect::CreditVoided(voids) => {
                self.add("voided", true);
                self.add("voided with its bonus", voids.len() > 1);
                self.add("voided what was pinned", voids.iter().any(|void| void.held.0 > 0));
                self.add(
                    "voided before its start",
                    voids.iter().any(|void| void.posting.is_none() && void.credits.0 > 0),
                );
            }
            Effect::InvoiceSettled(settled) => {
                self.add("settled", settled.paid.0 > 0);
                self.add("settled in part", settled.paid.0 > 0 && settled.shortfall.0 > 0);
                self.add(
                    "line paid by several wallets",
                    settled.lines.iter().any(|line| line.parts.len() > 1),
                );
            }
            Effect::InvoiceVoided { back, .. } => {
                self.add("settlement voided", !back.slices.is_empty());
                self.count_back(back);
            }
            Effect::TransferSent(sent) => {
                self.add("sent within", sent.arrived.is_some());
                self.add("sent away", sent.arrived.is_none());
                self.add("sent from several tranches", sent.taken.slices.len() > 1);
            }
            Effect::TransferReceived { arrived, .. } => {
                self.add("received", true);
                self.add("received and repaid", arrived.rows.iter().any(|row| row.repaid.0 > 0));
                self.add("ended on the way", !arrived.lapsed.is_empty());
            }
            Effect::TransferReturned { back, .. } => {
                self.add("returned", true);
                self.add("ended before it returned", !back.lapsed.is_empty());
            }
            Effect::TransferDone(_) => self.add("transfer done", true),
            Effect::TransferForgotten(_) => self.add("transfer forgotten", true),
            Effect::BudgetSet(_) => self.add("budget set", true),
            Effect::BudgetDeleted(_) => self.add("budget deleted", true),
            Effect::EventRecorded { priced, taken, uncollected, used, .. } => {
                self.add("event unpriced", priced.is_none());
                self.add("event paid", taken.is_some() && uncollected.is_none());
                self.add("event paid in part", taken.is_some() && uncollected.is_some());
                self.add("event uncollected", taken.is_none() && uncollected.is_some());
                self.add("event in a budget", !used.is_empty());
            }
            Effect::Subscribed(subscribed) => {
                self.add("subscribed", true);
                self.add("subscribed and made", subscribed.customer.is_some());
                self.add("granted at once", !subscribed.minted.is_empty());
                subscribed
                    .minted
                    .iter()
                    .for_each(|due| self.count_due(due, subscribed.subscription.created_at));
            }
            Effect::Unsubscribed(left) => {
                self.add("unsubscribed", true);
                self.add("unsubscribed and voided", !left.voided.is_empty());
            }
            Effect::GrantSet(set) => {
                self.add("grant set", true);
                self.add("granted at once", !set.minted.is_empty());
                set.minted.iter().for_each(|due| self.count_due(due, set.grant.updated_at));
            }
            Effect::GrantRemoved(removed) => {
                self.add("grant removed", true);
                self.add("grant voided", !removed.voided.is_empty());
                self.add("grant voided while pinned", removed.voided.iter().any(|void| void.held.0 > 0));
            }
            Effect::PlansFollowed(_) => self.add("plans followed", true),
            Effect::Recharged { .. } => self.add("bought", true),
            Effect::RechargeEnded(end) => {
                let not_paid = |of: fn(&Unpaid) -> Credits| end.unpaid.iter().any(|one| of(one).0 > 0);
                self.add("purchase paid", end.recharge.status == RechargeStatus::Completed);
                self.add("purchase not paid", not_paid(|one| one.taken));
                self.add("purchase not paid and spent", not_paid(|one| one.owed));
                let nothing = end.unpaid.iter().all(|one| one.posting.is_none());
                self.add("purchase not paid and pinned", nothing && end.recharge.is_unpaid());
            }
            Effect::AutoTopupResumed(_) => self.add("resumed", true),
            Effect::Atomic(effects) => {
                self.add("batch of several", effects.len() > 1);
                effects.iter().for_each(|effect| self.count_effect(effect));
            }
        }
    }

    fn count_step(&mut self, step: &HoldStep) {
        let overdraft = step.pinned.iter().any(|pin| pin.giver == Giver::Overdraft);
        match step.verb {
            HoldVerb::Placed => self.add("placed", true),
            HoldVerb::Grown => self.add("grown", true),
            HoldVerb::Extended => self.add("extended", true),
            HoldVerb::Released => self.add("released", true),
            HoldVerb::Captured => {
                let open = step.hold.status == HoldStatus::Open;
                let taken = step.taken.as_ref();
                let drawn = taken.is_some_and(|taken| taken.slices.len() > step.consumed.len());
                self.add("captured in part", open);
                self.add("captured finally", !open);
                self.add("drawn", drawn);
                self.add("drawn short", taken.is_some_and(|taken| taken.shortfall.0 > 0));
                self.add(
                    "counted in a budget by a capture",
                    taken.is_some_and(|taken| !taken.budget().is_empty()),
                );
            }
        }
        self.add("overdraft pinned", overdraft);
        self.add("hold in a budget", !step.used.is_empty());
        self.add("lapsed when let go", !step.lapsed.is_empty());
        self.add("captured and never paid", step.unpaid() > 0);
        let taken = step.taken.iter().flat_map(|taken| &taken.slices);
        let beyond = taken.skip(step.consumed.len()).count() > step.unpaid();
        self.add("captured and never paid, and drawn", step.unpaid() > 0 && beyond);
        self.add("lapsed because voided", step.lapsed.iter().any(|lapsed| lapsed.voided));
    }

    fn count_back(&mut self, back: &GivenBack) {
        let to = |wanted: fn(&BackTo) -> bool| back.slices.iter().any(|slice| wanted(&slice.to));
        self.add("back to its tranche", to(|to| *to == BackTo::Tranche));
        let gave = |back: &Back| matches!(back.slice.giver, Giver::Tranche { .. });
        let less_debt = back.slices.iter().any(|back| gave(back) && back.to == BackTo::Debt);
        self.add("back to the debt of what was never paid", less_debt);
        self.add("back to debt", to(|to| *to == BackTo::Debt));
        self.add("back to a new tranche", to(|to| matches!(to, BackTo::New { .. })));
        self.add("back and gone at once", !back.lapsed.is_empty());
        self.add("freed in a budget", !back.freed.is_empty());
    }

    fn count_credit(&mut self, row: &CreditRow) {
        self.add("credited", true);
        self.add("repaid", row.repaid.0 > 0);
        self.add("repaid with all of it", row.repaid == row.terms.original);
        self.add("scheduled", row.posting.is_none());
    }

    fn count_debit(&mut self, debited: &Debited) {
        let overdrawn = debited.slices.iter().any(|slice| slice.giver == Giver::Overdraft);
        self.add("debited", true);
        self.add("debited from several tranches", debited.slices.len() > 2);
        self.add("debited from several wallets", debited.rows.len() > 1);
        self.add("debited from several units", debited.mixed_units);
        self.add("overdrawn", overdrawn);
        self.add("overdrawn after tranches", overdrawn && debited.slices.len() > 1);
        self.add("partial", debited.shortfall.0 > 0);
    }
}

fn name_of(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::InsufficientCredits { .. } => "insufficient",
        Refusal::CustomerNotFound => "customer not found",
        Refusal::WalletNotFound(_) => "wallet not found",
        Refusal::NotFound(_) => "not found",
        Refusal::AlreadyExists(_) => "already exists",
        Refusal::WalletFrozen(_) => "frozen",
        Refusal::WalletClosed(_) => "closed",
        Refusal::InvalidOperation(_) => "invalid operation",
        Refusal::AmountInvalid(_) => "amount invalid",
        Refusal::AmountOverflow(_) => "amount overflow",
        Refusal::UnitRequired => "unit required",
        Refusal::UnitMismatch => "unit mismatch",
        Refusal::LimitReached { limit, .. } => limit,
        Refusal::Invalid { .. } => "invalid",
        Refusal::HoldClosed(_) => "hold closed",
        Refusal::HoldExpired(_) => "hold expired already",
        Refusal::OverCapture { .. } => "over capture",
        Refusal::OverRefund { .. } => "over refund",
        Refusal::BudgetExceeded { .. } => "budget exceeded",
        Refusal::EventTime(_) => "event time",
        Refusal::Item { .. } => "item",
    }
}
