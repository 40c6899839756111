//! Sends the trace as debits: one worker per connection, a customer's requests always on the same worker and in order, each under a
//! key of its own.

use std::sync::Arc;

use super::api;
use super::caller::{Ask, Run};
use super::line::{self, Line, Repetition, Seen};
use super::trace::Request;
use crate::cli::exit::CliError;

/// What became of one row.
pub(crate) type Outcome = line::Outcome<Request>;

/// Sends the rows of one worker, in order.
pub(crate) async fn work(run: Arc<Run>, rows: Vec<Request>) -> Result<Seen<Request>, CliError> {
    let mut line = Line::new(&run)?;
    for request in rows {
        run.wait_until_due(request.at_us).await;
        line.ask(request, debit(&run, &request), Repetition::of(request.row)).await?;
        run.count_answer();
    }
    Ok(line.end())
}

fn debit(run: &Run, request: &Request) -> Ask {
    Ask {
        path: format!("/v1/customers/{}/debits", run.accounts[request.customer()]),
        key: format!("row-{}", request.row),
        body: api::debit_body(request).into(),
    }
}
