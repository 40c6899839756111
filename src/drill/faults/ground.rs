//! What the rows play on: a scratch directory, servers with small segments, and one directory of a killed server that is copied
//! for each row that damages files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coffer_wal::recovery::{Survey, survey};
use coffer_wal::storage::{Access, File, read_up_to};
use hyper::Method;
use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::book::{Book, WRITERS};
use crate::cli::child::{self, Ended, Server, Started, Starting};
use crate::cli::client::Client;
use crate::cli::exit::{CliError, Code};
use crate::cli::start;
use crate::env::Env;

/// The admin key of every server here.
pub(crate) const KEY: &str = "fault-admin-key-of-a-temporary-server";
/// The smallest segment that there may be: a few dozen writes fill one.
pub(crate) const SEGMENT_BYTES: u64 = 2 << 20;
/// Debits of each writer that fill at least two segments.
pub(crate) const DEBITS_OVER_SEGMENTS: u64 = 24;
/// Debits that the base has before its first snapshot.
pub(crate) const BEFORE_A_SNAPSHOT: u64 = DEBITS_OVER_SEGMENTS * WRITERS as u64;
/// How long a server may take to end after a fault, or to show something.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between looks.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Spare segments that a running log keeps.
const SPARES: u32 = 2;
/// Where a control slot holds the last LSN (docs/WAL_FORMAT.md).
const CONTROL_LSN_AT: usize = 64;
const CONTROL_SLOT_BYTES: usize = 4_096;

/// The scratch directory and the machine.
pub(crate) struct Ground {
    /// The machine.
    pub(crate) env: Env,
    dir: PathBuf,
    base: OnceCell<Base>,
}

/// A directory that a killed server left, and what it had acknowledged.
pub(crate) struct Base {
    /// The data directory; never changed.
    pub(crate) dir: PathBuf,
    /// What stands in it.
    pub(crate) book: Book,
    /// Its files.
    pub(crate) survey: Survey,
}

impl Ground {
    /// A ground in this scratch directory.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { env: start::machine(true), dir: dir.to_owned(), base: OnceCell::new() }
    }

    /// A place for a row's data directory.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// `coffer serve` on a directory, with small segments and without a history: what becomes of the log's own files is looked at.
    pub(crate) fn serve(&self, dir: &Path) -> Result<Command, CliError> {
        let mut command = child::serve_command(dir, KEY)?;
        command.env("COFFER_SEGMENT_BYTES", SEGMENT_BYTES.to_string()).env("COFFER_HISTORY_ENABLED", "false");
        Ok(command)
    }

    /// Starts it.
    pub(crate) async fn start(&self, dir: &Path) -> Result<Server, CliError> {
        self.try_start(dir).await?.serving()
    }

    /// Starts it, where not starting is an outcome too.
    pub(crate) async fn try_start(&self, dir: &Path) -> Result<Started, CliError> {
        Starting::spawn(self.serve(dir)?, &self.env.clock)?.started().await
    }

    /// Waits until a server has ended by itself; `None` when it still runs after a while, and then it is killed.
    pub(crate) async fn ended(&self, server: Server) -> Result<Option<Ended>, CliError> {
        tokio::time::timeout(PATIENCE, server.ended()).await.ok().transpose()
    }

    /// The directory of a killed server: archived segments, two snapshots, hot segments before, between and after them, spares.
    pub(crate) async fn base(&self) -> Result<&Base, CliError> {
        self.base.get_or_try_init(|| self.make_base()).await
    }

    async fn make_base(&self) -> Result<Base, CliError> {
        let dir = self.place("base");
        let server = self.start(&dir).await?;
        let mut book = Book::open(&server.url).await?;
        self.fill(&mut book, &server).await?;
        server.stop().await?;
        let server = self.start(&dir).await?;
        self.fill(&mut book, &server).await?;
        server.stop().await?;
        let server = self.start(&dir).await?;
        self.fill(&mut book, &server).await?;
        self.settled(&server, &dir).await?;
        server.kill().await?;
        let survey = self.survey(&dir)?;
        Ok(Base { dir, book, survey })
    }

    /// Where the directory of another store is.
    pub(crate) fn other_store(&self) -> PathBuf {
        self.place("other-store")
    }

    /// Makes it.
    pub(crate) async fn make_other_store(&self) -> Result<(), CliError> {
        self.start(&self.other_store()).await?.stop().await?;
        Ok(())
    }

    async fn fill(&self, book: &mut Book, server: &Server) -> Result<(), CliError> {
        let load = book.write(&server.url, DEBITS_OVER_SEGMENTS, &self.env.clock).await?;
        if load.failed == 0 {
            return Ok(());
        }
        Err(CliError::new(Code::Failed, format!("a sound server failed: {:?}", load.failures)))
    }

    /// Waits until the witness knows the last record, the spares are there and every older segment is archived: nothing changes
    /// any more until the next write.
    pub(crate) async fn settled(&self, server: &Server, dir: &Path) -> Result<(), CliError> {
        let durable = metric(server, "coffer_log_durable_position").await?;
        self.wait_until("witness, spares and archive are up to date", || {
            let control = self.read(&shard(dir).join("control"))?;
            let witnessed = control
                .chunks_exact(CONTROL_SLOT_BYTES)
                .all(|slot| slot[CONTROL_LSN_AT..][..8] == durable.to_le_bytes());
            Ok(witnessed && self.is_prepared(dir)?)
        })
        .await
    }

    /// Waits for something that comes by itself.
    pub(crate) async fn wait_until(
        &self,
        what: &str,
        mut holds: impl FnMut() -> Result<bool, CliError>,
    ) -> Result<(), CliError> {
        let waited = async {
            while !holds()? {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
            Ok(())
        };
        let late = |_| CliError::new(Code::Failed, format!("not after {} s: {what}", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, waited).await.map_err(late)?
    }

    /// Whether two spares follow the live segment, and everything before it is archived.
    fn is_prepared(&self, dir: &Path) -> Result<bool, CliError> {
        let (mut spares, mut live) = (0, 0);
        for name in self.names(dir, "wal")? {
            let Some(number) = name.strip_suffix(".seg").and_then(|hex| u64::from_str_radix(hex, 16).ok())
            else {
                return Ok(false);
            };
            match self.read_start(&shard(dir).join("wal").join(&name))? {
                [0, 0, 0, 0, 0, 0, 0, 0] => spares += 1,
                _ => live = live.max(number),
            }
        }
        let archived = self.names(dir, "archive")?.iter().filter(|name| name.ends_with(".arc")).count();
        Ok(spares == SPARES && u64::try_from(archived).is_ok_and(|archived| archived + 1 == live))
    }

    /// The files of one of the shard's directories.
    pub(crate) fn names(&self, dir: &Path, part: &str) -> Result<Vec<String>, CliError> {
        let path = shard(dir).join(part);
        if !path.is_dir() {
            return Ok(Vec::new());
        }
        let entries = self.env.storage.list(&path).map_err(io)?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    fn read_start(&self, path: &Path) -> Result<[u8; 8], CliError> {
        let mut start = [0; 8];
        let file = self.env.storage.open(path, Access::Read).map_err(io)?;
        read_up_to(file.as_ref(), &mut start, 0).map_err(io)?;
        Ok(start)
    }

    /// The segments of a stopped server.
    pub(crate) fn survey(&self, dir: &Path) -> Result<Survey, CliError> {
        let found = survey(self.env.storage.as_ref(), &shard(dir), 0)?;
        found.ok_or_else(|| CliError::new(Code::Failed, "there is no log where there should be one"))
    }

    /// A whole file.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, CliError> {
        let file = self.env.storage.open(path, Access::Read).map_err(io)?;
        let bytes = usize::try_from(file.bytes().map_err(io)?).unwrap_or(usize::MAX);
        let mut content = vec![0; bytes];
        read_up_to(file.as_ref(), &mut content, 0).map_err(io)?;
        Ok(content)
    }

    /// Opens a file to be damaged.
    pub(crate) fn open(&self, path: &Path) -> Result<Box<dyn File>, CliError> {
        self.env.storage.open(path, Access::Write).map_err(io)
    }

    /// Copies a stopped server's directory.
    pub(crate) fn copy(&self, from: &Path, name: &str) -> Result<PathBuf, CliError> {
        let to = self.place(name);
        copy_tree(from, &to).map_err(io)?;
        Ok(to)
    }

    /// Every file below a directory with the hash of its content.
    pub(crate) fn tree(&self, dir: &Path) -> Result<BTreeMap<PathBuf, [u8; 32]>, CliError> {
        let mut tree = BTreeMap::new();
        for entry in std::fs::read_dir(dir).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.is_dir() {
                tree.append(&mut self.tree(&path)?);
            } else {
                tree.insert(path.clone(), Sha256::digest(self.read(&path)?).into());
            }
        }
        Ok(tree)
    }

    /// Forgets a row's directory.
    pub(crate) fn clear(&self, dir: &Path) {
        // What stays lies in the scratch directory, which goes at the end.
        let _ = std::fs::remove_dir_all(dir);
    }
}

/// The shard's directory of a data directory.
pub(crate) fn shard(dir: &Path) -> PathBuf {
    dir.join("shard-00")
}

/// A failing call on the drill's own files.
pub(crate) fn io(error: std::io::Error) -> CliError {
    CliError::new(Code::Io, format!("the drill's own files: {error}"))
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A whole number of a server's metrics.
async fn metric(server: &Server, name: &str) -> Result<u64, CliError> {
    let wrong = |what: String| CliError::new(Code::Failed, format!("the metric {name}: {what}"));
    let mut client = Client::new(&server.url, KEY).map_err(|error| wrong(error.to_string()))?;
    let reply =
        client.send(Method::GET, "/metrics", &[], "").await.map_err(|error| wrong(error.to_string()))?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.ok_or_else(|| wrong("is not shown".to_owned()))
}
