//! The command line, with the real program: what it prints, how it ends, and what it leaves untouched.

#![expect(clippy::unwrap_used, reason = "in a test's helpers too, a panic is the failure report")]
#![expect(clippy::disallowed_methods, reason = "a test of a program looks at its files from outside")]

mod as_of;
mod audit;
mod bench;
mod books;
mod config;
mod data_dir;
mod erase_live;
mod erasure;
mod export;
mod help;
mod keys;
mod log;
mod program;
#[path = "../http/receiver.rs"]
mod receiver;
mod recharges;
mod replay;
mod retention;
mod serve;
#[path = "../http/sse.rs"]
mod sse;
mod streams;
mod webhooks;
