//! `coffer audit prove` and `check-proof`.

use std::path::Path;

use coffer_ledger::ids::{LogPosition, RowId};
use coffer_ledger::view;
use coffer_wal::Archive;
use coffer_wal::inspect::stat;
use coffer_wal::options::archive_dir;
use coffer_wal::storage::{Access, read_exact_at};
use serde_json::{Value, json};

use crate::audit::{Checkpoint, CheckpointStore, Proof, ProveFailure, PublicKey, prove as prove_row};
use crate::cli::exit::{CliError, Code};
use crate::cli::instant::rfc3339;
use crate::cli::wal::{Shard, summary};
use crate::cli::{SettingsArgs, output, start};

/// A proof is a record of at most 240 KiB in hex and some hashes.
const PROOF_BYTES_MAX: u64 = 1 << 20;

/// Prints the proof of a transaction.
pub(super) fn prove(settings: &SettingsArgs, transaction: &str) -> Result<(), CliError> {
    let failed = |line: String| CliError::new(Code::Failed, line);
    let row: RowId =
        transaction.parse().map_err(|_| failed(format!("{transaction} is no transaction's id")))?;
    let shard = Shard::of(settings)?;
    let control = stat(&shard.env, &shard.dir)?.control;
    let archive = Archive::open(&shard.env, archive_dir(&shard.dir), control.store, control.shard);
    let archive = archive.map_err(|error| CliError::new(Code::Io, error.to_string()))?;
    let checkpoints = CheckpointStore::new(shard.env.storage, &shard.dir);
    let proof = prove_row(&archive, &checkpoints, row).map_err(|failure| match failure {
        ProveFailure::Damaged(_) => CliError::new(Code::Corrupt, failure.to_string()),
        ProveFailure::NotSealed | ProveFailure::NotSigned => {
            failed(format!("{failure}; `coffer audit checkpoint` seals and signs what there is"))
        }
        ProveFailure::NoTree | ProveFailure::Gone | ProveFailure::NoSuchRow => failed(failure.to_string()),
    })?;
    output::line(proof.to_json());
    Ok(())
}

/// Checks a proof and says what it proves.
pub(super) fn check(file: &Path, key: &PublicKey, as_json: bool) -> Result<(), CliError> {
    let text =
        read(file).map_err(|error| CliError::new(Code::Failed, format!("{}: {error}", file.display())))?;
    let checked = Proof::from_json(&text).and_then(|proof| proof.check(key).map(|found| (proof, found)));
    let (proof, (checkpoint, record)) = checked
        .map_err(|error| CliError::new(Code::Failed, format!("{}: not proven: {error}", file.display())))?;
    let says = summary::customer(&record);
    let rows = view::rows(&record, LogPosition(proof.record.lsn.0));
    let row = rows.iter().find(|row| row.id == proof.transaction).expect("the check has found it");
    if as_json {
        output::json(&document(&proof, &checkpoint, &says));
        return Ok(());
    }
    output::line(format!("proven: {} is in the signed log", proof.transaction));
    output::line(format!(
        "record {} of {}, in segment {} (records {} to {})",
        proof.record.lsn,
        rfc3339(proof.record.header.time_ns),
        proof.segment.0,
        proof.segment.1,
        proof.segment.2
    ));
    output::line(format!("wallet {}: {} {}", row.wallet, row.reason.as_str(), row.credits));
    output::line(format!("the record says: {says}"));
    output::line(format!("signed at {} by {}", rfc3339(checkpoint.time_ns), checkpoint.key));
    Ok(())
}

fn document(proof: &Proof, checkpoint: &Checkpoint, says: &Value) -> Value {
    json!({
        "proven": true,
        "transaction": proof.transaction.to_string(),
        "record": proof.record.lsn.0,
        "at": rfc3339(proof.record.header.time_ns),
        "says": says,
        "segment": proof.segment.0,
        "signed_at": rfc3339(checkpoint.time_ns),
        "key": checkpoint.key.to_string(),
    })
}

/// A file that is too long or no text is no proof: what is cut or replaced here has no form of one.
fn read(path: &Path) -> std::io::Result<String> {
    let file = start::machine(false).storage.open(path, Access::Read)?;
    let bytes = file.bytes()?.min(PROOF_BYTES_MAX);
    let mut content = vec![0; usize::try_from(bytes).map_err(std::io::Error::other)?];
    read_exact_at(file.as_ref(), &mut content, 0)?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}
