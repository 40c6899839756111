//! The HTTP front as clients meet it: a real server, a real log, requests written by hand.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure report")]

mod bad_input;
mod batches;
mod books;
mod both_ways;
mod budgets;
mod erase;
mod event_stream;
mod events;
mod every_row;
mod exports;
mod family;
mod golden_path;
mod granted;
mod grants;
mod history;
mod history_reads;
mod hold_ends;
mod hold_refusals;
mod holds;
mod invoices;
mod mixed_batches;
mod operations;
mod paid_late;
mod past;
mod past_recharges;
mod purchases;
mod rate_cards;
mod receiver;
mod recharge_clock;
mod recharges;
mod refusals;
mod replays;
mod rules_listed;
mod sdk_shapes;
mod slow_clients;
mod sse;
mod statement_rules;
mod support;
mod tenancy;
mod test_clock;
mod transfers;
mod undoing;
mod usage;
mod webhooks;
