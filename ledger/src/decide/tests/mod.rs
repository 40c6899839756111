//! Unit tests of decisions, one file per family.

mod budget;
mod credit;
mod debit;
mod due;
mod event;
mod hold;
mod invoice;
mod life;
mod refund;
mod undoing;
mod void;
