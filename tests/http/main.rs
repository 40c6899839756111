//! The HTTP front as clients meet it: a real server, a real log, requests written by hand.

mod golden_path;
mod support;
