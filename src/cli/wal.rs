//! stub
use super::exit::CliError;
#[derive(clap::Args, Debug)]
#[allow(missing_docs)]
pub(crate) struct WalArgs {}
#[allow(missing_docs)]
pub(crate) fn run(_: WalArgs) -> Result<(), CliError> {
    Ok(())
}
