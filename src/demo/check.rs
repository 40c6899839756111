//! Compares what the server said with what should have been: every debit, every refusal, every balance.

use super::api::{BalanceReply, DebitReply, RefusalReply, amount, nanoseconds, parse};
use super::decimal::Amount;
use super::expect::{Debit, Refusal};
use super::replay::Outcome;
use super::setup::Account;
use crate::cli::client::Reply;

/// How far the server's clock and ours, which is the same machine's, may tell an instant apart.
const CLOCK_SLACK_NS: u64 = 20_000_000;

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Debits that were accepted.
    pub(crate) debits: u64,
    /// Those of them that took less than was asked.
    pub(crate) partial: u64,
    /// Refusals.
    pub(crate) refusals: u64,
    /// Requests whose key was answered twice, the second time as the first.
    pub(crate) replays: u64,
    /// Requests that got no answer at first.
    pub(crate) unanswered: u64,
    /// Those of them that had been done all the same.
    pub(crate) unanswered_done: u64,
    /// Credits debited.
    pub(crate) credits: Amount,
    /// Keys that had more than one effect.
    pub(crate) doubled: u64,
    /// Everything that is not as it should be, a line each.
    pub(crate) differences: Vec<String>,
}

/// Goes through one customer's rows, in order. `account.expected` is afterwards what should be left.
pub(crate) fn customer(account: &mut Account, outcomes: &[Outcome], findings: &mut Findings) {
    let mut last_ns = 0;
    for outcome in outcomes {
        let row = outcome.request.row;
        if let Err(difference) = row_of(account, outcome, &mut last_ns, findings) {
            findings.differences.push(format!("row {row}, customer {}: {difference}", account.name));
        }
        if let Some(again) = &outcome.again {
            repeated(&outcome.reply, again, row, findings);
        }
    }
}

fn row_of(account: &mut Account, outcome: &Outcome, last_ns: &mut u64, findings: &mut Findings) -> Result<(), String> {
    if outcome.unanswered > 0 {
        findings.unanswered += 1;
        findings.unanswered_done += u64::from(outcome.reply.replayed);
    }
    match outcome.reply.status {
        200 => {
            findings.debits += 1;
            let reply: DebitReply = parse(&outcome.reply)?;
            findings.credits = findings.credits + amount(&reply.credits)?;
            findings.partial += u64::from(reply.shortfall != "0");
            accepted(account, outcome, &reply, last_ns)
        }
        402 => {
            findings.refusals += 1;
            let reply: RefusalReply = parse(&outcome.reply)?;
            refused(account, outcome, &reply, *last_ns)
        }
        status => Err(format!("answered {status}: {}", String::from_utf8_lossy(&outcome.reply.body))),
    }
}

fn accepted(account: &mut Account, outcome: &Outcome, reply: &DebitReply, last_ns: &mut u64) -> Result<(), String> {
    let at_ns = nanoseconds(&reply.recorded_at)?;
    let earliest = outcome.sent_ns.saturating_sub(CLOCK_SLACK_NS).max(*last_ns);
    if at_ns < earliest || at_ns > outcome.received_ns + CLOCK_SLACK_NS {
        return Err(format!("recorded at {at_ns}, which is not between {earliest} and {}", outcome.received_ns));
    }
    *last_ns = at_ns;
    let request = &outcome.request;
    let expected = account.expected.debit(request.credits(), request.partial(), at_ns);
    let expected = expected.map_err(|refusal| format!("accepted, and should have been refused: {refusal:?}"))?;
    same("customer", &reply.customer_id, &account.name)?;
    debit_is(account, &expected, reply)
}

/// Compares a debit's reply figure by figure.
fn debit_is(account: &Account, expected: &Debit, reply: &DebitReply) -> Result<(), String> {
    same("credits", &reply.credits, &expected.credits.to_string())?;
    same("shortfall", &reply.shortfall, &expected.shortfall.to_string())?;
    same("available", &reply.available, &expected.available.to_string())?;
    let before: Amount = expected.rows.iter().map(|row| row.2).sum();
    let after: Amount = expected.rows.iter().map(|row| row.3).sum();
    same("balance_before", &reply.balance_before, &before.to_string())?;
    same("balance_after", &reply.balance_after, &after.to_string())?;
    same("number of rows", &reply.rows.len(), &expected.rows.len())?;
    for (shown, (wallet, credits, before, after)) in reply.rows.iter().zip(&expected.rows) {
        same("row's wallet", &shown.wallet_id, &account.wallet_ids[*wallet])?;
        same("row's credits", &shown.credits, &credits.to_string())?;
        same("row's balance_before", &shown.balance_before, &before.to_string())?;
        same("row's balance_after", &shown.balance_after, &after.to_string())?;
    }
    slices_are(account, expected, reply)
}

fn slices_are(account: &Account, expected: &Debit, reply: &DebitReply) -> Result<(), String> {
    same("number of slices", &reply.slices.len(), &expected.slices.len())?;
    for (shown, (place, credits)) in reply.slices.iter().zip(&expected.slices) {
        let tranche = &account.expected.tranches[*place];
        same("slice's tranche", &shown.tranche_id.as_deref(), &Some(account.tranche_ids[*place].as_str()))?;
        same("slice's wallet", &shown.wallet_id, &account.wallet_ids[tranche.wallet])?;
        same("slice's credits", &shown.credits, &credits.to_string())?;
        same("slice's source", &shown.source.as_str(), &tranche.source)?;
        let expires_ns = shown.expires_at.as_deref().map(nanoseconds).transpose()?;
        same("slice's end", &expires_ns, &tranche.expires_ns)?;
    }
    Ok(())
}

/// A refusal does not say when it was decided: somewhere between sending and answer. Where credit ended in between, both sides
/// of that instant are right.
fn refused(account: &Account, outcome: &Outcome, reply: &RefusalReply, last_ns: u64) -> Result<(), String> {
    same("code", &reply.code.as_str(), &"insufficient_credits")?;
    let earliest = outcome.sent_ns.saturating_sub(CLOCK_SLACK_NS).max(last_ns);
    let latest = outcome.received_ns + CLOCK_SLACK_NS;
    let request = &outcome.request;
    let decide = |at_ns| account.expected.clone().debit(request.credits(), request.partial(), at_ns);
    let right: Vec<Refusal> = [decide(earliest), decide(latest)].into_iter().filter_map(Result::err).collect();
    if right.is_empty() {
        return Err("refused, and should have been accepted".to_owned());
    }
    let details = &reply.details;
    let shown = [&details.required, &details.available, &details.shortfall].map(|text| amount(text));
    let [required, available, shortfall] = shown;
    let (required, available, shortfall) = (required?, available?, shortfall?);
    if right.contains(&Refusal { required, available }) && shortfall == required - available {
        return Ok(());
    }
    Err(format!("refused with {details:?}, and should have been with {right:?}"))
}

/// The same request under the same key: the same answer, one effect.
fn repeated(first: &Reply, again: &Reply, row: usize, findings: &mut Findings) {
    if first.status != 200 {
        if again.status != first.status {
            findings.differences.push(format!("row {row}: answered {}, then {}", first.status, again.status));
        }
        return;
    }
    findings.replays += 1;
    if again.status != 200 || again.body != first.body || !(first.replayed || again.replayed) {
        findings.differences.push(format!("row {row}: the same key was answered differently"));
    }
    if transaction(again).is_some_and(|id| Some(id) != transaction(first)) {
        findings.doubled += 1;
    }
}

/// Whether an acknowledged debit is still there: asked for again, it must be answered byte for byte as it was, as a replay.
pub(crate) fn confirmed(outcome: &Outcome, again: &Reply, findings: &mut Findings) -> bool {
    let there = again.status == 200 && again.replayed && again.body == outcome.reply.body;
    if !there {
        let row = outcome.request.row;
        findings.differences.push(format!("row {row}: acknowledged, and not there any more ({})", again.status));
    }
    there
}

/// Compares what a customer has in the end.
pub(crate) fn balance(account: &Account, shown: &BalanceReply, at_ns: u64) -> Result<(), String> {
    let expected = &account.expected;
    let total = expected.available(at_ns).to_string();
    same("posted", &shown.posted, &total)?;
    same("available", &shown.available, &total)?;
    same("held", &shown.held.as_str(), &"0")?;
    same("number of wallets", &shown.wallets.len(), &expected.wallets)?;
    let mut live = Vec::new();
    for (wallet, id) in account.wallet_ids.iter().enumerate() {
        let of_wallet = shown.wallets.iter().find(|wallet| wallet.id == *id);
        let of_wallet = of_wallet.ok_or_else(|| format!("wallet {id} is missing"))?;
        same("wallet's posted", &of_wallet.posted, &expected.posted(wallet, at_ns).to_string())?;
        live.extend(of_wallet.tranches.iter().map(|tranche| (tranche.tranche_id.clone(), tranche.remaining.clone())));
    }
    let left = expected.tranches.iter().zip(&account.tranche_ids);
    let left = left.filter(|(tranche, _)| tranche.remaining > Amount::ZERO && tranche.expires_ns.is_none_or(|end| at_ns < end));
    let mut left: Vec<_> = left.map(|(tranche, id)| (id.clone(), tranche.remaining.to_string())).collect();
    left.sort();
    live.sort();
    same("live tranches", &live, &left)
}

fn transaction(reply: &Reply) -> Option<String> {
    parse::<DebitReply>(reply).ok().map(|reply| reply.transaction_id)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, shown: &T, expected: &T) -> Result<(), String> {
    if shown == expected { Ok(()) } else { Err(format!("{what} is {shown:?}, and should be {expected:?}")) }
}
