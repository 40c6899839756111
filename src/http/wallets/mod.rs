//! Wallets, as billing SDKs know them (API §3): every key of a reply is present, decimals are strings.

pub(crate) mod create;
pub(crate) mod debit;
pub(crate) mod get;
pub(crate) mod life;
pub(crate) mod list;
pub(crate) mod reply;
pub(crate) mod rules;
pub(crate) mod top_up;
pub(crate) mod transaction;
pub(crate) mod update;
