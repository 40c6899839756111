//! stub
use super::exit::CliError;
#[derive(clap::Args, Debug)]
#[allow(missing_docs)]
pub(crate) struct SnapshotArgs {}
#[allow(missing_docs)]
pub(crate) fn run(_: SnapshotArgs) -> Result<(), CliError> {
    Ok(())
}
