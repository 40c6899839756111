//! This very program as a child process: the server that the demo kills, and the servers that the benchmark measures.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use coffer_wal::Clock;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::cli::exit::{CliError, Code};

/// A child that serves HTTP. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
    /// Nanoseconds from starting the process to being ready.
    pub(crate) ready_ns: u64,
}

impl Server {
    /// `coffer serve` on a directory and any free port, with this admin key.
    pub(crate) async fn start(dir: &Path, key: &str, clock: &Arc<dyn Clock>) -> Result<Self, CliError> {
        let mut command = own_program()?;
        command.arg("serve").arg("--data-dir").arg(dir);
        command.args(["--listen", "127.0.0.1:0", "--log-format", "text"]).env("COFFER_BOOTSTRAP_KEY", key);
        Self::spawn(command, clock).await
    }

    /// Starts a command of this program that says `serving http://…` on standard error, and waits until it does.
    pub(crate) async fn spawn(mut command: Command, clock: &Arc<dyn Clock>) -> Result<Self, CliError> {
        let started_ns = clock.monotonic_ns();
        let mut child = command.spawn().map_err(failed)?;
        let mut lines = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        let url = read_address(&mut lines).await?;
        let ready_ns = clock.monotonic_ns() - started_ns;
        // Whatever it still says is read, or it would block on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, url, ready_ns })
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
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| CliError::new(Code::Failed, "the server has ended by itself"))?;
        kill_process(pid, Signal::TERM).map_err(|error| failed(error.into()))?;
        self.child.wait().await.map_err(failed)
    }
}

/// This program without the caller's settings, its standard error readable.
pub(crate) fn own_program() -> Result<Command, CliError> {
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COFFER_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// Reads log lines up to the one that says where it serves.
async fn read_address(lines: &mut Lines<BufReader<ChildStderr>>) -> Result<String, CliError> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        if let Some((_, rest)) = line.split_once("serving http://") {
            let authority = rest.split([',', ' ']).next().unwrap_or(rest);
            return Ok(format!("http://{authority}"));
        }
        said.push(line);
    }
    let last = said.last().map_or("nothing", String::as_str);
    Err(CliError::new(Code::Failed, format!("the server did not start; it said last: {last}")))
}

fn failed(error: std::io::Error) -> CliError {
    CliError::new(Code::Failed, format!("the server process: {error}"))
}
