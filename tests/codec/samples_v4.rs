//! As `samples`, of what only version 4 knows. Never change one: its bytes stand in `tests/golden/codec_v4/`.

use coffer_ledger::catalog::settings::{PrioritiesChange, SettingsChange};
use coffer_ledger::catalog::tenant::{TenantCommand, TenantRecord};
use coffer_ledger::command::{Command, CreateWallet};
use coffer_ledger::customer::{Profile, ProfileChange};
use coffer_ledger::record::Record;
use coffer_ledger::unit::Currency;

use crate::{samples, samples_tenant, samples_v3};

fn find(records: Vec<(&'static str, Record)>, name: &str) -> Record {
    records.into_iter().find(|(other, _)| *other == name).unwrap().1
}

fn change() -> Record {
    let record = find(samples::customer_records(), "update_customer");
    let Command::UpdateCustomer { profile } = record.command else { panic!("a change") };
    let Profile {
        name,
        email: _,
        contact,
        address: [line_1, _, city, _, postal_code, _],
        timezone,
        metadata,
    } = profile;
    let address = [line_1, None, city, None, postal_code, None];
    let change = ProfileChange { name, email: None, contact, address, timezone, metadata: Some(metadata) };
    Record { command: Command::ChangeCustomer(Box::new(change)), ..record }
}

fn in_the_default_currency(record: Record) -> Record {
    let Command::CreateWallet(request) = record.command else { panic!("a creation") };
    Record { command: Command::CreateWallet(CreateWallet { currency: None, ..request }), ..record }
}

/// One record of every kind.
pub(crate) fn customer_records() -> Vec<(&'static str, Record)> {
    let plain = in_the_default_currency(find(samples::customer_records(), "create_wallet"));
    let ruled = in_the_default_currency(find(samples_v3::customer_records(), "create_wallet_with_rules"));
    let nothing = Record { command: Command::ChangeCustomer(Box::default()), ..change() };
    vec![
        ("change_customer", change()),
        ("change_customer_nothing", nothing),
        ("create_wallet_in_default_currency", plain),
        ("create_wallet_with_rules_in_default_currency", ruled),
    ]
}

/// One record of every kind of a tenant's.
pub(crate) fn tenant_records() -> Vec<(&'static str, TenantRecord)> {
    let all = SettingsChange {
        default_priorities: PrioritiesChange {
            purchased: Some(40),
            promotional: Some(0),
            plan_included: None,
            refund: Some(u32::MAX),
            adjustment: None,
        },
        default_currency: Some(Some(Currency(*b"eur"))),
        time_zone: Some(Some("Asia/Singapore".into())),
        auto_complete: Some(true),
        payment_result: Some(false),
    };
    let back =
        SettingsChange { default_currency: Some(None), time_zone: Some(None), ..SettingsChange::default() };
    let records = samples_tenant::records().into_iter().chain(samples_v3::tenant_records());
    let set =
        records.filter(|(name, _)| *name == "tenant_set_settings").map(|(_, record)| record.facts.effect);
    let names = ["tenant_change_settings", "tenant_change_settings_back"];
    let changes = names.into_iter().zip([all, back]).zip(set);
    let record = |change, effect| samples_tenant::record_of(TenantCommand::ChangeSettings(change), effect);
    changes.map(|((name, change), effect)| (name, record(change, effect))).collect()
}
