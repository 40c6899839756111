//! The walk over a record's facts: what is due, then the effect, an atomic batch item by item.

use smallvec::SmallVec;

use super::words::{memo, reference};
use super::{Move, MoveKind, Reference, RowReason, RowStatus, RowType, RowView};
use crate::amount::{Credits, Money};
use crate::command::{Command, Memo, Origin};
use crate::fact::{CreditRow, Debited, Due, Effect, Forfeit, Granted, Landed, Posting, RolledOver};
use crate::ids::{LogPosition, RowId, WalletId};
use crate::record::Record;
use crate::time::Timestamp;
use crate::unit::Currency;
use crate::wallet::WalletHead;

/// The rows so far, and what those that follow share.
pub(super) struct Rows<'a> {
    pub(super) list: Vec<RowView<'a>>,
    /// What these rows move.
    pub(super) moves: Vec<Move<'a>>,
    position: LogPosition,
    recorded_at: Timestamp,
    /// The instant that counts.
    pub(super) effective_at: Timestamp,
    /// Who asked; `None` for what happened by itself.
    origin: Option<&'a Origin>,
    memo: Option<&'a Memo>,
    pub(super) reference: Option<Reference<'a>>,
}

impl<'a> Rows<'a> {
    /// All of a record's.
    pub(super) fn of(record: &'a Record, position: LogPosition) -> Self {
        let facts = &record.facts;
        let mut rows = Self {
            list: Vec::with_capacity(facts.due.len() + 1),
            moves: Vec::with_capacity(facts.due.len() + 1),
            position,
            recorded_at: facts.at,
            effective_at: facts.at,
            origin: None,
            memo: None,
            reference: None,
        };
        facts.due.iter().for_each(|due| rows.due(due));
        let set_off = facts.set_off.as_deref();
        set_off.and_then(|set_off| set_off.before.as_deref()).into_iter().for_each(|one| rows.recharge(one));
        rows.origin = Some(&record.origin);
        rows.effect(&facts.effect, &record.command);
        (rows.origin, rows.memo) = (None, None);
        set_off.into_iter().flat_map(|set_off| &set_off.after).for_each(|one| rows.recharge(one));
        rows
    }

    /// What one command did.
    fn effect(&mut self, effect: &'a Effect, command: &'a Command) {
        self.memo = memo(command);
        self.reference = reference(effect);
        match effect {
            Effect::Ticked
            | Effect::CustomerSet(_)
            | Effect::WalletSet(_)
            | Effect::TransferDone(_)
            | Effect::TransferForgotten(_)
            | Effect::BudgetSet(_)
            | Effect::BudgetDeleted(_)
            | Effect::AutoTopupResumed(_)
            | Effect::PlansFollowed(_) => {}
            Effect::WalletCreated { initial, wallet, .. } => {
                self.credits(initial.iter().map(|row| &**row), wallet.id, wallet.unit.currency);
            }
            Effect::ToppedUp { rows, wallet } => {
                self.credits(rows.iter().map(|row| &**row), wallet.id, wallet.unit.currency);
            }
            Effect::Recharged { recharge, .. } => self.purchase(recharge),
            Effect::RechargeEnded(end) => self.recharge_end(end),
            Effect::Debited(debited) => self.debits(debited, RowReason::UsageDebit),
            Effect::ManuallyDebited { debited, .. } => self.debits(debited, RowReason::ManualDebit),
            Effect::WalletClosed { forfeits, posting, cancelled, written_off, wallet, released, .. } => {
                released.iter().for_each(|end| self.hold_end(end));
                self.reference = None;
                self.termination(forfeits, posting.as_ref(), wallet);
                self.moved_cancelled(wallet.id, cancelled);
                self.write_off(*written_off, wallet);
            }
            Effect::Held(step) => self.hold_step(step),
            Effect::Refunded(refunded) => self.given_back(&refunded.back, Some(refunded.of)),
            Effect::CreditVoided(voids) => voids.iter().for_each(|void| self.void(void)),
            Effect::InvoiceSettled(settled) => self.settlement(settled),
            Effect::InvoiceVoided { back, .. } => self.given_back(back, None),
            Effect::TransferReturned { transfer, back } => {
                // It left at the instant that its id was made.
                self.given_back(back, Some(RowId::at_ms(transfer.0.ms(), back.debit, 0)));
            }
            Effect::TransferSent(sent) => {
                self.debits(&sent.taken, RowReason::TransferOut);
                sent.arrived.iter().for_each(|arrived| self.arrival(arrived));
            }
            Effect::TransferReceived { arrived, .. } => self.arrival(arrived),
            Effect::EventRecorded { taken, uncollected, priced, .. } => {
                let first = self.list.len();
                taken.iter().for_each(|taken| self.debits(taken, RowReason::UsageDebit));
                if let Some(unpaid) = uncollected {
                    self.uncollected(unpaid.wallet, unpaid.credits);
                }
                self.list[first..].iter_mut().for_each(|row| row.priced = priced.as_ref());
            }
            Effect::Subscribed(subscribed) => self.begun(&subscribed.minted),
            Effect::GrantSet(set) => self.begun(&set.minted),
            Effect::Unsubscribed(left) => left.voided.iter().for_each(|void| self.void(void)),
            Effect::GrantRemoved(removed) => removed.voided.iter().for_each(|void| self.void(void)),
            Effect::Atomic(effects) => self.batch(effects, command),
        }
    }

    /// Each item speaks for itself.
    fn batch(&mut self, effects: &'a [Effect], command: &'a Command) {
        let Command::Atomic(items) = command else { return };
        for (effect, item) in effects.iter().zip(items) {
            self.effect(effect, item);
        }
    }

    /// The id of a row of this record.
    pub(super) fn id(&self, row: usize) -> RowId {
        let row = u32::try_from(row).expect("a record has fewer rows than an id can number");
        RowId::new(self.recorded_at, self.position, row)
    }

    /// A row with what the command, its origin and the posting say; nothing else yet.
    pub(super) fn row(
        &self,
        wallet: WalletId,
        posting: Option<&Posting>,
        row_type: RowType,
        reason: RowReason,
    ) -> RowView<'a> {
        RowView {
            id: self.id(self.list.len()),
            wallet,
            sequence: posting.map(|posting| posting.sequence),
            row_type,
            reason,
            status: RowStatus::Completed,
            credits: Credits::ZERO,
            amount: None,
            currency: None,
            charged: None,
            balance_before: posting.map(|posting| posting.before),
            balance_after: posting.map(|posting| posting.after),
            slices: SmallVec::new(),
            tranche: None,
            repaid: Credits::ZERO,
            parent: None,
            completes: None,
            priced: None,
            reference: self.reference,
            memo: self.memo,
            idempotency_key: self.origin.and_then(|origin| origin.idempotency_key.as_deref()),
            by: self.origin.and_then(|origin| origin.by),
            position: self.position,
            effective_at: self.effective_at,
            recorded_at: self.recorded_at,
        }
    }

    /// The rows of something that happened by itself: nobody asked for it.
    fn due(&mut self, due: &'a Due) {
        let row = match due {
            Due::Expired { tranche, credits, terms, posting } => {
                self.moved_end(posting.wallet, *tranche, terms, *credits);
                RowView {
                    credits: *credits,
                    tranche: Some(*tranche),
                    effective_at: terms.expires_at.unwrap_or(self.recorded_at),
                    ..self.row(posting.wallet, Some(posting), RowType::Debit, RowReason::CreditExpired)
                }
            }
            Due::Started { tranche, credits, repaid, effective_at, row, posting } => {
                self.moved_start(posting.wallet, *tranche, *credits, *repaid);
                RowView {
                    credits: *credits,
                    tranche: Some(*tranche),
                    repaid: *repaid,
                    completes: Some(RowId::at_ms(tranche.0.ms(), row.0, row.1)),
                    effective_at: *effective_at,
                    ..self.row(posting.wallet, Some(posting), RowType::Credit, RowReason::ScheduledCredit)
                }
            }
            Due::HoldExpired(end) => {
                self.hold_end(end);
                self.reference = None;
                return;
            }
            Due::Granted(granted) => return self.granted(granted),
            Due::RolledOver(rolled) => return self.rolled_over(rolled),
            Due::RechargeExpired(_) => return,
        };
        self.list.push(row);
    }

    /// What is due of a grant at once.
    fn begun(&mut self, minted: &'a [Due]) {
        let effective_at = self.effective_at;
        minted.iter().for_each(|due| self.due(due));
        self.effective_at = effective_at;
    }

    /// A period of a grant.
    fn granted(&mut self, granted: &'a Granted) {
        let Landed::Minted { wallet, currency, row: credit, .. } = &granted.landed else { return };
        self.moved_credit(*wallet, credit);
        let reason = RowReason::Credit(credit.reason);
        let row = RowView {
            credits: credit.terms.original,
            amount: Some(credit.amount),
            currency: Some(*currency),
            tranche: Some(credit.tranche),
            repaid: credit.repaid,
            reference: Some(Reference::Grant(granted.key.grant)),
            effective_at: granted.at,
            ..self.row(*wallet, credit.posting.as_ref(), RowType::Credit, reason)
        };
        self.list.push(row);
    }

    /// What goes on into the next period: out of the one tranche, into the other.
    fn rolled_over(&mut self, rolled: &'a RolledOver) {
        let (wallet, credits) = (rolled.out.wallet, rolled.terms.original);
        let (first, reference) = (self.list.len(), Some(Reference::Grant(rolled.key.grant)));
        for (kind, row_type, posting, tranche, terms) in [
            (MoveKind::RolledOut, RowType::Debit, &rolled.out, rolled.from, &rolled.from_terms),
            (MoveKind::RolledIn, RowType::Credit, &rolled.posting, rolled.tranche, &rolled.terms),
        ] {
            self.moved_on(wallet, tranche, terms, (kind, credits));
            let row = RowView {
                credits,
                amount: Some(rolled.amount),
                currency: Some(rolled.currency),
                tranche: Some(tranche),
                parent: self.parent(first),
                reference,
                effective_at: rolled.at,
                ..self.row(wallet, Some(posting), row_type, RowReason::Rollover)
            };
            self.list.push(row);
        }
    }

    /// The rows of a top-up: a bonus has its purchase as parent.
    pub(super) fn credits(
        &mut self,
        credits: impl Iterator<Item = &'a CreditRow>,
        wallet: WalletId,
        currency: Currency,
    ) {
        let first = self.list.len();
        for credit in credits {
            let reason = RowReason::Credit(credit.reason);
            self.moved_credit(wallet, credit);
            let row = RowView {
                status: if credit.posting.is_some() { RowStatus::Completed } else { RowStatus::Scheduled },
                credits: credit.terms.original,
                amount: Some(credit.amount),
                currency: Some(currency),
                charged: credit.charged,
                tranche: Some(credit.tranche),
                repaid: credit.repaid,
                parent: self.parent(first),
                // The past only orders; the future is when it counts.
                effective_at: self.recorded_at.max(credit.terms.effective_at),
                ..self.row(wallet, credit.posting.as_ref(), RowType::Credit, reason)
            };
            self.list.push(row);
        }
    }

    /// The rows of a debit.
    pub(super) fn debits(&mut self, debited: &'a Debited, reason: RowReason) {
        let first = self.list.len();
        for debit in &debited.rows {
            let wallet = debit.posting.wallet;
            let slices: SmallVec<_> = debited.slices.iter().filter(|slice| slice.wallet == wallet).collect();
            self.moved_slices(&slices, reason);
            let row = RowView {
                credits: debit.credits,
                amount: Some(debit.amount),
                currency: Some(debited.currency),
                slices,
                parent: self.parent(first),
                priced: debited.priced(),
                ..self.row(wallet, Some(&debit.posting), RowType::Debit, reason)
            };
            self.list.push(row);
        }
    }

    /// The first row of the same effect, for every row but itself.
    pub(super) fn parent(&self, first: usize) -> Option<RowId> {
        (self.list.len() > first).then(|| self.id(first))
    }

    fn termination(&mut self, forfeits: &'a [Forfeit], posting: Option<&Posting>, wallet: &WalletHead) {
        let Some(posting) = posting else { return };
        self.moved_forfeits(wallet.id, forfeits);
        let credits = forfeits.iter().map(|forfeit| forfeit.credits).sum();
        let row = RowView {
            credits,
            amount: Money::of_credits_half_even(credits, wallet.unit.conversion_rate),
            currency: Some(wallet.unit.currency),
            ..self.row(wallet.id, Some(posting), RowType::Debit, RowReason::WalletTermination)
        };
        self.list.push(row);
    }

    /// A memo: the debt that nobody will pay. It moves no balance.
    fn write_off(&mut self, credits: Credits, wallet: &WalletHead) {
        if !credits.is_positive() {
            return;
        }
        self.moved_write_off(wallet.id, credits);
        let row = RowView {
            credits,
            amount: Money::of_credits_half_even(credits, wallet.unit.conversion_rate),
            currency: Some(wallet.unit.currency),
            ..self.row(wallet.id, None, RowType::Memo, RowReason::Uncollected)
        };
        self.list.push(row);
    }
}
