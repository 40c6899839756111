//! The settings of the server: where each value comes from, and whether it is allowed.
//!
//! Four layers, the later wins: config/default.toml (built in), the file of `--config`, environment variables, flags. Every
//! value passes through one table ([`SETTINGS`]), so a wrong one is the same line wherever it stands. Absent on purpose:
//! reloading while running, and keys (one is never a setting); secrets (a database's password, a payment provider's) are never printed.
//! Tested in `tests` and in `tests/cli/config.rs`.

mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coffer_ledger::limits::{Limits, TenantLimits};

use crate::engine::EngineOptions;
use crate::engine::retention::Keep;
use crate::export::{FocusOptions, service_subcategories};
use crate::feed::FeedOptions;
use crate::feed::history::{Address, Place};
use crate::feed::payments::{Hidden, PaymentOptions};
use crate::feed::webhooks::WebhookOptions;
pub use settings::{Allowed, SETTINGS, Setting, Value};
use settings::{PAGE_DEFAULT, SUBCATEGORY};

/// config/default.toml: each setting with its unit, meaning and default.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// Variables with our prefix that are no settings.
pub const OTHER_VARIABLES: [&str; 4] = ["COFFER_BOOTSTRAP_KEY", "COFFER_API_KEY", "COFFER_URL", "COFFER_LOG"];

/// Where a value in force comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// config/default.toml.
    Default,
    /// The file of `--config`.
    File(PathBuf),
    /// This environment variable.
    Variable(String),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A configuration that the server does not start with. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration file {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("configuration file {}, line {line}: {problem}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// No setting has this name.
    #[error("{key} ({origin}): no such setting; see `coffer config show` for all of them")]
    Unknown {
        /// As it was written.
        key: String,
        /// Where.
        origin: Origin,
    },
    /// The value is not allowed.
    #[error("{key} = {value} ({origin}): must be {allowed}")]
    NotAllowed {
        /// The setting.
        key: &'static str,
        /// As it was written.
        value: String,
        /// Where.
        origin: Origin,
        /// What it may be.
        allowed: Allowed,
    },
}

/// Every setting with its value in force.
#[derive(Clone, Debug)]
pub struct Config {
    values: BTreeMap<&'static str, (Value, Origin)>,
}

impl Config {
    /// Puts the layers together.
    ///
    /// # Errors
    /// The first value that is not allowed, in the order of the layers.
    pub fn load(
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
        flags: &[(&'static str, &'static str, String)],
    ) -> Result<Self, ConfigError> {
        let mut config = Self { values: BTreeMap::new() };
        config.merge_toml(DEFAULT_TOML, &Origin::Default)?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
            config.merge_toml(&text, &Origin::File(path.to_owned()))?;
        }
        config.merge_variables(variables)?;
        for (key, flag, text) in flags {
            let setting = Setting::find(key).expect("flags name settings of the table");
            config.set_text(setting, text, Origin::Flag(flag))?;
        }
        config.check_subcategory()?;
        config.check_page()?;
        Ok(config)
    }

    /// A page that nobody asked the length of is none that nobody may ask for.
    fn check_page(&self) -> Result<(), ConfigError> {
        let (value, max): (u64, u64) = (self.number(PAGE_DEFAULT), self.number("http.page_items_max"));
        if value <= max {
            return Ok(());
        }
        let origin = self.values[PAGE_DEFAULT].1.clone();
        let allowed = Allowed::Integer { min: 1, max, step: 1 };
        Err(ConfigError::NotAllowed { key: PAGE_DEFAULT, value: value.to_string(), origin, allowed })
    }

    /// A part of another category than the one in force is none.
    fn check_subcategory(&self) -> Result<(), ConfigError> {
        let known = service_subcategories(self.text("exports.focus_service_category"));
        if known.contains(&self.text(SUBCATEGORY)) {
            return Ok(());
        }
        let (value, origin) = (format!("{:?}", self.text(SUBCATEGORY)), self.values[SUBCATEGORY].1.clone());
        Err(ConfigError::NotAllowed { key: SUBCATEGORY, value, origin, allowed: Allowed::Word(known) })
    }

    /// Every setting with its value and where that comes from, in the order of the table.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Value, &Origin)> {
        SETTINGS.iter().map(|setting| {
            let (value, origin) = &self.values[setting.key];
            (setting.key, value, origin)
        })
    }

    /// The address to listen on.
    #[must_use]
    pub fn listen(&self) -> std::net::SocketAddr {
        self.text("server.listen").parse().expect("the table checked it")
    }

    /// The address to listen on for operators, if there is one.
    #[must_use]
    pub fn ops_listen(&self) -> Option<std::net::SocketAddr> {
        let text = self.text("server.ops_listen");
        (!text.is_empty()).then(|| text.parse().expect("the table checked it"))
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        PathBuf::from(self.text("server.data_dir"))
    }

    /// A setting that is a word or a path.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        match &self.values[key].0 {
            Value::Text(text) => text,
            Value::Integer(_) | Value::Bool(_) | Value::Server(_) | Value::Secret(_) => {
                unreachable!("the table makes {key} a text")
            }
        }
    }

    /// A setting that is a number, in the type that the caller needs; the table's range fits it.
    #[must_use]
    pub fn number<T: TryFrom<u64>>(&self, key: &str) -> T {
        match &self.values[key].0 {
            Value::Integer(number) => T::try_from(*number).ok().expect("the table's range fits the type"),
            Value::Text(_) | Value::Bool(_) | Value::Server(_) | Value::Secret(_) => {
                unreachable!("the table makes {key} a number")
            }
        }
    }

    /// A setting that is a switch.
    #[must_use]
    pub fn switch(&self, key: &str) -> bool {
        match &self.values[key].0 {
            Value::Bool(switch) => *switch,
            Value::Text(_) | Value::Integer(_) | Value::Server(_) | Value::Secret(_) => {
                unreachable!("the table makes {key} a switch")
            }
        }
    }

    /// The file with the key that signs checkpoints, where it is not in the data directory.
    #[must_use]
    pub fn audit_key(&self) -> Option<PathBuf> {
        let path = self.text("audit.audit_key");
        (!path.is_empty()).then(|| PathBuf::from(path))
    }

    /// How the engine runs.
    #[must_use]
    pub fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            data_dir: self.data_dir(),
            limits: Limits {
                wallets_max: self.number("limits.wallets_max"),
                tranches_max: self.number("limits.tranches_max"),
                slices_max: self.number("limits.slices_max"),
                due_per_record_max: self.number("limits.due_per_record_max"),
                hold_pins_per_record_max: self.number("limits.hold_pins_per_record_max"),
                holds_max: self.number("limits.holds_max"),
                hold_lifetime_max_s: self.number("limits.hold_lifetime_max_s"),
                refunds_max: self.number("limits.refunds_max"),
                invoices_max: self.number("limits.invoices_max"),
                invoice_lines_max: self.number("limits.invoice_lines_max"),
                budgets_max: self.number("limits.budgets_max"),
                budget_levels_max: self.number("limits.budget_levels_max"),
                transfers_open_max: self.number("limits.transfers_open_max"),
                subscriptions_max: self.number("limits.subscriptions_max"),
                grants_max: self.number("limits.grants_max"),
                grant_periods_past_max: self.number("limits.grant_periods_past_max"),
                recharges_open_max: self.number("limits.recharges_open_max"),
                pending_expires_in_s: self.number("limits.pending_expires_in_s"),
                atomic_items_max: self.number("limits.atomic_items_max"),
                event_ahead_max_s: self.number("limits.event_ahead_max_s"),
                event_age_max_s: self.number("limits.event_age_max_s"),
            },
            tenant_limits: TenantLimits {
                keys_per_tenant_max: self.number("limits.keys_per_tenant_max"),
                rate_cards_max: self.number("limits.rate_cards_max"),
                webhook_endpoints_max: self.number("limits.webhook_endpoints_max"),
                tiers_max: self.number("limits.tiers_max"),
                plan_grants_max: self.number("limits.plan_grants_max"),
            },
            hold_bytes_max: self.number("limits.hold_bytes_max"),
            writes_in_flight_max: self.number("engine.writes_in_flight_max"),
            writes_in_flight_tenant_max: self.number("engine.writes_in_flight_tenant_max"),
            writes_in_flight_customer_max: self.number("engine.writes_in_flight_customer_max"),
            internal_in_flight_max: self.number("engine.internal_in_flight_max"),
            actors_max: self.number("engine.actors_max"),
            actor_idle_s: self.number("engine.actor_idle_s"),
            ticks_per_s_max: self.number("engine.ticks_per_s_max"),
            idempotency_window_h: self.number("engine.idempotency_window_h"),
            keys_max: self.number("engine.keys_max"),
            as_of_records_max: self.number("engine.as_of_records_max"),
            as_of_in_flight_max: self.number("engine.as_of_in_flight_max"),
            snapshot_log_bytes: self.number("log.snapshot_log_bytes"),
            snapshot_at_shutdown: self.switch("log.snapshot_at_shutdown"),
            segment_bytes: self.number("log.segment_bytes"),
            clock_gap_days_max: self.number("clock.gap_days_max"),
            accept_clock: self.switch("clock.accept_clock"),
            direct_io: self.switch("log.direct_io"),
            audit_key: self.audit_key(),
        }
    }

    /// How much of the archive is kept.
    #[must_use]
    pub fn keep(&self) -> Keep {
        let limit = |key| Some(self.number::<u64>(key)).filter(|limit| *limit > 0);
        Keep { days: limit("archive.keep_days"), bytes: limit("archive.keep_bytes") }
    }

    /// How the feed runs; `None` = it does not.
    #[must_use]
    pub fn feed_options(&self) -> Option<FeedOptions> {
        self.switch("history.enabled").then(|| self.history_options())
    }

    /// Where the history is kept, or would be, and how it is filled.
    #[must_use]
    pub fn history_options(&self) -> FeedOptions {
        FeedOptions {
            place: self.history_place(),
            batch_records: self.number("history.batch_records"),
            lag_records_max: self.number("history.lag_records_max"),
        }
    }

    /// How webhooks are delivered; `None` = they are not.
    #[must_use]
    pub fn webhook_options(&self) -> Option<WebhookOptions> {
        let path = match self.text("webhooks.webhooks_path") {
            "" => self.data_dir().join("webhooks.db"),
            path => PathBuf::from(path),
        };
        self.switch("webhooks.webhooks_enabled").then(|| WebhookOptions {
            timeout_s: self.number("webhooks.webhook_timeout_s"),
            in_flight_max: self.number("webhooks.webhooks_in_flight_max"),
            in_flight_per_endpoint_max: self.number("webhooks.webhook_endpoint_in_flight_max"),
            pending_max: self.number("webhooks.webhook_pending_max"),
            deliveries_kept: self.number("webhooks.webhook_deliveries_kept"),
            disable_after: Duration::from_secs(
                3_600 * self.number::<u64>("webhooks.webhook_disable_after_h"),
            ),
            allow_http: self.switch("webhooks.webhook_allow_http"),
            allow_private_addresses: self.switch("webhooks.webhook_allow_private_addresses"),
            ..WebhookOptions::new(path)
        })
    }

    /// Where the history is kept: in PostgreSQL, if a server is named.
    fn history_place(&self) -> Place {
        if let Value::Server(server) = &self.values["history.postgres"].0 {
            let address = Address::new((**server).clone(), self.text("history.postgres_schema"));
            return Place::Postgres(Box::new(address.expect("the table checked it")));
        }
        Place::File(match self.text("history.path") {
            "" => self.data_dir().join("history.db"),
            path => PathBuf::from(path),
        })
    }

    /// How recharges are paid through Stripe; `None` = they are not.
    #[must_use]
    pub fn payment_options(&self) -> Option<PaymentOptions> {
        let seconds = |key| Duration::from_secs(self.number(key));
        let api_key = self.secret("stripe.api_key");
        (!api_key.reveal().is_empty()).then(|| PaymentOptions {
            tenant: Some(self.text("stripe.tenant")).filter(|name| !name.is_empty()).map(str::to_owned),
            api_key: api_key.clone(),
            webhook_secret: self.secret("stripe.webhook_secret").clone(),
            base_url: self.text("stripe.base_url").to_owned(),
            timeout: seconds("stripe.timeout_s"),
            in_flight_max: self.number("stripe.in_flight_max"),
            retry_first: Duration::from_millis(self.number("stripe.retry_first_ms")),
            retry_max: seconds("stripe.retry_max_s"),
            look_every: seconds("stripe.look_every_s"),
        })
    }

    fn secret(&self, key: &str) -> &Hidden {
        match &self.values[key].0 {
            Value::Secret(secret) => secret,
            Value::Text(_) | Value::Integer(_) | Value::Bool(_) | Value::Server(_) => {
                unreachable!("the table makes {key} a secret")
            }
        }
    }

    /// Names that exports need and a ledger does not know.
    #[must_use]
    pub fn focus_options(&self) -> FocusOptions {
        let given = |key| Some(self.text(key)).filter(|text| !text.is_empty()).map(str::to_owned);
        let otherwise = FocusOptions::default();
        FocusOptions {
            provider: given("exports.focus_provider"),
            publisher: given("exports.focus_publisher"),
            invoice_issuer: given("exports.focus_invoice_issuer"),
            service_name: given("exports.focus_service_name").unwrap_or(otherwise.service_name),
            service_category: self.text("exports.focus_service_category").to_owned(),
            service_subcategory: self.text(SUBCATEGORY).to_owned(),
        }
    }

    fn merge_toml(&mut self, text: &str, origin: &Origin) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error| not_toml(text, origin, &error))?;
        for (section, value) in &table {
            let toml::Value::Table(keys) = value else {
                return Err(ConfigError::Unknown { key: section.clone(), origin: origin.clone() });
            };
            for (name, value) in keys {
                self.merge_key(format!("{section}.{name}"), value, origin)?;
            }
        }
        Ok(())
    }

    fn merge_key(&mut self, key: String, value: &toml::Value, origin: &Origin) -> Result<(), ConfigError> {
        let Some(setting) = Setting::find(&key) else {
            return Err(ConfigError::Unknown { key, origin: origin.clone() });
        };
        let checked =
            setting.allowed.check(value).ok_or_else(|| not_allowed(setting, one_line(value), origin))?;
        self.values.insert(setting.key, (checked, origin.clone()));
        Ok(())
    }

    fn merge_variables(
        &mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<(), ConfigError> {
        let mut ours: Vec<_> = variables
            .filter(|(name, _)| name.starts_with("COFFER_") && !OTHER_VARIABLES.contains(&name.as_str()))
            .collect();
        ours.sort();
        for (name, text) in ours {
            let origin = Origin::Variable(name.clone());
            let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) else {
                return Err(ConfigError::Unknown {
                    key: name,
                    origin: Origin::Variable("environment".to_owned()),
                });
            };
            self.set_text(setting, &text, origin)?;
        }
        Ok(())
    }

    fn set_text(&mut self, setting: &'static Setting, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let checked = setting
            .allowed
            .check_text(text)
            .ok_or_else(|| not_allowed(setting, format!("{text:?}"), &origin))?;
        self.values.insert(setting.key, (checked, origin));
        Ok(())
    }
}

fn not_allowed(setting: &Setting, value: String, origin: &Origin) -> ConfigError {
    let value =
        if setting.allowed.is_open() { value } else { "(not shown: it may hold a secret)".to_owned() };
    ConfigError::NotAllowed { key: setting.key, value, origin: origin.clone(), allowed: setting.allowed }
}

fn not_toml(text: &str, origin: &Origin, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let path = match origin {
        Origin::File(path) => path.clone(),
        Origin::Default | Origin::Variable(_) | Origin::Flag(_) => PathBuf::from("config/default.toml"),
    };
    ConfigError::NotToml { path, line, problem: error.message().replace('\n', " ") }
}

fn one_line(value: &toml::Value) -> String {
    value.to_string().replace('\n', " ")
}

#[cfg(test)]
mod tests;
