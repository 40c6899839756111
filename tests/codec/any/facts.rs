//! Any facts.

use coffer_ledger::fact::{CreditRow, DebitExtra, Debited, Due, Effect, Facts, Forfeit, Priced, Uncollected};
use coffer_ledger::ids::LogPosition;
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;

use super::grants;
use super::leaves::{
    budget_moves, credits, currency, debit_row, head, identity, money, posting, rate_card_id, reason, slice,
    terms, text, time, tranche_id, wallet_id,
};
use super::moved::{given_back_effects, held, hold_end, invoices, transfers};
use super::recharges::{recharge, recharge_end, set_off};
use super::state::budget;

fn due() -> BoxedStrategy<Due> {
    let expired = (tranche_id(), credits(), terms(), posting())
        .prop_map(|(tranche, credits, terms, posting)| Due::Expired { tranche, credits, terms, posting });
    let started = (tranche_id(), credits(), credits(), time(), any::<(u64, u32)>(), posting()).prop_map(
        |(tranche, credits, repaid, effective_at, row, posting)| Due::Started {
            tranche,
            credits,
            repaid,
            effective_at,
            row: (LogPosition(row.0), row.1),
            posting,
        },
    );
    let hold = hold_end().prop_map(|end| Due::HoldExpired(Box::new(end)));
    let recharge = recharge_end().prop_map(|end| Due::RechargeExpired(Box::new(end)));
    prop_oneof![8 => expired, 8 => started, 2 => hold, 1 => recharge, 2 => grants::due()].boxed()
}

pub(super) fn priced() -> impl Strategy<Value = Priced> {
    (rate_card_id(), any::<u64>(), credits()).prop_map(|(card, version, credits)| Priced {
        card,
        version,
        credits,
    })
}

/// Few debits have it.
fn extra() -> impl Strategy<Value = Option<DebitExtra>> {
    let extra = (of(priced()), budget_moves()).prop_map(|(priced, budget)| DebitExtra { priced, budget });
    weighted(0.3, extra)
}

pub(super) fn debited() -> BoxedStrategy<Debited> {
    let balances = (credits(), credits(), credits(), credits());
    (
        vec(debit_row(), 0..4),
        vec(slice(), 0..6),
        credits(),
        money(),
        currency(),
        any::<bool>(),
        balances,
        extra(),
    )
        .prop_map(|(rows, slices, credits, amount, currency, mixed_units, balances, extra)| Debited {
            rows: rows.into(),
            slices: slices.into(),
            credits,
            amount,
            currency,
            mixed_units,
            shortfall: balances.0,
            balance_before: balances.1,
            balance_after: balances.2,
            available: balances.3,
            extra: extra.map(Box::new),
        })
        .boxed()
}

pub(super) fn credit_row() -> BoxedStrategy<CreditRow> {
    (reason(), tranche_id(), terms(), money(), of(money()), credits(), of(posting()))
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

fn closed() -> BoxedStrategy<Effect> {
    let forfeit = (tranche_id(), credits(), terms(), money())
        .prop_map(|(tranche, credits, terms, refundable)| Forfeit { tranche, credits, terms, refundable });
    (
        vec(forfeit, 0..4),
        of(posting()),
        vec(tranche_id(), 0..4),
        credits(),
        money(),
        head(),
        vec(hold_end(), 0..2),
    )
        .prop_map(|(forfeits, posting, cancelled, written_off, refund, wallet, released)| {
            Effect::WalletClosed {
                forfeits,
                posting,
                cancelled,
                written_off,
                refund,
                wallet: Box::new(wallet),
                released,
            }
        })
        .boxed()
}

fn event() -> BoxedStrategy<Effect> {
    let uncollected =
        (of(wallet_id()), credits()).prop_map(|(wallet, credits)| Uncollected { wallet, credits });
    (of(identity()), of(priced()), of(debited()), of(uncollected), budget_moves())
        .prop_map(|(customer, priced, taken, uncollected, used)| Effect::EventRecorded {
            customer: customer.map(Box::new),
            priced,
            taken: taken.map(Box::new),
            uncollected,
            used,
        })
        .boxed()
}

/// Any effect that is not a batch.
fn one() -> BoxedStrategy<Effect> {
    let created = (of(identity()), head(), of(credit_row())).prop_map(|(customer, wallet, initial)| {
        Effect::WalletCreated {
            customer: customer.map(Box::new),
            wallet: Box::new(wallet),
            initial: initial.map(Box::new),
        }
    });
    let topped_up = (vec(credit_row().prop_map(Box::new), 1..3), head())
        .prop_map(|(rows, wallet)| Effect::ToppedUp { rows: rows.into(), wallet: Box::new(wallet) });
    let by_hand = (debited(), head())
        .prop_map(|(debited, wallet)| Effect::ManuallyDebited { debited, wallet: Box::new(wallet) });
    prop_oneof![
        Just(Effect::Ticked),
        identity().prop_map(|identity| Effect::CustomerSet(Box::new(identity))),
        created,
        head().prop_map(|head| Effect::WalletSet(Box::new(head))),
        topped_up,
        debited().prop_map(Effect::Debited),
        by_hand,
        closed(),
        held(),
        given_back_effects(),
        invoices(),
        transfers(),
        budget().prop_map(|budget| Effect::BudgetSet(Box::new(budget))),
        text().prop_map(Effect::BudgetDeleted),
        event(),
        grants::effects(),
        recharges(),
    ]
    .boxed()
}

fn recharges() -> BoxedStrategy<Effect> {
    let begun = (recharge(), head()).prop_map(|(recharge, wallet)| Effect::Recharged {
        recharge: Box::new(recharge),
        wallet: Box::new(wallet),
    });
    let ended = recharge_end().prop_map(|end| Effect::RechargeEnded(Box::new(end)));
    prop_oneof![begun, ended, wallet_id().prop_map(Effect::AutoTopupResumed)].boxed()
}

fn effect() -> BoxedStrategy<Effect> {
    prop_oneof![15 => one(), 1 => vec(one(), 0..4).prop_map(Effect::Atomic)].boxed()
}

pub(super) fn facts() -> impl Strategy<Value = Facts> {
    let set_off = weighted(0.1, set_off().prop_map(Box::new));
    (time(), vec(due(), 0..3), effect(), set_off).prop_map(|(at, due, effect, set_off)| Facts {
        at,
        due,
        effect,
        set_off,
    })
}
