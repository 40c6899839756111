//! Effects that version 2 can hold: the public shape, in version 1 where that can hold it, and the effect from it and its words.

use coffer_ledger::fact::{Effect, HoldEnd};

use super::debited::{plain_debited, plain_debited_again};
use super::invoice::{settled_again, settled_to_shape};
use super::leaves::shapes_of;
use super::oldest::effect_fits_v1;
use super::words::{Words, head_numbers, identity_numbers};
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::{DecodeError, EncodeError};
use crate::engine::codec::v1::record as v1;
use crate::engine::codec::v2::record as v2;
use crate::engine::codec::v2::record::Effect as Shape;
use crate::engine::codec::v2::texts::{EffectText, EffectTexts};
use crate::engine::codec::v2::transfer::TransferReceived;

/// What is public about an effect, or about each of a batch.
pub(in crate::engine::codec) fn effects_to_shape(
    effect: &Effect,
    owner: Owner,
) -> Result<v2::Effects<'_>, EncodeError> {
    match effect {
        Effect::Atomic(effects) => {
            members(effects, |effect| effect_to_shape(effect, owner)).map(v2::Effects::All)
        }
        effect => member(effect_to_shape(effect, owner)).map(v2::Effects::One),
    }
}

/// What is public about an effect that version 1 can hold.
pub(in crate::engine::codec) fn effect_to_v1(effect: &Effect, owner: Owner) -> v1::Effect<'_> {
    match effect {
        Effect::Ticked => v1::Effect::Ticked(()),
        Effect::CustomerSet(identity) => v1::Effect::CustomerSet(identity_numbers(identity, owner)),
        Effect::WalletCreated { customer, wallet, initial } => v1::Effect::WalletCreated(v1::WalletCreated {
            customer: customer.as_ref().map(|identity| identity_numbers(identity, owner)),
            wallet: head_numbers(wallet, owner),
            initial: initial.to_shape(owner),
        }),
        Effect::WalletSet(wallet) => v1::Effect::WalletSet(head_numbers(wallet, owner)),
        Effect::ToppedUp { rows, wallet } => v1::Effect::ToppedUp(v1::ToppedUp {
            rows: rows.to_shape(owner),
            wallet: head_numbers(wallet, owner),
        }),
        Effect::Debited(debited) => v1::Effect::Debited(plain_debited(debited, owner)),
        Effect::ManuallyDebited { debited, wallet } => v1::Effect::ManuallyDebited(v1::ManuallyDebited {
            debited: plain_debited(debited, owner),
            wallet: head_numbers(wallet, owner),
        }),
        Effect::WalletClosed { forfeits, posting, cancelled, written_off, refund, wallet, released: _ } => {
            v1::Effect::WalletClosed(v1::WalletClosed {
                forfeits: forfeits.to_shape(owner),
                posting: posting.to_shape(owner),
                cancelled: cancelled.to_shape(owner),
                written_off: written_off.to_shape(owner),
                refund: refund.to_shape(owner),
                wallet: head_numbers(wallet, owner),
            })
        }
        Effect::Held(_)
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
        | Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::Recharged { .. }
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Atomic(_) => unreachable!("whoever asks has seen that version 1 holds it"),
    }
}

/// `None` is a batch.
pub(super) fn effect_to_shape(effect: &Effect, owner: Owner) -> Option<Shape<'_>> {
    if effect_fits_v1(effect) {
        return Some(Shape::V1(effect_to_v1(effect, owner)));
    }
    Some(match effect {
        Effect::Debited(debited) => Shape::Debited(debited.to_shape(owner)),
        Effect::ManuallyDebited { debited, wallet } => Shape::ManuallyDebited(v2::ManuallyDebited {
            debited: debited.to_shape(owner),
            wallet: head_numbers(wallet, owner),
        }),
        Effect::WalletClosed { released, .. } => match effect_to_v1(effect, owner) {
            v1::Effect::WalletClosed(plain) => {
                Shape::WalletClosed(v2::WalletClosed { plain, released: released.to_shape(owner) })
            }
            other => Shape::V1(other),
        },
        Effect::Held(step) => Shape::Held(step.to_shape(owner)),
        Effect::Refunded(refunded) => Shape::Refunded(refunded.to_shape(owner)),
        Effect::CreditVoided(voided) => Shape::CreditVoided(voided.to_shape(owner)),
        Effect::InvoiceSettled(settled) => Shape::InvoiceSettled(settled_to_shape(settled, owner)),
        Effect::InvoiceVoided { invoice: _, back } => Shape::InvoiceVoided(back.to_shape(owner)),
        Effect::TransferSent(sent) => Shape::TransferSent(sent.to_shape(owner)),
        Effect::TransferReceived { transfer, from, arrived } => Shape::TransferReceived(TransferReceived {
            transfer: transfer.to_shape(owner),
            from: from.to_shape(owner),
            arrived: arrived.to_shape(owner),
        }),
        Effect::TransferDone(transfer) => Shape::TransferDone(transfer.to_shape(owner)),
        Effect::TransferReturned { transfer, back } => Shape::TransferReturned(v2::TransferReturned {
            transfer: transfer.to_shape(owner),
            back: back.to_shape(owner),
        }),
        Effect::TransferForgotten(transfer) => Shape::TransferForgotten(transfer.to_shape(owner)),
        Effect::BudgetSet(budget) => Shape::BudgetSet(budget.to_shape(owner)),
        Effect::BudgetDeleted(budget) => Shape::BudgetDeleted(budget),
        Effect::EventRecorded { customer, priced, taken, uncollected, used } => {
            Shape::EventRecorded(v2::EventRecorded {
                customer: customer.as_ref().map(|identity| identity_numbers(identity, owner)),
                priced: priced.to_shape(owner),
                taken: taken.to_shape(owner),
                uncollected: uncollected.to_shape(owner),
                used: used.to_shape(owner),
            })
        }
        Effect::Subscribed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_) => unreachable!("whoever asks has seen that version 2 holds it"),
        Effect::Recharged { .. } | Effect::RechargeEnded(_) | Effect::AutoTopupResumed(_) => {
            unreachable!("whoever asks has seen that version 2 holds it")
        }
        Effect::Atomic(_) => return None,
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. } => Shape::V1(effect_to_v1(effect, owner)),
    })
}

/// An effect from its public shape and its words, or a batch from those of each.
pub(super) fn effects_from_shape<'a>(
    shape: v2::Effects<'a>,
    texts: EffectTexts<'a>,
    owner: Owner,
) -> Result<Effect, DecodeError> {
    match (shape, texts) {
        (v2::Effects::One(shape), EffectTexts::One(text)) => effect_from_shape(shape, text, owner),
        (v2::Effects::All(shapes), EffectTexts::All(texts)) => {
            let (shapes, texts) = (shapes_of(shapes), shapes_of(texts));
            if shapes.len() != texts.len() {
                return Err(DecodeError::PartsDisagree { about: "the number of effects" });
            }
            let pairs = shapes.into_iter().zip(texts);
            let effects = pairs.map(|(shape, text)| effect_from_shape(shape, text, owner));
            effects.collect::<Result<_, _>>().map(Effect::Atomic)
        }
        (v2::Effects::One(_), EffectTexts::All(_)) | (v2::Effects::All(_), EffectTexts::One(_)) => {
            Err(DecodeError::PartsDisagree { about: "whether it is a batch" })
        }
    }
}

pub(super) fn effect_from_shape<'a>(
    shape: Shape<'a>,
    text: EffectText<'a>,
    owner: Owner,
) -> Result<Effect, DecodeError> {
    let mut words = Words::of_text(text, owner);
    let effect = match shape {
        Shape::V1(shape) => effect_from_v1(shape, &mut words)?,
        Shape::Debited(debited) => Effect::Debited(Mirror::from_shape(debited, owner)?),
        Shape::ManuallyDebited(v2::ManuallyDebited { debited, wallet }) => Effect::ManuallyDebited {
            debited: Mirror::from_shape(debited, owner)?,
            wallet: words.head(wallet)?,
        },
        Shape::WalletClosed(v2::WalletClosed { plain, released }) => {
            closed_from_v1(plain, Mirror::from_shape(released, owner)?, &mut words)?
        }
        Shape::Held(step) => Effect::Held(Mirror::from_shape(step, owner)?),
        Shape::Refunded(refunded) => Effect::Refunded(Mirror::from_shape(refunded, owner)?),
        Shape::CreditVoided(voided) => Effect::CreditVoided(Mirror::from_shape(voided, owner)?),
        Shape::InvoiceSettled(settled) => {
            let (invoice, lines) = words.invoice_and_lines()?;
            Effect::InvoiceSettled(Box::new(settled_again(settled, invoice, lines, owner)?))
        }
        Shape::InvoiceVoided(back) => {
            Effect::InvoiceVoided { invoice: words.invoice()?, back: Mirror::from_shape(back, owner)? }
        }
        Shape::TransferSent(sent) => Effect::TransferSent(Mirror::from_shape(sent, owner)?),
        Shape::TransferReceived(TransferReceived { transfer, from, arrived }) => Effect::TransferReceived {
            transfer: Mirror::from_shape(transfer, owner)?,
            from: Mirror::from_shape(from, owner)?,
            arrived: Mirror::from_shape(arrived, owner)?,
        },
        Shape::TransferDone(transfer) => Effect::TransferDone(Mirror::from_shape(transfer, owner)?),
        Shape::TransferReturned(v2::TransferReturned { transfer, back }) => Effect::TransferReturned {
            transfer: Mirror::from_shape(transfer, owner)?,
            back: Mirror::from_shape(back, owner)?,
        },
        Shape::TransferForgotten(transfer) => Effect::TransferForgotten(Mirror::from_shape(transfer, owner)?),
        Shape::BudgetSet(budget) => Effect::BudgetSet(Mirror::from_shape(budget, owner)?),
        Shape::BudgetDeleted(budget) => Effect::BudgetDeleted(budget.into()),
        Shape::EventRecorded(event) => event_from_shape(event, &mut words)?,
    };
    words.used_up()?;
    Ok(effect)
}

fn event_from_shape<'a>(shape: v2::EventRecorded<'a>, words: &mut Words<'a>) -> Result<Effect, DecodeError> {
    let owner = words.owner();
    let v2::EventRecorded { customer, priced, taken, uncollected, used } = shape;
    Ok(Effect::EventRecorded {
        customer: customer.map(|identity| words.identity(identity)).transpose()?,
        priced: Mirror::from_shape(priced, owner)?,
        taken: Mirror::from_shape(taken, owner)?,
        uncollected: Mirror::from_shape(uncollected, owner)?,
        used: Mirror::from_shape(used, owner)?,
    })
}

/// An effect of version 1.
pub(super) fn effect_from_v1<'a>(
    effect: v1::Effect<'a>,
    words: &mut Words<'a>,
) -> Result<Effect, DecodeError> {
    let owner = words.owner();
    Ok(match effect {
        v1::Effect::Ticked(()) => Effect::Ticked,
        v1::Effect::CustomerSet(identity) => Effect::CustomerSet(words.identity(identity)?),
        v1::Effect::WalletCreated(v1::WalletCreated { customer, wallet, initial }) => Effect::WalletCreated {
            customer: customer.map(|identity| words.identity(identity)).transpose()?,
            wallet: words.head(wallet)?,
            initial: Mirror::from_shape(initial, owner)?,
        },
        v1::Effect::WalletSet(wallet) => Effect::WalletSet(words.head(wallet)?),
        v1::Effect::ToppedUp(v1::ToppedUp { rows, wallet }) => {
            Effect::ToppedUp { rows: Mirror::from_shape(rows, owner)?, wallet: words.head(wallet)? }
        }
        v1::Effect::Debited(debited) => Effect::Debited(plain_debited_again(debited, owner)?),
        v1::Effect::ManuallyDebited(v1::ManuallyDebited { debited, wallet }) => Effect::ManuallyDebited {
            debited: plain_debited_again(debited, owner)?,
            wallet: words.head(wallet)?,
        },
        v1::Effect::WalletClosed(shape) => closed_from_v1(shape, Vec::new(), words)?,
    })
}

fn closed_from_v1<'a>(
    shape: v1::WalletClosed<'a>,
    released: Vec<HoldEnd>,
    words: &mut Words<'a>,
) -> Result<Effect, DecodeError> {
    let owner = words.owner();
    let v1::WalletClosed { forfeits, posting, cancelled, written_off, refund, wallet } = shape;
    Ok(Effect::WalletClosed {
        forfeits: Mirror::from_shape(forfeits, owner)?,
        posting: Mirror::from_shape(posting, owner)?,
        cancelled: Mirror::from_shape(cancelled, owner)?,
        written_off: Mirror::from_shape(written_off, owner)?,
        refund: Mirror::from_shape(refund, owner)?,
        wallet: words.head(wallet)?,
        released,
    })
}
