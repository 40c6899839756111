//! `coffer completions`: a completion script on standard output.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Arguments of `coffer completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "coffer", &mut script);
    super::output::line(String::from_utf8_lossy(&script).trim_end());
}
