//! Why a store is of no use.

/// Why a store is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// It is damaged, older than this build, or of another log: to be made anew.
    #[error("{0}")]
    Unfit(String),
    /// It is not ours: never removed.
    #[error("it is no history of Coffer's")]
    Foreign,
    /// It cannot be used now: locked by another process, not reachable, no space, no permission.
    #[error("{0}")]
    Unusable(String),
    /// The connection to it is gone; another one may do.
    #[error("{0}")]
    Lost(String),
    /// Its directory cannot be used.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
