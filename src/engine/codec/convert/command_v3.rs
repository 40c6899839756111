//! Commands of version 3: those of version 2 with what they do not know beside them.

use coffer_ledger::command::{Command, UpdateGrant};

use super::command::command_to_shape;
use super::command_again::command_from_shape;
use super::command_words::command_text;
use super::grant::{
    change_again, change_numbers, change_text, create_grant, create_grant_again, grant_text, subscribe,
    subscribe_again,
};
use super::leaves::shapes_of;
use super::{Mirror, Owner, member, members};
use crate::engine::codec::error::{DecodeError, EncodeError};
use crate::engine::codec::v1::request::Command as V1;
use crate::engine::codec::v2::request::Command as V2;
use crate::engine::codec::v2::texts::RequestText as TextV2;
use crate::engine::codec::v3::grant as grants;
use crate::engine::codec::v3::request::{Command as Shape, Commands};
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
        Command::Subscribe(request) => Shape::Subscribe(subscribe(request, owner)),
        Command::Unsubscribe { subscription, void_remaining } => {
            Shape::Unsubscribe(grants::Unsubscribe { subscription, void_remaining: *void_remaining })
        }
        Command::CreateGrant(request) => Shape::CreateGrant(create_grant(request, owner)),
        Command::UpdateGrant(request) => Shape::UpdateGrant(grants::UpdateGrant {
            id: request.id.to_shape(owner),
            change: change_numbers(&request.change, owner),
        }),
        Command::DeleteGrant { id, effective_at, void_remaining } => {
            Shape::DeleteGrant(grants::DeleteGrant {
                id: id.to_shape(owner),
                effective_at: effective_at.to_shape(owner),
                void_remaining: *void_remaining,
            })
        }
        Command::FollowPlans => Shape::FollowPlans(()),
        command => Shape::V2(command_to_shape(command, owner)?),
    })
}

/// The words of a command, or of each of a batch.
pub(in crate::engine::codec) fn commands_texts_v3(
    command: &Command,
) -> Result<RequestTexts<'_>, EncodeError> {
    match command {
        Command::Atomic(commands) => members(commands, text_v3).map(RequestTexts::All),
        command => member(text_v3(command)).map(RequestTexts::One),
    }
}

/// `None` is a batch.
fn text_v3(command: &Command) -> Option<RequestText<'_>> {
    match command {
        Command::Subscribe(request) => Some(RequestText::Subscribe(&request.customer)),
        Command::CreateGrant(request) => {
            Some(RequestText::Grant(grant_text(&request.name, &request.metadata)))
        }
        Command::UpdateGrant(request) => Some(RequestText::GrantChange(change_text(&request.change))),
        command => command_text(command).map(RequestText::V2),
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

/// What stands in a command of version 2 is put together by it; what has words of its own, by those.
fn command_from_v3(shape: Shape<'_>, text: RequestText<'_>, owner: Owner) -> Result<Command, DecodeError> {
    match (shape, text) {
        (Shape::Subscribe(shape), RequestText::Subscribe(customer)) => {
            Ok(Command::Subscribe(Box::new(subscribe_again(shape, customer, owner)?)))
        }
        (Shape::CreateGrant(shape), RequestText::Grant(text)) => {
            Ok(Command::CreateGrant(Box::new(create_grant_again(shape, text, owner)?)))
        }
        (Shape::UpdateGrant(shape), RequestText::GrantChange(text)) => {
            let id = Mirror::from_shape(shape.id, owner)?;
            let change = change_again(shape.change, text, owner)?;
            Ok(Command::UpdateGrant(Box::new(UpdateGrant { id, change })))
        }
        (shape, RequestText::V2(text)) => command_from_words_of_v2(shape, text, owner),
        (_, RequestText::Subscribe(_) | RequestText::Grant(_) | RequestText::GrantChange(_)) => {
            Err(WORDS_DISAGREE)
        }
    }
}

const WORDS_DISAGREE: DecodeError = DecodeError::PartsDisagree { about: "the command's words" };

fn command_from_words_of_v2(
    shape: Shape<'_>,
    text: TextV2<'_>,
    owner: Owner,
) -> Result<Command, DecodeError> {
    let shape = match shape {
        Shape::V2(shape) => return command_from_shape(shape, text, owner),
        shape => shape,
    };
    // A command of which no words are kept: it is put together as one of the kind, so that words which stand there are noticed.
    command_from_shape(V2::V1(V1::Tick(())), text, owner)?;
    without_words(shape, owner)
}

fn without_words(shape: Shape<'_>, owner: Owner) -> Result<Command, DecodeError> {
    Ok(match shape {
        Shape::Unsubscribe(grants::Unsubscribe { subscription, void_remaining }) => {
            Command::Unsubscribe { subscription: subscription.into(), void_remaining }
        }
        Shape::DeleteGrant(grants::DeleteGrant { id, effective_at, void_remaining }) => {
            Command::DeleteGrant {
                id: Mirror::from_shape(id, owner)?,
                effective_at: Mirror::from_shape(effective_at, owner)?,
                void_remaining,
            }
        }
        Shape::FollowPlans(()) => Command::FollowPlans,
        Shape::V2(_) | Shape::Subscribe(_) | Shape::CreateGrant(_) | Shape::UpdateGrant(_) => {
            return Err(WORDS_DISAGREE);
        }
    })
}
