//! Customers: made, changed, deleted (API §3 "Customers").

use super::{Ids, existing};
use crate::customer::{Customer, CustomerId, Identity, Profile, ProfileChange};
use crate::fact::Effect;
use crate::ids::MintedCustomerId;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::wallet::Wallet;

/// Makes the customer under a name of the caller's, with an id of its own.
pub(super) fn create(
    customer: &Customer,
    external_id: &str,
    profile: &Profile,
    now: Timestamp,
) -> Result<Effect, Refusal> {
    refuse_existing(customer)?;
    let id = CustomerId::Minted(MintedCustomerId(Ids::of(customer, now).next()));
    Ok(set(Identity { profile: profile.clone(), ..new_identity(id, external_id, now) }))
}

/// Replaces the personal data.
pub(super) fn update(customer: &Customer, profile: &Profile, now: Timestamp) -> Result<Effect, Refusal> {
    let identity = existing(customer)?;
    Ok(set(Identity { profile: profile.clone(), updated_at: now, ..identity.clone() }))
}

/// Changes what is given of the personal data.
pub(super) fn change(customer: &Customer, change: &ProfileChange, now: Timestamp) -> Result<Effect, Refusal> {
    update(customer, &change.over(&existing(customer)?.profile), now)
}

/// Deletes; only when all wallets are closed and nothing happens by itself any more.
pub(super) fn delete(customer: &Customer, now: Timestamp) -> Result<Effect, Refusal> {
    let identity = existing(customer)?;
    if customer.wallets.iter().any(Wallet::is_open) {
        return Err(Refusal::InvalidOperation("the customer has an open wallet"));
    }
    // One that pins nothing may outlive its wallet.
    if !customer.holds.is_empty() {
        return Err(Refusal::InvalidOperation("the customer has an open hold"));
    }
    Ok(set(Identity { deleted: true, updated_at: now, ..identity.clone() }))
}

/// A customer with nothing but a name.
fn new_identity(id: CustomerId, external_id: &str, now: Timestamp) -> Identity {
    Identity {
        id,
        external_id: external_id.into(),
        profile: Profile::default(),
        created_at: now,
        updated_at: now,
        deleted: false,
    }
}

/// The identity of a customer that a wallet or an event makes by naming it; `None` if it exists.
pub(super) fn to_make(
    customer: &Customer,
    name: &str,
    now: Timestamp,
) -> Result<Option<Box<Identity>>, Refusal> {
    match &customer.identity {
        Some(_) => existing(customer).map(|_| None),
        None => Ok(Some(Box::new(new_identity(CustomerId::Named, name, now)))),
    }
}

fn refuse_existing(customer: &Customer) -> Result<(), Refusal> {
    match &customer.identity {
        None => Ok(()),
        Some(identity) if identity.deleted => Err(Refusal::CustomerNotFound),
        Some(_) => Err(Refusal::AlreadyExists("customer")),
    }
}

fn set(identity: Identity) -> Effect {
    Effect::CustomerSet(Box::new(identity))
}
