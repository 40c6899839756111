//! A single debit goes past axum's router: it is what gateways send with each of their own requests, and the router's boxed services
//! and lists of parameters were a tenth of its cost (docs/decisions/0009).
//!
//! Both ways meet in [`routes::serve`], so they differ in nothing else; a name with an escape goes through the router. Tested below and
//! in tests/http/both_ways.rs.

use std::ops::Range;
use std::sync::Arc;

use axum::http::{Method, Request};
use axum::response::Response;
use hyper::body::Incoming;

use super::auth::KeyMemo;
use super::call::Params;
use super::routes::{self, Found};
use super::{App, DEBIT, debits};

const BEFORE: &str = "/v1/customers/";
const BEHIND: &str = "/debits";

/// Where the customer's name stands in the path of a single debit; `None` for everything that the router must look at.
pub(super) fn customer<B>(request: &Request<B>) -> Option<Range<usize>> {
    let name = request.uri().path().strip_prefix(BEFORE)?.strip_suffix(BEHIND)?;
    // A path of the router's own begins with that name.
    let routed =
        name.is_empty() || name == "external" || name.bytes().any(|byte| matches!(byte, b'/' | b'%'));
    (request.method() == Method::POST && !routed).then(|| BEFORE.len()..BEFORE.len() + name.len())
}

/// Answers a single debit of the customer whose name stands there.
pub(super) fn debit(
    app: &Arc<App>,
    customer: Range<usize>,
    memo: &KeyMemo,
    request: Request<Incoming>,
) -> impl Future<Output = Response> {
    routes::serve(app, DEBIT, Found::Directly(Params::Id(customer), memo), request, debits::create)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer_of(method: Method, uri: &str) -> Option<String> {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        customer(&request).map(|place| request.uri().path()[place].to_owned())
    }

    #[test]
    fn only_plain_names_of_single_debits_go_past_the_router() {
        let post = |uri| customer_of(Method::POST, uri);
        assert_eq!(post("/v1/customers/acme/debits").as_deref(), Some("acme"));
        assert_eq!(post("/v1/customers/acme/debits?dry_run=true").as_deref(), Some("acme"));
        assert_eq!(post("http://127.0.0.1:7070/v1/customers/a-b_c.d/debits").as_deref(), Some("a-b_c.d"));
        for uri in [
            "/v1/customers//debits",
            "/v1/customers/debits",
            "/v1/customers/a%20b/debits",
            "/v1/customers/a/b/debits",
            "/v1/customers/external/debits",
            "/v1/customers/acme/debits/",
            "/v1/customers/acme/balance",
            "/v1/debits/batch",
        ] {
            assert_eq!(post(uri), None, "{uri}");
        }
        assert_eq!(customer_of(Method::GET, "/v1/customers/acme/debits"), None);
    }
}
