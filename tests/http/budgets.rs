//! Budgets (SEMANTICS §18): a tree, what is used of it, and that racers never pass it.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::support::Server;

const PATH: &str = "/v1/customers/acme/budgets";

fn budget(server: &Server, id: &str, parent: Option<&str>, limits: &Value) {
    let body = json!({"budget_id": id, "parent_id": parent, "unit": {"currency": "usd"}, "limits": limits});
    let made = server.ask("POST", PATH, &body.to_string());
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["budget_id"], id);
}

fn debit(server: &Server, budget: &str, credits: u32) -> crate::support::Answer {
    let body = json!({"credits": credits, "budget_id": budget}).to_string();
    server.ask("POST", "/v1/customers/acme/debits", &body)
}

fn used(server: &Server, id: &str) -> String {
    let shown = server.ask("GET", &format!("{PATH}/{id}"), "");
    assert_eq!(shown.status, 200, "{}", shown.text);
    shown.json["limits"][0]["used"].as_str().unwrap().to_owned()
}

#[test]
fn a_budget_is_made_used_shown_reset_replaced_and_removed() {
    let server = Server::start();
    server.wallet("acme", "100");
    budget(&server, "org", None, &json!([{"window": "lifetime", "credits": "50"}]));
    budget(
        &server,
        "team/a b",
        Some("org"),
        &json!([{"window": "day", "credits": 10}, {"window": "hour", "credits": 9}]),
    );
    assert_eq!(debit(&server, "team/a b", 4).status, 200);
    let shown = server.ask("GET", &format!("{PATH}/team%2Fa%20b"), "").json;
    assert_eq!(shown["parent_id"], "org", "{shown}");
    assert_eq!(shown["limits"][0]["window"], "hour", "in the order in which they are checked");
    assert_eq!((&shown["limits"][0]["used"], &shown["limits"][0]["left"]), (&json!("4"), &json!("5")));
    assert!(shown["limits"][1]["resets_at"].is_string(), "{shown}");
    let refused = debit(&server, "team/a b", 6);
    assert_eq!((refused.status, refused.code()), (429, "budget_exceeded"), "{}", refused.text);
    assert_eq!(refused.json["details"]["window"], "hour");
    assert_eq!(refused.json["details"]["budget_id"], "team/a b");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(used(&server, "org"), "4");
    let org = server.ask("GET", &format!("{PATH}/org"), "").json;
    assert_eq!(org["limits"][0]["resets_at"], Value::Null, "a lifetime does not end");

    let replaced = json!({"parent_id": "org", "unit": {"currency": "usd"}, "limits": [{"window": "day", "credits": 20}]});
    let replaced = server.ask("PUT", &format!("{PATH}/team%2Fa%20b"), &replaced.to_string());
    assert_eq!(
        (replaced.status, &replaced.json["limits"][0]["used"]),
        (200, &json!("4")),
        "{}",
        replaced.text
    );
    let reset = server.ask("POST", &format!("{PATH}/team%2Fa%20b/reset"), "");
    assert_eq!((reset.status, &reset.json["limits"][0]["used"]), (200, &json!("0")), "{}", reset.text);
    assert_eq!(used(&server, "org"), "4", "a reset is its own");

    let kept = server.ask("DELETE", &format!("{PATH}/org"), "");
    assert_eq!((kept.status, kept.code()), (409, "invalid_operation"), "{}", kept.text);
    assert_eq!(server.ask("DELETE", &format!("{PATH}/team%2Fa%20b"), "").status, 204);
    assert_eq!(server.ask("DELETE", &format!("{PATH}/org"), "").status, 204);
    assert_eq!(server.ask("GET", &format!("{PATH}/org"), "").status, 404);
    assert_eq!(debit(&server, "org", 1).status, 404);
}

#[test]
fn the_list_is_a_tree_and_is_paged() {
    let server = Server::start();
    server.wallet("acme", "100");
    for (id, parent) in [("z", None), ("m", None), ("m1", Some("m")), ("m2", Some("m")), ("a", Some("m1"))] {
        budget(&server, id, parent, &json!([]));
    }
    let of = |query: &str| -> Value { server.ask("GET", &format!("{PATH}{query}"), "").json };
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["budget_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&of("")), ["m", "m1", "a", "m2", "z"]);
    let page = of("?limit=2");
    let cursor = page["pagination"]["next_cursor"].as_str().unwrap();
    assert_eq!(names(&of(&format!("?cursor={cursor}"))), ["a", "m2", "z"]);
    let made = server.ask("POST", PATH, r#"{"unit":{"currency":"usd"}}"#);
    assert!(made.json["budget_id"].as_str().unwrap().starts_with("bud_"), "{}", made.text);
}

#[test]
fn what_is_no_budget_is_refused() {
    let server = Server::start();
    server.wallet("acme", "100");
    budget(&server, "a", None, &json!([{"window": "lifetime", "credits": 5}]));
    budget(&server, "b", Some("a"), &json!([]));
    let body = |id: &str, parent: Option<&str>, limits: Value| {
        json!({"budget_id": id, "parent_id": parent, "unit": {"currency": "usd"}, "limits": limits})
            .to_string()
    };
    let cap = |credits: Value| json!([{"window": "day", "credits": credits}]);
    for (request, status, code) in [
        (body("a", None, json!([])), 409, "already_exists"),
        (body("c", Some("nothing"), json!([])), 404, "not_found"),
        (body("c", Some("c"), json!([])), 409, "invalid_operation"),
        (body("c", None, cap(json!("-1"))), 422, "amount_invalid"),
        (body("c", None, cap(json!("1e12"))), 422, "amount_overflow"),
        (body("c", None, cap(json!("NaN"))), 400, "validation_error"),
        (body("c", None, json!([{"window": "year", "credits": 1}])), 400, "validation_error"),
        (
            body("c", None, json!([{"window": "day", "credits": 1}, {"window": "day", "credits": 2}])),
            400,
            "validation_error",
        ),
        (body("", None, json!([])), 400, "validation_error"),
        (body(&"x".repeat(129), None, json!([])), 400, "validation_error"),
        (body("c", Some("a"), json!([])).replace("usd", "eur"), 422, "unit_mismatch"),
        (body("c", None, json!([])).replace("limits", "caps"), 400, "validation_error"),
    ] {
        let answer = server.ask("POST", PATH, &request);
        assert_eq!((answer.status, answer.code()), (status, code), "{request}: {}", answer.text);
    }
    let put = |id: &str, parent: Option<&str>| {
        let body = json!({"parent_id": parent, "unit": {"currency": "usd"}}).to_string();
        let answer = server.ask("PUT", &format!("{PATH}/{id}"), &body);
        (answer.status, answer.code().to_owned())
    };
    assert_eq!(put("a", Some("b")), (409, "invalid_operation".to_owned()), "a loop");
    assert_eq!(put("nothing", None), (404, "not_found".to_owned()));
    assert_eq!(server.ask("POST", "/v1/customers/nobody/budgets", &body("c", None, json!([]))).status, 404);
    let rehearsed = server.ask("POST", &format!("{PATH}?dry_run=true"), &body("c", None, json!([])));
    assert_eq!(rehearsed.status, 201);
    assert_eq!(server.ask("GET", PATH, "").json["pagination"]["total"], 2);
}

#[test]
fn two_hundred_racers_pass_neither_the_child_nor_the_parent() {
    let server = Server::start();
    server.wallet("acme", "1000");
    budget(&server, "org", None, &json!([{"window": "lifetime", "credits": 70}]));
    budget(&server, "one", Some("org"), &json!([{"window": "lifetime", "credits": 40}]));
    budget(&server, "two", Some("org"), &json!([{"window": "day", "credits": 60}]));
    let (one, two, refused) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for racer in 0..200 {
            let (server, one, two, refused) = (&server, &one, &two, &refused);
            scope.spawn(move || {
                let (name, count) = if racer % 2 == 0 { ("one", one) } else { ("two", two) };
                let answer = debit(server, name, 1);
                match answer.status {
                    200 => count.fetch_add(1, Ordering::Relaxed),
                    429 => refused.fetch_add(1, Ordering::Relaxed),
                    _ => panic!("{}", answer.text),
                };
            });
        }
    });
    let (one, two) = (one.into_inner(), two.into_inner());
    assert_eq!((one + two, refused.into_inner()), (70, 130), "the parent is full, and no fuller");
    assert!(one <= 40 && two <= 60, "{one} {two}");
    assert_eq!(used(&server, "org"), "70");
    assert_eq!((used(&server, "one"), used(&server, "two")), (one.to_string(), two.to_string()));
    assert_eq!(server.posted("acme"), "930");
}
