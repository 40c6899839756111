//! What the log accepted and the shadow refused.

use coffer_ledger::amount::Credits;
use coffer_ledger::command::Command;
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{BackRow, DebitRow, Due, Effect, HoldVerb, Landed};
use coffer_ledger::ids::{LogPosition, WalletId};
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Unit;

use super::names::Missing;

/// Why the shadow did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The rules said no.
    Refused(Refusal),
    /// It names something that the shadow had refused before.
    Follows(&'static str),
}

impl From<Missing> for Why {
    fn from(Missing(what): Missing) -> Self {
        Self::Follows(what)
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Follows(what) => write!(f, "{what} was refused before, or had another outcome"),
        }
    }
}

/// One request that the log accepted and the shadow did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its record in the log.
    pub position: LogPosition,
    /// Its instant.
    pub at: Timestamp,
    /// What was asked.
    pub request: &'static str,
    /// The credits that it moved in the log, by unit.
    pub credits: Vec<(Unit, Credits)>,
    /// Why.
    pub why: Why,
}

/// All of a customer's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Refused by the rules.
    pub count: u64,
    /// Not asked, because they name something that was refused.
    pub following: u64,
    /// The credits that the log's records moved of those refused by the rules, by unit.
    pub credits: Vec<(Unit, Credits)>,
    /// The first ones of both kinds.
    pub first: Vec<Refused>,
}

impl Refusals {
    /// Adds one; keeps it if it is among the first `kept_max`.
    pub(super) fn push(&mut self, refused: Refused, kept_max: usize) {
        match refused.why {
            Why::Refused(_) => {
                self.count += 1;
                refused.credits.iter().for_each(|(unit, credits)| add(&mut self.credits, unit, *credits));
            }
            Why::Follows(_) => self.following += 1,
        }
        if self.first.len() < kept_max {
            self.first.push(refused);
        }
    }
}

fn add(sums: &mut Vec<(Unit, Credits)>, unit: &Unit, credits: Credits) {
    match sums.iter_mut().find(|(known, _)| known == unit) {
        Some((_, sum)) => *sum += credits,
        None => sums.push((unit.clone(), credits)),
    }
}

/// What a record of the log moved, by unit; nothing where no credit moved.
pub(super) fn moved(customer: &Customer, effect: &Effect) -> Vec<(Unit, Credits)> {
    let mut sums = Vec::new();
    each_moved(effect, &mut |wallet, credits| {
        if let Some(wallet) = customer.wallet(wallet) {
            add(&mut sums, &wallet.head.unit, credits);
        }
    });
    sums
}

fn each_moved(effect: &Effect, call: &mut dyn FnMut(WalletId, Credits)) {
    let rows = |rows: &[DebitRow], call: &mut dyn FnMut(WalletId, Credits)| {
        rows.iter().for_each(|row| call(row.posting.wallet, row.credits));
    };
    let back = |rows: &[BackRow], call: &mut dyn FnMut(WalletId, Credits)| {
        rows.iter().for_each(|row| call(row.posting.wallet, row.credits));
    };
    match effect {
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => rows(&debited.rows, call),
        Effect::Held(step) => match (step.verb, &step.taken) {
            (_, Some(taken)) => rows(&taken.rows, call),
            (HoldVerb::Placed | HoldVerb::Grown, None) => {
                step.pinned.iter().for_each(|pin| call(pin.wallet, pin.credits));
            }
            (HoldVerb::Extended | HoldVerb::Captured | HoldVerb::Released, None) => {}
        },
        Effect::ToppedUp { rows, wallet } => {
            rows.iter().for_each(|row| call(wallet.id, row.terms.original));
        }
        Effect::InvoiceSettled(settled) => {
            let parts = settled.lines.iter().flat_map(|line| &line.parts);
            parts.for_each(|part| call(part.row.posting.wallet, part.row.credits));
        }
        Effect::Refunded(refunded) => back(&refunded.back.rows, call),
        Effect::InvoiceVoided { back: given, .. } => back(&given.rows, call),
        Effect::CreditVoided(voids) => voids.iter().for_each(|void| call(void.wallet, void.credits)),
        Effect::TransferSent(sent) => rows(&sent.taken.rows, call),
        Effect::TransferReceived { arrived, .. } => {
            arrived.rows.iter().for_each(|row| call(arrived.wallet, row.terms.original));
        }
        Effect::EventRecorded { taken: Some(taken), .. } => rows(&taken.rows, call),
        Effect::Recharged { recharge, .. } => call(recharge.wallet, recharge.credits()),
        Effect::RechargeEnded(end) => call(end.recharge.wallet, end.recharge.credits()),
        Effect::Atomic(effects) => effects.iter().for_each(|effect| each_moved(effect, call)),
        Effect::EventRecorded { taken: None, .. }
        | Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::WalletClosed { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::AutoTopupResumed(_)
        | Effect::PlansFollowed(_) => {}
        Effect::Subscribed(subscribed) => subscribed.minted.iter().for_each(|due| minted(due, call)),
        Effect::GrantSet(set) => set.minted.iter().for_each(|due| minted(due, call)),
        Effect::Unsubscribed(left) => left.voided.iter().for_each(|void| call(void.wallet, void.credits)),
        Effect::GrantRemoved(removed) => {
            removed.voided.iter().for_each(|void| call(void.wallet, void.credits));
        }
    }
}

fn minted(due: &Due, call: &mut dyn FnMut(WalletId, Credits)) {
    if let Due::Granted(granted) = due
        && let Landed::Minted { wallet, row, .. } = &granted.landed
    {
        call(*wallet, row.terms.original);
    }
}

/// What a command is called in the report; `None` for what the engine asks of itself and nobody can refuse.
pub(super) fn word(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::CreateCustomer { .. } => "create customer",
        Command::UpdateCustomer { .. } | Command::ChangeCustomer(_) => "update customer",
        Command::DeleteCustomer => "delete customer",
        Command::CreateWallet(_) => "create wallet",
        Command::UpdateWallet(_) => "update wallet",
        Command::TopUp(_) => "top-up",
        Command::Debit(_) => "debit",
        Command::ManualDebit(_) => "manual debit",
        Command::Freeze(_) => "freeze",
        Command::Unfreeze(_) => "unfreeze",
        Command::Close { .. } => "close wallet",
        Command::PlaceHold(_) => "hold",
        Command::Capture(_) => "capture",
        Command::Release { .. } => "release",
        Command::Extend { .. } => "extend hold",
        Command::Grow { .. } => "grow hold",
        Command::Refund(_) => "refund",
        Command::VoidCredit(_) => "void credit",
        Command::Settle(_) => "settle invoice",
        Command::VoidInvoice { .. } => "void invoice",
        Command::Transfer(_) => "transfer",
        Command::TransferIn(_) => "incoming transfer",
        Command::SetBudget(_) => "set budget",
        Command::DeleteBudget(_) => "delete budget",
        Command::ResetBudget(_) => "reset budget",
        Command::Event(_) => "event",
        Command::Subscribe(_) => "subscribe",
        Command::Unsubscribe { .. } => "unsubscribe",
        Command::CreateGrant(_) => "create grant",
        Command::UpdateGrant(_) => "update grant",
        Command::DeleteGrant { .. } => "delete grant",
        Command::CompleteRecharge(_) => "complete recharge",
        Command::FailRecharge { .. } => "fail recharge",
        Command::CancelRecharge(_) => "cancel recharge",
        Command::ResumeAutoTopup(_) => "resume auto top-up",
        Command::Atomic(_) => "atomic batch",
        Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::Recharge(_)
        | Command::FollowPlans
        | Command::Tick => return None,
    })
}
