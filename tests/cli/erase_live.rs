//! Erasing a customer on a real server that is killed in between: the next start goes on, and at the end nothing of it is anywhere.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::audit::ask;
use crate::program::{KEY, Place, Server, program};

/// What must be nowhere at the end.
const PERSONAL: [&str; 5] = ["ada@example.com", "Lovelace", "Ada's", "for Ada", "ada-1"];
const PATIENCE: Duration = Duration::from_secs(60);

fn serve(place: &Place) -> Server {
    Server::spawn(
        program()
            .arg("serve")
            .env("COFFER_BOOTSTRAP_KEY", KEY)
            .env("COFFER_HISTORY_ENABLED", "true")
            .arg("--data-dir")
            .arg(place.data()),
    )
}

/// A stopped server's directory after several runs: archived segments, snapshots, a history; two customers with words, one of which
/// sent the other credit.
fn used(place: &Place) {
    for run in 0..4 {
        let server = serve(place);
        if run == 0 {
            let customer = json!({"external_id": "ada@example.com", "name": "Ada Lovelace"});
            assert_eq!(ask(&server, "POST", "/customers", &customer.to_string()).0, 201);
            for customer in ["ada@example.com", "bob"] {
                let body = json!({"customer_id": customer, "currency": "usd", "name": format!("{customer}'s wallet")});
                let (status, wallet) = ask(&server, "POST", "/wallets", &body.to_string());
                assert_eq!(status, 200, "{wallet}");
                let top_up =
                    json!({"credits_to_add": "1000", "transaction_reason": "PURCHASED_CREDIT_DIRECT"});
                let path = format!("/wallets/{}/top-up", wallet["id"].as_str().unwrap());
                assert_eq!(ask(&server, "POST", &path, &top_up.to_string()).0, 200);
            }
        }
        for number in 0..8 {
            let body = json!({"credits": 1, "description": "for Ada", "idempotency_key": format!("ada-1{run}{number}")});
            assert_eq!(ask(&server, "POST", "/customers/ada@example.com/debits", &body.to_string()).0, 200);
            let body = json!({"credits": 1, "description": "of Bob's"});
            assert_eq!(ask(&server, "POST", "/customers/bob/debits", &body.to_string()).0, 200);
        }
        let body = json!({"from_customer_id": "bob", "to_customer_id": "ada@example.com", "credits": 1, "description": "for Ada"});
        let (status, sent) = ask(&server, "POST", "/transfers", &body.to_string());
        assert_eq!(status, 201, "{sent}");
        assert!(server.stop().success());
    }
}

fn copied(from: &Place) -> Place {
    let to = Place::new();
    for path in from.tree().into_keys() {
        let there = to.dir.path().join(path.strip_prefix(from.dir.path()).unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(there).unwrap();
        } else {
            std::fs::create_dir_all(there.parent().unwrap()).unwrap();
            std::fs::copy(path, there).unwrap();
        }
    }
    to
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Asks for the erasure and kills the server so long after it was begun; whether it was unfinished then.
fn killed(place: &Place, after: Duration) -> bool {
    let server = serve(place);
    let marker = place.shard_file("erasing");
    std::thread::scope(|scope| {
        // It is answered, or its connection breaks.
        scope.spawn(|| {
            std::panic::catch_unwind(|| ask_and_be_left(&server, "/v1/customers/ada@example.com/erase"))
        });
        until("it begins", || marker.exists());
        std::thread::sleep(after);
        server.signal(rustix::process::Signal::KILL);
    });
    server.kill();
    marker.exists()
}

fn ask_and_be_left(server: &Server, path: &str) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
}

fn contains(path: &Path, text: &str) -> bool {
    std::fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn killed_anywhere_in_between_the_next_start_goes_on_and_nothing_is_left() {
    let base = Place::new();
    used(&base);
    let mut unfinished = 0;
    for after_ms in [0, 15, 40, 80, 160, 320] {
        let place = copied(&base);
        let was_unfinished = killed(&place, Duration::from_millis(after_ms));
        unfinished += u32::from(was_unfinished);
        let server = serve(&place);
        let balance = ask(&server, "GET", "/customers/bob/balance", "");
        assert_eq!(balance.0, 200, "others are served meanwhile: {balance:?}");
        until("it is finished", || !place.shard_file("erasing").exists());
        let (status, gone) = ask(&server, "GET", "/customers/ada@example.com", "");
        assert_eq!(status, 404, "killed after {after_ms} ms: {gone}");
        let history = ask(&server, "GET", "/customers/bob/ledger?limit=100", "");
        assert!(history.1.to_string().contains("of Bob's"), "the other's words stay: {history:?}");
        assert!(server.stop().success());
        for path in place.tree().into_keys().filter(|path| path.is_file()) {
            for text in PERSONAL {
                assert!(
                    !contains(&path, text),
                    "killed after {after_ms} ms: {text:?} is in {}",
                    path.display()
                );
            }
        }
        let run = |args: &[&str]| {
            let mut command = program();
            command.env("COFFER_HISTORY_ENABLED", "true").args(args).arg("--data-dir").arg(place.data());
            crate::program::ended(&mut command)
        };
        let verified = run(&["audit", "verify", "--json"]).ok().json();
        assert_eq!((&verified["sound"], &verified["not_checked"]), (&json!(true), &json!([])), "{verified}");
        assert!(verified["state"]["erased_records"].as_u64().unwrap() > 30, "{verified}");
        run(&["replay", "--check"]).ok();
    }
    assert!(unfinished >= 2, "only {unfinished} of the kills came in between");
}
