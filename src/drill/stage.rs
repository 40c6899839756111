//! One drill, round by round: load, kill, recovery, retries, check; in the end everything once more, and the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use tokio::task::JoinSet;

use super::books::{Book, transaction_of};
use super::findings::Findings;
use super::host::{API_KEY, Host, Recovery};
use super::kills::{Hit, Kills};
use super::load::{self, Answer, Field, Look, Seen};
use super::operation::{Done, Names, sha256};
use super::report::{Row, Summary, milliseconds};
use super::{DrillArgs, audit, confirm, plan};
use crate::cli::child::Server;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;
use crate::demo::random::Random;
use crate::demo::setup::{self, connect};

/// Of the operations of earlier rounds, so many more are asked for again after each round.
const SAMPLE_GROWS_BY: usize = 200;

/// A drill that runs.
pub(crate) struct Stage {
    host: Host,
    args: DrillArgs,
    seed: u64,
    names: Arc<Vec<Names>>,
    books: Vec<Book>,
    /// Every acknowledged operation of all rounds.
    done: Vec<Done>,
    findings: Findings,
    /// What the latest start took.
    latest: Duration,
}

impl Stage {
    /// Plays all rounds.
    pub(crate) async fn play(host: Host, args: DrillArgs, seed: u64) -> Result<Summary, CliError> {
        output::note(format!("seed {seed}; starting a server on {}", host.data_dir.display()));
        let (mut server, recovery) = host.start().await?;
        let now_ns = host.env.clock.now_ns();
        let plans = plan::customers(usize::from(args.customers), seed, now_ns);
        let accounts = setup::accounts(&server.url, API_KEY, plans).await?;
        let names = Arc::new(accounts.iter().map(Names::from).collect());
        let books = accounts.into_iter().map(|account| Book::new(account, now_ns)).collect();
        let (done, findings, latest) = (Vec::new(), Findings::default(), recovery.took);
        let mut stage = Self { host, args, seed, names, books, done, findings, latest };
        let mut rows = Vec::new();
        for round in 1..=stage.args.rounds {
            let row;
            (server, row) = stage.round(server, round).await?;
            let Row { acknowledged, retried, confirmed, .. } = row;
            output::note(format!(
                "round {round} of {}: {acknowledged} acknowledged, {retried} retried, recovered in {:?} ms, \
                 {confirmed} confirmed, lost {}, doubled {}, changed {}",
                stage.args.rounds, row.recovery_ms, row.lost, row.doubled, row.changed
            ));
            rows.push(row);
        }
        stage.finish(server, rows).await
    }

    async fn round(&mut self, server: Server, round: u32) -> Result<(Server, Row), CliError> {
        let kills = Kills::of(self.seed, round, self.args.seconds_per_round);
        let mut row = Row { round, hit: kills.hit.as_str(), ..Row::default() };
        let mut seen = self.load_and_kill(server, round, &kills, &mut row).await?;
        let mut server = self.restart(&kills, &mut row).await?;
        row.retried = count(seen.pending.len());
        if let Some(after) = kills.in_retries() {
            let tasks = self.retry(&server, round, &mut seen)?;
            tokio::time::sleep(after).await;
            self.host.kill(server).await?;
            row.kills += 1;
            seen.add(load::gather(tasks).await?);
            let started;
            (server, started) = self.host.start().await?;
            self.note_recovery(started, &mut row);
        }
        let tasks = self.retry(&server, round, &mut seen)?;
        seen.add(load::gather(tasks).await?);
        if let Some(pending) = seen.pending.first() {
            let line = format!("{} gets no answer from a server that runs", pending.operation.key);
            return Err(CliError::new(Code::Failed, line));
        }
        self.check(&server, &seen, &mut row).await?;
        Ok((server, row))
    }

    async fn load_and_kill(
        &self,
        server: Server,
        round: u32,
        kills: &Kills,
        row: &mut Row,
    ) -> Result<Seen, CliError> {
        let writers = load::start(&self.field(&server, round), self.args.writers)?;
        if kills.hit == Hit::Snapshot {
            self.host.snapshot_runs(self.args.seconds_per_round).await;
        }
        tokio::time::sleep(kills.first).await;
        self.host.kill(server).await?;
        row.kills += 1;
        if kills.hit == Hit::Snapshot && !self.host.has_unfinished_snapshot() {
            row.hit = Hit::Load.as_str();
        }
        load::gather(writers).await
    }

    /// Starts the server again, where it is so planned with a kill while it recovers.
    async fn restart(&mut self, kills: &Kills, row: &mut Row) -> Result<Server, CliError> {
        if let Some(after) = kills.in_recovery(self.latest) {
            let starting = self.host.begin()?;
            tokio::time::sleep(after).await;
            starting.kill().await?;
            row.kills += 1;
        }
        let (server, recovery) = self.host.start().await?;
        self.note_recovery(recovery, row);
        Ok(server)
    }

    fn note_recovery(&mut self, recovery: Recovery, row: &mut Row) {
        self.latest = recovery.took;
        row.recovery_ms.push(milliseconds(recovery.took));
        row.replayed_records += recovery.records;
        row.replayed_bytes += recovery.bytes;
    }

    fn retry(&self, server: &Server, round: u32, seen: &mut Seen) -> Result<JoinSet<Seen>, CliError> {
        let pending = std::mem::take(&mut seen.pending);
        load::retry(&self.field(server, round), self.args.writers, pending)
    }

    fn field(&self, server: &Server, round: u32) -> Arc<Field> {
        Arc::new(Field {
            url: server.url.clone(),
            api_key: API_KEY.to_owned(),
            clock: Arc::clone(&self.host.env.clock),
            names: Arc::clone(&self.names),
            seed: self.seed,
            round,
            stop: AtomicBool::new(false),
            answered: AtomicU64::new(0),
        })
    }

    /// Checks what a round left: its own operations, and a sample of all earlier ones.
    async fn check(&mut self, server: &Server, seen: &Seen, row: &mut Row) -> Result<(), CliError> {
        let mut findings = Findings::default();
        for problem in &seen.strange {
            findings.changed(problem.clone());
        }
        self.enter(seen, &mut findings);
        let new = finished(seen);
        let mut again = new.clone();
        again.extend(self.sample(row.round));
        row.confirmed = count(again.len());
        confirm::confirm(&self.asked(server), again, &mut findings).await?;
        self.compare_balances(server, &mut findings).await?;
        self.books.iter_mut().for_each(Book::end_round);
        let retried = seen.answers.iter().filter(|answer| answer.unanswered > 0);
        row.retried_done = count(retried.filter(|answer| answer.reply.replayed).count());
        row.acknowledged = count(new.len());
        row.refused = count(seen.answers.len() - new.len());
        row.reads = count(seen.looks.len());
        (row.lost, row.doubled, row.changed) = (findings.lost, findings.doubled, findings.changed);
        self.findings.add(&findings);
        self.done.extend(new);
        Ok(())
    }

    /// Enters a round's answers into the books.
    fn enter(&mut self, seen: &Seen, findings: &mut Findings) {
        let mut of_customer: BTreeMap<usize, (Vec<&Answer>, Vec<&Look>)> = BTreeMap::new();
        for answer in &seen.answers {
            confirm::one_effect(answer, findings);
            of_customer.entry(answer.operation.customer).or_default().0.push(answer);
        }
        for look in &seen.looks {
            of_customer.entry(look.customer).or_default().1.push(look);
        }
        for (customer, (answers, looks)) in of_customer {
            self.books[customer].enter(&answers, &looks, findings);
        }
    }

    /// Some of the operations of earlier rounds; more of them each round.
    fn sample(&self, round: u32) -> Vec<Done> {
        let wanted = SAMPLE_GROWS_BY.saturating_mul(usize::try_from(round).unwrap_or(usize::MAX));
        if self.done.len() <= wanted {
            return self.done.clone();
        }
        let mut random = Random::new(self.seed ^ u64::from(round));
        let last = count(self.done.len() - 1);
        let places = (0..wanted).filter_map(|_| usize::try_from(random.within(0, last)).ok());
        places.map(|place| self.done[place].clone()).collect()
    }

    fn asked(&self, server: &Server) -> confirm::Server {
        confirm::Server {
            url: server.url.clone(),
            api_key: API_KEY.to_owned(),
            names: Arc::clone(&self.names),
            connections: self.args.writers,
        }
    }

    async fn compare_balances(&self, server: &Server, findings: &mut Findings) -> Result<(), CliError> {
        let mut client = connect(&server.url, API_KEY)?;
        for book in &self.books {
            let sent_ns = self.host.env.clock.now_ns();
            let shown = setup::balance(&mut client, &book.account.name).await?;
            book.compare(&shown, sent_ns, self.host.env.clock.now_ns(), findings);
        }
        Ok(())
    }

    /// Everything once more, a shutdown in good order, and the log from outside.
    async fn finish(mut self, server: Server, rows: Vec<Row>) -> Result<Summary, CliError> {
        let customers = self.books.len();
        let mut summary = Summary::new(self.seed, self.args.writers, customers, rows);
        output::note(format!("asking for all {} acknowledged operations once more", self.done.len()));
        let mut findings = std::mem::take(&mut self.findings);
        confirm::confirm(&self.asked(&server), self.done.clone(), &mut findings).await?;
        self.compare_balances(&server, &mut findings).await?;
        summary.confirmed = count(self.done.len());
        let ended = server.stop().await?;
        if !ended.success() {
            return Err(CliError::new(
                Code::Failed,
                format!("the server's clean shutdown ended with {ended}"),
            ));
        }
        output::note("verifying the log");
        let shard_dir = self.host.shard_dir();
        summary.log_records = audit::verify_log(&self.host.env, &shard_dir, &mut findings)?;
        audit::compare(&self.host.env, &shard_dir, &self.done, &mut findings)?;
        summary.conclude(findings);
        Ok(summary)
    }
}

/// The operations that took effect.
fn finished(seen: &Seen) -> Vec<Done> {
    let done = seen.answers.iter().filter(|answer| answer.reply.status == 200).map(|answer| Done {
        operation: answer.operation.clone(),
        transaction_id: transaction_of(answer, &answer.reply).unwrap_or_default().into(),
        body_sha256: sha256(&answer.reply.body),
    });
    done.collect()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
