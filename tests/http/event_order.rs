//! What orders events (docs/EVENTS.md): the position of their record as a number, then their id within it.

use serde_json::json;

use crate::sse::Sse;
use crate::support::Server;

const CUSTOMERS: usize = 8;
const DEBITS: usize = 40;

#[test]
fn positions_as_numbers_and_ids_within_one_order_what_happens_to_many_at_once() {
    let server = Server::start();
    let names: Vec<_> = (0..CUSTOMERS).map(|number| format!("customer-{number}")).collect();
    for name in &names {
        // So one debit of each is two events: its row, and the alert.
        let wallet = server.wallet(name, "10");
        let settings = json!({"alert_settings": {"critical": {"threshold": 5}}});
        let set = server.ask("PUT", &format!("/v1/wallets/{wallet}"), &settings.to_string());
        assert_eq!(set.status, 200, "{}", set.text);
    }
    let mut stream = Sse::open(&server.address.to_string(), &server.key, "/v1/stream", Some("0"));
    std::thread::scope(|scope| {
        for name in &names {
            let server = &server;
            scope.spawn(move || {
                for _ in 0..DEBITS {
                    let path = format!("/v1/customers/{name}/debits");
                    assert_eq!(server.ask("POST", &path, r#"{"credits":"0.2"}"#).status, 200);
                }
            });
        }
    });
    let mut places = Vec::new();
    let mut rows = 0;
    while rows < CUSTOMERS * (DEBITS + 1) {
        let came = stream.next().expect("the stream goes on");
        rows += usize::from(came.kind == "wallet.transaction.created");
        let position: u64 = came.data["log_position"].as_str().unwrap().parse().unwrap();
        places.push((position, came.data["id"].as_str().unwrap().to_owned()));
    }
    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
    assert!(
        places.is_sorted_by_key(|(position, _)| *position)
            && places.windows(2).any(|two| two[0].0 == two[1].0)
    );
}
