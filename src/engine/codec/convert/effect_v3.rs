//! Effects of version 3: those of version 2 with what they do not know beside them.

use coffer_ledger::fact::Effect;

use super::effect::{effect_from_shape, effect_to_shape};
use super::grant::{grant_set, grant_set_again, grant_text, subscribed, subscribed_again};
use super::leaves::shapes_of;
use super::words::{Words, effect_text};
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::{DecodeError, EncodeError};
use crate::engine::codec::v3::record::{Effect as Shape, Effects};
use crate::engine::codec::v3::texts::{EffectText, EffectTexts, FactTexts};

/// What is public about an effect, or about each of a batch.
pub(in crate::engine::codec) fn effects_to_v3(
    effect: &Effect,
    owner: Owner,
) -> Result<Effects<'_>, EncodeError> {
    match effect {
        Effect::Atomic(effects) => members(effects, |effect| effect_to_v3(effect, owner)).map(Effects::All),
        effect => member(effect_to_v3(effect, owner)).map(Effects::One),
    }
}

/// `None` is a batch.
fn effect_to_v3(effect: &Effect, owner: Owner) -> Option<Shape<'_>> {
    Some(match effect {
        Effect::Subscribed(effect) => Shape::Subscribed(subscribed(effect, owner)),
        Effect::Unsubscribed(left) => Shape::Unsubscribed(left.to_shape(owner)),
        Effect::GrantSet(set) => Shape::GrantSet(grant_set(set, owner)),
        Effect::GrantRemoved(removed) => Shape::GrantRemoved(removed.to_shape(owner)),
        Effect::PlansFollowed(followed) => Shape::PlansFollowed(followed.to_shape(owner)),
        effect => Shape::V2(effect_to_shape(effect, owner)?),
    })
}

/// An effect from its public shape and its words, or a batch from those of each.
pub(super) fn effects_from_v3<'a>(
    shape: Effects<'a>,
    texts: EffectTexts<'a>,
    owner: Owner,
) -> Result<Effect, DecodeError> {
    match (shape, texts) {
        (Effects::One(shape), EffectTexts::One(text)) => effect_from_v3(shape, text, owner),
        (Effects::All(shapes), EffectTexts::All(texts)) => {
            let (shapes, texts) = (shapes_of(shapes), shapes_of(texts));
            if shapes.len() != texts.len() {
                return Err(DecodeError::PartsDisagree { about: "the number of effects" });
            }
            let pairs = shapes.into_iter().zip(texts);
            let effects = pairs.map(|(shape, text)| effect_from_v3(shape, text, owner));
            effects.collect::<Result<_, _>>().map(Effect::Atomic)
        }
        (Effects::One(_), EffectTexts::All(_)) | (Effects::All(_), EffectTexts::One(_)) => {
            Err(DecodeError::PartsDisagree { about: "whether it is a batch" })
        }
    }
}

fn effect_from_v3<'a>(shape: Shape<'a>, text: EffectText<'a>, owner: Owner) -> Result<Effect, DecodeError> {
    let text = match (shape, text) {
        (Shape::GrantSet(set), EffectText::Grant(text)) => {
            return Ok(Effect::GrantSet(Box::new(grant_set_again(set, text, owner)?)));
        }
        (_, EffectText::Grant(_)) | (Shape::GrantSet(_), _) => {
            return Err(DecodeError::PartsDisagree { about: "the grant" });
        }
        (shape, EffectText::V2(text)) => (shape, text),
    };
    let (shape, text) = match text {
        (Shape::V2(shape), text) => return effect_from_shape(shape, text, owner),
        other => other,
    };
    let mut words = Words::of_text(text, owner);
    let effect = match shape {
        Shape::Subscribed(shape) => Effect::Subscribed(Box::new(subscribed_again(shape, &mut words)?)),
        Shape::Unsubscribed(shape) => Effect::Unsubscribed(Mirror::from_shape(shape, owner)?),
        Shape::GrantRemoved(shape) => Effect::GrantRemoved(Mirror::from_shape(shape, owner)?),
        Shape::PlansFollowed(shape) => Effect::PlansFollowed(Mirror::from_shape(shape, owner)?),
        Shape::V2(_) | Shape::GrantSet(_) => unreachable!("was returned above"),
    };
    words.used_up()?;
    Ok(effect)
}

/// The words of facts, and the idempotency key before them.
pub(in crate::engine::codec) fn facts_texts_v3<'a>(
    key: Option<&'a str>,
    effect: &'a Effect,
) -> Result<FactTexts<'a>, EncodeError> {
    let effects = match effect {
        Effect::Atomic(effects) => EffectTexts::All(members(effects, text_v3)?),
        effect => EffectTexts::One(member(text_v3(effect))?),
    };
    Ok(FactTexts { idempotency_key: key, effects })
}

/// `None` is a batch.
fn text_v3(effect: &Effect) -> Option<EffectText<'_>> {
    match effect {
        Effect::GrantSet(set) => Some(EffectText::Grant(grant_text(&set.grant.name, &set.grant.metadata))),
        effect => effect_text(effect).map(EffectText::V2),
    }
}
