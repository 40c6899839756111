//! One batch of ten thousand debits, each of another customer: its rate, and that the answers come in its order.

use hyper::Method;
use serde_json::{Value, json};

use crate::bench::embedded::debit;
use crate::bench::http::{API_KEY, customer};
use crate::bench::sheet::Sheet;
use crate::bench::world::World;
use crate::bench::{Bench, report};
use crate::cli::client::Client;
use crate::cli::exit::{CliError, Code};
use crate::engine::{Engine, Operation};

/// `submit_many`, call after call.
pub(super) async fn embedded(
    bench: &Bench,
    engine: &Engine,
    world: World,
    sheet: &mut Sheet,
) -> Result<(), CliError> {
    let batch = u64::from(bench.sizes().batch);
    bench.note(&format!("embedded: `submit_many` of {batch} over as many customers"));
    let (clock, mut latencies_us, mut calls) = (&bench.env.clock, report::new_histogram(), 0_u64);
    let began_ns = clock.monotonic_ns();
    while clock.monotonic_ns() - began_ns < nanoseconds(bench) {
        let operations = (0..batch).map(|index| {
            (world.customer(index), Operation::new(debit()).with_key(&format!("batch/{calls}/{index}")))
        });
        let operations: Vec<_> = operations.collect();
        let asked: Vec<_> = operations.iter().map(|(number, _)| *number).collect();
        let call_ns = clock.monotonic_ns();
        let answers = engine.submit_many(world.tenant, operations).await;
        latencies_us.saturating_record((clock.monotonic_ns() - call_ns) / 1_000);
        for (answer, asked) in answers.into_iter().zip(asked) {
            if answer?.customer.number != asked {
                return Err(out_of_order());
            }
        }
        calls += 1;
    }
    tell("embedded", batch * calls, clock.monotonic_ns() - began_ns, &latencies_us, sheet);
    Ok(())
}

/// `POST /v1/debits/batch`, request after request.
pub(super) async fn over_http(bench: &Bench, url: &str, sheet: &mut Sheet) -> Result<(), CliError> {
    let batch = usize::try_from(bench.sizes().batch).expect("at most ten thousand");
    bench.note(&format!("HTTP: a batch of {batch} over as many customers"));
    let items: Vec<_> =
        (0..batch).map(|index| json!({ "customer_id": customer(index), "credits": "1" })).collect();
    let body = json!({ "debits": items }).to_string();
    let mut client =
        Client::new(url, API_KEY).map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
    let (clock, mut latencies_us, mut calls) = (&bench.env.clock, report::new_histogram(), 0_u64);
    let began_ns = clock.monotonic_ns();
    while clock.monotonic_ns() - began_ns < nanoseconds(bench) {
        let key = format!("batch-{calls}");
        let call_ns = clock.monotonic_ns();
        let headers = [("idempotency-key", key.as_str())];
        let reply = client.send(Method::POST, "/v1/debits/batch", &headers, body.clone());
        let reply = reply.await.map_err(|error| CliError::new(Code::Failed, error.to_string()))?;
        latencies_us.saturating_record((clock.monotonic_ns() - call_ns) / 1_000);
        calls += 1;
        // Reading half a megabyte of JSON is the client's affair: once is enough to see that it is right.
        if calls == 1 {
            check(&reply.body, batch)?;
        }
        if reply.status != 200 {
            return Err(CliError::new(Code::Failed, format!("a batch was answered {}", reply.status)));
        }
    }
    let debits = calls * u64::from(bench.sizes().batch);
    tell("HTTP", debits, clock.monotonic_ns() - began_ns, &latencies_us, sheet);
    Ok(())
}

fn check(body: &[u8], batch: usize) -> Result<(), CliError> {
    let reply: Value =
        serde_json::from_slice(body).map_err(|error| CliError::new(Code::Failed, error.to_string()))?;
    let results = reply["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let in_order = results.iter().enumerate().all(|(index, result)| {
        result["status"] == 200 && result["customer_id"].as_str() == Some(&customer(index))
    });
    if results.len() == batch && in_order { Ok(()) } else { Err(out_of_order()) }
}

fn out_of_order() -> CliError {
    CliError::new(Code::Failed, "the answers of a batch are not those of its debits, in its order")
}

fn tell(
    place: &str,
    debits: u64,
    elapsed_ns: u64,
    latencies_us: &hdrhistogram::Histogram<u64>,
    sheet: &mut Sheet,
) {
    let rate = debits as f64 * 1e9 / elapsed_ns.max(1) as f64;
    sheet.put(format!("{place}: batches over as many customers, one at a time"), rate, "debits/s");
    let median = latencies_us.value_at_quantile(0.5) as f64 / 1_000.0;
    sheet.put(format!("{place}: a batch, answered in order: p50"), median, "ms");
    sheet.put(format!("{place}: a batch: slowest"), latencies_us.max() as f64 / 1_000.0, "ms");
}

fn nanoseconds(bench: &Bench) -> u64 {
    u64::try_from(bench.span().as_nanos()).unwrap_or(u64::MAX)
}
