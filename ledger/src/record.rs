//! One record of the log: who asked, what was asked, what was decided.

use crate::command::{Command, Origin};
use crate::fact::Facts;

/// A record of a customer. A retry is compared with `command`; a reply is rendered from the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who, and under which key.
    pub origin: Origin,
    /// What was asked.
    pub command: Command,
    /// What was decided.
    pub facts: Facts,
}
