//! Compares what the server said with what should have been: every debit, every refusal, every balance.

use super::api::{BalanceReply, DebitReply, RefusalReply, amount, nanoseconds, parse};
use super::decimal::Amount;
use super::expect::{Debit, Refusal};
use super::replay::Outcome;
use super::setup::Account;
use crate::cli::client::Reply;

/// How far the server's clock and ours, which is the same machine's, may tell an instant apart.
pub(crate) const CLOCK_SLACK_NS: u64 = 20_000_000;

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

fn row_of(
    account: &mut Account,
    outcome: &Outcome,
    last_ns: &mut u64,
    findings: &mut Findings,
) -> Result<(), String> {
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

fn accepted(
    account: &mut Account,
    outcome: &Outcome,
    reply: &DebitReply,
    last_ns: &mut u64,
) -> Result<(), String> {
    let at_ns = nanoseconds(&reply.recorded_at)?;
    let earliest = outcome.sent_ns.saturating_sub(CLOCK_SLACK_NS).max(*last_ns);
    if at_ns < earliest || at_ns > outcome.received_ns + CLOCK_SLACK_NS {
        return Err(format!(
            "recorded at {at_ns}, which is not between {earliest} and {}",
            outcome.received_ns
        ));
    }
    *last_ns = at_ns;
    let request = &outcome.request;
    let expected = account.expected.debit(request.credits(), request.partial(), at_ns);
    let expected =
        expected.map_err(|refusal| format!("accepted, and should have been refused: {refusal:?}"))?;
    same("customer", &reply.customer_id, &account.name)?;
    debit_is(account, &expected, reply)
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
    let earliest = outcome.sent_ns.saturating_sub(CLOCK_SLACK_NS).max(last_ns);
    let latest = outcome.received_ns + CLOCK_SLACK_NS;
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
        findings
            .differences
            .push(format!("row {row}: acknowledged, and not there any more ({})", again.status));
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
        live.extend(
            of_wallet.tranches.iter().map(|tranche| (tranche.tranche_id.clone(), tranche.remaining.clone())),
        );
    }
    let left = expected.tranches.iter().zip(&account.tranche_ids);
    let left = left.filter(|(tranche, _)| {
        tranche.remaining > Amount::ZERO && tranche.expires_ns.is_none_or(|end| at_ns < end)
    });
    let mut left: Vec<_> = left.map(|(tranche, id)| (id.clone(), tranche.remaining.to_string())).collect();
    left.sort();
    live.sort();
    same("live tranches", &live, &left)
}

fn transaction(reply: &Reply) -> Option<String> {
    parse::<DebitReply>(reply).ok().map(|reply| reply.transaction_id)
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
    use crate::demo::expect::Customer;
    use crate::demo::plan::{CustomerPlan, TopUp};
    use crate::demo::trace::Request;

    const SENT_NS: u64 = 1_800_000_000_000_000_000;

    /// A customer with 2 credits in one wallet and one tranche.
    fn account() -> Account {
        let credits = Amount::parse("2").unwrap();
        let top_up = TopUp {
            reason: "PURCHASED_CREDIT_DIRECT",
            credits,
            expires_ns: None,
            priority: None,
            bonus: None,
        };
        let plan = CustomerPlan { name: "a".to_owned(), wallets: vec![vec![top_up]] };
        Account {
            expected: Customer::new(&plan),
            name: plan.name.clone(),
            plan,
            wallet_ids: vec!["w".to_owned()],
            tranche_ids: vec!["t".to_owned()],
        }
    }

    /// The right reply to a debit of 0.2394 (1,000 context tokens, 1 generated).
    fn right() -> Value {
        let (credits, before, after) = ("0.2394", "2", "1.7606");
        json!({
            "transaction_id": "x", "customer_id": "a", "credits": credits, "shortfall": "0", "available": after,
            "balance_before": before, "balance_after": after, "recorded_at": "2027-01-15T08:00:00.000001Z",
            "slices": [{ "tranche_id": "t", "wallet_id": "w", "credits": credits, "source": "purchased", "expires_at": null }],
            "rows": [{ "wallet_id": "w", "credits": credits, "balance_before": before, "balance_after": after }],
        })
    }

    fn reply(status: u16, body: &Value, replayed: bool) -> Reply {
        Reply { status, replayed, body: body.to_string().into() }
    }

    fn outcome(reply: Reply) -> Outcome {
        let request = Request { row: 1, at_us: 0, context_tokens: 1_000, generated_tokens: 1 };
        Outcome { request, sent_ns: SENT_NS, received_ns: SENT_NS + 5_000, unanswered: 0, reply, again: None }
    }

    fn findings(outcome: Outcome) -> Findings {
        let mut findings = Findings::default();
        customer(&mut account(), &[outcome], &mut findings);
        findings
    }

    #[test]
    fn a_right_debit_has_no_differences() {
        let findings = findings(outcome(reply(200, &right(), false)));
        assert_eq!((findings.differences.as_slice(), findings.debits), (&[][..], 1));
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
            let findings = findings(outcome(reply(200, &body, false)));
            assert_eq!(findings.differences.len(), 1, "{pointer}");
        }
    }

    #[test]
    fn a_refusal_of_what_could_be_paid_is_found() {
        let details = json!({ "required": "0.2394", "available": "0", "shortfall": "0.2394" });
        let body = json!({ "code": "insufficient_credits", "details": details });
        assert_eq!(findings(outcome(reply(402, &body, false))).differences.len(), 1);
    }

    #[test]
    fn a_second_effect_under_one_key_is_found() {
        let mut second = right();
        second["transaction_id"] = json!("y");
        let again = Some(reply(200, &second, false));
        let findings = findings(Outcome { again, ..outcome(reply(200, &right(), false)) });
        assert_eq!((findings.doubled, findings.differences.len()), (1, 1));
    }

    #[test]
    fn an_acknowledged_debit_that_is_not_there_any_more_is_found() {
        let acknowledged = outcome(reply(200, &right(), false));
        let mut findings = Findings::default();
        assert!(confirmed(&acknowledged, &reply(200, &right(), true), &mut findings));
        assert!(!confirmed(&acknowledged, &reply(200, &right(), false), &mut findings), "done anew");
        assert!(!confirmed(&acknowledged, &reply(402, &json!({}), false), &mut findings));
        assert_eq!(findings.differences.len(), 2);
    }

    #[test]
    fn a_balance_that_is_not_what_is_left_is_found() {
        let account = account();
        let shown = |posted: &str, remaining: &str| {
            let tranche = json!({
                "tranche_id": "t", "source": "purchased", "original": "2", "remaining": remaining, "priority": 50,
                "expires_at": null,
            });
            let wallet = json!({ "id": "w", "posted": posted, "tranches": [tranche] });
            let balance = json!({ "posted": posted, "held": "0", "available": posted, "wallets": [wallet] });
            serde_json::from_value::<BalanceReply>(balance).unwrap()
        };
        assert_eq!(balance(&account, &shown("2", "2"), SENT_NS), Ok(()));
        assert!(balance(&account, &shown("1", "1"), SENT_NS).is_err());
        assert!(balance(&account, &shown("2", "1"), SENT_NS).is_err());
    }
}
