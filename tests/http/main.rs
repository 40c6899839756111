//! The HTTP front as clients meet it: a real server, a real log, requests written by hand.

mod bad_input;
mod batches;
mod golden_path;
mod operations;
mod replays;
mod sdk_shapes;
mod slow_clients;
mod support;
mod tenancy;
