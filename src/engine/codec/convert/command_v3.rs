//! Commands of version 3: those of version 2 with what they do not know beside them.

use coffer_ledger::command::{Command, CreditReason, TopUp};
use coffer_ledger::recharge::RechargeReason;

use super::command::command_to_shape;
use super::command_again::command_from_shape;
use super::command_words::command_text;
use super::leaves::shapes_of;
use super::request::{create_wallet, top_up, update_wallet};
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::{DecodeError, EncodeError};
use crate::engine::codec::v1::request::Command as V1;
use crate::engine::codec::v1::shared::CreditReason as ReasonV1;
use crate::engine::codec::v2::request::Command as V2;
use crate::engine::codec::v3::request::{
    Command as Shape, Commands, CreateWallet, RechargeUnpaid, UpdateWallet,
};
use crate::engine::codec::v3::texts::{RequestText, RequestTexts};

/// What is public about a command, or about each of a batch.
pub(in crate::engine::codec) fn commands_to_v3(
    command: &Command,
    owner: Owner,
) -> Result<Commands<'_>, EncodeError> {
    match command {
        Command::Atomic(commands) => {
            members(commands, |command| command_to_v3(command, owner)).map(Commands::All)
        }
        command => member(command_to_v3(command, owner)).map(Commands::One),
    }
}

/// `None` is a batch.
fn command_to_v3(command: &Command, owner: Owner) -> Option<Shape<'_>> {
    Some(match command {
        Command::CreateWallet(command) if command.rules.is_some() => {
            let rules = command.rules.as_ref().expect("that was asked");
            Shape::CreateWallet(CreateWallet {
                plain: create_wallet(command, owner),
                rules: rules.to_shape(owner),
            })
        }
        Command::UpdateWallet(command) if command.alerts.is_some() || command.auto_topup.is_some() => {
            Shape::UpdateWallet(UpdateWallet {
                plain: update_wallet(command, owner),
                alerts: command.alerts.to_shape(owner),
                auto_topup: command.auto_topup.to_shape(owner),
            })
        }
        Command::TopUp(command) if command.reason == CreditReason::PurchasedCreditInvoiced => {
            Shape::InvoicedTopUp(top_up(command, ReasonV1::PurchasedCreditDirect, owner))
        }
        Command::CompleteRecharge(recharge) => Shape::CompleteRecharge(recharge.to_shape(owner)),
        Command::FailRecharge { id, reason: RechargeReason::PaymentFailed } => {
            Shape::FailRecharge(id.to_shape(owner))
        }
        Command::FailRecharge { id, reason } => Shape::FailRechargeFor(RechargeUnpaid {
            recharge: id.to_shape(owner),
            reason: reason.to_shape(owner),
        }),
        Command::CancelRecharge(recharge) => Shape::CancelRecharge(recharge.to_shape(owner)),
        Command::ResumeAutoTopup(wallet) => Shape::ResumeAutoTopup(wallet.to_shape(owner)),
        Command::Recharge(due) => Shape::Recharge(due.to_shape(owner)),
        command => Shape::V2(command_to_shape(command, owner)?),
    })
}

/// The words of a command, or of each of a batch.
pub(in crate::engine::codec) fn commands_texts_v3(
    command: &Command,
) -> Result<RequestTexts<'_>, EncodeError> {
    let text = |command| command_text(command).map(RequestText::V2);
    match command {
        Command::Atomic(commands) => members(commands, text).map(RequestTexts::All),
        command => member(text(command)).map(RequestTexts::One),
    }
}

/// A command from its public shape and its words, or a batch from those of each.
pub(in crate::engine::codec) fn commands_from_v3(
    shape: Commands<'_>,
    texts: RequestTexts<'_>,
    owner: Owner,
) -> Result<Command, DecodeError> {
    match (shape, texts) {
        (Commands::One(shape), RequestTexts::One(text)) => command_from_v3(shape, text, owner),
        (Commands::All(shapes), RequestTexts::All(texts)) => {
            let (shapes, texts) = (shapes_of(shapes), shapes_of(texts));
            if shapes.len() != texts.len() {
                return Err(DecodeError::PartsDisagree { about: "the number of commands" });
            }
            let pairs = shapes.into_iter().zip(texts);
            let commands = pairs.map(|(shape, text)| command_from_v3(shape, text, owner));
            commands.collect::<Result<_, _>>().map(Command::Atomic)
        }
        (Commands::One(_), RequestTexts::All(_)) | (Commands::All(_), RequestTexts::One(_)) => {
            Err(DecodeError::PartsDisagree { about: "whether it is a batch" })
        }
    }
}

/// What stands in a command of version 2 is put together by it, and then gets what it does not know.
fn command_from_v3(
    shape: Shape<'_>,
    RequestText::V2(text): RequestText<'_>,
    owner: Owner,
) -> Result<Command, DecodeError> {
    let shape = match shape {
        Shape::V2(shape) => return command_from_shape(shape, text, owner),
        shape => shape,
    };
    let plain = |shape: V1<'_>| command_from_shape(V2::V1(shape), text, owner);
    Ok(match shape {
        Shape::CreateWallet(CreateWallet { plain: shape, rules }) => match plain(V1::CreateWallet(shape))? {
            Command::CreateWallet(command) => Command::CreateWallet(coffer_ledger::command::CreateWallet {
                rules: Some(Mirror::from_shape(rules, owner)?),
                ..command
            }),
            other => other,
        },
        Shape::UpdateWallet(UpdateWallet { plain: shape, alerts, auto_topup }) => {
            match plain(V1::UpdateWallet(shape))? {
                Command::UpdateWallet(command) => {
                    Command::UpdateWallet(coffer_ledger::command::UpdateWallet {
                        alerts: Mirror::from_shape(alerts, owner)?,
                        auto_topup: Mirror::from_shape(auto_topup, owner)?,
                        ..command
                    })
                }
                other => other,
            }
        }
        Shape::InvoicedTopUp(shape) => match plain(V1::TopUp(shape))? {
            Command::TopUp(command) => {
                Command::TopUp(TopUp { reason: CreditReason::PurchasedCreditInvoiced, ..command })
            }
            other => other,
        },
        // A command of which no words are kept: it is put together as one of the kind, so that words which stand there are noticed.
        shape => {
            plain(V1::Tick(()))?;
            without_words(shape, owner)?
        }
    })
}

fn without_words(shape: Shape<'_>, owner: Owner) -> Result<Command, DecodeError> {
    Ok(match shape {
        Shape::CompleteRecharge(recharge) => Command::CompleteRecharge(Mirror::from_shape(recharge, owner)?),
        Shape::FailRecharge(recharge) => Command::FailRecharge {
            id: Mirror::from_shape(recharge, owner)?,
            reason: RechargeReason::PaymentFailed,
        },
        Shape::FailRechargeFor(RechargeUnpaid { recharge, reason }) => Command::FailRecharge {
            id: Mirror::from_shape(recharge, owner)?,
            reason: Mirror::from_shape(reason, owner)?,
        },
        Shape::CancelRecharge(recharge) => Command::CancelRecharge(Mirror::from_shape(recharge, owner)?),
        Shape::ResumeAutoTopup(wallet) => Command::ResumeAutoTopup(Mirror::from_shape(wallet, owner)?),
        Shape::Recharge(due) => Command::Recharge(Mirror::from_shape(due, owner)?),
        Shape::V2(_) | Shape::CreateWallet(_) | Shape::UpdateWallet(_) | Shape::InvoicedTopUp(_) => {
            unreachable!("these have words")
        }
    })
}
