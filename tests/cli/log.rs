//! The tools for the log of a stopped server.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::audit::ask;
use crate::program::{Place, Server, ended, program};

fn records(place: &Place, more: &[&str]) -> Vec<Value> {
    let args = [&["wal", "dump", "--json"], more].concat();
    place.run(&args).ok().out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_sound_log_is_verified_and_nothing_is_touched() {
    let place = Place::with_two_keys();
    let before = place.tree();
    let verified = place.run(&["wal", "verify", "--json"]).ok().json();
    assert_eq!((verified["sound"].clone(), verified["records"].clone()), (true.into(), 3.into()));
    place.run(&["wal", "verify"]).ok();
    place.run(&["wal", "stat"]).ok();
    let stat = place.run(&["wal", "stat", "--json"]).ok().json();
    assert_eq!(stat["last_record"], 3);
    assert_eq!(stat["closed_cleanly"], true);
    assert!(place.tree() == before);
}

#[test]
fn a_dump_says_what_every_record_did_without_any_secret() {
    let place = Place::with_two_keys();
    let all = records(&place, &[]);
    let commands: Vec<_> = all.iter().map(|record| record["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["create_tenant", "create_key", "create_key"]);
    assert_eq!(all[2]["effect"]["name"], "second");
    let positions: Vec<_> = all.iter().map(|record| record["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, [1, 2, 3]);
    let some = records(&place, &["--from", "2", "--to", "2"]);
    assert_eq!(some, all[1..2]);
    assert_eq!(place.run(&["wal", "dump"]).ok().out.lines().count(), 3);
}

#[test]
fn a_sound_log_is_not_recovered_and_nothing_happens_without_yes() {
    let place = Place::with_two_keys();
    let before = place.tree();
    assert_eq!(place.run(&["wal", "recover", "--drop-last-batch"]).code, 2);
    let sound = place.run(&["wal", "recover", "--drop-last-batch", "--yes"]);
    assert_eq!(sound.code, 1);
    assert!(sound.line().contains("nothing is to be dropped"), "{sound:?}");
    assert!(place.tree() == before);
}

#[test]
fn a_damaged_last_batch_stops_the_start_until_it_is_dropped_on_an_operators_word() {
    let place = Place::new();
    Server::start(&place).kill();
    let last = records(&place, &[]).pop().unwrap();
    let offset = usize::try_from(last["offset"].as_u64().unwrap()).unwrap();
    let segment = format!("wal/{:016x}.seg", last["segment"].as_u64().unwrap());
    place.flip(&segment, offset + 200);
    let refused = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code, 65, "{refused:?}");
    let dropped = place.run(&["wal", "recover", "--drop-last-batch", "--yes", "--json"]).ok().json();
    assert_eq!(dropped["first_lost_record"], last["position"]);
    assert_eq!(records(&place, &[]).len() + 1, usize::try_from(last["position"].as_u64().unwrap()).unwrap());
    assert!(Server::start(&place).stop().success());
}

/// The number of the record that a dropped batch held is given again; the snapshot of before knew the dropped one.
#[test]
fn what_was_acknowledged_after_a_drop_stays_and_what_was_dropped_does_not_come_back() {
    let place = Place::new();
    let server = Server::start(&place);
    let post = |server: &Server, path: &str, body: &str| {
        let (status, reply) = ask(server, "POST", path, body);
        assert!(status < 300, "{path}: {status} {reply}");
    };
    for customer in ["a", "b"] {
        let wallet = json!({"customer_id": customer, "currency": "usd", "initial_credits_to_load": 100});
        post(&server, "/wallets", &wallet.to_string());
    }
    post(&server, "/customers/a/debits", r#"{"credits":"10"}"#);
    assert!(server.stop().success());
    let last = records(&place, &[]).pop().unwrap();
    let offset = usize::try_from(last["offset"].as_u64().unwrap()).unwrap();
    place.flip(&format!("wal/{:016x}.seg", last["segment"].as_u64().unwrap()), offset + 200);
    let dropped = place.run(&["wal", "recover", "--drop-last-batch", "--yes", "--json"]).ok().json();
    assert_eq!(dropped["first_lost_record"], last["position"]);
    let aside = dropped["snapshots_set_aside"].as_array().unwrap();
    assert!(aside.len() == 1 && aside[0].as_str().unwrap().ends_with("0001.snap.aside"), "{dropped}");
    let balances = |server: &Server| {
        ["a", "b"].map(|customer| {
            let (status, reply) = ask(server, "GET", &format!("/customers/{customer}/balance"), "");
            assert_eq!(status, 200, "{reply}");
            reply["wallets"][0]["posted"].clone()
        })
    };
    let server = Server::start(&place);
    assert_eq!(balances(&server), ["100", "100"]);
    post(&server, "/customers/b/debits", r#"{"credits":"30"}"#);
    server.kill();
    assert_eq!(
        records(&place, &[]).pop().unwrap()["position"],
        last["position"],
        "the number was given again"
    );
    let server = Server::start(&place);
    assert_eq!(balances(&server), ["100", "70"]);
    assert!(server.stop().success());
    place.run(&["wal", "verify"]).ok();
    assert_eq!(balances(&Server::start(&place)), ["100", "70"]);
}

#[test]
fn a_log_that_is_not_there_is_said_so() {
    let place = Place::new();
    for args in [&["wal", "verify"][..], &["wal", "dump"], &["wal", "stat"], &["snapshot", "verify"]] {
        let ended = place.run(args);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.line().contains("there is no log in"), "{ended:?}");
    }
    assert!(!place.data().exists());
}

/// `/dev/full` takes nothing, as a full disk.
#[test]
fn what_cannot_be_printed_is_no_success() {
    let place = Place::with_two_keys();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    for command in
        [&["wal", "dump"][..], &["wal", "verify", "--json"], &["keys", "list"], &["config", "show"]]
    {
        let mut asked = program();
        asked.args(command).arg("--data-dir").arg(place.data()).stdout(full());
        let ended = ended(&mut asked);
        assert_eq!(ended.code, 74, "{command:?}: {ended:?}");
        assert!(ended.line().starts_with("coffer: standard output cannot be written: "), "{ended:?}");
    }
}

#[test]
fn a_dump_ends_when_nobody_reads_it_and_that_is_no_error() {
    let place = Place::with_two_keys();
    let mut dump = program();
    dump.args(["wal", "dump"])
        .arg("--data-dir")
        .arg(place.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let dumped = dump.stdout(writer.try_clone().unwrap()).output().unwrap();
    assert!(dumped.status.success() && dumped.stderr.is_empty(), "{dumped:?}");
    // A secret that nobody saw is another thing.
    let mut create = program();
    create.args(["keys", "create", "--name", "third", "--scopes", "read", "--data-dir", &place.arg()]);
    let unseen = ended(create.stdout(writer));
    assert_eq!(unseen.code, 74, "{unseen:?}");
    assert!(unseen.line().contains("was made and shown to nobody"), "{unseen:?}");
}
