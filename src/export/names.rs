//! What customers and tenants are called. Names are no part of a ledger row: they come from the engine, which knows all of them, and a
//! name never changes.

use std::collections::HashMap;
use std::sync::Arc;

use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use tokio::runtime::Handle;

use super::error::ExportError;
use crate::engine::{CustomerNames, Engine, Failure, Target, TenantView, names_of};

/// Names, asked for once and kept.
pub(crate) struct Names {
    engine: Engine,
    runtime: Handle,
    customers: HashMap<CustomerNumber, Arc<CustomerNames>>,
    tenants: HashMap<TenantNumber, Arc<TenantView>>,
}

impl Names {
    /// Asks this engine, by way of its runtime, from a thread that is none of the runtime's.
    pub(crate) fn new(engine: Engine, runtime: Handle) -> Self {
        Self { engine, runtime, customers: HashMap::new(), tenants: HashMap::new() }
    }

    /// A customer's.
    pub(crate) fn customer(
        &mut self,
        tenant: TenantNumber,
        number: CustomerNumber,
    ) -> Result<Arc<CustomerNames>, ExportError> {
        if let Some(names) = self.customers.get(&number) {
            return Ok(Arc::clone(names));
        }
        let look = |customer: &coffer_ledger::customer::Customer, _| names_of(customer);
        let seen = self.runtime.block_on(self.engine.read(tenant, Target::Number(number), look));
        let names = seen.map_err(|failure| ExportError::Names { customer: number.0, failure })?.value;
        self.customers.insert(number, Arc::clone(&names));
        Ok(names)
    }

    /// A tenant's.
    pub(crate) fn tenant(&mut self, number: TenantNumber) -> Result<Arc<TenantView>, ExportError> {
        if let Some(view) = self.tenants.get(&number) {
            return Ok(Arc::clone(view));
        }
        let view = self.engine.tenant_view(number);
        let view = view.ok_or(ExportError::Names { customer: 0, failure: Failure::NotFound("tenant") })?;
        self.tenants.insert(number, Arc::clone(&view));
        Ok(view)
    }
}
