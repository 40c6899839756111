//! The `coffer` program. Everything it does is in [`coffer::cli`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    coffer::cli::run()
}
