//! The past over HTTP: what a balance showed is shown again, by its position and by its time; and what changed between.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

fn balance(server: &Server, query: &str) -> Answer {
    server.ask("GET", &format!("/v1/customers/acme/balance{query}"), "")
}

fn debit(server: &Server, credits: u64) -> Answer {
    let done = server.ask("POST", "/v1/customers/acme/debits", &format!(r#"{{"credits":"{credits}"}}"#));
    assert_eq!(done.status, 200, "{}", done.text);
    done
}

/// What a balance showed, and its position.
fn seen(server: &Server) -> (String, String) {
    let answer = balance(server, "");
    let position = answer.header("x-log-position").unwrap().to_owned();
    (position, answer.text)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn every_balance_that_was_shown_is_shown_again_to_the_byte_also_after_a_restart() {
    let mut server = Server::start();
    server.wallet("acme", "1000");
    let mut shown = vec![seen(&server)];
    for step in 0..12_u64 {
        match step % 4 {
            0 => drop(server.hold("acme", r#"{"credits":"20","expires_in":600}"#)),
            1 => drop(server.wallet("acme", "7")),
            2 => server.wait_for(async { drop(server.engine().take_snapshot().await.unwrap()) }),
            _ => drop(debit(&server, step + 1)),
        }
        shown.push(seen(&server));
        if step % 5 == 4 {
            server.restart();
        }
    }
    for (position, body) in &shown {
        let then = balance(&server, &format!("?as_of={position}"));
        assert_eq!((then.status, &then.text), (200, body), "as of {position}");
        assert_eq!(then.header("x-log-position"), Some(&**position));
    }
}

#[test]
fn open_holds_are_listed_as_they_stood() {
    let server = Server::start();
    server.wallet("acme", "100");
    let (before, _) = seen(&server);
    let hold = server.hold("acme", r#"{"credits":"60","expires_in":600}"#);
    let (placed, _) = seen(&server);
    let live = server.ask("GET", "/v1/customers/acme/holds?status=open", "");
    server.on_hold("acme", &hold, "capture", r#"{"credits":"10"}"#);
    let list = |query: &str| server.ask("GET", &format!("/v1/customers/acme/holds?{query}"), "");
    assert_eq!(list(&format!("status=open&as_of={placed}")).text, live.text);
    assert_eq!(list(&format!("status=open&as_of={before}")).json["items"], json!([]));
    assert_eq!(list("status=open").json["items"], json!([]));
    let refused = list(&format!("as_of={placed}"));
    assert_eq!((refused.status, refused.code()), (400, "validation_error"));
}

#[test]
fn a_time_shows_what_was_recorded_by_then_and_not_what_came_later() {
    let server = Server::start();
    server.wallet("acme", "100");
    let first = debit(&server, 1);
    let at = text(&first.json["recorded_at"]).to_owned();
    debit(&server, 2);
    let then = balance(&server, &format!("?as_of={at}"));
    assert_eq!((then.status, text(&then.json["posted"])), (200, "99"), "{}", then.text);
    let early = balance(&server, "?as_of=2001-01-01T00:00:00Z");
    assert_eq!((early.status, early.code()), (404, "not_found"));
    assert_eq!(text(&early.json["detail"]), "the customer did not exist then");
}

#[test]
fn what_cannot_be_is_refused_with_its_name() {
    let server = Server::start();
    server.wallet("acme", "100");
    for (query, field) in [
        ("?as_of=2200-01-01T00:00:00Z", "as_of"),
        ("?as_of=999999", "as_of"),
        ("?as_of=0", "as_of"),
        ("?as_of=yesterday", "as_of"),
        ("/diff", "from"),
        ("/diff?from=yesterday", "from"),
        ("/diff?from=1&to=999999", "to"),
        ("/diff?from=2200-01-01T00:00:00Z", "from"),
        ("/diff?from=1&till=2", "till"),
    ] {
        let refused = balance(&server, query);
        assert_eq!((refused.status, refused.code()), (400, "validation_error"), "{query}: {}", refused.text);
        assert_eq!(refused.json["details"]["field"], field, "{query}: {}", refused.text);
    }
    let (first, _) = seen(&server);
    debit(&server, 1);
    let (second, _) = seen(&server);
    let backwards = balance(&server, &format!("/diff?from={second}&to={first}"));
    assert_eq!((backwards.status, &backwards.json["details"]["field"]), (400, &json!("from")));
}

#[test]
fn a_key_that_is_bound_to_a_customer_sees_nobody_elses_past() {
    let server = Server::start();
    server.wallet("acme", "100");
    server.wallet("other", "100");
    let key = server.new_key(&["read"], Some("other"));
    for path in [
        "/v1/customers/acme/balance?as_of=1",
        "/v1/customers/acme/balance/diff?from=1",
        "/v1/customers/acme/holds?status=open&as_of=1",
    ] {
        assert_eq!(server.ask_as(&key, "GET", path, "").status, 404, "{path}");
    }
    let tenant = server.ask("POST", "/v1/tenants", r#"{"name":"second"}"#);
    let stranger = text(&tenant.json["key"]["key"]);
    assert_eq!(server.ask_as(stranger, "GET", "/v1/customers/acme/balance?as_of=9", "").status, 404);
}

#[test]
fn a_difference_tells_figures_tranches_holds_and_rows() {
    let server = Server::start();
    let wallet = server.wallet("acme", "100");
    let closing = server.hold("acme", r#"{"credits":"10","expires_in":600}"#);
    let (from, _) = seen(&server);
    debit(&server, 30);
    server.on_hold("acme", &closing, "capture", r#"{"credits":"10"}"#);
    let top_up = r#"{"transaction_reason":"FREE_CREDIT_GRANT","credits_to_add":"5"}"#;
    assert_eq!(server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), top_up).status, 200);
    let opened = server.hold("acme", r#"{"credits":"3","expires_in":600}"#);
    let (to, _) = seen(&server);
    debit(&server, 1);

    let diff = balance(&server, &format!("/diff?from={from}&to={to}"));
    assert_eq!(diff.status, 200, "{}", diff.text);
    let diff = diff.json;
    assert_eq!((&diff["from"]["log_position"], &diff["to"]["log_position"]), (&json!(from), &json!(to)));
    let posted = json!({"before": "100", "after": "65", "change": "-35"});
    assert_eq!((&diff["units"][0]["posted"], &diff["wallets"][0]["posted"]), (&posted, &posted));
    assert_eq!(diff["units"][0]["held"], json!({"before": "10", "after": "3", "change": "-7"}));
    assert_eq!(diff["wallets"][0]["became"], "changed");
    let rows = json!({"count": 3, "first_sequence": 2, "last_sequence": 4});
    assert_eq!(diff["wallets"][0]["rows"], rows, "{diff}");
    let tranches = diff["wallets"][0]["tranches"].as_array().unwrap();
    let mut became: Vec<_> = tranches
        .iter()
        .map(|tranche| (text(&tranche["became"]), text(&tranche["remaining"]["after"])))
        .collect();
    became.sort_unstable();
    assert_eq!(became, [("changed", "60"), ("new", "5")], "{diff}");
    let holds: Vec<_> = diff["holds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hold| (text(&hold["hold_id"]), text(&hold["became"]), hold["ended"].as_str()))
        .collect();
    assert_eq!(holds, [(&*closing, "closed", Some("captured")), (&*opened, "opened", None)]);

    let nothing = balance(&server, &format!("/diff?from={to}&to={to}")).json;
    assert_eq!((&nothing["wallets"][0]["became"], &nothing["holds"]), (&json!("unchanged"), &json!([])));
    let all = balance(&server, "/diff?from=2001-01-01T00:00:00Z").json;
    assert_eq!((&all["wallets"][0]["became"], &all["from"]["log_position"]), (&json!("new"), &Value::Null));
    assert_eq!(all["wallets"][0]["posted"], json!({"before": "0", "after": "64", "change": "64"}));
}
