//! Facts in the model's terms: wallets and tranches by number, amounts as fractions.

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::fact::{CreditRow, Debited, Due, Effect, Facts, Giver, Landed, Posting, Slice};
use coffer_ledger::grant::GrantKey;
use coffer_ledger::ids::{TrancheId, WalletId};

use super::World;
use super::moves::kind;
use crate::model::number::Q;
use crate::model::outcome::{Credited, Done, Ended, Happened, Outcome, Part, Row, Taken, nearly};

/// Credits as a fraction.
pub(crate) fn credits(told: Credits) -> Q {
    Q::raw(told.0)
}

/// Money as a fraction.
pub(crate) fn money(told: Money) -> Q {
    Q::raw(told.0)
}

impl World {
    /// What the facts say. Where SEMANTICS leaves a figure open, the model's is taken if the ledger's is allowed.
    pub(crate) fn told(&self, facts: &Facts, expected: &Outcome) -> Outcome {
        assert_eq!(facts.at, self.now, "facts of another instant{}", self.story());
        let mut told = Outcome { happened: self.all_happened(&facts.due), done: self.done(&facts.effect) };
        align(&mut told.done, &expected.done);
        told
    }

    fn all_happened(&self, due: &[Due]) -> Vec<Happened> {
        due.iter().map(|due| self.happened(due)).collect()
    }

    fn grant_number(&self, key: GrantKey) -> usize {
        let found = self.grants.iter().position(|known| *known == key);
        found.unwrap_or_else(|| panic!("nobody made {key:?}{}", self.story()))
    }

    fn happened(&self, due: &Due) -> Happened {
        match due {
            Due::Expired { tranche, credits: gone, terms, posting } => Happened::Expired {
                tranche: self.tranche_number(*tranche),
                at: terms.expires_at.expect("it expired"),
                credits: credits(*gone),
                row: self.row(posting),
            },
            Due::Started { tranche, credits: came, repaid, effective_at, row: _, posting } => {
                Happened::Started {
                    tranche: self.tranche_number(*tranche),
                    at: *effective_at,
                    credits: credits(*came),
                    repaid: credits(*repaid),
                    row: self.row(posting),
                }
            }
            Due::HoldExpired(end) => Happened::HoldEnded(self.hold_ended(end)),
            Due::Granted(granted) => Happened::Granted {
                grant: self.grant_number(granted.key),
                period: granted.period,
                at: granted.at,
                ends_at: granted.ends_at,
                landed: match &granted.landed {
                    Landed::Minted { made, row, .. } => Some(Box::new((made.is_some(), self.credited(row)))),
                    Landed::Skipped(_) => None,
                },
            },
            Due::RolledOver(rolled) => Happened::RolledOver {
                grant: self.grant_number(rolled.key),
                period: rolled.period,
                at: rolled.at,
                from: self.tranche_number(rolled.from),
                tranche: self.tranche_number(rolled.tranche),
                kind: kind(&rolled.terms),
                rows: [self.row(&rolled.out), self.row(&rolled.posting)],
            },
            Due::RechargeExpired(_) => unreachable!("no program asks for it"),
        }
    }

    fn done(&self, effect: &Effect) -> Done {
        match effect {
            Effect::Ticked => Done::Ticked,
            Effect::CustomerSet(identity) => {
                Done::CustomerSet { external_id: identity.external_id.to_string(), deleted: identity.deleted }
            }
            Effect::WalletCreated { customer, wallet, initial } => {
                self.check_head(wallet);
                Done::WalletMade {
                    customer: customer.is_some(),
                    wallet: self.wallet_number(wallet.id),
                    initial: initial.as_ref().map(|row| self.credited(row)),
                }
            }
            Effect::WalletSet(wallet) => {
                self.check_head(wallet);
                Done::WalletSet(self.wallet_number(wallet.id))
            }
            Effect::ToppedUp { rows, wallet } => {
                self.check_head(wallet);
                Done::Credited(
                    self.wallet_number(wallet.id),
                    rows.iter().map(|row| self.credited(row)).collect(),
                )
            }
            Effect::Recharged { recharge, wallet } => {
                self.check_head(wallet);
                let rows = recharge.rows.iter().map(|row| self.credited(row));
                Done::Credited(self.wallet_number(recharge.wallet), rows.collect())
            }
            Effect::RechargeEnded(end) => {
                let found = self.model.purchases.iter().position(|one| one.id == Some(end.recharge.id));
                let number = found.unwrap_or_else(|| panic!("nobody bought {end:?}{}", self.story()));
                assert!(end.rows.is_empty(), "its credit was there{}", self.story());
                Done::PurchaseEnded(number, end.recharge.status, self.not_paid(&end.unpaid))
            }
            Effect::Debited(debited) => Done::Taken(self.taken(debited)),
            Effect::ManuallyDebited { debited, wallet } => {
                self.check_head(wallet);
                Done::TakenByHand(self.taken(debited))
            }
            Effect::WalletClosed { released, .. } => {
                let released = released.iter().map(|end| self.hold_ended(end)).collect();
                Done::Ended(self.ended(effect), released)
            }
            Effect::BudgetSet(budget) => Done::BudgetSet(budget.id.to_string()),
            Effect::BudgetDeleted(name) => Done::BudgetDeleted(name.to_string()),
            Effect::TransferDone(_) => Done::Arrived,
            Effect::TransferForgotten(_) => Done::Forgotten,
            Effect::GrantSet(set) => {
                Done::GrantSet(self.grant_number(set.grant.key), self.all_happened(&set.minted))
            }
            Effect::GrantRemoved(removed) => Done::GrantGone(self.voids(&removed.voided)),
            Effect::Subscribed(subscribed) => Done::Subscribed {
                customer: subscribed.customer.is_some(),
                grants: subscribed.grants.iter().map(|grant| self.grant_number(grant.key)).collect(),
                minted: self.all_happened(&subscribed.minted),
            },
            Effect::Unsubscribed(left) => Done::Left(self.voids(&left.voided)),
            Effect::Atomic(effects) => Done::Batch(effects.iter().map(|effect| self.done(effect)).collect()),
            other => self.moved(other),
        }
    }

    fn ended(&self, effect: &Effect) -> Ended {
        let Effect::WalletClosed { forfeits, posting, cancelled, written_off, refund, wallet, .. } = effect
        else {
            panic!("not an end: {effect:?}")
        };
        self.check_head(wallet);
        let share = |forfeit: &coffer_ledger::fact::Forfeit| {
            (self.tranche_number(forfeit.tranche), credits(forfeit.credits), money(forfeit.refundable))
        };
        Ended {
            wallet: self.wallet_number(wallet.id),
            forfeits: forfeits.iter().map(share).collect(),
            row: posting.as_ref().map(|posting| self.row(posting)),
            cancelled: cancelled.iter().map(|id| self.tranche_number(*id)).collect(),
            written_off: credits(*written_off),
            refund: money(*refund),
        }
    }

    pub(super) fn part(&self, slice: &Slice) -> Part {
        Part {
            wallet: self.wallet_number(slice.wallet),
            tranche: match &slice.giver {
                Giver::Tranche { id, .. } => Some(self.tranche_number(*id)),
                Giver::Overdraft => None,
            },
            credits: credits(slice.credits),
        }
    }

    pub(super) fn parts(&self, slices: &[Slice]) -> Vec<Part> {
        slices.iter().map(|slice| self.part(slice)).collect()
    }

    pub(super) fn taken(&self, debited: &Debited) -> Taken {
        let rows = debited.rows.iter();
        Taken {
            parts: self.parts(&debited.slices),
            rows: rows.map(|row| (credits(row.credits), money(row.amount), self.row(&row.posting))).collect(),
            credits: credits(debited.credits),
            amount: money(debited.amount),
            currency: debited.currency,
            shortfall: credits(debited.shortfall),
            before: credits(debited.balance_before),
            after: credits(debited.balance_after),
            available: credits(debited.available),
            mixed: debited.mixed_units,
        }
    }

    fn credited(&self, row: &CreditRow) -> Credited {
        let terms = row.terms.clone();
        Credited {
            tranche: self.tranche_number(row.tranche),
            reason: row.reason,
            source: terms.source,
            priority: terms.priority,
            scope: terms.scope,
            original: credits(terms.original),
            paid: money(terms.paid),
            effective_at: terms.effective_at,
            expires_at: terms.expires_at,
            amount: money(row.amount),
            charged: row.charged.map(money),
            repaid: credits(row.repaid),
            row: row.posting.as_ref().map(|posting| self.row(posting)),
        }
    }

    pub(super) fn row(&self, posting: &Posting) -> Row {
        Row {
            wallet: self.wallet_number(posting.wallet),
            sequence: posting.sequence,
            before: credits(posting.before),
            after: credits(posting.after),
        }
    }

    pub(super) fn wallet_number(&self, id: WalletId) -> usize {
        let found = self.customer.wallets.iter().position(|wallet| wallet.head.id == id);
        found.unwrap_or_else(|| panic!("{id:?} is nobody's wallet{}", self.story()))
    }

    pub(crate) fn tranche_number(&self, id: TrancheId) -> usize {
        let found = self.books.minted.iter().position(|minted| minted.id == id);
        found.unwrap_or_else(|| panic!("nobody minted {id:?}{}", self.story()))
    }

    /// "The wallet after everything" in a record is the wallet after everything.
    fn check_head(&self, told: &coffer_ledger::wallet::WalletHead) {
        let live = &self.customer.wallets[self.wallet_number(told.id)].head;
        assert_eq!(live, told, "the head in the facts is not the wallet's{}", self.story());
    }
}

/// Takes the model's figure where SEMANTICS leaves one open and the ledger's is allowed.
fn align(told: &mut Done, expected: &Done) {
    match (told, expected) {
        (Done::Taken(told), Done::Taken(expected)) if nearly(&expected.shortfall, &told.shortfall) => {
            told.shortfall = expected.shortfall.clone();
        }
        (Done::BudgetSet(told), Done::BudgetSet(expected)) if expected.is_empty() => told.clear(),
        (Done::Batch(told), Done::Batch(expected)) => {
            told.iter_mut().zip(expected).for_each(|(told, expected)| align(told, expected));
        }
        _ => {}
    }
}
