//! Counters of the front, and everything that `/metrics` shows.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// What a route is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Single debits.
    Debit,
    /// Batches of debits.
    Batch,
    /// Balances.
    Balance,
    /// Reads of wallets and transactions.
    WalletRead,
    /// Writes to wallets.
    WalletWrite,
    /// Customers.
    Customer,
    /// Settings, keys, tenants.
    Admin,
    /// Health, metrics, documentation.
    Ops,
    /// Paths and methods that there are not.
    Other,
}

impl Class {
    const ALL: [Self; 9] = [
        Self::Debit,
        Self::Batch,
        Self::Balance,
        Self::WalletRead,
        Self::WalletWrite,
        Self::Customer,
        Self::Admin,
        Self::Ops,
        Self::Other,
    ];

    const fn index(self) -> usize {
        match self {
            Self::Debit => 0,
            Self::Batch => 1,
            Self::Balance => 2,
            Self::WalletRead => 3,
            Self::WalletWrite => 4,
            Self::Customer => 5,
            Self::Admin => 6,
            Self::Ops => 7,
            Self::Other => 8,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Batch => "batch",
            Self::Balance => "balance",
            Self::WalletRead => "wallet_read",
            Self::WalletWrite => "wallet_write",
            Self::Customer => "customer",
            Self::Admin => "admin",
            Self::Ops => "ops",
            Self::Other => "other",
        }
    }
}

/// Statuses that are counted; anything else is counted as the last.
const STATUSES: [u16; 20] =
    [200, 201, 202, 204, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 414, 415, 422, 431, 503, 500];

/// Requests by class and status.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: [[AtomicU64; STATUSES.len()]; Class::ALL.len()],
}

impl Metrics {
    /// Counts one answered request.
    pub(crate) fn count(&self, class: Class, status: StatusCode) {
        let status =
            STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        self.requests[class.index()][status].fetch_add(1, Ordering::Relaxed);
    }

    /// Class, status and number of everything that happened.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        Class::ALL.into_iter().flat_map(move |class| {
            STATUSES.into_iter().enumerate().filter_map(move |(index, status)| {
                let count = self.requests[class.index()][index].load(Ordering::Relaxed);
                (count > 0).then(|| (class.as_str(), status, count))
            })
        })
    }
}
