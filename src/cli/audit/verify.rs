//! `coffer audit verify`: everything that can be checked of a stopped server's directory.
//!
//! First the bytes: log, archive with its audit trees, snapshots, control file. Then the signatures. Then, if the bytes are sound,
//! what they mean: every record is read, the archive is replayed, the state that it gives is compared with recovery's, the
//! invariants are checked, and the history is compared with the log, and its balances, alerts and recharges with the state's. Absent on purpose: any repair. Tested in `tests/cli/audit.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffer_ledger::amount::Credits;
use coffer_ledger::ids::WalletId;
use coffer_wal::inspect::{VerifyProgress, VerifyReport, verify};
use indicatif::ProgressBar;

use super::page;
use crate::audit::{AuditKey, Checkpoint, CheckpointStore, PublicKey};
use crate::cli::SettingsArgs;
use crate::cli::exit::{CliError, Code};
use crate::cli::history;
use crate::cli::progress::Progress;
use crate::cli::wal::Shard;
use crate::config::Config;
use crate::engine::{ArchiveCheck, RecoveryProgress, from_archive};
use crate::feed::HistoryCheck;
use crate::feed::history::{Remembered, Sealed};

/// All that was found.
pub(super) struct Findings {
    /// The bytes.
    pub(super) log: VerifyReport,
    /// The signatures.
    pub(super) signed: Signed,
    /// What the bytes mean; not asked while they are damaged.
    pub(super) state: Option<ArchiveCheck>,
    /// What customers of that state remember of alerts and recharges.
    pub(super) remembered: Remembered,
    /// The history, where there is one to check.
    pub(super) history: Option<HistoryCheck>,
    /// What is damaged, a line each.
    pub(super) damaged: Vec<String>,
    /// What is sound and does not agree, a line each.
    pub(super) differs: Vec<String>,
    /// What could not be checked, a line each.
    pub(super) unchecked: Vec<String>,
}

/// What the checkpoints say.
pub(super) struct Signed {
    /// Whose signatures count.
    pub(super) trusted: Vec<PublicKey>,
    /// Checkpoints that are right.
    pub(super) right: u64,
    /// The newest of them.
    pub(super) newest: Option<Checkpoint>,
}

/// Checks everything, prints a page.
pub(super) fn run(settings: &SettingsArgs, keys: Vec<PublicKey>, as_json: bool) -> Result<(), CliError> {
    let config = settings.load(Vec::new())?;
    let shard = Shard::of(settings)?;
    let bar = ProgressBar::new(0);
    let log = verify(&shard.env, &shard.dir, &mut |progress: &VerifyProgress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    });
    bar.finish_and_clear();
    let log = log?;
    let damaged = log.problems.iter().map(ToString::to_string).collect();
    let signed = Signed { trusted: keys, right: 0, newest: None };
    let mut findings = Findings {
        log,
        signed,
        state: None,
        remembered: Remembered::default(),
        history: None,
        damaged,
        differs: Vec::new(),
        unchecked: Vec::new(),
    };
    findings.trees();
    findings.keys(&config, &shard)?;
    findings.checkpoints(&shard)?;
    if findings.signed.right == 0 && !findings.log.roots.is_empty() {
        findings.unchecked.push("signatures: there is no checkpoint that is right".to_owned());
    }
    if findings.damaged.is_empty() {
        findings.meaning(&config)?;
        findings.history(&config)?;
    } else {
        findings.unchecked.push("records, state and history: not while bytes are damaged".to_owned());
    }
    page::print(&findings, as_json);
    findings.end()
}

impl Findings {
    fn trees(&mut self) {
        if !self.log.treeless.is_empty() {
            let numbers: Vec<_> = self.log.treeless.iter().map(ToString::to_string).collect();
            let line = format!(
                "segments without an audit tree, archived by an older version: {}",
                numbers.join(", ")
            );
            self.unchecked.push(line);
        }
    }

    /// Without a key on the command line the directory's own counts: what it shows is that nothing decayed, not who signed.
    fn keys(&mut self, config: &Config, shard: &Shard) -> Result<(), CliError> {
        if !self.signed.trusted.is_empty() {
            return Ok(());
        }
        let path = AuditKey::path(&config.data_dir(), config.audit_key().as_deref());
        if path.is_file() {
            self.signed.trusted.push(AuditKey::read(shard.env.storage.as_ref(), &path)?.public());
        } else {
            self.unchecked
                .push(format!("signatures: there is no key {}, and none was given", path.display()));
        }
        Ok(())
    }

    fn checkpoints(&mut self, shard: &Shard) -> Result<(), CliError> {
        let store = CheckpointStore::new(Arc::clone(&shard.env.storage), &shard.dir);
        let io = |error: std::io::Error| CliError::new(Code::Io, format!("checkpoints: {error}"));
        for segment in store.segments().map_err(io)? {
            let path = store.path(segment);
            match store.read(segment).map_err(io)? {
                Some(Ok(checkpoint)) => match self.wrong_with(&checkpoint, segment) {
                    Some(wrong) => self.damaged.push(format!("{}: {wrong}", path.display())),
                    None => {
                        self.signed.right += 1;
                        self.signed.newest = Some(checkpoint);
                    }
                },
                Some(Err(error)) => self.damaged.push(format!("{}: {error}", path.display())),
                None => {}
            }
        }
        Ok(())
    }

    fn wrong_with(&self, checkpoint: &Checkpoint, segment: u64) -> Option<String> {
        let Signed { trusted, .. } = &self.signed;
        if (checkpoint.store, checkpoint.shard) != (self.log.store, self.log.shard) {
            return Some("it is of another store or shard".to_owned());
        }
        if checkpoint.segment != segment {
            return Some("it has the name of another segment's".to_owned());
        }
        if !trusted.is_empty() && !trusted.contains(&checkpoint.key) {
            return Some(format!(
                "it is signed by {}, which is none of the keys to be trusted",
                checkpoint.key
            ));
        }
        let root = self.log.roots.iter().find(|(root, _)| root.number == segment);
        match root {
            Some((root, chained)) if (root.last, *chained) == (checkpoint.last, checkpoint.chained) => None,
            Some(_) => Some("the archived segment is not the one that was signed".to_owned()),
            None if self.connects(checkpoint) => None,
            None => Some("the archive does not have the segment that was signed".to_owned()),
        }
    }

    /// Whether it signs the end of what retention removed: from there the chain of roots goes on.
    fn connects(&self, checkpoint: &Checkpoint) -> bool {
        self.log.removed.is_some_and(|removed| {
            (removed.segment, removed.chain.lsn, removed.root)
                == (checkpoint.segment, checkpoint.last, Some(checkpoint.chained))
        })
    }

    fn meaning(&mut self, config: &Config) -> Result<(), CliError> {
        let env = crate::cli::start::machine(config.switch("log.direct_io"));
        let shown = Arc::new(Progress::new(Arc::clone(&env.clock)));
        let progress: Arc<dyn RecoveryProgress> = shown.clone();
        let remembered = &mut self.remembered;
        let checked = from_archive(&config.engine_options(), &env, &progress, &mut |customer| {
            remembered.add_customer(customer);
        });
        shown.finish();
        let state = match checked {
            Ok(state) => state,
            // The bytes were sound: a record does not follow from those before it.
            Err(error) => {
                let error = CliError::from(error);
                if error.code != Code::Corrupt {
                    return Err(error);
                }
                self.differs.push(error.message);
                return Ok(());
            }
        };
        self.differs.extend(state.unreadable.iter().chain(&state.violations).cloned());
        let comparisons = [&state.at_archive_end, &state.at_log_end];
        for comparison in comparisons.into_iter().flatten() {
            let at = comparison.position.0;
            self.differs.extend(comparison.differences.iter().map(|line| format!("at record {at}: {line}")));
        }
        if let Some(removed) = state.removed_to {
            self.unchecked.push(format!(
                "replayed state = recovered state: records 1 to {} were removed by retention, so there is nothing to replay from; the state that recovery gives was checked by itself",
                removed.0
            ));
        } else if state.at_archive_end.is_none() && state.at_log_end.is_none() {
            self.unchecked
                .push("replayed state = recovered state: no snapshot to start recovery from".to_owned());
        }
        if let Some(customer) = state.erasing {
            self.unchecked.push(format!(
                "personal data of customer number {customer}: its erasure was begun and is not finished; run `coffer customers erase` again"
            ));
        }
        self.state = Some(state);
        Ok(())
    }

    /// What the history says, and whether its balances, alerts and recharges are those of the replayed state.
    fn history(&mut self, config: &Config) -> Result<(), CliError> {
        if config.feed_options().is_none() {
            return Ok(());
        }
        let state = self.state.as_ref();
        let why = match state.map(|state| (state.erasing, state.removed_to)) {
            Some((Some(_), _)) => {
                Some("an erasure is not finished, so it may still say what the log does not".to_owned())
            }
            Some((None, Some(removed))) => {
                Some(format!("records 1 to {} were removed by retention", removed.0))
            }
            Some((None, None)) | None => None,
        };
        if let Some(why) = why {
            self.unchecked.push(format!("history = log: {why}"));
            return Ok(());
        }
        let Some(check) = history::check(config)? else {
            self.unchecked.push("history: there is none yet; the next start makes it".to_owned());
            return Ok(());
        };
        self.damaged.extend(check.damaged.iter().map(|line| format!("history: {line}")));
        self.differs.extend(check.differences.told.iter().map(|line| format!("history: {line}")));
        if check.sealed == Sealed::Unsealed && check.damaged.is_empty() {
            self.unchecked.push(format!("history: {}", history::bytes(&check.sealed)));
        }
        if let Some(why) = &check.not_compared {
            self.unchecked.push(format!("history: {why}"));
        }
        if let (Some(state), true) = (&self.state, check.is_sound()) {
            if check.position == check.log_end {
                self.differs.extend(apart(&state.balances, &check.balances));
                self.differs.extend(self.remembered.apart(&check.remembered));
            } else {
                let line = format!(
                    "history: it ends at record {}, its balances, alerts and recharges were not compared",
                    check.position
                );
                self.unchecked.push(line);
            }
        }
        self.history = Some(check);
        Ok(())
    }

    /// Archived segments after the newest one that is signed.
    pub(super) fn unsigned(&self) -> usize {
        let newest = self.signed.newest.map_or(0, |newest| newest.segment);
        self.log.roots.iter().filter(|(root, _)| root.number > newest).count()
    }

    fn end(&self) -> Result<(), CliError> {
        let told = |code, count: usize, what: &str| Err(CliError::new(code, format!("{count} {what}")));
        match (self.damaged.len(), self.differs.len(), self.unchecked.len()) {
            (0, 0, 0) => Ok(()),
            (0, 0, count) => {
                told(Code::NotRun, count, "checks could not be made; the others found nothing wrong")
            }
            (0, count, _) => told(Code::Failed, count, "things do not agree, although every byte is sound"),
            (count, ..) => told(Code::Corrupt, count, "problems: bytes are not what was written or signed"),
        }
    }
}

type Balances = BTreeMap<WalletId, (Credits, Credits)>;

/// Wallets whose posted or debt is not the same in both.
fn apart(state: &Balances, history: &Balances) -> Vec<String> {
    let wallets: BTreeSet<&WalletId> = state.keys().chain(history.keys()).collect();
    let differing = wallets.into_iter().filter(|wallet| state.get(wallet) != history.get(wallet));
    let told = |found: Option<&(Credits, Credits)>| {
        found.map_or("unknown".to_owned(), |(posted, debt)| format!("posted {posted}, debt {debt}"))
    };
    differing
        .map(|wallet| {
            let (state, history) = (told(state.get(wallet)), told(history.get(wallet)));
            format!("wallet {wallet}: {state} in the replayed state, {history} in the history")
        })
        .collect()
}
