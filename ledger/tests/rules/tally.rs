//! What random programs reached. Dice that never fall on a rule would test nothing and fail never: so the rules that were
//! reached are counted, and the count is tested.

use std::collections::BTreeMap;

use coffer_ledger::fact::{CreditRow, Debited, Due, Effect, Facts, Giver};
use coffer_ledger::refusal::Refusal;

use crate::harness::World;

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
        for due in &facts.due {
            match due {
                Due::Expired { .. } => self.add("expired", true),
                Due::Started { repaid, .. } => {
                    self.add("started", true);
                    self.add("started and repaid", repaid.0 > 0);
                }
                Due::HoldExpired(_) => {}
            }
        }
        self.add("due beside an effect", !facts.due.is_empty() && facts.effect != Effect::Ticked);
        match &facts.effect {
            Effect::Ticked => self.add("ticked", true),
            Effect::CustomerSet(identity) => self.add("deleted", identity.deleted),
            Effect::WalletCreated { initial, .. } => self.add("initial credit", initial.is_some()),
            Effect::WalletSet(_) => self.add("wallet set", true),
            Effect::ToppedUp { rows, .. } => rows.iter().for_each(|row| self.count_credit(row)),
            Effect::Debited(debited) => self.count_debit(debited),
            Effect::ManuallyDebited { .. } => self.add("debited by hand", true),
            Effect::WalletClosed { forfeits, cancelled, written_off, refund, .. } => {
                self.add("forfeited", !forfeits.is_empty());
                self.add("start cancelled", !cancelled.is_empty());
                self.add("debt written off", written_off.0 > 0);
                self.add("remainder refunded", refund.0 > 0);
            }
            _ => {}
        }
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
        _ => "other",
    }
}
