//! A record's public part stays for ever; nothing personal may stand in it.

use std::collections::BTreeSet;

use coffer_ledger::catalog::tenant::{TenantCommand, TenantEffect, TenantRecord};
use coffer_ledger::command::Command;
use coffer_ledger::fact::Effect;
use coffer_ledger::record::Record;
use coffer_wal::{Lsn, decode_frame};

use crate::{
    customer_frame, samples, samples_grants, samples_tenant, samples_v2, samples_v3, samples_v4, tenant_frame,
};

/// Every personal string of the samples.
pub(crate) const PERSONAL: [&str; 29] = [
    "6b1f0c3e-5d2a-4a77-9a8c-0d1e2f3a4b5c",
    "customer-ada",
    "customer-0123456",
    "Ada Lovelace",
    "ada@example.com",
    "+44 20 7946 0000",
    "12 St James's Square",
    "London",
    "SW1Y 4JH",
    "gold",
    "Prepaid Wallet",
    "Team wallet",
    "shared by the research team",
    "4711",
    "REQUEST",
    "req_8f14e45fceea167a",
    "personal words",
    "Ada's gateway",
    "Analytical Engines",
    "Difference Engines",
    "customer-bob",
    "INV-2026-0042",
    "line-seats-of-ada",
    "line-overage-of-ada",
    "urn:laptop-of-ada",
    "evt-ada-0001",
    "ada's own model",
    "friends-of-ada",
    "Ada's monthly grant",
];

#[test]
fn no_personal_string_stands_in_a_public_part_and_each_stands_in_a_personal_one() {
    let customers = customer_records().into_iter().map(|(name, record)| (name, customer_frame(&record)));
    let tenants = tenant_records().into_iter().map(|(name, record)| (name, tenant_frame(&record)));
    let mut unseen = PERSONAL.to_vec();
    for (name, frame) in customers.chain(tenants) {
        let (record, _) = decode_frame(&frame, Lsn(1)).unwrap();
        for text in PERSONAL {
            assert!(!contains(record.public, text), "{name} tells {text:?} in public");
        }
        unseen.retain(|text| !contains(record.personal, text));
    }
    assert!(unseen.is_empty(), "no sample has {unseen:?}");
}

#[test]
fn no_kind_of_command_or_effect_is_missing_in_the_samples() {
    let (mut commands, mut effects) = (BTreeSet::new(), BTreeSet::new());
    for (_, record) in customer_records() {
        commands.insert(command_kind(&record.command));
        effects.insert(effect_kind(&record.facts.effect));
    }
    assert!(commands.into_iter().eq(0..=COMMAND_LAST), "a command has no sample");
    assert!(effects.into_iter().eq(0..=EFFECT_LAST), "an effect has no sample");
    let (mut commands, mut effects) = (BTreeSet::new(), BTreeSet::new());
    for (_, record) in tenant_records() {
        commands.insert(tenant_command_kind(&record.command));
        effects.insert(tenant_effect_kind(&record.facts.effect));
    }
    assert!(commands.into_iter().eq(0..=15), "a tenant's command has no sample");
    assert!(effects.into_iter().eq(0..=8), "a tenant's effect has no sample");
}

fn customer_records() -> Vec<(&'static str, Record)> {
    let old = samples::customer_records().into_iter().chain(samples_v2::customer_records());
    let old = old.chain(samples_v3::customer_records()).chain(samples_grants::customer_records());
    old.chain(samples_v4::customer_records()).collect()
}

fn tenant_records() -> Vec<(&'static str, TenantRecord)> {
    let old = samples_tenant::records().into_iter().chain(samples_v2::tenant::records());
    let old = old.chain(samples_v3::tenant_records()).chain(samples_grants::tenant_records());
    old.chain(samples_v4::tenant_records()).collect()
}

const COMMAND_LAST: u32 = 42;

/// A command of a new kind does not compile before it has a number here, and then it needs a sample.
fn command_kind(command: &Command) -> u32 {
    match command {
        Command::CreateCustomer { .. } => 0,
        Command::UpdateCustomer { .. } => 1,
        Command::DeleteCustomer => 2,
        Command::CreateWallet(_) => 3,
        Command::UpdateWallet(_) => 4,
        Command::TopUp(_) => 5,
        Command::Debit(_) => 6,
        Command::ManualDebit(_) => 7,
        Command::Freeze(_) => 8,
        Command::Unfreeze(_) => 9,
        Command::Close { .. } => 10,
        Command::PlaceHold(_) => 11,
        Command::Capture(_) => 12,
        Command::Release { .. } => 13,
        Command::Extend { .. } => 14,
        Command::Grow { .. } => 15,
        Command::Refund(_) => 16,
        Command::VoidCredit(_) => 17,
        Command::Settle(_) => 18,
        Command::VoidInvoice { .. } => 19,
        Command::Transfer(_) => 20,
        Command::TransferIn(_) => 21,
        Command::TransferDone(_) => 22,
        Command::TransferBack(_) => 23,
        Command::TransferForget(_) => 24,
        Command::SetBudget(_) => 25,
        Command::DeleteBudget(_) => 26,
        Command::ResetBudget(_) => 27,
        Command::Event(_) => 28,
        Command::Atomic(_) => 29,
        Command::CompleteRecharge(_) => 30,
        Command::FailRecharge { .. } => 31,
        Command::CancelRecharge(_) => 32,
        Command::ResumeAutoTopup(_) => 33,
        Command::Recharge(_) => 34,
        Command::Subscribe(_) => 35,
        Command::Unsubscribe { .. } => 36,
        Command::CreateGrant(_) => 37,
        Command::UpdateGrant(_) => 38,
        Command::DeleteGrant { .. } => 39,
        Command::FollowPlans => 40,
        Command::ChangeCustomer(_) => 41,
        Command::Tick => COMMAND_LAST,
    }
}

const EFFECT_LAST: u32 = 29;

/// As [`command_kind`].
fn effect_kind(effect: &Effect) -> u32 {
    match effect {
        Effect::Ticked => 0,
        Effect::CustomerSet(_) => 1,
        Effect::WalletCreated { .. } => 2,
        Effect::WalletSet(_) => 3,
        Effect::ToppedUp { .. } => 4,
        Effect::Debited(_) => 5,
        Effect::ManuallyDebited { .. } => 6,
        Effect::WalletClosed { .. } => 7,
        Effect::Held(_) => 8,
        Effect::Refunded(_) => 9,
        Effect::CreditVoided(_) => 10,
        Effect::InvoiceSettled(_) => 11,
        Effect::InvoiceVoided { .. } => 12,
        Effect::TransferSent(_) => 13,
        Effect::TransferReceived { .. } => 14,
        Effect::TransferDone(_) => 15,
        Effect::TransferReturned { .. } => 16,
        Effect::TransferForgotten(_) => 17,
        Effect::BudgetSet(_) => 18,
        Effect::BudgetDeleted(_) => 19,
        Effect::EventRecorded { .. } => 20,
        Effect::Subscribed(_) => 21,
        Effect::Unsubscribed(_) => 22,
        Effect::GrantSet(_) => 23,
        Effect::GrantRemoved(_) => 24,
        Effect::PlansFollowed(_) => 25,
        Effect::Recharged { .. } => 26,
        Effect::RechargeEnded(_) => 27,
        Effect::AutoTopupResumed(_) => 28,
        Effect::Atomic(_) => EFFECT_LAST,
    }
}

/// As [`command_kind`].
fn tenant_command_kind(command: &TenantCommand) -> u32 {
    match command {
        TenantCommand::Create { .. } => 0,
        TenantCommand::SetSettings(_) => 1,
        TenantCommand::CreateKey { .. } => 2,
        TenantCommand::RevokeKey(_) => 3,
        TenantCommand::SetRateCard { .. } => 4,
        TenantCommand::DeleteRateCard(_) => 5,
        TenantCommand::MoveClock(_) => 6,
        TenantCommand::CreatePlanGrant(_) => 7,
        TenantCommand::UpdatePlanGrant { .. } => 8,
        TenantCommand::DeletePlanGrant(_) => 9,
        TenantCommand::CreateWebhookEndpoint(_) => 10,
        TenantCommand::UpdateWebhookEndpoint(_) => 11,
        TenantCommand::RotateWebhookSecret { .. } => 12,
        TenantCommand::DisableWebhookEndpoint { .. } => 13,
        TenantCommand::DeleteWebhookEndpoint(_) => 14,
        TenantCommand::ChangeSettings(_) => 15,
    }
}

/// As [`command_kind`].
fn tenant_effect_kind(effect: &TenantEffect) -> u32 {
    match effect {
        TenantEffect::Created { .. } => 0,
        TenantEffect::SettingsSet(_) => 1,
        TenantEffect::KeySet(_) => 2,
        TenantEffect::RateCardSet(_) => 3,
        TenantEffect::RateCardDeleted(_) => 4,
        TenantEffect::ClockMoved(_) => 5,
        TenantEffect::PlanGrantSet(_) => 6,
        TenantEffect::WebhookEndpointSet(_) => 7,
        TenantEffect::WebhookEndpointDeleted(_) => 8,
    }
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
