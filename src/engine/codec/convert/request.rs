//! Commands of version 1: the parts of their public shapes, and the commands put together again.

use coffer_ledger::command::{
    Bonus, Command, CreateWallet, ManualDebit, Memo, Quantity, TopUp, UpdateWallet,
};

use super::charge::debit_from_v1;
use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::request as shapes;
use crate::engine::codec::v1::shared::CreditReason;
use crate::engine::codec::v1::texts::{CreateWalletText, RequestText, UpdateWalletText};

mirror_struct! {
    Bonus = Bonus { credits, expires_at }
}

impl Mirror<'_, shapes::Quantity> for Quantity {
    fn to_shape(&self, owner: Owner) -> shapes::Quantity {
        match self {
            Self::Credits(credits) => shapes::Quantity::Credits(credits.to_shape(owner)),
            Self::Amount(money) => shapes::Quantity::Amount(money.to_shape(owner)),
        }
    }

    fn from_shape(shape: shapes::Quantity, owner: Owner) -> Result<Self, DecodeError> {
        Ok(match shape {
            shapes::Quantity::Credits(credits) => Self::Credits(Mirror::from_shape(credits, owner)?),
            shapes::Quantity::Amount(money) => Self::Amount(Mirror::from_shape(money, owner)?),
        })
    }
}

/// A command of version 1 from its public shape and its words.
pub(in crate::engine::codec) fn command_from_v1(
    shape: shapes::Command<'_>,
    text: RequestText<'_>,
    owner: Owner,
) -> Result<Command, DecodeError> {
    use shapes::Command as Shape;
    Ok(match (shape, text) {
        (Shape::CreateCustomer(()), RequestText::CreateCustomer(text)) => Command::CreateCustomer {
            external_id: text.external_id.into(),
            profile: Mirror::from_shape(text.profile, owner)?,
        },
        (Shape::UpdateCustomer(()), RequestText::UpdateCustomer(profile)) => {
            Command::UpdateCustomer { profile: Mirror::from_shape(profile, owner)? }
        }
        (Shape::DeleteCustomer(()), RequestText::Nothing(())) => Command::DeleteCustomer,
        (Shape::CreateWallet(shape), RequestText::CreateWallet(text)) => {
            Command::CreateWallet(create_wallet_again(shape, text, owner)?)
        }
        (Shape::UpdateWallet(shape), RequestText::UpdateWallet(text)) => {
            Command::UpdateWallet(update_wallet_again(shape, text, owner)?)
        }
        (Shape::TopUp(shape), text) => Command::TopUp(top_up_again(shape, memo_again(text)?, owner)?),
        (Shape::Debit(shape), text) => Command::Debit(debit_from_v1(shape, memo_again(text)?, owner)?),
        (Shape::ManualDebit(shapes::ManualDebit { wallet, credits }), text) => {
            Command::ManualDebit(ManualDebit {
                wallet: Mirror::from_shape(wallet, owner)?,
                credits: Mirror::from_shape(credits, owner)?,
                memo: memo_again(text)?,
            })
        }
        (Shape::Freeze(wallet), RequestText::Nothing(())) => {
            Command::Freeze(Mirror::from_shape(wallet, owner)?)
        }
        (Shape::Unfreeze(wallet), RequestText::Nothing(())) => {
            Command::Unfreeze(Mirror::from_shape(wallet, owner)?)
        }
        (Shape::Close(shapes::Close { wallet, remainder }), RequestText::Nothing(())) => Command::Close {
            wallet: Mirror::from_shape(wallet, owner)?,
            remainder: Mirror::from_shape(remainder, owner)?,
            force: false,
        },
        (Shape::Tick(()), RequestText::Nothing(())) => Command::Tick,
        // Only pairs that fit are named above; whatever else stands together was never written together.
        (_, _) => return Err(DecodeError::PartsDisagree { about: "the command" }),
    })
}

/// An empty memo is nothing.
pub(super) fn memo_text(memo: &Memo) -> RequestText<'_> {
    let Memo { reference_type, reference_id, description, metadata } = memo;
    if reference_type.is_none() && reference_id.is_none() && description.is_none() && metadata.is_empty() {
        RequestText::Nothing(())
    } else {
        RequestText::Memo(memo.to_shape(Owner::NOBODY))
    }
}

pub(super) fn memo_again(text: RequestText<'_>) -> Result<Memo, DecodeError> {
    match text {
        RequestText::Nothing(()) => Ok(Memo::default()),
        RequestText::Memo(memo) => Mirror::from_shape(memo, Owner::NOBODY),
        RequestText::CreateCustomer(_)
        | RequestText::UpdateCustomer(_)
        | RequestText::CreateWallet(_)
        | RequestText::UpdateWallet(_) => Err(DecodeError::PartsDisagree { about: "the memo" }),
    }
}

pub(super) fn create_wallet(command: &CreateWallet, owner: Owner) -> shapes::CreateWallet<'_> {
    let CreateWallet {
        customer: _,
        currency,
        price_unit,
        conversion_rate,
        topup_conversion_rate,
        wallet_type,
        name: _,
        description: _,
        metadata: _,
        priority,
        allowed_price_types,
        overdraft_limit,
        initial_credits,
        initial_expires_at,
        rules: _,
    } = command;
    shapes::CreateWallet {
        currency: currency
            .expect("only version 4 leaves it out, and `record_needs_v4` says so")
            .to_shape(owner),
        price_unit: price_unit.to_shape(owner),
        conversion_rate: conversion_rate.to_shape(owner),
        topup_conversion_rate: topup_conversion_rate.to_shape(owner),
        wallet_type: wallet_type.to_shape(owner),
        priority: *priority,
        allowed_price_types: allowed_price_types.to_shape(owner),
        overdraft_limit: overdraft_limit.to_shape(owner),
        initial_credits: initial_credits.to_shape(owner),
        initial_expires_at: initial_expires_at.to_shape(owner),
    }
}

/// The words of a wallet's creation.
pub(super) fn create_wallet_text(command: &CreateWallet, owner: Owner) -> CreateWalletText<'_> {
    CreateWalletText {
        customer: &command.customer,
        name: command.name.to_shape(owner),
        description: command.description.to_shape(owner),
        metadata: command.metadata.to_shape(owner),
    }
}

fn create_wallet_again(
    shape: shapes::CreateWallet<'_>,
    text: CreateWalletText<'_>,
    owner: Owner,
) -> Result<CreateWallet, DecodeError> {
    let CreateWalletText { customer, name, description, metadata } = text;
    Ok(CreateWallet {
        customer: customer.into(),
        currency: Some(Mirror::from_shape(shape.currency, owner)?),
        price_unit: Mirror::from_shape(shape.price_unit, owner)?,
        conversion_rate: Mirror::from_shape(shape.conversion_rate, owner)?,
        topup_conversion_rate: Mirror::from_shape(shape.topup_conversion_rate, owner)?,
        wallet_type: Mirror::from_shape(shape.wallet_type, owner)?,
        name: Mirror::from_shape(name, owner)?,
        description: Mirror::from_shape(description, owner)?,
        metadata: Mirror::from_shape(metadata, owner)?,
        priority: shape.priority,
        allowed_price_types: Mirror::from_shape(shape.allowed_price_types, owner)?,
        overdraft_limit: Mirror::from_shape(shape.overdraft_limit, owner)?,
        initial_credits: Mirror::from_shape(shape.initial_credits, owner)?,
        initial_expires_at: Mirror::from_shape(shape.initial_expires_at, owner)?,
        rules: None,
    })
}

pub(super) fn update_wallet(command: &UpdateWallet, owner: Owner) -> shapes::UpdateWallet {
    let UpdateWallet {
        wallet,
        name: _,
        description: _,
        metadata: _,
        priority,
        allowed_price_types,
        overdraft_limit,
        alerts: _,
        auto_topup: _,
    } = command;
    shapes::UpdateWallet {
        wallet: wallet.to_shape(owner),
        priority: *priority,
        allowed_price_types: allowed_price_types.to_shape(owner),
        overdraft_limit: overdraft_limit.to_shape(owner),
    }
}

fn update_wallet_again(
    shape: shapes::UpdateWallet,
    text: UpdateWalletText<'_>,
    owner: Owner,
) -> Result<UpdateWallet, DecodeError> {
    let UpdateWalletText { name, description, metadata } = text;
    Ok(UpdateWallet {
        wallet: Mirror::from_shape(shape.wallet, owner)?,
        name: Mirror::from_shape(name, owner)?,
        description: Mirror::from_shape(description, owner)?,
        metadata: Mirror::from_shape(metadata, owner)?,
        priority: shape.priority,
        allowed_price_types: Mirror::from_shape(shape.allowed_price_types, owner)?,
        overdraft_limit: Mirror::from_shape(shape.overdraft_limit, owner)?,
        alerts: None,
        auto_topup: None,
    })
}

/// A top-up, whatever its reason is here.
pub(super) fn top_up(command: &TopUp, reason: CreditReason, owner: Owner) -> shapes::TopUp<'_> {
    let TopUp {
        wallet,
        quantity,
        reason: _,
        effective_at,
        expires_at,
        priority,
        scope,
        paid,
        bonus,
        memo: _,
    } = command;
    shapes::TopUp {
        wallet: wallet.to_shape(owner),
        quantity: quantity.to_shape(owner),
        reason,
        effective_at: effective_at.to_shape(owner),
        expires_at: expires_at.to_shape(owner),
        priority: *priority,
        scope: scope.to_shape(owner),
        paid: paid.to_shape(owner),
        bonus: bonus.to_shape(owner),
    }
}

fn top_up_again(shape: shapes::TopUp<'_>, memo: Memo, owner: Owner) -> Result<TopUp, DecodeError> {
    Ok(TopUp {
        wallet: Mirror::from_shape(shape.wallet, owner)?,
        quantity: Mirror::from_shape(shape.quantity, owner)?,
        reason: Mirror::from_shape(shape.reason, owner)?,
        effective_at: Mirror::from_shape(shape.effective_at, owner)?,
        expires_at: Mirror::from_shape(shape.expires_at, owner)?,
        priority: shape.priority,
        scope: Mirror::from_shape(shape.scope, owner)?,
        paid: Mirror::from_shape(shape.paid, owner)?,
        bonus: Mirror::from_shape(shape.bonus, owner)?,
        memo,
    })
}

pub(super) fn manual_debit(command: &ManualDebit, owner: Owner) -> shapes::ManualDebit {
    let ManualDebit { wallet, credits, memo: _ } = command;
    shapes::ManualDebit { wallet: wallet.to_shape(owner), credits: credits.to_shape(owner) }
}
