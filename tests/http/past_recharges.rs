//! The past of a wallet that recharges itself: what was shown of it is shown again, and what changed between two instants says so.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let done = server.ask(method, path, &body.to_string());
    assert_eq!(done.status, 200, "{method} {path}: {}", done.text);
    done.json
}

fn wallet(server: &Server, invoicing: bool) -> String {
    let made = ask(
        server,
        "POST",
        "/v1/wallets",
        &json!({
            "customer_id": "acme", "currency": "usd", "initial_credits_to_load": 50,
            "alert_settings": {"alert_enabled": true, "info": {"threshold": "45", "condition": "below"},
                               "critical": {"threshold": "10", "condition": "below"}},
            "auto_topup": {"enabled": true, "threshold": 20, "amount": 100, "invoicing": invoicing},
        }),
    );
    made["id"].as_str().unwrap().to_owned()
}

fn debit(server: &Server, credits: &str) -> Value {
    ask(server, "POST", "/v1/customers/acme/debits", &json!({"credits": credits}))
}

fn balance(server: &Server, query: &str) -> Answer {
    let answer = server.ask("GET", &format!("/v1/customers/acme/balance{query}"), "");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

/// A balance as it is shown now, and where.
fn seen(server: &Server) -> (String, Answer) {
    let answer = balance(server, "");
    (answer.header("x-log-position").unwrap().to_owned(), answer)
}

fn change(before: &str, after: &str, change: &str) -> Value {
    json!({"before": before, "after": after, "change": change})
}

/// What became of each tranche, what it had and has.
fn tranches(diff: &Value) -> Vec<[String; 3]> {
    let told = |one: &Value| {
        let remaining = &one["remaining"];
        [&one["became"], &remaining["before"], &remaining["after"]]
            .map(|text| text.as_str().unwrap().to_owned())
    };
    let mut all: Vec<_> = diff["wallets"][0]["tranches"].as_array().unwrap().iter().map(told).collect();
    all.sort_unstable();
    all
}

/// Without what goes by the clock: a minute after the rules came the pace is known.
fn without_runway(answer: &Answer) -> Value {
    let mut shown = answer.json.clone();
    for wallet in shown["wallets"].as_array_mut().unwrap() {
        wallet.as_object_mut().unwrap().remove("runway_seconds");
    }
    shown
}

#[test]
fn pending_credit_and_alerts_are_seen_as_they_stood_and_a_difference_has_the_recharge_when_it_is_paid() {
    let mut server = Server::start();
    let wallet = wallet(&server, true);
    let mut shown = vec![seen(&server)];
    // It crosses the threshold of the recharge and one of the alerts.
    let recharge = debit(&server, "35")["recharge"]["recharge_id"].as_str().unwrap().to_owned();
    shown.push(seen(&server));
    debit(&server, "7");
    shown.push(seen(&server));
    ask(&server, "POST", &format!("/v1/recharges/{recharge}/complete"), &json!({}));
    shown.push(seen(&server));
    // Another level of the alert from now on: what was is not judged anew.
    let settings = json!({"alert_settings": {"alert_enabled": true, "warning": {"threshold": "500", "condition": "below"}}});
    ask(&server, "PUT", &format!("/v1/wallets/{wallet}"), &settings);
    shown.push(seen(&server));
    let told: Vec<_> = shown
        .iter()
        .map(|(_, answer)| {
            let wallet = &answer.json["wallets"][0];
            [&answer.json["posted"], &answer.json["pending"], &wallet["alert_state"]].map(Value::to_string)
        })
        .collect();
    let expected = [
        ["50", "0", "ok"],
        ["15", "100", "info"],
        ["8", "100", "in_alarm"],
        ["108", "0", "ok"],
        ["108", "0", "warning"],
    ];
    assert_eq!(told, expected.map(|one| one.map(|text| format!("{text:?}"))));

    for restarted in [false, true] {
        if restarted {
            server.restart();
        }
        for (position, answer) in &shown {
            let then = balance(&server, &format!("?as_of={position}"));
            assert_eq!(
                without_runway(&then),
                without_runway(answer),
                "as of {position}, restarted: {restarted}"
            );
        }
    }

    let diff = |from: usize, to: usize| {
        balance(&server, &format!("/diff?from={}&to={}", shown[from].0, shown[to].0)).json
    };
    // While it pends it is in no balance, and no tranche of it is there.
    let begun = diff(0, 1);
    assert_eq!(begun["wallets"][0]["posted"], change("50", "15", "-35"), "{begun}");
    assert_eq!(tranches(&begun), [["changed", "50", "15"]], "{begun}");
    let paid = diff(1, 3);
    assert_eq!(paid["wallets"][0]["posted"], change("15", "108", "93"), "{paid}");
    assert_eq!(tranches(&paid), [["changed", "15", "8"], ["new", "0", "100"]], "{paid}");
    let rows = json!({"count": 2, "first_sequence": 3, "last_sequence": 4});
    assert_eq!(paid["wallets"][0]["rows"], rows, "the debit, and the credit that came in");
    let judged = diff(3, 4);
    assert_eq!(judged["wallets"][0]["posted"], change("108", "108", "0"), "{judged}");
    assert_eq!((tranches(&judged).len(), &judged["wallets"][0]["rows"]["count"]), (0, &json!(0)), "{judged}");
}

#[test]
fn a_direct_recharge_is_in_the_difference_of_its_debit_and_out_again_when_it_is_not_paid() {
    let server = Server::start();
    ask(&server, "PUT", "/v1/settings", &json!({"payment_result": true}));
    wallet(&server, false);
    let (from, _) = seen(&server);
    // 80 of the 50 there are: the recharge comes before it.
    let recharge = debit(&server, "80")["recharge"]["recharge_id"].as_str().unwrap().to_owned();
    let (to, _) = seen(&server);
    let diff = balance(&server, &format!("/diff?from={from}&to={to}")).json;
    assert_eq!(diff["units"][0]["posted"], change("50", "70", "20"), "{diff}");
    assert_eq!(tranches(&diff), [["gone", "50", "0"], ["new", "0", "70"]], "{diff}");
    ask(&server, "POST", &format!("/v1/recharges/{recharge}/fail"), &json!({}));
    let (end, _) = seen(&server);
    let diff = balance(&server, &format!("/diff?from={to}&to={end}")).json;
    // What was spent of it is owed.
    assert_eq!(diff["units"][0]["posted"], change("70", "-30", "-100"), "{diff}");
    assert_eq!(tranches(&diff), [["gone", "70", "0"]], "{diff}");
    let then = balance(&server, &format!("?as_of={to}")).json;
    assert_eq!((&then["posted"], &then["pending"]), (&json!("70"), &json!("0")), "{then}");
}
