//! Words of facts: taken out of an effect, and waiting for the numbers that they belong to.

use coffer_ledger::customer::Identity;
use coffer_ledger::fact::Effect;
use coffer_ledger::wallet::WalletHead;

use super::leaves::shapes_of;
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::{DecodeError, EncodeError};
use crate::engine::codec::v1::shared;
use crate::engine::codec::v1::texts as v1;
use crate::engine::codec::v1::texts::{HeadText, IdentityText};
use crate::engine::codec::v1::wire::List;
use crate::engine::codec::v2::texts as v2;
use crate::engine::codec::v2::texts::{EffectText, EffectTexts, InvoiceText};

/// A wallet head without words.
pub(super) fn head_numbers(head: &WalletHead, owner: Owner) -> shared::WalletHead<'_> {
    let (numbers, _): (_, HeadText<'_>) = head.to_shape(owner);
    numbers
}

/// An identity without words.
pub(super) fn identity_numbers(identity: &Identity, owner: Owner) -> shared::Identity {
    let (numbers, _): (_, IdentityText<'_>) = identity.to_shape(owner);
    numbers
}

fn head_text(head: &WalletHead) -> HeadText<'_> {
    let (_, text): (shared::WalletHead<'_>, _) = head.to_shape(Owner::NOBODY);
    text
}

fn identity_text(identity: &Identity) -> IdentityText<'_> {
    let (_, text): (shared::Identity, _) = identity.to_shape(Owner::NOBODY);
    text
}

/// Whom and which wallet an effect set.
fn set_by(effect: &Effect) -> (Option<&Identity>, Option<&WalletHead>) {
    match effect {
        Effect::CustomerSet(identity) => (Some(identity), None),
        Effect::WalletCreated { customer, wallet, .. } => (customer.as_deref(), Some(wallet)),
        Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. }
        | Effect::Recharged { wallet, .. } => (None, Some(wallet)),
        Effect::EventRecorded { customer, .. } => (customer.as_deref(), None),
        Effect::Subscribed(subscribed) => (subscribed.customer.as_deref(), None),
        Effect::Ticked
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
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_)
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Atomic(_) => (None, None),
    }
}

/// The words of facts that version 1 can hold, and the idempotency key before them.
pub(in crate::engine::codec) fn facts_texts_v1<'a>(
    key: Option<&'a str>,
    effect: &'a Effect,
) -> v1::FactTexts<'a> {
    let (identity, head) = set_by(effect);
    v1::FactTexts { idempotency_key: key, identity: identity.map(identity_text), head: head.map(head_text) }
}

/// The words of facts, and the idempotency key before them.
pub(in crate::engine::codec) fn facts_texts<'a>(
    key: Option<&'a str>,
    effect: &'a Effect,
) -> Result<v2::FactTexts<'a>, EncodeError> {
    let effects = match effect {
        Effect::Atomic(effects) => EffectTexts::All(members(effects, effect_text)?),
        effect => EffectTexts::One(member(effect_text(effect))?),
    };
    Ok(v2::FactTexts { idempotency_key: key, effects })
}

/// `None` is a batch.
pub(super) fn effect_text(effect: &Effect) -> Option<EffectText<'_>> {
    Some(match effect {
        Effect::CustomerSet(_)
        | Effect::WalletCreated { .. }
        | Effect::WalletSet(_)
        | Effect::ToppedUp { .. }
        | Effect::ManuallyDebited { .. }
        | Effect::WalletClosed { .. }
        | Effect::EventRecorded { .. }
        | Effect::Recharged { .. }
        | Effect::Subscribed(_) => set_text(effect),
        Effect::InvoiceSettled(settled) => {
            let lines = List::Read(settled.lines.iter().map(|line| &*line.id).collect());
            EffectText::Settled(InvoiceText { invoice: &settled.invoice, lines })
        }
        Effect::InvoiceVoided { invoice, back: _ } => EffectText::Invoice(invoice),
        Effect::Ticked
        | Effect::Debited(_)
        | Effect::Held(_)
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::TransferSent(_)
        | Effect::TransferReceived { .. }
        | Effect::TransferDone(_)
        | Effect::TransferReturned { .. }
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::RechargeEnded(_)
        | Effect::AutoTopupResumed(_)
        | Effect::Unsubscribed(_)
        | Effect::GrantSet(_)
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_) => EffectText::Nothing(()),
        Effect::Atomic(_) => return None,
    })
}

fn set_text(effect: &Effect) -> EffectText<'_> {
    match set_by(effect) {
        (None, None) => EffectText::Nothing(()),
        (identity, head) => {
            let (identity, head) = (identity.map(identity_text), head.map(head_text));
            EffectText::Set(v2::SetText { identity, head })
        }
    }
}

/// Words that wait for the numbers they belong to.
pub(super) struct Words<'a> {
    owner: Owner,
    identity: Option<IdentityText<'a>>,
    head: Option<HeadText<'a>>,
    invoice: Option<&'a str>,
    lines: Option<Vec<&'a str>>,
}

impl<'a> Words<'a> {
    /// Those of version 1.
    pub(super) fn new(identity: Option<IdentityText<'a>>, head: Option<HeadText<'a>>, owner: Owner) -> Self {
        Self { owner, identity, head, invoice: None, lines: None }
    }

    pub(super) fn of_text(text: EffectText<'a>, owner: Owner) -> Self {
        match text {
            EffectText::Nothing(()) => Self::new(None, None, owner),
            EffectText::Set(v2::SetText { identity, head }) => Self::new(identity, head, owner),
            EffectText::Settled(InvoiceText { invoice, lines }) => {
                Self { invoice: Some(invoice), lines: Some(shapes_of(lines)), ..Self::new(None, None, owner) }
            }
            EffectText::Invoice(invoice) => Self { invoice: Some(invoice), ..Self::new(None, None, owner) },
        }
    }

    pub(super) fn owner(&self) -> Owner {
        self.owner
    }

    pub(super) fn identity(&mut self, numbers: shared::Identity) -> Result<Box<Identity>, DecodeError> {
        let text = self.identity.take().ok_or(DecodeError::PartsDisagree { about: "the customer" })?;
        Mirror::from_shape((numbers, text), self.owner)
    }

    pub(super) fn head(&mut self, numbers: shared::WalletHead<'a>) -> Result<Box<WalletHead>, DecodeError> {
        let text = self.head.take().ok_or(DecodeError::PartsDisagree { about: "the wallet" })?;
        Mirror::from_shape((numbers, text), self.owner)
    }

    pub(super) fn invoice(&mut self) -> Result<Box<str>, DecodeError> {
        self.invoice.take().map(Box::from).ok_or(DecodeError::PartsDisagree { about: "the invoice" })
    }

    pub(super) fn invoice_and_lines(&mut self) -> Result<(Box<str>, Vec<&'a str>), DecodeError> {
        let lines = self.lines.take().ok_or(DecodeError::PartsDisagree { about: "the invoice's lines" })?;
        Ok((self.invoice()?, lines))
    }

    pub(super) fn used_up(&self) -> Result<(), DecodeError> {
        let Self { owner: _, identity, head, invoice, lines } = self;
        if identity.is_some() || head.is_some() || invoice.is_some() || lines.is_some() {
            return Err(DecodeError::PartsDisagree { about: "what was set" });
        }
        Ok(())
    }
}
