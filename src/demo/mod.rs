//! stub
use crate::cli::exit::CliError;
#[derive(clap::Args, Debug)] #[allow(missing_docs)] pub struct DemoArgs {}
#[allow(missing_docs)] pub async fn run(_: DemoArgs) -> Result<(), CliError> { Ok(()) }
