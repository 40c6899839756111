//! Any record and any state of a tenant.

use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::catalog::settings::{PrioritiesChange, SettingsChange};
use coffer_ledger::catalog::tenant::{
    DefaultPriorities, RateCardAsked, Settings, Tenant, TenantCommand, TenantEffect, TenantFacts,
    TenantRecord,
};
use coffer_ledger::catalog::webhook::{
    CreateWebhookEndpoint, UpdateWebhookEndpoint, WebhookDisabled, WebhookEndpoint, WebhookSecret,
};
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber, ThingId, WebhookEndpointId};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::leaves::{
    credits, currency, customer_number, key_id, metadata, rate, rate_card_id, text, time, usage,
};
use super::origin;

fn settings_change() -> impl Strategy<Value = SettingsChange> {
    let flags = any::<(Option<bool>, Option<bool>)>();
    (any::<[Option<u32>; 5]>(), of(of(currency())), of(of(text())), flags).prop_map(
        |(priorities, default_currency, time_zone, (auto_complete, payment_result))| {
            let [purchased, promotional, plan_included, refund, adjustment] = priorities;
            let default_priorities =
                PrioritiesChange { purchased, promotional, plan_included, refund, adjustment };
            SettingsChange { default_priorities, default_currency, time_zone, auto_complete, payment_result }
        },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    let flags = prop_oneof![2 => Just((false, false)), 1 => any::<(bool, bool)>()];
    (any::<[u32; 5]>(), of(currency()), of(text()), flags).prop_map(
        |(priorities, default_currency, time_zone, flags)| {
            let [purchased, promotional, plan_included, refund, adjustment] = priorities;
            Settings {
                auto_complete: flags.0,
                payment_result: flags.1,
                default_priorities: DefaultPriorities {
                    purchased,
                    promotional,
                    plan_included,
                    refund,
                    adjustment,
                },
                default_currency,
                time_zone,
            }
        },
    )
}

fn scopes() -> impl Strategy<Value = KeyScopes> {
    any::<[bool; 4]>().prop_map(|[debit, read, write, admin]| KeyScopes { debit, read, write, admin })
}

fn key_customer() -> impl Strategy<Value = Option<(CustomerNumber, Box<str>)>> {
    of((customer_number(), text()))
}

fn key() -> BoxedStrategy<ApiKey> {
    (key_id(), any::<[u8; 32]>(), text(), scopes(), key_customer(), time(), of(time()))
        .prop_map(|(id, secret_sha256, name, scopes, customer, created_at, revoked_at)| ApiKey {
            id,
            secret_sha256,
            name,
            scopes,
            customer,
            created_at,
            revoked_at,
        })
        .boxed()
}

fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    let tier = (of(usage()), rate()).prop_map(|(up_to, credits_per_unit)| Tier { up_to, credits_per_unit });
    vec(tier, 0..4)
}

fn asked() -> BoxedStrategy<RateCardAsked> {
    (text(), of(text()), of(time()), of(time()), metadata(), tiers(), credits())
        .prop_map(|(meter, quantity_property, valid_from, valid_to, filters, tiers, minimum)| RateCardAsked {
            meter,
            quantity_property,
            valid_from,
            valid_to,
            filters,
            tiers,
            minimum,
        })
        .boxed()
}

fn rate_card() -> BoxedStrategy<RateCard> {
    (rate_card_id(), any::<u64>(), text(), of(text()), time(), of(time()), metadata(), tiers(), credits())
        .prop_map(|(id, version, meter, quantity_property, valid_from, valid_to, filters, tiers, minimum)| {
            RateCard { id, version, meter, quantity_property, valid_from, valid_to, filters, tiers, minimum }
        })
        .boxed()
}

fn endpoint_id() -> impl Strategy<Value = WebhookEndpointId> {
    any::<u128>().prop_map(|bits| WebhookEndpointId(ThingId(bits)))
}

fn secret() -> impl Strategy<Value = WebhookSecret> {
    any::<[u8; 32]>().prop_map(WebhookSecret)
}

fn why() -> impl Strategy<Value = WebhookDisabled> {
    prop_oneof![Just(WebhookDisabled::ByRequest), Just(WebhookDisabled::Gone), Just(WebhookDisabled::Failing),]
}

fn endpoint() -> BoxedStrategy<WebhookEndpoint> {
    let words = (text(), of(text()), vec(text(), 0..3));
    let secrets = (secret(), of((secret(), time())));
    (endpoint_id(), words, secrets, of((time(), why())), time(), time(), any::<u64>())
        .prop_map(|(id, words, secrets, disabled, created_at, updated_at, position)| WebhookEndpoint {
            id,
            url: words.0,
            description: words.1,
            events: words.2,
            secret: secrets.0,
            previous: secrets.1,
            disabled,
            created_at,
            updated_at,
            position: LogPosition(position),
        })
        .boxed()
}

fn webhook_command() -> BoxedStrategy<TenantCommand> {
    let create =
        (text(), of(text()), vec(text(), 0..3), secret()).prop_map(|(url, description, events, secret)| {
            TenantCommand::CreateWebhookEndpoint(CreateWebhookEndpoint { url, description, events, secret })
        });
    let update = (endpoint_id(), of(text()), of(text()), of(vec(text(), 0..3)), of(any::<bool>())).prop_map(
        |(id, url, description, events, enabled)| {
            TenantCommand::UpdateWebhookEndpoint(UpdateWebhookEndpoint {
                id,
                url,
                description,
                events,
                enabled,
            })
        },
    );
    let rotate = (endpoint_id(), secret(), any::<u32>())
        .prop_map(|(id, secret, overlap_s)| TenantCommand::RotateWebhookSecret { id, secret, overlap_s });
    prop_oneof![
        create,
        update,
        rotate,
        (endpoint_id(), why()).prop_map(|(id, why)| TenantCommand::DisableWebhookEndpoint { id, why }),
        endpoint_id().prop_map(TenantCommand::DeleteWebhookEndpoint),
    ]
    .boxed()
}

/// Any record of a tenant.
pub(crate) fn tenant_record() -> impl Strategy<Value = TenantRecord> {
    let create_key = (any::<[u8; 32]>(), text(), scopes(), key_customer()).prop_map(
        |(secret_sha256, name, scopes, customer)| TenantCommand::CreateKey {
            secret_sha256,
            name,
            scopes,
            customer,
        },
    );
    let command = prop_oneof![
        (text(), any::<bool>()).prop_map(|(name, test_mode)| TenantCommand::Create { name, test_mode }),
        settings().prop_map(TenantCommand::SetSettings),
        settings_change().prop_map(TenantCommand::ChangeSettings),
        create_key,
        key_id().prop_map(TenantCommand::RevokeKey),
        (of(rate_card_id()), asked()).prop_map(|(id, card)| TenantCommand::SetRateCard { id, card }),
        rate_card_id().prop_map(TenantCommand::DeleteRateCard),
        time().prop_map(TenantCommand::MoveClock),
        super::grants::tenant_commands(),
        webhook_command(),
    ];
    let effect = prop_oneof![
        (text(), any::<bool>()).prop_map(|(name, test_mode)| TenantEffect::Created { name, test_mode }),
        settings().prop_map(TenantEffect::SettingsSet),
        key().prop_map(TenantEffect::KeySet),
        rate_card().prop_map(|card| TenantEffect::RateCardSet(Box::new(card))),
        rate_card_id().prop_map(TenantEffect::RateCardDeleted),
        time().prop_map(TenantEffect::ClockMoved),
        super::grants::plan_grant().prop_map(|grant| TenantEffect::PlanGrantSet(Box::new(grant))),
        endpoint().prop_map(|endpoint| TenantEffect::WebhookEndpointSet(Box::new(endpoint))),
        endpoint_id().prop_map(TenantEffect::WebhookEndpointDeleted),
    ];
    (origin(), command, time(), effect).prop_map(|(origin, command, at, effect)| TenantRecord {
        origin,
        command,
        facts: TenantFacts { at, effect },
    })
}

/// Any state of a tenant.
pub(crate) fn tenant() -> impl Strategy<Value = Tenant> {
    let tested = prop_oneof![
        Just((Vec::new(), 0, false, None)),
        (vec(rate_card(), 0..3), any::<u64>(), any::<bool>(), of(time())),
    ];
    let plans = prop_oneof![Just((0, Vec::new())), (1..u64::MAX, vec(super::grants::plan_grant(), 0..3)),];
    let webhooks = prop_oneof![
        Just((Vec::new(), 0)),
        (vec(endpoint(), 0..3), any::<u64>().prop_map(|more| more.saturating_add(3))),
    ];
    let times = (time(), time());
    let more = (tested, plans, webhooks);
    (any::<u32>(), of(text()), settings(), vec(key(), 0..4), any::<(u64, u64)>(), times, more).prop_map(
        |(number, name, settings, keys, counters, (last_at, created_at), (tested, plans, webhooks))| Tenant {
            plans_version: plans.0,
            plan_grants: plans.1,
            number: TenantNumber(number),
            name,
            settings,
            keys,
            rate_cards: tested.0,
            rate_cards_made: tested.1,
            webhooks: webhooks.0,
            webhooks_made: webhooks.1,
            test_mode: tested.2,
            test_clock: tested.3,
            version: counters.0,
            last_at,
            last_position: LogPosition(counters.1),
            created_at,
        },
    )
}
