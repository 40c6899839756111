//! Books as CSV.

use coffer_ledger::unit::Unit;

use super::Shown;
use crate::books::tenant::{AccountTotal, Amounts, Books, Debt, Transit, UnitBooks};

/// The columns of the CSV form.
const COLUMNS: [&str; 8] =
    ["currency", "price_unit", "conversion_rate", "section", "name", "figure", "credits", "money"];

impl Shown {
    /// The same figures as CSV: one a line, with its unit, its section and its name.
    pub(crate) fn csv(books: &Books) -> Vec<u8> {
        let mut lines =
            Lines(csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new()));
        lines.write(&COLUMNS);
        books.units.iter().for_each(|unit| lines.unit(unit));
        lines.0.into_inner().expect("memory takes everything")
    }
}

/// A CSV form being written.
struct Lines(csv::Writer<Vec<u8>>);

impl Lines {
    fn write(&mut self, cells: &[&str]) {
        self.0.write_record(cells).expect("memory takes everything, and every line has all cells");
    }

    fn unit(&mut self, books: &UnitBooks) {
        for source in &books.sources {
            let amounts = [("opening", source.opening)].into_iter();
            let moved = source.moved.iter().map(|(kind, amounts)| (kind.as_str(), *amounts));
            for (figure, amounts) in amounts.chain(moved).chain([("closing", source.closing)]) {
                self.amounts(&books.unit, ("source", &source.source), figure, amounts);
            }
        }
        let Debt { opening, taken, repaid, returned, written_off, closing } = books.debt;
        for (figure, credits) in [
            ("opening", opening),
            ("taken", taken),
            ("repaid", repaid),
            ("returned", returned),
            ("written_off", written_off),
            ("closing", closing),
        ] {
            self.line(&books.unit, ("debt", ""), figure, &credits.to_string(), "");
        }
        let Transit { opening, sent, arrived, returned, closing } = books.in_transit;
        for (figure, amounts) in [
            ("opening", opening),
            ("sent", sent),
            ("arrived", arrived),
            ("returned", returned),
            ("closing", closing),
        ] {
            self.amounts(&books.unit, ("in_transit", ""), figure, amounts);
        }
        for (figure, money) in books.revenue.figures() {
            self.line(&books.unit, ("revenue", ""), figure, "", &money.to_string());
        }
        books.accounts.iter().for_each(|total| self.account(&books.unit, total));
    }

    fn account(&mut self, unit: &Unit, total: &AccountTotal) {
        let name = format!("{} {}", total.account.number(), total.account.name());
        for (figure, money) in [
            ("opening", total.opening),
            ("debits", total.debits),
            ("credits", total.credits),
            ("closing", total.closing),
        ] {
            self.line(unit, ("account", &name), figure, "", &money.to_string());
        }
    }

    fn amounts(&mut self, unit: &Unit, of: (&str, &str), figure: &str, amounts: Amounts) {
        self.line(unit, of, figure, &amounts.credits.to_string(), &amounts.paid.to_string());
    }

    fn line(&mut self, unit: &Unit, (section, name): (&str, &str), figure: &str, credits: &str, money: &str) {
        let price_unit = unit.price_unit.as_ref().map_or("", |unit| unit.as_str());
        let rate = unit.conversion_rate.to_string();
        self.write(&[unit.currency.as_str(), price_unit, &rate, section, name, figure, credits, money]);
    }
}
