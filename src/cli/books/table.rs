//! Books for people: a table for each unit.

use coffer_ledger::unit::Unit;

use crate::books::{Books, Revenue, SourceBooks, UnitBooks};
use crate::rfc3339;

/// All of them.
pub(super) fn of(books: &Books) -> String {
    let text = |at| rfc3339::Text::new(at).as_str().to_owned();
    let (from, to) = (text(books.period.from()), text(books.period.to()));
    let mut lines = vec![format!("from {from} to {to}, up to record {} of the log", books.position)];
    if books.units.is_empty() {
        lines.push("nothing has moved".to_owned());
    }
    for unit in &books.units {
        lines.push(format!("\n{}", name(&unit.unit)));
        lines.extend(of_unit(unit));
    }
    lines.join("\n")
}

fn name(unit: &Unit) -> String {
    let price_unit = unit.price_unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    format!("{}{price_unit}, {} per credit", unit.currency, unit.conversion_rate)
}

fn of_unit(unit: &UnitBooks) -> Vec<String> {
    let mut rows = vec![["", "credits", "paid"].map(str::to_owned)];
    for source in &unit.sources {
        rows.push([source.source.clone(), String::new(), String::new()]);
        let moved = source.moved.iter().filter(|(_, amounts)| !amounts.credits.is_zero());
        let moved = moved.map(|(kind, amounts)| {
            let sign = if SourceBooks::brings(*kind) { '+' } else { '-' };
            (format!("{sign} {}", kind.as_str()), *amounts)
        });
        let opening = [("opening".to_owned(), source.opening)].into_iter();
        for (figure, amounts) in opening.chain(moved).chain([("closing".to_owned(), source.closing)]) {
            rows.push([format!("  {figure}"), amounts.credits.to_string(), amounts.paid.to_string()]);
        }
    }
    rows.push(["debt".to_owned(), unit.debt.closing.to_string(), String::new()]);
    let transit = unit.in_transit.closing;
    rows.push(["in transit".to_owned(), transit.credits.to_string(), transit.paid.to_string()]);
    rows.extend(of_revenue(&unit.revenue));
    rows.push(["accounts".to_owned(), "debits".to_owned(), "credits".to_owned()]);
    for total in &unit.accounts {
        let name = format!("  {} {}", total.account.number(), total.account.name());
        rows.push([name, total.debits.to_string(), total.credits.to_string()]);
    }
    aligned(&rows)
}

fn of_revenue(revenue: &Revenue) -> impl Iterator<Item = [String; 3]> {
    let figures = revenue.figures().into_iter().filter(|(_, money)| !money.is_zero());
    let heading = ["revenue".to_owned(), String::new(), String::new()];
    std::iter::once(heading)
        .chain(figures.map(|(figure, money)| [format!("  {figure}"), String::new(), money.to_string()]))
}

fn aligned(rows: &[[String; 3]]) -> Vec<String> {
    let width = |at: usize| rows.iter().map(|row| row[at].len()).max().unwrap_or(0);
    let (first, second, third) = (width(0), width(1), width(2));
    let line = |row: &[String; 3]| {
        let text = format!("{:first$}  {:>second$}  {:>third$}", row[0], row[1], row[2]);
        text.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
