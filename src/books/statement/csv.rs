//! A statement as CSV: a line for each wallet's opening, each row, each closing, and then each recharge and each change of an alert.
//!
//! Figures of recharges and alerts stand in columns of their own, behind those of rows: whoever adds up a column of rows adds up rows alone.
//! Text that a spreadsheet could take for a formula gets an apostrophe before it.

use std::borrow::Cow;

use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::time::Timestamp;
use csv::{Terminator, Writer, WriterBuilder};

use super::{Statement, StatementAlert, StatementLine, StatementRecharge, WalletStatement};
use crate::books::tenant::Amounts;
use crate::rfc3339;

const COLUMNS: [&str; 31] = [
    "line",
    "wallet_id",
    "currency",
    "price_unit",
    "conversion_rate",
    "effective_at",
    "transaction_id",
    "transaction_reason",
    "credits_in",
    "credits_out",
    "balance",
    "paid",
    "amount",
    "charged",
    "belongs_to",
    "reference_type",
    "reference_id",
    "description",
    // Of recharges and alerts alone.
    "id",
    "type",
    "previous_status",
    "status",
    "reason",
    "ended_at",
    "expires_at",
    "recharge_credits",
    "recharge_amount",
    "recharge_charged",
    "posted",
    "runway_seconds",
    "log_position",
];
const COLUMNS_OF_WALLET: std::ops::Range<usize> = 1..5;
const COLUMNS_OF_ROWS: usize = 18;

type Cells = [Cow<'static, str>; COLUMNS.len()];

pub(super) fn write(statement: &Statement) -> Vec<u8> {
    let mut lines = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    put(&mut lines, &COLUMNS.map(Cow::Borrowed));
    for wallet in &statement.wallets {
        let period = statement.of.period;
        let (opening, closing) = (wallet.opening, wallet.closing);
        put(&mut lines, &edge(wallet, "opening", instant(period.from()), opening));
        wallet.lines.iter().for_each(|line| put(&mut lines, &row(wallet, line)));
        put(&mut lines, &edge(wallet, "closing", instant(period.to()), closing));
        wallet.recharges.iter().for_each(|one| put(&mut lines, &recharge(wallet, one)));
        wallet.alerts.iter().for_each(|one| put(&mut lines, &alert(wallet, one)));
    }
    lines.into_inner().expect("memory takes everything")
}

fn put(lines: &mut Writer<Vec<u8>>, cells: &Cells) {
    lines
        .write_record(cells.iter().map(|cell| cell.as_bytes()))
        .expect("memory takes every line of all cells");
}

fn instant(at: Timestamp) -> String {
    rfc3339::Text::new(at).as_str().to_owned()
}

/// What stands in every line of a wallet.
fn cells(wallet: &WalletStatement, line: &'static str, at: String) -> Cells {
    let unit = &wallet.unit;
    let price_unit = unit.price_unit.as_ref().map(ToString::to_string).unwrap_or_default();
    let of_wallet =
        [wallet.wallet.to_string(), unit.currency.to_string(), price_unit, unit.conversion_rate.to_string()];
    let mut cells = Cells::default();
    cells[0] = line.into();
    cells[COLUMNS_OF_WALLET].clone_from_slice(&of_wallet.map(Cow::Owned));
    cells[5] = at.into();
    cells
}

fn edge(wallet: &WalletStatement, line: &'static str, at: String, amounts: Amounts) -> Cells {
    let mut cells = cells(wallet, line, at);
    cells[10] = amounts.credits.to_string().into();
    cells[11] = amounts.paid.to_string().into();
    cells
}

fn row(wallet: &WalletStatement, line: &StatementLine) -> Cells {
    let (credits_in, credits_out) = line.sides();
    let words = |text: &Option<String>| text.as_deref().map_or(String::new(), harmless);
    let of_row = [
        line.row.to_string(),
        line.reason.clone(),
        credits_in.to_string(),
        credits_out.to_string(),
        line.balance.to_string(),
        line.paid.to_string(),
        text(line.amount),
        text(line.charged),
        words(&line.belongs_to),
        words(&line.reference_type),
        words(&line.reference_id),
        words(&line.description),
    ];
    let mut cells = cells(wallet, "row", instant(line.effective_at));
    cells[6..COLUMNS_OF_ROWS].clone_from_slice(&of_row.map(Cow::Owned));
    cells
}

fn recharge(wallet: &WalletStatement, recharge: &StatementRecharge) -> Cells {
    let of_recharge = [
        recharge.id.to_string(),
        recharge.origin.as_str().to_owned(),
        String::new(),
        recharge.status.as_str().to_owned(),
        recharge.reason.map_or("", RechargeReason::as_str).to_owned(),
        recharge.ended_at.map_or(String::new(), instant),
        recharge.expires_at.map_or(String::new(), instant),
        recharge.credits.to_string(),
        recharge.amount.to_string(),
        recharge.charged.to_string(),
        String::new(),
        String::new(),
        String::new(),
    ];
    let mut cells = cells(wallet, "recharge", instant(recharge.begun_at));
    cells[6] = text(recharge.row).into();
    cells[14] = text(recharge.invoice).into();
    cells[COLUMNS_OF_ROWS..].clone_from_slice(&of_recharge.map(Cow::Owned));
    cells
}

fn alert(wallet: &WalletStatement, alert: &StatementAlert) -> Cells {
    let mut cells = cells(wallet, "alert", instant(alert.at));
    cells[6] = text(alert.row).into();
    let words = [alert.id.to_string(), alert.kind.as_str().to_owned(), alert.from.as_str().to_owned()];
    cells[COLUMNS_OF_ROWS..21].clone_from_slice(&words.map(Cow::Owned));
    cells[21] = alert.to.as_str().into();
    let figures = [alert.posted.to_string(), text(alert.runway_s), alert.position.0.to_string()];
    cells[28..].clone_from_slice(&figures.map(Cow::Owned));
    cells
}

/// Nothing where there is nothing.
fn text(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// Text of the caller's, so that no spreadsheet computes it.
fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn text_that_begins_as_a_formula_does_is_quoted() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        assert_eq!(harmless("order 1"), "order 1");
    }
}
