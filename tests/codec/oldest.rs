//! What is written has the oldest version that can hold it: a plain debit and a plain customer stay what they were, byte for byte.

use coffer::engine::codec::{encode_customer, encode_tenant};
use coffer_ledger::amount::Credits;
use coffer_ledger::catalog::tenant::{Tenant, TenantCommand, TenantEffect};
use coffer_ledger::command::{Asked, Command, CreditReason};
use coffer_ledger::customer::Customer;
use coffer_ledger::fact::{DebitExtra, Due, Effect};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_wal::{Lsn, decode_frame};
use proptest::prelude::*;

use crate::{any, customer_frame, samples, samples_tenant, samples_v2, samples_v3, tenant_frame};

fn version_of(frame: &[u8]) -> u8 {
    decode_frame(frame, Lsn(1)).unwrap().0.header.version
}

/// Whether only version 4 knows the command.
fn is_newest_command(command: &Command) -> bool {
    match command {
        Command::ChangeCustomer(_) => true,
        Command::CreateWallet(request) => request.currency.is_none(),
        _ => false,
    }
}

/// Whether only version 3 knows the command, or no older one than 4.
fn is_new_command(command: &Command) -> bool {
    match command {
        Command::CreateWallet(request) => request.rules.is_some(),
        Command::UpdateWallet(request) => request.alerts.is_some() || request.auto_topup.is_some(),
        Command::TopUp(request) => request.reason == CreditReason::PurchasedCreditInvoiced,
        Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans => true,
        Command::Atomic(commands) => commands.iter().any(is_new_command),
        _ => false,
    }
}

/// As [`is_new_command`].
fn is_new_effect(effect: &Effect) -> bool {
    match effect {
        Effect::WalletCreated { wallet, .. }
        | Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. } => wallet.rules.is_some(),
        Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_) => true,
        Effect::Atomic(effects) => effects.iter().any(is_new_effect),
        _ => false,
    }
}

fn is_new(record: &Record) -> bool {
    let is_new = |due: &Due| matches!(due, Due::RechargeExpired(_) | Due::RolledOver(_) | Due::Granted(_));
    record.facts.due.iter().any(is_new)
        || record.facts.set_off.is_some()
        || is_new_command(&record.command)
        || is_new_effect(&record.facts.effect)
}

/// Whether version 1 knows the command, all of it.
fn is_old_command(command: &Command) -> bool {
    match command {
        Command::Debit(debit) => debit.charge.budget.is_none() && !matches!(debit.asked, Asked::Metered(_)),
        Command::Close { force, .. } => !force,
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::TopUp(_)
        | Command::ManualDebit(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Tick => true,
        _ => false,
    }
}

/// As [`is_old_command`].
fn is_old_effect(effect: &Effect) -> bool {
    match effect {
        Effect::Debited(debited) | Effect::ManuallyDebited { debited, .. } => debited.extra.is_none(),
        Effect::WalletClosed { released, .. } => released.is_empty(),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. } => true,
        _ => false,
    }
}

fn is_old(record: &Record) -> bool {
    let holds_expired = record.facts.due.iter().any(|due| matches!(due, Due::HoldExpired(_)));
    !holds_expired && is_old_command(&record.command) && is_old_effect(&record.facts.effect)
}

proptest! {
    #[test]
    fn a_record_is_of_the_oldest_version_that_knows_all_of_it(record in any::record()) {
        let old = if is_old(&record) { 1 } else { 2 };
        let version = if is_newest_command(&record.command) { 4 } else if is_new(&record) { 3 } else { old };
        prop_assert_eq!(version_of(&customer_frame(&record)), version);
    }
}

#[test]
fn one_thing_that_version_1_does_not_know_makes_a_debit_version_2() {
    let plain = samples::debit(3);
    assert_eq!(version_of(&customer_frame(&plain)), 1);
    let changed = |change: fn(&mut Record)| {
        let mut record = plain.clone();
        change(&mut record);
        assert_ne!(record, plain);
        version_of(&customer_frame(&record))
    };
    let of_command = changed(|record| {
        let Command::Debit(debit) = &mut record.command else { panic!("a debit") };
        debit.charge.budget = Some("team".into());
    });
    let of_effect = changed(|record| {
        let Effect::Debited(debited) = &mut record.facts.effect else { panic!("a debit") };
        debited.extra = Some(Box::new(DebitExtra { priced: None, budget: Vec::new() }));
    });
    let of_due = changed(|record| {
        let (_, expired) =
            samples_v2::customer_records().into_iter().find(|(name, _)| *name == "hold_expired").unwrap();
        record.facts.due = expired.facts.due;
    });
    assert_eq!((of_command, of_effect, of_due), (2, 2, 2));
}

#[test]
fn a_tenants_record_is_of_version_2_if_its_command_or_its_effect_is() {
    let [plain, tested] = [false, true].map(|test_mode| {
        let name = || "Analytical Engines".into();
        (TenantCommand::Create { name: name(), test_mode }, TenantEffect::Created { name: name(), test_mode })
    });
    let version = |command: &TenantCommand, effect: &TenantEffect| {
        version_of(&tenant_frame(&samples_tenant::record_of(command.clone(), effect.clone())))
    };
    assert_eq!(version(&plain.0, &plain.1), 1);
    assert_eq!(version(&plain.0, &tested.1), 2);
    assert_eq!(version(&tested.0, &plain.1), 2);
    assert_eq!(version(&tested.0, &tested.1), 2);
}

fn at_rest(customer: &Customer) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_customer(customer, &mut bytes);
    bytes
}

#[test]
fn a_customer_rests_in_version_2_only_while_it_has_something_that_version_1_does_not_know() {
    let full = samples_v2::state::full();
    let plain = Customer { last_at: full.last_at, ..samples::full_customer() };
    assert_eq!(at_rest(&plain)[0], 1);
    let changes: [fn(&mut Customer, &Customer); 9] = [
        |customer, full| customer.holds = full.holds.clone(),
        |customer, full| customer.budgets = full.budgets.clone(),
        |customer, full| customer.given_back = full.given_back.clone(),
        |customer, full| customer.invoices = full.invoices.clone(),
        |customer, full| customer.transfers_out = full.transfers_out.clone(),
        |customer, full| customer.transfers_in = full.transfers_in.clone(),
        |customer, full| customer.closed = full.closed.clone(),
        |customer, _| customer.wallets[1].tranches[0].voided = true,
        |customer, _| customer.wallets[1].held_overdraft = Credits(1),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = plain.clone();
        change(&mut changed, &full);
        assert_ne!(changed, plain, "change {index}");
        assert_eq!(at_rest(&changed)[0], 2, "change {index}");
        // What is gone again leaves nothing behind.
        change(&mut changed, &plain);
        changed.wallets = plain.wallets.clone();
        assert_eq!(at_rest(&changed), at_rest(&plain), "change {index}");
    }
}

#[test]
fn a_tenant_rests_in_version_2_only_if_it_has_something_that_version_1_does_not_know() {
    let version = |tenant: &Tenant| {
        let mut bytes = Vec::new();
        encode_tenant(tenant, &mut bytes);
        bytes[0]
    };
    let (plain, full) = (samples_tenant::tenant(), samples_v2::tenant::full());
    assert_eq!(version(&plain), 1);
    assert_eq!(version(&Tenant { rate_cards: full.rate_cards, ..plain.clone() }), 2);
    assert_eq!(version(&Tenant { rate_cards_made: 1, ..plain.clone() }), 2);
    assert_eq!(version(&Tenant { test_mode: true, ..plain.clone() }), 2);
    assert_eq!(version(&Tenant { test_clock: Some(Timestamp(0)), ..plain }), 2);
}

#[test]
fn a_customer_rests_in_version_3_only_while_it_has_something_that_version_2_does_not_know() {
    let full = samples_v3::customer();
    let old = samples_v2::state::full();
    assert_eq!((at_rest(&full)[0], at_rest(&old)[0]), (3, 2));
    let with_recharges = Customer { recharges: full.recharges.clone(), ..old.clone() };
    let with_rules = Customer { wallets: full.wallets, ..old };
    assert_eq!((at_rest(&with_recharges)[0], at_rest(&with_rules)[0]), (3, 3));
}

#[test]
fn a_tenant_rests_in_version_3_only_if_it_has_something_that_version_2_does_not_know() {
    let version = |change: fn(&mut Tenant)| {
        let (mut tenant, mut bytes) = (samples_tenant::tenant(), Vec::new());
        change(&mut tenant);
        encode_tenant(&tenant, &mut bytes);
        bytes[0]
    };
    assert_eq!(version(|_| {}), 1);
    assert_eq!(version(|tenant| tenant.settings.auto_complete = true), 3);
    assert_eq!(version(|tenant| tenant.settings.payment_result = true), 3);
    assert_eq!(version(|tenant| tenant.webhooks_made = 1), 3, "an id that was used once is never free again");
}
