//! What an audit found, on one page or as JSON.

use serde_json::{Value, json};

use super::verify::Findings;
use crate::cli::history;
use crate::cli::instant::rfc3339;
use crate::cli::output;
use crate::engine::{ArchiveCheck, Comparison};

/// Lines of one kind that are printed; the rest is counted.
const SHOWN_MAX: usize = 20;

/// Prints it.
pub(super) fn print(findings: &Findings, as_json: bool) {
    if as_json {
        return output::json(&document(findings));
    }
    let Findings { damaged, differs, unchecked, .. } = findings;
    lines("damaged", damaged);
    lines("differs", differs);
    bytes(findings);
    trees(findings);
    signatures(findings);
    if let Some(state) = &findings.state {
        meaning(state);
    }
    if let Some(check) = &findings.history {
        output::line(format!("history      up to record {}: {}", check.position, history::compared(check)));
        output::line(format!("             bytes: {}", history::bytes(&check.sealed)));
    }
    lines("not checked", unchecked);
    let end = match (damaged.is_empty() && differs.is_empty(), unchecked.is_empty()) {
        (true, true) => "everything is sound",
        (true, false) => "nothing is wrong with what could be checked",
        (false, _) => "NOT SOUND",
    };
    output::line(end);
}

fn lines(what: &str, lines: &[String]) {
    for line in lines.iter().take(SHOWN_MAX) {
        output::line(format!("{what}: {line}"));
    }
    if lines.len() > SHOWN_MAX {
        output::line(format!("{what}: {} more", lines.len() - SHOWN_MAX));
    }
}

fn bytes(findings: &Findings) {
    let log = &findings.log;
    let end = log.end.map_or_else(|| "an unknown record".to_owned(), |end| format!("record {}", end.lsn));
    output::line(format!(
        "bytes        the log ends at {end}; {} segments and {} sound snapshots, every byte and the chain of batches",
        log.segments.len(),
        log.snapshots.len()
    ));
}

fn trees(findings: &Findings) {
    if let Some(removed) = &findings.log.removed {
        output::line(format!(
            "             records 1 to {} were removed by retention; the chain continues from the {} of segment {}",
            removed.chain.lsn,
            if removed.root.is_some() { "signed root" } else { "last batch" },
            removed.segment
        ));
    }
    let roots = &findings.log.roots;
    let records: u64 = roots.iter().filter_map(|(root, _)| root.records()).sum();
    output::line(format!(
        "audit trees  {} archived segments, {records} records with public and personal parts, roots chained",
        roots.len()
    ));
    let (covered, end) =
        (roots.last().map_or(0, |(root, _)| root.last.0), findings.log.end.map_or(0, |end| end.lsn.0));
    if end > covered {
        output::line(format!(
            "             records {} to {end} are not archived yet, and in no tree",
            covered + 1
        ));
    }
}

fn signatures(findings: &Findings) {
    let signed = &findings.signed;
    let Some(newest) = &signed.newest else {
        return output::line("signatures   nothing is signed");
    };
    output::line(format!(
        "signatures   {} checkpoints are right; the newest, of {}, signs up to record {}",
        signed.right,
        rfc3339(newest.time_ns),
        newest.last
    ));
    let unsigned = findings.unsigned();
    if unsigned > 0 {
        output::line(format!(
            "             {unsigned} archived segments are not signed yet; the next start does it"
        ));
    }
    for key in &signed.trusted {
        output::line(format!("             trusted: {key}"));
    }
}

fn meaning(state: &ArchiveCheck) {
    output::line(format!(
        "records      {} to {}: {} cannot be read, each follows its subject's record before",
        state.removed_to.map_or(1, |removed| removed.0 + 1),
        state.log_end.0,
        state.unreadable.len()
    ));
    if state.erased > 0 {
        output::line(format!(
            "             {} are erased: their public parts and the hashes of their personal ones stand in the trees",
            state.erased
        ));
    }
    output::line(format!("replay       {} archived segments, then the hot log", state.segments));
    for comparison in [&state.at_archive_end, &state.at_log_end].into_iter().flatten() {
        let Comparison { position, snapshot, customers, tenants, keys, differences, .. } = comparison;
        output::line(format!(
            "             at record {}: {} differences from recovery by snapshot {snapshot} in {customers} customers, {tenants} tenants, {keys} keys",
            position.0,
            differences.len()
        ));
    }
    output::line(format!(
        "invariants   of the state at the log's end: {} of {} customers break one",
        state.violations.len(),
        state.customers
    ));
}

fn document(findings: &Findings) -> Value {
    let log = &findings.log;
    let comparison = |comparison: &Comparison| {
        json!({
            "position": comparison.position.0, "snapshot": comparison.snapshot, "customers": comparison.customers,
            "tenants": comparison.tenants, "keys": comparison.keys, "differences": comparison.differences,
        })
    };
    let state = |state: &ArchiveCheck| {
        json!({
            "records": state.log_end.0, "erased_records": state.erased, "erasing_customer": state.erasing,
            "customers": state.customers,
            "at_archive_end": state.at_archive_end.as_ref().map(comparison),
            "at_log_end": state.at_log_end.as_ref().map(comparison),
        })
    };
    json!({
        "sound": findings.damaged.is_empty() && findings.differs.is_empty(),
        "damaged": findings.damaged,
        "differs": findings.differs,
        "not_checked": findings.unchecked,
        "end": log.end.map(|end| end.lsn.0),
        "segments": log.segments.len(),
        "snapshots": log.snapshots.len(),
        "trees": log.roots.len(),
        "records_in_trees": log.roots.iter().filter_map(|(root, _)| root.records()).sum::<u64>(),
        "treeless": log.treeless,
        "removed": log.removed.map(|removed| json!({
            "segment": removed.segment, "last_record": removed.chain.lsn.0,
        })),
        "checkpoints": findings.signed.right,
        "unsigned": findings.unsigned(),
        "signed_to": findings.signed.newest.map(|newest| newest.last.0),
        "signed_at": findings.signed.newest.map(|newest| rfc3339(newest.time_ns)),
        "keys": findings.signed.trusted.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": findings.state.as_ref().map(state),
        "history": findings.history.as_ref().map(history::document),
    })
}
