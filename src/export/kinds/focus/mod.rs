//! `focus`: what credit was used for and what it cost, as rows of FOCUS 1.2 (FinOps Open Cost and Usage Specification).
//!
//! Credits are the specification's virtual currency: usage is priced in them (`PricingCurrency…`), and what it cost in money is what
//! was paid for the credits that were used (`EffectiveCost`, see [`super::paid`]). A purchase of credits is a row of its own. What each
//! column holds, and which columns there are not, is in docs/EXPORTS.md. `columns` has their types, `services` what a service may be, `charge` finds out what a row
//! was for, `units` what its wallet counts in, `cost` fills a line. Absent on purpose: transfers, expiry, voids: no use of a service.

mod charge;
mod columns;
mod cost;
mod services;
mod units;

use coffer_ledger::amount::Money;
use coffer_ledger::fact::Effect;
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_wal::LogReader;

use self::charge::{Charged, charged_at};
use self::cost::{Category, Line};
pub use self::services::{SERVICE_CATEGORIES, service_subcategories};
use self::units::Units;
use super::paid::PaidShares;
use super::{Kind, KindInfo, KindOptions, Lines};
use crate::export::error::ExportError;
use crate::export::source::{Entry, Source};
use crate::feed::history::Row;

pub(super) static INFO: KindInfo =
    KindInfo { table: &columns::TABLE, from_the_first: true, has_options: true, make };

/// Names that FOCUS asks for and a ledger does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FocusOptions {
    /// `ProviderName`; `None` = the tenant's name.
    pub provider: Option<String>,
    /// `PublisherName`; `None` = the provider.
    pub publisher: Option<String>,
    /// `InvoiceIssuerName`; `None` = the provider.
    pub invoice_issuer: Option<String>,
    /// `ServiceName`.
    pub service_name: String,
    /// `ServiceCategory`: one of those that the specification lists.
    pub service_category: String,
    /// `ServiceSubcategory`: one of [`service_subcategories`] of the category.
    pub service_subcategory: String,
}

impl Default for FocusOptions {
    fn default() -> Self {
        Self {
            provider: None,
            publisher: None,
            invoice_issuer: None,
            service_name: "Prepaid usage".to_owned(),
            service_category: "Other".to_owned(),
            service_subcategory: services::OTHER.to_owned(),
        }
    }
}

impl FocusOptions {
    /// What of it is not left to the tenant's name, for a manifest.
    pub(crate) fn told(&self) -> Vec<(String, String)> {
        let given = |name: &str, value: &Option<String>| value.clone().map(|value| (name.to_owned(), value));
        let version = ("focus_version".to_owned(), columns::FOCUS_VERSION.to_owned());
        let names = [
            Some(version),
            given("provider", &self.provider),
            given("publisher", &self.publisher),
            given("invoice_issuer", &self.invoice_issuer),
            Some(("service_name".to_owned(), self.service_name.clone())),
            Some(("service_category".to_owned(), self.service_category.clone())),
            Some(("service_subcategory".to_owned(), self.subcategory())),
        ];
        names.into_iter().flatten().collect()
    }

    /// As FOCUS writes it.
    fn subcategory(&self) -> String {
        if self.service_subcategory == services::OTHER {
            return format!("{} ({})", services::OTHER, self.service_category);
        }
        self.service_subcategory.clone()
    }
}

struct Focus {
    options: FocusOptions,
    log: LogReader,
    shares: PaidShares,
    units: Units,
}

fn make(options: &KindOptions, log: &LogReader) -> Box<dyn Kind> {
    Box::new(Focus {
        options: options.focus.clone(),
        log: log.clone(),
        shares: PaidShares::default(),
        units: Units::default(),
    })
}

impl Kind for Focus {
    fn lines(&mut self, entry: &Entry<'_>, out: &mut Lines<'_>) -> Result<(), ExportError> {
        self.units.note(entry.record);
        let shares = self.shares.of_rows(entry.record, &entry.rows);
        for (row, share) in entry.rows.iter().zip(shares) {
            if out.wants(row.wallet) {
                for category in Category::all_of(row, share) {
                    self.line(entry, (row, share), category, out)?;
                }
            }
        }
        Ok(())
    }
}

impl Focus {
    fn line(
        &self,
        entry: &Entry<'_>,
        (row, share): (&Row, Money),
        category: Category,
        out: &mut Lines<'_>,
    ) -> Result<(), ExportError> {
        let (unit, buying_rate) = self
            .units
            .get(row.wallet)
            .ok_or_else(|| ExportError::Mismatch(format!("{} is used and was never made", row.wallet)))?;
        let (charged, of) = match category {
            Category::Usage => (charged_at(entry.record, row.id.row()), None),
            Category::Refund => self.refunded(entry.record, row)?,
            Category::Purchase | Category::Adjustment => (Charged::default(), None),
        };
        let (charged, options, buying_rate) = (&charged, &self.options, *buying_rate);
        let line = Line { entry, row, share, unit, buying_rate, category, charged, of, options };
        out.line(&line.cells())
    }

    /// What the debit was of that a row gives back, and when it was made. A row of a voided invoice may be of several lines of that.
    fn refunded(&self, record: &Record, row: &Row) -> Result<(Charged, Option<Timestamp>), ExportError> {
        let debit = match (row.parent, &record.facts.effect) {
            (Some(debit), _) => debit.position(),
            (None, Effect::InvoiceVoided { back, .. }) => back.debit,
            (None, _) => return Ok((Charged::default(), None)),
        };
        let Some(record) = Source::record(&self.log, debit)? else { return Ok((Charged::default(), None)) };
        let charged = row.parent.map_or_else(Charged::default, |debit| charged_at(&record, debit.row()));
        Ok((charged, Some(record.facts.at)))
    }
}
