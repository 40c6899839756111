//! Where a run takes place: a real server on a directory of its own, customers with credit, workers that ask, and the kills in between.
//! What they ask, and what should have come of it, is the run's own: [`super::stage`] debits, [`super::holds`] holds and settles.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coffer_wal::inspect::verify;
use hdrhistogram::Histogram;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::caller::{Address, Caller, Run};
use super::findings::Findings;
use super::line::Outcome;
use super::random::Random;
use super::report::Common;
use super::setup::{self, Account};
use super::standing::Standing;
use super::trace::{self, Request};
use super::{DemoArgs, plan, show};
use crate::cli::child::Server;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;
use crate::env::Env;

/// Everything that a run is made of.
pub(crate) struct Arena {
    pub(crate) env: Env,
    pub(crate) seed: u64,
    pub(crate) args: DemoArgs,
    pub(crate) data_dir: PathBuf,
}

/// A server whose customers have credit.
pub(crate) struct Opened {
    pub(crate) server: Server,
    pub(crate) accounts: Vec<Account>,
    /// When the last of the credit that ends in a moment ends.
    pub(crate) last_end_ns: u64,
}

/// What the kills took.
pub(crate) struct Survived {
    /// Nanoseconds while a server was there.
    pub(crate) busy_ns: u64,
    pub(crate) recovery_ns: Vec<u64>,
    pub(crate) killed_at: Vec<usize>,
}

/// What the comparison of any run gives.
pub(crate) struct Compared {
    pub(crate) findings: Findings,
    pub(crate) confirmed: u64,
    pub(crate) lost: u64,
    pub(crate) balances: usize,
    pub(crate) log_records: u64,
}

/// What is the same in every run's end.
pub(crate) struct Ended {
    /// Rows of the trace.
    pub(crate) requests: usize,
    /// What was asked while the server was killed, in all.
    pub(crate) asked: usize,
    pub(crate) survived: Survived,
    pub(crate) latencies_us: Histogram<u64>,
    pub(crate) compared: Compared,
}

pub(crate) const API_KEY: &str = "demo-admin-key-of-a-temporary-server";

impl Arena {
    /// The rows of the trace that are asked for.
    pub(crate) fn requests(&self) -> Result<Vec<Request>, CliError> {
        let mut requests = trace::read().map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        requests.truncate(
            self.args.requests.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX)),
        );
        Ok(requests)
    }

    /// Starts the server and gives its customers their credit.
    pub(crate) async fn open(&self) -> Result<Opened, CliError> {
        output::note(format!("seed {}; starting a server on {}", self.seed, self.data_dir.display()));
        let server = self.start().await?;
        let plans = plan::customers(self.seed, self.env.clock.now_ns());
        let mut accounts = setup::accounts(&server.url, API_KEY, plans).await?;
        let last_end_ns = self.give_what_ends_soon(&server.url, &mut accounts).await?;
        output::note(format!("{} customers have credit", accounts.len()));
        Ok(Opened { server, accounts, last_end_ns })
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

    /// What the workers share, in a run of so many answers.
    pub(crate) fn shared(&self, opened: &Opened, answers: usize) -> (Arc<Run>, watch::Sender<Address>) {
        let (sender, addresses) = watch::channel(Address { generation: 0, url: opened.server.url.clone() });
        let run = Run {
            addresses,
            api_key: API_KEY.to_owned(),
            clock: Arc::clone(&self.env.clock),
            accounts: opened.accounts.iter().map(|account| account.name.clone()).collect(),
            speed: self.args.speed,
            started_ns: self.env.clock.monotonic_ns(),
            answered: AtomicUsize::new(0),
            kill_points: kill_points(self.seed, usize::from(self.args.kills), answers),
            kill: Notify::new(),
        };
        (Arc::new(run), sender)
    }

    /// Works, and meanwhile kills the server and starts it again at its points.
    pub(crate) async fn under_kills<T>(
        &self,
        server: Server,
        (run, addresses): (&Arc<Run>, &watch::Sender<Address>),
        answers: usize,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<(Server, T, Survived), CliError> {
        let (mut server, mut outage_ns, mut recovery_ns, mut killed_at) = (server, 0, Vec::new(), Vec::new());
        // The workers are tasks of their own: they go on while a server is killed and started here.
        let mut work = std::pin::pin!(work);
        let mut shown = std::pin::pin!(show::progress(run, answers));
        let done = loop {
            tokio::select! {
                biased;
                done = &mut work => break done?,
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
        Ok((server, done, Survived { busy_ns, recovery_ns, killed_at }))
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

    /// Shares what is to be asked among as many workers as there are connections; a customer's goes over one, in order.
    pub(crate) async fn share<R: Copy, T: Send + 'static, F>(
        &self,
        requests: &[R],
        customer: impl Fn(&R) -> usize,
        work: impl Fn(Vec<R>) -> F,
    ) -> Result<Vec<T>, CliError>
    where
        F: Future<Output = Result<T, CliError>> + Send + 'static,
    {
        let connections = usize::from(self.args.connections);
        let mut shares = vec![Vec::new(); connections];
        for request in requests {
            shares[customer(request) % connections].push(*request);
        }
        gather(shares.into_iter().map(work)).await
    }

    /// Waits for an instant.
    pub(crate) async fn wait_until(&self, at_ns: u64) {
        let left_ns = at_ns.saturating_sub(self.env.clock.now_ns());
        tokio::time::sleep(Duration::from_nanos(left_ns)).await;
    }

    /// Compares every balance with what should be there; tells how many.
    pub(crate) async fn balances(
        &self,
        run: &Arc<Run>,
        accounts: &[Account],
        standing: impl Fn(usize, u64) -> Standing,
        findings: &mut Findings,
    ) -> Result<usize, CliError> {
        let url = run.addresses.borrow().url.clone();
        let mut client = setup::connect(&url, API_KEY)?;
        for (index, account) in accounts.iter().enumerate() {
            let shown = setup::balance(&mut client, &account.name).await?;
            let expected = standing(index, self.env.clock.now_ns());
            if let Err(difference) = expected.compare(account, &shown) {
                findings.differences.push(format!("balance of {}: {difference}", account.name));
                findings.doubled += u64::from(expected.is_more_than(&shown));
            }
        }
        Ok(accounts.len())
    }

    /// Ends the server in good order and checks every byte of the log that the run left; tells how many records it holds.
    pub(crate) async fn stop(&self, server: Server, findings: &mut Findings) -> Result<u64, CliError> {
        let ended = server.stop().await?;
        if !ended.success() {
            let problem = format!("the server's clean shutdown ended with {ended}");
            return Err(CliError::new(Code::Failed, problem));
        }
        let report = verify(&self.env.for_log(), &self.log_dir(), &mut |_| {})?;
        findings.differences.extend(report.problems.iter().map(|problem| format!("log: {problem}")));
        Ok(report.end.map_or(0, |end| end.lsn.0))
    }

    /// The log that the run leaves.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.data_dir.join("shard-00")
    }

    /// The figures that every run has.
    pub(crate) fn common(&self, customers: usize, ended: Ended) -> Common {
        let Ended { requests, asked, survived, latencies_us, compared } = ended;
        let Compared { findings, confirmed, lost, balances, log_records } = compared;
        Common {
            seed: self.seed,
            customers,
            requests,
            connections: usize::from(self.args.connections),
            refusals: findings.refusals,
            replays: findings.replays,
            killed_at: survived.killed_at,
            unanswered: findings.unanswered,
            unanswered_done: findings.unanswered_done,
            recovery_ms: survived.recovery_ns.iter().map(|ns| ns / 1_000_000).collect(),
            requests_per_s: count(asked) * 1_000_000_000 / survived.busy_ns.max(1),
            p50_us: latencies_us.value_at_quantile(0.5),
            p99_us: latencies_us.value_at_quantile(0.99),
            confirmed,
            balances,
            log_records,
            lost,
            doubled: findings.doubled,
            differences: findings.differences,
        }
    }
}

/// Asks once more for everything that was acknowledged: it is there, under its key, for ever (of the window). Tells how much was there,
/// and how much was not.
pub(crate) async fn confirm<R: Clone + Send + 'static>(
    run: &Arc<Run>,
    outcomes: &[Outcome<R>],
    findings: &mut Findings,
) -> Result<(u64, u64), CliError> {
    let done: Vec<_> = outcomes.iter().filter(|outcome| outcome.is_done()).cloned().collect();
    let shares = done.chunks(done.len().div_ceil(16).max(1)).map(<[_]>::to_vec);
    let answers = gather(shares.map(|share| {
        let run = Arc::clone(run);
        async move {
            let mut caller = Caller::new(run)?;
            let mut answers = Vec::with_capacity(share.len());
            for outcome in share {
                let again = caller.ask(&outcome.ask).await?.reply;
                answers.push((outcome, again));
            }
            Ok(answers)
        }
    }));
    let (mut confirmed, mut lost) = (0, 0);
    for (outcome, again) in answers.await?.iter().flatten() {
        let there = findings.confirmed(outcome, again);
        confirmed += u64::from(there);
        lost += u64::from(!there);
    }
    Ok((confirmed, lost))
}

/// Works as tasks of their own; what each gives, in no order.
async fn gather<T: Send + 'static, F>(works: impl Iterator<Item = F>) -> Result<Vec<T>, CliError>
where
    F: Future<Output = Result<T, CliError>> + Send + 'static,
{
    let mut workers = JoinSet::new();
    works.for_each(|work| drop(workers.spawn(work)));
    workers.join_all().await.into_iter().collect()
}

/// Answers at which the server is killed: random ones in the middle half, in order.
fn kill_points(seed: u64, kills: usize, answers: usize) -> Vec<usize> {
    let mut random = Random::new(seed ^ 0x006b_696c_6c00);
    let (low, high) = (count(answers / 4), count(answers / 4 * 3));
    let mut points: Vec<_> = (0..kills).map(|_| random.within(low.max(1), high.max(1))).collect();
    points.sort_unstable();
    points.dedup();
    points.into_iter().filter_map(|point| usize::try_from(point).ok()).collect()
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
