//! Lists of alerts and recharges: with a history all that there ever were, without one what customers remember.

use coffer_ledger::alert::ALERT_CHANGES_KEPT_MAX;
use coffer_ledger::recharge::ENDED_KEPT_MAX;
use serde_json::{Value, json};

use crate::support::Server;

/// A server whose key is that of a tenant in test mode.
fn in_test_mode() -> Server {
    let mut server = Server::start();
    let made = server.ask("POST", "/v1/tenants", r#"{"name":"tests","test_mode":true}"#);
    server.key = made.json["key"]["key"].as_str().unwrap().to_owned();
    to(&server, 0);
    server
}

fn instant(minute: u64) -> String {
    format!("2040-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60)
}

fn to(server: &Server, minute: u64) {
    let moved = server.ask("POST", "/v1/test-clock", &json!({"now": instant(minute)}).to_string());
    assert_eq!(moved.status, 200, "{}", moved.text);
}

fn wallet(server: &Server, customer: &str, runway: bool) -> String {
    let mut alerts =
        json!({"info": {"threshold": 80}, "warning": {"threshold": 50}, "critical": {"threshold": 20}});
    if runway {
        alerts["runway_below"] = json!(300);
    }
    let body = json!({"customer_id": customer, "currency": "usd", "initial_credits_to_load": 100, "alert_settings": alerts});
    let made = server.ask("POST", "/v1/wallets", &body.to_string());
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}

/// What a search finds, all at once.
fn search(server: &Server, body: Value) -> Vec<Value> {
    let mut body = body;
    body["limit"] = json!(1000);
    body["order"] = json!("asc");
    let found = server.ask("POST", "/v1/alerts/search", &body.to_string());
    assert_eq!(found.status, 200, "{}", found.text);
    whole(found.json)
}

fn whole(list: Value) -> Vec<Value> {
    let items = list["items"].as_array().unwrap().clone();
    assert_eq!(
        (&list["pagination"]["total"], &list["pagination"]["next_cursor"]),
        (&json!(items.len()), &Value::Null)
    );
    items
}

/// All items, page by page from either end, by cursors and by offsets: each in its place, once.
fn by_pages(expected: &[Value], mut page: impl FnMut(&str, usize, Option<&str>, usize) -> Value) {
    for order in ["asc", "desc"] {
        let mut in_order = expected.to_vec();
        if order == "desc" {
            in_order.reverse();
        }
        let (mut cursor, mut by_cursor, mut by_offset) = (None::<String>, Vec::new(), Vec::new());
        loop {
            let by = page(order, 7, cursor.as_deref(), 0);
            assert_eq!(by["pagination"]["total"], expected.len(), "{by}");
            by_cursor.extend(by["items"].as_array().unwrap().clone());
            let by_number = page(order, 7, None, by_offset.len());
            by_offset.extend(by_number["items"].as_array().unwrap().clone());
            match by["pagination"]["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!((&by_cursor, &by_offset), (&in_order, &in_order), "{order}");
    }
}

/// What somebody who saw every reply knows of an alert's changes: the status before and after, and the balance then.
#[derive(Default)]
struct Witness {
    wallet: String,
    is: String,
    changes: Vec<Value>,
}

impl Witness {
    fn new(wallet: &str) -> Self {
        Self { wallet: wallet.to_owned(), is: "ok".to_owned(), changes: Vec::new() }
    }

    fn see(&mut self, status: &Value, posted: &Value, minute: u64) {
        if *status != *self.is {
            let at = instant(minute);
            self.changes.push(json!([self.wallet, "low_credit_balance", self.is, status, posted, at]));
            self.is = status.as_str().unwrap().to_owned();
        }
    }
}

fn told(change: &Value) -> Value {
    let info = &change["alert_info"];
    assert_eq!((&change["created_at"], &change["entity_type"]), (&info["timestamp"], &json!("wallet")));
    json!([
        change["entity_id"],
        change["alert_type"],
        change["previous_status"],
        change["alert_status"],
        info["value_at_time"],
        info["timestamp"]
    ])
}

#[test]
fn every_change_of_an_alert_is_found_by_each_filter_and_page_by_page() {
    let mut server = in_test_mode();
    let wallets = [wallet(&server, "acme", false), wallet(&server, "other", false)];
    let mut witnesses = wallets.each_ref().map(|id| Witness::new(id));
    let steps: [(usize, i64); 8] =
        [(0, -30), (0, -30), (1, -60), (0, -35), (1, 60), (0, 95), (1, -90), (1, 90)];
    for minute in 1..=12 {
        to(&server, minute);
        for (who, credits) in steps {
            let (id, customer) = (&wallets[who], ["acme", "other"][who]);
            let (status, posted) = if credits < 0 {
                let body = json!({"credits": -credits}).to_string();
                let debit = server.ask("POST", &format!("/v1/customers/{customer}/debits"), &body);
                assert_eq!(debit.status, 200, "{}", debit.text);
                (debit.json["alert_state"].clone(), debit.json["balance_after"].clone())
            } else {
                let body =
                    json!({"transaction_reason": "FREE_CREDIT_GRANT", "credits_to_add": credits}).to_string();
                let topped = server.ask("POST", &format!("/v1/wallets/{id}/top-up"), &body);
                assert_eq!(topped.status, 200, "{}", topped.text);
                (
                    topped.json["wallet"]["alert_state"].clone(),
                    topped.json["wallet"]["credit_balance"].clone(),
                )
            };
            witnesses[who].see(&status, &posted, minute);
        }
    }
    let mut expected: Vec<Value> = witnesses.iter().flat_map(|witness| witness.changes.clone()).collect();
    assert!(witnesses.iter().all(|one| one.changes.len() > ALERT_CHANGES_KEPT_MAX), "{}", expected.len());
    let all = search(&server, json!({}));
    let sorted = |mut list: Vec<Value>| {
        list.sort_by_key(Value::to_string);
        list
    };
    expected = sorted(expected);
    assert_eq!(sorted(all.iter().map(told).collect()), expected);
    let ids: Vec<_> = all.iter().map(|change| change["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| id.starts_with("alert_")));
    // Of one wallet they are in the order of what happened.
    for (witness, customer) in witnesses.iter().zip(["acme", "other"]) {
        for filter in [json!({"entity_id": witness.wallet}), json!({"customer_id": customer})] {
            let found = search(&server, filter);
            assert_eq!(found.iter().map(told).collect::<Vec<_>>(), witness.changes);
            assert!(found.iter().all(|change| change["customer_id"] == customer));
            assert_eq!(found[0]["alert_info"]["alert_settings"]["info"]["threshold"], "80", "{}", found[0]);
        }
    }
    let of = |test: &dyn Fn(&Value) -> bool| all.iter().filter(|one| test(one)).cloned().collect::<Vec<_>>();
    for status in ["ok", "info", "warning", "in_alarm"] {
        let expected = of(&|change| change["alert_status"] == status);
        assert!(!expected.is_empty(), "{status}");
        assert_eq!(search(&server, json!({"alert_status": status})), expected);
    }
    assert_eq!(search(&server, json!({"alert_type": "low_credit_balance"})), all);
    let middle = instant(7);
    let since = of(&|change| change["created_at"].as_str() >= Some(&middle));
    let before = of(&|change| change["created_at"].as_str() < Some(&middle));
    assert!(!since.is_empty() && !before.is_empty());
    assert_eq!(search(&server, json!({"start_time": middle})), since);
    assert_eq!(search(&server, json!({"end_time": middle})), before);
    for nothing in [
        json!({"alert_type": "low_runway"}),
        json!({"alert_type": "low_ongoing_balance"}),
        json!({"alert_status": "unheard"}),
        json!({"entity_type": "feature"}),
        json!({"entity_id": "wallet_x"}),
        json!({"customer_id": "nobody"}),
        json!({"customer_id": "other", "entity_id": wallets[0]}),
    ] {
        assert_eq!(search(&server, nothing.clone()), Vec::<Value>::new(), "{nothing}");
    }
    by_pages(&all, |order, limit, cursor, offset| {
        let body = json!({"order": order, "limit": limit, "cursor": cursor, "offset": offset}).to_string();
        server.ask("POST", "/v1/alerts/search", &body).json
    });
    let bound = server.new_key(&["read"], Some("other"));
    let seen = server.ask_as(&bound, "POST", "/v1/alerts/search", r#"{"limit":1000,"order":"asc"}"#);
    assert_eq!(whole(seen.json), of(&|change| change["customer_id"] == "other"));
    let foreign = json!({"entity_id": wallets[0]}).to_string();
    assert_eq!(whole(server.ask_as(&bound, "POST", "/v1/alerts/search", &foreign).json), Vec::<Value>::new());

    server.go_on_without_history();
    for (witness, customer) in witnesses.iter().zip(["acme", "other"]) {
        let kept = search(&server, json!({"customer_id": customer}));
        let last = witness.changes.len() - ALERT_CHANGES_KEPT_MAX;
        assert_eq!(kept.iter().map(told).collect::<Vec<_>>(), witness.changes[last..]);
    }
    let kept = search(&server, json!({}));
    assert!(kept.len() == 2 * ALERT_CHANGES_KEPT_MAX && kept.iter().all(|change| all.contains(change)));
}

#[test]
fn a_runway_that_gets_short_is_found_with_its_seconds() {
    let server = in_test_mode();
    let id = wallet(&server, "acme", true);
    for minute in 1..=4 {
        to(&server, minute);
        assert_eq!(server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":24}"#).status, 200);
    }
    let found = search(&server, json!({"alert_type": "low_runway"}));
    assert_eq!(found.len(), 1, "{found:?}");
    let change = &found[0];
    assert_eq!((&change["alert_status"], &change["entity_id"]), (&json!("in_alarm"), &json!(id)));
    assert!(change["alert_info"]["runway_seconds"].as_u64().unwrap() <= 300, "{change}");
    let others = search(&server, json!({"alert_type": "low_credit_balance"}));
    assert!(others.iter().all(|change| change["alert_info"]["runway_seconds"].is_null()));
    assert_eq!(search(&server, json!({})).len(), 1 + others.len());
}

/// Buys by invoice, and ends it; the recharge as the last reply shows it, and the row with which it began.
fn buy(server: &Server, wallet: &str, number: usize) -> (Value, String) {
    let mut body = json!({"transaction_reason": "PURCHASED_CREDIT_INVOICED", "credits_to_add": number + 1});
    if number.is_multiple_of(5) {
        body["bonus_credits_to_add"] = json!(2);
    }
    let bought = server.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &body.to_string());
    assert_eq!(bought.status, 200, "{}", bought.text);
    let id = bought.json["recharge_id"].as_str().unwrap();
    let row = bought.json["wallet_transaction"]["id"].as_str().unwrap().to_owned();
    let end = |verb: &str, body: &str| {
        let ended = server.ask("POST", &format!("/v1/recharges/{id}/{verb}"), body);
        assert_eq!(ended.status, 200, "{}", ended.text);
        ended.json
    };
    let recharge = match number % 12 {
        0 => {
            let path = format!("/v1/recharges?wallet_id={wallet}&status=pending&limit=1");
            server.ask("GET", &path, "").json["items"][0].clone()
        }
        end_of if end_of % 3 == 1 => end("complete", ""),
        end_of if end_of % 3 == 2 => end("fail", r#"{"reason":"insufficient_funds"}"#),
        _ => end("cancel", ""),
    };
    assert_eq!(recharge["recharge_id"], id);
    (recharge, row)
}

/// What is listed, all at once.
fn recharges(server: &Server, query: &str) -> Vec<Value> {
    let found = server.ask("GET", &format!("/v1/recharges?limit=1000&order=asc&{query}"), "");
    assert_eq!(found.status, 200, "{}", found.text);
    whole(found.json)
}

#[test]
fn every_recharge_is_found_by_each_filter_and_page_by_page() {
    let mut server = Server::start();
    let wallets = [server.wallet("acme", "1"), server.wallet("acme", "1"), server.wallet("other", "1")];
    let mut all = Vec::new();
    for number in 0..180 {
        let (recharge, row) = buy(&server, &wallets[number % 7 % 2], number);
        all.push((recharge, row));
    }
    let (of_other, _) = buy(&server, &wallets[2], 1);
    let expected: Vec<Value> = all.iter().map(|(recharge, _)| recharge.clone()).collect();
    let of = |test: &dyn Fn(&Value) -> bool| {
        expected.iter().filter(|one| test(one)).cloned().collect::<Vec<Value>>()
    };
    assert!(of(&|one| one["status"] != "pending").len() > ENDED_KEPT_MAX);
    assert_eq!(recharges(&server, "customer_id=acme"), expected);
    assert_eq!(recharges(&server, "customer_id=other"), [of_other]);
    for wallet in &wallets[..2] {
        let own = of(&|one| one["wallet_id"] == **wallet);
        assert!(own.len() > 40);
        assert_eq!(recharges(&server, &format!("wallet_id={wallet}")), own);
        assert_eq!(recharges(&server, &format!("wallet_id={wallet}&customer_id=acme")), own);
    }
    for status in ["pending", "completed", "failed", "cancelled"] {
        let these = of(&|one| one["status"] == status);
        assert!(these.len() > 10, "{status}");
        assert_eq!(recharges(&server, &format!("customer_id=acme&status={status}")), these);
    }
    by_pages(&expected, |order, limit, cursor, offset| {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let query = format!("customer_id=acme&order={order}&limit={limit}&offset={offset}{cursor}");
        server.ask("GET", &format!("/v1/recharges?{query}"), "").json
    });
    let bound = server.new_key(&["read"], Some("other"));
    let path = format!("/v1/recharges?wallet_id={}", wallets[0]);
    assert_eq!(server.ask_as(&bound, "GET", &path, "").status, 404);
    assert_eq!(server.ask_as(&bound, "GET", "/v1/recharges?customer_id=acme", "").status, 404);
    let path = format!("/v1/recharges?wallet_id={}&customer_id=other", wallets[0]);
    assert_eq!(server.ask("GET", &path, "").status, 404, "a wallet of somebody else");

    // Each row says how it ended, read by its id and in a list.
    let ledger = server.ask("GET", "/v1/customers/acme/ledger?limit=1000&order=asc", "");
    let listed = |row: &str| {
        ledger.json["items"].as_array().unwrap().iter().find(|one| one["id"] == row).unwrap().clone()
    };
    for (recharge, row) in &all {
        let shown = server.ask("GET", &format!("/v1/transactions/{row}"), "").json;
        assert_eq!(shown["current_status"], recharge["status"], "{shown:#}");
        assert_eq!(listed(row)["current_status"], recharge["status"], "{recharge}");
        let completed = recharge["status"] == "completed";
        assert_eq!(shown["completed_by_transaction_id"].is_string(), completed, "{shown:#}");
    }
    // The bonus as what it was given with.
    let of_bonus = ledger.json["items"].as_array().unwrap().iter();
    let of_bonus = of_bonus.filter(|row| row["transaction_reason"] == "PURCHASED_CREDIT_BONUS");
    let mut cancelled = 0;
    for row in of_bonus.filter(|row| row["transaction_status"] == "pending") {
        let (recharge, _) = all.iter().find(|(_, begun)| row["parent_transaction_id"] == **begun).unwrap();
        assert_eq!(row["current_status"], recharge["status"], "{row:#}");
        cancelled += usize::from(recharge["status"] == "cancelled");
    }
    assert!(cancelled > 5, "{cancelled}");

    server.go_on_without_history();
    let ended = of(&|one| one["status"] != "pending");
    let kept =
        |one: &Value| one["status"] == "pending" || ended[ended.len() - ENDED_KEPT_MAX..].contains(one);
    assert_eq!(recharges(&server, "customer_id=acme"), of(&kept));
}

#[test]
fn a_rule_that_waits_after_a_failure_says_so_in_lists_of_the_history_too() {
    let server = Server::start();
    let rule = json!({"threshold": 20, "amount": 100, "invoicing": true});
    let body =
        json!({"customer_id": "acme", "currency": "usd", "auto_topup": rule, "initial_credits_to_load": 25});
    let made = server.ask("POST", "/v1/wallets", &body.to_string());
    let debit = server.ask("POST", "/v1/customers/acme/debits", r#"{"credits":10}"#);
    let begun = debit.json["recharge"]["recharge_id"].as_str().unwrap().to_owned();
    assert_eq!(server.ask("POST", &format!("/v1/recharges/{begun}/fail"), "").status, 200);
    let id = made.json["id"].as_str().unwrap();
    for query in [format!("wallet_id={id}"), "customer_id=acme&status=failed".to_owned()] {
        let found = recharges(&server, &query);
        assert!(found.len() == 1 && found[0]["next_attempt_at"].is_string(), "{found:?}");
    }
}

#[test]
fn lists_of_rules_wait_for_the_position_that_the_caller_names_as_all_of_the_history_do() {
    let server = Server::start();
    let id = wallet(&server, "acme", false);
    let lists = [("POST", "/v1/alerts/search".to_owned()), ("GET", format!("/v1/recharges?wallet_id={id}"))];
    for number in 0..20 {
        let credits = if number % 2 == 0 { "-90" } else { "90" };
        let (path, body) = match credits.strip_prefix('-') {
            Some(credits) => ("/v1/customers/acme/debits".to_owned(), json!({"credits": credits})),
            None => (
                format!("/v1/wallets/{id}/top-up"),
                json!({"transaction_reason": "FREE_CREDIT_GRANT", "credits_to_add": credits}),
            ),
        };
        let moved = server.ask("POST", &path, &body.to_string());
        assert_eq!(moved.status, 200, "{}", moved.text);
        let position = moved.header("x-log-position").unwrap().to_owned();
        for (method, path) in &lists {
            let headers = [("x-api-key", &*server.key), ("x-min-log-position", &*position)];
            let found = server.connect().ask(method, path, &headers, "");
            let shown: u64 = found.header("x-log-position").unwrap().parse().unwrap();
            assert!(shown >= position.parse().unwrap(), "{}", found.text);
            if *method == "POST" {
                assert_eq!(found.json["pagination"]["total"], number + 1, "{}", found.text);
            }
        }
    }
    for (method, path) in &lists {
        let headers = [("x-api-key", &*server.key), ("x-min-log-position", "999999")];
        let behind = server.connect().ask(method, path, &headers, "");
        assert_eq!((behind.status, behind.code()), (503, "history_behind"), "{}", behind.text);
    }
    let pending = format!("{}&status=pending", lists[1].1);
    let headers = [("x-api-key", &*server.key), ("x-min-log-position", "999999")];
    assert_eq!(server.connect().ask("GET", &pending, &headers, "").status, 200, "it is not asked");
}
