//! Writers, and a book of what the server acknowledged to them.
//!
//! One writer per customer, one debit of one credit at a time, each under a key of its own. Whatever happens to the server, each
//! debit in the book must be there afterwards, once, with the same answer; what was not answered is sent again and then counts
//! once. Balances follow from counting. Absent on purpose: randomness; the faults decide when something breaks.

use std::sync::Arc;
use std::time::Duration;

use coffer_wal::Clock;
use hyper::Method;
use hyper::body::Bytes;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::ground::KEY;
use crate::cli::client::{Client, Reply};
use crate::cli::exit::{CliError, Code};
use crate::demo::api;

/// Writers, and so customers.
pub(crate) const WRITERS: usize = 16;
/// Credits of each customer; more than any row debits.
const FUNDED: u64 = 1_000_000;
/// What fills a debit's record, so that segments fill in a second: pairs of this many bytes.
const FILLER_PAIRS: usize = 20;
const FILLER_BYTES: usize = 500;
/// Failures after which a writer gives up; more than one, to see that nothing is answered after the first.
const FAILURES_MAX: u32 = 2;

/// Pause between attempts where space is waited for, and how long it is.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that was acknowledged, and what may have been.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    accounts: Vec<Account>,
}

#[derive(Clone, Debug)]
struct Account {
    name: String,
    /// The next debit's number.
    next: u64,
    acknowledged: Vec<(u64, Bytes)>,
    unanswered: Vec<u64>,
}

/// How a load went.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Debits acknowledged.
    pub(crate) acknowledged: u64,
    /// Debits refused or not answered.
    pub(crate) failed: u64,
    /// Debits that were sent after another one had failed, and were acknowledged all the same.
    pub(crate) answered_after: u64,
    /// What the failures were: HTTP status and code, or that there was no reply.
    pub(crate) failures: Vec<String>,
}

/// What became of a book.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Acknowledged debits asked for again.
    pub(crate) confirmed: u64,
    /// Acknowledged and not there.
    pub(crate) lost: u64,
    /// There more than once.
    pub(crate) doubled: u64,
    /// Acknowledged, counted in the balance, and the record cannot be shown: answered with an error.
    pub(crate) unreadable: u64,
    /// Anything else.
    pub(crate) differences: Vec<String>,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Deserialize)]
struct Balance {
    posted: String,
}

/// One writer's part of a load.
struct Written {
    account: Account,
    /// When each acknowledged debit was sent.
    sent_ns: Vec<u64>,
    failures: Vec<(u64, String)>,
}

impl Book {
    /// Makes the customers on a server and gives them credit.
    pub(crate) async fn open(url: &str) -> Result<Self, CliError> {
        let mut client = connect(url)?;
        let mut accounts = Vec::with_capacity(WRITERS);
        for number in 0..WRITERS {
            let name = format!("customer-{number}");
            let wallet = serde_json::json!({ "customer_id": name, "currency": "usd" }).to_string();
            let made: Made = api::ask(&mut client, Method::POST, "/v1/wallets", None, wallet).await?;
            let credit = serde_json::json!({ "transaction_reason": "PURCHASED_CREDIT_DIRECT", "credits_to_add": FUNDED.to_string() });
            let path = format!("/v1/wallets/{}/top-up", made.id);
            let _: serde_json::Value =
                api::ask(&mut client, Method::POST, &path, None, credit.to_string()).await?;
            accounts.push(Account { name, next: 0, acknowledged: Vec::new(), unanswered: Vec::new() });
        }
        Ok(Self { accounts })
    }

    /// Debits over all writers at once: `debits_each` per writer at most, fewer when the server fails.
    pub(crate) async fn write(
        &mut self,
        url: &str,
        debits_each: u64,
        clock: &Arc<dyn Clock>,
    ) -> Result<Load, CliError> {
        let mut writers = JoinSet::new();
        for account in std::mem::take(&mut self.accounts) {
            writers.spawn(write(account, connect(url)?, debits_each, Arc::clone(clock)));
        }
        let written: Vec<Written> = writers.join_all().await;
        let load = Load::of(&written);
        self.accounts = written.into_iter().map(|written| written.account).collect();
        self.accounts.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(load)
    }

    /// Asks for every acknowledged debit again, sends what was not answered again, and compares the balances.
    pub(crate) async fn confirm(self, url: &str) -> Result<Findings, CliError> {
        let mut confirming = JoinSet::new();
        for account in self.accounts {
            confirming.spawn(confirm(account, connect(url)?));
        }
        let mut all = Findings::default();
        for found in confirming.join_all().await {
            let found = found?;
            all.confirmed += found.confirmed;
            all.lost += found.lost;
            all.doubled += found.doubled;
            all.unreadable += found.unreadable;
            all.differences.extend(found.differences);
        }
        Ok(all)
    }

    /// Sends one of the debits that failed again until it is answered; `false` when it still is not after a while.
    pub(crate) async fn wait_until_accepted(&self, url: &str) -> Result<bool, CliError> {
        let mut client = connect(url)?;
        let failed = self.accounts.iter().find_map(|account| Some((account, *account.unanswered.first()?)));
        let Some((account, number)) = failed else { return Ok(false) };
        let accepted = async {
            while debit(&mut client, &account.name, number).await.is_err() {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        };
        Ok(tokio::time::timeout(PATIENCE, accepted).await.is_ok())
    }

    /// Whether every balance can be read.
    pub(crate) async fn can_read(&self, url: &str) -> Result<bool, CliError> {
        let mut client = connect(url)?;
        for account in &self.accounts {
            if balance(&mut client, &account.name).await.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Load {
    fn of(written: &[Written]) -> Self {
        let failures = written.iter().flat_map(|written| &written.failures);
        let first_failure_ns = failures.clone().map(|(at_ns, _)| *at_ns).min().unwrap_or(u64::MAX);
        let sent_ns = written.iter().flat_map(|written| &written.sent_ns);
        let mut kinds: Vec<String> = failures.clone().map(|(_, what)| what.clone()).collect();
        kinds.sort();
        kinds.dedup();
        Self {
            acknowledged: u64::try_from(sent_ns.clone().count()).unwrap_or(u64::MAX),
            failed: u64::try_from(failures.count()).unwrap_or(u64::MAX),
            answered_after: sent_ns.filter(|sent_ns| **sent_ns > first_failure_ns).map(|_| 1).sum(),
            failures: kinds,
        }
    }
}

impl Findings {
    /// Whether everything acknowledged is there, once, in the balances.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.differences.is_empty()
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        let Self { confirmed, lost, doubled, unreadable, differences } = self;
        let mut line =
            format!("{confirmed} acknowledged debits asked for again: lost {lost}, doubled {doubled}");
        if *unreadable > 0 {
            line.push_str(&format!(", {unreadable} counted and not readable"));
        }
        if let Some(first) = differences.first() {
            line.push_str(&format!(", {} other differences, first: {first}", differences.len()));
        }
        line
    }
}

/// A client of a server of the drill.
fn connect(url: &str) -> Result<Client, CliError> {
    Client::new(url, KEY).map_err(|error| CliError::new(Code::Internal, error.to_string()))
}

/// One of this account's debits; the same bytes each time.
async fn debit(client: &mut Client, account: &str, number: u64) -> Result<Reply, String> {
    let path = format!("/v1/customers/{account}/debits");
    let filler = "x".repeat(FILLER_BYTES);
    let pairs: serde_json::Map<_, _> =
        (0..FILLER_PAIRS).map(|pair| (format!("filler-{pair}"), filler.as_str().into())).collect();
    let body = serde_json::json!({ "credits": "1", "metadata": pairs }).to_string();
    let key = format!("{account}/{number}");
    let sent = client.send(Method::POST, &path, &[("idempotency-key", &key)], body).await;
    let reply = sent.map_err(|error| format!("no reply ({})", kind_of(&error)))?;
    if (200..300).contains(&reply.status) { Ok(reply) } else { Err(refusal(&reply)) }
}

fn kind_of(error: &crate::cli::client::ClientError) -> &'static str {
    use crate::cli::client::ClientError;
    match error {
        ClientError::Unreachable { .. } => "nobody there",
        ClientError::NoReply(_) => "connection ended",
        ClientError::TimedOut => "timed out",
        ClientError::Url(_) | ClientError::Unwritable(_) => "not sent",
    }
}

fn refusal(reply: &Reply) -> String {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    format!("{} {}", reply.status, body["code"].as_str().unwrap_or("without a code"))
}

async fn balance(client: &mut Client, name: &str) -> Result<Balance, CliError> {
    api::ask(client, Method::GET, &format!("/v1/customers/{name}/balance"), None, String::new()).await
}

async fn write(mut account: Account, mut client: Client, debits: u64, clock: Arc<dyn Clock>) -> Written {
    let (mut sent_ns, mut failures, mut failed) = (Vec::new(), Vec::new(), 0);
    for _ in 0..debits {
        let number = account.next;
        account.next += 1;
        let at_ns = clock.monotonic_ns();
        match debit(&mut client, &account.name, number).await {
            Ok(reply) => {
                account.acknowledged.push((number, reply.body));
                sent_ns.push(at_ns);
            }
            Err(what) => {
                account.unanswered.push(number);
                failures.push((clock.monotonic_ns(), what));
                failed += 1;
            }
        }
        if failed == FAILURES_MAX {
            break;
        }
    }
    Written { account, sent_ns, failures }
}

async fn confirm(account: Account, mut client: Client) -> Result<Findings, CliError> {
    let mut found = Findings::default();
    for (number, body) in &account.acknowledged {
        found.confirmed += 1;
        match debit(&mut client, &account.name, *number).await {
            Ok(reply) if !reply.replayed => found.lost += 1,
            Ok(reply) if reply.body == *body => {}
            Ok(_) => found.differences.push(format!("{}/{number} has another answer now", account.name)),
            Err(_) => found.unreadable += 1,
        }
    }
    for number in &account.unanswered {
        if let Err(what) = debit(&mut client, &account.name, *number).await {
            found.differences.push(format!("{}/{number} sent again: {what}", account.name));
        }
    }
    let debits = account.acknowledged.len() + account.unanswered.len();
    let expected = FUNDED - u64::try_from(debits).unwrap_or(u64::MAX);
    let posted = balance(&mut client, &account.name).await?.posted;
    match posted.parse::<u64>() {
        Ok(posted) if posted == expected => {}
        // Less than there should be is what a second effect leaves behind; more, what a lost one does.
        Ok(posted) if posted < expected => found.doubled += expected - posted,
        Ok(posted) => found.lost += posted - expected,
        Err(_) => found.differences.push(format!("{} has {posted:?} credits", account.name)),
    }
    Ok(found)
}
