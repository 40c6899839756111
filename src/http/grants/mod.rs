//! `/v1/creditgrants`: rules that mint credit, once or every period (SEMANTICS §13, API §3), as the billing SDKs speak them.
//!
//! A grant of a plan or an add-on is a template that the tenant owns; one of a subscription, a customer or a wallet is that customer's. The id
//! says which. Tested in `tests/http/grants.rs`.

pub(super) mod ask;
pub(super) mod read;
pub(super) mod reply;
pub(super) mod write;
