//! Automatic top-up: whether, how much, and what holds it back (SEMANTICS §11).

use smallvec::smallvec;

use super::credit::{self, Credit};
use super::lack::{lacks, payers};
use super::{Context, Ids, effect, existing};
use crate::amount::wide::ExactMoney;
use crate::amount::{Credits, Money};
use crate::apply;
use crate::auto_topup::{AutoTopup, HeldBack, HeldBackBy, MULTIPLE_MAX};
use crate::budget::Window;
use crate::burn_order::WalletIndices;
use crate::calendar::Zone;
use crate::command::{Command, CreditReason, RechargeDue};
use crate::customer::Customer;
use crate::fact::{Effect, SetOff};
use crate::ids::{InvoiceId, LogPosition, RechargeId, TrancheId};
use crate::recharge::{CountedIn, Recharge, RechargeOrigin, RechargeStatus};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::wallet::{Wallet, WalletStatus};
use crate::watch::Watch;

/// A recharge whose time it is.
pub(super) struct Wanted {
    credits: Credits,
    counted_in: CountedIn,
}

/// The rule of a wallet, if it is on.
fn rule(wallet: &Wallet) -> Option<(&AutoTopup, &Watch)> {
    let rule = wallet.head.rules.as_ref()?.auto_topup.as_ref().filter(|rule| rule.enabled)?;
    Some((rule, wallet.watch.as_deref()?))
}

/// Whether a wallet that has so much needs a recharge, and what holds that back; `None` = it needs none.
pub(super) fn wanted(
    customer: &Customer,
    wallet: &Wallet,
    own: Credits,
    context: &Context<'_>,
) -> Option<Result<Wanted, HeldBack>> {
    let (rule, watch) = rule(wallet)?;
    let has = own + customer.recharges.pending(wallet.head.id);
    if !wallet.is_open() || has > rule.threshold {
        return None;
    }
    Some(permit(customer, wallet, (rule, watch), size(rule, has), context))
}

/// As [`wanted`], for a request that lacks credit: one amount, no multiple, whatever the threshold says. What fills up to the target, if that
/// is more and no guard objects.
fn wanted_to_pass(
    customer: &Customer,
    wallet: &Wallet,
    context: &Context<'_>,
) -> Option<Result<Wanted, HeldBack>> {
    let (rule, watch) = rule(wallet)?;
    let has = wallet.head.own() + customer.recharges.pending(wallet.head.id);
    let up_to = rule.target_balance.map_or(Credits::ZERO, |target| target - has);
    let permitted = |credits| permit(customer, wallet, (rule, watch), credits, context);
    let up_to = up_to.min(most(rule));
    if up_to > rule.amount
        && let Ok(wanted) = permitted(up_to)
    {
        return Some(Ok(wanted));
    }
    Some(permitted(rule.amount))
}

/// The largest charge.
fn most(rule: &AutoTopup) -> Credits {
    Credits(rule.amount.0 * i128::from(MULTIPLE_MAX))
}

/// `amount`, or the smallest multiple that leaves the threshold behind; or what fills up to the target. At most ten amounts.
fn size(rule: &AutoTopup, has: Credits) -> Credits {
    if let Some(target) = rule.target_balance {
        return (target - has).min(most(rule));
    }
    let multiples = (1..MULTIPLE_MAX).map(|times| Credits(rule.amount.0 * i128::from(times)));
    let enough = multiples.into_iter().find(|credits| has + *credits > rule.threshold);
    enough.unwrap_or_else(|| most(rule))
}

/// Asks the guards, in a fixed order: the first that objects is the reason.
fn permit(
    customer: &Customer,
    wallet: &Wallet,
    (rule, watch): (&AutoTopup, &Watch),
    credits: Credits,
    context: &Context<'_>,
) -> Result<Wanted, HeldBack> {
    let (now, recharging) = (context.now, &watch.recharging);
    let held_back = |by, until: Option<Timestamp>| Err(HeldBack { by, at: now, until });
    if wallet.head.status != WalletStatus::Active {
        return held_back(HeldBackBy::Frozen, None);
    }
    if customer.recharges.open_of(wallet.head.id).any(|one| one.origin == RechargeOrigin::Auto) {
        return held_back(HeldBackBy::InFlight, None);
    }
    if recharging.failures >= rule.failures_max {
        return held_back(HeldBackBy::Suspended, None);
    }
    if now < recharging.backs_off_until {
        return held_back(HeldBackBy::BackingOff, Some(recharging.backs_off_until));
    }
    let cools_until = recharging.last_at.plus_seconds(rule.cooldown_s);
    if recharging.last_at.0 > 0 && now < cools_until {
        return held_back(HeldBackBy::Cooldown, Some(cools_until));
    }
    let counted_in = counted_in(customer, watch, context);
    let of_day = if counted_in.day_ends_at == recharging.day_ends_at { recharging.day_count } else { 0 };
    if of_day >= rule.count_max {
        return held_back(HeldBackBy::CountMax, Some(counted_in.day_ends_at));
    }
    let Some(charged) = price(wallet, credits) else { return held_back(HeldBackBy::Limit, None) };
    let same_month = counted_in.month_ends_at == recharging.month_ends_at;
    let of_month = if same_month { recharging.month_charged } else { Money::ZERO };
    if rule.amount_max.is_some_and(|max| of_month + charged > max) {
        return held_back(HeldBackBy::AmountMax, Some(counted_in.month_ends_at));
    }
    if !has_room(customer, wallet, credits, context) {
        return held_back(HeldBackBy::Limit, None);
    }
    Ok(Wanted { credits, counted_in })
}

/// The windows that hold now: the calendar is asked only when one has ended.
fn counted_in(customer: &Customer, watch: &Watch, context: &Context<'_>) -> CountedIn {
    let zone = || Zone::of(customer, context.settings.time_zone.as_deref());
    let (day, month) = (watch.recharging.day_ends_at, watch.recharging.month_ends_at);
    let end_of = |window| zone().window_end(window, context.now);
    CountedIn {
        day_ends_at: if context.now < day { day } else { end_of(Window::Day) },
        month_ends_at: if context.now < month { month } else { end_of(Window::Month) },
    }
}

/// What so many credits cost, in whole minor units.
fn price(wallet: &Wallet, credits: Credits) -> Option<Money> {
    let exact = ExactMoney::of_credits(credits, wallet.head.topup_conversion_rate);
    exact.to_minor_half_up(wallet.head.unit.currency)
}

fn has_room(customer: &Customer, wallet: &Wallet, credits: Credits, context: &Context<'_>) -> bool {
    let pending = customer.recharges.pending(wallet.head.id);
    customer.recharges.open_count() < context.limits.recharges_open_max
        && credit::check_room(customer, 1, context).is_ok()
        && credits.is_in_range()
        && credit::check_total(wallet, credits + pending).is_ok()
        && Money::of_credits_half_even(credits, wallet.head.topup_conversion_rate).is_some()
}

/// Begins a recharge that no guard holds back.
pub(super) fn begin(
    customer: &Customer,
    wallet: &Wallet,
    wanted: &Wanted,
    context: &Context<'_>,
) -> Recharge {
    let (rule, _) = rule(wallet).expect("what is wanted has a rule");
    let reason = if rule.invoicing {
        CreditReason::PurchasedCreditInvoiced
    } else {
        CreditReason::PurchasedCreditDirect
    };
    let bought = credit::bought(reason, wanted.credits, &wallet.head, context)
        .expect("whoever permitted it has looked at its price");
    let mut ids = Ids::of(customer, context.now);
    let begun = Begun { origin: RechargeOrigin::Auto, counted_in: Some(wanted.counted_in) };
    let (recharge, _) = open(&begun, wallet, smallvec![bought], &mut ids, context);
    recharge
}

/// Who began a purchase.
pub(super) struct Begun {
    pub(super) origin: RechargeOrigin,
    pub(super) counted_in: Option<CountedIn>,
}

/// Writes a purchase down. Its credit comes in unless its payment is waited for. Returns the wallet after it too.
pub(super) fn open(
    begun: &Begun,
    wallet: &Wallet,
    credits: smallvec::SmallVec<[Credit; 2]>,
    ids: &mut Ids,
    context: &Context<'_>,
) -> (Recharge, crate::wallet::WalletHead) {
    let invoiced = credits.iter().any(|credit| credit.reason() == CreditReason::PurchasedCreditInvoiced);
    let trusted = !invoiced || context.settings.auto_complete;
    let is_open = !trusted || context.settings.payment_result;
    let id = RechargeId(ids.next());
    let invoice = invoiced.then(|| InvoiceId(ids.next()));
    let mut head = wallet.head.clone();
    let rows = credits.into_iter().map(|credit| {
        let tranche = TrancheId(ids.next());
        Box::new(if trusted {
            credit::enter(&mut head, tranche, credit, context.now)
        } else {
            credit::wait(tranche, credit)
        })
    });
    let rows = rows.collect();
    let recharge = Recharge {
        id,
        wallet: head.id,
        currency: head.unit.currency,
        origin: begun.origin,
        status: if is_open { RechargeStatus::Pending } else { RechargeStatus::Completed },
        trusted,
        invoice,
        begun_at: context.now,
        counted_in: begun.counted_in,
        // Credit that is there is not taken away by a timer.
        expires_at: (!trusted).then(|| context.now.plus_seconds(context.limits.pending_expires_in_s)),
        ended_at: (!is_open).then_some(context.now),
        reason: None,
        rows,
        gone: smallvec![],
        row: (LogPosition(0), 0),
        came_in: (LogPosition(0), 0),
    };
    (recharge, head)
}

/// A request that lacked credit, with the recharge before it that lets it pass.
pub(super) struct Rescued {
    pub(super) recharge: Box<Recharge>,
    pub(super) effect: Effect,
    /// The customer after the recharge.
    pub(super) ready: Customer,
}

/// Looks for a recharge whose credit is there at once and lets a request pass that lacks credit: it is accepted then, or all of it is paid.
pub(super) fn rescue(
    customer: &Customer,
    command: &Command,
    payers: &WalletIndices,
    context: &Context<'_>,
) -> Option<Rescued> {
    payers.iter().find_map(|index| {
        let wallet = &customer.wallets[*index];
        let (rule, _) = rule(wallet)?;
        if rule.invoicing && !context.settings.auto_complete {
            return None;
        }
        let needs = wanted(customer, wallet, wallet.head.own(), context).and_then(Result::ok);
        let tried = needs.as_ref().map_or(Credits::ZERO, |wanted| wanted.credits);
        let pass = |wanted: Wanted| pass(customer, wallet, &wanted, command, context);
        needs.and_then(pass).or_else(|| {
            let to_pass = wanted_to_pass(customer, wallet, context)?.ok()?;
            (to_pass.credits > tried).then(|| pass(to_pass)).flatten()
        })
    })
}

/// Decides the request on what a recharge would leave.
fn pass(
    customer: &Customer,
    wallet: &Wallet,
    wanted: &Wanted,
    command: &Command,
    context: &Context<'_>,
) -> Option<Rescued> {
    let recharge = Box::new(begin(customer, wallet, wanted, context));
    let mut ready = customer.clone();
    apply::begin_recharge(&mut ready, &recharge);
    let effect = effect(&ready, command, context).ok().filter(|effect| !lacks(effect, context.limits))?;
    Some(Rescued { recharge, effect, ready })
}

/// Whether any wallet has rules.
pub(super) fn is_watched(customer: &Customer) -> bool {
    customer.wallets.iter().any(|wallet| wallet.watch.is_some())
}

/// What a request that was refused sets off by itself: a recharge that does not let it pass, or not yet. `None` = nothing.
///
/// The shell asks for it when a request was refused, and sends the command.
#[must_use]
pub fn for_refused(
    customer: &Customer,
    command: &Command,
    refusal: &Refusal,
    context: &Context<'_>,
) -> Option<RechargeDue> {
    let says_so = |refusal: &Refusal| matches!(refusal, Refusal::InsufficientCredits { .. });
    let is_lack =
        if let Refusal::Item { refusal, .. } = refusal { says_so(refusal) } else { says_so(refusal) };
    if !is_lack || !is_watched(customer) {
        return None;
    }
    let ahead = super::caught_up(customer, context.now);
    of_lack(&ahead, &payers(&ahead, command, refusal)?, command, context)
}

/// What a lack of credit sets off by itself: the first recharge of those payers that is due, or is held back for a new reason.
pub(super) fn of_lack(
    customer: &Customer,
    payers: &WalletIndices,
    command: &Command,
    context: &Context<'_>,
) -> Option<RechargeDue> {
    payers.iter().find_map(|index| due_for(customer, &customer.wallets[*index], command, context))
}

fn due_for(
    customer: &Customer,
    wallet: &Wallet,
    command: &Command,
    context: &Context<'_>,
) -> Option<RechargeDue> {
    let due = |would_pass| RechargeDue { wallet: wallet.head.id, would_pass };
    let noted = wallet.watch.as_deref().and_then(|watch| watch.recharging.held_back);
    let is_news = |held_back: &HeldBack| noted.is_none_or(|noted| noted.by != held_back.by);
    let wanted = wanted(customer, wallet, wallet.head.own(), context);
    if let Some(Ok(_)) = wanted {
        return Some(due(false));
    }
    if let Some(Ok(wanted)) = wanted_to_pass(customer, wallet, context)
        && would_pass(customer, wallet, &wanted, command, context)
    {
        return Some(due(true));
    }
    wanted.and_then(Result::err).filter(is_news).map(|_| due(false))
}

/// Whether the request would pass if the recharge's credit were there.
fn would_pass(
    customer: &Customer,
    wallet: &Wallet,
    wanted: &Wanted,
    command: &Command,
    context: &Context<'_>,
) -> bool {
    let settings = crate::catalog::tenant::Settings { auto_complete: true, ..context.settings.clone() };
    let trusting = Context { settings: &settings, ..*context };
    pass(customer, wallet, wanted, command, &trusting).is_some()
}

/// What a wallet needs; for a request that one amount lets pass also if the threshold is not reached, or asks for more than may be.
pub(super) fn wanted_for(
    customer: &Customer,
    wallet: &Wallet,
    would_pass: bool,
    context: &Context<'_>,
) -> Option<Result<Wanted, HeldBack>> {
    let wanted = wanted(customer, wallet, wallet.head.own(), context);
    if !would_pass || matches!(wanted, Some(Ok(_))) {
        return wanted;
    }
    let to_pass = wanted_to_pass(customer, wallet, context);
    // The reason is the one that the threshold has, if it is reached.
    if matches!(to_pass, Some(Ok(_))) { to_pass } else { wanted.or(to_pass) }
}

/// The recharge that a refused request set off: begun, or held back for a reason that is noted.
pub(super) fn due(
    customer: &Customer,
    request: &RechargeDue,
    context: &Context<'_>,
) -> Result<SetOff, Refusal> {
    existing(customer)?;
    let wallet = customer.wallet(request.wallet).ok_or(Refusal::WalletNotFound(request.wallet))?;
    match wanted_for(customer, wallet, request.would_pass, context) {
        Some(Ok(wanted)) => {
            let begun = begin(customer, wallet, &wanted, context);
            Ok(SetOff { after: vec![begun], ..SetOff::default() })
        }
        Some(Err(held_back)) => {
            Ok(SetOff { held_back: vec![(request.wallet, held_back)], ..SetOff::default() })
        }
        None => Err(Refusal::InvalidOperation("no recharge is due")),
    }
}
