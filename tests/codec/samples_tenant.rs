//! As `samples`, of tenants.

use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::tenant::{
    DefaultPriorities, Settings, Tenant, TenantCommand, TenantEffect, TenantFacts, TenantRecord,
};
use coffer_ledger::ids::LogPosition;
use coffer_ledger::unit::Currency;

use crate::samples::{AT, EARLIER, OWNER, TENANT, key_id, origin};

fn settings() -> Settings {
    let default_priorities =
        DefaultPriorities { purchased: 50, promotional: 40, plan_included: 10, refund: 60, adjustment: 300 };
    Settings {
        auto_complete: false,
        payment_result: false,
        default_priorities,
        default_currency: Some(Currency(*b"eur")),
        time_zone: Some("Europe/Berlin".into()),
    }
}

fn api_key() -> ApiKey {
    ApiKey {
        id: key_id(),
        secret_sha256: std::array::from_fn(|index| u8::try_from(index * 7).expect("less than 32 times 7")),
        name: "Ada's gateway".into(),
        scopes: KeyScopes { debit: true, read: true, write: false, admin: false },
        customer: Some((OWNER, "customer-ada".into())),
        created_at: EARLIER,
        revoked_at: None,
    }
}

pub(crate) fn record_of(command: TenantCommand, effect: TenantEffect) -> TenantRecord {
    TenantRecord { origin: origin(), command, facts: TenantFacts { at: AT, effect } }
}

/// One record of every kind of a tenant's.
pub(crate) fn records() -> Vec<(&'static str, TenantRecord)> {
    let ApiKey { secret_sha256, name, scopes, customer, .. } = api_key();
    let create = TenantCommand::Create { name: "Analytical Engines".into(), test_mode: false };
    let create_key = TenantCommand::CreateKey { secret_sha256, name, scopes, customer };
    let revoked = ApiKey { revoked_at: Some(AT), customer: None, ..api_key() };
    vec![
        (
            "tenant_create",
            record_of(create, TenantEffect::Created { name: "Analytical Engines".into(), test_mode: false }),
        ),
        (
            "tenant_set_settings",
            record_of(TenantCommand::SetSettings(settings()), TenantEffect::SettingsSet(settings())),
        ),
        ("tenant_create_key", record_of(create_key, TenantEffect::KeySet(api_key()))),
        ("tenant_revoke_key", record_of(TenantCommand::RevokeKey(key_id()), TenantEffect::KeySet(revoked))),
    ]
}

/// A tenant.
pub(crate) fn tenant() -> Tenant {
    Tenant {
        name: Some("Analytical Engines".into()),
        settings: settings(),
        keys: vec![api_key(), ApiKey { revoked_at: Some(AT), customer: None, ..api_key() }],
        version: 6,
        last_at: AT,
        last_position: LogPosition(98_765_432),
        created_at: EARLIER,
        ..Tenant::new(TENANT)
    }
}
