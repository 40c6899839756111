//! What the ledger of a stopped server says of the run: the rows of every record of its log.

use std::path::Path;

use coffer_ledger::ids::LogPosition;
use coffer_ledger::view::{RowReason, rows};
use coffer_wal::Lsn;
use coffer_wal::inspect::{Dumped, dump};

use super::report::Tally;
use crate::cli::exit::{CliError, Code};
use crate::demo::check::same;
use crate::demo::decimal::Amount;
use crate::demo::findings::Findings;
use crate::engine::codec::{self, kinds};
use crate::env::Env;

/// Sums of credits over all rows.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    held: Amount,
    captured: Amount,
    released: Amount,
    uncollected: Amount,
    expired: Amount,
}

/// Adds up the rows of all records.
pub(crate) fn add_up(env: &Env, log_dir: &Path) -> Result<Sums, CliError> {
    let mut sums = Ok(Sums::default());
    dump(&env.for_log(), log_dir, Lsn(1), Lsn(u64::MAX), &mut |dumped| {
        if let Ok(so_far) = &mut sums
            && let Err(problem) = add(so_far, &dumped)
        {
            sums = Err(format!("record {}: {problem}", dumped.record.lsn.0));
        }
        Ok(())
    })?;
    sums.map_err(|problem| CliError::new(Code::Corrupt, problem))
}

fn add(sums: &mut Sums, dumped: &Dumped<'_>) -> Result<(), String> {
    let record = &dumped.record;
    let header = &record.header;
    if header.subject.kind != kinds::CUSTOMER {
        return Ok(());
    }
    let decoded = codec::decode_record(header.version, record.public, record.personal);
    let decoded = decoded.map_err(|error| error.to_string())?;
    for row in rows(&decoded, LogPosition(record.lsn.0)) {
        let sum = match row.reason {
            RowReason::Hold => &mut sums.held,
            RowReason::HoldCapture => &mut sums.captured,
            RowReason::HoldRelease => &mut sums.released,
            RowReason::CreditExpired => &mut sums.expired,
            RowReason::Uncollected => &mut sums.uncollected,
            _ => continue,
        };
        let credits = row.credits.to_string();
        *sum = *sum + Amount::parse(&credits).ok_or_else(|| format!("{credits} is no amount"))?;
    }
    Ok(())
}

impl Sums {
    /// Compares them with what should be there. What was held was captured or came back.
    pub(crate) fn compare(&self, tally: &Tally, findings: &mut Findings) {
        let from_holds = tally.captured - tally.drawn;
        for (what, sum, expected) in [
            ("captured", self.captured, tally.captured),
            ("uncollected", self.uncollected, tally.uncollected),
            ("expired", self.expired, tally.expired),
            ("held", self.held, from_holds + self.released),
        ] {
            let compared = same(what, &sum.to_string(), &expected.to_string());
            findings.differences.extend(compared.err().map(|difference| format!("ledger: {difference}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_says_another_sum_is_found() {
        let amount = |text| Amount::parse(text).unwrap();
        let tally = Tally {
            captured: amount("5"),
            drawn: amount("1"),
            uncollected: amount("0.5"),
            expired: amount("3"),
            ..Tally::default()
        };
        let right = || Sums {
            held: amount("6"),
            captured: amount("5"),
            released: amount("2"),
            uncollected: amount("0.5"),
            expired: amount("3"),
        };
        let differences = |sums: Sums| {
            let mut findings = Findings::default();
            sums.compare(&tally, &mut findings);
            findings.differences.len()
        };
        let (one, nothing) = (amount("1"), Amount::ZERO);
        assert_eq!(differences(right()), 0);
        assert_eq!(differences(Sums { captured: one, ..right() }), 1, "a capture that has no row");
        assert_eq!(
            differences(Sums { uncollected: nothing, ..right() }),
            1,
            "usage that is given away in silence"
        );
        assert_eq!(differences(Sums { released: one, ..right() }), 1, "a hold that never came back");
        assert_eq!(differences(Sums { expired: one, ..right() }), 1, "credit that ended without a row");
    }
}
