//! `coffer audit`: is everything whole, who signs, and proofs for others. All but `checkpoint` read only.

mod checkpoint;
mod page;
mod proof;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::{CliError, Code};
use super::{SettingsArgs, block_on, output, start};
use crate::audit::{AuditKey, PublicKey};

/// Arguments of `coffer audit`.
#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check every byte, chain, audit tree, signature, record and the state they lead to; 65 = damaged, 1 = does not agree, 3 = not all could be checked
    Verify {
        #[command(flatten)]
        settings: SettingsArgs,
        /// A public key that may have signed; may be given again [default: the data directory's own]
        #[arg(long, value_name = "PUBKEY", value_parser = public_key)]
        key: Vec<PublicKey>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Seal the log of a stopped server up to its end, and sign it
    Checkpoint {
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the public key that checkpoints and proofs are checked with
    Key {
        #[command(flatten)]
        settings: SettingsArgs,
    },
    /// Print the proof of one transaction, from a stopped server's directory
    Prove {
        #[command(flatten)]
        settings: SettingsArgs,
        /// The transaction
        #[arg(value_name = "WTXN_ID")]
        transaction: String,
    },
    /// Check a proof, without any data directory
    CheckProof {
        /// The file with the proof
        file: PathBuf,
        /// The public key that must have signed it
        #[arg(long, value_name = "PUBKEY", value_parser = public_key)]
        key: PublicKey,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
///
/// # Errors
/// When something is wrong with the directory or the proof.
pub(crate) fn run(args: AuditArgs) -> Result<(), CliError> {
    match args.command {
        AuditCommand::Verify { settings, key, json } => verify::run(&settings, key, json),
        AuditCommand::Checkpoint { settings, json } => {
            block_on(0, checkpoint::run(settings.load(Vec::new())?, json))?
        }
        AuditCommand::Key { settings } => key(&settings),
        AuditCommand::Prove { settings, transaction } => proof::prove(&settings, &transaction),
        AuditCommand::CheckProof { file, key, json } => proof::check(&file, &key, json),
    }
}

fn key(settings: &SettingsArgs) -> Result<(), CliError> {
    let config = settings.load(Vec::new())?;
    let env = start::machine(config.switch("log.direct_io"));
    let path = AuditKey::path(&config.data_dir(), config.audit_key().as_deref());
    if !path.is_file() {
        let line = format!("there is no audit key {}; `coffer serve` makes one", path.display());
        return Err(CliError::new(Code::Failed, line));
    }
    output::line(AuditKey::read(env.storage.as_ref(), &path)?.public().to_string());
    Ok(())
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    PublicKey::parse(text)
        .ok_or_else(|| "a public key is 64 hex digits, as `coffer audit key` prints them".to_owned())
}
