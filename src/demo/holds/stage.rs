//! The trace as calls, act by act: set up, call with kills, wait for what ends by itself, settle too late, confirm, compare.

use std::sync::Arc;

use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Call, Fate, Part, Script, script};
use super::check::Customer;
use super::ledger;
use super::reply::{HoldReply, HoldsReply};
use super::report::{Calls, Tally};
use super::work::{self, Asked, Placed};
use crate::cli::child::Server;
use crate::cli::client::Client;
use crate::cli::exit::CliError;
use crate::cli::output;
use crate::demo::arena::{self, API_KEY, Arena, Compared, Ended, Opened};
use crate::demo::caller::Run;
use crate::demo::decimal::Amount;
use crate::demo::findings::Findings;
use crate::demo::line::Seen;
use crate::demo::report::Summary;
use crate::demo::setup::{self, Account};
use crate::demo::trace::CUSTOMERS;
use crate::demo::{api, plan};

/// What some customers may be overdrawn.
const OVERDRAFT_LIMIT: Amount = Amount::thousandths(1_500);
/// The longest that a vanished client's hold lives, and then some.
const VANISHED_NS: u64 = 3_100_000_000;

/// What was said, and the holds that were placed.
struct Played {
    seen: Seen<Asked>,
    placed: Arc<Placed>,
}

/// Plays all acts.
pub(in crate::demo) async fn play(arena: &Arena) -> Result<Summary<Calls>, CliError> {
    let calls: Vec<Call> = arena.requests()?.into_iter().map(Call).collect();
    let opened = arena.open().await?;
    let_overdraw(&opened).await?;
    let (at_once, late) = split(&calls);
    let answers = at_once.iter().filter(|(_, part)| *part == Part::Opens).count();
    let (run, addresses) = arena.shared(&opened, answers);
    let Opened { server, accounts, last_end_ns } = opened;
    let calling = call_all(arena, &run, Arc::default(), &at_once);
    let (server, first, survived) = arena.under_kills(server, (&run, &addresses), answers, calling).await?;
    let (asked, latencies_us) = (first.seen.outcomes.len(), first.seen.latencies_us.clone());
    output::note("waiting for credit and holds that end by themselves");
    arena.wait_until(last_end_ns.max(arena.env.clock.now_ns() + VANISHED_NS)).await;
    let played = finish(arena, &run, first, &late, &calls).await?;
    output::note("comparing every reply, hold and balance with an independent computation");
    let (tally, compared) = compare(arena, &run, server, &accounts, &played).await?;
    let ended = Ended { requests: calls.len(), asked, survived, latencies_us, compared };
    Ok(Summary { common: arena.common(accounts.len(), ended), own: tally.into() })
}

/// Compares everything, and ends the server for that of the ledger.
async fn compare(
    arena: &Arena,
    run: &Arc<Run>,
    server: Server,
    accounts: &[Account],
    played: &Played,
) -> Result<(Tally, Compared), CliError> {
    let (mut tally, mut findings) = (Tally::default(), Findings::default());
    let mut customers = gone_through(accounts, played, &mut tally, &mut findings);
    let now_ns = arena.env.clock.now_ns();
    for customer in &mut customers {
        customer.book.pass(now_ns);
        tally.add(&customer.book, now_ns);
    }
    tally.counts.came_back = came_back(run, &customers, &mut findings).await?;
    let (confirmed, lost) = arena::confirm(run, &played.seen.outcomes, &mut findings).await?;
    let standing = |index: usize, at_ns| customers[index].book.standing(at_ns);
    let balances = arena.balances(run, accounts, standing, &mut findings).await?;
    let log_records = arena.stop(server, &mut findings).await?;
    ledger::add_up(&arena.env, &arena.log_dir())?.compare(&tally, &mut findings);
    Ok((tally, Compared { findings, confirmed, lost, balances, log_records }))
}

/// Whether a customer may be overdrawn: every third, among them some who have too little.
fn overdraft_limit(index: usize) -> Amount {
    if index.is_multiple_of(3) { OVERDRAFT_LIMIT } else { Amount::ZERO }
}

async fn let_overdraw(opened: &Opened) -> Result<(), CliError> {
    let mut client = setup::connect(&opened.server.url, API_KEY)?;
    for (index, account) in opened.accounts.iter().enumerate() {
        let limit = overdraft_limit(index);
        if limit > Amount::ZERO {
            let path = format!("/v1/wallets/{}", account.wallet_ids[0]);
            let key = format!("setup/{}/overdraft", account.name);
            let body = json!({ "overdraft_limit": limit.to_string() }).to_string();
            let _: Value = api::ask(&mut client, Method::PUT, &path, Some(&key), body).await?;
        }
    }
    Ok(())
}

/// What happens at once, and what waits for credit and holds to end by themselves: the second half of the calls of the customers who
/// have credit that ends soon, which then ends while it is pinned, and the last quarter of those who have too little, who then use what
/// came back. Both in the order of the trace.
fn split(calls: &[Call]) -> (Script, Script) {
    let (mut at_once, mut late) = (Vec::new(), Vec::new());
    for customer in 0..CUSTOMERS {
        let own: Vec<_> = calls.iter().filter(|call| call.0.customer() == customer).copied().collect();
        let mut script = in_time(&own);
        let kept = match customer {
            _ if plan::ending_soon(customer, 0).is_some() => script.len() / 2,
            _ if customer.is_multiple_of(4) => script.len() * 3 / 4,
            _ => script.len(),
        };
        late.extend(script.split_off(kept));
        at_once.extend(script);
    }
    [at_once, late]
        .map(|mut parts| {
            parts.sort_by_key(|(row, _)| *row);
            parts.into_iter().map(|(_, step)| step).collect()
        })
        .into()
}

/// A customer's script, each part with the row that opened last before it.
fn in_time(calls: &[Call]) -> Vec<(usize, (Call, Part))> {
    let mut row = 0;
    let steps = script(calls).into_iter();
    steps
        .map(|(call, part)| {
            row = if part == Part::Opens { call.row() } else { row };
            (row, (call, part))
        })
        .collect()
}

/// Plays the rest: the late parts, and, when every deadline has passed, the clients that come back too late.
async fn finish(
    arena: &Arena,
    run: &Arc<Run>,
    first: Played,
    late: &[(Call, Part)],
    calls: &[Call],
) -> Result<Played, CliError> {
    let mut all = first.seen;
    let Played { seen, placed } = call_all(arena, run, first.placed, late).await?;
    all.add(seen);
    arena.wait_until(arena.env.clock.now_ns() + VANISHED_NS).await;
    let vanished = calls.iter().filter(|call| call.fate() == Fate::Vanishes);
    let too_late: Vec<_> = vanished.map(|call| (*call, Part::ComesTooLate)).collect();
    let Played { seen, placed } = call_all(arena, run, placed, &too_late).await?;
    all.add(seen);
    Ok(Played { seen: all, placed })
}

/// Plays parts of calls over all connections; a customer's go over one, in order.
async fn call_all(
    arena: &Arena,
    run: &Arc<Run>,
    earlier: Arc<Placed>,
    script: &[(Call, Part)],
) -> Result<Played, CliError> {
    let work = |script| work::work(Arc::clone(run), Arc::clone(&earlier), script);
    let (mut all, mut known) = (Seen::nothing(), Placed::clone(&earlier));
    for (seen, placed) in arena.share(script, |(call, _)| call.0.customer(), work).await? {
        all.add(seen);
        known.extend(placed);
    }
    Ok(Played { seen: all, placed: Arc::new(known) })
}

/// Compares all that was said, customer by customer.
fn gone_through<'a>(
    accounts: &'a [Account],
    played: &'a Played,
    tally: &mut Tally,
    findings: &mut Findings,
) -> Vec<Customer<'a>> {
    let mut by_customer = vec![Vec::new(); CUSTOMERS];
    for outcome in &played.seen.outcomes {
        by_customer[outcome.request.call.0.customer()].push(outcome.clone());
    }
    let mut customers = Vec::with_capacity(accounts.len());
    for (index, (account, outcomes)) in accounts.iter().zip(&by_customer).enumerate() {
        let mut customer = Customer::new(account, &played.placed, overdraft_limit(index));
        customer.go_through(outcomes, tally, findings);
        customers.push(customer);
    }
    customers
}

/// Looks at every hold that should have ended by itself, and that none is open any more; tells how many have.
async fn came_back(
    run: &Arc<Run>,
    customers: &[Customer<'_>],
    findings: &mut Findings,
) -> Result<u64, CliError> {
    let url = run.addresses.borrow().url.clone();
    let mut client = setup::connect(&url, API_KEY)?;
    let mut ended = 0;
    for customer in customers {
        let holds = format!("/v1/customers/{}/holds", customer.account.name);
        let open: HoldsReply = get(&mut client, &format!("{holds}?status=open")).await?;
        if !open.items.is_empty() {
            findings.differences.push(format!("{holds}: {} are still open", open.items.len()));
        }
        for (row, hold) in customer.book.expired() {
            let Some(known) = customer.placed.get(&row) else { continue };
            let shown: HoldReply = get(&mut client, &format!("{holds}/{}", known.id)).await?;
            match customer.hold_is(row, hold, &shown) {
                Ok(()) => ended += 1,
                Err(difference) => findings.differences.push(format!("hold of row {row}: {difference}")),
            }
        }
    }
    Ok(ended)
}

async fn get<T: for<'a> Deserialize<'a>>(client: &mut Client, path: &str) -> Result<T, CliError> {
    api::ask(client, Method::GET, path, None, String::new()).await
}
