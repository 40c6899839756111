//! Unit tests of decisions, one file per family.

mod budget;
mod credit;
mod debit;
mod due;
mod event;
mod life;
