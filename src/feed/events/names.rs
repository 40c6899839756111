//! What customers are called: no part of a record, known to the engine, and changed by an erasure only.

use std::collections::HashMap;
use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};

use crate::engine::{CustomerNames, Engine, Failure, Target, names_of};

/// Names that are remembered at most; then all are forgotten.
const KEPT_MAX: usize = 65_536;

/// Names, asked for once and kept.
pub(crate) struct Names {
    engine: Engine,
    kept: HashMap<CustomerNumber, Arc<CustomerNames>>,
    /// [`Engine::erasures`] when they were asked for.
    as_of: u64,
}

impl Names {
    /// None yet.
    pub(crate) fn new(engine: Engine) -> Self {
        let as_of = engine.erasures();
        Self { engine, kept: HashMap::new(), as_of }
    }

    /// A customer's; `None` = the engine cannot say, as for one that is quarantined.
    ///
    /// # Errors
    /// [`Failure::Halted`].
    pub(crate) async fn of(
        &mut self,
        tenant: TenantNumber,
        number: CustomerNumber,
    ) -> Result<Option<Arc<CustomerNames>>, Failure> {
        let now = self.engine.erasures();
        if now != self.as_of {
            self.kept.clear();
            self.as_of = now;
        }
        if let Some(names) = self.kept.get(&number) {
            return Ok(Some(Arc::clone(names)));
        }
        let look = |customer: &Customer, _| names_of(customer);
        match self.engine.read(tenant, Target::Number(number), look).await {
            Ok(seen) => {
                if self.kept.len() >= KEPT_MAX {
                    self.kept.clear();
                }
                self.kept.insert(number, Arc::clone(&seen.value));
                Ok(Some(seen.value))
            }
            Err(Failure::Halted) => Err(Failure::Halted),
            Err(failure) => {
                tracing::warn!(customer = number.0, %failure, "an event's customer cannot be named");
                Ok(None)
            }
        }
    }
}
