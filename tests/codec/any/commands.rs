//! Any command.

use coffer_ledger::command::{
    Asked, Bonus, Capture, Charge, Command, CreateWallet, CreditReason, Debit, Event, HoldAsked, InvoiceLine,
    ManualDebit, PlaceHold, Quantity, RechargeDue, Refund, Remainder, SetBudget, Settle, TopUp, Transfer,
    TransferIn, UpdateWallet, VoidCredit,
};
use coffer_ledger::customer::ProfileChange;
use coffer_ledger::ids::RechargeId;
use coffer_ledger::recharge::RechargeReason;
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;

use super::leaves::{
    charge, credits, currency, customer_number, hold_id, memo, metadata, metered, money, moved, price_type,
    price_types, price_unit, profile, rate, reason, row_id, scope, text, thing, time, transfer_id, wallet_id,
    wallet_type, window,
};
use super::moved::over_capture;
use super::recharges::{alerts, change_of_auto_topup, rules};

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![credits().prop_map(Quantity::Credits), money().prop_map(Quantity::Amount)]
}

fn create_wallet() -> BoxedStrategy<CreateWallet> {
    let words = (text(), of(text()), of(text()), metadata());
    let unit = (currency(), of(price_unit()), rate(), rate(), wallet_type());
    let settings = (any::<u32>(), price_types(), credits(), credits(), of(time()), weighted(0.2, rules()));
    (words, unit, settings)
        .prop_map(|(words, unit, settings)| CreateWallet {
            rules: settings.5.map(Box::new),
            customer: words.0,
            currency: Some(unit.0),
            price_unit: unit.1,
            conversion_rate: unit.2,
            topup_conversion_rate: unit.3,
            wallet_type: unit.4,
            name: words.1,
            description: words.2,
            metadata: words.3,
            priority: settings.0,
            allowed_price_types: settings.1,
            overdraft_limit: settings.2,
            initial_credits: settings.3,
            initial_expires_at: settings.4,
        })
        .boxed()
}

fn update_wallet() -> BoxedStrategy<UpdateWallet> {
    (
        wallet_id(),
        of(text()),
        of(text()),
        of(metadata()),
        any::<Option<u32>>(),
        of(price_types()),
        of(credits()),
        (weighted(0.2, alerts()), weighted(0.2, change_of_auto_topup())),
    )
        .prop_map(
            |(wallet, name, description, metadata, priority, allowed_price_types, overdraft_limit, rules)| {
                UpdateWallet {
                    alerts: rules.0.map(Box::new),
                    auto_topup: rules.1.map(Box::new),
                    wallet,
                    name,
                    description,
                    metadata,
                    priority,
                    allowed_price_types,
                    overdraft_limit,
                }
            },
        )
        .boxed()
}

fn top_up() -> BoxedStrategy<TopUp> {
    let bonus = (credits(), of(time())).prop_map(|(credits, expires_at)| Bonus { credits, expires_at });
    let times = (of(time()), of(time()));
    (
        wallet_id(),
        quantity(),
        prop_oneof![7 => reason(), 1 => Just(CreditReason::PurchasedCreditInvoiced)],
        times,
        any::<Option<u32>>(),
        of(scope()),
        of(money()),
        of(bonus),
        memo(),
    )
        .prop_map(|(wallet, quantity, reason, times, priority, scope, paid, bonus, memo)| TopUp {
            wallet,
            quantity,
            reason,
            effective_at: times.0,
            expires_at: times.1,
            priority,
            scope,
            paid,
            bonus,
            memo,
        })
        .boxed()
}

/// Every other one is as version 1 knows it.
fn debit() -> BoxedStrategy<Debit> {
    let plain_charge = charge().prop_map(|charge| Charge { budget: None, ..charge });
    let plain_asked =
        prop_oneof![credits().prop_map(Asked::Credits), money().prop_map(Asked::Amount)].boxed();
    let asked = prop_oneof![
        2 => plain_asked.clone(),
        1 => metered().prop_map(|metered| Asked::Metered(Box::new(metered))),
    ];
    let what = prop_oneof![(plain_asked, plain_charge), (asked, charge())];
    (what, any::<bool>(), memo())
        .prop_map(|((asked, charge), partial, memo)| Debit { asked, charge, partial, memo })
        .boxed()
}

fn holds() -> BoxedStrategy<Command> {
    let asked = prop_oneof![
        credits().prop_map(HoldAsked::Exactly),
        (credits(), credits()).prop_map(|(min, max)| HoldAsked::Range { min, max }),
        metered().prop_map(|metered| HoldAsked::Metered(Box::new(metered))),
    ];
    let place = (asked, charge(), any::<u32>(), over_capture(), memo()).prop_map(
        |(asked, charge, expires_in_s, over_capture, memo)| {
            Command::PlaceHold(PlaceHold { asked, charge, expires_in_s, over_capture, memo })
        },
    );
    let capture = (hold_id(), credits(), any::<bool>(), memo())
        .prop_map(|(hold, credits, last, memo)| Command::Capture(Capture { hold, credits, last, memo }));
    let release = (hold_id(), memo()).prop_map(|(hold, memo)| Command::Release { hold, memo });
    let extend =
        (hold_id(), any::<u32>()).prop_map(|(hold, expires_in_s)| Command::Extend { hold, expires_in_s });
    let grow = (hold_id(), credits()).prop_map(|(hold, credits)| Command::Grow { hold, credits });
    prop_oneof![place, capture, release, extend, grow].boxed()
}

fn undoing() -> BoxedStrategy<Command> {
    let refund = (row_id(), of(credits()), any::<Option<u16>>(), memo()).prop_map(
        |(row, credits, regrant_days, memo)| Command::Refund(Refund { row, credits, regrant_days, memo }),
    );
    let void = (row_id(), memo()).prop_map(|(row, memo)| Command::VoidCredit(VoidCredit { row, memo }));
    let line = (text(), money(), price_type(), of(text()))
        .prop_map(|(id, amount, price_type, feature)| InvoiceLine { id, amount, price_type, feature });
    let settle = (text(), currency(), vec(line, 0..4))
        .prop_map(|(invoice, currency, lines)| Command::Settle(Settle { invoice, currency, lines }));
    let void_invoice = text().prop_map(|invoice| Command::VoidInvoice { invoice });
    prop_oneof![refund, void, settle, void_invoice].boxed()
}

fn transfers() -> BoxedStrategy<Command> {
    let send = (text(), of(wallet_id()), of(wallet_id()), credits(), memo()).prop_map(
        |(to_customer, from_wallet, to_wallet, credits, memo)| {
            Command::Transfer(Transfer { to_customer, from_wallet, to_wallet, credits, memo })
        },
    );
    let receive = (transfer_id(), customer_number(), wallet_id(), vec(moved(), 0..3)).prop_map(
        |(transfer, from, to_wallet, moved)| {
            Command::TransferIn(Box::new(TransferIn { transfer, from, to_wallet, moved }))
        },
    );
    prop_oneof![
        send,
        receive,
        transfer_id().prop_map(Command::TransferDone),
        transfer_id().prop_map(Command::TransferBack),
        transfer_id().prop_map(Command::TransferForget),
    ]
    .boxed()
}

fn budgets() -> BoxedStrategy<Command> {
    let limits = vec((window(), credits()), 0..3);
    let set = (of(text()), any::<bool>(), of(text()), currency(), of(price_unit()), limits).prop_map(
        |(id, create, parent, currency, price_unit, limits)| {
            Command::SetBudget(SetBudget { id, create, parent, currency, price_unit, limits })
        },
    );
    prop_oneof![set, text().prop_map(Command::DeleteBudget), text().prop_map(Command::ResetBudget)].boxed()
}

fn recharges() -> BoxedStrategy<Command> {
    let id = || thing().prop_map(RechargeId);
    let due =
        (wallet_id(), any::<bool>()).prop_map(|(wallet, would_pass)| RechargeDue { wallet, would_pass });
    prop_oneof![
        id().prop_map(Command::CompleteRecharge),
        (id(), select(RechargeReason::OF_PAYMENTS.to_vec()))
            .prop_map(|(id, reason)| Command::FailRecharge { id, reason }),
        id().prop_map(Command::CancelRecharge),
        wallet_id().prop_map(Command::ResumeAutoTopup),
        due.prop_map(Command::Recharge),
    ]
    .boxed()
}

fn event() -> BoxedStrategy<Event> {
    (text(), text(), text(), time(), metered(), charge())
        .prop_map(|(customer, source, id, timestamp, metered, charge)| Event {
            customer,
            source,
            id,
            timestamp,
            metered,
            charge,
        })
        .boxed()
}

/// Any command that is not a batch.
fn one() -> BoxedStrategy<Command> {
    let by_hand = (wallet_id(), credits(), memo()).prop_map(|(wallet, credits, memo)| ManualDebit {
        wallet,
        credits,
        memo,
    });
    let close = (wallet_id(), select(vec![Remainder::Forfeit, Remainder::Refund]), any::<bool>());
    prop_oneof![
        (text(), profile())
            .prop_map(|(external_id, profile)| Command::CreateCustomer { external_id, profile }),
        profile().prop_map(|profile| Command::UpdateCustomer { profile }),
        Just(Command::DeleteCustomer),
        create_wallet().prop_map(Command::CreateWallet),
        update_wallet().prop_map(Command::UpdateWallet),
        top_up().prop_map(Command::TopUp),
        debit().prop_map(Command::Debit),
        by_hand.prop_map(Command::ManualDebit),
        wallet_id().prop_map(Command::Freeze),
        wallet_id().prop_map(Command::Unfreeze),
        close.prop_map(|(wallet, remainder, force)| Command::Close { wallet, remainder, force }),
        Just(Command::Tick),
        holds(),
        undoing(),
        transfers(),
        budgets(),
        recharges(),
        event().prop_map(|event| Command::Event(Box::new(event))),
        super::grants::commands(),
    ]
    .boxed()
}

/// Commands that only version 4 knows; no batch has one.
fn newest() -> BoxedStrategy<Command> {
    let address = [of(text()), of(text()), of(text()), of(text()), of(text()), of(text())];
    let change = (of(text()), of(text()), of(text()), address, of(text()), of(metadata())).prop_map(
        |(name, email, contact, address, timezone, metadata)| ProfileChange {
            name,
            email,
            contact,
            address,
            timezone,
            metadata,
        },
    );
    let wallet = create_wallet().prop_map(|request| CreateWallet { currency: None, ..request });
    prop_oneof![
        change.prop_map(|change| Command::ChangeCustomer(Box::new(change))),
        wallet.prop_map(Command::CreateWallet),
    ]
    .boxed()
}

pub(super) fn command() -> BoxedStrategy<Command> {
    prop_oneof![14 => one(), 1 => newest(), 1 => vec(one(), 0..4).prop_map(Command::Atomic)].boxed()
}
