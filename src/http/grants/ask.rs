//! What requests say of a grant.

use coffer_ledger::amount::Rate;
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::fields::{self, Number, PairsField, ScopeField};

/// Bytes of a grant's name.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// A new grant. Words are read in any case.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateCreditGrant)]
pub(crate) struct GrantBody<'a> {
    /// Name for people: 1 to 255 bytes.
    pub(super) name: Box<str>,
    /// PLAN or ADDON (a template, live for all who are enrolled), SUBSCRIPTION, CUSTOMER or WALLET.
    #[schema(example = "PLAN")]
    pub(super) scope: Box<str>,
    /// Of a PLAN: its id in your system.
    pub(super) plan_id: Option<Box<str>>,
    /// Of an ADDON: its id in your system.
    pub(super) addon_id: Option<Box<str>>,
    /// Of a SUBSCRIPTION: its id; or the id of a wallet or a customer, for a grant of theirs.
    pub(super) subscription_id: Option<Box<str>>,
    /// Of a CUSTOMER: either of its names.
    pub(super) customer_id: Option<Box<str>>,
    /// Only this wallet gets it; of a WALLET, the wallet.
    pub(super) wallet_id: Option<Box<str>>,
    /// How much every period; or give `credit_amount`, which is the same.
    #[serde(borrow)]
    pub(super) credits: Option<Number<'a>>,
    #[serde(borrow)]
    pub(super) credit_amount: Option<Number<'a>>,
    /// In which currency; absent: that of the wallet in which it lands. One that is not that of the wallet which is named is refused.
    pub(super) currency: Option<Box<str>>,
    /// In which price unit, likewise.
    pub(super) price_unit: Option<Box<str>>,
    /// ONETIME or RECURRING.
    pub(super) cadence: Box<str>,
    /// HOURLY, DAILY, WEEKLY, MONTHLY, QUARTERLY, HALF_YEARLY or ANNUAL; with RECURRING.
    pub(super) period: Option<Box<str>>,
    /// So many of them; default 1.
    pub(super) period_count: Option<u32>,
    /// NEVER, DURATION or BILLING_CYCLE (with its period); default NEVER.
    pub(super) expiration_type: Option<Box<str>>,
    /// With DURATION: how long from the beginning of the period.
    pub(super) expiration_duration: Option<u32>,
    /// HOUR, DAY, WEEK, MONTH or YEAR.
    pub(super) expiration_duration_unit: Option<Box<str>>,
    /// Short for a DURATION of so many DAYs.
    pub(super) expire_in_days: Option<u32>,
    /// Lower burns first; absent: the tenant's default for plan-included credit.
    pub(super) priority: Option<u32>,
    /// First instant; boundaries keep its local time. Absent: 00:00 of the day of enrolment.
    pub(super) start_date: Option<Box<str>>,
    /// No period begins at or after it.
    pub(super) end_date: Option<Box<str>>,
    /// Money per credit when spending, of a wallet that has to be made; absent = 1.
    #[serde(borrow)]
    pub(super) conversion_rate: Option<Number<'a>>,
    /// Money per credit when buying, of a wallet that has to be made; absent: as `conversion_rate`.
    #[serde(borrow)]
    pub(super) topup_conversion_rate: Option<Number<'a>>,
    /// create_prorations: who enrols within a period gets the share of the days that are left; default none.
    pub(super) proration_behavior: Option<Box<str>>,
    /// What of an ending period's credit goes on into the next; only with BILLING_CYCLE.
    #[serde(borrow)]
    pub(super) rollover: Option<RolloverBody<'a>>,
    /// What the credit may pay for; absent: anything.
    pub(super) credit_scope: Option<ScopeField>,
    /// IANA zone of its calendar, of a grant that is no template; absent: the customer's.
    pub(super) time_zone: Option<Box<str>>,
    /// Your own pairs.
    pub(super) metadata: Option<PairsField>,
    /// As the `Idempotency-Key` header.
    pub(super) idempotency_key: Option<Box<str>>,
}

/// What goes on into the next period.
#[derive(Deserialize, ToSchema)]
#[schema(as = SetRollover)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolloverBody<'a> {
    /// Which share of what is left unpinned: 0 to 1.
    #[serde(borrow)]
    share: Number<'a>,
    /// At most so many credits.
    #[serde(borrow)]
    cap: Option<Number<'a>>,
    /// NEVER, DURATION or BILLING_CYCLE (the next period's end); default BILLING_CYCLE.
    expiration_type: Option<Box<str>>,
    /// With DURATION.
    expiration_duration: Option<u32>,
    /// HOUR, DAY, WEEK, MONTH or YEAR.
    expiration_duration_unit: Option<Box<str>>,
}

impl GrantBody<'_> {
    /// The rule that it asks for.
    pub(super) fn rule(&self) -> Result<Rule, ApiError> {
        let credits = match (self.credits, self.credit_amount) {
            (Some(credits), None) => credits.credits("credits")?,
            (None, Some(credits)) => credits.credits("credit_amount")?,
            (None, None) => return Err(ApiError::field("credits", "is missing")),
            (Some(_), Some(_)) => {
                return Err(ApiError::field("credit_amount", "is the same as credits: give one of them"));
            }
        };
        let rate = |field, given: Option<Number<'_>>| -> Result<Option<Rate>, ApiError> {
            given.map(|rate| rate.rate(field)).transpose()
        };
        Ok(Rule {
            credits,
            currency: self.currency.as_deref().map(fields::currency).transpose()?,
            price_unit: fields::price_unit(self.price_unit.as_deref())?,
            cadence: self.cadence()?,
            start: fields::time("start_date", self.start_date.as_deref())?,
            end: fields::time("end_date", self.end_date.as_deref())?,
            life: self.life()?,
            rollover: self.rollover.as_ref().map(RolloverBody::read).transpose()?,
            prorated: self.prorated()?,
            priority: self.priority,
            scope: self.credit_scope.clone().map(|scope| scope.read(false)).transpose()?,
            conversion_rate: rate("conversion_rate", self.conversion_rate)?,
            topup_conversion_rate: rate("topup_conversion_rate", self.topup_conversion_rate)?,
        })
    }

    fn cadence(&self) -> Result<Cadence, ApiError> {
        match upper(&self.cadence).as_str() {
            "ONETIME" | "ONE_TIME" if self.period.is_some() || self.period_count.is_some() => {
                Err(ApiError::field("period", "only a RECURRING grant has one"))
            }
            "ONETIME" | "ONE_TIME" => Ok(Cadence::OneTime),
            "RECURRING" => {
                let period = self.period.as_deref().ok_or_else(|| ApiError::field("period", "is missing"))?;
                let count = self.period_count.unwrap_or(1);
                Ok(Cadence::Recurring(span("period_count", period_unit(period)?, count)?))
            }
            _ => Err(ApiError::field("cadence", "ONETIME or RECURRING")),
        }
    }

    fn life(&self) -> Result<Life, ApiError> {
        let Some(days) = self.expire_in_days else {
            let (kind, duration) = (self.expiration_type.as_deref(), self.expiration_duration);
            return life(kind, duration, self.expiration_duration_unit.as_deref(), Life::Never);
        };
        if self.expiration_type.is_some() || self.expiration_duration.is_some() {
            return Err(ApiError::field("expire_in_days", "stands for expiration_type and its duration"));
        }
        Ok(Life::After(span("expire_in_days", SpanUnit::Day, days)?))
    }

    fn prorated(&self) -> Result<bool, ApiError> {
        match self.proration_behavior.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("none") => Ok(false),
            Some("create_prorations") => Ok(true),
            Some(_) => Err(ApiError::field("proration_behavior", "create_prorations or none")),
        }
    }
}

impl RolloverBody<'_> {
    fn read(&self) -> Result<Rollover, ApiError> {
        let (kind, unit) = (self.expiration_type.as_deref(), self.expiration_duration_unit.as_deref());
        Ok(Rollover {
            share: self.share.rate("rollover.share")?,
            cap: self.cap.map(|cap| cap.credits("rollover.cap")).transpose()?,
            life: life(kind, self.expiration_duration, unit, Life::Period)?,
        })
    }
}

fn life(
    kind: Option<&str>,
    duration: Option<u32>,
    unit: Option<&str>,
    default: Life,
) -> Result<Life, ApiError> {
    let kind = match (kind, duration) {
        (None, None) => return Ok(default),
        (None, Some(_)) => "DURATION".to_owned(),
        (Some(kind), _) => upper(kind),
    };
    match (kind.as_str(), duration) {
        ("DURATION", Some(duration)) => {
            let unit = unit.ok_or_else(|| ApiError::field("expiration_duration_unit", "is missing"))?;
            Ok(Life::After(span("expiration_duration", duration_unit(unit)?, duration)?))
        }
        ("DURATION", None) => Err(ApiError::field("expiration_duration", "is missing")),
        ("NEVER" | "BILLING_CYCLE", Some(_)) => {
            Err(ApiError::field("expiration_duration", "only with expiration_type DURATION"))
        }
        ("NEVER", None) => Ok(Life::Never),
        ("BILLING_CYCLE", None) => Ok(Life::Period),
        _ => Err(ApiError::field("expiration_type", "NEVER, DURATION or BILLING_CYCLE")),
    }
}

/// A span that stays within what the calendar can count.
fn span(field: &str, unit: SpanUnit, count: u32) -> Result<Span, ApiError> {
    if (1..=SPANS_MAX).contains(&count) {
        Ok(Span { unit, count })
    } else {
        Err(ApiError::field(field, "1 to 10000"))
    }
}

/// Units in a span.
const SPANS_MAX: u32 = 10_000;

fn period_unit(text: &str) -> Result<SpanUnit, ApiError> {
    Ok(match upper(text).as_str() {
        "HOURLY" => SpanUnit::Hour,
        "DAILY" => SpanUnit::Day,
        "WEEKLY" => SpanUnit::Week,
        "MONTHLY" => SpanUnit::Month,
        "QUARTERLY" => SpanUnit::Quarter,
        "HALF_YEARLY" => SpanUnit::HalfYear,
        "ANNUAL" => SpanUnit::Year,
        _ => {
            let allowed = "HOURLY, DAILY, WEEKLY, MONTHLY, QUARTERLY, HALF_YEARLY or ANNUAL";
            return Err(ApiError::field("period", allowed));
        }
    })
}

fn duration_unit(text: &str) -> Result<SpanUnit, ApiError> {
    Ok(match upper(text).as_str() {
        "HOUR" => SpanUnit::Hour,
        "DAY" => SpanUnit::Day,
        "WEEK" => SpanUnit::Week,
        "MONTH" => SpanUnit::Month,
        "YEAR" => SpanUnit::Year,
        _ => return Err(ApiError::field("expiration_duration_unit", "HOUR, DAY, WEEK, MONTH or YEAR")),
    })
}

pub(super) fn upper(text: &str) -> String {
    text.to_ascii_uppercase()
}

/// A grant's name.
pub(super) fn name(given: Box<str>) -> Result<Box<str>, ApiError> {
    if given.is_empty() || given.len() > NAME_BYTES_MAX {
        return Err(ApiError::field("name", "1 to 255 bytes"));
    }
    Ok(given)
}
