//! Every limit of the ledger: its name, unit and default (API §1). All are settings of the engine.

/// Limits that `decide` enforces. A refusal names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wallets per customer, closed ones included.
    pub wallets_max: usize,
    /// Live tranches per customer.
    pub tranches_max: usize,
    /// Slices per record.
    pub slices_max: usize,
    /// Due things written in one record; more become records of their own in the same turn.
    pub due_per_record_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { wallets_max: 64, tranches_max: 10_000, slices_max: 2_000, due_per_record_max: 500 }
    }
}

/// Limits that [`crate::catalog::tenant::decide`] enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantLimits {
    /// API keys per tenant, revoked ones included.
    pub keys_per_tenant_max: usize,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self { keys_per_tenant_max: 1_000 }
    }
}
