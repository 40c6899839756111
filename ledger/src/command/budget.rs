//! Setting up budgets (SEMANTICS §18).

use crate::amount::Credits;
use crate::budget::Window;
use crate::unit::{Currency, PriceUnit};

/// `POST` and `PUT /customers/{id}/budgets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetBudget {
    /// Its name; `None` = one is made (`bud_…`).
    pub id: Option<Box<str>>,
    /// Make it: refused if it is there already. Else replace it: refused if it is not there.
    pub create: bool,
    /// The budget above it.
    pub parent: Option<Box<str>>,
    /// What it counts: credits of wallets of this currency …
    pub currency: Currency,
    /// … and this price unit.
    pub price_unit: Option<PriceUnit>,
    /// Its caps, each window once; ≥ 0. What was used of a window that stays is kept.
    pub limits: Vec<(Window, Credits)>,
}
