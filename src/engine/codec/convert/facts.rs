//! Facts: the public shape, the words of what they set, and the two put together again.

use coffer_ledger::customer::Identity;
use coffer_ledger::fact::{CreditRow, DebitRow, Debited, Due, Effect, Facts, Forfeit, Giver, Posting, Slice};
use coffer_ledger::wallet::WalletHead;

use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::record as shapes;
use crate::engine::codec::v1::shared;
use crate::engine::codec::v1::texts::{FactTexts, HeadText, IdentityText};

mirror_struct! {
    Posting = Posting { wallet, sequence, before, after }
    Slice = Slice<'a> { wallet, credits, giver }
    DebitRow = DebitRow { credits, amount, posting }
    CreditRow = CreditRow<'a> { reason, tranche, terms, amount, charged, repaid, posting }
    Forfeit = Forfeit<'a> { tranche, credits, terms, refundable }
}

impl<'a> Mirror<'a, shapes::Giver<'a>> for Giver {
    fn to_shape(&'a self, owner: Owner) -> shapes::Giver<'a> {
        match self {
            Self::Tranche { id, terms } => shapes::Giver::Tranche(shapes::TrancheGiver {
                id: id.to_shape(owner),
                terms: terms.to_shape(owner),
            }),
            Self::Overdraft => shapes::Giver::Overdraft(()),
        }
    }

    fn from_shape(shape: shapes::Giver<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::Giver::Tranche(shapes::TrancheGiver { id, terms }) => {
                Self::Tranche { id: Mirror::from_shape(id, owner)?, terms: Mirror::from_shape(terms, owner)? }
            }
            shapes::Giver::Overdraft(()) => Self::Overdraft,
        })
    }
}

impl<'a> Mirror<'a, shapes::Debited<'a>> for Debited {
    fn to_shape(&'a self, owner: Owner) -> shapes::Debited<'a> {
        let Self {
            rows,
            slices,
            credits,
            amount,
            currency,
            mixed_units,
            shortfall,
            balance_before,
            balance_after,
            available,
            extra,
        } = self;
        if extra.is_some() {
            todo!("wip: codec");
        }
        shapes::Debited {
            rows: rows.to_shape(owner),
            slices: slices.to_shape(owner),
            credits: credits.to_shape(owner),
            amount: amount.to_shape(owner),
            currency: currency.to_shape(owner),
            mixed_units: *mixed_units,
            shortfall: shortfall.to_shape(owner),
            balance_before: balance_before.to_shape(owner),
            balance_after: balance_after.to_shape(owner),
            available: available.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Debited<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Debited {
            rows,
            slices,
            credits,
            amount,
            currency,
            mixed_units,
            shortfall,
            balance_before,
            balance_after,
            available,
        } = shape;
        Ok(Self {
            rows: Mirror::from_shape(rows, owner)?,
            slices: Mirror::from_shape(slices, owner)?,
            credits: Mirror::from_shape(credits, owner)?,
            amount: Mirror::from_shape(amount, owner)?,
            currency: Mirror::from_shape(currency, owner)?,
            mixed_units,
            shortfall: Mirror::from_shape(shortfall, owner)?,
            balance_before: Mirror::from_shape(balance_before, owner)?,
            balance_after: Mirror::from_shape(balance_after, owner)?,
            available: Mirror::from_shape(available, owner)?,
            extra: None,
        })
    }
}

impl<'a> Mirror<'a, shapes::Due<'a>> for Due {
    fn to_shape(&'a self, owner: Owner) -> shapes::Due<'a> {
        match self {
            Self::Expired { tranche, credits, terms, posting } => shapes::Due::Expired(shapes::Expired {
                tranche: tranche.to_shape(owner),
                credits: credits.to_shape(owner),
                terms: terms.to_shape(owner),
                posting: posting.to_shape(owner),
            }),
            Self::Started { tranche, credits, repaid, effective_at, row, posting } => {
                shapes::Due::Started(shapes::Started {
                    tranche: tranche.to_shape(owner),
                    credits: credits.to_shape(owner),
                    repaid: repaid.to_shape(owner),
                    effective_at: effective_at.to_shape(owner),
                    position: row.0.to_shape(owner),
                    row: row.1,
                    posting: posting.to_shape(owner),
                })
            }
            Self::HoldExpired(_) => todo!("wip: codec"),
        }
    }

    fn from_shape(shape: shapes::Due<'a>, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::Due::Expired(shapes::Expired { tranche, credits, terms, posting }) => Self::Expired {
                tranche: Mirror::from_shape(tranche, owner)?,
                credits: Mirror::from_shape(credits, owner)?,
                terms: Mirror::from_shape(terms, owner)?,
                posting: Mirror::from_shape(posting, owner)?,
            },
            shapes::Due::Started(shape) => Self::Started {
                tranche: Mirror::from_shape(shape.tranche, owner)?,
                credits: Mirror::from_shape(shape.credits, owner)?,
                repaid: Mirror::from_shape(shape.repaid, owner)?,
                effective_at: Mirror::from_shape(shape.effective_at, owner)?,
                row: (Mirror::from_shape(shape.position, owner)?, shape.row),
                posting: Mirror::from_shape(shape.posting, owner)?,
            },
        })
    }
}

/// What is public about facts.
pub(in crate::engine::codec) fn facts_to_shape(facts: &Facts, owner: Owner) -> shapes::PublicFacts<'_> {
    let Facts { at, due, effect } = facts;
    shapes::PublicFacts {
        owner: owner.0.to_shape(owner),
        at: at.to_shape(owner),
        due: due.to_shape(owner),
        effect: effect_to_shape(effect, owner),
    }
}

fn effect_to_shape(effect: &Effect, owner: Owner) -> shapes::Effect<'_> {
    let numbers = |head| both_of_head(head, owner).0;
    match effect {
        Effect::Ticked => shapes::Effect::Ticked(()),
        Effect::CustomerSet(identity) => shapes::Effect::CustomerSet(both_of_identity(identity, owner).0),
        Effect::WalletCreated { customer, wallet, initial } => {
            shapes::Effect::WalletCreated(shapes::WalletCreated {
                customer: customer.as_ref().map(|identity| both_of_identity(identity, owner).0),
                wallet: numbers(wallet),
                initial: initial.to_shape(owner),
            })
        }
        Effect::WalletSet(wallet) => shapes::Effect::WalletSet(numbers(wallet)),
        Effect::ToppedUp { rows, wallet } => {
            shapes::Effect::ToppedUp(shapes::ToppedUp { rows: rows.to_shape(owner), wallet: numbers(wallet) })
        }
        Effect::Debited(debited) => shapes::Effect::Debited(debited.to_shape(owner)),
        Effect::ManuallyDebited { debited, wallet } => {
            shapes::Effect::ManuallyDebited(shapes::ManuallyDebited {
                debited: debited.to_shape(owner),
                wallet: numbers(wallet),
            })
        }
        Effect::WalletClosed { forfeits, posting, cancelled, written_off, refund, wallet, released: _ } => {
            shapes::Effect::WalletClosed(shapes::WalletClosed {
                forfeits: forfeits.to_shape(owner),
                posting: posting.to_shape(owner),
                cancelled: cancelled.to_shape(owner),
                written_off: written_off.to_shape(owner),
                refund: refund.to_shape(owner),
                wallet: numbers(wallet),
            })
        }
        _ => todo!("wip: codec"),
    }
}

fn both_of_head(head: &WalletHead, owner: Owner) -> (shared::WalletHead<'_>, HeadText<'_>) {
    head.to_shape(owner)
}

fn both_of_identity(identity: &Identity, owner: Owner) -> (shared::Identity, IdentityText<'_>) {
    identity.to_shape(owner)
}

/// The words of facts, and the idempotency key before them.
pub(in crate::engine::codec) fn facts_texts<'a>(key: Option<&'a str>, effect: &'a Effect) -> FactTexts<'a> {
    let (identity, head) = match effect {
        Effect::Ticked | Effect::Debited(_) => (None, None),
        Effect::CustomerSet(identity) => (Some(&**identity), None),
        Effect::WalletCreated { customer, wallet, .. } => (customer.as_deref(), Some(&**wallet)),
        Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. } => (None, Some(&**wallet)),
        _ => todo!("wip: codec"),
    };
    FactTexts {
        idempotency_key: key,
        identity: identity.map(|identity| both_of_identity(identity, Owner::NOBODY).1),
        head: head.map(|head| both_of_head(head, Owner::NOBODY).1),
    }
}

/// Facts from their public shape and their words. The shape says whose things it names.
pub(in crate::engine::codec) fn facts_from_shape<'a>(
    shape: shapes::PublicFacts<'a>,
    texts: FactTexts<'a>,
) -> Result<(Facts, Owner), DecodeError> {
    let shapes::PublicFacts { owner, at, due, effect } = shape;
    let owner = Owner(Mirror::from_shape(owner, Owner::NOBODY)?);
    let mut words = Words { identity: texts.identity, head: texts.head, owner };
    let facts = Facts {
        at: Mirror::from_shape(at, owner)?,
        due: Mirror::from_shape(due, owner)?,
        effect: effect_from_shape(effect, &mut words)?,
    };
    words.used_up()?;
    Ok((facts, owner))
}

/// Words that wait for the numbers they belong to.
struct Words<'a> {
    identity: Option<IdentityText<'a>>,
    head: Option<HeadText<'a>>,
    owner: Owner,
}

impl<'a> Words<'a> {
    fn identity(&mut self, numbers: shared::Identity) -> Result<Box<Identity>, DecodeError> {
        let text = self.identity.take().ok_or(DecodeError::PartsDisagree { about: "the customer" })?;
        Mirror::from_shape((numbers, text), self.owner)
    }

    fn head(&mut self, numbers: shared::WalletHead<'a>) -> Result<Box<WalletHead>, DecodeError> {
        let text = self.head.take().ok_or(DecodeError::PartsDisagree { about: "the wallet" })?;
        Mirror::from_shape((numbers, text), self.owner)
    }

    fn used_up(&self) -> Result<(), DecodeError> {
        if self.identity.is_some() || self.head.is_some() {
            return Err(DecodeError::PartsDisagree { about: "what was set" });
        }
        Ok(())
    }
}

fn effect_from_shape<'a>(effect: shapes::Effect<'a>, words: &mut Words<'a>) -> Result<Effect, DecodeError> {
    let owner = words.owner;
    Ok(match effect {
        shapes::Effect::Ticked(()) => Effect::Ticked,
        shapes::Effect::CustomerSet(identity) => Effect::CustomerSet(words.identity(identity)?),
        shapes::Effect::WalletCreated(shapes::WalletCreated { customer, wallet, initial }) => {
            Effect::WalletCreated {
                customer: customer.map(|identity| words.identity(identity)).transpose()?,
                wallet: words.head(wallet)?,
                initial: Mirror::from_shape(initial, owner)?,
            }
        }
        shapes::Effect::WalletSet(wallet) => Effect::WalletSet(words.head(wallet)?),
        shapes::Effect::ToppedUp(shapes::ToppedUp { rows, wallet }) => {
            Effect::ToppedUp { rows: Mirror::from_shape(rows, owner)?, wallet: words.head(wallet)? }
        }
        shapes::Effect::Debited(debited) => Effect::Debited(Mirror::from_shape(debited, owner)?),
        shapes::Effect::ManuallyDebited(shapes::ManuallyDebited { debited, wallet }) => {
            Effect::ManuallyDebited {
                debited: Mirror::from_shape(debited, owner)?,
                wallet: words.head(wallet)?,
            }
        }
        shapes::Effect::WalletClosed(shape) => Effect::WalletClosed {
            forfeits: Mirror::from_shape(shape.forfeits, owner)?,
            posting: Mirror::from_shape(shape.posting, owner)?,
            cancelled: Mirror::from_shape(shape.cancelled, owner)?,
            written_off: Mirror::from_shape(shape.written_off, owner)?,
            refund: Mirror::from_shape(shape.refund, owner)?,
            wallet: words.head(shape.wallet)?,
            released: Vec::new(),
        },
    })
}
