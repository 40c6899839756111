//! Fail-stop as a value: what everyone is told once the log has stopped for good.

use std::fmt;
use std::sync::Arc;

/// Why a log stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HaltReason {
    /// A write or a sync failed or was short, and nothing is known about its bytes.
    Io,
    /// Another owner has taken the log over.
    Fenced,
    /// The log was closed in good order; what comes after is not logged.
    Closed,
}

/// The log has stopped; nothing more becomes durable in this process. The program ends or opens it anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log has halted ({reason}): {detail}")]
pub struct Halted {
    /// Why.
    pub reason: HaltReason,
    /// What exactly happened, for the operator.
    pub detail: Arc<str>,
}

impl Halted {
    /// A halt with its explanation.
    #[must_use]
    pub fn new(reason: HaltReason, detail: &str) -> Halted {
        Halted { reason, detail: Arc::from(detail) }
    }
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HaltReason::Io => "input/output error",
            HaltReason::Fenced => "fenced by another owner",
            HaltReason::Closed => "closed",
        })
    }
}
