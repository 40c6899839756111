//! The log of the stopped server, read record by record: every acknowledged key stands in it exactly once, and no key twice.

use std::collections::HashMap;
use std::path::Path;

use coffer_wal::inspect::{dump, verify};
use coffer_wal::{Lsn, Record};

use super::findings::Findings;
use super::operation::{Done, KEY_PREFIX};
use crate::cli::exit::{CliError, Code};
use crate::engine::codec::{self, kinds};
use crate::env::Env;

/// Checks every byte of log, archive and snapshots; tells how many records there are.
pub(crate) fn verify_log(env: &Env, shard_dir: &Path, findings: &mut Findings) -> Result<u64, CliError> {
    let report = verify(&env.for_log(), shard_dir, &mut |_| {})?;
    for problem in &report.problems {
        findings.changed(format!("log: {problem}"));
    }
    Ok(report.end.map_or(0, |end| end.lsn.0))
}

/// Counts the drill's keys in the log and compares them with what was acknowledged.
pub(crate) fn compare(
    env: &Env,
    shard_dir: &Path,
    done: &[Done],
    findings: &mut Findings,
) -> Result<(), CliError> {
    let mut logged: HashMap<String, u64> = HashMap::new();
    let mut unreadable = None;
    dump(&env.for_log(), shard_dir, Lsn::FIRST, Lsn(u64::MAX), &mut |dumped| {
        match key_of(&dumped.record) {
            Ok(Some(key)) => *logged.entry(key).or_default() += 1,
            Ok(None) => {}
            Err(error) => unreadable = Some(format!("record {}: {error}", dumped.record.lsn)),
        }
        Ok(())
    })?;
    if let Some(problem) = unreadable {
        return Err(CliError::new(Code::Corrupt, problem));
    }
    judge(logged, done, findings);
    Ok(())
}

/// The key of one of the drill's own operations.
fn key_of(record: &Record<'_>) -> Result<Option<String>, codec::DecodeError> {
    if record.header.subject.kind != kinds::CUSTOMER {
        return Ok(None);
    }
    let view = codec::decode_for_replay(record.header.version, record.public, record.personal)?;
    Ok(view.idempotency_key.filter(|key| key.starts_with(KEY_PREFIX)).map(str::to_owned))
}

/// Every acknowledged key once; none twice; none that was refused.
fn judge(mut logged: HashMap<String, u64>, done: &[Done], findings: &mut Findings) {
    for Done { operation, .. } in done {
        match logged.remove(&operation.key.to_string()) {
            Some(1) => {}
            Some(count) => findings.doubled(format!("{} stands in the log {count} times", operation.key)),
            None => findings.lost(format!("{} was acknowledged and is not in the log", operation.key)),
        }
    }
    for (key, _) in logged {
        findings.changed(format!("{key} is in the log, and was refused or never answered"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::testing::done;

    fn found(logged: &[(&str, u64)]) -> (u64, u64, u64) {
        let mut findings = Findings::default();
        let logged = logged.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
        judge(logged, &[done(1), done(2)], &mut findings);
        (findings.lost, findings.doubled, findings.changed)
    }

    #[test]
    fn the_log_holds_every_acknowledged_key_once_and_no_other() {
        assert_eq!(found(&[("drill/1/1/1", 1), ("drill/1/1/2", 1)]), (0, 0, 0));
        assert_eq!(found(&[("drill/1/1/1", 1)]), (1, 0, 0));
        assert_eq!(found(&[("drill/1/1/1", 2), ("drill/1/1/2", 1)]), (0, 1, 0));
        assert_eq!(found(&[("drill/1/1/1", 1), ("drill/1/1/2", 1), ("drill/1/1/3", 1)]), (0, 0, 1));
    }
}
