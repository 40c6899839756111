//! Any state of a customer.

use std::collections::BTreeMap;

use coffer_ledger::amount::Credits;
use coffer_ledger::budget::{Budget, BudgetLimit};
use coffer_ledger::burn_order::BurnOrder;
use coffer_ledger::customer::{Closed, ClosedAs, Customer, Invoice};
use coffer_ledger::grant::Grants;
use coffer_ledger::hold::Holds;
use coffer_ledger::ids::{LogPosition, TenantNumber};
use coffer_ledger::tranche::Tranche;
use coffer_ledger::transfer::TransferReceived;
use coffer_ledger::wallet::Wallet;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::leaves::{
    credits, currency, customer_number, head, identity, position, price_unit, terms, text, thing, time,
    tranche_id, transfer_id, window,
};
use super::moved::{hold, transfer_out};
use super::recharges::{recharge, watch};

/// Few tranches are.
fn voided() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

fn tranche() -> BoxedStrategy<Tranche> {
    (tranche_id(), terms(), credits(), credits(), any::<u64>(), any::<u32>(), any::<bool>(), voided())
        .prop_map(|(id, terms, remaining, pinned, position, credit_row, scheduled, voided)| Tranche {
            id,
            terms,
            remaining,
            pinned,
            credit_position: LogPosition(position),
            credit_row,
            scheduled,
            voided,
        })
        .boxed()
}

fn wallet() -> BoxedStrategy<Wallet> {
    let held_overdraft = prop_oneof![3 => Just(Credits::ZERO), 1 => credits()];
    (head(), vec(tranche(), 0..5), time(), held_overdraft, watch())
        .prop_map(|(head, tranches, next_due, held_overdraft, watch)| Wallet {
            watch: head.rules.as_ref().map(|_| Box::new(watch)),
            head,
            tranches,
            burn_order: BurnOrder::Contract,
            next_due,
            held_overdraft,
        })
        .boxed()
}

/// As version 1 knows it, if the wallets are.
fn plain() -> BoxedStrategy<Customer> {
    let counters = (any::<u64>(), any::<u64>());
    (customer_number(), any::<u32>(), of(identity()), time(), counters, vec(wallet(), 0..4))
        .prop_map(|(number, tenant, identity, last_at, counters, wallets)| Customer {
            identity,
            last_at,
            last_position: LogPosition(counters.0),
            counter: counters.1,
            wallets,
            ..Customer::new(TenantNumber(tenant), number)
        })
        .boxed()
}

pub(super) fn budget() -> BoxedStrategy<Budget> {
    let limit = (window(), credits(), credits(), time())
        .prop_map(|(window, credits, used, ends_at)| BudgetLimit { window, credits, used, ends_at });
    (text(), of(text()), currency(), of(price_unit()), vec(limit, 0..4))
        .prop_map(|(id, parent, currency, price_unit, limits)| Budget {
            id,
            parent,
            currency,
            price_unit,
            limits,
        })
        .boxed()
}

fn holds() -> BoxedStrategy<Holds> {
    let all = vec(hold(), 0..4).prop_map(|holds| {
        let mut all = Holds::new();
        holds.into_iter().for_each(|hold| all.set(hold));
        all
    });
    all.boxed()
}

fn closed() -> BoxedStrategy<Vec<Closed>> {
    let how = select(vec![
        ClosedAs::Captured,
        ClosedAs::Released,
        ClosedAs::Expired,
        ClosedAs::Completed,
        ClosedAs::Returned,
    ]);
    vec((thing(), how, position()).prop_map(|(id, how, position)| Closed { id, how, position }), 0..4).boxed()
}

/// Any state of a customer.
pub(crate) fn customer() -> BoxedStrategy<Customer> {
    let budgets = vec(budget(), 0..4).prop_map(|all| {
        all.into_iter().map(|budget| (budget.id.clone(), budget)).collect::<BTreeMap<_, _>>()
    });
    let given_back = btree_map((position(), any::<u32>()), credits(), 0..4);
    let invoice = (position(), of(position())).prop_map(|(settled, voided)| Invoice { settled, voided });
    let out = vec(transfer_out(), 0..3)
        .prop_map(|all| all.into_iter().map(|out| (out.id, out)).collect::<BTreeMap<_, _>>());
    let received = (customer_number(), time()).prop_map(|(from, at)| TransferReceived { from, at });
    let transfers = (out, btree_map(transfer_id(), received, 0..4));
    let full = (plain(), holds(), budgets, given_back, btree_map(text(), invoice, 0..4), transfers, closed())
        .prop_map(|(plain, holds, budgets, given_back, invoices, transfers, closed)| Customer {
            holds,
            budgets,
            given_back,
            invoices,
            transfers_out: transfers.0,
            transfers_in: transfers.1,
            closed: closed.into(),
            ..plain
        });
    let recharges = prop_oneof![2 => Just(Vec::new()), 1 => vec(recharge(), 1..3)];
    let grants = prop_oneof![2 => Just(Grants::default()), 1 => super::grants::grants()];
    (prop_oneof![plain(), full], recharges, grants)
        .prop_map(|(mut customer, recharges, grants)| {
            customer.recharges = recharges.into_iter().collect();
            customer.grants = grants;
            // Ids of wallets are told apart.
            customer.wallets.dedup_by_key(|wallet| wallet.head.id);
            customer.calm_down();
            customer
        })
        .boxed()
}
