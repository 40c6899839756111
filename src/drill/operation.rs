//! One thing that is asked under one key, and how it is written for the server.

use std::fmt;

use hyper::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::cli::client::{Client, ClientError, Reply};
use crate::demo::api;
use crate::demo::decimal::Amount;
use crate::demo::plan::TopUp;
use crate::demo::setup::Account;

/// An idempotency key: who asked in which round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) round: u32,
    pub(crate) writer: u16,
    pub(crate) count: u32,
}

/// What every key of the drill begins with.
pub(crate) const KEY_PREFIX: &str = "drill/";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, writer, count } = self;
        write!(f, "{KEY_PREFIX}{round}/{writer}/{count}")
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Its key.
    pub(crate) key: Key,
    /// Which customer, by its place.
    pub(crate) customer: usize,
    /// What is asked.
    pub(crate) what: What,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A debit.
    Debit {
        /// So much.
        credits: Amount,
        /// Whether less is taken when there is less.
        partial: bool,
    },
    /// Credit in.
    TopUp {
        /// Into which of the customer's wallets.
        wallet: usize,
        /// What.
        top_up: Box<TopUp>,
    },
}

/// How the server calls a customer and its wallets.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The customer.
    pub(crate) name: String,
    /// Its wallets, oldest first.
    pub(crate) wallet_ids: Vec<String>,
}

impl From<&Account> for Names {
    fn from(account: &Account) -> Self {
        Self { name: account.name.clone(), wallet_ids: account.wallet_ids.clone() }
    }
}

impl Operation {
    /// Sends it under its key.
    pub(crate) async fn send(&self, client: &mut Client, names: &[Names]) -> Result<Reply, ClientError> {
        let names = &names[self.customer];
        let key = self.key.to_string();
        let (path, body) = match &self.what {
            What::Debit { .. } => (format!("/v1/customers/{}/debits", names.name), self.debit(None)),
            What::TopUp { wallet, top_up } => {
                (format!("/v1/wallets/{}/top-up", names.wallet_ids[*wallet]), api::top_up_body(top_up))
            }
        };
        client.send(Method::POST, &path, &[("idempotency-key", &key)], body).await
    }

    /// The body of a debit; with a customer as an item of a batch, which names its key itself.
    fn debit(&self, customer: Option<&str>) -> String {
        let What::Debit { credits, partial } = &self.what else { return String::new() };
        let key = &self.key;
        let item = customer.map_or_else(String::new, |name| {
            format!("\"customer_id\":\"{name}\",\"idempotency_key\":\"{key}\",")
        });
        format!("{{{item}\"credits\":\"{credits}\",\"partial\":{partial},\"reference_id\":\"{key}\"}}")
    }

    /// Whether it may be refused because its credit has ended before it was decided.
    pub(crate) fn ended_before(&self, at_ns: u64) -> bool {
        let What::TopUp { top_up, .. } = &self.what else { return false };
        let ends = top_up.expires_ns.into_iter().chain(top_up.bonus.map(|(_, expires_ns)| expires_ns));
        ends.min().is_some_and(|end_ns| end_ns <= at_ns)
    }
}

/// Sends debits as one batch; the reply to each is what it would have been alone.
pub(crate) async fn send_batch(
    client: &mut Client,
    names: &[Names],
    operations: &[Operation],
) -> Result<Result<Vec<Reply>, String>, ClientError> {
    let items = operations.iter().map(|operation| operation.debit(Some(&names[operation.customer].name)));
    let body = format!("{{\"debits\":[{}]}}", items.collect::<Vec<_>>().join(","));
    let reply = client.send(Method::POST, "/v1/debits/batch", &[], body).await?;
    Ok(split(&reply, operations.len()))
}

#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Head {
    status: u16,
    replayed: bool,
}

/// A batch's results as single replies, byte for byte: what stands before the reply's own fields is taken off.
fn split(reply: &Reply, count: usize) -> Result<Vec<Reply>, String> {
    let text = || String::from_utf8_lossy(&reply.body).into_owned();
    if reply.status != 200 {
        return Err(format!("a batch was answered {}: {}", reply.status, text()));
    }
    let results: Results<'_> =
        serde_json::from_slice(&reply.body).map_err(|error| format!("a batch's reply: {error}"))?;
    if results.results.len() != count {
        return Err(format!("a batch of {count} was answered with {} results", results.results.len()));
    }
    results.results.iter().map(|item| single(item.get())).collect()
}

fn single(item: &str) -> Result<Reply, String> {
    let head: Head = serde_json::from_str(item).map_err(|error| format!("a batch's result: {error}"))?;
    let Head { status, replayed } = head;
    let own = if status == 200 {
        item.strip_prefix(&format!("{{\"status\":200,\"replayed\":{replayed},"))
    } else {
        item.strip_prefix("{\"replayed\":false,")
    };
    let own = own.ok_or_else(|| format!("a batch's result begins in an unknown way: {item}"))?;
    Ok(Reply { status, replayed, body: format!("{{{own}").into() })
}

/// An operation that took effect, and what its answer was.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// What was asked.
    pub(crate) operation: Operation,
    /// The first ledger row that it made.
    pub(crate) transaction_id: Box<str>,
    /// The hash of the answer's body. The body itself would fill the memory of a long drill.
    pub(crate) body_sha256: [u8; 32],
}

/// The hash of a body.
pub(crate) fn sha256(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_a_batch_is_the_reply_that_it_would_have_had_alone() {
        let body = br#"{"results":[{"status":200,"replayed":true,"credits":"1"},{"replayed":false,"status":402,"code":"x"}]}"#;
        let reply = Reply { status: 200, replayed: false, body: body.as_slice().into() };
        let replies = split(&reply, 2).unwrap();
        assert_eq!((replies[0].status, replies[0].replayed), (200, true));
        assert_eq!(replies[0].body, br#"{"credits":"1"}"#.as_slice());
        assert_eq!((replies[1].status, replies[1].replayed), (402, false));
        assert_eq!(replies[1].body, br#"{"status":402,"code":"x"}"#.as_slice());
        assert!(split(&reply, 3).is_err());
    }
}
