//! Webhook endpoints.

use super::ask;
use crate::catalog::tenant::{Tenant, TenantCommand, TenantEffect};
use crate::catalog::webhook::{
    CreateWebhookEndpoint, UpdateWebhookEndpoint, WebhookDisabled, WebhookEndpoint, WebhookSecret,
};
use crate::ids::{LogPosition, TenantNumber, WebhookEndpointId};
use crate::refusal::Refusal;
use crate::testing::second;
use crate::time::Timestamp;

fn tenant() -> Tenant {
    let mut tenant = Tenant::new(TenantNumber(3));
    ask(&mut tenant, &TenantCommand::Create { name: "acme".into(), test_mode: false }).unwrap();
    tenant
}

fn create(byte: u8) -> TenantCommand {
    TenantCommand::CreateWebhookEndpoint(CreateWebhookEndpoint {
        url: "https://acme.example/hook".into(),
        description: None,
        events: vec!["hold.*".into()],
        secret: WebhookSecret([byte; 32]),
    })
}

fn set(tenant: &mut Tenant, command: &TenantCommand) -> WebhookEndpoint {
    let TenantEffect::WebhookEndpointSet(endpoint) = ask(tenant, command).unwrap() else {
        panic!("the effect of {command:?} is another one");
    };
    *endpoint
}

fn change(id: WebhookEndpointId, enabled: Option<bool>) -> UpdateWebhookEndpoint {
    UpdateWebhookEndpoint { id, url: None, description: None, events: None, enabled }
}

#[test]
fn an_endpoint_knows_the_record_that_made_it_however_it_is_changed() {
    let mut tenant = tenant();
    let id = set(&mut tenant, &create(1)).id;
    assert_eq!(tenant.webhooks[0].position, LogPosition(2));
    let asked = UpdateWebhookEndpoint { events: Some(Vec::new()), ..change(id, None) };
    set(&mut tenant, &TenantCommand::UpdateWebhookEndpoint(asked));
    let known = &tenant.webhooks[0];
    assert_eq!(
        (known.position, &*known.url, known.events.len()),
        (LogPosition(2), "https://acme.example/hook", 0)
    );
    assert_eq!(
        ask(&mut tenant, &create(2)),
        Err(Refusal::LimitReached { limit: "webhook_endpoints_max", max: 1 })
    );
    ask(&mut tenant, &TenantCommand::DeleteWebhookEndpoint(id)).unwrap();
    assert_ne!(set(&mut tenant, &create(2)).id, id, "an id is never used again");
    let gone = TenantCommand::UpdateWebhookEndpoint(change(id, Some(true)));
    assert_eq!(ask(&mut tenant, &gone), Err(Refusal::NotFound("webhook endpoint")));
}

#[test]
fn two_secrets_sign_while_one_is_exchanged_for_the_other() {
    let mut tenant = tenant();
    let id = set(&mut tenant, &create(1)).id;
    let secret = WebhookSecret([2; 32]);
    let rotated = set(&mut tenant, &TenantCommand::RotateWebhookSecret { id, secret, overlap_s: 60 });
    let (old, new) = (WebhookSecret([1; 32]), secret);
    assert_eq!(rotated.secrets(second(60)).collect::<Vec<_>>(), [&new, &old]);
    assert_eq!(rotated.secrets(second(61)).collect::<Vec<_>>(), [&new]);
    let again = TenantCommand::RotateWebhookSecret { id, secret: WebhookSecret([3; 32]), overlap_s: 60 };
    assert!(
        matches!(ask(&mut tenant, &again), Err(Refusal::InvalidOperation(_))),
        "the old one has its time"
    );
    let at_once = TenantCommand::RotateWebhookSecret { id, secret: old, overlap_s: 0 };
    assert_eq!(set(&mut tenant, &at_once).secrets(Timestamp(0)).collect::<Vec<_>>(), [&old]);
    assert!(!format!("{:?}", tenant.webhooks).contains("[1"), "secrets are never printed");
}

#[test]
fn an_endpoint_is_disabled_once_and_enabled_by_request() {
    let mut tenant = tenant();
    let id = set(&mut tenant, &create(1)).id;
    let disable = TenantCommand::DisableWebhookEndpoint { id, why: WebhookDisabled::Gone };
    assert_eq!(set(&mut tenant, &disable).disabled, Some((second(1), WebhookDisabled::Gone)));
    assert!(matches!(ask(&mut tenant, &disable), Err(Refusal::InvalidOperation(_))));
    let off = TenantCommand::UpdateWebhookEndpoint(change(id, Some(false)));
    assert_eq!(set(&mut tenant, &off).disabled, Some((second(1), WebhookDisabled::Gone)), "the reason stays");
    let on = TenantCommand::UpdateWebhookEndpoint(change(id, Some(true)));
    assert_eq!(set(&mut tenant, &on).disabled, None);
    assert_eq!(set(&mut tenant, &off).disabled, Some((second(1), WebhookDisabled::ByRequest)));
}
