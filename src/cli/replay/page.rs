//! The answer on a page: totals by unit, then the customers with the largest differences.

use coffer_ledger::amount::Credits;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::Unit;

use crate::cli::instant::rfc3339;
use crate::cli::output;
use crate::whatif::{Answer, BySource, CustomerAnswer, Figures, UnitFigures};

/// Prints it.
pub(super) fn print(answer: &Answer, top: usize, is_check: bool) {
    let differing = answer.customers.iter().filter(|customer| customer.differs()).count();
    output::line(format!(
        "records      {} to {}, until {}: {} of {} customers",
        answer.from.0,
        answer.to.0,
        rfc3339(answer.until.0),
        answer.records,
        answer.customers.len()
    ));
    if is_check {
        let (differing, records) = (answer.differing, answer.records);
        return output::line(format!("check        {differing} differences in {records} records"));
    }
    output::line(format!(
        "differences  {} records came out differently, {differing} customers end differently or got there differently",
        answer.differing
    ));
    output::line(format!(
        "refused      {} new refusals, {} more requests that name what was refused; requests refused at the time are not in the log",
        answer.refused, answer.following
    ));
    answer.units.iter().for_each(unit);
    customers(answer, top);
}

fn unit(figures: &UnitFigures) {
    output::line("");
    let title = format!("all customers, {}", named(&figures.unit));
    output::line(row(&title, ["log", "shadow", "difference"]));
    rows(figures).into_iter().for_each(|(name, log, shadow)| {
        let change = shadow - log;
        let sign = if change.is_positive() { "+" } else { "" };
        let texts = [log.to_string(), shadow.to_string(), format!("{sign}{change}")];
        output::line(row(&format!("  {name}"), texts.each_ref().map(String::as_str)));
    });
}

fn row(name: &str, [log, shadow, difference]: [&str; 3]) -> String {
    format!("{name:<34} {log:>28} {shadow:>28} {difference:>28}")
}

/// What is not zero on both sides; the end balance always.
fn rows(figures: &UnitFigures) -> Vec<(String, Credits, Credits)> {
    let UnitFigures { log, shadow, .. } = figures;
    let mut rows = Vec::new();
    let mut sources = |what: &str, of: fn(&Figures) -> &BySource| {
        rows.push((what.to_owned(), of(log).total(), of(shadow).total()));
        rows.extend(Source::ALL.map(|source| {
            (format!("  {what}, {}", source.as_str()), of(log).of(source), of(shadow).of(source))
        }));
    };
    sources("spent", |figures| &figures.tally.spent);
    sources("given back", |figures| &figures.tally.given_back);
    sources("expired", |figures| &figures.tally.expired);
    let mut one = |what: &str, of: fn(&Figures) -> Credits| {
        rows.push((what.to_owned(), of(log), of(shadow)));
    };
    one("overdraft used", |figures| figures.tally.overdraft);
    one("overdraft given back", |figures| figures.tally.overdraft_given_back);
    one("uncollected", |figures| figures.tally.uncollected);
    one("held at the end", |figures| figures.held);
    one("debt at the end", |figures| figures.debt);
    rows.retain(|(_, log, shadow)| !log.is_zero() || !shadow.is_zero());
    rows.push(("posted at the end".to_owned(), log.posted, shadow.posted));
    rows
}

fn named(unit: &Unit) -> String {
    let currency = unit.currency.as_str();
    let rate = unit.conversion_rate;
    match &unit.price_unit {
        Some(price_unit) => format!("{} ({rate} {currency})", price_unit.as_str()),
        None => format!("credits of {rate} {currency}"),
    }
}

fn customers(answer: &Answer, top: usize) {
    let differing: Vec<_> = answer.customers.iter().filter(|customer| customer.differs()).collect();
    if differing.is_empty() || top == 0 {
        return;
    }
    output::line("");
    output::line(row("customer", ["spent more", "expired more", "posted more at the end"]));
    differing.iter().take(top).for_each(|answer| customer(answer));
    if differing.len() > top {
        output::line(format!("{} more customers: --top, --json or --out", differing.len() - top));
    }
}

fn customer(answer: &CustomerAnswer) {
    for figures in answer.units.iter().filter(|figures| figures.differ()) {
        let (log, shadow) = (&figures.log, &figures.shadow);
        let spent = |figures: &Figures| figures.tally.spent.total() + figures.tally.overdraft;
        let changes = [
            spent(shadow) - spent(log),
            shadow.tally.expired.total() - log.tally.expired.total(),
            shadow.posted - log.posted,
        ]
        .map(|change| change.to_string());
        let name = format!("{}, {}", answer.external_id, figures.unit.currency.as_str());
        output::line(row(&name, changes.each_ref().map(String::as_str)));
    }
    if let Some(first) = answer.refusals.first.first() {
        let (count, more) = (answer.refusals.count, answer.refusals.following);
        output::line(format!(
            "  {count} refused, {more} follow; the first: record {}, {}: {}",
            first.position.0, first.request, first.why
        ));
    }
}
