//! A real server, killed at random moments while debits come in: its history is the ledger again, row for row, with all that they set off.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::kept::Kept;
use crate::program::Random;
use crate::support::{all, close, engine, follow};

const KEY: &str = "an-admin-key-for-a-test";
const ROUNDS: u64 = 12;
/// Debits that are answered before the kill, on the average of the rounds.
const DEBITS_A_ROUND_MIN: u64 = 10;
const ROUNDS_LONG: u64 = 200;

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(dir: &std::path::Path, kept: &Kept) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COFFER_"))
        {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir);
        command.env("COFFER_SEGMENT_BYTES", "2097152").env("COFFER_BOOTSTRAP_KEY", KEY);
        command.env("COFFER_HISTORY_ENABLED", "true").env("COFFER_HISTORY_BATCH_RECORDS", "20");
        command.envs(kept.variables());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .find_map(|line| {
                let line = line.unwrap();
                let (_, rest) = line.split_once("serving http://")?;
                Some(rest.split(',').next().unwrap().to_owned())
            })
            .expect("the server started");
        // Read on, or the server would block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    fn ask(&self, path: &str, body: &str) -> Option<String> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&self.url).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.1\r\nhost: test\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        (!answer.is_empty()).then_some(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_killed_at_random_moments_has_every_row_once_in_its_history() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::alone());
    let seed = 31;
    let rounds = if std::env::var_os("COFFER_TEST_LONG").is_some() { ROUNDS_LONG } else { ROUNDS };
    println!("seed {seed}, {rounds} rounds");
    let mut random = Random::new(seed);
    let answered = AtomicU64::new(0);
    for round in 0..rounds {
        let mut server = Server::start(dir.path(), &kept);
        if round == 0 {
            // Every fiftieth debit recharges it, and changes its alert twice.
            let wallet = r#"{"customer_id":"acme","currency":"usd","initial_credits_to_load":"9",
                "auto_topup":{"enabled":true,"threshold":2,"amount":50,"invoicing":false,"max_count":1000},
                "alert_settings":{"critical":{"threshold":3}}}"#;
            let made = server.ask("/v1/wallets", wallet).unwrap();
            assert!(made.starts_with("HTTP/1.1 200"), "{made}");
        }
        std::thread::scope(|scope| {
            for _ in 0..4 {
                // Until the server is gone.
                scope.spawn(|| {
                    while server.ask("/v1/customers/acme/debits", r#"{"credits":1}"#).is_some() {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(20 + random.below(200)));
            // On a busy machine too some debits are in it.
            while answered.load(Ordering::Relaxed) < (round + 1) * DEBITS_A_ROUND_MIN {
                std::thread::sleep(Duration::from_millis(1));
            }
            kept.disturb(&mut random);
            let pid = rustix::process::Pid::from_raw(i32::try_from(server.child.id()).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        });
        server.child.wait().unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        assert!(kept.position().await > 0, "what was killed had written something");
        let engine = engine(dir.path()).await;
        let feed = follow(&engine, kept.place());
        let rows = all(&engine, &feed.history(), "killed").await;
        assert!(rows.len() > 100, "{}", rows.len());
        assert!(rows.iter().filter(|row| row.reason == "PURCHASED_CREDIT_DIRECT").count() > 1);
        assert_eq!(close(engine, feed).await.rebuilds, 0, "a kill leaves nothing to mend");
    });
}
