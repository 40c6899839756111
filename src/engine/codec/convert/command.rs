//! Commands: the public shape and the words, in version 1 where that can hold them.

use coffer_ledger::command::{Asked, Capture, Command, Event, HoldAsked, PlaceHold, Refund, VoidCredit};

use super::charge::{debit_to_shape, hold_asked_to_shape, metered_to_shape, usage_text};
use super::invoice::{settle_text, settle_to_shape};
use super::request::{create_wallet, manual_debit, memo_text, top_up, update_wallet};
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::EncodeError;
use crate::engine::codec::v1::request as v1;
use crate::engine::codec::v1::texts as v1_texts;
use crate::engine::codec::v1::texts::RequestText as TextV1;
use crate::engine::codec::v2::request as v2;
use crate::engine::codec::v2::request::{Command as Shape, Commands};
use crate::engine::codec::v2::texts::{EventText, RequestText as Text, RequestTexts};

/// What is public about a command, or about each of a batch.
pub(in crate::engine::codec) fn commands_to_shape(
    command: &Command,
    owner: Owner,
) -> Result<Commands<'_>, EncodeError> {
    match command {
        Command::Atomic(commands) => {
            members(commands, |command| command_to_shape(command, owner)).map(Commands::All)
        }
        command => member(command_to_shape(command, owner)).map(Commands::One),
    }
}

/// `None` is a batch.
fn command_to_shape(command: &Command, owner: Owner) -> Option<Shape<'_>> {
    Some(match command {
        Command::CreateCustomer { .. } => Shape::V1(v1::Command::CreateCustomer(())),
        Command::UpdateCustomer { .. } => Shape::V1(v1::Command::UpdateCustomer(())),
        Command::DeleteCustomer => Shape::V1(v1::Command::DeleteCustomer(())),
        Command::CreateWallet(command) => Shape::V1(v1::Command::CreateWallet(create_wallet(command, owner))),
        Command::UpdateWallet(command) => Shape::V1(v1::Command::UpdateWallet(update_wallet(command, owner))),
        Command::TopUp(command) => Shape::V1(v1::Command::TopUp(top_up(command, owner))),
        Command::Debit(command) => debit_to_shape(command, owner),
        Command::ManualDebit(command) => Shape::V1(v1::Command::ManualDebit(manual_debit(command, owner))),
        Command::Freeze(wallet) => Shape::V1(v1::Command::Freeze(wallet.to_shape(owner))),
        Command::Unfreeze(wallet) => Shape::V1(v1::Command::Unfreeze(wallet.to_shape(owner))),
        Command::Close { wallet, remainder, force } => {
            let close = v1::Close { wallet: wallet.to_shape(owner), remainder: remainder.to_shape(owner) };
            if *force { Shape::ForceClose(close) } else { Shape::V1(v1::Command::Close(close)) }
        }
        Command::PlaceHold(command) => Shape::PlaceHold(place_hold(command, owner)),
        Command::Capture(Capture { hold, credits, last, memo: _ }) => Shape::Capture(v2::Capture {
            hold: hold.to_shape(owner),
            credits: credits.to_shape(owner),
            last: *last,
        }),
        Command::Release { hold, memo: _ } => Shape::Release(hold.to_shape(owner)),
        Command::Extend { hold, expires_in_s } => {
            Shape::Extend(v2::Extend { hold: hold.to_shape(owner), expires_in_s: *expires_in_s })
        }
        Command::Grow { hold, credits } => {
            Shape::Grow(v2::Grow { hold: hold.to_shape(owner), credits: credits.to_shape(owner) })
        }
        Command::Refund(Refund { row, credits, regrant_days, memo: _ }) => Shape::Refund(v2::Refund {
            row: row.to_shape(owner),
            credits: credits.to_shape(owner),
            regrant_days: *regrant_days,
        }),
        Command::VoidCredit(VoidCredit { row, memo: _ }) => Shape::VoidCredit(row.to_shape(owner)),
        Command::Settle(command) => Shape::Settle(settle_to_shape(command, owner)),
        Command::VoidInvoice { invoice: _ } => Shape::VoidInvoice(()),
        Command::Transfer(command) => {
            let (numbers, _) = command.to_shape(owner);
            Shape::Transfer(numbers)
        }
        Command::TransferIn(command) => Shape::TransferIn(command.to_shape(owner)),
        Command::TransferDone(transfer) => Shape::TransferDone(transfer.to_shape(owner)),
        Command::TransferBack(transfer) => Shape::TransferBack(transfer.to_shape(owner)),
        Command::TransferForget(transfer) => Shape::TransferForget(transfer.to_shape(owner)),
        Command::SetBudget(command) => Shape::SetBudget(command.to_shape(owner)),
        Command::DeleteBudget(budget) => Shape::DeleteBudget(budget),
        Command::ResetBudget(budget) => Shape::ResetBudget(budget),
        Command::Event(event) => Shape::Event(v2::Event {
            timestamp: event.timestamp.to_shape(owner),
            metered: metered_to_shape(&event.metered, owner),
            charge: event.charge.to_shape(owner),
        }),
        Command::Tick => Shape::V1(v1::Command::Tick(())),
        Command::Atomic(_) => return None,
    })
}

fn place_hold(command: &PlaceHold, owner: Owner) -> v2::PlaceHold<'_> {
    let PlaceHold { asked, charge, expires_in_s, over_capture, memo: _ } = command;
    v2::PlaceHold {
        asked: hold_asked_to_shape(asked, owner),
        charge: charge.to_shape(owner),
        expires_in_s: *expires_in_s,
        over_capture: over_capture.to_shape(owner),
    }
}

/// The words of a command, or of each of a batch.
pub(in crate::engine::codec) fn commands_texts(command: &Command) -> Result<RequestTexts<'_>, EncodeError> {
    match command {
        Command::Atomic(commands) => members(commands, command_text).map(RequestTexts::All),
        command => member(command_text(command)).map(RequestTexts::One),
    }
}

/// `None` is a batch.
fn command_text(command: &Command) -> Option<Text<'_>> {
    let owner = Owner::NOBODY;
    Some(match command {
        Command::CreateCustomer { external_id, profile } => {
            Text::V1(TextV1::CreateCustomer(v1_texts::CreateCustomerText {
                external_id,
                profile: profile.to_shape(owner),
            }))
        }
        Command::UpdateCustomer { profile } => Text::V1(TextV1::UpdateCustomer(profile.to_shape(owner))),
        Command::CreateWallet(command) => Text::V1(TextV1::CreateWallet(v1_texts::CreateWalletText {
            customer: &command.customer,
            name: command.name.to_shape(owner),
            description: command.description.to_shape(owner),
            metadata: command.metadata.to_shape(owner),
        })),
        Command::UpdateWallet(command) => Text::V1(TextV1::UpdateWallet(v1_texts::UpdateWalletText {
            name: command.name.to_shape(owner),
            description: command.description.to_shape(owner),
            metadata: command.metadata.to_shape(owner),
        })),
        Command::TopUp(command) => Text::V1(memo_text(&command.memo)),
        Command::ManualDebit(command) => Text::V1(memo_text(&command.memo)),
        Command::Capture(command) => Text::V1(memo_text(&command.memo)),
        Command::Refund(command) => Text::V1(memo_text(&command.memo)),
        Command::VoidCredit(command) => Text::V1(memo_text(&command.memo)),
        Command::Release { hold: _, memo } => Text::V1(memo_text(memo)),
        Command::Debit(command) => match &command.asked {
            Asked::Metered(metered) => usage_text(Some(metered), &command.memo),
            Asked::Credits(_) | Asked::Amount(_) => usage_text(None, &command.memo),
        },
        Command::PlaceHold(command) => match &command.asked {
            HoldAsked::Metered(metered) => usage_text(Some(metered), &command.memo),
            HoldAsked::Exactly(_) | HoldAsked::Range { .. } => usage_text(None, &command.memo),
        },
        Command::Settle(command) => Text::Settle(settle_text(command)),
        Command::VoidInvoice { invoice } => Text::Invoice(invoice),
        Command::Transfer(command) => {
            let (_, text): (v2::Transfer, _) = command.to_shape(owner);
            Text::Transfer(text)
        }
        Command::Event(event) => Text::Event(event_text(event)),
        Command::DeleteCustomer
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Tick => Text::V1(TextV1::Nothing(())),
        Command::Atomic(_) => return None,
    })
}

fn event_text(event: &Event) -> EventText<'_> {
    let Event { customer, source, id, timestamp: _, metered, charge: _ } = event;
    EventText { customer, source, id, properties: metered.properties.to_shape(Owner::NOBODY) }
}
