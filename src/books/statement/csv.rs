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

/// One line: a cell for each column, under the column's name.
macro_rules! line {
    ($($cell:ident => $column:literal),+ $(,)?) => {
        #[derive(Default)]
        struct Line {
            $($cell: Cow<'static, str>),+
        }

        impl Line {
            const COLUMNS: &[&str] = &[$($column),+];

            fn cells(&self) -> impl Iterator<Item = &str> {
                [$(&*self.$cell),+].into_iter()
            }
        }
    };
}

line! {
    line => "line",
    wallet => "wallet_id",
    currency => "currency",
    price_unit => "price_unit",
    conversion_rate => "conversion_rate",
    at => "effective_at",
    row => "transaction_id",
    row_reason => "transaction_reason",
    credits_in => "credits_in",
    credits_out => "credits_out",
    balance => "balance",
    paid => "paid",
    amount => "amount",
    charged => "charged",
    belongs_to => "belongs_to",
    reference_type => "reference_type",
    reference_id => "reference_id",
    description => "description",
    // Of recharges and alerts alone.
    id => "id",
    kind => "type",
    previous_status => "previous_status",
    status => "status",
    reason => "reason",
    ended_at => "ended_at",
    expires_at => "expires_at",
    recharge_credits => "recharge_credits",
    recharge_amount => "recharge_amount",
    recharge_charged => "recharge_charged",
    posted => "posted",
    runway_s => "runway_seconds",
    position => "log_position",
}

pub(super) fn write(statement: &Statement) -> Vec<u8> {
    let mut lines = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    put(&mut lines, Line::COLUMNS.iter().copied());
    for wallet in &statement.wallets {
        let period = statement.of.period;
        let (opening, closing) = (wallet.opening, wallet.closing);
        put(&mut lines, edge(wallet, "opening", period.from(), opening).cells());
        wallet.lines.iter().for_each(|line| put(&mut lines, row(wallet, line).cells()));
        put(&mut lines, edge(wallet, "closing", period.to(), closing).cells());
        wallet.recharges.iter().for_each(|one| put(&mut lines, recharge(wallet, one).cells()));
        wallet.alerts.iter().for_each(|one| put(&mut lines, alert(wallet, one).cells()));
    }
    lines.into_inner().expect("memory takes everything")
}

fn put<'a>(lines: &mut Writer<Vec<u8>>, cells: impl Iterator<Item = &'a str>) {
    lines.write_record(cells).expect("memory takes every line of all cells");
}

/// What stands in every line of a wallet.
fn line(wallet: &WalletStatement, line: &'static str, at: Timestamp) -> Line {
    let unit = &wallet.unit;
    Line {
        line: line.into(),
        wallet: cell(wallet.wallet),
        currency: cell(unit.currency),
        price_unit: maybe(unit.price_unit.as_ref()),
        conversion_rate: cell(unit.conversion_rate),
        at: instant(at),
        ..Line::default()
    }
}

fn edge(wallet: &WalletStatement, name: &'static str, at: Timestamp, amounts: Amounts) -> Line {
    Line { balance: cell(amounts.credits), paid: cell(amounts.paid), ..line(wallet, name, at) }
}

fn row(wallet: &WalletStatement, row: &StatementLine) -> Line {
    let (credits_in, credits_out) = row.sides();
    Line {
        row: cell(row.row),
        row_reason: cell(&row.reason),
        credits_in: cell(credits_in),
        credits_out: cell(credits_out),
        balance: cell(row.balance),
        paid: cell(row.paid),
        amount: maybe(row.amount),
        charged: maybe(row.charged),
        belongs_to: words(row.belongs_to.as_deref()),
        reference_type: words(row.reference_type.as_deref()),
        reference_id: words(row.reference_id.as_deref()),
        description: words(row.description.as_deref()),
        ..line(wallet, "row", row.effective_at)
    }
}

fn recharge(wallet: &WalletStatement, recharge: &StatementRecharge) -> Line {
    Line {
        row: maybe(recharge.row),
        belongs_to: maybe(recharge.invoice),
        id: cell(recharge.id),
        kind: recharge.origin.as_str().into(),
        status: recharge.status.as_str().into(),
        reason: recharge.reason.map_or("", RechargeReason::as_str).into(),
        ended_at: recharge.ended_at.map(instant).unwrap_or_default(),
        expires_at: recharge.expires_at.map(instant).unwrap_or_default(),
        recharge_credits: cell(recharge.credits),
        recharge_amount: cell(recharge.amount),
        recharge_charged: cell(recharge.charged),
        ..line(wallet, "recharge", recharge.begun_at)
    }
}

fn alert(wallet: &WalletStatement, alert: &StatementAlert) -> Line {
    Line {
        row: maybe(alert.row),
        id: cell(alert.id),
        kind: alert.kind.as_str().into(),
        previous_status: alert.from.as_str().into(),
        status: alert.to.as_str().into(),
        posted: cell(alert.posted),
        runway_s: maybe(alert.runway_s),
        position: cell(alert.position.0),
        ..line(wallet, "alert", alert.at)
    }
}

fn cell(value: impl ToString) -> Cow<'static, str> {
    value.to_string().into()
}

/// Nothing where there is nothing.
fn maybe(value: Option<impl ToString>) -> Cow<'static, str> {
    value.map(cell).unwrap_or_default()
}

fn instant(at: Timestamp) -> Cow<'static, str> {
    cell(rfc3339::Text::new(at).as_str())
}

fn words(text: Option<&str>) -> Cow<'static, str> {
    text.map(harmless).unwrap_or_default().into()
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
