//! Any rules, purchases, and what operations set off.

use coffer_ledger::alert::{AlertChange, AlertKind, AlertSettings, AlertState, Condition};
use coffer_ledger::auto_topup::{AutoTopup, HeldBack, HeldBackBy};
use coffer_ledger::command::{AutoTopupChange, CreditReason};
use coffer_ledger::fact::{CreditRow, RechargeEnd, SetOff, Unpaid};
use coffer_ledger::ids::{AlertId, InvoiceId, LogPosition, RechargeId};
use coffer_ledger::recharge::{CountedIn, Recharge, RechargeOrigin, RechargeReason, RechargeStatus};
use coffer_ledger::watch::{Recharging, Spent, WalletRules, Watch};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::leaves::{credits, currency, money, posting, terms, thing, time, tranche_id, wallet_id};

fn state() -> impl Strategy<Value = AlertState> {
    select(vec![AlertState::Ok, AlertState::Info, AlertState::Warning, AlertState::InAlarm])
}

pub(super) fn alerts() -> BoxedStrategy<AlertSettings> {
    let condition = select(vec![Condition::Below, Condition::Above]);
    let levels = (of(credits()), of(credits()), of(credits()));
    (any::<bool>(), condition, any::<bool>(), levels, any::<Option<u32>>())
        .prop_map(|(enabled, condition, percent, levels, runway_below_s)| AlertSettings {
            enabled,
            condition,
            percent,
            info: levels.0,
            warning: levels.1,
            critical: levels.2,
            runway_below_s,
        })
        .boxed()
}

fn auto_topup() -> BoxedStrategy<AutoTopup> {
    let numbers = any::<(u32, u32, u32)>();
    (any::<(bool, bool)>(), credits(), credits(), of(credits()), numbers, of(money()))
        .prop_map(|(switches, threshold, amount, target_balance, numbers, amount_max)| AutoTopup {
            enabled: switches.0,
            threshold,
            amount,
            invoicing: switches.1,
            target_balance,
            cooldown_s: numbers.0,
            count_max: numbers.1,
            amount_max,
            failures_max: numbers.2,
        })
        .boxed()
}

pub(super) fn change_of_auto_topup() -> BoxedStrategy<AutoTopupChange> {
    let numbers = any::<(Option<u32>, Option<u32>, Option<u32>)>();
    let amounts = (of(credits()), of(credits()), of(of(credits())), of(of(money())));
    (any::<(Option<bool>, Option<bool>)>(), amounts, numbers)
        .prop_map(|(switches, amounts, numbers)| AutoTopupChange {
            enabled: switches.0,
            threshold: amounts.0,
            amount: amounts.1,
            invoicing: switches.1,
            target_balance: amounts.2,
            cooldown_s: numbers.0,
            count_max: numbers.1,
            amount_max: amounts.3,
            failures_max: numbers.2,
        })
        .boxed()
}

pub(super) fn rules() -> BoxedStrategy<WalletRules> {
    (of(alerts()), of(auto_topup()))
        .prop_map(|(alerts, auto_topup)| WalletRules { alerts, auto_topup })
        .boxed()
}

fn change() -> BoxedStrategy<AlertChange> {
    let kind = select(vec![AlertKind::Balance, AlertKind::Runway]);
    (thing(), wallet_id(), kind, (state(), state()), credits(), any::<Option<u64>>(), time())
        .prop_map(|(id, wallet, kind, states, posted, runway_s, at)| AlertChange {
            id: AlertId(id),
            wallet,
            kind,
            from: states.0,
            to: states.1,
            posted,
            runway_s,
            at,
        })
        .boxed()
}

fn held_back() -> BoxedStrategy<HeldBack> {
    let by = select(vec![
        HeldBackBy::Frozen,
        HeldBackBy::InFlight,
        HeldBackBy::Cooldown,
        HeldBackBy::CountMax,
        HeldBackBy::AmountMax,
        HeldBackBy::BackingOff,
        HeldBackBy::Suspended,
        HeldBackBy::Limit,
    ]);
    (by, time(), of(time())).prop_map(|(by, at, until)| HeldBack { by, at, until }).boxed()
}

fn row() -> BoxedStrategy<CreditRow> {
    let reason = select(vec![
        CreditReason::PurchasedCreditDirect,
        CreditReason::PurchasedCreditInvoiced,
        CreditReason::PurchasedCreditBonus,
    ]);
    (reason, tranche_id(), terms(), money(), of(money()), credits(), of(posting()))
        .prop_map(|(reason, tranche, terms, amount, charged, repaid, posting)| CreditRow {
            reason,
            tranche,
            terms,
            amount,
            charged,
            repaid,
            posting,
        })
        .boxed()
}

pub(super) fn recharge() -> BoxedStrategy<Recharge> {
    let status = select(vec![
        RechargeStatus::Pending,
        RechargeStatus::Completed,
        RechargeStatus::Failed,
        RechargeStatus::Cancelled,
    ]);
    let origin = select(vec![RechargeOrigin::Auto, RechargeOrigin::TopUp]);
    let reason = select(vec![
        RechargeReason::PaymentFailed,
        RechargeReason::Expired,
        RechargeReason::Cancelled,
        RechargeReason::WalletClosed,
        RechargeReason::CardDeclined,
        RechargeReason::InsufficientFunds,
        RechargeReason::CardExpired,
        RechargeReason::AuthenticationRequired,
        RechargeReason::NoPaymentMethod,
        RechargeReason::PaymentRefused,
    ]);
    let times = (time(), of(time()), of(time()), of((time(), time())));
    let ids = (thing(), wallet_id(), of(thing()), any::<(u64, u32)>(), any::<(u64, u32)>());
    let rows = (vec(row().prop_map(Box::new), 0..3), vec(credits(), 0..3));
    (ids, currency(), origin, status, any::<bool>(), times, of(reason), rows)
        .prop_map(|(ids, currency, origin, status, trusted, times, reason, rows)| Recharge {
            id: RechargeId(ids.0),
            wallet: ids.1,
            currency,
            origin,
            status,
            trusted,
            invoice: ids.2.map(InvoiceId),
            begun_at: times.0,
            counted_in: times.3.map(|(day_ends_at, month_ends_at)| CountedIn { day_ends_at, month_ends_at }),
            expires_at: times.1,
            ended_at: times.2,
            reason,
            rows: rows.0.into(),
            gone: rows.1.into(),
            row: (LogPosition(ids.3.0), ids.3.1),
            came_in: (LogPosition(ids.4.0), ids.4.1),
        })
        .boxed()
}

pub(super) fn recharge_end() -> BoxedStrategy<RechargeEnd> {
    let unpaid = (tranche_id(), terms(), credits(), credits(), of(posting()))
        .prop_map(|(tranche, terms, taken, owed, posting)| Unpaid { tranche, terms, taken, owed, posting });
    (recharge(), vec(row().prop_map(Box::new), 0..3), vec(unpaid, 0..3))
        .prop_map(|(recharge, rows, unpaid)| RechargeEnd { recharge, rows: rows.into(), unpaid })
        .boxed()
}

pub(super) fn set_off() -> BoxedStrategy<SetOff> {
    let held_back = vec((wallet_id(), held_back()), 0..2);
    (
        of(recharge()),
        vec(recharge(), 0..2),
        vec(recharge_end(), 0..2),
        held_back,
        vec(change(), 0..3),
        state(),
    )
        .prop_map(|(before, after, ended, held_back, alerts, state)| SetOff {
            before: before.map(Box::new),
            after,
            ended,
            held_back,
            alerts,
            state,
        })
        .boxed()
}

pub(super) fn watch() -> BoxedStrategy<Watch> {
    let spent = (time(), any::<u32>(), credits(), credits()).prop_map(|(since, hour, this, last)| Spent {
        since,
        hour,
        this,
        last,
    });
    let recharging = (time(), time(), any::<(u32, u32, bool)>(), time(), money(), time(), of(held_back()))
        .prop_map(|(last_at, day_ends_at, numbers, month_ends_at, month_charged, until, held_back)| {
            Recharging {
                last_at,
                day_ends_at,
                day_count: numbers.0,
                month_ends_at,
                month_charged,
                failures: numbers.1,
                last_failed: numbers.2,
                backs_off_until: until,
                held_back,
            }
        });
    (credits(), state(), any::<bool>(), vec(change(), 0..3), spent, recharging)
        .prop_map(|(base, state, runway_low, changes, spent, recharging)| {
            let mut watch = Watch::new(base, spent.since);
            (watch.state, watch.runway_low, watch.changes) = (state, runway_low, changes.into());
            (watch.spent, watch.recharging) = (spent, recharging);
            watch
        })
        .boxed()
}
