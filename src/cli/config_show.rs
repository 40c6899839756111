//! `coffer config show`: what is in force, and where each value comes from.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::CliError;
use super::{SettingsArgs, output};
use crate::config::{Config, DEFAULT_TOML, Setting, Value};

/// Arguments of `coffer config`.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every setting with its value, as TOML, and where the value comes from
    Show {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print one JSON document instead
        #[arg(long)]
        json: bool,
    },
    /// Print the default configuration file, which documents every setting
    Defaults,
}

#[derive(Serialize)]
struct Shown<'a> {
    key: &'static str,
    value: serde_json::Value,
    origin: String,
    variable: String,
    #[serde(skip)]
    text: &'a Value,
}

/// Runs it.
///
/// # Errors
/// When the configuration is wrong.
pub(crate) fn run(args: &ConfigArgs) -> Result<(), CliError> {
    match &args.command {
        ConfigCommand::Show { settings, json } => {
            let config = settings.load(Vec::new())?;
            if *json {
                output::json(&shown(&config));
            } else {
                print_toml(&shown(&config));
            }
        }
        ConfigCommand::Defaults => output::line(DEFAULT_TOML.trim_end()),
    }
    Ok(())
}

fn shown(config: &Config) -> Vec<Shown<'_>> {
    let show = |(key, text, origin): (&'static str, _, &crate::config::Origin)| Shown {
        key,
        value: as_json(text),
        origin: origin.to_string(),
        variable: Setting::find(key).expect("entries come from the table").variable(),
        text,
    };
    config.entries().map(show).collect()
}

fn as_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Bool(switch) => (*switch).into(),
        Value::Server(server) => server.to_string().into(),
        Value::Secret(secret) => secret.to_string().into(),
    }
}

fn print_toml(entries: &[Shown<'_>]) {
    let mut section = "";
    for entry in entries {
        let (of, name) = entry.key.split_once('.').expect("every key has a section");
        if of != section {
            output::line(format!("{}[{of}]", if section.is_empty() { "" } else { "\n" }));
            section = of;
        }
        output::line(format!("{:<46} # {}", format!("{name} = {}", entry.text), entry.origin));
    }
}
