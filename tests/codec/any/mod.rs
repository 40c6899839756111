//! Any record and any state, also those that no rule would make: the codec asks for no sense, only for the shape.
//! Large strategies are boxed, as nested by value they outgrow a test thread's stack.

mod commands;
mod facts;
mod grants;
mod leaves;
mod moved;
mod recharges;
mod state;
mod tenant;

use coffer_ledger::command::Origin;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_ledger::record::Record;
use proptest::option::of;
use proptest::prelude::*;

pub(crate) use state::customer;
pub(crate) use tenant::{tenant, tenant_record};

/// The customer of every record that is made here.
pub(crate) const OWNER: CustomerNumber = CustomerNumber(1_234_567);
/// Its tenant.
pub(crate) const TENANT: TenantNumber = TenantNumber(7);

fn origin() -> impl Strategy<Value = Origin> {
    (of(leaves::key_id()), of(leaves::text()))
        .prop_map(|(by, idempotency_key)| Origin { by, idempotency_key })
}

/// Any record of a customer: command and effect need not fit each other.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    (origin(), commands::command(), facts::facts()).prop_map(|(origin, command, facts)| Record {
        origin,
        command,
        facts,
    })
}
