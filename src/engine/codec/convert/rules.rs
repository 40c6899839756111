//! What watches over a wallet, and what it sets off.

use coffer_ledger::alert::{AlertChange, AlertKind, AlertSettings, AlertState, Condition};
use coffer_ledger::auto_topup::{AutoTopup, HeldBack, HeldBackBy};
use coffer_ledger::fact::SetOff;
use coffer_ledger::ids::WalletId;
use coffer_ledger::watch::WalletRules;

use super::{Mirror, Owner, mirror_enum, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v3::record as records;
use crate::engine::codec::v3::rules as shapes;

mirror_enum! {
    AlertState { Ok, Info, Warning, InAlarm }
    Condition { Below, Above }
    AlertKind { Balance, Runway }
    HeldBackBy { Frozen, InFlight, Cooldown, CountMax, AmountMax, BackingOff, Suspended, Limit }
}

mirror_struct! {
    AlertSettings = AlertSettings { enabled, condition, percent, info, warning, critical, runway_below_s }
    AutoTopup = AutoTopup {
        enabled, threshold, amount, invoicing, target_balance, cooldown_s, count_max, amount_max, failures_max,
    }
    WalletRules = WalletRules { alerts, auto_topup }
    AlertChange = AlertChange { id, wallet, kind, from, to, posted, runway_s, at }
    HeldBack = HeldBack { by, at, until }
}

impl Mirror<'_, records::WalletHeldBack> for (WalletId, HeldBack) {
    fn to_shape(&self, owner: Owner) -> records::WalletHeldBack {
        records::WalletHeldBack { wallet: self.0.to_shape(owner), held_back: self.1.to_shape(owner) }
    }

    fn from_shape(shape: records::WalletHeldBack, owner: Owner) -> Result<Self, DecodeError> {
        let records::WalletHeldBack { wallet, held_back } = shape;
        Ok((Mirror::from_shape(wallet, owner)?, Mirror::from_shape(held_back, owner)?))
    }
}

impl<'a> Mirror<'a, records::SetOff<'a>> for SetOff {
    fn to_shape(&'a self, owner: Owner) -> records::SetOff<'a> {
        let Self { before, after, ended, held_back, alerts, state } = self;
        records::SetOff {
            before: before.to_shape(owner),
            after: after.to_shape(owner),
            ended: ended.to_shape(owner),
            held_back: held_back.to_shape(owner),
            alerts: alerts.to_shape(owner),
            state: state.to_shape(owner),
        }
    }

    fn from_shape(shape: records::SetOff<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let records::SetOff { before, after, ended, held_back, alerts, state } = shape;
        Ok(Self {
            before: Mirror::from_shape(before, owner)?,
            after: Mirror::from_shape(after, owner)?,
            ended: Mirror::from_shape(ended, owner)?,
            held_back: Mirror::from_shape(held_back, owner)?,
            alerts: Mirror::from_shape(alerts, owner)?,
            state: Mirror::from_shape(state, owner)?,
        })
    }
}
