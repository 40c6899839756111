//! What an operation sets off: recharges and alerts (SEMANTICS §11, §12).
//!
//! Decided after the effect, on the state after it, and part of the same record. A debit or a step of a hold compares the balances that it
//! leaves with the wallet's calm range ([`crate::watch::Calm`]); only what leaves that range is looked at closer, on a copy of the customer.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::{Context, Ids, recharge};
use crate::alert::{AlertChange, AlertKind, AlertSettings, AlertState};
use crate::amount::Credits;
use crate::apply;
use crate::command::RechargeDue;
use crate::customer::Customer;
use crate::fact::{Debited, Due, Effect, HoldStep, RechargeEnd, SetOff};
use crate::ids::{AlertId, WalletId};
use crate::recharge::{Recharge, RechargeReason, RechargeStatus};
use crate::time::Timestamp;
use crate::wallet::{Wallet, WalletHead, WalletStatus};
use crate::watch::Watch;

/// The states that an operation goes through.
pub(super) struct States<'a> {
    /// Before what was due.
    pub(super) before_due: &'a Customer,
    /// After what was due.
    pub(super) due_done: &'a Customer,
    /// After the recharge before the effect too, if there is one: what the effect was decided on.
    pub(super) ready: &'a Customer,
}

/// What all of it set off; `None` = nothing. It had a recharge before it, or lacked credit that one recharge may still be due for.
pub(super) fn decide(
    states: &States<'_>,
    due: &[Due],
    (before, lack): (Option<Box<Recharge>>, Option<RechargeDue>),
    effect: &mut Effect,
    context: &Context<'_>,
) -> Option<Box<SetOff>> {
    if due.is_empty()
        && before.is_none()
        && lack.is_none()
        && let Some(state) = quiet(states.ready, effect, context)
    {
        return something(SetOff { state, ..SetOff::default() });
    }
    let makes_rules = effect.wallet().is_some_and(|head| head.rules.is_some());
    let ends = matches!(effect, Effect::WalletClosed { .. }) && !states.ready.recharges.is_empty();
    if !recharge::is_watched(states.ready) && !makes_rules && !ends {
        return None;
    }
    let mut after = states.ready.clone();
    apply::apply_effect(&mut after, effect, 0, context.now);
    let mut set_off = SetOff { before, ..SetOff::default() };
    end_with_wallet(&mut after, effect, &mut set_off, context);
    recharge_lowered((states.ready, lack), &mut after, &mut set_off, context);
    judge(states, due, &after, &mut set_off, context);
    if effect == &Effect::Ticked {
        judge_runways(&after, &mut set_off, context);
    }
    set_off.state = state_of(&after, due, effect, &set_off);
    show_available(&after, effect, &set_off);
    something(set_off)
}

/// As [`decide`], of a recharge that a refused request set off.
pub(super) fn with(
    states: &States<'_>,
    due: &[Due],
    mut set_off: SetOff,
    context: &Context<'_>,
) -> Option<Box<SetOff>> {
    let mut after = states.due_done.clone();
    set_off.after.iter().for_each(|begun| apply::begin_recharge(&mut after, begun));
    judge(states, due, &after, &mut set_off, context);
    set_off.state = state_of(&after, due, &Effect::Ticked, &set_off);
    something(set_off)
}

fn something(set_off: SetOff) -> Option<Box<SetOff>> {
    (!set_off.is_nothing()).then(|| Box::new(set_off))
}

/// A wallet and what the operation leaves in it.
struct Left<'a> {
    wallet: &'a Wallet,
    posted: Credits,
    own: Credits,
}

/// The alert that stays, where the operation sets off nothing else and that can be told from its balances. Looks at nothing but the
/// wallets that it touches.
fn quiet(customer: &Customer, effect: &Effect, context: &Context<'_>) -> Option<AlertState> {
    let mut state = AlertState::Ok;
    for Left { wallet, posted, own } in left(customer, effect)? {
        let Some(watch) = wallet.watch.as_deref() else { continue };
        let calm = &watch.calm;
        if posted < calm.posted_min || posted > calm.posted_max {
            return None;
        }
        if own <= calm.own_above
            && own < wallet.head.own()
            && !is_held_back_as_before(customer, wallet, own, context)
        {
            return None;
        }
        state = state.max(watch.state);
    }
    Some(state)
}

/// Whether a recharge is due and does not begin, for the reason that was noted before.
fn is_held_back_as_before(customer: &Customer, wallet: &Wallet, own: Credits, context: &Context<'_>) -> bool {
    let noted = wallet.watch.as_deref().and_then(|watch| watch.recharging.held_back);
    match recharge::wanted(customer, wallet, own, context) {
        Some(Err(held_back)) => noted.is_some_and(|noted| noted.by == held_back.by),
        Some(Ok(_)) | None => false,
    }
}

/// What the operation leaves in each wallet that it touches, for those whose balances follow from the facts alone.
fn left<'a>(customer: &'a Customer, effect: &Effect) -> Option<SmallVec<[Left<'a>; 2]>> {
    if let Effect::Debited(debited) = effect {
        Some(left_by_debit(customer, debited))
    } else if let Effect::EventRecorded { taken, .. } = effect {
        Some(taken.as_ref().map(|taken| left_by_debit(customer, taken)).unwrap_or_default())
    } else if let Effect::Held(step) = effect {
        Some(left_by_step(customer, step))
    } else {
        None
    }
}

fn left_by_debit<'a>(customer: &'a Customer, debited: &Debited) -> SmallVec<[Left<'a>; 2]> {
    let left = debited.rows.iter().map(|row| {
        let wallet = wallet_of(customer, row.posting.wallet);
        Left { wallet, posted: row.posting.after, own: row.posting.after - wallet.head.held }
    });
    left.collect()
}

fn left_by_step<'a>(customer: &'a Customer, step: &HoldStep) -> SmallVec<[Left<'a>; 2]> {
    let mut all: SmallVec<[Left<'a>; 2]> = SmallVec::new();
    let mut at = |id: WalletId| {
        let found = all.iter().position(|left| left.wallet.head.id == id);
        found.unwrap_or_else(|| {
            let wallet = wallet_of(customer, id);
            all.push(Left { wallet, posted: wallet.head.posted, own: wallet.head.own() });
            all.len() - 1
        })
    };
    let mut changes: SmallVec<[(usize, Credits, Credits); 4]> = SmallVec::new();
    for pin in &step.pinned {
        changes.push((at(pin.wallet), Credits::ZERO, pin.credits));
    }
    for pin in step.consumed.iter().chain(&step.returned) {
        changes.push((at(pin.wallet), Credits::ZERO, -pin.credits));
    }
    for row in step.taken.iter().flat_map(|taken| &taken.rows) {
        changes.push((at(row.posting.wallet), -row.credits, Credits::ZERO));
    }
    for lapsed in &step.lapsed {
        changes.push((at(lapsed.posting.wallet), -lapsed.credits, Credits::ZERO));
    }
    for (at, posted, held) in changes {
        all[at].posted += posted;
        all[at].own += posted - held;
    }
    all
}

fn wallet_of(customer: &Customer, id: WalletId) -> &Wallet {
    customer.wallet(id).expect("facts name wallets of their customer")
}

/// Purchases that are waited for are called off with their wallet (SEMANTICS §15).
fn end_with_wallet(after: &mut Customer, effect: &Effect, set_off: &mut SetOff, context: &Context<'_>) {
    let Effect::WalletClosed { wallet, .. } = effect else { return };
    let waited_for = after.recharges.open_of(wallet.id).filter(|one| one.is_pending_credit());
    let ended: Vec<RechargeEnd> = waited_for
        .map(|recharge| RechargeEnd {
            recharge: Recharge {
                status: RechargeStatus::Cancelled,
                reason: Some(RechargeReason::WalletClosed),
                ended_at: Some(context.now),
                ..recharge.clone()
            },
            rows: SmallVec::new(),
            unpaid: Vec::new(),
        })
        .collect();
    ended.iter().for_each(|ended| apply::end_recharge(after, ended));
    set_off.ended = ended;
}

/// Recharges what the effect lowered to its threshold, and what it found too little in, once per record and wallet.
fn recharge_lowered(
    (ready, lack): (&Customer, Option<RechargeDue>),
    after: &mut Customer,
    set_off: &mut SetOff,
    context: &Context<'_>,
) {
    for index in 0..after.wallets.len() {
        let wallet = &after.wallets[index];
        let id = wallet.head.id;
        let was = ready.wallet(id).map_or(Credits::ZERO, |wallet| wallet.head.own());
        let has_one = set_off.before.as_ref().is_some_and(|before| before.wallet == id);
        let lack = lack.filter(|lack| lack.wallet == id);
        if (wallet.head.own() >= was && lack.is_none()) || has_one {
            continue;
        }
        let would_pass = lack.is_some_and(|lack| lack.would_pass);
        match recharge::wanted_for(after, wallet, would_pass, context) {
            Some(Ok(wanted)) => {
                let begun = recharge::begin(after, wallet, &wanted, context);
                apply::begin_recharge(after, &begun);
                set_off.after.push(begun);
            }
            Some(Err(held_back)) => {
                let noted = wallet.watch.as_deref().and_then(|watch| watch.recharging.held_back);
                if noted.is_none_or(|noted| noted.by != held_back.by) {
                    set_off.held_back.push((id, held_back));
                }
            }
            None => {}
        }
    }
}

/// A wallet's alert as its balance makes it at some moment.
struct Level {
    wallet: WalletId,
    state: AlertState,
    posted: Credits,
}

/// Alerts on balances: after each instant of what was due, then after all of it, as if each had been written in time. A wallet that does not
/// warn is ok and silent.
fn judge(states: &States<'_>, due: &[Due], after: &Customer, set_off: &mut SetOff, context: &Context<'_>) {
    let mut ids = Ids::of(after, context.now);
    let warn = |wallet: &&Wallet| {
        let rules = wallet.head.rules.as_ref();
        rules.and_then(|rules| rules.alerts.as_ref()).is_some_and(|alerts| alerts.enabled)
    };
    let warning = after.wallets.iter().filter(warn).filter_map(|wallet| {
        let watch = wallet.watch.as_ref()?;
        Some((wallet.head.id, watch.state))
    });
    let mut current: BTreeMap<WalletId, AlertState> = warning.collect();
    if current.is_empty() {
        return;
    }
    let mut passed = due_levels(states, due);
    passed.extend(levels(after));
    for Level { wallet, state: to, posted } in passed {
        let Some(state) = current.get_mut(&wallet).filter(|state| **state != to) else { continue };
        let from = std::mem::replace(state, to);
        let (id, at) = (AlertId(ids.next()), context.now);
        let kind = AlertKind::Balance;
        set_off.alerts.push(AlertChange { id, wallet, kind, from, to, posted, runway_s: None, at });
    }
}

/// What alerts are after each instant of what was due, under the rules that held then.
fn due_levels(states: &States<'_>, due: &[Due]) -> Vec<Level> {
    let is_one_instant = due.first().map(Due::at) == due.last().map(Due::at);
    if is_one_instant {
        return if due.is_empty() { Vec::new() } else { levels(states.due_done).collect() };
    }
    let (mut ahead, mut passed) = (states.before_due.clone(), Vec::new());
    for instant in due.chunk_by(|one, next| one.at() == next.at()) {
        apply::apply_due(&mut ahead, instant, 0);
        passed.extend(levels(&ahead));
    }
    passed
}

/// What the alerts of all wallets are.
fn levels(customer: &Customer) -> impl Iterator<Item = Level> {
    customer.wallets.iter().filter_map(|wallet| {
        let alerts = wallet.head.rules.as_ref()?.alerts.as_ref()?;
        let state = level(wallet, alerts, wallet.watch.as_ref()?);
        Some(Level { wallet: wallet.head.id, state, posted: wallet.head.posted })
    })
}

/// What a wallet's alert should be. Nobody can do anything about one that is closed: what it warned of is over.
fn level(wallet: &Wallet, alerts: &AlertSettings, watch: &Watch) -> AlertState {
    if wallet.is_open() { alerts.state(wallet.head.posted, watch.base) } else { AlertState::Ok }
}

/// Whether a look at the runways now would change an alert (see `judge_runways`). Cheap where no wallet asks for it.
#[must_use]
pub fn runway_alerts_change(customer: &Customer, now: Timestamp) -> bool {
    customer.wallets.iter().any(|wallet| runway_change(wallet, now).is_some())
}

/// What a look at the wallet's runway changes: whether it is low now, and the seconds.
fn runway_change(wallet: &Wallet, now: Timestamp) -> Option<(bool, Option<u64>)> {
    let alerts = wallet.head.rules.as_ref()?.alerts.as_ref().filter(|alerts| alerts.enabled)?;
    let below = alerts.runway_below_s?;
    let watch: &Watch = wallet.watch.as_deref()?;
    let runway_s = if wallet.is_open() { watch.spent.runway_s(wallet.head.own(), now) } else { None };
    let is_low = runway_s.is_some_and(|runway_s| runway_s <= u64::from(below));
    (is_low != watch.runway_low).then_some((is_low, runway_s))
}

/// Alerts on runways: judged by ticks only, as time alone moves them.
fn judge_runways(after: &Customer, set_off: &mut SetOff, context: &Context<'_>) {
    let mut counter = Ids::of(after, context.now);
    counter.skip(set_off.alerts.len());
    for wallet in &after.wallets {
        let Some((is_low, runway_s)) = runway_change(wallet, context.now) else { continue };
        let (from, to) = if is_low {
            (AlertState::Ok, AlertState::InAlarm)
        } else {
            (AlertState::InAlarm, AlertState::Ok)
        };
        set_off.alerts.push(AlertChange {
            id: AlertId(counter.next()),
            wallet: wallet.head.id,
            kind: AlertKind::Runway,
            from,
            to,
            posted: wallet.head.posted,
            runway_s,
            at: context.now,
        });
    }
}

/// The most severe balance alert of the wallets touched, after all of it.
fn state_of(after: &Customer, due: &[Due], effect: &Effect, set_off: &SetOff) -> AlertState {
    let mut touched: SmallVec<[WalletId; 4]> = effect.wallet().map(|head| head.id).into_iter().collect();
    due.iter().for_each(|due| due.each_posting(&mut |posting| touched.push(posting.wallet)));
    effect.each_posting(&mut |posting| touched.push(posting.wallet));
    let last = |id: WalletId| {
        let changes = set_off.alerts.iter().rev();
        let changed = changes.filter(|change| change.wallet == id && change.kind == AlertKind::Balance);
        let kept = || after.wallet(id).and_then(|wallet| wallet.watch.as_ref()).map(|watch| watch.state);
        changed.map(|change| change.to).next().or_else(kept).unwrap_or_default()
    };
    touched.into_iter().map(last).max().unwrap_or_default()
}

/// What a debit's reply calls available counts the recharge that it set off (API §2).
fn show_available(after: &Customer, effect: &mut Effect, set_off: &SetOff) {
    let (Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. }) = effect else { return };
    let Some(first) = debited.rows.first() else { return };
    if debited.mixed_units || set_off.after.is_empty() {
        return;
    }
    let unit = &wallet_of(after, first.posting.wallet).head.unit;
    let of_unit = after.wallets.iter().map(|wallet| &wallet.head);
    let active = of_unit.filter(|head| head.status == WalletStatus::Active && head.unit == *unit);
    debited.available = active.map(WalletHead::available).sum();
}
