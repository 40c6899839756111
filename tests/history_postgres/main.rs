//! The history in a real PostgreSQL server, which the tests start (`just postgres`): all that holds of the store in a file holds of it, and what
//! is only true of a server that others use too.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure report")]
#![expect(clippy::disallowed_methods, reason = "these tests start and kill real servers")]

#[path = "../history/agree.rs"]
mod agree;
#[path = "../history/broken.rs"]
mod broken;
mod damaged;
#[path = "../history/filters.rs"]
mod filters;
mod kept;
#[path = "../history/killed.rs"]
mod killed;
mod others;
#[path = "../history/periods.rs"]
mod periods;
mod plans;
#[path = "../history/program.rs"]
mod program;
mod restarts;
#[path = "../history/rows.rs"]
mod rows;
#[path = "../history/rules.rs"]
mod rules;
mod same;
mod server;
#[path = "../history/statements.rs"]
mod statements;
#[path = "../history/support.rs"]
mod support;
mod verified;
