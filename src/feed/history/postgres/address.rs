//! Where a store in PostgreSQL is. Its password is never printed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Where PostgreSQL listens, if nobody says otherwise.
const PORT: u16 = 5_432;
/// How long connecting to one host may take, where the text does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long a silent connection is asked for a sign of life, where the text does not say: a peer that is gone is an error soon.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent bytes may stay without an answer from the peer's machine.
const UNANSWERED_MAX: Duration = Duration::from_secs(60);
/// Longest name of a schema that PostgreSQL keeps whole.
const SCHEMA_BYTES_MAX: usize = 63;

/// Why a text says no server, or no schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No connection string, or one that names no database.
    #[error("no connection string of the form postgres://user:password@host/database")]
    Server,
    /// No name that needs no quotes.
    #[error(
        "no name of lower-case letters, digits and underscores, of 63 at most, that does not begin with pg_"
    )]
    Schema,
}

/// A server, a user and a database: a connection string that was read. Prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Server(Config);

impl FromStr for Server {
    type Err = AddressError;

    /// Both forms of libpq: a URL, and words such as `host=db user=coffer`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut config: Config = text.parse().map_err(|_| AddressError::Server)?;
        let is_whole = config.get_dbname().is_some_and(|name| !name.is_empty());
        if !is_whole || config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(AddressError::Server);
        }
        fill(&mut config);
        Ok(Self(config))
    }
}

/// What the text does not say.
fn fill(config: &mut Config) {
    let unchanged = Config::new();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_keepalives_idle() == unchanged.get_keepalives_idle() {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNANSWERED_MAX);
    }
    if config.get_application_name().is_none() {
        config.application_name("coffer history");
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.0.get_user() {
            write!(f, "{user}@")?;
        }
        let names = self.0.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let addresses = self.0.get_hostaddrs().iter().map(ToString::to_string);
        let hosts: Vec<_> = if self.0.get_hosts().is_empty() { addresses.collect() } else { names.collect() };
        f.write_str(&hosts.join(","))?;
        // A URL without a port has the usual one in it, once read.
        let ports = self.0.get_ports();
        if ports.iter().any(|port| *port != PORT) {
            let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
            write!(f, ":{}", ports.join(","))?;
        }
        write!(f, "/{}", self.0.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A schema of a server's database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    server: Server,
    schema: String,
}

impl Address {
    /// This schema of this server's database.
    ///
    /// # Errors
    /// [`AddressError::Schema`].
    pub fn new(server: Server, schema: &str) -> Result<Self, AddressError> {
        let ok = Self::is_schema(schema);
        ok.then(|| Self { server, schema: schema.to_owned() }).ok_or(AddressError::Schema)
    }

    /// Whether this may be the name of a schema: one that needs no quotes, and is not the server's own.
    #[must_use]
    pub fn is_schema(name: &str) -> bool {
        let first = |first: char| first.is_ascii_lowercase() || first == '_';
        name.len() <= SCHEMA_BYTES_MAX
            && name.starts_with(first)
            && name.chars().all(|each| first(each) || each.is_ascii_digit())
            && !name.starts_with("pg_")
            && name != "information_schema"
    }

    /// The schema's name.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) const fn config(&self) -> &Config {
        &self.server.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, schema {}", self.server, self.schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_prints_without_its_password_whatever_the_form() {
        for (text, shown) in [
            ("postgres://coffer:hunter2@db.example/books", "postgres://coffer@db.example/books"),
            ("postgresql://coffer:hunter2@a:1,b:2/books?sslmode=require", "postgres://coffer@a,b:1,2/books"),
            ("host=/run/pg user=coffer password=hunter2 dbname=books", "postgres://coffer@/run/pg/books"),
        ] {
            let server: Server = text.parse().unwrap();
            assert_eq!(server.to_string(), shown);
            let address = Address::new(server, "coffer").unwrap();
            assert!(!format!("{address:?} {address}").contains("hunter2"));
        }
    }

    #[test]
    fn what_says_no_server_or_no_database_is_refused() {
        for text in ["", "books", "http://db/books", "postgres://db", "postgres:///books", "host=db prot=1"] {
            assert_eq!(text.parse::<Server>(), Err(AddressError::Server), "{text}");
        }
    }

    #[test]
    fn a_schema_is_a_name_that_needs_no_quotes() {
        let longest = "s".repeat(SCHEMA_BYTES_MAX);
        for name in ["coffer", "_c", "coffer_2", &longest] {
            assert!(Address::is_schema(name), "{name}");
        }
        let long = "s".repeat(SCHEMA_BYTES_MAX + 1);
        for name in ["", "Coffer", "2c", "pg_coffer", "information_schema", "c\"; DROP", "é", &long] {
            assert!(!Address::is_schema(name), "{name}");
        }
    }
}
