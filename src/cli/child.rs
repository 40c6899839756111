//! This very program as a child process: the server that demo and drill kill, and the servers that the benchmark measures.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use coffer_wal::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;

use crate::cli::exit::{CliError, Code};

/// Lines of a child's standard error that are remembered; older ones are forgotten.
const LINES_KEPT_MAX: usize = 200;

/// A child that serves HTTP. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
    /// Nanoseconds from starting the process to being ready.
    pub(crate) ready_ns: u64,
    said: Said,
    reading: JoinHandle<()>,
}

/// A child that has ended by itself.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// What it said on standard error, the last line last.
    pub(crate) said: Vec<String>,
}

/// What became of a start.
pub(crate) enum Started {
    /// It serves.
    Serving(Box<Server>),
    /// It did not start.
    Ended(Ended),
}

/// The last lines of standard error.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Said {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_KEPT_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Ended {
    /// The one line that a command ends with.
    pub(crate) fn last_line(&self) -> &str {
        self.said.last().map_or("nothing", String::as_str)
    }
}

impl Started {
    /// The server, or why there is none.
    pub(crate) fn serving(self) -> Result<Server, CliError> {
        match self {
            Self::Serving(server) => Ok(*server),
            Self::Ended(ended) => Err(CliError::new(
                Code::Failed,
                format!("the server did not start; it said last: {}", ended.last_line()),
            )),
        }
    }
}

/// A child that was started and does not serve yet. Killed when dropped.
pub(crate) struct Starting {
    child: Child,
    clock: Arc<dyn Clock>,
    started_ns: u64,
}

impl Starting {
    /// Starts a command of this program that says `serving http://…` on standard error once it does.
    pub(crate) fn spawn(mut command: Command, clock: &Arc<dyn Clock>) -> Result<Self, CliError> {
        let started_ns = clock.monotonic_ns();
        let child = command.spawn().map_err(failed)?;
        Ok(Self { child, clock: Arc::clone(clock), started_ns })
    }

    /// Waits until it serves, or ends.
    pub(crate) async fn started(mut self) -> Result<Started, CliError> {
        let mut lines = BufReader::new(self.child.stderr.take().expect("it was asked for")).lines();
        let said = Said::default();
        let Some(url) = read_address(&mut lines, &said).await? else {
            let code = self.child.wait().await.map_err(failed)?.code();
            return Ok(Started::Ended(Ended { code, said: said.lines() }));
        };
        let ready_ns = self.clock.monotonic_ns() - self.started_ns;
        // Whatever it still says is read, or it would block on a full pipe.
        let reading = tokio::spawn(read_on(lines, said.clone()));
        Ok(Started::Serving(Box::new(Server { child: self.child, url, ready_ns, said, reading })))
    }

    /// Waits until it serves; that it does not is an error.
    pub(crate) async fn serving(self) -> Result<Server, CliError> {
        self.started().await?.serving()
    }

    /// SIGKILL, wherever its start has come to.
    pub(crate) async fn kill(mut self) -> Result<(), CliError> {
        self.child.kill().await.map_err(failed)
    }
}

impl Server {
    /// `coffer serve` on a directory and any free port, with this admin key.
    pub(crate) async fn start(dir: &Path, key: &str, clock: &Arc<dyn Clock>) -> Result<Self, CliError> {
        Self::spawn(serve_command(dir, key)?, clock).await
    }

    /// Starts a command of this program that says `serving http://…` on standard error, and waits until it does.
    pub(crate) async fn spawn(command: Command, clock: &Arc<dyn Clock>) -> Result<Self, CliError> {
        Starting::spawn(command, clock)?.serving().await
    }

    /// How it ended, if it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Result<Option<ExitStatus>, CliError> {
        self.child.try_wait().map_err(failed)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Result<Pid, CliError> {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        pid.ok_or_else(|| CliError::new(Code::Failed, "the server has ended by itself"))
    }

    /// What it said so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lines()
    }

    /// The process's id, as long as it has not been waited for.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(crate) async fn kill(mut self) -> Result<(), CliError> {
        self.child.kill().await.map_err(failed)
    }

    /// SIGTERM, and the exit code that a clean shutdown gives.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus, CliError> {
        kill_process(self.pid()?, Signal::TERM).map_err(|error| failed(error.into()))?;
        self.child.wait().await.map_err(failed)
    }

    /// The same, and what it said to the end.
    pub(crate) async fn stop_and_hear(self) -> Result<Ended, CliError> {
        kill_process(self.pid()?, Signal::TERM).map_err(|error| failed(error.into()))?;
        self.ended().await
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(mut self) -> Result<Ended, CliError> {
        let code = self.child.wait().await.map_err(failed)?.code();
        self.reading.await.map_err(|error| CliError::new(Code::Internal, error.to_string()))?;
        Ok(Ended { code, said: self.said.lines() })
    }
}

/// `coffer serve` on a directory and any free port, with this admin key and nobody else's settings.
pub(crate) fn serve_command(dir: &Path, key: &str) -> Result<Command, CliError> {
    let mut command = own_program()?;
    command.arg("serve").arg("--data-dir").arg(dir);
    command.args(["--listen", "127.0.0.1:0", "--log-format", "text"]).env("COFFER_BOOTSTRAP_KEY", key);
    Ok(command)
}

/// This program without the caller's settings, its standard error readable.
pub(crate) fn own_program() -> Result<Command, CliError> {
    Ok(without_settings(Command::new(std::env::current_exe().map_err(failed)?)))
}

/// A command without the caller's settings, its standard error readable. Killed when dropped.
pub(crate) fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COFFER_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Reads log lines up to the one that says where it serves; `None` when there is no such line.
async fn read_address(
    lines: &mut Lines<BufReader<ChildStderr>>,
    said: &Said,
) -> Result<Option<String>, CliError> {
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        let authority = line.split_once("serving http://").map(|(_, rest)| {
            let authority = rest.split([',', ' ']).next().unwrap_or(rest);
            format!("http://{authority}")
        });
        said.push(line);
        if authority.is_some() {
            return Ok(authority);
        }
    }
    Ok(None)
}

async fn read_on(mut lines: Lines<BufReader<ChildStderr>>, said: Said) {
    while let Ok(Some(line)) = lines.next_line().await {
        said.push(line);
    }
}

fn failed(error: std::io::Error) -> CliError {
    CliError::new(Code::Failed, format!("the server process: {error}"))
}
