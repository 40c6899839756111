//! What is left of a record, a command or a state when everything personal in it is erased.
//!
//! Personal is what stands in a record's personal part: names, addresses, metadata, descriptions, references, properties of
//! usage, idempotency keys, names that callers give to customers and to the lines of invoices. What is left is said by the public
//! part alone, so that anybody can tell that nothing else is left; the one exception is an invoice's id, which must stay so that no
//! invoice is paid twice.
//!
//! Erasing and folding commute: the state that erased records lead to is the erased state of the records. Amounts, instants, ids,
//! budgets, meters and features stay as they are. Absent on purpose: when and where something is erased; hashes. Tested in `tests`, and
//! with every kind of record in `tests/codec/erasure.rs`.
//!
//! A live state is erased by records ([`clearing`], [`clearing_keys`]): updates that change nothing but that. They say
//! nothing personal, so they are the same when they are erased.

use crate::catalog::api_key::ApiKey;
use crate::catalog::tenant::{Tenant, TenantCommand, TenantEffect, TenantFacts, TenantRecord};
use crate::command::{
    Asked, Command, CreateWallet, Event, GrantChange, HoldAsked, Memo, Metered, Origin, UpdateGrant,
    UpdateWallet,
};
use crate::customer::{Customer, CustomerId, Identity, Profile, ProfileChange};
use crate::decide::default_name;
use crate::fact::{Effect, GrantSet};
use crate::grant::Grant;
use crate::ids::{CustomerNumber, MintedCustomerId, ThingId, WalletId};
use crate::record::Record;
use crate::time::Timestamp;
use crate::wallet::WalletHead;

/// What stands where a name was that nothing public can give back.
pub const ERASED: &str = "erased";

/// The name that an erased customer answers to: its minted id, or one made the same way of when it was made, and its number.
#[must_use]
pub fn name_of(identity: &Identity, number: CustomerNumber) -> Box<str> {
    let id = match identity.id {
        CustomerId::Minted(id) => id,
        CustomerId::Named => MintedCustomerId(ThingId::new(identity.created_at, number, 0)),
    };
    id.to_string().into()
}

/// A record of the customer with this number, without anything personal.
#[must_use]
pub fn of_record(record: &Record, number: CustomerNumber) -> Record {
    let mut erased = record.clone();
    erased.origin = of_origin(&record.origin);
    erased.command = of_command(&record.command);
    erase_effect(&mut erased.facts.effect, number);
    erased
}

/// A tenant's record about an API key, without names.
#[must_use]
pub fn of_tenant_record(record: &TenantRecord) -> TenantRecord {
    let mut erased = record.clone();
    erased.origin = of_origin(&record.origin);
    erased.command = of_tenant_command(&record.command);
    if let TenantEffect::KeySet(key) = &mut erased.facts.effect {
        erase_key(key);
    }
    erased
}

/// Whether a tenant's record is about a key that belongs to this customer.
#[must_use]
pub fn concerns(record: &TenantRecord, number: CustomerNumber) -> bool {
    match &record.facts.effect {
        TenantEffect::KeySet(key) => is_of(key, number),
        TenantEffect::Created { .. }
        | TenantEffect::SettingsSet(_)
        | TenantEffect::RateCardSet(_)
        | TenantEffect::RateCardDeleted(_)
        | TenantEffect::PlanGrantSet(_)
        | TenantEffect::ClockMoved(_)
        | TenantEffect::WebhookEndpointSet(_)
        | TenantEffect::WebhookEndpointDeleted(_) => false,
    }
}

/// Whether a customer's record names another one: the words of a transfer say what its receiver is called.
#[must_use]
pub fn names(record: &Record, number: CustomerNumber) -> bool {
    matches!(&record.facts.effect, Effect::TransferSent(sent) if sent.out.to == number)
}

/// Whether a key belongs to this customer and says more than an erased one.
#[must_use]
pub fn names_key(key: &ApiKey, number: CustomerNumber) -> bool {
    let mut erased = key.clone();
    erase_key(&mut erased);
    is_of(key, number) && erased != *key
}

/// A customer's state without anything personal.
#[must_use]
pub fn of_customer(customer: &Customer) -> Customer {
    let mut erased = customer.clone();
    if let Some(identity) = &mut erased.identity {
        erase_identity(identity, customer.number);
    }
    erased.wallets.iter_mut().for_each(|wallet| erase_head(&mut wallet.head));
    erased.grants.each_mut(erase_grant);
    erased
}

/// A tenant's state, with the keys of this customer without names.
#[must_use]
pub fn of_tenant(tenant: &Tenant, number: CustomerNumber) -> Tenant {
    let mut erased = tenant.clone();
    erased.keys.iter_mut().filter(|key| is_of(key, number)).for_each(erase_key);
    erased
}

/// What erases a customer's live state, one record each: its identity, then each wallet, then each grant of its own. Nothing once it is
/// erased. Nothing may be due.
///
/// Each is an update that asks for nothing, of which the API makes the same effect for what is erased already. Deleted customers
/// and closed wallets, which the API does not update, are erased, too.
#[must_use]
pub fn clearing(customer: &Customer, now: Timestamp) -> Vec<(Command, Effect)> {
    let erased = of_customer(customer);
    let mut steps = Vec::new();
    if erased.identity != customer.identity
        && let Some(identity) = erased.identity
    {
        let command = Command::UpdateCustomer { profile: Profile::default() };
        steps.push((command, Effect::CustomerSet(Box::new(Identity { updated_at: now, ..identity }))));
    }
    for (was, is) in customer.wallets.iter().zip(erased.wallets) {
        if was.head != is.head {
            let command = Command::UpdateWallet(asking_nothing(is.head.id));
            steps.push((command, Effect::WalletSet(Box::new(WalletHead { updated_at: now, ..is.head }))));
        }
    }
    for (was, is) in customer.grants.iter().zip(erased.grants.iter()) {
        if was != is {
            let request = UpdateGrant { id: is.key.grant, change: GrantChange::default() };
            steps.push((Command::UpdateGrant(Box::new(request)), grant_set(customer, is, now)));
        }
    }
    steps
}

fn grant_set(customer: &Customer, erased: &Grant, now: Timestamp) -> Effect {
    let of = erased.key.subscription.and_then(|id| customer.grants.subscriptions.get(&id));
    let subscription = of.map(|of| of.name.clone());
    let grant = Grant { updated_at: now, ..erased.clone() };
    Effect::GrantSet(Box::new(GrantSet { grant, subscription, minted: Vec::new() }))
}

/// What a record of [`clearing`] does to what the API does not update: a deleted customer and its grants, or a closed wallet. For whoever
/// decides old requests again, after the decision refused this one.
#[must_use]
pub fn cleared(customer: &Customer, command: &Command, now: Timestamp) -> Option<Effect> {
    let erased = of_customer(customer);
    if let Command::UpdateCustomer { profile } = command
        && *profile == Profile::default()
    {
        let identity = erased.identity.filter(|identity| identity.deleted)?;
        return Some(Effect::CustomerSet(Box::new(Identity { updated_at: now, ..identity })));
    }
    if let Command::UpdateGrant(request) = command
        && request.change == GrantChange::default()
    {
        return erased.grants.own(request.id).map(|grant| grant_set(customer, grant, now));
    }
    let Command::UpdateWallet(request) = command else { return None };
    if *request != asking_nothing(request.wallet) {
        return None;
    }
    let wallet = erased.wallets.into_iter().find(|wallet| wallet.head.id == request.wallet)?;
    Some(Effect::WalletSet(Box::new(WalletHead { updated_at: now, ..wallet.head })))
}

/// Puts the name of a customer that an erased outcome made into its request, which does not say it any more. For whoever decides old
/// requests again: it must come to the same customer.
pub fn recall(command: &mut Command, effect: &Effect) {
    let made = if let Effect::CustomerSet(identity) = effect {
        Some(identity)
    } else if let Effect::WalletCreated { customer, .. } | Effect::EventRecorded { customer, .. } = effect {
        customer.as_ref()
    } else {
        None
    };
    let name = if let Command::CreateCustomer { external_id, .. } = command {
        external_id
    } else if let Command::CreateWallet(request) = command {
        &mut request.customer
    } else if let Command::Event(event) = command {
        &mut event.customer
    } else {
        return;
    };
    if let Some(identity) = made.filter(|_| **name == *ERASED) {
        *name = identity.external_id.clone();
    }
}

fn asking_nothing(wallet: WalletId) -> UpdateWallet {
    UpdateWallet {
        wallet,
        name: None,
        description: None,
        metadata: None,
        priority: None,
        allowed_price_types: None,
        overdraft_limit: None,
        auto_topup: None,
        alerts: None,
    }
}

/// What erases the names of this customer's API keys from a tenant's live state, one record each. Nothing once they are erased.
#[must_use]
pub fn clearing_keys(tenant: &Tenant, number: CustomerNumber, now: Timestamp) -> Vec<TenantRecord> {
    let erased = of_tenant(tenant, number);
    let changed = tenant.keys.iter().zip(erased.keys).filter(|(was, is)| *was != is);
    let record = |key: ApiKey| TenantRecord {
        origin: Origin::default(),
        command: TenantCommand::CreateKey {
            secret_sha256: key.secret_sha256,
            name: key.name.clone(),
            scopes: key.scopes,
            customer: key.customer.clone(),
        },
        facts: TenantFacts { at: now, effect: TenantEffect::KeySet(key) },
    };
    changed.map(|(_, key)| record(key)).collect()
}

fn is_of(key: &ApiKey, number: CustomerNumber) -> bool {
    key.customer.as_ref().is_some_and(|(customer, _)| *customer == number)
}

fn erase_key(key: &mut ApiKey) {
    key.name = ERASED.into();
    if let Some((_, name)) = &mut key.customer {
        *name = ERASED.into();
    }
}

fn of_origin(origin: &Origin) -> Origin {
    Origin { by: origin.by, idempotency_key: None }
}

/// A tenant's command about a key, without names.
#[must_use]
pub fn of_tenant_command(command: &TenantCommand) -> TenantCommand {
    let mut erased = command.clone();
    if let TenantCommand::CreateKey { name, customer, .. } = &mut erased {
        *name = ERASED.into();
        if let Some((_, name)) = customer {
            *name = ERASED.into();
        }
    }
    erased
}

/// A command without anything personal. Two requests that differ in nothing else are the same to a record that is erased.
#[must_use]
pub fn of_command(command: &Command) -> Command {
    let mut erased = command.clone();
    erase_command(&mut erased);
    erased
}

fn erase_command(command: &mut Command) {
    match command {
        Command::CreateCustomer { external_id, profile } => {
            *external_id = ERASED.into();
            *profile = Profile::default();
        }
        Command::UpdateCustomer { profile } => *profile = Profile::default(),
        Command::ChangeCustomer(change) => **change = ProfileChange::default(),
        Command::CreateWallet(request) => erase_new_wallet(request),
        Command::UpdateWallet(request) => erase_wallet_change(request),
        Command::TopUp(request) => request.memo = Memo::default(),
        Command::Debit(request) => {
            request.memo = Memo::default();
            if let Asked::Metered(metered) = &mut request.asked {
                erase_usage(metered);
            }
        }
        Command::ManualDebit(request) => request.memo = Memo::default(),
        Command::PlaceHold(request) => {
            request.memo = Memo::default();
            if let HoldAsked::Metered(metered) = &mut request.asked {
                erase_usage(metered);
            }
        }
        Command::Capture(request) => request.memo = Memo::default(),
        Command::Release { memo, .. } => *memo = Memo::default(),
        Command::Refund(request) => request.memo = Memo::default(),
        Command::VoidCredit(request) => request.memo = Memo::default(),
        Command::Settle(request) => number_lines(request.lines.iter_mut().map(|line| &mut line.id)),
        Command::Transfer(request) => {
            request.memo = Memo::default();
            request.to_customer = ERASED.into();
        }
        Command::Event(event) => erase_event(event),
        Command::Subscribe(request) => request.customer = ERASED.into(),
        Command::CreateGrant(request) => {
            request.name = Box::default();
            request.metadata.clear();
        }
        Command::UpdateGrant(request) => (request.change.name, request.change.metadata) = (None, None),
        Command::Atomic(commands) => commands.iter_mut().for_each(erase_command),
        Command::DeleteCustomer
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        // The id of an invoice stays: see above.
        | Command::VoidInvoice { .. }
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Unsubscribe { .. }
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Tick => {}
    }
}

fn erase_new_wallet(request: &mut CreateWallet) {
    request.customer = ERASED.into();
    (request.name, request.description) = (None, None);
    request.metadata.clear();
}

fn erase_wallet_change(request: &mut UpdateWallet) {
    (request.name, request.description, request.metadata) = (None, None, None);
}

fn erase_usage(metered: &mut Metered) {
    metered.properties.clear();
}

fn erase_event(event: &mut Event) {
    for name in [&mut event.customer, &mut event.source, &mut event.id] {
        *name = ERASED.into();
    }
    erase_usage(&mut event.metered);
}

/// Lines are called by their numbers, from 1.
fn number_lines<'a>(ids: impl Iterator<Item = &'a mut Box<str>>) {
    (1_u32..).zip(ids).for_each(|(number, id)| *id = number.to_string().into());
}

fn erase_effect(effect: &mut Effect, number: CustomerNumber) {
    match effect {
        Effect::CustomerSet(identity) => erase_identity(identity, number),
        Effect::WalletCreated { customer, wallet, .. } => {
            customer.iter_mut().for_each(|identity| erase_identity(identity, number));
            erase_head(wallet);
        }
        Effect::WalletSet(wallet)
        | Effect::ToppedUp { wallet, .. }
        | Effect::ManuallyDebited { wallet, .. }
        | Effect::WalletClosed { wallet, .. }
        | Effect::Recharged { wallet, .. } => erase_head(wallet),
        Effect::EventRecorded { customer, .. } => {
            customer.iter_mut().for_each(|identity| erase_identity(identity, number));
        }
        Effect::Subscribed(subscribed) => {
            subscribed.customer.iter_mut().for_each(|identity| erase_identity(identity, number));
        }
        Effect::GrantSet(set) => erase_grant(&mut set.grant),
        Effect::InvoiceSettled(settled) => number_lines(settled.lines.iter_mut().map(|line| &mut line.id)),
        Effect::Atomic(effects) => effects.iter_mut().for_each(|effect| erase_effect(effect, number)),
        Effect::Ticked
        | Effect::Debited(_)
        | Effect::Held(_)
        | Effect::Refunded(_)
        | Effect::CreditVoided(_)
        | Effect::InvoiceVoided { .. }
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
        | Effect::GrantRemoved(_)
        | Effect::PlansFollowed(_) => {}
    }
}

fn erase_identity(identity: &mut Identity, number: CustomerNumber) {
    identity.external_id = name_of(identity, number);
    identity.profile = Profile::default();
}

fn erase_grant(grant: &mut Grant) {
    grant.name = Box::default();
    grant.metadata.clear();
}

fn erase_head(head: &mut WalletHead) {
    head.name = default_name(head.wallet_type, head.unit.currency);
    head.description = None;
    head.metadata.clear();
}

#[cfg(test)]
mod tests;
