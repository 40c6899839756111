//! Facts from their public shape and their words. The shape says whose things it names.

use coffer_ledger::fact::Facts;

use super::effect::{effect_from_v1, effects_from_shape};
use super::effect_v3::effects_from_v3;
use super::words::Words;
use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::{v1, v2, v3};

/// Facts that were written in version 1.
pub(in crate::engine::codec) fn facts_from_v1<'a>(
    shape: v1::record::PublicFacts<'a>,
    texts: v1::texts::FactTexts<'a>,
) -> Result<(Facts, Owner), DecodeError> {
    let v1::record::PublicFacts { owner, at, due, effect } = shape;
    let v1::texts::FactTexts { idempotency_key: _, identity, head } = texts;
    let owner = Owner(Mirror::from_shape(owner, Owner::NOBODY)?);
    let mut words = Words::new(identity, head, owner);
    let facts = Facts {
        at: Mirror::from_shape(at, owner)?,
        due: Mirror::from_shape(due, owner)?,
        effect: effect_from_v1(effect, &mut words)?,
        set_off: None,
    };
    words.used_up()?;
    Ok((facts, owner))
}

/// Facts that were written in version 2.
pub(in crate::engine::codec) fn facts_from_v2<'a>(
    shape: v2::record::PublicFacts<'a>,
    texts: v2::texts::FactTexts<'a>,
) -> Result<(Facts, Owner), DecodeError> {
    let v2::record::PublicFacts { owner, at, due, effects } = shape;
    let v2::texts::FactTexts { idempotency_key: _, effects: texts } = texts;
    let owner = Owner(Mirror::from_shape(owner, Owner::NOBODY)?);
    let facts = Facts {
        at: Mirror::from_shape(at, owner)?,
        due: Mirror::from_shape(due, owner)?,
        effect: effects_from_shape(effects, texts, owner)?,
        set_off: None,
    };
    Ok((facts, owner))
}

/// Facts that were written in version 3.
pub(in crate::engine::codec) fn facts_from_v3<'a>(
    shape: v3::record::PublicFacts<'a>,
    texts: v3::texts::FactTexts<'a>,
) -> Result<(Facts, Owner), DecodeError> {
    let v3::record::PublicFacts { owner, at, due, effects, set_off } = shape;
    let v3::texts::FactTexts { idempotency_key: _, effects: texts } = texts;
    let owner = Owner(Mirror::from_shape(owner, Owner::NOBODY)?);
    let facts = Facts {
        at: Mirror::from_shape(at, owner)?,
        due: Mirror::from_shape(due, owner)?,
        effect: effects_from_v3(effects, texts, owner)?,
        set_off: Mirror::from_shape(set_off, owner)?,
    };
    Ok((facts, owner))
}
