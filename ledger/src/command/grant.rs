//! Giving and taking of credit grants, enrolling in plans (SEMANTICS §13).

use super::Metadata;
use crate::grant::Rule;
use crate::ids::{GrantId, WalletId};
use crate::time::Timestamp;

/// `POST /subscriptions`. Makes the customer too if nobody named it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// The customer as the request named it: its name if it has to be made.
    pub customer: Box<str>,
    /// The caller's id for the subscription; `None` = one is made.
    pub id: Option<Box<str>>,
    /// The plan.
    pub plan: Box<str>,
    /// When it begins; `None` = now.
    pub start: Option<Timestamp>,
    /// IANA zone of its calendar; `None` = the customer's.
    pub zone: Option<Box<str>>,
}

/// For whom a grant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantFor {
    /// The customer.
    Customer,
    /// One of its wallets.
    Wallet(WalletId),
    /// A subscription of its, by name: it ends with that.
    Subscription(Box<str>),
}

/// `POST /creditgrants` for a customer, a wallet or a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateGrant {
    /// For whom.
    pub of: GrantFor,
    /// Only this wallet gets it.
    pub wallet: Option<WalletId>,
    /// Name for people.
    pub name: Box<str>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// What it says.
    pub rule: Rule,
    /// IANA zone of its calendar; `None` = its subscription's, else the customer's.
    pub zone: Option<Box<str>>,
}

impl CreateGrant {
    /// A grant that lands in whatever wallet fits, on the customer's own calendar.
    #[must_use]
    pub fn new(of: GrantFor, name: impl Into<Box<str>>, rule: Rule) -> Self {
        Self { of, wallet: None, name: name.into(), metadata: Metadata::new(), rule, zone: None }
    }
}

/// `PUT /creditgrants/{id}`: what is `Some` changes, from the next period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantChange {
    /// New name.
    pub name: Option<Box<str>>,
    /// New pairs, replaced whole.
    pub metadata: Option<Metadata>,
    /// New amount.
    pub credits: Option<crate::amount::Credits>,
    /// New priority.
    pub priority: Option<u32>,
    /// New end.
    pub end: Option<Timestamp>,
}

/// `PUT /creditgrants/{id}` of a customer's own grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateGrant {
    /// Which one.
    pub id: GrantId,
    /// What changes.
    pub change: GrantChange,
}
