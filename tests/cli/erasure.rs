//! `coffer customers erase` and `coffer archive`, with a real server's data directory.

use serde_json::json;

use crate::audit::{ask, id_in};
use crate::program::{Place, Server, program};

/// A stopped server's directory with a history, one customer with personal data, and some transactions of it.
fn used(place: &Place) -> Vec<String> {
    let server = Server::spawn(
        program()
            .arg("serve")
            .env("COFFER_BOOTSTRAP_KEY", crate::program::KEY)
            .env("COFFER_HISTORY_ENABLED", "true")
            .arg("--data-dir")
            .arg(place.data()),
    );
    let customer =
        json!({"external_id": "ada@example.com", "name": "Ada Lovelace", "email": "ada@example.com"});
    let (status, made) = ask(&server, "POST", "/customers", &customer.to_string());
    assert_eq!(status, 201, "{made}");
    let wallet = json!({"customer_id": "ada@example.com", "currency": "usd", "name": "Ada's wallet"});
    let (status, wallet) = ask(&server, "POST", "/wallets", &wallet.to_string());
    assert_eq!(status, 200, "{wallet}");
    let path = format!("/wallets/{}/top-up", wallet["id"].as_str().unwrap());
    let top_up = json!({"credits_to_add": "100", "transaction_reason": "PURCHASED_CREDIT_DIRECT", "description": "for Ada"});
    assert_eq!(ask(&server, "POST", &path, &top_up.to_string()).0, 200);
    let debits = (1..=3).map(|credits| {
        let body = json!({"credits": credits, "description": "Ada asked", "idempotency_key": format!("ada-{credits}")});
        let (status, debit) = ask(&server, "POST", "/customers/ada@example.com/debits", &body.to_string());
        assert_eq!(status, 200, "{debit}");
        id_in(&debit.to_string())
    });
    let debits = debits.collect();
    assert!(server.stop().success());
    debits
}

fn run(place: &Place, args: &[&str]) -> crate::program::Ended {
    let mut command = program();
    command.env("COFFER_HISTORY_ENABLED", "true").args(args).arg("--data-dir").arg(place.data());
    crate::program::ended(&mut command)
}

#[test]
fn a_customer_is_erased_proven_and_verified_and_a_second_time_there_is_nothing_left() {
    let place = Place::new();
    let debits = used(&place);
    let before = place.tree();
    let erase = ["customers", "erase", "ada@example.com", "--json"];
    let dry = run(&place, &[&erase[..], &["--dry-run"]].concat()).ok().json();
    assert_eq!(dry["outcome"], "dry_run", "{dry}");
    assert!(place.tree() == before, "a dry run touched something");
    assert_eq!(dry["state"], json!(["external_id", "name", "email", "wallet names"]), "{dry}");
    let erased = run(&place, &erase).ok().json();
    assert_eq!((&erased["outcome"], &erased["records"]), (&json!("erased"), &dry["records"]), "{erased}");
    assert!(erased["history_rows"].as_u64().unwrap() >= 4, "{erased}");
    for path in place.tree().into_keys().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).unwrap();
        for text in ["ada@example.com", "Lovelace", "Ada's", "for Ada", "Ada asked", "ada-1"] {
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{text:?} stands in {}", path.display());
        }
    }
    let verified = run(&place, &["audit", "verify", "--json"]).ok().json();
    assert_eq!((&verified["sound"], &verified["not_checked"]), (&json!(true), &json!([])), "{verified}");
    assert_eq!(verified["state"]["erased_records"], erased["records"], "{verified}");
    let key = run(&place, &["audit", "key"]).ok().out.trim_end().to_owned();
    let proof = run(&place, &["audit", "prove", &debits[0]]).ok().out;
    assert!(proof.contains("coffer-proof-2") && !proof.contains("416461"), "{proof}");
    let file = place.dir.path().join("proof.json");
    std::fs::write(&file, &proof).unwrap();
    let checked = crate::program::coffer(["audit", "check-proof", file.to_str().unwrap(), "--key", &key]);
    assert!(checked.ok().out.contains("USAGE_DEBIT 1"));
    let id = erased["customer_id"].as_str().unwrap();
    let again = run(&place, &["customers", "erase", id, "--json"]).ok().json();
    assert_eq!(again["outcome"], "nothing_left", "{again}");
    let unknown = run(&place, &erase);
    assert!(unknown.code == 1 && unknown.line().contains("no customer"), "{unknown:?}");
    let dumped = run(&place, &["wal", "dump"]).ok().out;
    assert!(dumped.contains(" erased "), "{dumped}");
}

#[test]
fn the_archive_is_listed_and_a_dry_run_says_what_stays_and_why() {
    let place = Place::new();
    used(&place);
    run(&place, &["audit", "checkpoint"]).ok();
    let before = place.tree();
    let listed = run(&place, &["archive", "list", "--json"]).ok().json();
    assert_eq!(
        (&listed["removed_to"], &listed["segments"][0]["first_record"]),
        (&json!(0), &json!(1)),
        "{listed}"
    );
    let pruned = run(&place, &["archive", "prune", "--keep-bytes", "0", "--dry-run", "--json"]).ok().json();
    assert_eq!(pruned["removed_segments"], 0, "{pruned}");
    let fate = pruned["segments"][0]["fate"].as_str().unwrap();
    assert!(fate == "newest" || fate.contains("hot log"), "{pruned}");
    assert_eq!(run(&place, &["archive", "prune"]).code, 2, "it must be said what is to be kept");
    assert!(place.tree() == before, "something was touched");
}
