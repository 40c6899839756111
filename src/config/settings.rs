//! The table of settings: every key and what it may be. A key without its section is unique, so that it names a variable.

use std::fmt;

use crate::export::SERVICE_CATEGORIES;
use crate::feed::history::{Address, Server};
use crate::feed::payments::Hidden;

/// A value as the table checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An address, a path or a word.
    Text(String),
    /// A whole number.
    Integer(u64),
    /// A switch.
    Bool(bool),
    /// A database server, with what logs in to it. Prints without its password.
    Server(Box<Server>),
    /// A secret. Does not print.
    Secret(Hidden),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bool(switch) => write!(f, "{switch}"),
            Self::Server(server) => write!(f, "\"{server}\""),
            Self::Secret(secret) => write!(f, "{secret:?}"),
        }
    }
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// An IP address and a port.
    Address,
    /// The same, or empty for none.
    OptionalAddress,
    /// A path; not empty.
    Path,
    /// A path, or empty for none.
    OptionalPath,
    /// Text of one line, at most 128 bytes; may be empty.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number in this range, both ends included, that `step` divides.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
        /// What it is a multiple of.
        step: u64,
    },
    /// `true` or `false`.
    Bool,
    /// A PostgreSQL connection string, or empty for none. It may hold a password.
    OptionalServer,
    /// A name of a PostgreSQL schema.
    Schema,
    /// A secret of visible ASCII characters, or empty for none.
    OptionalSecret,
    /// Where an HTTP API is: over TLS, or on this machine.
    BaseUrl,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.name`.
    pub key: &'static str,
    /// What it may be.
    pub allowed: Allowed,
}

impl Setting {
    /// The setting of this key.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        let (section, name) = self.key.split_once('.').expect("every key of the table has a section");
        let name =
            if NAMED_WITH_SECTION.contains(&section) { format!("{section}_{name}") } else { name.to_owned() };
        format!("COFFER_{}", name.to_ascii_uppercase())
    }
}

const fn integer(key: &'static str, min: u64, max: u64) -> Setting {
    Setting { key, allowed: Allowed::Integer { min, max, step: 1 } }
}

const fn setting(key: &'static str, allowed: Allowed) -> Setting {
    Setting { key, allowed }
}

/// The sections whose keys say too little without them.
const NAMED_WITH_SECTION: &[&str] = &["archive", "history", "stripe"];

/// What it may be depends on the category, which may be set in another layer.
pub(super) const SUBCATEGORY: &str = "exports.focus_service_subcategory";

/// At most `http.page_items_max`, which may be set in another layer.
pub(super) const PAGE_DEFAULT: &str = "http.page_items_default";

const SECRET_BYTES_MAX: usize = 512;
const SECONDS_MAX: u64 = 86_400;
const NAME_BYTES_MAX: usize = 128;
const COUNT_MAX: u64 = 1_000_000_000;
const BODY_BYTES_MAX: u64 = 64 << 20;

/// A secret is sent there: in the clear it stays on this machine.
fn is_base_url(text: &str) -> bool {
    let Ok(url) = text.parse::<axum::http::Uri>() else { return false };
    let plain = url.path() == "/" && url.query().is_none() && !text.contains(['@', '#']);
    let local = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
    plain
        && match url.scheme_str() {
            Some("https") => url.host().is_some(),
            Some("http") => local,
            _ => false,
        }
}

/// Every setting, in the order of config/default.toml.
pub const SETTINGS: &[Setting] = &[
    setting("server.listen", Allowed::Address),
    setting("server.ops_listen", Allowed::OptionalAddress),
    setting("server.data_dir", Allowed::Path),
    setting("server.log_format", Allowed::Word(&["auto", "text", "json"])),
    integer("server.worker_threads", 0, 1_024),
    integer("server.shutdown_timeout_s", 1, SECONDS_MAX),
    integer("http.body_bytes_max", 1_024, BODY_BYTES_MAX),
    integer("http.batch_body_bytes_max", 1_024, BODY_BYTES_MAX),
    integer("http.batch_items_max", 1, 100_000),
    integer("http.header_bytes_max", 8_192, 1 << 20),
    integer("http.headers_max", 8, 1_000),
    integer("http.url_bytes_max", 256, 65_534),
    integer("http.header_timeout_s", 1, SECONDS_MAX),
    integer("http.body_timeout_s", 1, SECONDS_MAX),
    integer("http.idle_timeout_s", 1, SECONDS_MAX),
    integer("http.drain_timeout_s", 1, SECONDS_MAX),
    integer("http.connections_max", 1, 1_000_000),
    integer(PAGE_DEFAULT, 1, 10_000),
    integer("http.page_items_max", 1, 10_000),
    integer("http.exports_max", 1, 64),
    integer("http.export_parquet_records_max", 1, COUNT_MAX),
    integer("http.refusals_kept_per_customer", 0, 10_000),
    integer("http.refusals_bytes_max", 0, 1 << 36),
    integer("streams.streams_max", 0, 1_000_000),
    integer("streams.streams_per_tenant_max", 0, 1_000_000),
    integer("streams.stream_buffer_events", 1, 1_000_000),
    integer("streams.stream_heartbeat_s", 1, SECONDS_MAX),
    integer("streams.stream_resume_records_max", 0, 10 * COUNT_MAX),
    integer("streams.stream_resumes_max", 1, 64),
    setting("stripe.api_key", Allowed::OptionalSecret),
    setting("stripe.webhook_secret", Allowed::OptionalSecret),
    setting("stripe.tenant", Allowed::Name),
    setting("stripe.base_url", Allowed::BaseUrl),
    integer("stripe.timeout_s", 1, 300),
    integer("stripe.in_flight_max", 1, 1_024),
    integer("stripe.retry_first_ms", 10, 3_600_000),
    integer("stripe.retry_max_s", 1, SECONDS_MAX),
    integer("stripe.look_every_s", 1, SECONDS_MAX),
    setting("webhooks.webhooks_enabled", Allowed::Bool),
    setting("webhooks.webhooks_path", Allowed::OptionalPath),
    integer("webhooks.webhook_timeout_s", 1, 300),
    integer("webhooks.webhooks_in_flight_max", 1, 65_536),
    integer("webhooks.webhook_endpoint_in_flight_max", 1, 1_024),
    integer("webhooks.webhook_pending_max", 1, COUNT_MAX),
    integer("webhooks.webhook_deliveries_kept", 0, COUNT_MAX),
    integer("webhooks.webhook_disable_after_h", 0, 8_784),
    setting("webhooks.webhook_allow_http", Allowed::Bool),
    setting("webhooks.webhook_allow_private_addresses", Allowed::Bool),
    integer("engine.writes_in_flight_max", 1, 1_000_000),
    integer("engine.writes_in_flight_tenant_max", 1, 1_000_000),
    integer("engine.writes_in_flight_customer_max", 1, 1_000_000),
    integer("engine.internal_in_flight_max", 1, 65_536),
    integer("engine.actors_max", 1, 10_000_000),
    integer("engine.actor_idle_s", 1, SECONDS_MAX),
    integer("engine.ticks_per_s_max", 1, 1_000_000),
    integer("engine.idempotency_window_h", 1, 8_784),
    integer("engine.keys_max", 1, 10 * COUNT_MAX),
    integer("engine.as_of_records_max", 1, COUNT_MAX),
    integer("engine.as_of_in_flight_max", 1, 1_024),
    integer("limits.wallets_max", 1, 1_024),
    integer("limits.tranches_max", 1, 100_000),
    integer("limits.slices_max", 1, 2_000),
    integer("limits.due_per_record_max", 1, 1_000),
    integer("limits.hold_pins_per_record_max", 1, 2_000),
    integer("limits.hold_bytes_max", 4_096, 224 << 10),
    integer("limits.holds_max", 1, 1_000_000),
    integer("limits.hold_lifetime_max_s", 1, 31_622_400),
    integer("limits.refunds_max", 1, 10_000_000),
    integer("limits.invoices_max", 1, 10_000_000),
    integer("limits.invoice_lines_max", 1, 1_000),
    integer("limits.budgets_max", 1, 100_000),
    integer("limits.budget_levels_max", 1, 16),
    integer("limits.transfers_open_max", 1, 100_000),
    integer("limits.subscriptions_max", 1, 10_000),
    integer("limits.grants_max", 1, 100_000),
    integer("limits.grant_periods_past_max", 0, 100_000),
    integer("limits.recharges_open_max", 1, 100_000),
    integer("limits.pending_expires_in_s", 60, 366 * 24 * 3_600),
    integer("limits.atomic_items_max", 1, 1_000),
    integer("limits.event_ahead_max_s", 0, 86_400),
    integer("limits.event_age_max_s", 1, 31_622_400),
    integer("limits.keys_per_tenant_max", 1, 10_000),
    integer("limits.rate_cards_max", 1, 10_000),
    integer("limits.tiers_max", 1, 256),
    integer("limits.plan_grants_max", 1, 100_000),
    integer("limits.webhook_endpoints_max", 1, 1_000),
    setting("log.segment_bytes", Allowed::Integer { min: 2 << 20, max: 4 << 30, step: 4_096 }),
    setting("log.direct_io", Allowed::Bool),
    integer("log.snapshot_log_bytes", 0, 1 << 40),
    setting("log.snapshot_at_shutdown", Allowed::Bool),
    integer("archive.keep_days", 0, 36_500),
    integer("archive.keep_bytes", 0, 1 << 60),
    setting("history.enabled", Allowed::Bool),
    setting("history.path", Allowed::OptionalPath),
    setting("history.postgres", Allowed::OptionalServer),
    setting("history.postgres_schema", Allowed::Schema),
    integer("history.batch_records", 1, 1_000_000),
    integer("history.lag_records_max", 0, 1_000_000_000),
    setting("exports.focus_provider", Allowed::Name),
    setting("exports.focus_publisher", Allowed::Name),
    setting("exports.focus_invoice_issuer", Allowed::Name),
    setting("exports.focus_service_name", Allowed::Name),
    setting("exports.focus_service_category", Allowed::Word(SERVICE_CATEGORIES)),
    setting(SUBCATEGORY, Allowed::Name),
    integer("clock.gap_days_max", 1, 36_500),
    setting("clock.accept_clock", Allowed::Bool),
    setting("audit.audit_key", Allowed::OptionalPath),
];

impl Allowed {
    /// Checks a value of a TOML file; `None` if it is not allowed.
    #[must_use]
    pub fn check(self, value: &toml::Value) -> Option<Value> {
        match (self, value) {
            (
                Self::Address
                | Self::OptionalAddress
                | Self::Path
                | Self::OptionalPath
                | Self::Name
                | Self::Word(_)
                | Self::OptionalServer
                | Self::Schema
                | Self::OptionalSecret
                | Self::BaseUrl,
                toml::Value::String(text),
            ) => self.check_text(text),
            (Self::Integer { .. }, toml::Value::Integer(number)) => self.check_text(&number.to_string()),
            (Self::Bool, toml::Value::Boolean(switch)) => Some(Value::Bool(*switch)),
            (
                Self::Address
                | Self::OptionalAddress
                | Self::Path
                | Self::OptionalPath
                | Self::Name
                | Self::Word(_)
                | Self::Integer { .. }
                | Self::Bool
                | Self::OptionalServer
                | Self::Schema
                | Self::OptionalSecret
                | Self::BaseUrl,
                _,
            ) => None,
        }
    }

    /// Checks the text of a variable or a flag; `None` if it is not allowed.
    #[must_use]
    pub fn check_text(self, text: &str) -> Option<Value> {
        match self {
            Self::OptionalAddress if text.is_empty() => Some(Value::Text(String::new())),
            Self::Address | Self::OptionalAddress => {
                text.parse::<std::net::SocketAddr>().ok().map(|_| Value::Text(text.to_owned()))
            }
            Self::OptionalPath if text.is_empty() => Some(Value::Text(String::new())),
            Self::Path | Self::OptionalPath => {
                (!text.is_empty() && !text.contains('\0')).then(|| Value::Text(text.to_owned()))
            }
            Self::Name => (text.len() <= NAME_BYTES_MAX && !text.contains(char::is_control))
                .then(|| Value::Text(text.to_owned())),
            Self::Word(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Integer { min, max, step } => {
                let number = text.parse::<u64>().ok()?;
                ((min..=max).contains(&number) && number.is_multiple_of(step))
                    .then_some(Value::Integer(number))
            }
            Self::Bool => text.parse().ok().map(Value::Bool),
            Self::OptionalServer if text.is_empty() => Some(Value::Text(String::new())),
            Self::OptionalServer => text.parse().ok().map(Box::new).map(Value::Server),
            Self::Schema => Address::is_schema(text).then(|| Value::Text(text.to_owned())),
            Self::OptionalSecret => (text.len() <= SECRET_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_graphic()))
            .then(|| Value::Secret(Hidden::new(text.to_owned()))),
            Self::BaseUrl => is_base_url(text).then(|| Value::Text(text.to_owned())),
        }
    }

    /// Whether a value may be printed that is not allowed.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::OptionalServer | Self::OptionalSecret)
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("an IP address and a port, such as 127.0.0.1:7070 or [::]:7070"),
            Self::OptionalAddress => {
                f.write_str("an IP address and a port, such as 127.0.0.1:7071, or empty")
            }
            Self::Path => f.write_str("a path"),
            Self::OptionalPath => f.write_str("a path, or empty"),
            Self::Name => write!(f, "a line of at most {NAME_BYTES_MAX} bytes, or empty"),
            Self::Word(words) => write!(f, "one of {}", words.join(", ")),
            Self::Integer { min, max, step: 1 } => write!(f, "a whole number from {min} to {max}"),
            Self::Integer { min, max, step } => write!(f, "a multiple of {step} from {min} to {max}"),
            Self::Bool => f.write_str("true or false"),
            Self::OptionalServer => f.write_str(
                "a connection string with host and database, such as postgres://user:password@host/database?sslmode=require, or empty",
            ),
            Self::Schema => f.write_str(
                "a name of lower-case letters, digits and underscores, at most 63, that does not begin with a digit or pg_",
            ),
            Self::OptionalSecret => write!(f, "at most {SECRET_BYTES_MAX} visible ASCII characters, or empty"),
            Self::BaseUrl => f.write_str(
                "https://, host and port, such as https://api.stripe.com; http:// only for localhost, 127.0.0.1 or [::1]",
            ),
        }
    }
}
