//! Requests of version 4: those that say only what changes, and wallets in the tenant's currency.

use coffer_ledger::catalog::settings::{PrioritiesChange, SettingsChange};
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::{Command, CreateWallet};
use coffer_ledger::customer::ProfileChange;
use coffer_ledger::record::Record;

use super::request::create_wallet_text;
use super::tenant::OWNER;
use super::{Mirror, Owner};
use crate::engine::codec::error::{DecodeError, EncodeError};
use crate::engine::codec::v1::texts::CreateWalletText;
use crate::engine::codec::v4::request as shapes;
use crate::engine::codec::v4::tenant as tenants;
use crate::engine::codec::v4::texts;
use crate::engine::codec::v4::texts::RequestText;

/// Whether only version 4 holds the request of a record. What it knows of is named here; of anything else the matches of `oldest` say who does.
pub(in crate::engine::codec) fn record_needs_v4(record: &Record) -> bool {
    needs_v4(&record.command)
}

fn needs_v4(command: &Command) -> bool {
    match command {
        Command::ChangeCustomer(_) => true,
        Command::CreateWallet(request) => request.currency.is_none(),
        Command::Atomic(commands) => commands.iter().any(needs_v4),
        _ => false,
    }
}

/// What is public about a request, and its words.
pub(in crate::engine::codec) fn command_to_v4(
    command: &Command,
    owner: Owner,
) -> Result<(shapes::Command<'_>, RequestText<'_>), EncodeError> {
    match command {
        Command::ChangeCustomer(change) => Ok((
            shapes::Command::ChangeCustomer(()),
            RequestText::ChangeCustomer(profile_change(change, owner)),
        )),
        Command::CreateWallet(request) => {
            let text = RequestText::CreateWallet(create_wallet_text(request, owner));
            Ok((shapes::Command::CreateWallet(create_wallet(request, owner)), text))
        }
        _ => {
            Err(EncodeError::Encoder(bincode::error::EncodeError::Other("it stands in a batch, and may not")))
        }
    }
}

/// A request from its public shape and its words.
pub(in crate::engine::codec) fn command_from_v4(
    shape: shapes::Command<'_>,
    text: RequestText<'_>,
    owner: Owner,
) -> Result<Command, DecodeError> {
    match (shape, text) {
        (shapes::Command::ChangeCustomer(()), RequestText::ChangeCustomer(text)) => {
            profile_change_again(text, owner).map(|change| Command::ChangeCustomer(Box::new(change)))
        }
        (shapes::Command::CreateWallet(shape), RequestText::CreateWallet(text)) => {
            create_wallet_again(shape, text, owner).map(Command::CreateWallet)
        }
        (shapes::Command::ChangeCustomer(()), RequestText::CreateWallet(_))
        | (shapes::Command::CreateWallet(_), RequestText::ChangeCustomer(_)) => {
            Err(DecodeError::PartsDisagree { about: "the command" })
        }
    }
}

fn profile_change(change: &ProfileChange, owner: Owner) -> texts::ProfileChange<'_> {
    let ProfileChange { name, email, contact, address, timezone, metadata } = change;
    let [line_1, line_2, city, state, postal_code, country] = address;
    texts::ProfileChange {
        name: name.to_shape(owner),
        email: email.to_shape(owner),
        contact: contact.to_shape(owner),
        line_1: line_1.to_shape(owner),
        line_2: line_2.to_shape(owner),
        city: city.to_shape(owner),
        state: state.to_shape(owner),
        postal_code: postal_code.to_shape(owner),
        country: country.to_shape(owner),
        timezone: timezone.to_shape(owner),
        metadata: metadata.to_shape(owner),
    }
}

fn profile_change_again(text: texts::ProfileChange<'_>, owner: Owner) -> Result<ProfileChange, DecodeError> {
    let texts::ProfileChange {
        name,
        email,
        contact,
        line_1,
        line_2,
        city,
        state,
        postal_code,
        country,
        timezone,
        metadata,
    } = text;
    let address = [line_1, line_2, city, state, postal_code, country];
    Ok(ProfileChange {
        name: Mirror::from_shape(name, owner)?,
        email: Mirror::from_shape(email, owner)?,
        contact: Mirror::from_shape(contact, owner)?,
        address: address.map(|line| line.map(Box::from)),
        timezone: Mirror::from_shape(timezone, owner)?,
        metadata: Mirror::from_shape(metadata, owner)?,
    })
}

fn create_wallet(request: &CreateWallet, owner: Owner) -> shapes::CreateWallet<'_> {
    let CreateWallet {
        customer: _,
        currency: _,
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
        rules,
    } = request;
    shapes::CreateWallet {
        price_unit: price_unit.to_shape(owner),
        conversion_rate: conversion_rate.to_shape(owner),
        topup_conversion_rate: topup_conversion_rate.to_shape(owner),
        wallet_type: wallet_type.to_shape(owner),
        priority: *priority,
        allowed_price_types: allowed_price_types.to_shape(owner),
        overdraft_limit: overdraft_limit.to_shape(owner),
        initial_credits: initial_credits.to_shape(owner),
        initial_expires_at: initial_expires_at.to_shape(owner),
        rules: rules.to_shape(owner),
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
        currency: None,
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
        rules: Mirror::from_shape(shape.rules, owner)?,
    })
}

/// The shape of a tenant's request that only version 4 holds; `None` = an older one holds it.
pub(in crate::engine::codec) fn tenant_command_to_v4(
    command: &TenantCommand,
) -> Option<tenants::Command<'_>> {
    match command {
        TenantCommand::ChangeSettings(change) => {
            Some(tenants::Command::ChangeSettings(change.to_shape(OWNER)))
        }
        _ => None,
    }
}

/// A tenant's request from its shape.
pub(in crate::engine::codec) fn tenant_command_from_v4(
    shape: tenants::Command<'_>,
) -> Result<TenantCommand, DecodeError> {
    let tenants::Command::ChangeSettings(change) = shape;
    Mirror::from_shape(change, OWNER).map(TenantCommand::ChangeSettings)
}

impl<'a> Mirror<'a, tenants::SettingsChange<'a>> for SettingsChange {
    fn to_shape(&'a self, owner: Owner) -> tenants::SettingsChange<'a> {
        let Self { default_priorities, default_currency, time_zone, auto_complete, payment_result } = self;
        let PrioritiesChange { purchased, promotional, plan_included, refund, adjustment } =
            *default_priorities;
        tenants::SettingsChange {
            purchased,
            promotional,
            plan_included,
            refund,
            adjustment,
            default_currency: default_currency.to_shape(owner),
            time_zone: time_zone.to_shape(owner),
            auto_complete: *auto_complete,
            payment_result: *payment_result,
        }
    }

    fn from_shape(shape: tenants::SettingsChange<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let tenants::SettingsChange {
            purchased,
            promotional,
            plan_included,
            refund,
            adjustment,
            default_currency,
            time_zone,
            auto_complete,
            payment_result,
        } = shape;
        Ok(Self {
            default_priorities: PrioritiesChange {
                purchased,
                promotional,
                plan_included,
                refund,
                adjustment,
            },
            default_currency: Mirror::from_shape(default_currency, owner)?,
            time_zone: Mirror::from_shape(time_zone, owner)?,
            auto_complete,
            payment_result,
        })
    }
}
