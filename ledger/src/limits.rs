//! Every limit of the ledger: its name, unit and default (API §1). All are settings of the engine.

/// Limits that `decide` enforces. A refusal names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wallets per customer, closed ones included.
    pub wallets_max: usize,
    /// Live tranches per customer.
    pub tranches_max: usize,
    /// Slices per record. What must be whole and takes more is refused; usage that happened (events, draws), partial debits and ranged holds
    /// take so many slices, and what more there is stays: it is in their shortfall.
    pub slices_max: usize,
    /// Due things written in one record; more become records of their own in the same turn.
    pub due_per_record_max: usize,
    /// Pins that the end of a hold at its deadline gives back in one record; more go back in records of their own in the same turn.
    pub hold_pins_per_record_max: usize,
    /// Open holds per customer.
    pub holds_max: usize,
    /// Seconds from its placing that a hold lives at most, however it is extended.
    pub hold_lifetime_max_s: u32,
    /// Rows of debits of a customer's that had something given back.
    pub refunds_max: usize,
    /// Settled invoices per customer.
    pub invoices_max: usize,
    /// Lines of an invoice.
    pub invoice_lines_max: usize,
    /// Budgets per customer.
    pub budgets_max: usize,
    /// Levels of a budget tree.
    pub budget_levels_max: usize,
    /// Transfers of a customer's on their way.
    pub transfers_open_max: usize,
    /// Subscriptions per customer.
    pub subscriptions_max: usize,
    /// Grants per customer: those of its own and those of its plans.
    pub grants_max: usize,
    /// Periods of a new grant that are over already: a start in the past is caught up.
    pub grant_periods_past_max: usize,
    /// Purchases of a customer's whose payment is pending.
    pub recharges_open_max: usize,
    /// Seconds after which a purchase that was not paid fails.
    pub pending_expires_in_s: u32,
    /// Items of an atomic batch.
    pub atomic_items_max: usize,
    /// Seconds that an event may be ahead of the engine's time.
    pub event_ahead_max_s: u32,
    /// Seconds that an event may be old.
    pub event_age_max_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wallets_max: 64,
            tranches_max: 10_000,
            slices_max: 2_000,
            due_per_record_max: 500,
            hold_pins_per_record_max: 2_000,
            holds_max: 100_000,
            hold_lifetime_max_s: 7 * 24 * 3_600,
            refunds_max: 100_000,
            invoices_max: 100_000,
            invoice_lines_max: 500,
            budgets_max: 10_000,
            budget_levels_max: 8,
            transfers_open_max: 1_000,
            subscriptions_max: 100,
            grants_max: 1_000,
            grant_periods_past_max: 1_000,
            recharges_open_max: 1_000,
            pending_expires_in_s: 7 * 24 * 3_600,
            atomic_items_max: 1_000,
            event_ahead_max_s: 5 * 60,
            event_age_max_s: 35 * 24 * 3_600,
        }
    }
}

/// Limits that [`crate::catalog::tenant::decide`] enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantLimits {
    /// API keys per tenant, revoked ones included.
    pub keys_per_tenant_max: usize,
    /// Rate cards per tenant.
    pub rate_cards_max: usize,
    /// Tiers of a rate card.
    pub tiers_max: usize,
    /// Grants of plans per tenant, deleted ones included.
    pub plan_grants_max: usize,
    /// Webhook endpoints per tenant.
    pub webhook_endpoints_max: usize,
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self {
            keys_per_tenant_max: 1_000,
            rate_cards_max: 1_000,
            tiers_max: 64,
            plan_grants_max: 10_000,
            webhook_endpoints_max: 16,
        }
    }
}
