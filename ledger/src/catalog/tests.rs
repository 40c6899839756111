//! Unit tests of tenants.

mod rate_card;
mod webhook;

use crate::catalog::api_key::KeyScopes;
use crate::catalog::settings::{PrioritiesChange, SettingsChange};
use crate::catalog::tenant::{
    DefaultPriorities, Settings, Tenant, TenantCommand, TenantContext, TenantEffect, apply, bind, decide,
};
use crate::ids::{CustomerNumber, LogPosition, TenantNumber};
use crate::limits::TenantLimits;
use crate::refusal::Refusal;
use crate::testing::second;

fn ask(tenant: &mut Tenant, command: &TenantCommand) -> Result<TenantEffect, Refusal> {
    let limits = TenantLimits { keys_per_tenant_max: 2, webhook_endpoints_max: 1, ..TenantLimits::default() };
    let facts = decide(tenant, command, &TenantContext { now: second(1), limits: &limits })?;
    apply(tenant, &facts);
    bind(tenant, &facts, LogPosition(tenant.version));
    Ok(facts.effect)
}

fn create_key(secret: u8) -> TenantCommand {
    TenantCommand::CreateKey {
        secret_sha256: [secret; 32],
        name: "gateway".into(),
        scopes: KeyScopes { debit: true, ..KeyScopes::default() },
        customer: None,
    }
}

#[test]
fn a_tenant_is_made_once_and_first() {
    let mut tenant = Tenant::new(TenantNumber(3));
    let settings = TenantCommand::SetSettings(Settings::default());
    assert_eq!(ask(&mut tenant, &settings), Err(Refusal::NotFound("tenant")));
    assert_eq!(ask(&mut tenant, &create_key(1)), Err(Refusal::NotFound("tenant")));
    let create = TenantCommand::Create { name: "acme".into(), test_mode: false };
    ask(&mut tenant, &create).unwrap();
    assert_eq!((tenant.name.as_deref(), tenant.created_at), (Some("acme"), second(1)));
    assert_eq!(ask(&mut tenant, &create), Err(Refusal::AlreadyExists("tenant")));
    let priorities = DefaultPriorities { purchased: 7, ..DefaultPriorities::default() };
    let settings = Settings { default_priorities: priorities, ..Settings::default() };
    ask(&mut tenant, &TenantCommand::SetSettings(settings.clone())).unwrap();
    assert_eq!((tenant.settings, tenant.version, tenant.last_position), (settings, 2, LogPosition(2)));
}

#[test]
fn a_change_of_settings_is_made_on_what_stands_when_it_is_decided() {
    let mut tenant = Tenant::new(TenantNumber(3));
    let change = |change: SettingsChange| TenantCommand::ChangeSettings(change);
    let nothing = change(SettingsChange::default());
    assert_eq!(ask(&mut tenant, &nothing), Err(Refusal::NotFound("tenant")));
    ask(&mut tenant, &TenantCommand::Create { name: "acme".into(), test_mode: false }).unwrap();
    let zone = SettingsChange { time_zone: Some(Some("Asia/Tokyo".into())), ..SettingsChange::default() };
    let refund = PrioritiesChange { refund: Some(3), ..PrioritiesChange::default() };
    let refund = SettingsChange { default_priorities: refund, ..SettingsChange::default() };
    for change in [&zone, &refund] {
        ask(&mut tenant, &TenantCommand::ChangeSettings(change.clone())).unwrap();
    }
    let priorities = DefaultPriorities { refund: 3, ..DefaultPriorities::default() };
    let both = Settings {
        default_priorities: priorities,
        time_zone: Some("Asia/Tokyo".into()),
        ..Settings::default()
    };
    assert_eq!(tenant.settings, both);
    ask(&mut tenant, &nothing).unwrap();
    assert_eq!(tenant.settings, both);
    let back = SettingsChange {
        default_priorities: PrioritiesChange::all(DefaultPriorities::default()),
        time_zone: Some(None),
        ..SettingsChange::default()
    };
    ask(&mut tenant, &change(back)).unwrap();
    assert_eq!(tenant.settings, Settings::default());
}

#[test]
fn keys_are_made_revoked_and_never_forgotten() {
    let mut tenant = Tenant::new(TenantNumber(3));
    ask(&mut tenant, &TenantCommand::Create { name: "acme".into(), test_mode: false }).unwrap();
    let TenantEffect::KeySet(key) = ask(&mut tenant, &create_key(1)).unwrap() else { panic!() };
    assert_eq!(key.id.0.customer(), CustomerNumber(3), "the tenant stands where others have the customer");
    assert_eq!(tenant.key_by_secret(&[1; 32]), Some(&key));
    assert_eq!(ask(&mut tenant, &create_key(1)), Err(Refusal::AlreadyExists("key")));
    let revoke = TenantCommand::RevokeKey(key.id);
    ask(&mut tenant, &revoke).unwrap();
    assert_eq!(tenant.key_by_secret(&[1; 32]), None);
    assert_eq!(tenant.key(key.id).unwrap().revoked_at, Some(second(1)));
    assert_eq!(ask(&mut tenant, &revoke), Err(Refusal::InvalidOperation("the key is revoked already")));
    ask(&mut tenant, &create_key(2)).unwrap();
    let limit = Refusal::LimitReached { limit: "keys_per_tenant_max", max: 2 };
    assert_eq!(ask(&mut tenant, &create_key(3)), Err(limit));
    let unknown = crate::ids::KeyId::new(second(1), TenantNumber(3), 99);
    assert_eq!(ask(&mut tenant, &TenantCommand::RevokeKey(unknown)), Err(Refusal::NotFound("key")));
}

#[test]
fn only_a_tenant_in_test_mode_has_a_clock_and_it_goes_forward() {
    let mut real = Tenant::new(TenantNumber(3));
    ask(&mut real, &TenantCommand::Create { name: "acme".into(), test_mode: false }).unwrap();
    let refused = Refusal::InvalidOperation("only a tenant in test mode has a clock of its own");
    assert_eq!(ask(&mut real, &TenantCommand::MoveClock(second(9))), Err(refused));

    let mut tenant = Tenant::new(TenantNumber(4));
    ask(&mut tenant, &TenantCommand::Create { name: "sandbox".into(), test_mode: true }).unwrap();
    assert_eq!(tenant.test_clock, None, "until it is set, the engine's time counts");
    let back = Refusal::InvalidOperation("a clock moves forward only");
    assert_eq!(ask(&mut tenant, &TenantCommand::MoveClock(second(0))), Err(back.clone()));
    ask(&mut tenant, &TenantCommand::MoveClock(second(9))).unwrap();
    assert_eq!(tenant.test_clock, Some(second(9)));
    assert_eq!(ask(&mut tenant, &TenantCommand::MoveClock(second(8))), Err(back));
    ask(&mut tenant, &TenantCommand::MoveClock(second(9))).unwrap();
}
