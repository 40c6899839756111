//! Records that later ones name: debits that are refunded, credits that are voided, settlements.
//!
//! A first look at the log finds which ones are named at all; of those both outcomes are kept, the log's and the shadow's, and a
//! refund in the shadow gives back what the shadow took. Rows have the numbers of the record they stand in: what fell due with it
//! comes first, and that may differ, so a row is found by its place within what the command did.

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::fact::{Effect, Facts};
use coffer_ledger::ids::{LogPosition, RowId, WalletId};
use coffer_ledger::looked_up::{self, OldCredit, OldDebit};
use coffer_ledger::record::Record;
use coffer_ledger::refusal::Refusal;
use hashbrown::{HashMap, HashSet};

use super::names::Missing;

/// Whose outcome is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// What happened.
    Log,
    /// What would have.
    Shadow,
}

/// What came of a record that a later one names.
struct Kept {
    log: Record,
    shadow: InShadow,
}

enum InShadow {
    Same,
    Other(Box<Record>),
    Refused,
}

/// Why something old cannot be had.
pub(super) enum NotFound {
    /// The shadow never made it.
    Missing(Missing),
    /// It is nothing that can be undone.
    Refused(Refusal),
}

impl From<Refusal> for NotFound {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The records that later ones name.
#[derive(Default)]
pub(super) struct Closed {
    named: HashSet<LogPosition>,
    kept: HashMap<LogPosition, Kept>,
}

const REFUSED: NotFound = NotFound::Missing(Missing("the record that is undone"));
const NOTHING_THERE: NotFound = NotFound::Missing(Missing("the row that is undone"));

impl Closed {
    /// Notes the records that these facts name.
    pub(super) fn note(&mut self, effect: &Effect) {
        match effect {
            Effect::Refunded(refunded) => {
                self.named.insert(refunded.back.debit);
            }
            Effect::InvoiceVoided { back, .. } => {
                self.named.insert(back.debit);
            }
            Effect::CreditVoided(voids) => {
                self.named.extend(voids.iter().map(|void| void.of.position()));
            }
            Effect::Atomic(effects) => effects.iter().for_each(|effect| self.note(effect)),
            Effect::Ticked
            | Effect::CustomerSet(_)
            | Effect::WalletCreated { .. }
            | Effect::WalletSet(_)
            | Effect::ToppedUp { .. }
            | Effect::Debited(_)
            | Effect::ManuallyDebited { .. }
            | Effect::WalletClosed { .. }
            | Effect::Held(_)
            | Effect::InvoiceSettled(_)
            | Effect::TransferSent(_)
            | Effect::TransferReceived { .. }
            | Effect::TransferDone(_)
            | Effect::TransferReturned { .. }
            | Effect::TransferForgotten(_)
            | Effect::BudgetSet(_)
            | Effect::BudgetDeleted(_)
            | Effect::Subscribed(_)
            | Effect::Unsubscribed(_)
            | Effect::GrantSet(_)
            | Effect::GrantRemoved(_)
            | Effect::PlansFollowed(_)
            | Effect::Recharged { .. }
            | Effect::RechargeEnded(_)
            | Effect::AutoTopupResumed(_)
            | Effect::EventRecorded { .. } => {}
        }
    }

    /// The oldest record that is named.
    pub(super) fn oldest(&self) -> Option<LogPosition> {
        self.named.iter().min().copied()
    }

    /// Whether a later record names this one.
    pub(super) fn is_named(&self, position: LogPosition) -> bool {
        !self.named.is_empty() && self.named.contains(&position)
    }

    /// Keeps what came of a record that is named. `shadow`: `None` = refused.
    pub(super) fn keep(&mut self, position: LogPosition, log: &Facts, shadow: Option<&Facts>) {
        let shadow = match shadow {
            None => InShadow::Refused,
            Some(shadow) if shadow == log => InShadow::Same,
            Some(shadow) => InShadow::Other(Box::new(record_of(shadow))),
        };
        self.kept.insert(position, Kept { log: record_of(log), shadow });
    }

    /// The debit of a row, and what its row is called on that side.
    pub(super) fn debit(&self, row: RowId, side: Side) -> Result<(RowId, OldDebit), NotFound> {
        let (record, row) = self.find(row, side, debit_row)?;
        Ok((row, looked_up::old_debit(record, row.position(), row.row())?))
    }

    /// The credits of a row, and what its row is called on that side.
    pub(super) fn credits(&self, row: RowId, side: Side) -> Result<(RowId, Vec<OldCredit>), NotFound> {
        let (record, row) = self.find(row, side, |_, _, place| Some(place))?;
        Ok((row, looked_up::old_credits(record, row.position(), row.row())?))
    }

    /// The settlement that a record made.
    pub(super) fn settlement(&self, position: LogPosition, side: Side) -> Result<OldDebit, NotFound> {
        let kept = self.kept.get(&position).ok_or(REFUSED)?;
        Ok(looked_up::old_settlement(kept.on(side)?, position)?)
    }

    fn find(
        &self,
        row: RowId,
        side: Side,
        place_in: fn(&Effect, &Effect, u32) -> Option<u32>,
    ) -> Result<(&Record, RowId), NotFound> {
        let kept = self.kept.get(&row.position()).ok_or(REFUSED)?;
        let record = kept.on(side)?;
        if std::ptr::eq(record, &raw const kept.log) {
            return Ok((record, row));
        }
        let (log, first, index) = effect_at(&kept.log.facts, row.row()).ok_or(NOTHING_THERE)?;
        let (other, other_first) = nth_effect(&record.facts, index).ok_or(NOTHING_THERE)?;
        let place = place_in(log, other, row.row() - first).ok_or(NOTHING_THERE)?;
        Ok((record, RowId::at_ms(row.ms(), row.position(), other_first + place)))
    }
}

impl Kept {
    fn on(&self, side: Side) -> Result<&Record, NotFound> {
        match (side, &self.shadow) {
            (Side::Log, _) | (Side::Shadow, InShadow::Same) => Ok(&self.log),
            (Side::Shadow, InShadow::Other(record)) => Ok(record),
            (Side::Shadow, InShadow::Refused) => Err(REFUSED),
        }
    }
}

/// What looks back at a record asks for its facts only.
fn record_of(facts: &Facts) -> Record {
    Record { origin: Origin::default(), command: Command::Tick, facts: facts.clone() }
}

fn effects(facts: &Facts) -> &[Effect] {
    match &facts.effect {
        Effect::Atomic(effects) => effects,
        effect => std::slice::from_ref(effect),
    }
}

/// The effect that a row belongs to, the number of its first row, and which one it is.
fn effect_at(facts: &Facts, row: u32) -> Option<(&Effect, u32, usize)> {
    let mut first = facts.first_row();
    for (index, effect) in effects(facts).iter().enumerate() {
        if (first..first + effect.rows()).contains(&row) {
            return Some((effect, first, index));
        }
        first += effect.rows();
    }
    None
}

fn nth_effect(facts: &Facts, index: usize) -> Option<(&Effect, u32)> {
    let before: u32 = effects(facts).iter().take(index).map(Effect::rows).sum();
    effects(facts).get(index).map(|effect| (effect, facts.first_row() + before))
}

/// Where a debit's row is in the same debit of the shadow: the first stays the first, for it names all of them; another is the one of
/// the same wallet, and of the same turn among those.
fn debit_row(log: &Effect, other: &Effect, place: u32) -> Option<u32> {
    let (before, wallets) = debit_rows(log);
    let (other_before, other_wallets) = debit_rows(other);
    let place = usize::try_from(place.checked_sub(before)?).ok()?;
    let found = if place == 0 {
        (!other_wallets.is_empty()).then_some(0)
    } else {
        let wallet = wallets.get(place)?;
        let turn = wallets.iter().take(place).filter(|other| *other == wallet).count();
        let same = other_wallets.iter().enumerate().filter(|(_, other)| *other == wallet);
        same.map(|(index, _)| index).nth(turn)
    };
    Some(other_before + u32::try_from(found?).ok()?)
}

/// How many rows an effect has before those of its debit, and the wallets of those.
fn debit_rows(effect: &Effect) -> (u32, Vec<WalletId>) {
    let of = |debited: &coffer_ledger::fact::Debited| {
        debited.rows.iter().map(|row| row.posting.wallet).collect::<Vec<_>>()
    };
    match effect {
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => (0, of(debited)),
        Effect::Held(step) => (step.rows_before_taken(), step.taken.as_ref().map(of).unwrap_or_default()),
        Effect::EventRecorded { taken, .. } => (0, taken.as_deref().map(of).unwrap_or_default()),
        Effect::InvoiceSettled(settled) => {
            let parts = settled.lines.iter().flat_map(|line| &line.parts);
            (0, parts.map(|part| part.row.posting.wallet).collect())
        }
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. }
        | Effect::WalletClosed { .. }
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceVoided { .. }
        | Effect::TransferSent(_)
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Atomic(_) => (0, Vec::new()),
    }
}
