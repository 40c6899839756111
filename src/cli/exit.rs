//! How a command ends: its exit code, and the one line that says why.

use std::fmt;
use std::process::ExitCode;

use crate::audit::KeyError;
use crate::config::ConfigError;
use crate::engine::{Failure, OpenError};
use coffer_wal::{HaltReason, Halted, SnapshotError};

/// Exit codes, those of sysexits.h where one fits. `--help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// A check found something wrong, or a request was refused.
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// Some checks could not be made on this machine; those that could found nothing wrong.
    NotRun = 3,
    /// The data directory is corrupt.
    Corrupt = 65,
    /// The server cannot be reached, or its address cannot be had.
    Unavailable = 69,
    /// A bug.
    Internal = 70,
    /// The data directory cannot be made or written.
    CannotCreate = 73,
    /// A disk failed, or what was asked for cannot be written to where it was to go.
    Io = 74,
    /// The data directory is in use, or another owner has taken it over.
    Busy = 75,
    /// The data directory has the format of another version.
    OtherFormat = 76,
    /// A setting is wrong.
    Config = 78,
    /// A second signal ended the program at once.
    Interrupted = 130,
}

/// The table of exit codes, for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0   done
  1   a check failed, or a request was refused
  2   the command line cannot be understood
  3   some checks could not be made on this machine; the others found nothing wrong
  65  the data directory is corrupt
  69  the server cannot be reached, or its address is taken
  70  internal error
  73  the data directory cannot be made or written
  74  the disk failed, or the output cannot be written
  75  the data directory is in use by another process, or another owner has taken it over
  76  the data directory has the format of another version
  78  a setting is wrong
  130 ended at once by a second signal";

/// A command that did not do what it was asked. The message is one line.
#[derive(Debug)]
pub(crate) struct CliError {
    /// How the process ends.
    pub(crate) code: Code,
    /// What happened, and what to do.
    pub(crate) message: String,
}

impl CliError {
    /// An end with this code and line.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}

impl Code {
    /// As the operating system sees it.
    #[must_use]
    pub(crate) fn number(self) -> u8 {
        self as u8
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::new(Code::Config, error.to_string())
    }
}

impl From<crate::telemetry::FilterError> for CliError {
    fn from(error: crate::telemetry::FilterError) -> Self {
        Self::new(Code::Config, error.to_string())
    }
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        let code = match &failure {
            Failure::Halted => Code::Io,
            Failure::Internal => Code::Internal,
            Failure::Refused(_)
            | Failure::NotFound(_)
            | Failure::KeyReused
            | Failure::RecordGone
            | Failure::RecordTooLarge { .. }
            | Failure::LimitReached { .. }
            | Failure::Overloaded
            | Failure::KeysFull
            | Failure::ReadOnly(_)
            | Failure::Quarantined
            | Failure::InTransit(_)
            | Failure::OutcomeUnknown => Code::Failed,
        };
        Self::new(code, failure.to_string())
    }
}

impl From<Halted> for CliError {
    fn from(halted: Halted) -> Self {
        let code = match halted.reason {
            HaltReason::Io | HaltReason::Closed => Code::Io,
            HaltReason::Fenced => Code::Busy,
        };
        Self::new(code, halted.to_string())
    }
}

impl From<coffer_wal::OpenError> for CliError {
    fn from(error: coffer_wal::OpenError) -> Self {
        use coffer_wal::OpenError as Log;
        let code = match &error {
            Log::Locked { .. } => Code::Busy,
            Log::NotWritable { .. } => Code::CannotCreate,
            Log::FormatVersion { .. } => Code::OtherFormat,
            Log::WrongStore { .. } | Log::Corrupt(_) | Log::Gone { .. } | Log::Visit { .. } => Code::Corrupt,
            Log::Options(_) => Code::Config,
            Log::Io { .. } => Code::Io,
        };
        Self::new(code, one_line(&error))
    }
}

impl From<SnapshotError> for CliError {
    fn from(error: SnapshotError) -> Self {
        let code = match &error {
            SnapshotError::Io { .. } | SnapshotError::NoRoom { .. } => Code::Io,
            SnapshotError::FormatVersion { .. } => Code::OtherFormat,
            SnapshotError::Damaged { .. }
            | SnapshotError::WrongStore { .. }
            | SnapshotError::BlockTooLarge { .. }
            | SnapshotError::BeyondLog { .. }
            | SnapshotError::OtherHistory { .. }
            | SnapshotError::NotDurable { .. } => Code::Corrupt,
        };
        Self::new(code, one_line(&error))
    }
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        let code = match &error {
            KeyError::Io { .. } => Code::Io,
            KeyError::NotAKey { .. } => Code::Config,
        };
        Self::new(code, error.to_string())
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Log(error) => error.into(),
            OpenError::Snapshot(error) => error.into(),
            OpenError::AuditKey(error) => error.into(),
            OpenError::ClockGap { .. } => Self::new(Code::Config, one_line(&error)),
            OpenError::Panicked => Self::new(Code::Internal, one_line(&error)),
        }
    }
}

fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().replace('\n', " ")
}
