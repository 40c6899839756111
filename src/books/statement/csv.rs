//! A statement as CSV: a line for each wallet's opening, each row, and each closing. Text that a spreadsheet could take for a formula
//! gets an apostrophe before it.

use std::borrow::Cow;

use csv::{Terminator, Writer, WriterBuilder};

use super::{Statement, StatementLine, WalletStatement};
use crate::rfc3339;

const COLUMNS: [&str; 18] = [
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
];

pub(super) fn write(statement: &Statement) -> Vec<u8> {
    let mut lines = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    put(&mut lines, &COLUMNS.map(Cow::Borrowed));
    for wallet in &statement.wallets {
        let period = statement.of.period;
        let (from, to) = (rfc3339::Text::new(period.from()), rfc3339::Text::new(period.to()));
        let (opening, closing) = (wallet.opening, wallet.closing);
        edge(
            &mut lines,
            wallet,
            "opening",
            from.as_str(),
            [opening.credits.to_string(), opening.paid.to_string()],
        );
        wallet.lines.iter().for_each(|line| row(&mut lines, wallet, line));
        edge(
            &mut lines,
            wallet,
            "closing",
            to.as_str(),
            [closing.credits.to_string(), closing.paid.to_string()],
        );
    }
    lines.into_inner().expect("memory takes everything")
}

fn put(lines: &mut Writer<Vec<u8>>, cells: &[Cow<'_, str>; 18]) {
    lines
        .write_record(cells.iter().map(|cell| cell.as_bytes()))
        .expect("memory takes every line of all cells");
}

fn of_wallet(wallet: &WalletStatement) -> [String; 4] {
    let price_unit = wallet.unit.price_unit.as_ref().map(ToString::to_string).unwrap_or_default();
    let unit = &wallet.unit;
    [wallet.wallet.to_string(), unit.currency.to_string(), price_unit, unit.conversion_rate.to_string()]
}

fn edge(
    lines: &mut Writer<Vec<u8>>,
    wallet: &WalletStatement,
    what: &str,
    at: &str,
    [balance, paid]: [String; 2],
) {
    let [id, currency, price_unit, rate] = of_wallet(wallet);
    let mut cells: [Cow<'_, str>; 18] = Default::default();
    cells[0] = what.into();
    cells[1..5].clone_from_slice(&[id.into(), currency.into(), price_unit.into(), rate.into()]);
    cells[5] = at.into();
    cells[10] = balance.into();
    cells[11] = paid.into();
    put(lines, &cells);
}

fn row(lines: &mut Writer<Vec<u8>>, wallet: &WalletStatement, line: &StatementLine) {
    let [id, currency, price_unit, rate] = of_wallet(wallet);
    let at = rfc3339::Text::new(line.effective_at);
    let (credits_in, credits_out) = line.sides();
    let words = |text: &Option<String>| text.as_deref().map_or(String::new(), harmless);
    let money =
        |money: Option<coffer_ledger::amount::Money>| money.map_or(String::new(), |money| money.to_string());
    let cells: [String; 18] = [
        "row".to_owned(),
        id,
        currency,
        price_unit,
        rate,
        at.as_str().to_owned(),
        line.row.to_string(),
        line.reason.clone(),
        credits_in.to_string(),
        credits_out.to_string(),
        line.balance.to_string(),
        line.paid.to_string(),
        money(line.amount),
        money(line.charged),
        words(&line.belongs_to),
        words(&line.reference_type),
        words(&line.reference_id),
        words(&line.description),
    ];
    put(lines, &cells.map(Cow::Owned));
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
