//! Rows in which the log cannot be written while writers wait.
//!
//! Three ways, all on the real process: the system's limit of a file's size, which also makes a write fall short (no privileges
//! needed); `strace`, which answers a system call with an error; and, in a program built with the feature `failpoints`, files that
//! fail by order. The last is preferred where it is built in, as it needs nothing of the machine.

use std::path::Path;

use coffer_wal::storage::{SECTOR_BYTES, write_all_at};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tokio::process::Command;

use super::book::{Book, Load};
use super::files::describe;
use super::ground::{DEBITS_OVER_SEGMENTS, Ground, io};
use super::row::{Outcome, Seen};
use crate::cli::child::{Server, without_settings};
use crate::cli::exit::{CliError, Code};

/// Which call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The write.
    Write,
    /// The sync after it, without direct I/O.
    Sync,
}

/// Calls of the log's writer that go well before one fails.
const CALLS_BEFORE: u32 = 100;
/// Everything but the control file lies beyond it.
const ONLY_CONTROL_BYTES: u64 = 8_192;
/// Within a block in the middle of a segment, so that the write that gets there takes three sectors of that block.
const SHORT_BYTES: u64 = (1 << 20) + 3 * SECTOR_BYTES as u64;

/// A call that is made to fail from outside, or by order.
pub(crate) async fn injected(ground: &Ground, name: &str, point: Point) -> Result<Outcome, CliError> {
    let dir = ground.place(name);
    let plain = ground.serve(&dir)?;
    let (mut command, how) = if cfg!(feature = "failpoints") {
        (by_order(plain, point), "by the failpoint")
    } else {
        match under_strace(&plain, point).await {
            Ok(command) => (command, "by strace"),
            Err(why) => return Ok(Outcome::NotRun(why)),
        }
    };
    if point == Point::Sync {
        command.env("COFFER_DIRECT_IO", "false");
    }
    let server = Server::spawn(command, &ground.env.clock).await?;
    let mut book = Book::open(&server.url).await?;
    let load = book.write(&server.url, DEBITS_OVER_SEGMENTS * 8, &ground.env.clock).await?;
    let mut seen = Seen::default();
    seen.note(how, true);
    halted(ground, server, &load, "Input/output error", &mut seen).await?;
    recovered(ground, &dir, book, None, &mut seen).await?;
    Ok(Outcome::Played(seen))
}

fn by_order(mut command: Command, point: Point) -> Command {
    let name = match point {
        Point::Write => "log-write",
        Point::Sync => "log-sync",
    };
    command.env("FAILPOINTS", format!("{name}={CALLS_BEFORE}*off->return"));
    command
}

/// The same command, whose calls of one kind fail from the given number on in each thread; why not, when it cannot be.
async fn under_strace(plain: &Command, point: Point) -> Result<Command, String> {
    let call = match point {
        Point::Write => "pwrite64",
        Point::Sync => "fdatasync",
    };
    let inject = format!("inject={call}:error=EIO:when={}+", CALLS_BEFORE + 1);
    let tracer = |inject: &str| {
        // -D: the server stays our own child, and its exit code its own.
        let mut command = without_settings(Command::new("strace"));
        command
            .args(["-D", "-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("trace={call}"))
            .arg("-e")
            .arg(inject);
        command
    };
    let tried = tracer(&inject).arg("true").output().await;
    match tried {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("strace is not installed".to_owned());
        }
        Err(error) => return Err(format!("strace: {error}")),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("strace may not trace here: {}", said.lines().last().unwrap_or_default()));
        }
        Ok(_) => {}
    }
    Ok(wrapped(tracer(&inject), plain))
}

/// `wrapper` around a command, with its arguments and its environment.
fn wrapped(mut wrapper: Command, plain: &Command) -> Command {
    let plain = plain.as_std();
    wrapper.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => wrapper.env(name, value),
            None => wrapper.env_remove(name),
        };
    }
    wrapper
}

/// A server whose process takes a failed write for an error and not for a signal that ends it.
async fn limited(ground: &Ground, dir: &Path) -> Result<Server, CliError> {
    let mut shell = without_settings(Command::new("sh"));
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    Server::spawn(wrapped(shell, &ground.serve(dir)?), &ground.env.clock).await
}

/// From now on the process may write no file beyond this offset.
fn limit(server: &Server, bytes: u64) -> Result<(), CliError> {
    let limit = Rlimit { current: Some(bytes), ..getrlimit(Resource::Fsize) };
    prlimit(Some(server.pid()?), Resource::Fsize, limit).map(drop).map_err(|error| io(error.into()))
}

/// The system refuses every further write of the log.
pub(crate) async fn refused(ground: &Ground, name: &str) -> Result<Outcome, CliError> {
    let dir = ground.place(name);
    let server = limited(ground, &dir).await?;
    let mut book = Book::open(&server.url).await?;
    book.write(&server.url, 2, &ground.env.clock).await?;
    ground.settled(&server, &dir).await?;
    limit(&server, ONLY_CONTROL_BYTES)?;
    let load = book.write(&server.url, 2, &ground.env.clock).await?;
    let mut seen = Seen::default();
    halted(ground, server, &load, "File too large", &mut seen).await?;
    recovered(ground, &dir, book, None, &mut seen).await?;
    Ok(Outcome::Played(seen))
}

/// A write is cut short within a block. On request that write's first sector is lost as well.
pub(crate) async fn short(ground: &Ground, name: &str, lose_header: bool) -> Result<Outcome, CliError> {
    let dir = ground.place(name);
    let server = limited(ground, &dir).await?;
    let mut book = Book::open(&server.url).await?;
    ground.settled(&server, &dir).await?;
    limit(&server, SHORT_BYTES)?;
    let load = book.write(&server.url, DEBITS_OVER_SEGMENTS, &ground.env.clock).await?;
    let mut seen = Seen::default();
    halted(ground, server, &load, "short write", &mut seen).await?;
    if lose_header {
        lose_first_sector(ground, &dir)?;
        seen.note("its first sector zeroed", true);
    }
    recovered(ground, &dir, book, Some("it was never acknowledged, and is set aside"), &mut seen).await?;
    Ok(Outcome::Played(seen))
}

fn lose_first_sector(ground: &Ground, dir: &Path) -> Result<(), CliError> {
    let torn = ground.survey(dir)?.end.torn;
    let torn = torn.ok_or_else(|| CliError::new(Code::Failed, "the short write left nothing behind"))?;
    let file = ground.open(&torn.path)?;
    write_all_at(file.as_ref(), &[0; SECTOR_BYTES], torn.offset).map_err(io)
}

/// The process ends with 74 and says what the system said; nobody was answered after the first failure.
async fn halted(
    ground: &Ground,
    server: Server,
    load: &Load,
    reason: &str,
    seen: &mut Seen,
) -> Result<(), CliError> {
    match ground.ended(server).await? {
        None => seen.note("the server goes on", false),
        Some(ended) => {
            let right =
                ended.code == Some(i32::from(Code::Io.number())) && ended.last_line().contains(reason);
            seen.note(describe(&ended), right);
        }
    }
    let Load { acknowledged, failed, answered_after, .. } = load;
    let right = *failed > 0 && *answered_after == 0;
    seen.note(format!("{acknowledged} answered, {failed} not, {answered_after} answered after"), right);
    Ok(())
}

/// The next start serves and has everything.
async fn recovered(
    ground: &Ground,
    dir: &Path,
    book: Book,
    says: Option<&str>,
    seen: &mut Seen,
) -> Result<(), CliError> {
    let server = ground.start(dir).await?;
    let aside = server.said().iter().any(|line| line.contains("is set aside"));
    match says {
        Some(expected) => seen.note(
            "the next start sets the torn write aside",
            server.said().iter().any(|line| line.contains(expected)),
        ),
        None if aside => seen.note("the next start sets a torn write aside", false),
        None => seen.note("the next start is an ordinary one", true),
    }
    let found = book.confirm(&server.url).await?;
    seen.note(found.describe(), found.is_whole() && found.unreadable == 0);
    let ended = server.stop().await?;
    if ended.success() {
        ground.clear(dir);
    } else {
        seen.note(format!("its shutdown: {ended}"), false);
    }
    Ok(())
}
