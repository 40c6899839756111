//! A tenant in test mode moves its own time (SEMANTICS §10): everything due happens, in order, and no other tenant's time moves.

use chrono::{DateTime, Days, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{Answer, Server};

const PATH: &str = "/v1/test-clock";

/// A tenant for tests, by its admin key.
struct Tenant<'a> {
    server: &'a Server,
    key: String,
}

impl<'a> Tenant<'a> {
    fn new(server: &'a Server) -> Self {
        let made = server.ask("POST", "/v1/tenants", r#"{"name":"tests","test_mode":true}"#);
        assert_eq!((made.status, &made.json["test_mode"]), (201, &json!(true)), "{}", made.text);
        Self { server, key: made.json["key"]["key"].as_str().unwrap().to_owned() }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server.ask_as(&self.key, method, path, &body)
    }

    fn move_to(&self, now: DateTime<Utc>) {
        let moved = self.ask("POST", PATH, &json!({"now": text(now)}));
        assert_eq!((moved.status, &moved.json["stands"]), (200, &json!(true)), "{}", moved.text);
        assert_eq!(self.ask("GET", PATH, &Value::Null).json, moved.json);
    }

    fn balance(&self) -> Value {
        self.ask("GET", "/v1/customers/acme/balance", &Value::Null).json
    }

    fn debit(&self, body: &Value) -> Answer {
        self.ask("POST", "/v1/customers/acme/debits", body)
    }
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Midnight of the first day of the month after next: ahead of the server's clock, and a boundary of every window.
fn start(server: &Server) -> DateTime<Utc> {
    use chrono::Datelike;
    let now = DateTime::from_timestamp_nanos(i64::try_from(server.engine().now().0).unwrap());
    let month = now.date_naive().with_day(1).unwrap() + chrono::Months::new(2);
    month.and_hms_opt(0, 0, 0).unwrap().and_utc()
}

#[test]
fn everything_due_happens_in_order_when_the_clock_is_moved() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    let now = start(&server);
    tenant.move_to(now);
    let made = tenant.ask("POST", "/v1/wallets", &json!({"customer_id": "acme", "currency": "usd"}));
    let wallet = made.json["id"].as_str().unwrap().to_owned();
    assert_eq!(made.json["created_at"], json!(text(now)), "{}", made.text);
    let top_up = |credits: u32, expiry: DateTime<Utc>| {
        let body = json!({"transaction_reason": "PURCHASED_CREDIT_DIRECT", "credits_to_add": credits, "expiry_date_utc": text(expiry)});
        assert_eq!(tenant.ask("POST", &format!("/v1/wallets/{wallet}/top-up"), &body).status, 200);
    };
    top_up(50, now + TimeDelta::minutes(5));
    top_up(100, now + Days::new(40));
    let hold = tenant.ask("POST", "/v1/customers/acme/holds", &json!({"credits": 60, "expires_in": 600}));
    assert_eq!(hold.status, 201, "{}", hold.text);
    let budget =
        json!({"budget_id": "b", "unit": {"currency": "usd"}, "limits": [{"window": "day", "credits": 10}]});
    assert_eq!(tenant.ask("POST", "/v1/customers/acme/budgets", &budget).status, 201);
    assert_eq!(tenant.debit(&json!({"credits": 10, "budget_id": "b"})).status, 200);
    assert_eq!(tenant.debit(&json!({"credits": 1, "budget_id": "b"})).code(), "budget_exceeded");

    // The tranche has ended, but the hold still pins all of it; at its deadline that is gone, and the ten of the other come back.
    tenant.move_to(now + TimeDelta::minutes(6));
    let balance = tenant.balance();
    assert_eq!((&balance["posted"], &balance["held"]), (&json!("140"), &json!("60")), "{balance}");
    tenant.move_to(now + TimeDelta::minutes(10));
    let balance = tenant.balance();
    assert_eq!((&balance["posted"], &balance["held"]), (&json!("90"), &json!("0")), "{balance}");
    let id = hold.json["hold_id"].as_str().unwrap();
    let late = tenant.ask("POST", &format!("/v1/customers/acme/holds/{id}/capture"), &json!({"credits": 1}));
    assert_eq!((late.status, late.code()), (410, "hold_expired"), "{}", late.text);

    tenant.move_to(now + Days::new(1));
    assert_eq!(
        tenant.debit(&json!({"credits": 1, "budget_id": "b"})).status,
        200,
        "the day's window has rolled"
    );
    tenant.move_to(now + Days::new(41));
    assert_eq!(tenant.balance()["posted"], "0");
    assert_eq!(tenant.debit(&json!({"credits": 1})).code(), "insufficient_credits");
}

#[test]
fn a_clock_stands_moves_forward_only_and_is_nobody_elses() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    let now = start(&server);
    let shown = tenant.ask("GET", PATH, &Value::Null).json;
    assert_eq!((&shown["stands"], &shown["test_mode"]), (&json!(false), &json!(true)));
    let rehearsed = tenant.ask("POST", &format!("{PATH}?dry_run=true"), &json!({"now": text(now)}));
    assert_eq!((rehearsed.status, &rehearsed.json["now"]), (200, &json!(text(now))), "{}", rehearsed.text);
    assert_eq!(tenant.ask("GET", PATH, &Value::Null).json["stands"], false);
    tenant.move_to(now);
    let put = tenant.ask("PUT", PATH, &json!({"now": text(now + Days::new(1))}));
    assert_eq!(put.status, 200, "{}", put.text);
    for (body, status, code) in [
        (json!({"now": text(now)}), 409, "invalid_operation"),
        (json!({"now": "2020-01-01T00:00:00Z"}), 409, "invalid_operation"),
        (json!({"now": "soon"}), 400, "validation_error"),
        (json!({"now": 7}), 400, "validation_error"),
        (json!({}), 400, "validation_error"),
        (json!({"now": text(now + Days::new(2)), "by": 1}), 400, "validation_error"),
    ] {
        let answer = tenant.ask("POST", PATH, &body);
        assert_eq!((answer.status, answer.code()), (status, code), "{body}: {}", answer.text);
    }
    let own = server.ask("POST", PATH, &json!({"now": text(now)}).to_string());
    assert_eq!((own.status, own.code()), (409, "invalid_operation"), "not in test mode: {}", own.text);
    let shown = server.ask("GET", PATH, "").json;
    assert_eq!((&shown["stands"], &shown["test_mode"]), (&json!(false), &json!(false)));
    assert!(shown["now"].as_str().unwrap() < &*text(now), "{shown}");
    let writer = server.new_key(&["debit", "read", "write"], None);
    assert_eq!(server.ask_as(&writer, "GET", PATH, "").status, 403);
}
