//! The flags that stand for settings, and how they become a configuration.

use std::path::PathBuf;

use clap::Args;

use super::exit::CliError;
use crate::config::Config;

/// Where the configuration comes from. Every command that opens a data directory has these.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SettingsArgs {
    /// Configuration file (TOML); `coffer config show` lists all settings
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data directory [default: ./coffer-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// A flag's setting, its name, and its value.
pub(crate) type FlagValue = (&'static str, &'static str, String);

impl SettingsArgs {
    /// Default file, configuration file, environment, then these flags and `more`.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub(crate) fn load(&self, more: Vec<FlagValue>) -> Result<Config, CliError> {
        let mut flags = more;
        if let Some(dir) = &self.data_dir {
            flags.push(("server.data_dir", "--data-dir", dir.to_string_lossy().into_owned()));
        }
        let variables = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        Ok(Config::load(self.config.as_deref(), variables, &flags)?)
    }
}
