//! Settling invoices (SEMANTICS §14).

use crate::amount::Money;
use crate::unit::{Currency, PriceType};

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvoiceLine {
    /// Its id in the caller's system, unique in the invoice.
    pub id: Box<str>,
    /// Money due; > 0, in whole minor units of the currency.
    pub amount: Money,
    /// What it is for.
    pub price_type: PriceType,
    /// The feature, if it is for one.
    pub feature: Option<Box<str>>,
}

/// `POST /customers/{id}/invoices/settle`: once per invoice id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    /// The invoice's id in the caller's system.
    pub invoice: Box<str>,
    /// Only wallets of this currency pay.
    pub currency: Currency,
    /// In the order in which they are paid; at least one.
    pub lines: Vec<InvoiceLine>,
}
