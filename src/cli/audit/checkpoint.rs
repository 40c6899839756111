//! `coffer audit checkpoint`. A running server signs by itself, whenever a segment is archived.

use serde_json::json;

use crate::cli::exit::{CliError, Code};
use crate::cli::instant::rfc3339;
use crate::cli::{output, start};
use crate::config::Config;

/// Opening the log seals what was written before; the rest is waiting and signing.
pub(super) async fn run(config: Config, as_json: bool) -> Result<(), CliError> {
    let engine = start::open_offline(&config, "a running server signs its own checkpoints").await?;
    let signed = engine.checkpoint().await;
    let closed = engine.shutdown().await;
    let signed = signed.map_err(|failure| CliError::new(Code::Io, failure.to_string()))?;
    closed?;
    if as_json {
        let shown = |checkpoint: &crate::audit::Checkpoint| {
            json!({
                "segment": checkpoint.segment, "last_record": checkpoint.last.0,
                "at": rfc3339(checkpoint.time_ns), "key": checkpoint.key.to_string(),
            })
        };
        output::json(&json!({ "signed": signed.iter().map(shown).collect::<Vec<_>>() }));
        return Ok(());
    }
    for checkpoint in &signed {
        output::line(format!("segment {}, up to record {}: signed", checkpoint.segment, checkpoint.last));
    }
    if signed.is_empty() {
        output::line("everything that is sealed was signed already");
    }
    Ok(())
}
