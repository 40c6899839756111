//! Unit tests of decisions, one file per family.

mod credit;
mod debit;
mod due;
mod life;
