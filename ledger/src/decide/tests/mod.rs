//! Unit tests of decisions, one file per family.

mod alerts;
mod budget;
mod budget_given_back;
mod credit;
mod debit;
mod due;
mod event;
mod grant;
mod hold;
mod invoice;
mod life;
mod purchase;
mod purchase_late;
mod recharge;
mod recharge_used;
mod refund;
mod refund_asked;
mod transfer;
mod transit;
mod undoing;
mod undoing_random;
mod unpaid;
mod void;
