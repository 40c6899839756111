//! `coffer demo --holds`: the trace as calls to a language model whose price is only known in the end.
//!
//! Every row holds its estimate, streams and settles its real tokens ([`call`]: by fixed rules some settle in parts, grow, extend,
//! release, vanish; prices are often above the hold). Several calls of a customer are open at once; credit ends while it is pinned; the
//! server is killed in between. What every reply, every hold that ended by itself, every balance and the ledger should say is computed
//! apart ([`expect`], [`pool`]) and compared ([`check`], [`ledger`]). Tested in `tests/demo.rs`; that the comparison finds what is
//! wrong, in [`tests`].

mod call;
mod check;
mod expect;
mod ledger;
mod pool;
mod reply;
mod report;
mod stage;
#[cfg(test)]
mod tests;
mod work;

pub(super) use stage::play;
