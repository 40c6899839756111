//! `coffer as-of` on a stopped server's directory says what the server said, and changes nothing.

use serde_json::{Value, json};

use crate::audit::ask;
use crate::program::{Place, Server};

/// A stopped server's directory; its balance after a purchase of 100 and a hold of 20, and after a debit of 30 more.
fn used(place: &Place) -> [(Value, String); 2] {
    let server = Server::start(place);
    let get = |path: &str| ask(&server, "GET", path, "");
    let post = |path: &str, body: &Value| {
        let (status, reply) = ask(&server, "POST", path, &body.to_string());
        assert!(status < 300, "{status} {reply}");
        reply
    };
    let wallet = post("/wallets", &json!({"customer_id": "acme", "currency": "usd"}));
    let top_up = json!({"credits_to_add": "100", "transaction_reason": "PURCHASED_CREDIT_DIRECT"});
    post(&format!("/wallets/{}/top-up", wallet["id"].as_str().unwrap()), &top_up);
    let held = post("/customers/acme/holds", &json!({"credits": "20", "expires_in": 86_400}));
    let first = (get("/customers/acme/balance").1, held["recorded_at"].as_str().unwrap().to_owned());
    let debit = post("/customers/acme/debits", &json!({"credits": "30"}));
    let second = (get("/customers/acme/balance").1, debit["recorded_at"].as_str().unwrap().to_owned());
    assert!(server.stop().success());
    [first, second]
}

#[test]
fn a_stopped_servers_directory_tells_what_the_server_told_and_is_left_as_it_is() {
    let place = Place::new();
    let [(first, first_at), (second, second_at)] = used(&place);
    let tree = place.tree();
    let told = place.run(&["as-of", "acme", "--at", &first_at, "--json"]).ok().json();
    assert_eq!(told["balance"], first);
    assert_eq!((&told["holds"][0]["held"], told["holds"].as_array().unwrap().len()), (&json!("20"), 1));
    let position = told["log_position"].as_str().unwrap();
    let by_position = place.run(&["as-of", "acme", "--at", position, "--json"]).ok().json();
    assert_eq!(by_position["balance"], first);
    assert_eq!(place.run(&["as-of", "acme", "--at", &second_at, "--json"]).ok().json()["balance"], second);
    let diff =
        place.run(&["as-of", "acme", "--at", &second_at, "--diff-from", &first_at, "--json"]).ok().json();
    assert_eq!(diff["wallets"][0]["posted"], json!({"before": "100", "after": "70", "change": "-30"}));
    let lines = place.run(&["as-of", "acme", "--at", &first_at]).ok().out;
    for line in ["posted 100, held 20, own 80", "100 of 100 left, 20 pinned", "20 held of 20"] {
        assert!(lines.contains(line), "{line}: {lines}");
    }
    let lines = place.run(&["as-of", "acme", "--at", &second_at, "--diff-from", &first_at]).ok().out;
    assert!(lines.contains("posted 100 -> 70 (-30)") && lines.contains("1 rows"), "{lines}");
    assert_eq!(place.tree(), tree, "looking changed a file");
}

#[test]
fn what_cannot_be_told_ends_with_its_code_and_says_why() {
    let place = Place::new();
    let [(_, first_at), (_, second_at)] = used(&place);
    for (args, code, why) in [
        (vec!["as-of", "nobody", "--at", &first_at], 1, "customer not found"),
        (vec!["as-of", "acme", "--at", "2001-01-01T00:00:00Z"], 1, "did not exist then"),
        (vec!["as-of", "acme", "--at", "999999"], 1, "the log ends at position"),
        (vec!["as-of", "acme", "--at", "2200-01-01T00:00:00Z"], 1, "has not come yet"),
        (vec!["as-of", "acme", "--at", &first_at, "--tenant", "other"], 1, "there are: default"),
        (vec!["as-of", "acme", "--at", &first_at, "--diff-from", &second_at], 2, "later than --at"),
        (vec!["as-of", "acme", "--at", "yesterday"], 2, "an RFC 3339 time"),
    ] {
        let ended = place.run(&args);
        assert_eq!(ended.code, code, "{args:?}: {ended:?}");
        assert!(ended.err.contains(why), "{args:?}: {ended:?}");
    }
    let nowhere = Place::new();
    let ended = nowhere.run(&["as-of", "acme", "--at", &first_at]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(!nowhere.data().exists(), "looking made a directory");
}
