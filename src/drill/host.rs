//! The server under the drill: a real process on a real directory that is killed and comes back.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Method;

use crate::cli::child::{self, Server, Starting};
use crate::cli::client::{Client, Reply};
use crate::cli::exit::{CliError, Code};
use crate::demo::setup::connect;
use crate::env::Env;

/// The admin key of the drill's server.
pub(crate) const API_KEY: &str = "drill-admin-key-of-a-temporary-server";

/// Small, so that in seconds segments fill, go to the archive and leave, and snapshots are taken under load.
const SETTINGS: [(&str, &str); 2] =
    [("COFFER_SEGMENT_BYTES", "4194304"), ("COFFER_SNAPSHOT_LOG_BYTES", "262144")];

/// How long a start may take.
const START_TIMEOUT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Where the server is made.
pub(crate) struct Host {
    pub(crate) env: Env,
    pub(crate) data_dir: PathBuf,
}

/// What a start took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recovery {
    /// From starting the process to `/readyz` saying yes.
    pub(crate) took: Duration,
    /// Records replayed.
    pub(crate) records: u64,
    /// Bytes of log read for them.
    pub(crate) bytes: u64,
}

impl Host {
    /// Starts a process and does not wait for it.
    pub(crate) fn begin(&self) -> Result<Starting, CliError> {
        let mut command = child::serve_command(&self.data_dir, API_KEY)?;
        command.envs(SETTINGS);
        Starting::spawn(command, &self.env.clock)
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<(Server, Recovery), CliError> {
        let started_ns = self.env.clock.monotonic_ns();
        let starting = tokio::time::timeout(START_TIMEOUT, self.begin()?.serving());
        let server =
            starting.await.map_err(|_| CliError::new(Code::Failed, "the server did not start in time"))??;
        let mut client = connect(&server.url, API_KEY)?;
        while get(&mut client, "/readyz").await?.status != 200 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = Duration::from_nanos(self.env.clock.monotonic_ns() - started_ns);
        let figures = get(&mut client, "/metrics").await?;
        let figures = String::from_utf8_lossy(&figures.body).into_owned();
        let (records, bytes) =
            (figure(&figures, "coffer_recovery_records"), figure(&figures, "coffer_recovery_bytes"));
        Ok((server, Recovery { took, records, bytes }))
    }

    /// SIGKILL. A server that has ended by itself was not killed by us: that is a failure of its own.
    pub(crate) async fn kill(&self, mut server: Server) -> Result<(), CliError> {
        match server.has_ended()? {
            None => server.kill().await,
            Some(status) => {
                Err(CliError::new(Code::Failed, format!("the server ended by itself, with {status}")))
            }
        }
    }

    /// Waits until a snapshot is being written, at most for `patience`; tells whether one is.
    pub(crate) async fn snapshot_runs(&self, patience: Duration) -> bool {
        let until_ns = self.env.clock.monotonic_ns() + u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        while self.env.clock.monotonic_ns() < until_ns {
            if self.has_unfinished_snapshot() {
                return true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        false
    }

    /// Whether a snapshot has begun and has no name yet. Asked after a kill: whether the kill hit one.
    pub(crate) fn has_unfinished_snapshot(&self) -> bool {
        let dir = self.shard_dir().join("snapshots");
        let files = self.env.storage.list(&dir).unwrap_or_default();
        files.iter().any(|file| file.name.to_string().ends_with(".tmp"))
    }

    /// The directory of the log.
    pub(crate) fn shard_dir(&self) -> PathBuf {
        self.data_dir.join("shard-00")
    }
}

async fn get(client: &mut Client, path: &str) -> Result<Reply, CliError> {
    let reply = client.send(Method::GET, path, &[], String::new()).await;
    reply.map_err(|error| CliError::new(Code::Failed, format!("{path}: {error}")))
}

/// A whole number of the Prometheus text; 0 when it is not there.
fn figure(text: &str, name: &str) -> u64 {
    let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.filter_map(|value| value.trim().parse().ok()).next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_its_whole_name() {
        let text =
            "# HELP coffer_recovery_records x\ncoffer_recovery_records_y 3\ncoffer_recovery_records 17\n";
        assert_eq!(figure(text, "coffer_recovery_records"), 17);
        assert_eq!(figure(text, "coffer_recovery"), 0);
    }
}
