//! Rows that damage files of a killed server: each on a fresh copy, then `coffer wal verify`, then a start.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Output;

use super::damage::{self, Damage, Target};
use super::ground::{BEFORE_A_SNAPSHOT, Base, Ground, io};
use super::row::{Outcome, Seen};
use crate::cli::child::{Ended, Server, Started, own_program};
use crate::cli::exit::{CliError, Code};

/// Exit code of `coffer wal verify` when nothing is wrong.
pub(crate) const SOUND: u8 = 0;
/// And when something is.
pub(crate) const DAMAGED: u8 = Code::Corrupt as u8;

/// What docs/WAL_FORMAT.md promises.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Promise {
    /// The start is refused with 65 and no byte changes. The line names a damaged file.
    Refused,
    /// As before, but it is a file of this kind that the line names.
    RefusedAt(&'static str),
    /// It starts, with everything acknowledged in the balances.
    Starts {
        /// What the start says about it.
        says: Option<&'static str>,
        /// Exit code of `coffer wal verify` before the start.
        verify: u8,
        /// Whether every acknowledged answer can still be shown; else those in the damaged file are answered with an error.
        history: bool,
    },
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused with exit 65 and the file's name; no byte changed"),
            Self::RefusedAt(place) => write!(f, "refused with exit 65, naming {place}; no byte changed"),
            Self::Starts { says, verify, history } => {
                if *verify == DAMAGED {
                    f.write_str("found by `wal verify`; ")?;
                }
                f.write_str("starts")?;
                if let Some(line) = says {
                    write!(f, " and says \"{line}\"")?;
                }
                f.write_str(if *history {
                    ", with all that was acknowledged"
                } else {
                    ", balances whole; answers in that file cannot be shown"
                })
            }
        }
    }
}

/// Plays one.
pub(crate) async fn play(
    ground: &Ground,
    name: &str,
    (target, damage): (Target, Damage),
    promise: Promise,
) -> Result<Outcome, CliError> {
    let base = ground.base().await?;
    if (target, damage) == (Target::Control, Damage::Swapped) {
        ground.make_other_store().await?;
    }
    let dir = ground.copy(&base.dir, name)?;
    let damaged = damage::apply(ground, &dir, base, target, damage)?;
    let mut seen = Seen::default();
    match promise {
        Promise::Refused => {
            let right = |line: &str| damaged.iter().any(|file| line.contains(file.as_str()));
            refused(ground, &dir, right, &mut seen).await?;
        }
        Promise::RefusedAt(place) => refused(ground, &dir, |line| line.contains(place), &mut seen).await?,
        Promise::Starts { says, verify, history } => {
            let verified = run(&["wal", "verify"], &dir).await?;
            let code = verified.status.code();
            seen.note(format!("`wal verify` exit {}", shown(code)), code == Some(verify.into()));
            match ground.try_start(&dir).await? {
                Started::Serving(server) => starts(*server, base, (says, history), &mut seen).await?,
                Started::Ended(ended) => seen.note(describe(&ended), false),
            }
        }
    }
    if seen.is_right() {
        ground.clear(&dir);
    }
    Ok(Outcome::Played(seen))
}

async fn refused(
    ground: &Ground,
    dir: &Path,
    right_line: impl Fn(&str) -> bool,
    seen: &mut Seen,
) -> Result<(), CliError> {
    let before = ground.tree(dir)?;
    match ground.try_start(dir).await? {
        Started::Serving(_) => seen.note("it started", false),
        Started::Ended(ended) => {
            let right = ended.code == Some(DAMAGED.into()) && right_line(ended.last_line());
            seen.note(describe(&ended), right);
        }
    }
    let after = ground.tree(dir)?;
    let changed: BTreeSet<_> =
        before.iter().chain(&after).filter(|(path, _)| before.get(*path) != after.get(*path)).collect();
    match changed.first() {
        None => seen.note("no byte changed", true),
        Some((path, _)) => {
            seen.note(format!("{} files changed, first {}", changed.len(), path.display()), false)
        }
    }
    Ok(())
}

async fn starts(
    server: Server,
    base: &Base,
    (says, history): (Option<&str>, bool),
    seen: &mut Seen,
) -> Result<(), CliError> {
    seen.note("starts", true);
    if let Some(expected) = says {
        let said = server.said();
        match said.iter().find(|line| line.contains(expected)) {
            Some(_) => seen.note(format!("says \"{expected}\""), true),
            None => seen.note(format!("says nothing about it: {said:?}"), false),
        }
    }
    let found = base.book.clone().confirm(&server.url).await?;
    // Damage in an archived segment costs the answers in it, and no others: less than what was written before the first snapshot.
    let readable =
        if history { found.unreadable == 0 } else { (1..BEFORE_A_SNAPSHOT).contains(&found.unreadable) };
    seen.note(found.describe(), found.is_whole() && readable);
    let ended = server.stop().await?;
    if !ended.success() {
        seen.note(format!("its shutdown: {ended}"), false);
    }
    Ok(())
}

/// Runs a command of this program on a data directory to its end.
async fn run(args: &[&str], dir: &Path) -> Result<Output, CliError> {
    own_program()?.args(args).arg("--data-dir").arg(dir).output().await.map_err(io)
}

/// `exit 65: …` with the last line.
pub(crate) fn describe(ended: &Ended) -> String {
    format!("exit {}: {}", shown(ended.code), ended.last_line().trim_start_matches("coffer: "))
}

fn shown(code: Option<i32>) -> String {
    code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string())
}
