//! Of a tenant's settings, what a request changes (API §3 `/settings`).

use crate::catalog::tenant::{DefaultPriorities, Settings};
use crate::unit::Currency;

/// Of the burn priorities by source, those that a request gives: the rest stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrioritiesChange {
    /// `purchased`.
    pub purchased: Option<u32>,
    /// `promotional`.
    pub promotional: Option<u32>,
    /// `plan_included`.
    pub plan_included: Option<u32>,
    /// `refund`.
    pub refund: Option<u32>,
    /// `adjustment`.
    pub adjustment: Option<u32>,
}

/// Of the settings, those that a request gives: the rest stays. See [`Settings`] for the fields. A setting that goes back to its default is
/// given with that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// Each for itself.
    pub default_priorities: PrioritiesChange,
    /// `Some(None)` = a new wallet must name its currency.
    pub default_currency: Option<Option<Currency>>,
    /// `Some(None)` = UTC.
    pub time_zone: Option<Option<Box<str>>>,
    /// On or off.
    pub auto_complete: Option<bool>,
    /// On or off.
    pub payment_result: Option<bool>,
}

impl PrioritiesChange {
    /// All five.
    #[must_use]
    pub const fn all(priorities: DefaultPriorities) -> Self {
        let DefaultPriorities { purchased, promotional, plan_included, refund, adjustment } = priorities;
        Self {
            purchased: Some(purchased),
            promotional: Some(promotional),
            plan_included: Some(plan_included),
            refund: Some(refund),
            adjustment: Some(adjustment),
        }
    }

    fn over(self, now: DefaultPriorities) -> DefaultPriorities {
        DefaultPriorities {
            purchased: self.purchased.unwrap_or(now.purchased),
            promotional: self.promotional.unwrap_or(now.promotional),
            plan_included: self.plan_included.unwrap_or(now.plan_included),
            refund: self.refund.unwrap_or(now.refund),
            adjustment: self.adjustment.unwrap_or(now.adjustment),
        }
    }
}

impl SettingsChange {
    /// The settings with what is given.
    #[must_use]
    pub fn over(&self, settings: &Settings) -> Settings {
        let Self { default_priorities, default_currency, time_zone, auto_complete, payment_result } = self;
        Settings {
            default_priorities: default_priorities.over(settings.default_priorities),
            default_currency: default_currency.unwrap_or(settings.default_currency),
            time_zone: time_zone.as_ref().unwrap_or(&settings.time_zone).clone(),
            auto_complete: auto_complete.unwrap_or(settings.auto_complete),
            payment_result: payment_result.unwrap_or(settings.payment_result),
        }
    }
}
