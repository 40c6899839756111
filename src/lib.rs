//! Coffer: an actor-based, in-memory wallet engine for prepaid credits.
//!
//! [`engine::Engine`] is the whole thing, usable from Rust without HTTP. The `server` feature (on by default) adds the HTTP
//! front, the command line, the demo, the drill and the benchmark. A request's way through the code is told in docs/ARCHITECTURE.md.

pub mod audit;
#[cfg(feature = "server")]
mod bench;
#[cfg(feature = "server")]
pub mod books;
#[cfg(feature = "server")]
pub mod cli;
pub mod clock;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
mod demo;
#[cfg(feature = "server")]
mod drill;
pub mod engine;
pub mod env;
#[cfg(feature = "server")]
pub mod export;
#[cfg(feature = "server")]
pub mod feed;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
mod rfc3339;
#[cfg(feature = "server")]
mod telemetry;
#[cfg(feature = "server")]
pub mod whatif;
#[cfg(feature = "server")]
mod wire;
