//! Compares what the server said with what should have been: every debit, every refusal, every balance.

use super::api::{BalanceReply, DebitReply, RefusalReply, amount, nanoseconds, parse};
use super::decimal::Amount;
use super::expect::{Debit, Refusal};
use super::findings::Findings;
use super::line;
use super::replay::Outcome;
use super::setup::Account;

/// How far the server's clock and ours, which is the same machine's, may tell an instant apart.
pub(crate) const CLOCK_SLACK_NS: u64 = 20_000_000;

/// What became of the debits.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Debits that were accepted.
    pub(crate) debits: u64,
    /// Those of them that took less than was asked.
    pub(crate) partial: u64,
    /// Credits debited.
    pub(crate) credits: Amount,
}

/// Goes through one customer's rows, in order. `account.expected` is afterwards what should be left.
pub(crate) fn customer(
    account: &mut Account,
    outcomes: &[Outcome],
    tally: &mut Tally,
    findings: &mut Findings,
) {
    let mut last_ns = 0;
    for outcome in outcomes {
        let key = &outcome.ask.key;
        findings.look_at(outcome);
        findings.refusals += u64::from(outcome.reply.status == 402);
        if let Err(difference) = row_of(account, outcome, &mut last_ns, tally) {
            findings.differences.push(format!("{key}, customer {}: {difference}", account.name));
        }
    }
}

fn row_of(
    account: &mut Account,
    outcome: &Outcome,
    last_ns: &mut u64,
    tally: &mut Tally,
) -> Result<(), String> {
    match outcome.reply.status {
        200 => {
            tally.debits += 1;
            let reply: DebitReply = parse(&outcome.reply)?;
            tally.credits = tally.credits + amount(&reply.credits)?;
            tally.partial += u64::from(reply.shortfall != "0");
            accepted(account, outcome, &reply, last_ns)
        }
        402 => refused(account, outcome, &parse(&outcome.reply)?, *last_ns),
        status => Err(format!("answered {status}: {}", String::from_utf8_lossy(&outcome.reply.body))),
    }
}

fn accepted(
    account: &mut Account,
    outcome: &Outcome,
    reply: &DebitReply,
    last_ns: &mut u64,
) -> Result<(), String> {
    let at_ns = nanoseconds(&reply.recorded_at)?;
    is_between(outcome, *last_ns, at_ns)?;
    *last_ns = at_ns;
    let request = &outcome.request;
    let expected = account.expected.debit(request.credits(), request.partial(), at_ns);
    let expected =
        expected.map_err(|refusal| format!("accepted, and should have been refused: {refusal:?}"))?;
    same("customer", &reply.customer_id, &account.name)?;
    debit_is(account, &expected, reply)
}

/// Whether something was done between sending and answer, and not before the customer's last record.
pub(crate) fn is_between<R>(outcome: &line::Outcome<R>, last_ns: u64, at_ns: u64) -> Result<(), String> {
    let earliest = earliest_ns(outcome, last_ns);
    if at_ns < earliest || at_ns > latest_ns(outcome) {
        return Err(format!(
            "recorded at {at_ns}, which is not between {earliest} and {}",
            outcome.received_ns
        ));
    }
    Ok(())
}

/// The first instant at which it may have been decided.
pub(crate) fn earliest_ns<R>(outcome: &line::Outcome<R>, last_ns: u64) -> u64 {
    outcome.sent_ns.saturating_sub(CLOCK_SLACK_NS).max(last_ns)
}

/// The last one.
pub(crate) fn latest_ns<R>(outcome: &line::Outcome<R>) -> u64 {
    outcome.received_ns + CLOCK_SLACK_NS
}

/// Compares a debit's reply figure by figure.
pub(crate) fn debit_is(account: &Account, expected: &Debit, reply: &DebitReply) -> Result<(), String> {
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
    let (earliest, latest) = (earliest_ns(outcome, last_ns), latest_ns(outcome));
    let request = &outcome.request;
    let decide = |at_ns| account.expected.clone().debit(request.credits(), request.partial(), at_ns);
    let right: Vec<Refusal> =
        [decide(earliest), decide(latest)].into_iter().filter_map(Result::err).collect();
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

/// Compares what a customer has in the end.
pub(crate) fn balance(account: &Account, shown: &BalanceReply, at_ns: u64) -> Result<(), String> {
    account.expected.standing(at_ns).compare(account, shown)
}

/// Whether what is shown is what should be, or the line that says it is not.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    shown: &T,
    expected: &T,
) -> Result<(), String> {
    if shown == expected { Ok(()) } else { Err(format!("{what} is {shown:?}, and should be {expected:?}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::client::Reply;
    use crate::demo::testing::{self, START_NS, reply, top_up};
    use crate::demo::trace::Request;

    /// A customer with 2 credits in one wallet and one tranche.
    fn account() -> Account {
        testing::account(vec![top_up("PURCHASED_CREDIT_DIRECT", 2_000, None)])
    }

    /// The right reply to a debit of 0.2394 (1,000 context tokens, 1 generated).
    fn right() -> Value {
        let (credits, before, after) = ("0.2394", "2", "1.7606");
        json!({
            "transaction_id": "x", "customer_id": "a", "credits": credits, "shortfall": "0", "available": after,
            "balance_before": before, "balance_after": after, "recorded_at": "2027-01-15T08:00:00.000001Z",
            "slices": [{ "tranche_id": "t0", "wallet_id": "w", "credits": credits, "source": "purchased", "expires_at": null }],
            "rows": [{ "wallet_id": "w", "credits": credits, "balance_before": before, "balance_after": after }],
        })
    }

    fn outcome(reply: Reply) -> Outcome {
        let request = Request { row: 1, at_us: 0, context_tokens: 1_000, generated_tokens: 1 };
        testing::outcome(request, START_NS, reply)
    }

    /// Debits accepted, and differences found.
    fn found(outcome: Outcome) -> (u64, usize) {
        let (mut tally, mut findings) = (Tally::default(), Findings::default());
        customer(&mut account(), &[outcome], &mut tally, &mut findings);
        (tally.debits, findings.differences.len())
    }

    #[test]
    fn a_right_debit_has_no_differences() {
        assert_eq!(found(outcome(reply(200, &right(), false))), (1, 0));
    }

    #[test]
    fn a_difference_in_any_figure_is_found() {
        for (pointer, wrong) in [
            ("/credits", json!("0.2395")),
            ("/credits", json!("0.23940")),
            ("/shortfall", json!("0.1")),
            ("/available", json!("1.7607")),
            ("/balance_before", json!("3")),
            ("/balance_after", json!("1")),
            ("/customer_id", json!("b")),
            ("/recorded_at", json!("2027-01-15T07:59:59Z")),
            ("/rows", json!([])),
            ("/rows/0/balance_after", json!("1")),
            ("/slices/0/credits", json!("0.2")),
            ("/slices/0/tranche_id", json!("u")),
            ("/slices/0/wallet_id", json!("v")),
            ("/slices/0/source", json!("promotional")),
            ("/slices/0/expires_at", json!("2027-01-16T08:00:00Z")),
        ] {
            let mut body = right();
            *body.pointer_mut(pointer).unwrap() = wrong;
            assert_eq!(found(outcome(reply(200, &body, false))).1, 1, "{pointer}");
        }
    }

    #[test]
    fn a_refusal_of_what_could_be_paid_is_found() {
        let details = json!({ "required": "0.2394", "available": "0", "shortfall": "0.2394" });
        let body = json!({ "code": "insufficient_credits", "details": details });
        assert_eq!(found(outcome(reply(402, &body, false))), (0, 1));
    }

    #[test]
    fn a_balance_that_is_not_what_is_left_is_found() {
        let account = account();
        let shown = |posted: &str, remaining: &str| {
            let tranche = json!({
                "tranche_id": "t0", "source": "purchased", "original": "2", "remaining": remaining, "priority": 50,
                "expires_at": null,
            });
            let wallet = json!({ "id": "w", "posted": posted, "tranches": [tranche] });
            let balance = json!({ "posted": posted, "held": "0", "available": posted, "wallets": [wallet] });
            serde_json::from_value::<BalanceReply>(balance).unwrap()
        };
        assert_eq!(balance(&account, &shown("2", "2"), START_NS), Ok(()));
        assert!(balance(&account, &shown("1", "1"), START_NS).is_err());
        assert!(balance(&account, &shown("2", "1"), START_NS).is_err());
    }
}
