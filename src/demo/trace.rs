//! The real input: one hour of LLM requests (data/README.md), what each costs, and whose it is.

use super::decimal::Amount;

const CSV: &str = include_str!("../../data/azure_llm_inference_2023_code.csv");
const HEADER: &str = "TIMESTAMP,ContextTokens,GeneratedTokens";

/// Customers of the demo.
pub(crate) const CUSTOMERS: usize = 200;

/// Price of 1,000 context tokens: 0.2375 credits, so one token costs 0.0002375.
const CONTEXT_TOKEN_UNITS: i128 = 2_375;
/// Price of 1,000 generated tokens: 1.9 credits, so one token costs 0.0019.
const GENERATED_TOKEN_UNITS: i128 = 19_000;

/// One row of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Which row, from 0.
    pub(crate) row: usize,
    /// Microseconds after the first row.
    pub(crate) at_us: u64,
    /// Prompt tokens.
    pub(crate) context_tokens: u32,
    /// Completion tokens.
    pub(crate) generated_tokens: u32,
}

/// A row that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the trace cannot be read: {text:?}")]
pub(crate) struct TraceError {
    line: usize,
    text: String,
}

impl Request {
    /// What it costs: 0.2375 credits per 1,000 context tokens and 1.9 per 1,000 generated ones, exactly.
    pub(crate) fn credits(&self) -> Amount {
        let context = i128::from(self.context_tokens) * CONTEXT_TOKEN_UNITS;
        Amount(context + i128::from(self.generated_tokens) * GENERATED_TOKEN_UNITS)
    }

    /// Whose it is: the trace does not say, so row *i* belongs to customer *(i × 7919 + ⌊i / 200⌋) mod 200*.
    pub(crate) fn customer(&self) -> usize {
        (self.row * 7_919 + self.row / CUSTOMERS) % CUSTOMERS
    }

    /// Whether it takes what there is instead of being refused: every 50th row.
    pub(crate) fn partial(&self) -> bool {
        self.row % 50 == 49
    }
}

/// Every row, in the order of the file.
pub(crate) fn read() -> Result<Vec<Request>, TraceError> {
    let mut requests = Vec::new();
    let mut first_us = None;
    for (index, line) in CSV.lines().enumerate() {
        let error = || TraceError { line: index + 1, text: line.to_owned() };
        let line = line.trim_end();
        if index == 0 {
            if line != HEADER {
                return Err(error());
            }
            continue;
        }
        let (at_us, context_tokens, generated_tokens) = parse(line).ok_or_else(error)?;
        let first = *first_us.get_or_insert(at_us);
        let request =
            Request { row: index - 1, at_us: at_us.saturating_sub(first), context_tokens, generated_tokens };
        requests.push(request);
    }
    Ok(requests)
}

/// `2023-11-16 18:17:03.9799600,4808,10` → microseconds since the epoch, tokens in, tokens out.
fn parse(line: &str) -> Option<(u64, u32, u32)> {
    let mut fields = line.split(',');
    let at = chrono::NaiveDateTime::parse_from_str(fields.next()?, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    let at_us = u64::try_from(at.and_utc().timestamp_micros()).ok()?;
    let parsed = (at_us, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    fields.next().is_none().then_some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_has_its_8819_requests_of_about_an_hour() {
        let requests = read().unwrap();
        assert_eq!(requests.len(), 8_819);
        let last = requests.last().unwrap();
        assert!((3_000..3_600).contains(&(last.at_us / 1_000_000)), "{last:?}");
        assert_eq!(requests.iter().map(|request| u64::from(request.context_tokens)).sum::<u64>(), 18_059_974);
        assert_eq!(requests.iter().map(|request| u64::from(request.generated_tokens)).sum::<u64>(), 245_896);
    }

    #[test]
    fn a_request_costs_its_tokens_times_the_documented_rates() {
        let request = Request { row: 0, at_us: 0, context_tokens: 4_808, generated_tokens: 10 };
        assert_eq!(request.credits().to_string(), "1.1609");
    }

    #[test]
    fn every_customer_gets_44_or_45_requests() {
        let mut counts = vec![0; CUSTOMERS];
        for request in read().unwrap() {
            counts[request.customer()] += 1;
        }
        assert!(counts.iter().all(|count| (44..=45).contains(count)), "{counts:?}");
    }
}
