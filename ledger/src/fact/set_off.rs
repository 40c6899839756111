//! What an operation sets off: recharges and alerts, in the operation's own record (SEMANTICS §11, §12).

use smallvec::SmallVec;

use super::{CreditRow, Posting};
use crate::alert::{AlertChange, AlertState};
use crate::amount::Credits;
use crate::auto_topup::HeldBack;
use crate::ids::{TrancheId, WalletId};
use crate::recharge::Recharge;
use crate::tranche::Terms;

/// Everything that an operation set off. Not all of it is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetOff {
    /// The recharge without which the operation would have been refused, or would have found too little. Its rows are before those of the
    /// effect.
    pub before: Option<Box<Recharge>>,
    /// Recharges that the operation made necessary, by what it took or by what it did not find. Their rows are after those of the effect.
    pub after: Vec<Recharge>,
    /// Recharges that ended with it.
    pub ended: Vec<RechargeEnd>,
    /// Recharges that should have begun and did not, where the reason is a new one.
    pub held_back: Vec<(WalletId, HeldBack)>,
    /// Alerts that changed: after each instant of what was due, then after all of it. In old records after all that was due, wallet by wallet.
    pub alerts: Vec<AlertChange>,
    /// The most severe balance alert of the wallets that the operation touched, after all of it. What a record without this says is ok.
    pub state: AlertState,
}

impl SetOff {
    /// Whether nothing was set off: then it stands in no record.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let Self { before, after, ended, held_back, alerts, state } = self;
        before.is_none()
            && after.is_empty()
            && ended.is_empty()
            && held_back.is_empty()
            && alerts.is_empty()
            && *state == AlertState::Ok
    }

    /// The recharges that began, in the order of their rows.
    pub fn begun(&self) -> impl Iterator<Item = &Recharge> {
        self.before.as_deref().into_iter().chain(&self.after)
    }
}

/// A recharge ended: paid, not paid, or called off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RechargeEnd {
    /// The recharge after it. `ended_at` is the instant that counts; `rows` are those with which it began.
    pub recharge: Recharge,
    /// Paid and not trusted before: its credit as it comes in now. Each completes the row with which it began.
    pub rows: SmallVec<[Box<CreditRow>; 1]>,
    /// Trusted and not paid: what is taken back, by row.
    pub unpaid: Vec<Unpaid>,
}

/// Credit that was trusted and never paid: what is left of it goes, what was spent of it is debt. What open holds pin is voided, if the
/// recharge is unpaid after it ([`Recharge::is_unpaid`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpaid {
    /// Its tranche.
    pub tranche: TrancheId,
    /// The tranche's terms.
    pub terms: Terms,
    /// What was neither spent nor pinned: gone.
    pub taken: Credits,
    /// What was spent: owed. In old records also what open holds pin.
    pub owed: Credits,
    /// The wallet's balance around it; `None` if nothing moves.
    pub posting: Option<Posting>,
}
