//! Coffer: an actor-based, in-memory wallet engine for prepaid credits.

pub mod engine;
