//! How many ledger rows facts have, and which of them move a balance.

use super::{
    Arrived, Debited, Due, Effect, Facts, GivenBack, HoldEnd, HoldStep, Landed, Lapsed, Posting, RechargeEnd,
    Slice,
};
use crate::alert::AlertState;
use crate::hold::HoldStatus;
use crate::ids::WalletId;
use crate::recharge::Recharge;
use crate::time::Timestamp;
use crate::wallet::WalletHead;

impl Facts {
    /// Calls with every posting, in the order of the rows: the balance chain of each wallet touched (I4).
    pub fn each_posting(&self, mut call: impl FnMut(&Posting)) {
        for due in &self.due {
            due.each_posting(&mut call);
        }
        let Some(set_off) = &self.set_off else { return self.effect.each_posting(&mut call) };
        set_off.before.iter().for_each(|recharge| recharged_rows(recharge, &mut call));
        self.effect.each_posting(&mut call);
        set_off.after.iter().for_each(|recharge| recharged_rows(recharge, &mut call));
    }

    /// The most severe alert of the wallets touched, as a reply shows it (SEMANTICS §12).
    #[must_use]
    pub fn alert_state(&self) -> AlertState {
        self.set_off.as_ref().map_or(AlertState::Ok, |set_off| set_off.state)
    }

    /// The recharge that it set off; the first, if several wallets got one.
    #[must_use]
    pub fn recharge(&self) -> Option<&Recharge> {
        self.set_off.as_ref()?.begun().next()
    }

    /// Whether the state must learn the record's position before anything builds on it: the record minted tranches, closed holds, or
    /// made something else that is found again by its place in the log.
    #[must_use]
    pub fn needs_position(&self) -> bool {
        self.due.iter().any(Due::needs_position)
            || self.effect.needs_position()
            || self.set_off.as_ref().is_some_and(|set_off| set_off.begun().next().is_some())
    }

    /// Number of the effect's first row.
    #[must_use]
    pub fn first_row(&self) -> u32 {
        self.first_row_before()
            + self
                .set_off
                .as_ref()
                .map_or(0, |set_off| set_off.before.as_ref().map_or(0, |recharge| count(recharge.rows.len())))
    }

    /// Number of the first row after what was due.
    #[must_use]
    pub fn first_row_before(&self) -> u32 {
        self.due.iter().map(Due::rows).sum()
    }

    /// How many rows it has in all.
    #[must_use]
    pub fn row_count(&self) -> u32 {
        let after = self.set_off.iter().flat_map(|set_off| &set_off.after);
        self.first_row_after() + after.map(|recharge| count(recharge.rows.len())).sum::<u32>()
    }

    /// Number of the first row after the effect's.
    #[must_use]
    pub fn first_row_after(&self) -> u32 {
        self.first_row() + self.effect.rows()
    }
}

impl Due {
    /// The instant at which it counts.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Expired { terms, .. } => terms.expires_at.expect("what expires has an end"),
            Self::Started { effective_at, .. } => *effective_at,
            Self::HoldExpired(end) => end.at,
            Self::RolledOver(rolled) => rolled.at,
            Self::Granted(granted) => granted.at,
            Self::RechargeExpired(end) => end.recharge.ended_at.expect("what failed has ended"),
        }
    }
}

impl Effect {
    /// The wallet as it leaves it, where it says so.
    #[must_use]
    pub fn wallet(&self) -> Option<&WalletHead> {
        match self {
            Self::WalletCreated { wallet, .. }
            | Self::WalletSet(wallet)
            | Self::ToppedUp { wallet, .. }
            | Self::ManuallyDebited { wallet, .. }
            | Self::WalletClosed { wallet, .. }
            | Self::Recharged { wallet, .. } => Some(wallet),
            Self::Ticked
            | Self::CustomerSet(_)
            | Self::Debited(_)
            | Self::Held(_)
            | Self::Refunded(_)
            | Self::CreditVoided(_)
            | Self::InvoiceSettled(_)
            | Self::InvoiceVoided { .. }
            | Self::TransferSent(_)
            | Self::TransferReceived { .. }
            | Self::TransferDone(_)
            | Self::TransferReturned { .. }
            | Self::TransferForgotten(_)
            | Self::BudgetSet(_)
            | Self::BudgetDeleted(_)
            | Self::EventRecorded { .. }
            | Self::RechargeEnded(_)
            | Self::AutoTopupResumed(_)
            | Self::Subscribed(_)
            | Self::Unsubscribed(_)
            | Self::GrantSet(_)
            | Self::GrantRemoved(_)
            | Self::PlansFollowed(_)
            | Self::Atomic(_) => None,
        }
    }
}

impl Due {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u32 {
        match self {
            Self::Expired { .. } | Self::Started { .. } => 1,
            Self::HoldExpired(end) => end.rows(),
            Self::RolledOver(_) => 2,
            Self::Granted(granted) => match granted.landed {
                Landed::Minted { .. } => 1,
                Landed::Skipped(_) => 0,
            },
            Self::RechargeExpired(_) => 0,
        }
    }

    /// Whether it is a part of something of which more is due.
    pub(crate) fn is_part(&self) -> bool {
        matches!(self, Self::HoldExpired(end) if end.is_part())
    }

    fn needs_position(&self) -> bool {
        match self {
            Self::Expired { .. } | Self::Started { .. } | Self::RechargeExpired(_) => false,
            // A hold that is still open learns no place.
            Self::HoldExpired(end) => !end.is_part(),
            Self::RolledOver(_) | Self::Granted(_) => true,
        }
    }

    pub(crate) fn each_posting(&self, call: &mut impl FnMut(&Posting)) {
        match self {
            Self::Expired { posting, .. } | Self::Started { posting, .. } => call(posting),
            Self::HoldExpired(end) => lapsed(&end.lapsed, call),
            Self::RolledOver(rolled) => {
                call(&rolled.out);
                call(&rolled.posting);
            }
            Self::Granted(granted) => {
                if let Landed::Minted { row, .. } = &granted.landed {
                    row.posting.iter().for_each(call);
                }
            }
            Self::RechargeExpired(_) => {}
        }
    }
}

impl HoldEnd {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u32 {
        count(wallets_of(&self.returned).len()) + count(self.lapsed.len())
    }
}

impl HoldStep {
    /// How many rows it has before those of `taken`.
    #[must_use]
    pub fn rows_before_taken(&self) -> u32 {
        count(wallets_of(&self.pinned).len())
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u32 {
        let taken = self.taken.as_ref();
        let memo = taken.is_some_and(|taken| taken.shortfall.is_positive());
        self.rows_before_taken()
            + taken.map_or(0, |taken| count(taken.rows.len()))
            + count(wallets_of(&self.returned).len())
            + count(self.lapsed.len())
            + u32::from(memo)
    }
}

impl GivenBack {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u32 {
        count(self.rows.len()) + count(self.lapsed.len())
    }

    fn each_posting(&self, call: &mut impl FnMut(&Posting)) {
        self.rows.iter().for_each(|row| call(&row.posting));
        lapsed(&self.lapsed, call);
    }
}

impl RechargeEnd {
    /// How many rows it has.
    #[must_use]
    pub fn row_count(&self) -> u32 {
        count(self.rows.len()) + count(self.unpaid.iter().filter(|unpaid| unpaid.posting.is_some()).count())
    }

    fn each_posting(&self, call: &mut impl FnMut(&Posting)) {
        self.rows.iter().filter_map(|row| row.posting.as_ref()).for_each(&mut *call);
        self.unpaid.iter().filter_map(|unpaid| unpaid.posting.as_ref()).for_each(call);
    }
}

impl Arrived {
    /// How many rows it has.
    #[must_use]
    pub fn row_count(&self) -> u32 {
        count(self.rows.len()) + count(self.lapsed.len())
    }

    fn each_posting(&self, call: &mut impl FnMut(&Posting)) {
        self.rows.iter().for_each(|row| call(&row.posting));
        lapsed(&self.lapsed, call);
    }
}

impl Effect {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u32 {
        match self {
            Self::Ticked
            | Self::CustomerSet(_)
            | Self::WalletSet(_)
            | Self::TransferDone(_)
            | Self::TransferForgotten(_)
            | Self::BudgetSet(_)
            | Self::BudgetDeleted(_)
            | Self::AutoTopupResumed(_)
            | Self::PlansFollowed(_) => 0,
            Self::Subscribed(subscribed) => subscribed.minted.iter().map(Due::rows).sum(),
            Self::GrantSet(set) => set.minted.iter().map(Due::rows).sum(),
            Self::Unsubscribed(left) => count(left.voided.len()),
            Self::GrantRemoved(removed) => count(removed.voided.len()),
            Self::WalletCreated { initial, .. } => u32::from(initial.is_some()),
            Self::ToppedUp { rows, .. } => count(rows.len()),
            Self::Debited(debited) | Self::ManuallyDebited { debited, .. } => count(debited.rows.len()),
            Self::WalletClosed { posting, written_off, released, .. } => {
                released.iter().map(HoldEnd::rows).sum::<u32>()
                    + u32::from(posting.is_some())
                    + u32::from(written_off.is_positive())
            }
            Self::Held(step) => step.rows(),
            Self::Refunded(refunded) => refunded.back.rows(),
            Self::CreditVoided(voids) => count(voids.len()),
            Self::InvoiceSettled(settled) => settled.lines.iter().map(|line| count(line.parts.len())).sum(),
            Self::InvoiceVoided { back, .. } | Self::TransferReturned { back, .. } => back.rows(),
            Self::TransferSent(sent) => {
                count(sent.taken.rows.len()) + sent.arrived.as_ref().map_or(0, Arrived::row_count)
            }
            Self::TransferReceived { arrived, .. } => arrived.row_count(),
            Self::EventRecorded { taken, uncollected, .. } => {
                let memo = uncollected.is_some_and(|uncollected| uncollected.wallet.is_some());
                taken.as_ref().map_or(0, |taken| count(taken.rows.len())) + u32::from(memo)
            }
            Self::Recharged { recharge, .. } => count(recharge.rows.len()),
            Self::RechargeEnded(end) => end.row_count(),
            Self::Atomic(effects) => effects.iter().map(Self::rows).sum(),
        }
    }

    fn needs_position(&self) -> bool {
        match self {
            Self::WalletCreated { initial, .. } => initial.is_some(),
            Self::Held(step) => step.hold.status != HoldStatus::Open,
            Self::WalletClosed { released, .. } => !released.is_empty(),
            Self::ToppedUp { .. }
            | Self::Refunded(_)
            | Self::InvoiceSettled(_)
            | Self::InvoiceVoided { .. }
            | Self::TransferSent(_)
            | Self::TransferReceived { .. }
            | Self::TransferReturned { .. }
            | Self::Recharged { .. }
            | Self::RechargeEnded(_) => true,
            Self::Subscribed(subscribed) => subscribed.minted.iter().any(Due::needs_position),
            Self::GrantSet(set) => set.minted.iter().any(Due::needs_position),
            Self::Atomic(effects) => effects.iter().any(Self::needs_position),
            Self::Ticked
            | Self::CustomerSet(_)
            | Self::WalletSet(_)
            | Self::Debited(_)
            | Self::ManuallyDebited { .. }
            | Self::CreditVoided(_)
            | Self::TransferDone(_)
            | Self::TransferForgotten(_)
            | Self::BudgetSet(_)
            | Self::BudgetDeleted(_)
            | Self::EventRecorded { .. }
            | Self::AutoTopupResumed(_)
            | Self::Unsubscribed(_)
            | Self::GrantRemoved(_)
            | Self::PlansFollowed(_) => false,
        }
    }

    pub(crate) fn each_posting(&self, call: &mut impl FnMut(&Posting)) {
        match self {
            Self::Ticked
            | Self::CustomerSet(_)
            | Self::WalletSet(_)
            | Self::TransferDone(_)
            | Self::TransferForgotten(_)
            | Self::BudgetSet(_)
            | Self::BudgetDeleted(_)
            | Self::AutoTopupResumed(_)
            | Self::PlansFollowed(_) => {}
            Self::Subscribed(subscribed) => subscribed.minted.iter().for_each(|due| due.each_posting(call)),
            Self::GrantSet(set) => set.minted.iter().for_each(|due| due.each_posting(call)),
            Self::Unsubscribed(left) => {
                left.voided.iter().filter_map(|void| void.posting.as_ref()).for_each(call)
            }
            Self::GrantRemoved(removed) => {
                removed.voided.iter().filter_map(|void| void.posting.as_ref()).for_each(call);
            }
            Self::WalletCreated { initial, .. } => {
                initial.iter().filter_map(|row| row.posting.as_ref()).for_each(call);
            }
            Self::ToppedUp { rows, .. } => {
                rows.iter().filter_map(|row| row.posting.as_ref()).for_each(call);
            }
            Self::Debited(debited) | Self::ManuallyDebited { debited, .. } => debited_rows(debited, call),
            Self::WalletClosed { posting, released, .. } => {
                released.iter().for_each(|end| lapsed(&end.lapsed, call));
                posting.iter().for_each(call);
            }
            Self::Held(step) => {
                step.taken.iter().for_each(|taken| debited_rows(taken, call));
                lapsed(&step.lapsed, call);
            }
            Self::Refunded(refunded) => refunded.back.each_posting(call),
            Self::CreditVoided(voids) => voids.iter().filter_map(|void| void.posting.as_ref()).for_each(call),
            Self::InvoiceSettled(settled) => {
                let parts = settled.lines.iter().flat_map(|line| &line.parts);
                parts.for_each(|part| call(&part.row.posting));
            }
            Self::InvoiceVoided { back, .. } | Self::TransferReturned { back, .. } => back.each_posting(call),
            Self::TransferSent(sent) => {
                debited_rows(&sent.taken, call);
                sent.arrived.iter().for_each(|arrived| arrived.each_posting(call));
            }
            Self::TransferReceived { arrived, .. } => arrived.each_posting(call),
            Self::EventRecorded { taken, .. } => taken.iter().for_each(|taken| debited_rows(taken, call)),
            Self::Recharged { recharge, .. } => recharged_rows(recharge, call),
            Self::RechargeEnded(end) => end.each_posting(call),
            Self::Atomic(effects) => effects.iter().for_each(|effect| effect.each_posting(call)),
        }
    }
}

/// The wallets that slices name, each once, in order of their first slice: the order of the rows about them.
#[must_use]
pub(crate) fn wallets_of(slices: &[Slice]) -> Vec<WalletId> {
    let mut wallets = Vec::new();
    for slice in slices {
        if !wallets.contains(&slice.wallet) {
            wallets.push(slice.wallet);
        }
    }
    wallets
}

fn recharged_rows(recharge: &Recharge, call: &mut impl FnMut(&Posting)) {
    recharge.rows.iter().filter_map(|row| row.posting.as_ref()).for_each(call);
}

fn debited_rows(debited: &Debited, call: &mut impl FnMut(&Posting)) {
    debited.rows.iter().for_each(|row| call(&row.posting));
}

fn lapsed(lapsed: &[Lapsed], call: &mut impl FnMut(&Posting)) {
    lapsed.iter().for_each(|lapsed| call(&lapsed.posting));
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).expect("a record has fewer rows than an id can number")
}
