//! The words of commands, in version 1 where that can hold them.

use coffer_ledger::command::{Asked, Command, Event, HoldAsked};

use super::charge::usage_text;
use super::invoice::settle_text;
use super::request::{create_wallet_text, memo_text};
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::EncodeError;
use crate::engine::codec::v1::texts as v1;
use crate::engine::codec::v1::texts::RequestText as TextV1;
use crate::engine::codec::v2::request::Transfer;
use crate::engine::codec::v2::texts::{EventText, RequestText as Text, RequestTexts};

/// The words of a command, or of each of a batch.
pub(in crate::engine::codec) fn commands_texts(command: &Command) -> Result<RequestTexts<'_>, EncodeError> {
    match command {
        Command::Atomic(commands) => members(commands, command_text).map(RequestTexts::All),
        command => member(command_text(command)).map(RequestTexts::One),
    }
}

/// The words of a command, as far as version 1 knows them: all of what it can hold, and memos.
pub(in crate::engine::codec) fn command_text_v1(command: &Command) -> TextV1<'_> {
    let owner = Owner::NOBODY;
    match command {
        Command::CreateCustomer { external_id, profile } => {
            TextV1::CreateCustomer(v1::CreateCustomerText { external_id, profile: profile.to_shape(owner) })
        }
        Command::UpdateCustomer { profile } => TextV1::UpdateCustomer(profile.to_shape(owner)),
        Command::CreateWallet(command) => TextV1::CreateWallet(create_wallet_text(command, owner)),
        Command::UpdateWallet(command) => TextV1::UpdateWallet(v1::UpdateWalletText {
            name: command.name.to_shape(owner),
            description: command.description.to_shape(owner),
            metadata: command.metadata.to_shape(owner),
        }),
        Command::TopUp(command) => memo_text(&command.memo),
        Command::Debit(command) => memo_text(&command.memo),
        Command::ManualDebit(command) => memo_text(&command.memo),
        Command::PlaceHold(command) => memo_text(&command.memo),
        Command::Capture(command) => memo_text(&command.memo),
        Command::Refund(command) => memo_text(&command.memo),
        Command::VoidCredit(command) => memo_text(&command.memo),
        Command::Transfer(command) => memo_text(&command.memo),
        Command::Release { hold: _, memo } => memo_text(memo),
        Command::DeleteCustomer
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::Settle(_)
        | Command::VoidInvoice { .. }
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
        | Command::Atomic(_)
        | Command::Tick => TextV1::Nothing(()),
    }
}

/// `None` is a batch.
pub(super) fn command_text(command: &Command) -> Option<Text<'_>> {
    Some(match command {
        Command::Debit(debit) => match &debit.asked {
            Asked::Metered(metered) => usage_text(metered, &debit.memo),
            Asked::Credits(_) | Asked::Amount(_) => Text::V1(command_text_v1(command)),
        },
        Command::PlaceHold(hold) => match &hold.asked {
            HoldAsked::Metered(metered) => usage_text(metered, &hold.memo),
            HoldAsked::Exactly(_) | HoldAsked::Range { .. } => Text::V1(command_text_v1(command)),
        },
        Command::Settle(command) => Text::Settle(settle_text(command)),
        Command::VoidInvoice { invoice } => Text::Invoice(invoice),
        Command::Transfer(command) => {
            let (_, text): (Transfer, _) = command.to_shape(Owner::NOBODY);
            Text::Transfer(text)
        }
        Command::Event(event) => Text::Event(event_text(event)),
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
        | Command::Close { .. }
        | Command::Capture(_)
        | Command::Release { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::Refund(_)
        | Command::VoidCredit(_)
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
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
        | Command::Tick => Text::V1(command_text_v1(command)),
    })
}

fn event_text(event: &Event) -> EventText<'_> {
    let Event { customer, source, id, timestamp: _, metered, charge: _ } = event;
    EventText { customer, source, id, properties: metered.properties.to_shape(Owner::NOBODY) }
}
