//! Runs the program, without the settings of whoever runs the tests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};

/// An admin key for servers of tests.
pub(crate) const KEY: &str = "an-admin-key-for-a-test";

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// The one line on standard error that a failed command ends with.
    pub(crate) fn line(&self) -> &str {
        self.err.lines().last().unwrap_or_default()
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it went well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// The program, on small segments so that a test's directory is small.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COFFER_")) {
        command.env_remove(name);
    }
    command.env("COFFER_SEGMENT_BYTES", "2097152").stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn coffer<'a>(args: impl IntoIterator<Item = &'a str>) -> Ended {
    ended(program().args(args))
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A directory with a data directory's place in it.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The data directory as an argument.
    pub(crate) fn arg(&self) -> String {
        self.data().to_str().unwrap().to_owned()
    }

    /// A data directory that a server has made, with its first key and one more.
    pub(crate) fn with_two_keys() -> Self {
        let place = Self::new();
        assert!(Server::start(&place).stop().success());
        place.run(&["keys", "create", "--name", "second", "--scopes", "debit,read"]).ok();
        place
    }

    /// Runs a command on the data directory.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(program().args(args).arg("--data-dir").arg(self.data()))
    }

    /// The path of a file of the log.
    pub(crate) fn shard_file(&self, name: &str) -> PathBuf {
        self.data().join("shard-00").join(name)
    }

    /// Changes one byte.
    pub(crate) fn flip(&self, name: &str, at: usize) {
        let path = self.shard_file(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[at] ^= 0x01;
        std::fs::write(&path, bytes).unwrap();
    }

    /// Every file below the directory with the hash of its content.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, [u8; 32]> {
        let mut tree = BTreeMap::new();
        collect(self.dir.path(), &mut tree);
        tree
    }
}

fn collect(dir: &Path, tree: &mut BTreeMap<PathBuf, [u8; 32]>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tree.insert(path.clone(), [0; 32]);
            collect(&path, tree);
        } else {
            let content = std::fs::read(&path).unwrap();
            tree.insert(path, Sha256::digest(content).into());
        }
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    /// What it has written to standard error since it serves.
    pub(crate) said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one on any free port, with [`KEY`] as its first admin key.
    pub(crate) fn start(place: &Place) -> Self {
        Self::spawn(
            program().arg("serve").env("COFFER_BOOTSTRAP_KEY", KEY).arg("--data-dir").arg(place.data()),
        )
    }

    /// The same without a history.
    pub(crate) fn start_without_history(place: &Place) -> Self {
        let mut command = program();
        command.arg("serve").env("COFFER_BOOTSTRAP_KEY", KEY).env("COFFER_HISTORY_ENABLED", "false");
        Self::spawn(command.arg("--data-dir").arg(place.data()))
    }

    /// Waits until the command serves.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let command = command.args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Self { child: command.spawn().unwrap(), url: String::new(), said: Arc::default() };
        let mut lines = BufReader::new(server.child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once("serving http://") {
                server.url = format!("http://{}", rest.split(',').next().unwrap());
                // Read on, or the server would block on a full pipe.
                let said = Arc::clone(&server.said);
                std::thread::spawn(move || {
                    lines.map_while(Result::ok).for_each(|line| said.lock().unwrap().push(line))
                });
                return server;
            }
            said.push(line);
        }
        panic!("the server did not start: {said:?}");
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.wait().unwrap()
    }

    /// As [`Server::stop`], with what it printed.
    pub(crate) fn stop_and_read(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap(), out)
    }

    /// Waits until it ends by itself, or by a signal that it was sent.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Any signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed half way leaves no server behind; one that has ended already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
