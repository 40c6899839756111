//! One run of the demo, act by act: set up, send with kills, confirm, compare.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coffer_wal::inspect::verify;
use hdrhistogram::Histogram;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::check::{self, Findings};
use super::random::Random;
use super::replay::{self, Address, Caller, Outcome, Run};
use super::report::Summary;
use super::setup::{self, Account};
use super::trace::{self, CUSTOMERS, Request};
use super::{DemoArgs, plan, show};
use crate::cli::child::Server;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;
use crate::env::Env;

/// Everything that a run is made of.
pub(crate) struct Stage {
    pub(crate) env: Env,
    pub(crate) seed: u64,
    pub(crate) args: DemoArgs,
    pub(crate) data_dir: PathBuf,
}

/// What the second act leaves.
struct Replayed {
    outcomes: Vec<Outcome>,
    latencies_us: Histogram<u64>,
    busy_ns: u64,
    recovery_ns: Vec<u64>,
    killed_at: Vec<usize>,
}

const API_KEY: &str = "demo-admin-key-of-a-temporary-server";

impl Stage {
    /// Plays all acts.
    pub(crate) async fn play(&self) -> Result<Summary, CliError> {
        let mut requests = trace::read().map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        requests.truncate(
            self.args.requests.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX)),
        );
        output::note(format!("seed {}; starting a server on {}", self.seed, self.data_dir.display()));
        let server = self.start().await?;
        let plans = plan::customers(self.seed, self.env.clock.now_ns());
        let mut accounts = setup::accounts(&server.url, API_KEY, plans).await?;
        let last_end_ns = self.give_what_ends_soon(&server.url, &mut accounts).await?;
        output::note(format!(
            "{} customers have credit; sending {} requests",
            accounts.len(),
            requests.len()
        ));
        let (at_once, late) = split(&requests);
        let (run, addresses) = self.shared(&server, &accounts, at_once.len());
        let (server, mut replayed) = self.replay(server, &run, &addresses, &at_once).await?;
        self.wait_until(last_end_ns).await;
        replayed.outcomes.extend(self.send(&run, &late).await?.0);
        replayed.outcomes.sort_by_key(|outcome| outcome.request.row);
        output::note("comparing every reply and every balance with an independent computation");
        let mut summary = self.compare(&run, accounts, replayed).await?;
        let ended = server.stop().await?;
        if !ended.success() {
            return Err(CliError::new(
                Code::Failed,
                format!("the server's clean shutdown ended with {ended}"),
            ));
        }
        summary.log_records = self.verify_log(&mut summary.differences)?;
        Ok(summary)
    }

    /// Checks every byte of the log that the run left; tells how many records it holds.
    fn verify_log(&self, differences: &mut Vec<String>) -> Result<u64, CliError> {
        let report = verify(&self.env.for_log(), &self.data_dir.join("shard-00"), &mut |_| {})?;
        differences.extend(report.problems.iter().map(|problem| format!("log: {problem}")));
        Ok(report.end.map_or(0, |end| end.lsn.0))
    }

    /// Gives some customers credit that ends in a moment; tells when the last of it ends.
    async fn give_what_ends_soon(&self, url: &str, accounts: &mut [Account]) -> Result<u64, CliError> {
        let mut client = setup::connect(url, API_KEY)?;
        let now_ns = self.env.clock.now_ns();
        let mut last_end_ns = now_ns;
        for (index, account) in accounts.iter_mut().enumerate() {
            let Some(top_up) = plan::ending_soon(index, now_ns) else { continue };
            last_end_ns = last_end_ns.max(top_up.expires_ns.unwrap_or(now_ns));
            *account = setup::add(&mut client, account.clone(), top_up).await?;
        }
        Ok(last_end_ns)
    }

    async fn start(&self) -> Result<Server, CliError> {
        Server::start(&self.data_dir, API_KEY, &self.env.clock).await
    }

    fn shared(
        &self,
        server: &Server,
        accounts: &[Account],
        requests: usize,
    ) -> (Arc<Run>, watch::Sender<Address>) {
        let (sender, addresses) = watch::channel(Address { generation: 0, url: server.url.clone() });
        let run = Run {
            addresses,
            api_key: API_KEY.to_owned(),
            clock: Arc::clone(&self.env.clock),
            accounts: accounts.iter().map(|account| account.name.clone()).collect(),
            speed: self.args.speed,
            started_ns: self.env.clock.monotonic_ns(),
            answered: AtomicUsize::new(0),
            kill_points: kill_points(self.seed, usize::from(self.args.kills), requests),
            kill: Notify::new(),
        };
        (Arc::new(run), sender)
    }

    /// Sends all rows; meanwhile the server is killed and started again at its points.
    async fn replay(
        &self,
        server: Server,
        run: &Arc<Run>,
        addresses: &watch::Sender<Address>,
        requests: &[Request],
    ) -> Result<(Server, Replayed), CliError> {
        let (mut server, mut outage_ns, mut recovery_ns, mut killed_at) = (server, 0, Vec::new(), Vec::new());
        // The workers are tasks of their own: they go on while a server is killed and started here.
        let mut sending = std::pin::pin!(self.send(run, requests));
        let mut shown = std::pin::pin!(show::progress(run, requests.len()));
        let (outcomes, latencies_us) = loop {
            tokio::select! {
                biased;
                sent = &mut sending => break sent?,
                () = run.kill.notified() => {
                    let killed_ns = self.env.clock.monotonic_ns();
                    killed_at.push(run.answered.load(Ordering::Relaxed));
                    server = self.kill_and_restart(server, run, addresses).await?;
                    outage_ns += self.env.clock.monotonic_ns() - killed_ns;
                    recovery_ns.push(server.ready_ns);
                }
                () = &mut shown => unreachable!("progress is shown until the work is done"),
            }
        };
        let busy_ns = (self.env.clock.monotonic_ns() - run.started_ns).saturating_sub(outage_ns);
        Ok((server, Replayed { outcomes, latencies_us, busy_ns, recovery_ns, killed_at }))
    }

    /// Sends rows over all connections; a customer's rows go over one, in order.
    async fn send(
        &self,
        run: &Arc<Run>,
        requests: &[Request],
    ) -> Result<(Vec<Outcome>, Histogram<u64>), CliError> {
        let connections = usize::from(self.args.connections);
        let mut workers = JoinSet::new();
        for worker in 0..connections {
            let rows = requests
                .iter()
                .filter(|request| request.customer() % connections == worker)
                .copied()
                .collect();
            workers.spawn(replay::work(Arc::clone(run), rows));
        }
        let (mut outcomes, mut latencies_us) = (Vec::with_capacity(requests.len()), replay::new_histogram());
        while let Some(ended) = workers.join_next().await {
            let seen = ended.map_err(|error| CliError::new(Code::Internal, error.to_string()))??;
            outcomes.extend(seen.outcomes);
            latencies_us
                .add(seen.latencies_us)
                .map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        }
        Ok((outcomes, latencies_us))
    }

    async fn kill_and_restart(
        &self,
        server: Server,
        run: &Arc<Run>,
        addresses: &watch::Sender<Address>,
    ) -> Result<Server, CliError> {
        server.kill().await?;
        let answered = run.answered.load(Ordering::Relaxed);
        output::note(format!("killed the server (SIGKILL) after {answered} answers; starting it again"));
        let server = self.start().await?;
        output::note(format!("it serves again after {} ms", server.ready_ns / 1_000_000));
        addresses.send_modify(|address| {
            *address = Address { generation: address.generation + 1, url: server.url.clone() };
        });
        Ok(server)
    }

    async fn wait_until(&self, at_ns: u64) {
        let left_ns = at_ns.saturating_sub(self.env.clock.now_ns());
        tokio::time::sleep(Duration::from_nanos(left_ns)).await;
    }

    /// Asks for every acknowledged debit once more, then compares everything.
    async fn compare(
        &self,
        run: &Arc<Run>,
        accounts: Vec<Account>,
        replayed: Replayed,
    ) -> Result<Summary, CliError> {
        let mut findings = Findings::default();
        let mut by_customer = vec![Vec::new(); CUSTOMERS];
        for outcome in &replayed.outcomes {
            by_customer[outcome.request.customer()].push(outcome.clone());
        }
        let mut accounts = accounts;
        for (account, outcomes) in accounts.iter_mut().zip(&by_customer) {
            check::customer(account, outcomes, &mut findings);
        }
        let (confirmed, lost) = confirm(run, &replayed.outcomes, &mut findings).await?;
        let balances = self.balances(run, &accounts, &mut findings).await?;
        let requests_per_s = count(replayed.outcomes.len()) * 1_000_000_000 / replayed.busy_ns.max(1);
        Ok(Summary {
            seed: self.seed,
            customers: accounts.len(),
            requests: replayed.outcomes.len(),
            connections: usize::from(self.args.connections),
            debits: findings.debits,
            partial: findings.partial,
            credits: findings.credits.to_string(),
            refusals: findings.refusals,
            replays: findings.replays,
            killed_at: replayed.killed_at,
            unanswered: findings.unanswered,
            unanswered_done: findings.unanswered_done,
            recovery_ms: replayed.recovery_ns.iter().map(|ns| ns / 1_000_000).collect(),
            requests_per_s,
            p50_us: replayed.latencies_us.value_at_quantile(0.5),
            p99_us: replayed.latencies_us.value_at_quantile(0.99),
            confirmed,
            balances,
            log_records: 0,
            lost,
            doubled: findings.doubled,
            differences: findings.differences,
        })
    }

    async fn balances(
        &self,
        run: &Arc<Run>,
        accounts: &[Account],
        findings: &mut Findings,
    ) -> Result<usize, CliError> {
        let url = run.addresses.borrow().url.clone();
        let mut client = setup::connect(&url, API_KEY)?;
        for account in accounts {
            let shown = setup::balance(&mut client, &account.name).await?;
            if let Err(difference) = check::balance(account, &shown, self.env.clock.now_ns()) {
                findings.differences.push(format!("balance of {}: {difference}", account.name));
                // Less than there should be is what a second effect leaves behind.
                let expected = account.expected.available(self.env.clock.now_ns());
                findings.doubled +=
                    u64::from(super::api::amount(&shown.posted).is_ok_and(|posted| posted < expected));
            }
        }
        Ok(accounts.len())
    }
}

/// Sends every accepted debit again: acknowledged means there, under its key, for ever (of the window).
async fn confirm(
    run: &Arc<Run>,
    outcomes: &[Outcome],
    findings: &mut Findings,
) -> Result<(u64, u64), CliError> {
    let accepted: Vec<Outcome> =
        outcomes.iter().filter(|outcome| outcome.reply.status == 200).cloned().collect();
    let mut workers = JoinSet::new();
    for share in accepted.chunks(accepted.len().div_ceil(16).max(1)).map(<[_]>::to_vec) {
        let mut caller = Caller::new(Arc::clone(run))?;
        workers.spawn(async move {
            let mut answers = Vec::with_capacity(share.len());
            for outcome in share {
                let again = caller.debit(&outcome.request).await?.reply;
                answers.push((outcome, again));
            }
            Ok::<_, CliError>(answers)
        });
    }
    let (mut confirmed, mut lost) = (0, 0);
    for answers in workers.join_all().await {
        for (outcome, again) in answers? {
            let there = check::confirmed(&outcome, &again, findings);
            confirmed += u64::from(there);
            lost += u64::from(!there);
        }
    }
    Ok((confirmed, lost))
}

/// Answers at which the server is killed: random ones in the middle half, in order.
fn kill_points(seed: u64, kills: usize, requests: usize) -> Vec<usize> {
    let mut random = Random::new(seed ^ 0x006b_696c_6c00);
    let (low, high) = (count(requests / 4), count(requests / 4 * 3));
    let mut points: Vec<_> = (0..kills).map(|_| random.within(low.max(1), high.max(1))).collect();
    points.sort_unstable();
    points.dedup();
    points.into_iter().filter_map(|point| usize::try_from(point).ok()).collect()
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

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_points_lie_in_the_middle_half_and_follow_the_seed() {
        for seed in 0..50 {
            let points = kill_points(seed, 3, 8_819);
            assert!(points.iter().all(|point| (2_204..=6_612).contains(point)), "seed {seed}: {points:?}");
            assert_eq!(points, kill_points(seed, 3, 8_819));
        }
    }
}
