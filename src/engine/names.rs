//! What replies call a customer.

use std::sync::Arc;

use coffer_ledger::customer::{Customer, CustomerId};
use coffer_ledger::ids::{CustomerNumber, TenantNumber};

use super::core::Core;
use super::operation::{CustomerNames, Failure};
use super::read::read;

/// The names of a customer; empty for one that no record has made.
pub(crate) fn names_of(customer: &Customer) -> Arc<CustomerNames> {
    let number = customer.number;
    let Some(identity) = &customer.identity else {
        return Arc::new(CustomerNames { number, id: "".into(), external_id: "".into() });
    };
    let external_id = identity.external_id.clone();
    let id = match identity.id {
        CustomerId::Minted(id) => id.to_string().into(),
        CustomerId::Named => external_id.clone(),
    };
    Arc::new(CustomerNames { number, id, external_id })
}

/// The names of a customer, wherever it is.
pub(crate) async fn names(
    core: &Arc<Core>,
    of: (TenantNumber, CustomerNumber),
) -> Result<Arc<CustomerNames>, Failure> {
    Ok(read(core, of, |customer, _| names_of(customer)).await?.value)
}
