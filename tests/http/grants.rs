//! Plans, what they grant, and who is enrolled (SEMANTICS §13): shapes, scopes, and credit that comes by itself on a test clock.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

const GRANT: &[&str] = &[
    "addon_id",
    "cadence",
    "conversion_rate",
    "created_at",
    "created_by",
    "credit_grant_anchor",
    "credits",
    "end_date",
    "environment_id",
    "expiration_duration",
    "expiration_duration_unit",
    "expiration_type",
    "id",
    "metadata",
    "name",
    "period",
    "period_count",
    "plan_id",
    "priority",
    "scope",
    "start_date",
    "status",
    "subscription_id",
    "tenant_id",
    "topup_conversion_rate",
    "updated_at",
    "updated_by",
];
const APPLICATION: &[&str] = &[
    "application_reason",
    "application_status",
    "applied_at",
    "created_at",
    "created_by",
    "credit_grant_id",
    "credits",
    "environment_id",
    "failure_reason",
    "id",
    "idempotency_key",
    "metadata",
    "period_end",
    "period_start",
    "retry_count",
    "scheduled_for",
    "status",
    "subscription_id",
    "subscription_status_at_application",
    "tenant_id",
    "updated_at",
    "updated_by",
];

fn has_every_key(of: &Value, keys: &[&str]) {
    let missing: Vec<_> = keys.iter().filter(|key| of.get(**key).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?} of {of}");
}

/// A tenant in test mode whose time stands at the first instant of a month.
pub(crate) struct Tenant<'a> {
    server: &'a Server,
    key: String,
}

impl<'a> Tenant<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        let made = server.ask("POST", "/v1/tenants", r#"{"name":"tests","test_mode":true}"#);
        let tenant = Self { server, key: made.json["key"]["key"].as_str().unwrap().to_owned() };
        tenant.move_to("2031-01-31T00:00:00Z");
        tenant
    }

    pub(crate) fn move_to(&self, now: &str) {
        let moved = self.ask("POST", "/v1/test-clock", json!({ "now": now }));
        assert_eq!(moved.status, 200, "{}", moved.text);
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server.ask_as(&self.key, method, path, &body)
    }

    /// A grant; its id.
    pub(crate) fn grant(&self, body: Value) -> String {
        let made = self.ask("POST", "/v1/creditgrants", body);
        assert_eq!(made.status, 201, "{}", made.text);
        has_every_key(&made.json, GRANT);
        made.json["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn enrol(&self, body: Value) -> Answer {
        let made = self.ask("POST", "/v1/subscriptions", body);
        assert_eq!(made.status, 201, "{}", made.text);
        made
    }

    pub(crate) fn posted(&self, customer: &str) -> Value {
        self.ask("GET", &format!("/v1/customers/{customer}/balance"), Value::Null).json["posted"].clone()
    }

    fn upcoming(&self, path: &str) -> Vec<Value> {
        let list = self.ask("GET", path, Value::Null);
        assert_eq!(list.status, 200, "{}", list.text);
        list.json["items"].as_array().unwrap().clone()
    }
}

pub(crate) fn monthly(plan: &str, credits: u32) -> Value {
    json!({"name": "monthly", "scope": "PLAN", "plan_id": plan, "credits": credits, "cadence": "RECURRING", "period": "MONTHLY"})
}

#[test]
fn the_documented_request_makes_a_plans_grant() {
    let server = Server::start();
    let made = server.ask(
        "POST",
        "/v1/credit-grants",
        r#"{"name":"Starter Plan Monthly Grant","scope":"PLAN","plan_id":"plan_starter","credit_amount":50000,"currency":"USD",
 "cadence":"RECURRING","period":"monthly","expire_in_days":30,"priority":1}"#,
    );
    assert_eq!(made.status, 201, "{}", made.text);
    has_every_key(&made.json, GRANT);
    for (key, value) in [
        ("scope", json!("PLAN")),
        ("plan_id", json!("plan_starter")),
        ("credits", json!("50000")),
        ("currency", json!("usd")),
        ("cadence", json!("RECURRING")),
        ("period", json!("MONTHLY")),
        ("period_count", json!(1)),
        ("expiration_type", json!("DURATION")),
        ("expiration_duration", json!(30)),
        ("expiration_duration_unit", json!("DAY")),
        ("priority", json!(1)),
        ("subscription_id", Value::Null),
        ("status", json!("published")),
    ] {
        assert_eq!(made.json[key], value, "{key}: {}", made.text);
    }
    let id = made.json["id"].as_str().unwrap();
    assert_eq!(server.ask("GET", &format!("/v1/creditgrants/{id}"), "").json, made.json);
    let list = server.ask("GET", "/v1/plans/plan_starter/creditgrants", "");
    assert_eq!((list.status, &list.json["items"][0]), (200, &made.json), "{}", list.text);
    assert_eq!(list.json["pagination"]["total"], 1);
    assert_eq!(server.ask("GET", "/v1/addons/plan_starter/creditgrants", "").json["items"], json!([]));
}

#[test]
fn a_grant_in_one_currency_is_never_given_to_a_wallet_of_another() {
    let server = Server::start();
    let wallet = server.wallet("acme", "0");
    let mut grant = json!({"name": "n", "scope": "WALLET", "wallet_id": wallet, "currency": "jpy", "credits": "1000",
        "cadence": "RECURRING", "period": "MONTHLY"});
    let of_customer = json!({"scope": "CUSTOMER", "customer_id": "acme"});
    for scope in [json!({}), of_customer] {
        grant.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        let refused = server.ask("POST", "/v1/creditgrants", &grant.to_string());
        assert_eq!((refused.status, refused.code()), (400, "unit_mismatch"), "{}", refused.text);
        assert_eq!(server.posted("acme"), "0");
    }
    grant["currency"] = Value::Null;
    let taken = server.ask("POST", "/v1/creditgrants", &grant.to_string());
    assert_eq!(taken.status, 201, "{}", taken.text);
    assert_eq!(server.posted("acme"), "1000");
}

#[test]
fn who_enrols_gets_the_plans_credit_at_once_and_every_month_by_itself() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    let id = tenant.grant(json!({
        "name": "monthly", "scope": "PLAN", "plan_id": "starter", "credits": "100", "cadence": "RECURRING",
        "period": "MONTHLY", "expiration_type": "BILLING_CYCLE",
    }));
    let made = tenant.enrol(json!({"id": "sub_1", "customer_id": "acme", "plan_id": "starter"}));
    assert_eq!(
        (&made.json["granted"], &made.json["status"]),
        (&json!("100"), &json!("active")),
        "{}",
        made.text
    );
    assert_eq!(tenant.posted("acme"), "100");
    let debit = tenant.ask("POST", "/v1/customers/acme/debits", json!({"credits": 30}));
    assert_eq!(debit.json["slices"][0]["source"], "plan_included", "{}", debit.text);

    let coming = tenant.upcoming("/v1/subscriptions/sub_1/grants/upcoming");
    has_every_key(&coming[0], APPLICATION);
    for (key, value) in [
        ("credit_grant_id", &*id),
        ("subscription_id", "sub_1"),
        ("application_status", "pending"),
        ("application_reason", "recurring_credit_grant"),
        ("credits", "100"),
        ("scheduled_for", "2031-02-28T00:00:00Z"),
        ("period_end", "2031-03-31T00:00:00Z"),
    ] {
        assert_eq!(coming[0][key], value, "{key}: {}", coming[0]);
    }
    assert_eq!(tenant.upcoming("/v1/customers/acme/grants/upcoming"), coming);

    tenant.move_to("2031-02-28T00:00:00Z");
    assert_eq!(tenant.posted("acme"), "100", "what was left of January's went with January");
    tenant.move_to("2031-04-30T00:00:00Z");
    assert_eq!(tenant.posted("acme"), "100", "months that nobody looked at come and go");
    let wallets = tenant.ask("GET", "/v1/customers/acme/wallets", Value::Null);
    assert_eq!(wallets.json[0]["wallet_type"], "PRE_PAID", "{}", wallets.text);
    let wallet = wallets.json[0]["id"].as_str().unwrap();
    let rows = rows_of(&tenant, wallet);
    let found: Vec<_> = rows.iter().map(|row| row["transaction_reason"].as_str().unwrap()).collect();
    let wanted = [
        "SUBSCRIPTION_CREDIT_GRANT",
        "USAGE_DEBIT",
        "CREDIT_EXPIRED",
        "SUBSCRIPTION_CREDIT_GRANT",
        "CREDIT_EXPIRED",
        "SUBSCRIPTION_CREDIT_GRANT",
        "CREDIT_EXPIRED",
        "SUBSCRIPTION_CREDIT_GRANT",
    ];
    assert_eq!(found, wanted);
    assert_eq!(rows[0]["grant_id"], *id, "{}", rows[0]);
}

/// A moment.
fn server_waits(tenant: &Tenant<'_>) {
    tenant.server.wait_for(tokio::time::sleep(std::time::Duration::from_millis(25)));
}

/// All rows of a wallet, oldest first, when the history has caught up.
pub(crate) fn rows_of(tenant: &Tenant<'_>, wallet: &str) -> Vec<Value> {
    let path = format!("/v1/wallets/{wallet}/transactions?limit=100&order=asc");
    let posted =
        || tenant.ask("GET", &format!("/v1/wallets/{wallet}"), Value::Null).json["credit_balance"].clone();
    for _ in 0..200 {
        let list = tenant.ask("GET", &path, Value::Null);
        assert_eq!(list.status, 200, "{}", list.text);
        let rows = list.json["items"].as_array().unwrap().clone();
        if rows.last().is_some_and(|row| row["credit_balance_after"] == posted()) {
            return rows;
        }
        server_waits(tenant);
    }
    panic!("the history does not catch up");
}

#[test]
fn a_plans_change_reaches_who_is_enrolled_from_the_next_period() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    let id = tenant.grant(monthly("starter", 100));
    tenant.enrol(json!({"id": "sub_1", "customer_id": "acme", "plan_id": "starter"}));
    let path = format!("/v1/creditgrants/{id}");
    let changed = tenant.ask("PUT", &path, json!({"credits": "250", "name": "more", "metadata": {"a": "b"}}));
    assert_eq!(changed.status, 200, "{}", changed.text);
    has_every_key(&changed.json, GRANT);
    assert_eq!((&changed.json["credits"], &changed.json["name"]), (&json!("250"), &json!("more")));
    assert_eq!(tenant.posted("acme"), "100", "what was granted stays");
    assert_eq!(tenant.upcoming("/v1/customers/acme/grants/upcoming")[0]["credits"], "250");
    tenant.grant(
        json!({"name": "welcome", "scope": "PLAN", "plan_id": "starter", "credits": 7, "cadence": "ONETIME"}),
    );
    tenant.move_to("2031-02-28T00:00:00Z");
    assert_eq!(tenant.posted("acme"), "357");

    for body in [Value::Null, json!({})] {
        let id = tenant.grant(monthly("other", 5));
        let gone = tenant.ask("DELETE", &format!("/v1/creditgrants/{id}"), body);
        assert_eq!((gone.status, gone.json["message"].is_string()), (200, true), "{}", gone.text);
        assert_eq!(tenant.ask("GET", &format!("/v1/creditgrants/{id}"), Value::Null).status, 404);
    }
    let typed = [("x-api-key", &*tenant.key), ("content-type", "application/json")];
    let gone = server.connect().ask("DELETE", &path, &typed, "");
    assert_eq!(gone.status, 200, "an empty body with a content type: {}", gone.text);
    assert_eq!(tenant.upcoming("/v1/customers/acme/grants/upcoming"), Vec::<Value>::new());
    tenant.move_to("2031-06-30T00:00:00Z");
    assert_eq!(tenant.posted("acme"), "357");
}

#[test]
fn leaving_stops_what_would_come_and_takes_back_what_is_left_if_asked() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    tenant.grant(monthly("starter", 100));
    for (subscription, customer) in [("keeps", "acme"), ("gives_back", "bolt")] {
        tenant.enrol(json!({"id": subscription, "customer_id": customer, "plan_id": "starter"}));
        tenant.ask("POST", &format!("/v1/customers/{customer}/debits"), json!({"credits": 40}));
    }
    let left = tenant.ask("DELETE", "/v1/subscriptions/keeps", Value::Null);
    assert_eq!((left.status, &left.json["status"]), (200, &json!("cancelled")), "{}", left.text);
    let path = "/v1/subscriptions/gives_back?void_remaining=true";
    let tried = tenant.ask("DELETE", &format!("{path}&dry_run=true"), Value::Null);
    assert_eq!((tried.status, &tried.json["voided"]), (200, &json!("60")), "{}", tried.text);
    assert_eq!(tenant.ask("DELETE", path, Value::Null).json["voided"], "60");
    tenant.move_to("2031-03-31T00:00:00Z");
    assert_eq!((tenant.posted("acme"), tenant.posted("bolt")), (json!("60"), json!("0")));
    assert_eq!(tenant.ask("GET", "/v1/subscriptions/keeps", Value::Null).status, 404);
    assert_eq!(tenant.ask("DELETE", "/v1/subscriptions/keeps", Value::Null).json["code"], "not_found");
    let again = tenant.ask(
        "POST",
        "/v1/subscriptions",
        json!({"id": "keeps", "customer_id": "bolt", "plan_id": "x"}),
    );
    assert_eq!(again.status, 201, "its id is free again: {}", again.text);
}

#[test]
fn a_subscription_a_customer_and_a_wallet_have_grants_of_their_own() {
    let server = Server::start();
    let tenant = Tenant::new(&server);
    tenant.enrol(json!({"id": "sub_1", "customer_id": "acme", "plan_id": "empty"}));
    let wallet = tenant.ask("POST", "/v1/wallets", json!({"customer_id": "bolt", "currency": "eur"}));
    let wallet = wallet.json["id"].as_str().unwrap();
    let once = |scope: &str, named: &str, of: &str| json!({"name": "own", "scope": scope, named: of, "credits": "5", "cadence": "ONETIME"});
    for (body, scope, of) in [
        (once("SUBSCRIPTION", "subscription_id", "sub_1"), "SUBSCRIPTION", "sub_1"),
        (once("CUSTOMER", "customer_id", "acme"), "CUSTOMER", "acme"),
        (once("WALLET", "wallet_id", wallet), "WALLET", wallet),
        (once("SUBSCRIPTION", "subscription_id", wallet), "WALLET", wallet),
    ] {
        let made = tenant.ask("POST", "/v1/creditgrants", body);
        assert_eq!(made.status, 201, "{}", made.text);
        has_every_key(&made.json, GRANT);
        assert_eq!((&made.json["scope"], &made.json["subscription_id"]), (&json!(scope), &json!(of)));
        let id = made.json["id"].as_str().unwrap();
        assert_eq!(tenant.ask("GET", &format!("/v1/creditgrants/{id}"), Value::Null).json, made.json);
    }
    assert_eq!((tenant.posted("acme"), tenant.posted("bolt")), (json!("10"), json!("10")));
}

#[test]
fn a_repeat_with_the_same_key_grants_once_and_a_trial_grants_nothing() {
    let server = Server::start();
    server.ask("POST", "/v1/creditgrants", &monthly("starter", 100).to_string());
    let body = r#"{"customer_id":"acme","plan_id":"starter"}"#;
    let tried = server.ask("POST", "/v1/subscriptions?dry_run=true", body);
    assert_eq!((tried.status, &tried.json["granted"]), (201, &json!("100")), "{}", tried.text);
    assert_eq!(tried.json["id"], Value::Null);
    assert_eq!(server.ask("GET", "/v1/customers/acme/balance", "").status, 404, "a trial makes nobody");
    let first = server.ask_keyed("k1", "POST", "/v1/subscriptions", body);
    let again = server.ask_keyed("k1", "POST", "/v1/subscriptions", body);
    assert_eq!((first.status, again.status, &again.text), (201, 201, &first.text));
    assert_eq!(server.posted("acme"), "100");
    let other = r#"{"name":"own","scope":"CUSTOMER","customer_id":"acme","credits":5,"cadence":"ONETIME","idempotency_key":"k2"}"#;
    let first = server.ask("POST", "/v1/creditgrants", other);
    let again = server.ask("POST", "/v1/creditgrants", other);
    assert_eq!((first.status, &first.text), (201, &again.text));
    let plan =
        r#"{"name":"p","scope":"PLAN","plan_id":"q","credits":5,"cadence":"ONETIME","idempotency_key":"k3"}"#;
    let first = server.ask("POST", "/v1/creditgrants", plan);
    let again = server.ask("POST", "/v1/creditgrants", plan);
    assert_eq!((first.status, &first.text), (201, &again.text));
    assert_eq!(server.posted("acme"), "105");
    let taken = r#"{"id":"sub_1","customer_id":"acme","plan_id":"starter"}"#;
    assert_eq!(server.ask("POST", "/v1/subscriptions", taken).status, 201);
    let taken = server.ask("POST", "/v1/subscriptions", &taken.replace("acme", "bolt"));
    assert_eq!((taken.status, &taken.json["code"]), (409, &json!("already_exists")), "{}", taken.text);
}

#[test]
fn enrolments_and_plans_survive_a_restart() {
    let mut server = Server::start();
    let id = server.ask("POST", "/v1/creditgrants", &monthly("starter", 100).to_string()).json["id"].clone();
    server.ask("POST", "/v1/subscriptions", r#"{"id":"sub_1","customer_id":"acme","plan_id":"starter"}"#);
    let coming = server.ask("GET", "/v1/subscriptions/sub_1/grants/upcoming", "").text;
    server.restart();
    assert_eq!(server.ask("GET", "/v1/subscriptions/sub_1/grants/upcoming", "").text, coming);
    assert_eq!(server.ask("GET", "/v1/plans/starter/creditgrants", "").json["items"][0]["id"], id);
    assert_eq!(server.posted("acme"), "100");
}

#[test]
fn what_a_grant_cannot_be_is_said_and_makes_nothing() {
    let server = Server::start();
    let plan = monthly("p", 1);
    let with = |changes: Value| {
        let mut body = plan.clone();
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        body.to_string()
    };
    for (changes, field) in [
        (json!({"scope": "WORLD"}), "scope"),
        (json!({"cadence": "SOMETIMES"}), "cadence"),
        (json!({"period": "FORTNIGHTLY"}), "period"),
        (json!({"period": null}), "period"),
        (json!({"period_count": 0}), "period_count"),
        (json!({"credits": null}), "credits"),
        (json!({"credit_amount": 5}), "credit_amount"),
        (json!({"plan_id": null}), "plan_id"),
        (json!({"name": ""}), "name"),
        (json!({"expiration_type": "DURATION"}), "expiration_duration"),
        (json!({"expiration_type": "SOON"}), "expiration_type"),
        (json!({"start_date": "tomorrow"}), "start_date"),
        (json!({"currency": "dollars"}), "currency"),
        (json!({"scope": "SUBSCRIPTION"}), "subscription_id"),
    ] {
        let answer = server.ask("POST", "/v1/creditgrants", &with(changes));
        assert!((400..=422).contains(&answer.status), "{field}: {}", answer.text);
        assert!(answer.text.contains(field), "{field}: {}", answer.text);
    }
    for (changes, status) in [
        (json!({"credits": 0}), 400),
        (json!({"credits": "-1"}), 400),
        (json!({"scope": "SUBSCRIPTION", "subscription_id": "nobody"}), 404),
        (json!({"scope": "CUSTOMER", "customer_id": "nobody"}), 404),
        (json!({"rollover": {"share": "0.5"}}), 400),
    ] {
        let answer = server.ask("POST", "/v1/creditgrants", &with(changes.clone()));
        assert_eq!(answer.status, status, "{changes}: {}", answer.text);
    }
    assert_eq!(server.ask("GET", "/v1/plans/p/creditgrants", "").json["items"], json!([]));
    assert_eq!(server.ask("GET", "/v1/creditgrants/none", "").status, 404);
}

#[test]
fn a_key_that_only_reads_or_debits_grants_nothing_and_a_customers_key_changes_no_plan() {
    let server = Server::start();
    let body = monthly("starter", 100).to_string();
    let enrol = r#"{"customer_id":"acme","plan_id":"starter"}"#;
    for scope in ["read", "debit"] {
        let key = server.new_key(&[scope], None);
        assert_eq!(server.ask_as(&key, "POST", "/v1/creditgrants", &body).status, 403, "{scope}");
        assert_eq!(server.ask_as(&key, "POST", "/v1/subscriptions", enrol).status, 403, "{scope}");
    }
    server.ask("POST", "/v1/customers", r#"{"external_id":"acme","name":"Acme"}"#);
    let own = server.new_key(&["read", "write"], Some("acme"));
    assert_eq!(server.ask_as(&own, "POST", "/v1/creditgrants", &body).status, 403);
    let other = r#"{"customer_id":"bolt","plan_id":"starter"}"#;
    assert_eq!(server.ask_as(&own, "POST", "/v1/subscriptions", other).status, 404);
    let writer = server.new_key(&["write"], None);
    assert_eq!(server.ask_as(&writer, "POST", "/v1/creditgrants", &body).status, 201);
    assert_eq!(server.ask_as(&writer, "POST", "/v1/subscriptions", enrol).status, 201);
}
