//! Over HTTP: echo, spread and one hot wallet in turn, round after round, each server a child process that waits while the
//! others are measured.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::offer::Pick;
use super::report::Figure;
use super::{Bench, CUSTOMERS, ClientKind, echo, load, wrk};
use crate::cli::client::Client;
use crate::cli::exit::{CliError, Code};
use crate::demo::Random;

/// The key of the measured server; it lives as long as the measurement.
pub(crate) const API_KEY: &str = "bench-admin-key-of-a-temporary-server";

/// How often it is asked whether the history has caught up.
const CATCH_UP_LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a load is made of.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What it is called in the report.
    pub(crate) name: &'static str,
    /// Where.
    pub(crate) url: String,
    /// Whose customers they are.
    pub(crate) api_key: &'static str,
    /// How many customers are debited in turn.
    pub(crate) customers: usize,
    /// The first of those in turn.
    pub(crate) first: usize,
    /// How the customers of the requests are picked.
    pub(crate) pick: Pick,
    /// Makes the keys of this load unlike those of any other.
    pub(crate) salt: String,
}

impl Target {
    /// Whom the request of this count is for.
    pub(crate) fn index(&self, count: u64, random: &mut Random) -> usize {
        let (first, customers) = (to_u64(self.first), to_u64(self.customers));
        let index = self.pick.index(customers, first + count, random) % customers;
        usize::try_from(index).expect("less than a usize")
    }
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).expect("64 bits hold every usize")
}

/// Measures everything that goes over HTTP.
pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>, CliError> {
    let clock = &bench.env.clock;
    let echo = echo::start(clock).await?;
    let server = bench.serve("http", &[]).await?;
    let with_history = bench.serve("http-with-history", &[("COFFER_HISTORY_ENABLED", "true")]).await?;
    make_customers(&server.url).await?;
    make_customers(&with_history.url).await?;
    let targets = [
        ("echo", &echo.url, CUSTOMERS),
        ("spread", &server.url, CUSTOMERS),
        ("with history", &with_history.url, CUSTOMERS),
        ("hot wallet", &server.url, 1),
    ];
    let mut figures = Vec::new();
    for connections in bench.connections() {
        let mut rounds = vec![Vec::new(); targets.len()];
        for round in 0..bench.rounds() {
            for ((name, url, customers), figures) in targets.iter().zip(&mut rounds) {
                bench.note(&format!(
                    "HTTP {name}, {connections} connections, round {} of {}",
                    round + 1,
                    bench.rounds()
                ));
                let salt = format!("{connections}-{round}-{}", customers.min(&2));
                let (url, customers) = ((*url).clone(), *customers);
                let pick = Pick::InTurn;
                let target =
                    Target { name, url: url.clone(), api_key: API_KEY, customers, first: 0, pick, salt };
                figures.push(one(bench, &target, *connections).await?);
                catch_up(bench, &url).await?;
            }
        }
        figures.extend(rounds.iter().filter_map(|rounds| Figure::median(rounds)));
    }
    server.stop().await?;
    with_history.stop().await?;
    Ok(figures)
}

/// Waits until a server's history is as far as its log: it must not run while another server is measured.
async fn catch_up(bench: &Bench, url: &str) -> Result<(), CliError> {
    let broken = |error: String| CliError::new(Code::Failed, format!("/readyz: {error}"));
    let mut client = Client::new(url, API_KEY).map_err(|error| broken(error.to_string()))?;
    let started = bench.env.clock.monotonic_ns();
    let mut first = None;
    loop {
        let reply = client.send(Method::GET, "/readyz", &[], String::new()).await;
        let reply = reply.map_err(|error| broken(error.to_string()))?;
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let lag = body["history"]["lag_records"].as_u64().unwrap_or(0);
        let was = *first.get_or_insert(lag);
        if lag == 0 {
            let ms = (bench.env.clock.monotonic_ns() - started) / 1_000_000;
            if was > 0 {
                bench.note(&format!("the history was {was} records behind and caught up in {ms} ms"));
            }
            return Ok(());
        }
        tokio::time::sleep(CATCH_UP_LOOK_EVERY).await;
    }
}

/// One measurement, by whichever client there is.
pub(crate) async fn one(bench: &Bench, target: &Target, connections: u32) -> Result<Figure, CliError> {
    match bench.client() {
        ClientKind::Wrk => wrk::measure(bench, target, connections).await,
        ClientKind::BuiltIn => load::measure(bench, target, connections).await,
    }
}

/// The name of a customer, as it stands in paths.
pub(crate) fn customer(index: usize) -> String {
    format!("bench-{index}")
}

/// Makes the customers of every measurement that is spread, each with a wallet and credit for all of it.
pub(crate) async fn make_customers(url: &str) -> Result<(), CliError> {
    let mut workers = JoinSet::new();
    for worker in 0..16 {
        let url = url.to_owned();
        workers.spawn(async move {
            let mut client = Client::new(&url, API_KEY)
                .map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
            for index in (worker..CUSTOMERS).step_by(16) {
                make_customer(&mut client, &customer(index)).await?;
            }
            Ok::<_, CliError>(())
        });
    }
    workers.join_all().await.into_iter().collect()
}

async fn make_customer(client: &mut Client, name: &str) -> Result<(), CliError> {
    let wallet = json!({ "customer_id": name, "currency": "usd", "conversion_rate": 1 });
    let wallet = post(client, "/v1/wallets", &wallet).await?;
    let id = wallet["id"].as_str().unwrap_or_default();
    let credit = json!({ "transaction_reason": "PURCHASED_CREDIT_DIRECT", "credits_to_add": "100000000000" });
    post(client, &format!("/v1/wallets/{id}/top-up"), &credit).await?;
    Ok(())
}

/// Posts, and expects that it is done.
pub(crate) async fn post(client: &mut Client, path: &str, body: &Value) -> Result<Value, CliError> {
    let failed = |what: String| CliError::new(Code::Failed, format!("{path}: {what}"));
    let reply = client
        .send(Method::POST, path, &[], body.to_string())
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !(200..300).contains(&reply.status) {
        return Err(failed(format!("answered {}: {}", reply.status, String::from_utf8_lossy(&reply.body))));
    }
    serde_json::from_slice(&reply.body).map_err(|error| failed(error.to_string()))
}
