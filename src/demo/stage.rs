//! The trace as debits, act by act: set up, send with kills, confirm, compare.

use std::sync::Arc;

use super::arena::{self, Arena, Compared, Ended};
use super::caller::Run;
use super::check::{self, Tally};
use super::findings::Findings;
use super::line::Seen;
use super::plan;
use super::replay;
use super::report::{Debits, Summary};
use super::setup::Account;
use super::trace::{CUSTOMERS, Request};
use crate::cli::child::Server;
use crate::cli::exit::CliError;
use crate::cli::output;

/// Plays all acts.
pub(crate) async fn play(arena: &Arena) -> Result<Summary<Debits>, CliError> {
    let requests = arena.requests()?;
    let mut opened = arena.open().await?;
    let (at_once, late) = split(&requests);
    let (run, addresses) = arena.shared(&opened, at_once.len());
    let sending = send(arena, &run, &at_once);
    let (server, mut seen, survived) =
        arena.under_kills(opened.server, (&run, &addresses), at_once.len(), sending).await?;
    arena.wait_until(opened.last_end_ns).await;
    let latencies_us = seen.latencies_us.clone();
    seen.add(send(arena, &run, &late).await?);
    seen.outcomes.sort_by_key(|outcome| outcome.request.row);
    output::note("comparing every reply and every balance with an independent computation");
    let (tally, compared) = compare(arena, &run, server, &mut opened.accounts, &seen).await?;
    let (requests, asked) = (requests.len(), at_once.len());
    let ended = Ended { requests, asked, survived, latencies_us, compared };
    Ok(Summary { common: arena.common(opened.accounts.len(), ended), own: tally.into() })
}

/// Asks for every acknowledged debit once more, compares everything, and ends the server for the comparison of its log.
async fn compare(
    arena: &Arena,
    run: &Arc<Run>,
    server: Server,
    accounts: &mut [Account],
    seen: &Seen<Request>,
) -> Result<(Tally, Compared), CliError> {
    let (mut tally, mut findings) = (Tally::default(), Findings::default());
    let mut by_customer = vec![Vec::new(); CUSTOMERS];
    for outcome in &seen.outcomes {
        by_customer[outcome.request.customer()].push(outcome.clone());
    }
    for (account, outcomes) in accounts.iter_mut().zip(&by_customer) {
        check::customer(account, outcomes, &mut tally, &mut findings);
    }
    let (confirmed, lost) = arena::confirm(run, &seen.outcomes, &mut findings).await?;
    let accounts = &*accounts;
    let standing = |index: usize, at_ns| accounts[index].expected.standing(at_ns);
    let balances = arena.balances(run, accounts, standing, &mut findings).await?;
    let log_records = arena.stop(server, &mut findings).await?;
    Ok((tally, Compared { findings, confirmed, lost, balances, log_records }))
}

/// Sends rows over all connections; a customer's rows go over one, in order.
async fn send(arena: &Arena, run: &Arc<Run>, requests: &[Request]) -> Result<Seen<Request>, CliError> {
    let work = |rows| replay::work(Arc::clone(run), rows);
    let mut all = Seen::nothing();
    for seen in arena.share(requests, Request::customer, work).await? {
        all.add(seen);
    }
    Ok(all)
}

/// The rows that are sent at once, and those that wait for the end of credit that ends soon: the second half of the rows
/// of the customers who have such credit.
fn split(requests: &[Request]) -> (Vec<Request>, Vec<Request>) {
    let is_late = |request: &&Request| {
        plan::ending_soon(request.customer(), 0).is_some() && request.row >= requests.len() / 2
    };
    let late = requests.iter().filter(is_late).copied().collect();
    (requests.iter().filter(|request| !is_late(request)).copied().collect(), late)
}
