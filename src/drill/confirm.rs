//! Asks for what was acknowledged once more: under its key it must be answered with the same bytes, as a replay; by the id of
//! its row, the ledger must show it. And compares the answers of one key with each other.

use std::sync::Arc;

use hyper::Method;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::books::transaction_of;
use super::findings::Findings;
use super::load::Answer;
use super::operation::{Done, Names, What, sha256};
use crate::cli::client::{Client, Reply};
use crate::cli::exit::{CliError, Code};
use crate::demo::api::parse;
use crate::demo::setup::connect;

/// One in so many is also looked up by the id of its row.
const LOOKED_UP_EVERY: usize = 8;

/// Where the server is, and how it calls customers.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) api_key: String,
    pub(crate) names: Arc<Vec<Names>>,
    pub(crate) connections: u16,
}

/// A ledger row, as far as it is compared.
#[derive(Debug, Deserialize)]
struct RowReply {
    id: String,
    customer_id: String,
    credit_amount: String,
    idempotency_key: Option<String>,
}

/// Asks for all of these again, over several connections.
pub(crate) async fn confirm(
    server: &Server,
    done: Vec<Done>,
    findings: &mut Findings,
) -> Result<(), CliError> {
    let mut tasks = JoinSet::new();
    let share = done.len().div_ceil(usize::from(server.connections)).max(1);
    for share in done.chunks(share).map(<[_]>::to_vec) {
        let client = connect(&server.url, &server.api_key)?;
        tasks.spawn(confirm_share(client, Arc::clone(&server.names), share));
    }
    while let Some(ended) = tasks.join_next().await {
        let found = ended.map_err(|error| CliError::new(Code::Internal, error.to_string()))??;
        findings.add(&found);
    }
    Ok(())
}

async fn confirm_share(
    mut client: Client,
    names: Arc<Vec<Names>>,
    share: Vec<Done>,
) -> Result<Findings, CliError> {
    let mut findings = Findings::default();
    for (place, done) in share.iter().enumerate() {
        let failed =
            |error| CliError::new(Code::Failed, format!("{} asked again: {error}", done.operation.key));
        let reply = done.operation.send(&mut client, &names).await.map_err(failed)?;
        replayed(done, &reply, &mut findings);
        if place.is_multiple_of(LOOKED_UP_EVERY) {
            let path = format!("/v1/transactions/{}", done.transaction_id);
            let reply = client.send(Method::GET, &path, &[], String::new()).await.map_err(failed)?;
            let name = &names[done.operation.customer].name;
            looked_up(done, name, &reply, &mut findings);
        }
    }
    Ok(findings)
}

/// The answer to a key that has taken effect: a replay, byte for byte as the first.
pub(crate) fn replayed(done: &Done, reply: &Reply, findings: &mut Findings) {
    let key = done.operation.key;
    if reply.status != 200 || !reply.replayed {
        findings.lost(format!("{key} was acknowledged; asked again it was answered {}", describe(reply)));
    } else if sha256(&reply.body) != done.body_sha256 {
        findings.changed(format!("{key} is answered otherwise than it was: {}", describe(reply)));
    }
}

/// The row of something that has taken effect.
pub(crate) fn looked_up(done: &Done, customer: &str, reply: &Reply, findings: &mut Findings) {
    let (key, id) = (done.operation.key, &done.transaction_id);
    if reply.status != 200 {
        findings.lost(format!("{key} was acknowledged as {id}, which is answered {}", describe(reply)));
        return;
    }
    let row: RowReply = match parse(reply) {
        Ok(row) => row,
        Err(problem) => return findings.changed(format!("{key}: {problem}")),
    };
    let key_text = key.to_string();
    let right_credits = match &done.operation.what {
        What::TopUp { top_up, .. } => row.credit_amount == top_up.credits.to_string(),
        // A debit may take less, and from several wallets; its reply was compared figure by figure.
        What::Debit { .. } => true,
    };
    let right = *row.id == **id
        && row.customer_id == customer
        && row.idempotency_key.as_deref() == Some(key_text.as_str())
        && right_credits;
    if !right {
        findings.changed(format!("{key}: its row shows {row:?}"));
    }
}

/// Compares all answers that one key got; one of them at most may say that it did something.
pub(crate) fn one_effect(answer: &Answer, findings: &mut Findings) {
    if answer.reply.status != 200 {
        return;
    }
    let key = answer.operation.key;
    let first = transaction_of(answer, &answer.reply);
    let mut fresh = u32::from(!answer.reply.replayed);
    for again in &answer.again {
        let reply = &again.reply;
        match reply.status {
            200 => {
                fresh += u32::from(!reply.replayed);
                if transaction_of(answer, reply) != first {
                    findings.doubled(format!("{key} took effect twice: {}", describe(reply)));
                } else if reply.body != answer.reply.body || (again.later && !reply.replayed) {
                    findings.changed(format!("{key} was answered in two ways: {}", describe(reply)));
                }
            }
            // Beside the first, it may have been decided before there was credit.
            402 if !again.later => {}
            _ => findings.lost(format!("{key} was acknowledged, then answered {}", describe(reply))),
        }
    }
    if fresh > 1 {
        findings.doubled(format!("{fresh} answers to {key} say that they are the first"));
    }
}

fn describe(reply: &Reply) -> String {
    let body = String::from_utf8_lossy(&reply.body);
    let replayed = if reply.replayed { "as a replay" } else { "as new" };
    format!("{} {replayed}: {body}", reply.status)
}
