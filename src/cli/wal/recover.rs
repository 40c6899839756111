//! `coffer wal recover --drop-last-batch`: the one repair, on an operator's word only.

use coffer_wal::inspect::{DropError, drop_last_batch};
use serde_json::json;

use super::Shard;
use crate::cli::exit::{CliError, Code};
use crate::cli::output;

/// Drops the damaged last batch; `yes` is the operator's word.
pub(crate) fn run(shard: &Shard, yes: bool, as_json: bool) -> Result<(), CliError> {
    if !yes {
        let line = "dropping the last batch can lose requests that were acknowledged; copy the data directory first, \
                    then say --yes";
        return Err(CliError::new(Code::Usage, line));
    }
    let report = drop_last_batch(&shard.env, &shard.dir).map_err(refused)?;
    if as_json {
        output::json(&json!({
            "path": report.path,
            "offset": report.offset,
            "bytes": report.bytes,
            "first_lost_record": report.first_lsn.0,
            "last_acknowledged_record": report.witnessed_lsn.0,
            "saved_to": report.saved_to,
            "snapshots_set_aside": report.snapshots_aside,
        }));
        return Ok(());
    }
    let (path, offset, bytes) = (report.path.display(), report.offset, report.bytes);
    output::line(format!(
        "{path}: dropped {bytes} bytes at offset {offset}, from record {} on",
        report.first_lsn
    ));
    if report.first_lsn <= report.witnessed_lsn {
        output::line(format!("records up to {} had been acknowledged: they are lost", report.witnessed_lsn));
    }
    if let Some(saved_to) = &report.saved_to {
        output::line(format!("the bytes are kept in {}", saved_to.display()));
    }
    for snapshot in &report.snapshots_aside {
        output::line(format!("a snapshot that showed them is set aside: {}", snapshot.display()));
    }
    Ok(())
}

fn refused(error: DropError) -> CliError {
    match error {
        DropError::Sound { .. } => CliError::new(Code::Failed, error.to_string()),
        DropError::NotLast { .. } | DropError::NothingToStartFrom { .. } => {
            CliError::new(Code::Corrupt, error.to_string())
        }
        DropError::Open(error) => error.into(),
    }
}
