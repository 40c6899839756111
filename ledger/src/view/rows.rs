//! The ledger rows of a record, in SEMANTICS §16's terms. A function of the record and its position alone, so that history, replies
//! and exports say the same whenever they are asked.

use smallvec::SmallVec;

use crate::amount::{Credits, Money};
use crate::command::{Command, CreditReason, Memo};
use crate::fact::{CreditRow, Debited, Due, Effect, Forfeit, Posting, Slice};
use crate::ids::{KeyId, LogPosition, RowId, TrancheId, WalletId};
use crate::record::Record;
use crate::time::Timestamp;
use crate::unit::Currency;
use crate::wallet::WalletHead;

/// What kind of change a row is (SEMANTICS §16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowType {
    /// Credits entered.
    Credit,
    /// Credits left.
    Debit,
    /// Nothing moved; noted.
    Memo,
}

/// Why a row is there (API §3 "Reasons").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowReason {
    /// Credit came in.
    Credit(CreditReason),
    /// A scheduled credit started: the reason is that of the row that this one completes.
    ScheduledCredit,
    /// USAGE_DEBIT: a debit for a charge.
    UsageDebit,
    /// MANUAL_BALANCE_DEBIT.
    ManualDebit,
    /// CREDIT_EXPIRED.
    CreditExpired,
    /// WALLET_TERMINATION.
    WalletTermination,
    /// UNCOLLECTED: debt that was written off.
    Uncollected,
}

impl RowReason {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credit(reason) => reason.as_str(),
            Self::ScheduledCredit => "SCHEDULED_CREDIT",
            Self::UsageDebit => "USAGE_DEBIT",
            Self::ManualDebit => "MANUAL_BALANCE_DEBIT",
            Self::CreditExpired => "CREDIT_EXPIRED",
            Self::WalletTermination => "WALLET_TERMINATION",
            Self::Uncollected => "UNCOLLECTED",
        }
    }
}

/// How far a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowStatus {
    /// Its credit starts in the future.
    Scheduled,
    /// It counts.
    Completed,
}

/// One ledger row, as SEMANTICS §16 lists it. The edge adds tenant, customer and names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView<'a> {
    /// Its id: the log tells where.
    pub id: RowId,
    /// The wallet.
    pub wallet: WalletId,
    /// Number in the wallet; `None` outside the balance chain (scheduled, memo).
    pub sequence: Option<u64>,
    /// Kind of change.
    pub row_type: RowType,
    /// Why.
    pub reason: RowReason,
    /// How far.
    pub status: RowStatus,
    /// Credits moved, without a sign.
    pub credits: Credits,
    /// The same in money, where the record knows it.
    pub amount: Option<Money>,
    /// The money's currency, where the record knows it.
    pub currency: Option<Currency>,
    /// Money charged, where something was.
    pub charged: Option<Money>,
    /// Posted before; `None` outside the balance chain.
    pub balance_before: Option<Credits>,
    /// Posted after; `None` outside the balance chain.
    pub balance_after: Option<Credits>,
    /// What a debit took, in the order taken: only this row's wallet.
    pub slices: SmallVec<[&'a Slice; 2]>,
    /// The tranche that a credit made, or that an expiry emptied.
    pub tranche: Option<TrancheId>,
    /// How much of a credit repaid debt.
    pub repaid: Credits,
    /// The first row of the same debit, where this is not it.
    pub parent: Option<RowId>,
    /// The scheduled row that this one completes.
    pub completes: Option<RowId>,
    /// Words of the request; rows that happen by themselves have none.
    pub memo: Option<&'a Memo>,
    /// The request's idempotency key; rows that happen by themselves have none.
    pub idempotency_key: Option<&'a str>,
    /// Who: a key, or `None` = the system.
    pub by: Option<KeyId>,
    /// The record.
    pub position: LogPosition,
    /// The instant that counts.
    pub effective_at: Timestamp,
    /// The instant of the record.
    pub recorded_at: Timestamp,
}

/// All ledger rows of a record, in order. The i-th has row number i.
#[must_use]
pub fn rows(record: &Record, position: LogPosition) -> Vec<RowView<'_>> {
    let mut rows = Rows { record, position, list: Vec::with_capacity(record.facts.due.len() + 1) };
    record.facts.due.iter().for_each(|due| rows.due(due));
    match &record.facts.effect {
        Effect::Ticked | Effect::CustomerSet(_) | Effect::WalletSet(_) => {}
        Effect::WalletCreated { initial, wallet, .. } => {
            rows.credits(initial.iter().map(|row| &**row), wallet)
        }
        Effect::ToppedUp { rows: credits, wallet } => rows.credits(credits.iter().map(|row| &**row), wallet),
        Effect::Debited(debited) => rows.debits(debited, RowReason::UsageDebit),
        Effect::ManuallyDebited { debited, .. } => rows.debits(debited, RowReason::ManualDebit),
        Effect::WalletClosed { forfeits, posting, written_off, wallet, .. } => {
            rows.termination(forfeits, posting.as_ref(), wallet);
            rows.write_off(*written_off, wallet);
        }
        _ => todo!("wip: rows"),
    }
    rows.list
}

/// The rows so far, and what all of them share.
struct Rows<'a> {
    record: &'a Record,
    position: LogPosition,
    list: Vec<RowView<'a>>,
}

impl<'a> Rows<'a> {
    fn id(&self, row: usize) -> RowId {
        let row = u32::try_from(row).expect("a record has fewer rows than an id can number");
        RowId::new(self.record.facts.at, self.position, row)
    }

    /// A row with what the command, its origin and the posting say; nothing else yet.
    fn row(
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
            memo: memo(&self.record.command),
            idempotency_key: self.record.origin.idempotency_key.as_deref(),
            by: self.record.origin.by,
            position: self.position,
            effective_at: self.record.facts.at,
            recorded_at: self.record.facts.at,
        }
    }

    /// A row of something that happened by itself: nobody asked for it.
    fn due(&mut self, due: &'a Due) {
        let row = match due {
            Due::Expired { tranche, credits, terms, posting } => RowView {
                credits: *credits,
                tranche: Some(*tranche),
                effective_at: terms.expires_at.unwrap_or(self.record.facts.at),
                ..self.row(posting.wallet, Some(posting), RowType::Debit, RowReason::CreditExpired)
            },
            Due::Started { tranche, credits, repaid, effective_at, row, posting } => RowView {
                credits: *credits,
                tranche: Some(*tranche),
                repaid: *repaid,
                completes: Some(RowId::at_ms(tranche.0.ms(), row.0, row.1)),
                effective_at: *effective_at,
                ..self.row(posting.wallet, Some(posting), RowType::Credit, RowReason::ScheduledCredit)
            },
            Due::HoldExpired(_) => todo!("wip: rows"),
        };
        self.list.push(RowView { memo: None, idempotency_key: None, by: None, ..row });
    }

    /// The rows of a top-up: a bonus has its purchase as parent.
    fn credits(&mut self, credits: impl Iterator<Item = &'a CreditRow>, wallet: &WalletHead) {
        let first = self.list.len();
        for credit in credits {
            let reason = RowReason::Credit(credit.reason);
            let row = RowView {
                status: if credit.posting.is_some() { RowStatus::Completed } else { RowStatus::Scheduled },
                credits: credit.terms.original,
                amount: Some(credit.amount),
                currency: Some(wallet.unit.currency),
                charged: credit.charged,
                tranche: Some(credit.tranche),
                repaid: credit.repaid,
                parent: self.parent(first),
                // The past only orders; the future is when it counts.
                effective_at: self.record.facts.at.max(credit.terms.effective_at),
                ..self.row(wallet.id, credit.posting.as_ref(), RowType::Credit, reason)
            };
            self.list.push(row);
        }
    }

    fn debits(&mut self, debited: &'a Debited, reason: RowReason) {
        let first = self.list.len();
        for debit in &debited.rows {
            let wallet = debit.posting.wallet;
            let row = RowView {
                credits: debit.credits,
                amount: Some(debit.amount),
                currency: Some(debited.currency),
                slices: debited.slices.iter().filter(|slice| slice.wallet == wallet).collect(),
                parent: self.parent(first),
                ..self.row(wallet, Some(&debit.posting), RowType::Debit, reason)
            };
            self.list.push(row);
        }
    }

    /// The first row of the same effect, for every row but itself.
    fn parent(&self, first: usize) -> Option<RowId> {
        (self.list.len() > first).then(|| self.id(first))
    }

    fn termination(&mut self, forfeits: &[Forfeit], posting: Option<&Posting>, wallet: &WalletHead) {
        let Some(posting) = posting else { return };
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
        let row = RowView {
            credits,
            amount: Money::of_credits_half_even(credits, wallet.unit.conversion_rate),
            currency: Some(wallet.unit.currency),
            ..self.row(wallet.id, None, RowType::Memo, RowReason::Uncollected)
        };
        self.list.push(row);
    }
}

fn memo(command: &Command) -> Option<&Memo> {
    match command {
        Command::TopUp(request) => Some(&request.memo),
        Command::Debit(request) => Some(&request.memo),
        Command::ManualDebit(request) => Some(&request.memo),
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Tick => None,
        _ => todo!("wip: rows"),
    }
}
