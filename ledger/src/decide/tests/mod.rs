//! Unit tests of decisions, one file per family.

mod budget;
mod budget_given_back;
mod credit;
mod debit;
mod due;
mod event;
mod life;
mod transfer;
