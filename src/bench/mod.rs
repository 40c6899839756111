//! stub
use crate::cli::exit::CliError;
#[derive(clap::Args, Debug)] #[allow(missing_docs)] pub struct BenchArgs {}
#[allow(missing_docs)] pub async fn run(_: BenchArgs) -> Result<(), CliError> { Ok(()) }
