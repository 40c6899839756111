//! One request to Stripe's HTTP API: a form goes out, JSON comes back.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use axum::http::{HeaderName, HeaderValue, Method, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::super::PaymentOptions;

/// The version of Stripe's API that the fields are read by, whatever the account's default is.
const API_VERSION: &str = "2024-06-20";
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const AGENT: &str = concat!("coffer/", env!("CARGO_PKG_VERSION"));
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// Bytes of an answer: a hundred of the largest objects fit.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// What Stripe answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// How long it asks to be left alone.
    pub(super) retry_after: Option<Duration>,
    /// JSON; null if it was none.
    pub(super) body: Value,
}

impl Answer {
    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// A text in the body.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer)?.as_str()
    }
}

/// Parameters of a request.
pub(super) type Form = Vec<(&'static str, String)>;

/// Why there was no answer, in words.
pub(super) type NoAnswer = String;

/// Calls Stripe. Follows no redirect and asks no proxy; keeps connections.
pub(super) struct Client {
    http: HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base_url: String,
    authorization: HeaderValue,
    timeout: Duration,
}

impl Client {
    /// Trusts the authorities that the machine trusts, or those of the file in `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// When the machine's authorities cannot be read.
    pub(super) fn new(options: &PaymentOptions) -> std::io::Result<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        let connector = connector.https_or_http().enable_http1().build();
        let bearer = format!("Bearer {}", options.api_key.reveal());
        let mut authorization =
            HeaderValue::try_from(bearer).map_err(|_| std::io::Error::other("the API key is not text"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            http: HttpClient::builder(TokioExecutor::new()).build(connector),
            base_url: options.base_url.trim_end_matches('/').to_owned(),
            authorization,
            timeout: options.timeout,
        })
    }

    /// Reads something.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub(super) async fn get(&self, path: &str, query: &Form) -> Result<Answer, NoAnswer> {
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{}", encode(query)) };
        self.call(Request::get(self.url(&path)), String::new()).await
    }

    /// Changes something, once however often it is asked under this key.
    ///
    /// # Errors
    /// [`NoAnswer`]: whether it happened is not known.
    pub(super) async fn post(&self, path: &str, form: &Form, key: &str) -> Result<Answer, NoAnswer> {
        let request = Request::builder().method(Method::POST).uri(self.url(path));
        self.call(request.header(IDEMPOTENCY_KEY, key).header(CONTENT_TYPE, FORM), encode(form)).await
    }

    /// Ends something. It needs no key: what has ended does not end twice, and a refusal today is none for tomorrow.
    ///
    /// # Errors
    /// [`NoAnswer`]: whether it happened is not known.
    pub(super) async fn end(&self, method: Method, path: &str) -> Result<Answer, NoAnswer> {
        self.call(Request::builder().method(method).uri(self.url(path)), String::new()).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    async fn call(&self, request: axum::http::request::Builder, body: String) -> Result<Answer, NoAnswer> {
        let request = request
            .header(AUTHORIZATION, self.authorization.clone())
            .header(STRIPE_VERSION, API_VERSION)
            .header(USER_AGENT, AGENT)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answered = tokio::time::timeout(self.timeout, self.exchange(request)).await;
        answered.unwrap_or_else(|_| Err(format!("no answer in {} s", self.timeout.as_secs_f64())))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let response = self.http.request(request).await.map_err(|error| told(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status, retry_after, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
    }
}

fn encode(form: &Form) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

/// With what is behind it, which is what says something.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        told = format!("{told}: {error}");
        source = error.source();
    }
    told
}
