//! A real engine on a disk in memory with some things in it, and the real routes in front of it.
//!
//! It is made anew after some writes, so that an input never meets much of what earlier ones left, and a disk in memory stays small.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_ledger::ids::TenantNumber;
use coffer_wal::storage::crash::CrashStorage;
use http_body_util::BodyExt;
use hyper_util::service::TowerToHyperService;
use tokio::runtime::Runtime;

use crate::engine::{Engine, EngineOptions, TenantOperation};
use crate::env::Env;
use crate::http::{App, HttpOptions, Secret, api};

const FIRST: TenantNumber = TenantNumber(1);
const SEGMENT_BYTES: u64 = 2 << 20;
/// Records after which everything is made anew.
const RECORDS_MAX: u64 = 100;

/// The front, its engine, and names of what is in it.
pub(super) struct Front {
    router: TowerToHyperService<Router>,
    engine: Engine,
    /// A key that may do everything.
    pub(super) key: String,
    /// Names that a request can use, and what each stands for here.
    pub(super) names: Vec<(&'static str, String)>,
    runtime: Runtime,
}

impl Front {
    /// With customer `acme`, who has a wallet with credit, a debit and a hold.
    pub(super) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("the machine gives threads");
        let (engine, key) = runtime.block_on(open());
        let app = Arc::new(App::new(engine.clone(), HttpOptions::default(), super::super::Feeds::default()));
        let router = TowerToHyperService::new(api().0.with_state(app));
        let mut front = Self { router, engine, key, names: Vec::new(), runtime };
        front.furnish();
        front
    }

    fn furnish(&mut self) {
        let key = self.make("/v1/keys", r#"{"name":"other","scopes":["read"]}"#);
        let wallet =
            self.make("/v1/wallets", r#"{"customer_id":"acme","currency":"usd","overdraft_limit":5}"#);
        let id = |made: &serde_json::Value| made["id"].as_str().expect("it has an id").to_owned();
        self.names = vec![("@wallet", id(&wallet)), ("@key", id(&key))];
        let top_up = r#"{"transaction_reason":"PURCHASED_CREDIT_DIRECT","credits_to_add":"1000"}"#;
        let credit = self.make(&format!("/v1/wallets/{}/top-up", id(&wallet)), top_up);
        self.names.push(("@credit", id(&credit["wallet_transaction"])));
        let debit = self.make("/v1/customers/acme/debits", r#"{"credits":"1"}"#);
        let row = debit["transaction_id"].as_str().expect("a debit has a row").to_owned();
        self.names.push(("@row", row));
        let hold = self.make("/v1/customers/acme/holds", r#"{"credits":"10"}"#);
        self.names.push(("@hold", hold["hold_id"].as_str().expect("a hold has an id").to_owned()));
    }

    fn make(&self, path: &str, body: &str) -> serde_json::Value {
        let request = Request::post(path).header("x-api-key", &self.key).body(Body::from(body.to_owned()));
        let (status, reply) = self.ask(request.expect("a request"));
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&reply));
        serde_json::from_slice(&reply).expect("replies are JSON")
    }

    /// Asks, and gives the status and the body of the answer.
    pub(super) fn ask(&self, request: Request<Body>) -> (StatusCode, Bytes) {
        self.runtime.block_on(async {
            let response = match hyper::service::Service::call(&self.router, request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (head, body) = response.into_parts();
            (head.status, body.collect().await.expect("the body is in memory").to_bytes())
        })
    }

    /// Whether it holds so much that it should be made anew.
    pub(super) fn is_worn(&self) -> bool {
        self.engine.stats().appended.0 > RECORDS_MAX
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // A front whose log halted was reported by whoever asked last.
        let _ = self.runtime.block_on(self.engine.shutdown());
    }
}

async fn open() -> (Engine, String) {
    let env = Env { storage: Arc::new(CrashStorage::new()), ..Env::os() };
    let options = EngineOptions {
        segment_bytes: SEGMENT_BYTES,
        snapshot_log_bytes: 0,
        snapshot_at_shutdown: false,
        ..EngineOptions::new(PathBuf::from("/data"))
    };
    let engine = Engine::open(options, env, Arc::new(())).await.expect("an empty disk");
    engine.create_tenant("default", Origin::default()).await.expect("the first tenant");
    let secret = Secret::generate(&engine);
    let command = TenantCommand::CreateKey {
        secret_sha256: secret.sha256(),
        name: "first".into(),
        scopes: KeyScopes { debit: true, read: true, write: true, admin: true },
        customer: None,
    };
    let operation = TenantOperation::new(command, Origin::default());
    engine.submit_tenant(FIRST, operation).await.expect("the first key");
    (engine, secret.reveal().to_owned())
}
