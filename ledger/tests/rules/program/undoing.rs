//! Random refunds, voids, invoices and transfers.

use coffer_ledger::amount::Money;
use coffer_ledger::command::{Command, InvoiceLine, Memo, Refund, Settle, Transfer, VoidCredit};
use coffer_ledger::ids::{LogPosition, RechargeId, RowId, TransferId, WalletId};
use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::unit::PriceType;

use super::{AMOUNTS, Dice, ONE, fitting, wallet};
use crate::harness::look_up::MYSELF;
use crate::harness::{DAWN, World};

const INVOICES: [&str; 6] = ["inv-1", "inv-2", "inv-3", "inv-4", "inv-5", "inv-6"];
const MONEY: [i128; 8] = [
    10 * ONE,
    ONE,
    25 * ONE,
    ONE / 100,
    7 * ONE + ONE / 4,
    100 * ONE,
    3 * ONE + ONE / 1_000,
    333 * ONE / 100,
];

pub(crate) fn command(world: &World, dice: &mut Dice) -> Command {
    let is_young = world.log.len() < 4 && !dice.once_in(6);
    match if is_young { 12 + dice.below(12) } else { dice.below(24) } {
        0..=6 => Command::Refund(refund(world, dice)),
        7..=10 => Command::VoidCredit(VoidCredit { row: credit_row(world, dice), memo: Memo::default() }),
        11..=14 => Command::Settle(settle(dice)),
        15 => Command::VoidInvoice { invoice: settled(world, dice) },
        16 => stale(world, dice),
        _ => Command::Transfer(transfer(world, dice)),
    }
}

/// How the payment of a purchase ended: mostly it failed, and mostly of one of the last.
pub(crate) fn payment(world: &World, dice: &mut Dice) -> Command {
    let (roll, back) = (dice.below(12), usize::from(dice.below(4)));
    let id = match world.purchases.len() {
        0 => RechargeId(world.wallet(99).0),
        bought => world.purchases[bought - 1 - back.min(bought - 1)],
    };
    match roll {
        9 | 10 => Command::CompleteRecharge(id),
        11 => Command::CancelRecharge(id),
        _ => Command::FailRecharge { id, reason: RechargeReason::CardDeclined },
    }
}

/// Mostly an invoice that was settled.
fn settled(world: &World, dice: &mut Dice) -> Box<str> {
    match world.customer.invoices.keys().next() {
        Some(invoice) if !dice.once_in(4) => invoice.clone(),
        _ => dice.of(&INVOICES).into(),
    }
}

pub(crate) fn refund(world: &World, dice: &mut Dice) -> Refund {
    Refund {
        row: debit_row(world, dice),
        credits: (!dice.once_in(3)).then(|| dice.credits(&AMOUNTS[..8])),
        regrant_days: match dice.below(24) {
            0..=7 => Some(1),
            8..=10 => Some(30),
            22 => Some(0),
            23 => Some(367),
            _ => None,
        },
        memo: Memo::default(),
    }
}

/// One of the last debits; now and then any row, or none.
fn debit_row(world: &World, dice: &mut Dice) -> RowId {
    let rows = if dice.once_in(16) { world.rows_where(|_| true) } else { world.rows_of_debits() };
    row_of(&rows, dice)
}

fn credit_row(world: &World, dice: &mut Dice) -> RowId {
    let rows = if dice.once_in(12) { world.rows_where(|_| true) } else { world.rows_of_credits() };
    row_of(&rows, dice)
}

fn row_of(rows: &[RowId], dice: &mut Dice) -> RowId {
    let back = usize::from(dice.below(32));
    match rows.len() {
        0 => RowId::new(DAWN, LogPosition(999), 0),
        _ if back == 31 => RowId::at_ms(rows[0].ms(), rows[0].position(), 999),
        rows_there => rows[rows_there - 1 - back.min(rows_there - 1) / 2],
    }
}

fn settle(dice: &mut Dice) -> Settle {
    let invoice = dice.of(&INVOICES).into();
    let currency = dice.currency();
    let lines = 1 + dice.below(3);
    let line = |number: u8, dice: &mut Dice| InvoiceLine {
        id: if dice.once_in(48) { "0".into() } else { number.to_string().into() },
        amount: Money(if dice.once_in(32) { -dice.of(&[0, ONE]) } else { dice.of(&MONEY) }),
        price_type: dice.of(&[PriceType::Usage, PriceType::Fixed]),
        feature: dice.once_in(4).then(|| "chat".into()),
    };
    Settle { invoice, currency, lines: (0..lines).map(|number| line(number, dice)).collect() }
}

fn transfer(world: &World, dice: &mut Dice) -> Transfer {
    let to_myself = dice.once_in(3);
    let there: Vec<WalletId> = match (&world.neighbour, to_myself) {
        (Some(neighbour), false) => neighbour.wallets.iter().map(|(id, ..)| *id).collect(),
        _ => world.customer.wallets.iter().map(|wallet| wallet.head.id).collect(),
    };
    let to_wallet = dice.once_in(2).then(|| {
        let roll = usize::from(dice.below(32));
        if roll == 31 || there.is_empty() { world.wallet(99) } else { there[roll % there.len()] }
    });
    Transfer {
        to_customer: if to_myself { MYSELF.into() } else { "other".into() },
        credits: if dice.once_in(2) { dice.credits(&AMOUNTS[..8]) } else { fitting(world, dice) },
        from_wallet: (!dice.once_in(4)).then(|| wallet(world, dice)),
        to_wallet,
        memo: Memo::default(),
    }
}

/// What the engine would say of a transfer that is over, or that there never was.
fn stale(world: &World, dice: &mut Dice) -> Command {
    let is_open = |id: &TransferId| world.customer.transfers_out.contains_key(id);
    let over = world.sendings.iter().copied().find(|id| !is_open(id));
    let id = over.unwrap_or(TransferId(world.wallet(99).0));
    match dice.below(3) {
        0 => Command::TransferDone(id),
        1 => Command::TransferBack(id),
        _ => Command::TransferForget(id),
    }
}
