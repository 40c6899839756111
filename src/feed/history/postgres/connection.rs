//! A connection that blocks: the feed's thread and its readers are threads that may wait.
//!
//! The client is asynchronous; each connection drives it on a runtime of its own, in the caller's thread. A connection may be dropped
//! anywhere, also where blocking is forbidden, which a synchronous client does not allow.

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Error};

use super::address::Address;
use super::tls;
use crate::feed::history::StoreError;

/// A session of the server's, in the store's schema.
pub(super) struct Connection {
    client: Client,
    /// Always there until the drop.
    runtime: Option<Runtime>,
}

impl Connection {
    /// Connects, and finds names in the store's schema from then on.
    ///
    /// # Errors
    /// [`StoreError::Unusable`].
    pub(super) fn open(address: &Address) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let tls = tls::connector(address.config())?;
        let connecting = async {
            let (client, driver) = address.config().connect(tls).await?;
            // Its error is the client's too.
            tokio::spawn(async { drop(driver.await) });
            // Whatever the role or the database say otherwise. A lock that somebody holds is an answer after a while.
            client
                .batch_execute(&format!(
                    "SET search_path TO \"{}\"; SET lock_timeout = '2s'; SET statement_timeout = 0;
                     SET idle_in_transaction_session_timeout = 0; SET client_min_messages = warning",
                    address.schema()
                ))
                .await?;
            Ok::<_, Error>(client)
        };
        match runtime.block_on(connecting) {
            Ok(client) => Ok(Self { client, runtime: Some(runtime) }),
            Err(error) => Err(StoreError::Unusable(told(&error))),
        }
    }

    /// Does something with it. Blocks.
    pub(super) fn run<T, E>(&self, work: impl AsyncFnOnce(&Client) -> Result<T, E>) -> Result<T, E> {
        let runtime = self.runtime.as_ref().expect("it is there until the drop");
        runtime.block_on(work(&self.client))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A runtime that is just dropped waits, which panics on a thread that must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let Some(state) = error.code() else {
            let of_socket =
                std::error::Error::source(&error).is_some_and(|cause| cause.is::<std::io::Error>());
            let lost = error.is_closed() || of_socket;
            return if lost { Self::Lost(told(&error)) } else { Self::Unusable(told(&error)) };
        };
        match state.code() {
            // Damaged pages; tables and columns that are not as they must be.
            "XX001" | "XX002" | "42P01" | "42703" | "42804" => Self::Unfit(told(&error)),
            // Rows that are not.
            of_a_row if of_a_row.starts_with("23") => Self::Unfit(told(&error)),
            // The session was ended.
            ended if ended.starts_with("57P") => Self::Lost(told(&error)),
            // No better when it is made anew.
            _ => Self::Unusable(told(&error)),
        }
    }
}

/// Everything that the error knows, on one line.
pub(super) fn told(error: &Error) -> String {
    let Some(of_server) = error.as_db_error() else {
        let mut told = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(because) = cause {
            let more = because.to_string();
            if !told.contains(&more) {
                told.push_str(": ");
                told.push_str(&more);
            }
            cause = because.source();
        }
        return told;
    };
    let mut told = format!("the server says: {}", of_server.message());
    for more in [of_server.detail(), of_server.hint()].into_iter().flatten() {
        told.push_str("; ");
        told.push_str(more);
    }
    told.replace('\n', " ")
}
