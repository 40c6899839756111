//! What the tests of the front share: a real server on a port of its own, and a client that speaks HTTP by hand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use coffer::engine::{Engine, EngineOptions, TenantOperation};
use coffer::env::{Clock, Env};
use coffer::feed::payments::{Hidden, PaymentOptions, Payments};
use coffer::feed::webhooks::{WebhookOptions, Webhooks};
use coffer::feed::{Feed, FeedOptions};
use coffer::http::{Feeds, HttpOptions, HttpServer, Secret, ServeError};
use coffer_ledger::catalog::api_key::KeyScopes;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_ledger::ids::{LogPosition, RowId, TenantNumber};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A client that waits longer than this has found a server that hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// The tenant of the first key.
pub(crate) const FIRST: TenantNumber = TenantNumber(1);

type Serving = JoinHandle<Result<(), ServeError>>;

/// A server on a directory of its own, with one tenant and its admin key.
pub(crate) struct Server {
    runtime: Runtime,
    engine: Engine,
    feed: Feed,
    front: HttpServer,
    running: Option<(oneshot::Sender<()>, Serving)>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// A key that may do everything.
    pub(crate) key: String,
    dir: TempDir,
}

impl Server {
    /// With default settings.
    pub(crate) fn start() -> Self {
        Self::start_with(HttpOptions::default())
    }

    /// With these settings.
    pub(crate) fn start_with(options: HttpOptions) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (engine, key) = runtime.block_on(async {
            let engine = open(&dir, Env::os()).await;
            engine.create_tenant("default", Origin::default()).await.unwrap();
            let key = first_key(&engine).await;
            (engine, key)
        });
        let feed = follow(&engine, &dir);
        let (front, address, running) = serve(&runtime, &engine, Some(&feed), (options, Feeds::default()));
        Self { runtime, engine, feed, front, running: Some(running), address, key, dir }
    }

    /// A server that delivers webhooks too, to anybody, with waits of a hundredth, as far as `change` says nothing else.
    pub(crate) fn start_delivering(change: impl FnOnce(&mut WebhookOptions)) -> Self {
        let mut server = Self::start();
        server.deliver(&Env::os(), change);
        server
    }

    fn deliver(&mut self, env: &Env, change: impl FnOnce(&mut WebhookOptions)) {
        let mut options = WebhookOptions {
            allow_http: true,
            allow_private_addresses: true,
            wait_scale: 10,
            ..WebhookOptions::new(self.dir.path().join("webhooks.db"))
        };
        change(&mut options);
        let webhooks = Webhooks::start(&self.engine, env, options).unwrap();
        let with = (HttpOptions::default(), Feeds { webhooks: Some(webhooks), ..Feeds::default() });
        let (front, address, running) = serve(&self.runtime, &self.engine, Some(&self.feed), with);
        (self.front, self.address, self.running) = (front, address, Some(running));
    }

    /// A server that takes a provider's messages, on a machine with this clock, signed with this secret. It asks the provider in vain.
    pub(crate) fn start_paying(clock: Arc<dyn Clock>, secret: &str) -> Self {
        let mut server = Self::start();
        let options = PaymentOptions {
            tenant: None,
            api_key: Hidden::new("sk_test".to_owned()),
            webhook_secret: Hidden::new(secret.to_owned()),
            base_url: "http://127.0.0.1:9".to_owned(),
            timeout: PATIENCE,
            in_flight_max: 1,
            retry_first: PATIENCE,
            retry_max: PATIENCE,
            look_every: PATIENCE,
        };
        let env = Env { clock, ..Env::os() };
        let starting = Payments::start(&server.engine, &env, options);
        let feeds = Feeds { payments: Some(server.runtime.block_on(starting).unwrap()), ..Feeds::default() };
        let with = (HttpOptions::default(), feeds);
        let (front, address, running) = serve(&server.runtime, &server.engine, Some(&server.feed), with);
        (server.front, server.address, server.running) = (front, address, Some(running));
        server
    }

    /// Stops in good order and starts again on the same directory, at another address.
    pub(crate) fn restart(&mut self) {
        self.restart_in(Env::os());
    }

    /// The same in another environment, delivering webhooks.
    pub(crate) fn restart_delivering(&mut self, env: &Env) {
        self.restart_in(env.clone());
        self.deliver(env, |_| {});
    }

    fn restart_in(&mut self, env: Env) {
        self.stop().unwrap();
        assert!(self.runtime.block_on(self.feed.stop(PATIENCE)), "the feed did not end");
        self.runtime.block_on(self.engine.shutdown()).unwrap();
        self.engine = self.runtime.block_on(open(&self.dir, env));
        self.feed = follow(&self.engine, &self.dir);
        let with = (HttpOptions::default(), Feeds::default());
        let (front, address, running) = serve(&self.runtime, &self.engine, Some(&self.feed), with);
        (self.front, self.address, self.running) = (front, address, Some(running));
    }

    /// Serves the same without a history from now on.
    pub(crate) fn go_on_without_history(&mut self) {
        self.stop().unwrap();
        let with = (HttpOptions::default(), Feeds::default());
        let (front, address, running) = serve(&self.runtime, &self.engine, None, with);
        (self.front, self.address, self.running) = (front, address, Some(running));
    }

    /// The engine behind the front.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks the server to stop, and gives how it ended.
    pub(crate) fn stop(&mut self) -> Result<(), ServeError> {
        let (stop, serving) = self.running.take().unwrap();
        stop.send(()).unwrap();
        self.runtime.block_on(serving).unwrap()
    }

    /// Asks the server to stop, and does not wait.
    pub(crate) fn ask_to_stop(&mut self) -> Serving {
        let (stop, serving) = self.running.take().unwrap();
        stop.send(()).unwrap();
        serving
    }

    /// Waits for what [`Self::ask_to_stop`] gave.
    pub(crate) fn wait(&self, serving: Serving) -> Result<(), ServeError> {
        self.runtime.block_on(serving).unwrap()
    }

    /// A connection to a listener for operators, which is opened by this.
    pub(crate) fn connect_as_operator(&self) -> Connection {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let front = self.front.clone();
        self.runtime.spawn(async move { front.serve_ops(listener, std::future::pending()).await });
        Connection::to(address)
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.address)
    }

    /// One request on a connection of its own, with the admin key.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask_as(&self.key, method, path, body)
    }

    /// One request with this key.
    pub(crate) fn ask_as(&self, key: &str, method: &str, path: &str, body: &str) -> Answer {
        self.connect().ask(method, path, &[("x-api-key", key)], body)
    }

    /// One request with the admin key and an idempotency key.
    pub(crate) fn ask_keyed(&self, idempotency_key: &str, method: &str, path: &str, body: &str) -> Answer {
        let headers = [("x-api-key", &*self.key), ("idempotency-key", idempotency_key)];
        self.connect().ask(method, path, &headers, body)
    }

    /// A wallet of `customer` in usd with so many purchased credits; its id.
    pub(crate) fn wallet(&self, customer: &str, credits: &str) -> String {
        let made =
            self.ask("POST", "/v1/wallets", &format!(r#"{{"customer_id":"{customer}","currency":"usd"}}"#));
        assert_eq!(made.status, 200, "{}", made.text);
        let id = made.json["id"].as_str().unwrap().to_owned();
        if credits != "0" {
            let body =
                format!(r#"{{"transaction_reason":"PURCHASED_CREDIT_DIRECT","credits_to_add":"{credits}"}}"#);
            let topped = self.ask("POST", &format!("/v1/wallets/{id}/top-up"), &body);
            assert_eq!(topped.status, 200, "{}", topped.text);
        }
        id
    }

    /// A key with these scopes, bound to a customer or not; its secret.
    pub(crate) fn new_key(&self, scopes: &[&str], customer: Option<&str>) -> String {
        let body = serde_json::json!({"name": "test", "scopes": scopes, "customer_id": customer});
        let made = self.ask("POST", "/v1/keys", &body.to_string());
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["key"].as_str().unwrap().to_owned()
    }

    /// A hold of a customer's, placed as the body says; its id.
    pub(crate) fn hold(&self, customer: &str, body: &str) -> String {
        let placed = self.ask("POST", &format!("/v1/customers/{customer}/holds"), body);
        assert_eq!(placed.status, 201, "{}", placed.text);
        placed.json["hold_id"].as_str().unwrap().to_owned()
    }

    /// Waits for something of the engine's.
    pub(crate) fn wait_for<T>(&self, something: impl Future<Output = T>) -> T {
        self.runtime.block_on(something)
    }

    /// The id of the first row of what the record at this position was asked to do; `due` = of what became due before that.
    pub(crate) fn row_at(&self, position: &str, due: bool) -> String {
        let position = LogPosition(position.parse().unwrap());
        let stored = self.wait_for(self.engine.record(FIRST, position)).unwrap();
        let facts = &stored.record.facts;
        RowId::new(facts.at, position, if due { 0 } else { facts.first_row() }).to_string()
    }

    /// A verb of a hold's.
    pub(crate) fn on_hold(&self, customer: &str, hold: &str, verb: &str, body: &str) -> Answer {
        self.ask("POST", &format!("/v1/customers/{customer}/holds/{hold}/{verb}"), body)
    }

    /// Posted, held and available of a customer, from its balance.
    pub(crate) fn figures(&self, customer: &str) -> [String; 3] {
        let balance = self.ask("GET", &format!("/v1/customers/{customer}/balance"), "");
        assert_eq!(balance.status, 200, "{}", balance.text);
        ["posted", "held", "available"]
            .map(|figure| balance.json[figure].as_str().unwrap_or("none").to_owned())
    }

    /// Posted of a customer, from its balance.
    pub(crate) fn posted(&self, customer: &str) -> String {
        let balance = self.ask("GET", &format!("/v1/customers/{customer}/balance"), "");
        assert_eq!(balance.status, 200, "{}", balance.text);
        balance.json["posted"].as_str().unwrap_or("none").to_owned()
    }
}

async fn open(dir: &TempDir, env: Env) -> Engine {
    let settings =
        EngineOptions { segment_bytes: 2 << 20, snapshot_log_bytes: 0, ..EngineOptions::new(dir.path()) };
    Engine::open(settings, env, Arc::new(())).await.unwrap()
}

fn follow(engine: &Engine, dir: &TempDir) -> Feed {
    Feed::start(engine, &Env::os(), &FeedOptions::new(dir.path().join("history.db"))).unwrap()
}

fn serve(
    runtime: &Runtime,
    engine: &Engine,
    feed: Option<&Feed>,
    (options, feeds): (HttpOptions, Feeds),
) -> (HttpServer, SocketAddr, (oneshot::Sender<()>, Serving)) {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let feeds = Feeds { history: feed.map(Feed::history), ..feeds };
    let front = HttpServer::with_feeds(engine.clone(), options, feeds);
    let serving = front.clone();
    let serving = runtime.spawn(async move { serving.serve(listener, async { drop(stopped.await) }).await });
    (front, address, (stop, serving))
}

async fn first_key(engine: &Engine) -> String {
    let secret = Secret::generate(engine);
    let scopes = KeyScopes { debit: true, read: true, write: true, admin: true };
    let command = TenantCommand::CreateKey {
        secret_sha256: secret.sha256(),
        name: "first".into(),
        scopes,
        customer: None,
    };
    engine.submit_tenant(FIRST, TenantOperation::new(command, Origin::default())).await.unwrap();
    secret.reveal().to_owned()
}

/// A connection that is kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// To this address.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// One request and its answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let typed = headers.iter().any(|(name, _)| *name == "content-type");
        if !body.is_empty() && !typed {
            request.push_str("content-type: application/json\r\n");
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.send(request.as_bytes());
        self.answer().expect("an answer")
    }

    /// Bytes as they are. A server that has hung up already is not an error here: its answer can still be read.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next answer; `None` if the server closed the connection.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end;
            }
            self.fill()?;
        };
        let head = String::from_utf8(self.unread[..head_end].to_vec()).unwrap();
        let length: usize = header_of(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let end = head_end + 4 + length;
        while self.unread.len() < end {
            self.fill()?;
        }
        let body = self.unread[head_end + 4..end].to_vec();
        self.unread.drain(..end);
        Some(Answer::read(head, body))
    }

    /// Whether the server closes the connection before anything else comes.
    pub(crate) fn is_closed(&mut self) -> bool {
        while self.unread.is_empty() {
            if self.fill().is_none() {
                return true;
            }
        }
        false
    }

    fn fill(&mut self) -> Option<()> {
        let mut buffer = [0; 16 << 10];
        let read = match self.stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Some(()),
            Err(error) => panic!("the server hangs: {error}"),
        };
        self.unread.extend_from_slice(&buffer[..read]);
        (read > 0).then_some(())
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body as text.
    pub(crate) text: String,
    /// The body as JSON; null if it is none.
    pub(crate) json: Value,
    head: String,
}

impl Answer {
    fn read(head: String, body: Vec<u8>) -> Self {
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let text = String::from_utf8(body).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, text, json, head }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header_of(&self.head, name)
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or("no code")
    }
}

fn header_of<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
