//! Proof of integrity, with a real server's data directory: what is whole is proven, what is touched is found and said where.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use coffer::audit::{Proof, PublicKey};
use serde_json::{Value, json};

use crate::program::{KEY, Place, Server, coffer};

/// One request with the admin key; its status and body.
pub(crate) fn ask(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (status, body) = send(server, method, &format!("/v1{path}"), body);
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// What a path shows.
pub(crate) fn text(server: &Server, path: &str) -> String {
    send(server, "GET", path, "").1
}

fn send(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// A stopped server's directory with a wallet and some debits; the debits' transactions.
fn used(place: &Place) -> Vec<String> {
    let server = Server::start(place);
    let (status, wallet) = ask(&server, "POST", "/wallets", r#"{"customer_id":"acme","currency":"usd"}"#);
    assert_eq!(status, 200, "{wallet}");
    let top_up = json!({"credits_to_add": "100", "transaction_reason": "PURCHASED_CREDIT_DIRECT"});
    let path = format!("/wallets/{}/top-up", wallet["id"].as_str().unwrap());
    assert_eq!(ask(&server, "POST", &path, &top_up.to_string()).0, 200);
    let debits = (1..=5).map(|credits| {
        let body = json!({"credits": credits, "description": format!("call {credits}")});
        let (status, debit) = ask(&server, "POST", "/customers/acme/debits", &body.to_string());
        assert_eq!(status, 200, "{debit}");
        debit.to_string()
    });
    let debits: Vec<String> = debits.map(|debit| id_in(&debit)).collect();
    let (status, unsealed) = ask(&server, "GET", &format!("/transactions/{}/proof", debits[0]), "");
    assert_eq!((status, &unsealed["code"]), (409, &json!("proof_not_ready")), "{unsealed}");
    assert!(server.stop().success());
    debits
}

/// The first transaction that a reply names.
pub(crate) fn id_in(reply: &str) -> String {
    let at = reply.find("wtxn_").unwrap();
    reply[at..at + "wtxn_".len() + 26].to_owned()
}

fn verify(place: &Place) -> (i32, Value) {
    let ended = place.run(&["audit", "verify", "--json"]);
    assert!(!ended.out.is_empty(), "{ended:?}");
    (ended.code, ended.json())
}

/// As [`used`], sealed and signed.
fn signed() -> (Place, Vec<String>) {
    let place = Place::new();
    let debits = used(&place);
    place.run(&["snapshot", "take"]).ok();
    place.run(&["audit", "checkpoint"]).ok();
    (place, debits)
}

fn file_of(place: &Place, dir: &str, ending: &str) -> PathBuf {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(place.shard_file(dir)).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|found| found == ending));
    found.sort();
    found.remove(0)
}

#[test]
fn a_sound_directory_is_verified_on_one_page_and_nothing_is_touched() {
    let (place, _) = signed();
    let before = place.tree();
    let (code, found) = verify(&place);
    assert_eq!((code, &found["sound"]), (0, &json!(true)), "{found}");
    assert_eq!(
        (&found["damaged"], &found["differs"], &found["not_checked"]),
        (&json!([]), &json!([]), &json!([]))
    );
    assert!(found["trees"].as_u64().unwrap() > 0 && found["checkpoints"] == found["trees"], "{found}");
    assert!(found["records_in_trees"].as_u64().unwrap() >= 8, "{found}");
    assert_eq!(found["state"]["customers"], 1, "{found}");
    let page = place.run(&["audit", "verify"]).ok().out;
    assert!(page.lines().count() < 20 && page.ends_with("everything is sound\n"), "{page}");
    assert!(place.tree() == before, "verify touched something");
}

#[test]
fn a_proof_is_checked_without_the_directory_and_any_changed_byte_is_refused() {
    let (place, debits) = signed();
    let key = place.run(&["audit", "key"]).ok().out.trim_end().to_owned();
    let text = place.run(&["audit", "prove", &debits[2]]).ok().out;
    let file = place.dir.path().join("proof.json");
    std::fs::write(&file, &text).unwrap();
    let check = |key: &str| coffer(["audit", "check-proof", file.to_str().unwrap(), "--key", key]);
    let other = Place::with_two_keys();
    let other_key = other.run(&["audit", "key"]).ok().out.trim_end().to_owned();
    drop((other, std::fs::rename(place.data(), place.dir.path().join("elsewhere")).unwrap()));
    let said = check(&key).ok().out;
    assert!(said.starts_with(&format!("proven: {}", debits[2])) && said.contains("USAGE_DEBIT 3"), "{said}");
    let refused = check(&other_key);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.line().contains("is not the one to be trusted"), "{refused:?}");
    assert_eq!(check("00").code, 2);
    every_change_is_refused(&text, &PublicKey::parse(&key).unwrap());
    std::fs::write(&file, text.replace("\"version\":1", "\"version\":2")).unwrap();
    assert_eq!(check(&key).code, 1);
}

fn every_change_is_refused(text: &str, key: &PublicKey) {
    let holds = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .is_ok_and(|text| Proof::from_json(&text).is_ok_and(|proof| proof.check(key).is_ok()))
    };
    let bytes = text.as_bytes();
    assert!(
        holds(bytes.to_vec()) && holds(bytes[..bytes.len() - 1].to_vec()),
        "with and without the line's end"
    );
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << bit;
            assert!(!holds(changed), "bit {bit} of byte {at}");
        }
        // Another digit of the same kind, which stays in form.
        let mut changed = bytes.to_vec();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        assert!(changed == bytes || !holds(changed), "another digit at byte {at}");
        let mut longer = bytes.to_vec();
        longer.insert(at, b' ');
        assert!(!holds(longer), "a blank before byte {at}");
    }
}

#[test]
fn a_running_server_signs_by_itself_and_gives_the_same_proof() {
    let (place, debits) = signed();
    let offline = place.run(&["audit", "prove", &debits[0]]).ok().out;
    let server = Server::start(&place);
    let (status, proof) = ask(&server, "GET", &format!("/transactions/{}/proof", debits[0]), "");
    assert_eq!(status, 200, "{proof}");
    let offline: Value = serde_json::from_str(&offline).unwrap();
    assert_eq!(proof, offline);
    let nobody = "/transactions/wtxn_00000000000000000000000000/proof";
    assert_eq!(ask(&server, "GET", nobody, "").0, 404);
    assert!(server.stop().success());
    let unknown = place.run(&["audit", "prove", "wtxn_00000000000000000000000000"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
}

#[test]
fn what_was_touched_is_found_and_said_where() {
    let (place, _) = signed();
    let files = [
        (file_of(&place, "archive", "arc"), 4_096 + 40),
        (file_of(&place, "checkpoints", "chk"), 60),
        (file_of(&place, "snapshots", "snap"), 4_000),
        (place.shard_file("control"), 20),
    ];
    for (path, at) in files {
        let sound = std::fs::read(&path).unwrap();
        let mut damaged = sound.clone();
        damaged[at] ^= 4;
        std::fs::write(&path, damaged).unwrap();
        let (code, found) = verify(&place);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(code, 65, "{name}: {found}");
        assert!(found["damaged"].to_string().contains(name), "{name}: {found}");
        std::fs::write(&path, sound).unwrap();
    }
    assert_eq!(verify(&place).0, 0);
}

/// Every checksum of it is right, as of a store in which somebody changed the past and started the log anew.
#[test]
fn an_archive_that_is_whole_but_not_the_signed_one_is_found() {
    let (place, _) = signed();
    let other = Place::new();
    used(&other);
    other.run(&["audit", "checkpoint"]).ok();
    let checkpoint = file_of(&place, "checkpoints", "chk");
    let own = std::fs::read(&checkpoint).unwrap();
    std::fs::copy(file_of(&other, "checkpoints", "chk"), &checkpoint).unwrap();
    let (code, found) = verify(&place);
    assert_eq!(code, 65, "{found}");
    assert!(found["damaged"].to_string().contains("of another store"), "{found}");
    std::fs::write(&checkpoint, own).unwrap();
    let key = other.run(&["audit", "key"]).ok().out.trim_end().to_owned();
    let strange = place.run(&["audit", "verify", "--json", "--key", &key]);
    assert_eq!(strange.code, 65, "signed by another key: {strange:?}");
    assert!(strange.out.contains("none of the keys to be trusted"), "{strange:?}");
    std::fs::remove_file(place.data().join("audit.key")).unwrap();
    let (code, found) = verify(&place);
    assert_eq!((code, &found["sound"]), (3, &json!(true)), "without a key nothing says who signed: {found}");
}

#[test]
fn the_key_is_its_owners_only_and_may_be_given_from_elsewhere() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_two_keys();
    let file = place.data().join("audit.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let own = place.run(&["audit", "key"]).ok().out;
    let elsewhere = place.dir.path().join("given.key");
    let given = |args: &[&str]| {
        let mut command = crate::program::program();
        crate::program::ended(
            command.args(args).env("COFFER_AUDIT_KEY", &elsewhere).arg("--data-dir").arg(place.data()),
        )
    };
    assert_eq!(given(&["audit", "key"]).code, 1);
    let missing = given(&["audit", "checkpoint"]);
    assert_eq!(missing.code, 74, "a key that was named is never made: {missing:?}");
    std::fs::write(&elsewhere, "not a key\n").unwrap();
    assert_eq!(given(&["audit", "checkpoint"]).code, 78);
    std::fs::write(&elsewhere, format!("{}\n", "5a".repeat(32))).unwrap();
    let other = given(&["audit", "key"]).ok().out;
    assert!(other != own && PublicKey::parse(other.trim_end()).is_some());
    given(&["audit", "checkpoint"]).ok();
}

#[test]
fn the_history_is_verified_with_the_rest_and_an_amount_edited_by_hand_is_found() {
    let place = Place::new();
    used(&place);
    let file = place.data().join("history.db");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(place.run(&["history", "verify"]).code, 3, "there is none");
    place.run(&["history", "rebuild"]).ok();
    place.run(&["snapshot", "take"]).ok();
    place.run(&["audit", "checkpoint"]).ok();
    let sound = place.run(&["audit", "verify", "--json"]);
    assert_eq!((sound.code, &sound.json()["history"]["bytes"]), (0, &json!("whole")), "{sound:?}");
    let page = place.run(&["audit", "verify"]).ok().out;
    assert!(
        page.contains(": 6 rows, and all that stands beside them, compared with the log")
            && page.ends_with("everything is sound\n"),
        "{page}"
    );
    let whole = std::fs::read(&file).unwrap();
    // Where nothing stands that SQLite reads; where a page's own head is; anywhere.
    let page = whole.len() / 4_096 / 2 * 4_096;
    for (at, says) in [(page + 2_000, "history: bytes "), (page, "history: "), (whole.len() / 3, "history: ")]
    {
        let mut flipped = whole.clone();
        flipped[at] ^= 16;
        std::fs::write(&file, flipped).unwrap();
        let found = place.run(&["audit", "verify", "--json"]);
        assert_eq!(found.code, 65, "byte {at}: {found:?}");
        assert!(found.json()["damaged"][0].as_str().unwrap().starts_with(says), "byte {at}: {found:?}");
    }
    std::fs::write(&file, whole).unwrap();
    let connection = rusqlite::Connection::open(&file).unwrap();
    let edit = "UPDATE transactions SET credits = x'8101' WHERE type = 'debit'";
    assert_eq!(connection.execute(edit, []).unwrap(), 5);
    drop(connection);
    let found = place.run(&["history", "verify", "--json"]);
    assert_eq!(found.json()["differences"], 5, "{found:?}");
    let found = place.run(&["audit", "verify"]);
    assert!(found.out.contains("credits is 0.000000000000001 and must be 1"), "{found:?}");
}

#[test]
fn what_customers_remember_of_alerts_and_recharges_is_compared_with_the_history() {
    let place = Place::new();
    let server = Server::start(&place);
    let wallet = r#"{"customer_id":"acme","currency":"usd","initial_credits_to_load":"100","alert_settings":{"critical":{"threshold":50}}}"#;
    let (status, wallet) = ask(&server, "POST", "/wallets", wallet);
    assert_eq!(status, 200, "{wallet}");
    let top_up = format!("/wallets/{}/top-up", wallet["id"].as_str().unwrap());
    let post = |path: &str, body: Value| {
        let (status, answer) = ask(&server, "POST", path, &body.to_string());
        assert_eq!(status, 200, "{answer}");
        answer
    };
    // More changes and purchases than a customer remembers; the first one stays pending.
    let bought = |credits: u32| {
        let body = json!({"credits_to_add": credits, "transaction_reason": "PURCHASED_CREDIT_INVOICED"});
        post(&top_up, body)["recharge_id"].as_str().unwrap().to_owned()
    };
    bought(7);
    let failed = bought(8);
    post(&format!("/recharges/{failed}/fail"), json!({"reason": "card_declined"}));
    for _ in 0..20 {
        post("/customers/acme/debits", json!({"credits": 60}));
        post(&top_up, json!({"credits_to_add": 60, "transaction_reason": "FREE_CREDIT_GRANT"}));
    }
    for _ in 0..coffer_ledger::recharge::ENDED_KEPT_MAX {
        let id = bought(9);
        post(&format!("/recharges/{id}/cancel"), json!({}));
    }
    assert!(server.stop().success());
    place.run(&["history", "rebuild"]).ok();
    place.run(&["snapshot", "take"]).ok();
    place.run(&["audit", "checkpoint"]).ok();
    let page = place.run(&["audit", "verify"]).ok().out;
    assert!(page.ends_with("everything is sound\n"), "{page}");
    let connection = rusqlite::Connection::open(place.data().join("history.db")).unwrap();
    let count = |table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |line| line.get(0)).unwrap()
    };
    assert_eq!((count("alert_changes"), count("recharges")), (40, 130));
}
