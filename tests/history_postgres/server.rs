//! A PostgreSQL server of the test's own: in a directory that goes with it, reached by a socket in there, never by the network.
//!
//! PostgreSQL refuses to run as root: then it runs as `postgres`, or else as `nobody`. A shell that waits for the test to end stops it,
//! whatever ends the test.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;

use tokio_postgres::{Client, NoTls};

/// Where distributions put the server's programs.
const PLACES: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"];
const VERSIONED: [&str; 2] = ["/usr/lib/postgresql", "/usr/local/lib/postgresql"];

/// A server. It lives as long as the test's process.
pub(crate) struct Server {
    dir: PathBuf,
    /// Stops the server and removes its directory when the process ends, and with it this pipe.
    _guard: ChildStdin,
}

impl Server {
    /// Makes a new database and starts its server.
    #[expect(clippy::zombie_processes, reason = "the guard ends after the process that would wait for it")]
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("coffer-pg-").tempdir().unwrap().keep();
        if let Some((user, group)) = other_user() {
            std::os::unix::fs::chown(&dir, Some(user), Some(group)).unwrap();
        }
        let script = format!(
            "cat >/dev/null; '{}' -D '{dir}/data' -m immediate -s stop >/dev/null 2>&1; cd / && rm -rf '{dir}'",
            path("pg_ctl").display(),
            dir = dir.display()
        );
        let mut guard = Command::new("sh");
        guard.arg("-c").arg(script).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: a key that ends the tests does not end it.
        let mut guard = as_other(&mut guard).process_group(0).stdin(Stdio::piped()).spawn().unwrap();
        let server = Self { dir, _guard: guard.stdin.take().unwrap() };
        let arguments = ["--auth=trust", "--username=coffer", "--encoding=UTF8", "--locale=C", "--no-sync"];
        ran(program("initdb").args(arguments).arg("--pgdata").arg(server.dir.join("data")));
        server.control(&["start"]);
        server
    }

    /// A server for one test.
    pub(crate) fn of_its_own() -> &'static Self {
        Box::leak(Box::new(Self::start()))
    }

    /// The server that the tests of this process share, each in a schema of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// What connects to it.
    pub(crate) fn text(&self) -> String {
        format!("host={} user=coffer dbname=postgres", self.dir.display())
    }

    /// Ends it as a crash does, and starts it again.
    pub(crate) fn crash(&self) {
        self.control(&["restart", "-m", "immediate"]);
    }

    /// Ends it as a crash does.
    pub(crate) fn stop(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Starts it again.
    pub(crate) fn again(&self) {
        self.control(&["start"]);
    }

    fn control(&self, arguments: &[&str]) {
        // No sync: what a crash of the server takes away is in its own memory, and that goes in any case.
        let options = format!(
            "-k '{}' -c listen_addresses= -c fsync=off -c max_connections=200 -c max_wal_size=4GB",
            self.dir.display()
        );
        let mut command = program("pg_ctl");
        command.arg("-D").arg(self.dir.join("data")).args(["-w", "-s", "-t", "60", "-o"]).arg(options);
        command.arg("-l").arg(self.dir.join("log")).args(arguments);
        ran(&mut command);
    }

    /// A session, for as long as the test likes. Use it inside of the runtime.
    pub(crate) async fn connect(&self) -> Client {
        let (client, driver) = tokio_postgres::connect(&self.text(), NoTls).await.unwrap();
        tokio::spawn(driver);
        client
    }
}

fn ran(command: &mut Command) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let told = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(status.success(), "{command:?}: {told}");
}

/// A program of the server's.
fn program(name: &str) -> Command {
    let mut command = Command::new(path(name));
    // A directory that the other user may enter.
    command.current_dir("/").stdin(Stdio::null());
    as_other(&mut command);
    command
}

fn path(name: &str) -> PathBuf {
    let versions = VERSIONED.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten();
    let mut versions: Vec<_> = versions.map(|entry| entry.unwrap().path().join("bin")).collect();
    versions.sort();
    let searched = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&searched).chain(PLACES.map(PathBuf::from));
    let mut found = places.chain(versions.into_iter().rev()).map(|place| place.join(name));
    found.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("no {name} on this machine: install PostgreSQL's server (apt-get install postgresql)")
    })
}

fn as_other(command: &mut Command) -> &mut Command {
    match other_user() {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

/// Whom the server runs as where the test is root: the numbers of user and group.
fn other_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap();
    let of = |name: &str| {
        let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let found = fields.into_iter().find(|fields| fields[0] == name)?;
        Some((found[2].parse().unwrap(), found[3].parse().unwrap()))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("a machine has the user nobody"))
}
