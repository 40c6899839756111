//! Webhook endpoints: each is two shapes, numbers, and words and secrets that stand in a record's personal part.

use coffer_ledger::catalog::webhook::{
    CreateWebhookEndpoint, UpdateWebhookEndpoint, WebhookDisabled, WebhookEndpoint, WebhookSecret,
};

use super::{Mirror, Owner, mirror_enum};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v3::webhook as shapes;

const OWNER: Owner = Owner::NOBODY;

mirror_enum! { WebhookDisabled { ByRequest, Gone, Failing } }

/// An endpoint without words and secrets.
pub(super) fn numbers(endpoint: &WebhookEndpoint) -> shapes::Endpoint {
    let WebhookEndpoint {
        id,
        url: _,
        description: _,
        events: _,
        secret: _,
        previous,
        disabled,
        created_at,
        updated_at,
        position,
    } = endpoint;
    shapes::Endpoint {
        id: id.to_shape(OWNER),
        previous_until: previous.map(|(_, until)| until.to_shape(OWNER)),
        disabled: disabled
            .map(|(at, why)| shapes::Disabled { at: at.to_shape(OWNER), why: why.to_shape(OWNER) }),
        created_at: created_at.to_shape(OWNER),
        updated_at: updated_at.to_shape(OWNER),
        position: position.0,
    }
}

/// Its words and secrets.
pub(super) fn text(endpoint: &WebhookEndpoint) -> shapes::EndpointText<'_> {
    shapes::EndpointText {
        url: &endpoint.url,
        description: endpoint.description.to_shape(OWNER),
        events: endpoint.events.to_shape(OWNER),
        secret: endpoint.secret.0,
        previous: endpoint.previous.map(|(secret, _)| secret.0),
    }
}

/// An endpoint from both.
pub(super) fn endpoint(
    numbers: shapes::Endpoint,
    text: shapes::EndpointText<'_>,
) -> Result<WebhookEndpoint, DecodeError> {
    let shapes::Endpoint { id, previous_until, disabled, created_at, updated_at, position } = numbers;
    let shapes::EndpointText { url, description, events, secret, previous } = text;
    let previous = match (previous, previous_until) {
        (Some(secret), Some(until)) => Some((WebhookSecret(secret), Mirror::from_shape(until, OWNER)?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(DecodeError::PartsDisagree { about: "the endpoint's secrets" });
        }
    };
    let disabled = match disabled {
        Some(shapes::Disabled { at, why }) => {
            Some((Mirror::from_shape(at, OWNER)?, Mirror::from_shape(why, OWNER)?))
        }
        None => None,
    };
    Ok(WebhookEndpoint {
        id: Mirror::from_shape(id, OWNER)?,
        url: url.into(),
        description: Mirror::from_shape(description, OWNER)?,
        events: Mirror::from_shape(events, OWNER)?,
        secret: WebhookSecret(secret),
        previous,
        disabled,
        created_at: Mirror::from_shape(created_at, OWNER)?,
        updated_at: Mirror::from_shape(updated_at, OWNER)?,
        position: Mirror::from_shape(position, OWNER)?,
    })
}

impl<'a> Mirror<'a, shapes::WholeEndpoint<'a>> for WebhookEndpoint {
    fn to_shape(&'a self, _: Owner) -> shapes::WholeEndpoint<'a> {
        shapes::WholeEndpoint { endpoint: numbers(self), text: text(self) }
    }

    fn from_shape(shape: shapes::WholeEndpoint<'a>, _: Owner) -> Result<Self, DecodeError> {
        endpoint(shape.endpoint, shape.text)
    }
}

/// The words and the secret of a creation.
pub(super) fn creation_text(asked: &CreateWebhookEndpoint) -> shapes::EndpointText<'_> {
    let CreateWebhookEndpoint { url, description, events, secret } = asked;
    shapes::EndpointText {
        url,
        description: description.to_shape(OWNER),
        events: events.to_shape(OWNER),
        secret: secret.0,
        previous: None,
    }
}

/// A creation from its words.
pub(super) fn creation(text: shapes::EndpointText<'_>) -> Result<CreateWebhookEndpoint, DecodeError> {
    let shapes::EndpointText { url, description, events, secret, previous } = text;
    if previous.is_some() {
        return Err(DecodeError::PartsDisagree { about: "the endpoint's secrets" });
    }
    Ok(CreateWebhookEndpoint {
        url: url.into(),
        description: Mirror::from_shape(description, OWNER)?,
        events: Mirror::from_shape(events, OWNER)?,
        secret: WebhookSecret(secret),
    })
}

/// A change without words.
pub(super) fn change_numbers(asked: &UpdateWebhookEndpoint) -> shapes::UpdateEndpoint {
    shapes::UpdateEndpoint { id: asked.id.to_shape(OWNER), enabled: asked.enabled }
}

/// The words of a change.
pub(super) fn change_text(asked: &UpdateWebhookEndpoint) -> shapes::UpdateText<'_> {
    let UpdateWebhookEndpoint { id: _, url, description, events, enabled: _ } = asked;
    shapes::UpdateText {
        url: url.to_shape(OWNER),
        description: description.to_shape(OWNER),
        events: events.to_shape(OWNER),
    }
}

/// A change from both.
pub(super) fn change(
    numbers: shapes::UpdateEndpoint,
    text: shapes::UpdateText<'_>,
) -> Result<UpdateWebhookEndpoint, DecodeError> {
    let shapes::UpdateText { url, description, events } = text;
    Ok(UpdateWebhookEndpoint {
        id: Mirror::from_shape(numbers.id, OWNER)?,
        url: Mirror::from_shape(url, OWNER)?,
        description: Mirror::from_shape(description, OWNER)?,
        events: Mirror::from_shape(events, OWNER)?,
        enabled: numbers.enabled,
    })
}
