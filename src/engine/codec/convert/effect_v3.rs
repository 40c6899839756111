//! Effects of version 3: those of version 2 with what they do not know beside them.

use coffer_ledger::fact::Effect;
use coffer_ledger::wallet::WalletHead;
use coffer_ledger::watch::WalletRules;

use super::effect::{effect_from_shape, effect_to_shape};
use super::grant::{grant_set, grant_set_again, grant_text, subscribed, subscribed_again};
use super::leaves::shapes_of;
use super::words::{Words, effect_text, head_numbers};
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::{DecodeError, EncodeError};
use crate::engine::codec::v3::record::{Effect as Shape, Effects, Recharged, Ruled};
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
        Effect::Recharged { recharge, wallet } => Shape::Recharged(Recharged {
            recharge: recharge.to_shape(owner),
            wallet: head_numbers(wallet, owner),
            rules: wallet.rules.to_shape(owner),
        }),
        Effect::RechargeEnded(end) => Shape::RechargeEnded(end.to_shape(owner)),
        Effect::AutoTopupResumed(wallet) => Shape::AutoTopupResumed(wallet.to_shape(owner)),
        Effect::Subscribed(effect) => Shape::Subscribed(subscribed(effect, owner)),
        Effect::Unsubscribed(left) => Shape::Unsubscribed(left.to_shape(owner)),
        Effect::GrantSet(set) => Shape::GrantSet(grant_set(set, owner)),
        Effect::GrantRemoved(removed) => Shape::GrantRemoved(removed.to_shape(owner)),
        Effect::PlansFollowed(followed) => Shape::PlansFollowed(followed.to_shape(owner)),
        effect => {
            let plain = effect_to_shape(effect, owner)?;
            match rules_of(effect) {
                Some(rules) => Shape::Ruled(Ruled { effect: plain, rules: rules.to_shape(owner) }),
                None => Shape::V2(plain),
            }
        }
    })
}

/// The wallet that an effect of an older version sets.
fn head_of(effect: &Effect) -> Option<&WalletHead> {
    match effect {
        Effect::WalletCreated { wallet, .. }
        | Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. } => Some(wallet),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::Debited(_)
        | Effect::Held(_)
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceSettled(_)
        | Effect::InvoiceVoided { .. }
        | Effect::TransferSent(_)
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::EventRecorded { .. }
        | Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::Atomic(_) => None,
    }
}

/// The rules of the wallet that an effect of an older version sets: what makes it one of this version.
pub(super) fn rules_of(effect: &Effect) -> Option<&WalletRules> {
    head_of(effect).and_then(|head| head.rules.as_deref())
}

/// Puts back what [`rules_of`] took out.
fn with_rules(mut effect: Effect, rules: WalletRules) -> Result<Effect, DecodeError> {
    match &mut effect {
        Effect::WalletCreated { wallet, .. }
        | Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. } => {
            wallet.rules = Some(Box::new(rules));
            Ok(effect)
        }
        _ => Err(DecodeError::PartsDisagree { about: "whose rules they are" }),
    }
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
    let (shape, text) = match (shape, text) {
        (Shape::GrantSet(set), EffectText::Grant(text)) => {
            return Ok(Effect::GrantSet(Box::new(grant_set_again(set, text, owner)?)));
        }
        (_, EffectText::Grant(_)) | (Shape::GrantSet(_), _) => {
            return Err(DecodeError::PartsDisagree { about: "the grant" });
        }
        (shape, EffectText::V2(text)) => (shape, text),
    };
    let shape = match shape {
        Shape::V2(shape) => return effect_from_shape(shape, text, owner),
        Shape::Ruled(Ruled { effect, rules }) => {
            let rules = Mirror::from_shape(rules, owner)?;
            return with_rules(effect_from_shape(effect, text, owner)?, rules);
        }
        shape => shape,
    };
    let mut words = Words::of_text(text, owner);
    let effect = match shape {
        Shape::Recharged(Recharged { recharge, wallet, rules }) => {
            let mut wallet = words.head(wallet)?;
            wallet.rules = Mirror::from_shape(rules, owner)?;
            Effect::Recharged { recharge: Mirror::from_shape(recharge, owner)?, wallet }
        }
        Shape::RechargeEnded(end) => Effect::RechargeEnded(Mirror::from_shape(end, owner)?),
        Shape::AutoTopupResumed(wallet) => Effect::AutoTopupResumed(Mirror::from_shape(wallet, owner)?),
        Shape::Subscribed(shape) => Effect::Subscribed(Box::new(subscribed_again(shape, &mut words)?)),
        Shape::Unsubscribed(shape) => Effect::Unsubscribed(Mirror::from_shape(shape, owner)?),
        Shape::GrantRemoved(shape) => Effect::GrantRemoved(Mirror::from_shape(shape, owner)?),
        Shape::PlansFollowed(shape) => Effect::PlansFollowed(Mirror::from_shape(shape, owner)?),
        Shape::V2(_) | Shape::Ruled(_) | Shape::GrantSet(_) => unreachable!("was returned above"),
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
