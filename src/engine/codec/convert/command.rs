//! Commands: the public shape, in version 1 where that can hold it.

use coffer_ledger::command::{Capture, Command, PlaceHold, Refund, VoidCredit};

use super::charge::{debit_to_shape, debit_to_v1, hold_asked_to_shape, metered_to_shape};
use super::invoice::settle_to_shape;
use super::oldest::command_fits_v1;
use super::request::{create_wallet, manual_debit, top_up, update_wallet};
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::EncodeError;
use crate::engine::codec::v1::request as v1;
use crate::engine::codec::v2::request as v2;
use crate::engine::codec::v2::request::{Command as Shape, Commands};

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

/// What is public about a command that version 1 can hold.
pub(in crate::engine::codec) fn command_to_v1(command: &Command, owner: Owner) -> v1::Command<'_> {
    match command {
        Command::CreateCustomer { .. } => v1::Command::CreateCustomer(()),
        Command::UpdateCustomer { .. } => v1::Command::UpdateCustomer(()),
        Command::DeleteCustomer => v1::Command::DeleteCustomer(()),
        Command::CreateWallet(command) => v1::Command::CreateWallet(create_wallet(command, owner)),
        Command::UpdateWallet(command) => v1::Command::UpdateWallet(update_wallet(command, owner)),
        Command::TopUp(command) => v1::Command::TopUp(top_up(command, command.reason.to_shape(owner), owner)),
        Command::Debit(command) => v1::Command::Debit(debit_to_v1(command, owner)),
        Command::ManualDebit(command) => v1::Command::ManualDebit(manual_debit(command, owner)),
        Command::Freeze(wallet) => v1::Command::Freeze(wallet.to_shape(owner)),
        Command::Unfreeze(wallet) => v1::Command::Unfreeze(wallet.to_shape(owner)),
        Command::Close { wallet, remainder, force: _ } => v1::Command::Close(v1::Close {
            wallet: wallet.to_shape(owner),
            remainder: remainder.to_shape(owner),
        }),
        Command::Tick => v1::Command::Tick(()),
        Command::PlaceHold(_)
        | Command::Capture(_)
        | Command::Release { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::Refund(_)
        | Command::VoidCredit(_)
        | Command::Settle(_)
        | Command::VoidInvoice { .. }
        | Command::Transfer(_)
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Event(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::ChangeCustomer(_)
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Atomic(_) => {
            unreachable!("whoever asks has seen that version 1 holds it")
        }
    }
}

/// `None` is a batch.
pub(super) fn command_to_shape(command: &Command, owner: Owner) -> Option<Shape<'_>> {
    if command_fits_v1(command) {
        return Some(Shape::V1(command_to_v1(command, owner)));
    }
    Some(match command {
        Command::Debit(command) => Shape::Debit(debit_to_shape(command, owner)),
        Command::Close { wallet, remainder, force: _ } => Shape::ForceClose(v1::Close {
            wallet: wallet.to_shape(owner),
            remainder: remainder.to_shape(owner),
        }),
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
        Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::ChangeCustomer(_) => unreachable!("whoever asks has seen that version 2 holds it"),
        Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_) => unreachable!("whoever asks has seen that version 2 holds it"),
        Command::Atomic(_) => return None,
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::TopUp(_)
        | Command::ManualDebit(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Tick => Shape::V1(command_to_v1(command, owner)),
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
