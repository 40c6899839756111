//! Random programs about recharges and alerts: debits, holds, purchases, settings, reports of payments, and time, from moments to months.

use coffer_ledger::alert::{AlertSettings, Condition};
use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::command::{
    Asked, AutoTopupChange, Bonus, Capture, Charge, Command, CreateWallet, CreditReason, Debit, Event,
    HoldAsked, Memo, Metered, OverCapture, PlaceHold, Quantity, Remainder, TopUp, UpdateWallet,
};
use coffer_ledger::ids::{HoldId, RechargeId, ThingId, WalletId};
use coffer_ledger::recharge::{RechargeReason, RechargeStatus};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::PriceType;
use coffer_ledger::wallet::WalletType;
use coffer_ledger::watch::WalletRules;

use super::world::Side;
use crate::program::{Dice, ONE, USD};

const S: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * S;
const AMOUNTS: [i128; 10] = [
    10 * ONE,
    ONE,
    5 * ONE,
    30 * ONE,
    3_333_333_333_333_333,
    20 * ONE,
    1,
    7 * ONE + ONE / 4,
    100 * ONE,
    ONE / 2,
];
const THRESHOLDS: [i128; 6] = [20 * ONE, 5 * ONE, 0, 50 * ONE, -10 * ONE, 20 * ONE];

/// Some time passes: nothing, seconds, to the next due instant or a hair beside it, hours, days, to the end of a month.
pub(crate) fn pass_time(side: &Side, dice: &mut Dice) -> Timestamp {
    let (now, next) = (side.now.0, side.customer.next_due());
    let to = match dice.below(16) {
        0..=4 => now + u64::from(dice.below(3)),
        5..=6 => now + u64::from(dice.below(90)) * S,
        7..=8 if next != Timestamp::MAX => next.0 - 1 + u64::from(dice.below(3)),
        9..=11 => now + u64::from(dice.below(6)) * HOUR / 2,
        // Back-offs and cooldowns end to the nanosecond.
        12 | 13 => now + (HOUR << dice.below(3)) - 1 + u64::from(dice.below(3)),
        14 => now + u64::from(dice.below(48)) * HOUR,
        15 => now + u64::from(dice.below(12)) * 24 * HOUR,
        _ => now,
    };
    Timestamp(to.max(now))
}

/// The next thing that is asked.
pub(crate) fn command(side: &Side, dice: &mut Dice) -> Command {
    match dice.below(100) {
        0..=29 => Command::Debit(debit(side, dice)),
        30..=37 => Command::Event(Box::new(event(side, dice))),
        38..=45 => Command::PlaceHold(place(side, dice)),
        46..=52 => Command::Capture(capture(side, dice)),
        53..=55 => Command::Release { hold: hold(side, dice), memo: Memo::default() },
        56..=62 => Command::TopUp(top_up(side, dice)),
        63..=69 => Command::CompleteRecharge(recharge(side, dice)),
        70..=79 => Command::FailRecharge { id: recharge(side, dice), reason: reason(dice) },
        80..=81 => Command::CancelRecharge(recharge(side, dice)),
        82..=84 => Command::ResumeAutoTopup(wallet(side, dice)),
        85..=91 => Command::UpdateWallet(update(side, dice)),
        92..=93 => Command::Tick,
        94 => Command::Freeze(wallet(side, dice)),
        95..=96 => Command::Unfreeze(wallet(side, dice)),
        97 if dice.once_in(6) => {
            Command::Close { wallet: wallet(side, dice), remainder: Remainder::Forfeit, force: true }
        }
        _ => {
            let items = 1 + dice.below(3);
            let item = |_| match dice.once_in(4) {
                true => Command::Capture(capture(side, dice)),
                false => Command::Debit(debit(side, dice)),
            };
            Command::Atomic((0..items).map(item).collect())
        }
    }
}

fn credits(dice: &mut Dice) -> Credits {
    Credits(dice.of(&AMOUNTS))
}

fn reason(dice: &mut Dice) -> RechargeReason {
    dice.of(&RechargeReason::OF_PAYMENTS)
}

fn wallet(side: &Side, dice: &mut Dice) -> WalletId {
    let wallets = &side.customer.wallets;
    wallets[usize::from(dice.byte()) % wallets.len()].head.id
}

fn hold(side: &Side, dice: &mut Dice) -> HoldId {
    let open: Vec<HoldId> = side.customer.holds.iter().map(|hold| hold.id).collect();
    let roll = usize::from(dice.byte());
    if open.is_empty() { HoldId(nobody()) } else { open[roll % open.len()] }
}

/// Mostly one that is pending; now and then one that ended, or nobody's.
fn recharge(side: &Side, dice: &mut Dice) -> RechargeId {
    let all = || side.customer.recharges.iter();
    let open: Vec<RechargeId> =
        all().filter(|one| one.status == RechargeStatus::Pending).map(|one| one.id).collect();
    let (few, roll) = (dice.once_in(4), usize::from(dice.byte()));
    let choice = if few || open.is_empty() { all().map(|one| one.id).collect() } else { open };
    if choice.is_empty() {
        RechargeId(nobody())
    } else {
        choice[choice.len() - 1 - roll % choice.len().min(3)]
    }
}

fn nobody() -> ThingId {
    ThingId::new(Timestamp(0), coffer_ledger::ids::CustomerNumber(1), 1)
}

fn charge(side: &Side, dice: &mut Dice) -> Charge {
    Charge {
        wallet: (!dice.once_in(4)).then(|| wallet(side, dice)),
        currency: None,
        price_unit: None,
        price_type: PriceType::Usage,
        feature: None,
        budget: None,
    }
}

/// An amount, or what brings a wallet to its threshold, or a hair beside it.
fn debit(side: &Side, dice: &mut Dice) -> Debit {
    let charge = charge(side, dice);
    let found = charge.wallet.and_then(|id| side.customer.wallet(id));
    let to_threshold = found.and_then(|wallet| {
        let rule = wallet.head.rules.as_ref()?.auto_topup.as_ref()?;
        let pending = side.customer.recharges.pending(wallet.head.id);
        Some(wallet.head.own().0 + pending.0 - rule.threshold.0)
    });
    let asked = match (dice.below(6), to_threshold) {
        (roll @ 0..=2, Some(exactly)) if exactly + i128::from(roll) > 1 => exactly + i128::from(roll) - 1,
        (3, Some(_)) => found.map_or(ONE, |wallet| wallet.head.own().0.max(0) + ONE),
        _ => dice.of(&AMOUNTS),
    };
    Debit { asked: Asked::Credits(Credits(asked)), charge, partial: false, memo: Memo::default() }
}

fn event(side: &Side, dice: &mut Dice) -> Event {
    Event {
        customer: "acme".into(),
        source: "".into(),
        id: "".into(),
        timestamp: side.now,
        metered: Metered {
            meter: "credits".into(),
            quantity: Usage(dice.of(&AMOUNTS)),
            properties: Vec::new(),
        },
        charge: charge(side, dice),
    }
}

fn capture(side: &Side, dice: &mut Dice) -> Capture {
    Capture { hold: hold(side, dice), credits: credits(dice), last: dice.once_in(2), memo: Memo::default() }
}

fn place(side: &Side, dice: &mut Dice) -> PlaceHold {
    PlaceHold {
        asked: HoldAsked::Exactly(credits(dice)),
        charge: charge(side, dice),
        expires_in_s: 1 + u32::from(dice.byte()) * 60,
        over_capture: dice.of(&[OverCapture::Draw, OverCapture::Reject]),
        memo: Memo::default(),
    }
}

fn top_up(side: &Side, dice: &mut Dice) -> TopUp {
    let invoiced = dice.once_in(2);
    TopUp {
        wallet: wallet(side, dice),
        quantity: Quantity::Credits(credits(dice)),
        reason: if invoiced {
            CreditReason::PurchasedCreditInvoiced
        } else {
            CreditReason::PurchasedCreditDirect
        },
        effective_at: dice.once_in(4).then(|| Timestamp(side.now.0 + u64::from(dice.byte()) * HOUR)),
        expires_at: None,
        priority: None,
        scope: None,
        paid: None,
        bonus: dice.once_in(4).then(|| Bonus { credits: credits(dice), expires_at: None }),
        memo: Memo::default(),
    }
}

/// Alerts of a few levels, in credits or percent.
pub(crate) fn alerts(dice: &mut Dice) -> AlertSettings {
    let percent = dice.once_in(2);
    let (least, more) = (i128::from(dice.below(30)), i128::from(dice.below(30)));
    let condition = if dice.once_in(4) { Condition::Above } else { Condition::Below };
    let mut levels = [least, least + more, least + more + i128::from(dice.below(2)) * 10];
    if condition == Condition::Above {
        levels.reverse();
    }
    let [critical, warning, info] = levels.map(|level| Some(Credits(level * ONE)));
    AlertSettings {
        enabled: true,
        condition,
        percent,
        info: info.filter(|_| !dice.once_in(3)),
        warning: warning.filter(|_| !dice.once_in(3)),
        critical,
        runway_below_s: None,
    }
}

pub(crate) fn rule(dice: &mut Dice) -> AutoTopup {
    let threshold = dice.of(&THRESHOLDS);
    AutoTopup {
        enabled: true,
        threshold: Credits(threshold),
        amount: Credits(dice.of(&[30 * ONE, 10 * ONE, 100 * ONE, 3_333_333_333_333_333])),
        invoicing: dice.once_in(2),
        target_balance: dice.once_in(4).then(|| Credits(threshold + dice.of(&[45 * ONE, ONE, 200 * ONE]))),
        cooldown_s: dice.of(&[0, 0, 60, 3_600, 86_400]),
        count_max: dice.of(&[24, 2, 1, 3]),
        amount_max: dice.once_in(2).then(|| Money(dice.of(&[100 * ONE, 35 * ONE, 250 * ONE]))),
        failures_max: dice.of(&[3, 1, 2, 5]),
    }
}

fn update(side: &Side, dice: &mut Dice) -> UpdateWallet {
    let off = AlertSettings {
        enabled: false,
        condition: Condition::Below,
        percent: false,
        info: None,
        warning: None,
        critical: None,
        runway_below_s: None,
    };
    let alerts = match dice.below(6) {
        0..=2 => Some(alerts(dice)),
        3 => Some(off),
        _ => None,
    };
    let auto_topup = match dice.below(6) {
        0..=2 => Some(whole(&rule(dice))),
        3 => Some(AutoTopupChange { enabled: Some(false), ..AutoTopupChange::default() }),
        _ => None,
    };
    UpdateWallet {
        wallet: wallet(side, dice),
        overdraft_limit: None,
        allowed_price_types: None,
        priority: None,
        name: None,
        description: None,
        metadata: None,
        alerts: alerts.map(Box::new),
        auto_topup: auto_topup.map(Box::new),
    }
}

/// A change that names everything.
fn whole(rule: &AutoTopup) -> AutoTopupChange {
    AutoTopupChange {
        enabled: Some(rule.enabled),
        threshold: Some(rule.threshold),
        amount: Some(rule.amount),
        invoicing: Some(rule.invoicing),
        target_balance: Some(rule.target_balance),
        cooldown_s: Some(rule.cooldown_s),
        count_max: Some(rule.count_max),
        amount_max: Some(rule.amount_max),
        failures_max: Some(rule.failures_max),
    }
}

/// A wallet, mostly with rules.
pub(crate) fn wallet_with_rules(dice: &mut Dice) -> CreateWallet {
    let (alerts, auto_topup) =
        (dice.once_in(2).then(|| alerts(dice)), (!dice.once_in(4)).then(|| rule(dice)));
    let rules = (alerts.is_some() || auto_topup.is_some()).then_some(WalletRules { alerts, auto_topup });
    CreateWallet {
        customer: "acme".into(),
        currency: Some(USD),
        price_unit: None,
        conversion_rate: Rate(ONE),
        topup_conversion_rate: Rate(dice.of(&[ONE, ONE, ONE / 3, 1_500_000_000_000_001])),
        wallet_type: WalletType::PrePaid,
        name: None,
        description: None,
        metadata: Vec::new(),
        priority: 50,
        allowed_price_types: PriceTypes::ALL,
        overdraft_limit: Credits(0),
        initial_credits: credits(dice),
        initial_expires_at: None,
        rules: rules.map(Box::new),
    }
}
