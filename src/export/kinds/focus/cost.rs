//! A line of FOCUS: what a row cost, by which price, when, for whom.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Unit;

use super::FocusOptions;
use super::charge::Charged;
use super::columns::COLUMNS;
use crate::export::kinds::object;
use crate::export::source::Entry;
use crate::export::table::Cell;
use crate::feed::history::Row;

/// What credits are counted in where a wallet has no price unit.
const CREDITS_CURRENCY: &str = "credits";
/// What is priced: a credit.
const CREDITS_UNIT: &str = "Credits";
/// The SKU of what names neither meter nor feature.
const CREDITS_SKU: &str = "credits";
const SECOND_NS: u64 = 1_000_000_000;

/// What a row is in FOCUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    /// Credit was used.
    Usage,
    /// Credit that was used came back.
    Refund,
    /// Credit was bought.
    Purchase,
    /// Credit that was bought paid for what had been used before, on overdraft.
    Adjustment,
}

impl Category {
    /// What this row is: nothing, one of it, or a purchase of which some paid for earlier usage at once. `share` is the paid money that
    /// the row released.
    pub(super) fn all_of(row: &Row, share: Money) -> impl Iterator<Item = Self> {
        // What pends is bought when it is paid, by a row of its own, or never.
        let is_bought = row.charged.is_some_and(Money::is_positive) && row.status != "pending";
        let pays_debt = row.repaid.is_positive() && !share.is_zero() && row.parts.is_empty();
        let [first, second] = match &*row.reason {
            "USAGE_DEBIT" | "HOLD_CAPTURE" | "MANUAL_BALANCE_DEBIT" | "INVOICE_PAYMENT" => {
                [Some(Self::Usage), None]
            }
            "REFUND" | "REVERSAL" => [Some(Self::Refund), None],
            _ => [is_bought.then_some(Self::Purchase), pays_debt.then_some(Self::Adjustment)],
        };
        first.into_iter().chain(second)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Usage | Self::Refund => "Usage",
            Self::Purchase => "Purchase",
            Self::Adjustment => "Adjustment",
        }
    }
}

/// Everything that a line is made of.
pub(super) struct Line<'a> {
    pub(super) entry: &'a Entry<'a>,
    pub(super) row: &'a Row,
    /// The paid money that the row released.
    pub(super) share: Money,
    pub(super) unit: &'a Unit,
    /// Money per credit of the wallet's when buying.
    pub(super) buying_rate: Rate,
    pub(super) category: Category,
    pub(super) charged: &'a Charged,
    /// When the debit was made that this gives back.
    pub(super) of: Option<Timestamp>,
    pub(super) options: &'a FocusOptions,
}

/// Amounts of a line; negative for what comes back.
#[derive(Default)]
struct Costs {
    billed: Money,
    list: Money,
    effective: Money,
    effective_credits: Credits,
    quantity: Option<Credits>,
    unit_price: Option<Rate>,
    currency_price: Option<Rate>,
}

impl<'a> Line<'a> {
    fn costs(&self) -> Costs {
        let Row { credits, amount, charged, .. } = *self.row;
        let (list, rate) = (amount.unwrap_or(Money::ZERO), self.unit.conversion_rate);
        let usage = |credits: Credits, list: Money| Costs {
            list,
            effective: self.share,
            effective_credits: credits,
            quantity: Some(credits),
            unit_price: Some(rate),
            currency_price: Some(Rate::ONE),
            billed: Money::ZERO,
        };
        match self.category {
            Category::Usage => usage(credits, list),
            Category::Refund => usage(-credits, -list),
            Category::Purchase => Costs {
                billed: charged.unwrap_or(Money::ZERO),
                list,
                quantity: Some(credits),
                unit_price: Some(self.buying_rate),
                currency_price: Some(self.buying_rate),
                ..Costs::default()
            },
            Category::Adjustment => Costs { effective: self.share, ..Costs::default() },
        }
    }

    fn is_use(&self) -> bool {
        matches!(self.category, Category::Usage | Category::Refund)
    }

    /// Money's currency, or the credits' own where these are the price.
    fn pricing_currency(&self) -> Cell<'a> {
        match (&self.unit.price_unit, self.is_use()) {
            (Some(unit), true) => unit.as_str().into(),
            (None, true) => CREDITS_CURRENCY.into(),
            (_, false) => self.currency(),
        }
    }

    fn currency(&self) -> Cell<'a> {
        self.unit.currency.as_str().to_ascii_uppercase().into()
    }

    fn consumed(&self, quantity: Option<Credits>) -> (Cell<'a>, Cell<'a>) {
        match (&self.charged.metered, self.category) {
            (Some((meter, used)), Category::Usage) => ((*used).into(), text(meter)),
            (_, Category::Usage | Category::Refund) => (Cell::of(quantity), CREDITS_UNIT.into()),
            (_, Category::Purchase | Category::Adjustment) => (Cell::Null, Cell::Null),
        }
    }

    /// What was used: a feature, else what the request referred to.
    fn resource(&self) -> (Cell<'a>, Cell<'a>) {
        match (&self.charged.feature, &self.row.reference_id) {
            (Some(feature), _) => (text(feature), "Feature".into()),
            (None, Some(id)) => {
                (text(id), self.row.reference_type.as_deref().map_or("Reference".into(), Cell::from))
            }
            (None, None) => (Cell::Null, Cell::Null),
        }
    }

    /// The SKU, its meter, and its price.
    fn sku(&self) -> [Cell<'a>; 3] {
        if self.category == Category::Adjustment {
            return [Cell::Null, Cell::Null, Cell::Null];
        }
        let meter = self.charged.metered.as_ref().map(|(meter, _)| &**meter);
        let sku = meter.or(self.charged.feature.as_deref()).unwrap_or(CREDITS_SKU);
        let price = self.row.card.map_or_else(|| text(sku), |(card, _)| card.into());
        [text(sku), text(sku), price]
    }

    fn description(&self) -> Cell<'a> {
        if let Some(given) = self.row.description.as_deref().filter(|given| !given.is_empty()) {
            return given.into();
        }
        let of = self.charged.feature.as_deref().map_or(String::new(), |feature| format!(" of {feature}"));
        let what = match self.category {
            Category::Usage => "Usage",
            Category::Refund => "Refund of usage",
            Category::Purchase => "Purchase of credits",
            Category::Adjustment => "Credits that pay for earlier usage on overdraft",
        };
        format!("{what}{of}").into()
    }

    /// Whether it corrects a billing period that is over.
    fn class(&self) -> Cell<'a> {
        let corrects = self.of.is_some_and(|of| month(of) != month(self.row.recorded_at));
        if corrects { "Correction".into() } else { Cell::Null }
    }

    /// The cells, in the order of the columns.
    pub(super) fn cells(&self) -> [Cell<'a>; COLUMNS.len()] {
        let (costs, row, tenant) = (self.costs(), self.row, &self.entry.tenant);
        let (consumed, consumed_unit) = self.consumed(costs.quantity);
        let (resource, resource_type) = self.resource();
        let [sku, sku_meter, sku_price] = self.sku();
        let (period_start, period_end) = month(row.recorded_at);
        let start = Timestamp(row.effective_at.0 - row.effective_at.0 % SECOND_NS);
        let name = |given: &'a Option<String>| Cell::from(given.as_deref().unwrap_or(&tenant.name));
        let provider = &self.options.provider;
        let or_provider = |given: &'a Option<String>| name(if given.is_some() { given } else { provider });
        let is_priced = costs.quantity.is_some();
        let word = |holds: bool, word: &'static str| if holds { word.into() } else { Cell::Null };
        [
            costs.billed.into(),
            format!("tenant_{}", tenant.number.0).into(),
            (*tenant.name).into(),
            self.currency(),
            period_end.into(),
            period_start.into(),
            self.category.as_str().into(),
            self.class(),
            self.description(),
            if self.is_use() { "Usage-Based" } else { "One-Time" }.into(),
            Timestamp(start.0.saturating_add(SECOND_NS)).into(),
            start.into(),
            consumed,
            consumed_unit,
            costs.list.into(),
            Cell::of(costs.unit_price),
            costs.effective.into(),
            Cell::of(row.invoice.as_deref()),
            or_provider(&self.options.invoice_issuer),
            costs.list.into(),
            Cell::of(costs.unit_price),
            word(is_priced, "Standard"),
            self.pricing_currency(),
            Cell::of(costs.currency_price),
            costs.effective_credits.into(),
            Cell::of(costs.currency_price),
            Cell::of(costs.quantity),
            word(is_priced, CREDITS_UNIT),
            name(provider),
            or_provider(&self.options.publisher),
            resource,
            Cell::Null,
            resource_type,
            (*self.options.service_category).into(),
            (*self.options.service_name).into(),
            self.options.subcategory().into(),
            sku,
            sku_meter,
            Cell::Null,
            sku_price,
            (*self.entry.customer.id).into(),
            (*self.entry.customer.external_id).into(),
            row.metadata.as_deref().map_or(Cell::Null, object),
            row.id.into(),
            Cell::of(row.parent),
            row.wallet.into(),
            (*row.reason).into(),
            self.entry.position.0.into(),
            row.recorded_at.into(),
        ]
    }
}

fn text(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}

/// First instant of an instant's month in UTC, and of the month after it.
fn month(at: Timestamp) -> (Timestamp, Timestamp) {
    let seconds = i64::try_from(at.0 / SECOND_NS).expect("seconds of nanoseconds fit");
    let day =
        DateTime::<Utc>::from_timestamp(seconds, 0).expect("an instant after 1970 is a date").date_naive();
    let first = NaiveDate::from_ymd_opt(day.year(), day.month(), 1).expect("every month has a first day");
    let next = first.checked_add_months(Months::new(1)).expect("there is a month after this");
    let start = |day: NaiveDate| {
        let seconds = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        Timestamp(u64::try_from(seconds).expect("it is after 1970").saturating_mul(SECOND_NS))
    };
    (start(first), start(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rfc3339;

    #[test]
    fn a_billing_period_is_a_month_in_utc() {
        for (at, first, next) in [
            ("2027-01-31T23:59:59.999Z", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
            ("2027-12-01T00:00:00Z", "2027-12-01T00:00:00Z", "2028-01-01T00:00:00Z"),
            ("2028-03-01T01:00:00+02:00", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ] {
            let [at, first, next] = [at, first, next].map(|text| rfc3339::parse(text).unwrap());
            assert_eq!(month(at), (first, next));
        }
    }
}
