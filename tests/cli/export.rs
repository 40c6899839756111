//! `coffer export`: a real process, killed at any moment, gone on with, the same bytes.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::ask;
use crate::program::{Place, Server, program};

/// A stopped server's directory with a purchase and so many debits.
fn used(debits: usize) -> Place {
    let place = Place::new();
    let server = Server::start(&place);
    let (status, wallet) = ask(&server, "POST", "/wallets", r#"{"customer_id":"acme","currency":"usd"}"#);
    assert_eq!(status, 200, "{wallet}");
    more(&server, wallet["id"].as_str().unwrap(), debits);
    assert!(server.stop().success());
    place
}

fn more(server: &Server, wallet: &str, debits: usize) {
    let top_up = json!({"credits_to_add": "100", "transaction_reason": "PURCHASED_CREDIT_DIRECT"});
    assert_eq!(ask(server, "POST", &format!("/wallets/{wallet}/top-up"), &top_up.to_string()).0, 200);
    let debit = json!({"customer_id": "acme", "credits": "0.001", "description": "=a formula, \"quoted\""});
    let body = json!({ "debits": vec![debit; debits] });
    assert_eq!(ask(server, "POST", "/debits/batch", &body.to_string()).0, 200);
}

fn manifest(place: &Place, name: &str) -> Value {
    let text = std::fs::read_to_string(place.dir.path().join(format!("{name}.manifest.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn out(place: &Place, name: &str) -> String {
    place.dir.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn an_export_that_is_killed_at_any_moment_is_gone_on_with_to_the_same_bytes() {
    let place = used(9_000);
    for format in ["csv", "jsonl", "parquet"] {
        let export = |name: &str| {
            let mut command = program();
            command.args(["export", "transactions", "--format", format, "--resume", "--file-rows", "900"]);
            command.args(["--checkpoint-bytes", "20000", "--out", &out(&place, name)]);
            command.arg("--data-dir").arg(place.data()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        assert!(export("whole").status().unwrap().success());
        let expected = manifest(&place, "whole");
        assert_eq!((&expected["rows"], &expected["complete"]), (&json!(9_001), &json!(true)));
        let (mut kills, mut patience_ms) = (0, 20);
        loop {
            let mut running = export("killed").spawn().unwrap();
            std::thread::sleep(Duration::from_millis(patience_ms));
            if let Some(ended) = running.try_wait().unwrap() {
                assert!(ended.success(), "{format}: {ended}");
                break;
            }
            running.kill().unwrap();
            running.wait().unwrap();
            kills += 1;
            patience_ms += 23;
        }
        assert!(kills > 0, "{format}: it was never killed");
        let mut killed = manifest(&place, "killed");
        if format == "parquet" {
            assert!(expected["files"].as_array().unwrap().len() > 4, "{expected}");
        } else {
            killed["files"][0]["name"] = json!("whole");
            assert!(read(&out(&place, "killed")) == read(&out(&place, "whole")), "{format}: other bytes");
        }
        assert_eq!(killed, expected, "{format}, after {kills} kills");
        assert!(!Path::new(&out(&place, "killed.part")).exists(), "{format}");
        for name in ["whole", "killed"] {
            let path = place.dir.path().join(name);
            let gone = if format == "parquet" {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            gone.unwrap();
            std::fs::remove_file(place.dir.path().join(format!("{name}.manifest.json"))).unwrap();
        }
    }
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_series_goes_on_where_the_last_manifest_ends_and_standard_output_takes_it_too() {
    let place = used(200);
    let first = out(&place, "first.jsonl");
    place.run(&["export", "slices", "--out", &first]).ok();
    let server = Server::start(&place);
    let (_, wallets) = ask(&server, "GET", "/wallets", "");
    more(&server, wallets["items"][0]["id"].as_str().unwrap(), 100);
    assert_eq!(place.run(&["export", "slices", "--out", &first]).code, 75, "while the server runs");
    assert!(server.stop().success());
    let second = out(&place, "second.jsonl");
    let after = format!("{first}.manifest.json");
    let made = place.run(&["export", "slices", "--out", &second, "--after", &after, "--json"]).ok().json();
    assert_eq!(made, manifest(&place, "second.jsonl"));
    assert_eq!(made["log_from"], manifest(&place, "first.jsonl")["log_to"].as_u64().unwrap() + 1);
    let whole = place.run(&["export", "slices", "--out", "-"]).ok();
    assert_eq!(whole.out.lines().count(), 300);
    assert!(whole.out.as_bytes() == [read(&first), read(&second)].concat());
    assert!(whole.line().starts_with("300 rows of records 1 to "), "{whole:?}");
    let other = used(1);
    let refused = other.run(&["export", "slices", "--out", &out(&other, "x"), "--after", &after]);
    assert!(refused.code == 1 && refused.line().contains("it is of the store"), "{refused:?}");
}

#[test]
fn what_is_in_the_way_or_not_there_is_said_with_what_to_do() {
    let place = used(10);
    let path = out(&place, "ledger.csv");
    let export = |more: &[&str]| {
        place.run(&[&["export", "transactions", "--format", "csv", "--out", &path][..], more].concat())
    };
    let made = export(&[]).ok();
    assert!(
        made.out.contains("11 rows of records 1 to ") && made.out.contains("ledger.csv.manifest.json"),
        "{made:?}"
    );
    let again = export(&[]);
    assert!(again.code == 1 && again.line().contains("is there already"), "{again:?}");
    export(&["--resume"]).ok();
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(format!("{path}.manifest.json")).unwrap();
    for (more, says) in [
        (&["--to", "9999"][..], "the log ends at record"),
        (&["--tenant", "nobody"], "there are default"),
        (&["--customer", "nobody"], "there is none of this name"),
        (&["--wallet", "nothing"], "not the id of a wallet"),
    ] {
        let refused = export(more);
        assert!(refused.code == 1 && refused.line().contains(says), "{refused:?}");
    }
    assert_eq!(export(&["--from", "yesterday"]).code, 2);
    assert_eq!(place.run(&["export", "books", "--out", &path]).code, 2);
    assert!(!Path::new(&path).exists() && !Path::new(&format!("{path}.part.json")).exists());
}
