//! A wallet as replies show it.

use coffer_ledger::alert::AlertState;
use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::customer::{Customer, CustomerId};
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::time::Timestamp;
use coffer_ledger::view::{self, Figures};
use coffer_ledger::wallet::{WalletHead, WalletStatus, WalletType};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::rules::{AlertSettingsReply, AutoTopUpReply, AutoTopUpStateReply, WatchSeen};
use crate::engine::Committed;
use crate::http::balance::price_type_names;
use crate::http::wire::{Absent, Dec, Id, Pairs, Time};

/// A wallet. `credit_balance` is what is posted; `balance` is the same in money.
#[derive(Serialize, ToSchema)]
#[schema(as = Wallet)]
pub(crate) struct WalletReply<'a> {
    id: Id,
    /// The customer's id.
    customer_id: &'a str,
    currency: &'a str,
    /// Your own code for the unit.
    price_unit: Option<&'a str>,
    /// Posted, in money.
    balance: Option<Dec>,
    /// Posted: usable credit less debt.
    credit_balance: Dec,
    /// active, frozen or closed.
    wallet_status: &'static str,
    name: &'a str,
    description: Option<&'a str>,
    #[schema(value_type = Pairs)]
    metadata: Pairs<'a>,
    /// How it recharges by itself.
    auto_topup: Option<AutoTopUpReply>,
    /// How that stands; null in replies to writes.
    auto_topup_state: Option<AutoTopUpStateReply>,
    /// PRE_PAID or POST_PAID.
    wallet_type: &'static str,
    config: ConfigReply,
    /// Money per credit when spending.
    conversion_rate: Dec,
    /// Money per credit when buying.
    topup_conversion_rate: Dec,
    /// Lower pays first when no wallet is named.
    priority: u32,
    /// How far below zero USAGE charges may go.
    overdraft_limit: Dec,
    /// Reserved by open holds.
    held: Dec,
    /// Overdraft taken and not repaid.
    debt: Dec,
    /// What it warns of.
    alert_settings: Option<AlertSettingsReply>,
    /// ok, info, warning or in_alarm: the most severe level reached.
    alert_state: &'static str,
    /// With `expand=credits_available_breakdown`.
    credits_available_breakdown: Option<BreakdownReply>,
    /// What can be spent now, in money; where it was asked for.
    real_time_balance: Option<Dec>,
    /// What can be spent now; where it was asked for.
    real_time_credit_balance: Option<Dec>,
    /// Always "published".
    status: &'static str,
    #[schema(value_type = String)]
    tenant_id: TenantId,
    environment_id: Absent,
    created_at: Time,
    updated_at: Time,
    created_by: Absent,
    updated_by: Absent,
}

impl<'a> WalletReply<'a> {
    /// The wallet as an accepted operation left it.
    pub(crate) fn of_committed(tenant: TenantNumber, committed: &'a Committed, head: &'a WalletHead) -> Self {
        Self::of(tenant, &committed.customer.id, head, committed.record.facts.alert_state())
    }

    /// The wallet as its head says.
    pub(crate) fn of(
        tenant: TenantNumber,
        customer_id: &'a str,
        head: &'a WalletHead,
        alert_state: AlertState,
    ) -> Self {
        let rules = head.rules.as_deref();
        Self {
            id: head.id.into(),
            customer_id,
            currency: head.unit.currency.as_str(),
            price_unit: head.unit.price_unit.as_ref().map(|code| code.as_str()),
            balance: worth(head.posted, head.unit.conversion_rate),
            credit_balance: head.posted.into(),
            wallet_status: status_name(head.status),
            name: &head.name,
            description: head.description.as_deref(),
            metadata: Pairs(&head.metadata),
            auto_topup: AutoTopUpReply::of(rules),
            auto_topup_state: None,
            wallet_type: type_name(head.wallet_type),
            config: ConfigReply { allowed_price_types: price_type_names(head.allowed_price_types) },
            conversion_rate: head.unit.conversion_rate.into(),
            topup_conversion_rate: head.topup_conversion_rate.into(),
            priority: head.priority,
            overdraft_limit: head.overdraft_limit.into(),
            held: head.held.into(),
            debt: head.debt.into(),
            alert_settings: AlertSettingsReply::of(rules),
            alert_state: alert_state.as_str(),
            credits_available_breakdown: None,
            real_time_balance: None,
            real_time_credit_balance: None,
            status: "published",
            tenant_id: TenantId(tenant),
            environment_id: Absent,
            created_at: Time(head.created_at),
            updated_at: Time(head.updated_at),
            created_by: Absent,
            updated_by: Absent,
        }
    }

    /// With what can be spent now.
    pub(crate) fn in_real_time(mut self, head: &WalletHead, figures: &Figures) -> Self {
        self.real_time_credit_balance = Some(figures.available.into());
        self.real_time_balance = worth(figures.available, head.unit.conversion_rate);
        self
    }

    /// With the credit by what was paid and what was free.
    pub(crate) fn with_breakdown(mut self, figures: &Figures) -> Self {
        self.credits_available_breakdown = Some(BreakdownReply::of(figures));
        self
    }
}

/// What a wallet admits.
#[derive(Serialize, ToSchema)]
#[schema(as = WalletConfig)]
pub(crate) struct ConfigReply {
    /// USAGE, FIXED or ALL.
    allowed_price_types: &'static [&'static str],
}

/// Usable credit, bought and free.
#[derive(Serialize, ToSchema)]
#[schema(as = CreditsAvailableBreakdown)]
pub(crate) struct BreakdownReply {
    purchased: Dec,
    free: Dec,
}

impl BreakdownReply {
    fn of(figures: &Figures) -> Self {
        let sources = &figures.by_source;
        let free = sources.promotional
            + sources.plan_included
            + sources.refund
            + sources.adjustment
            + sources.rollover;
        Self { purchased: sources.purchased.into(), free: free.into() }
    }
}

/// A wallet and what can be spent from it now.
#[derive(Serialize, ToSchema)]
#[schema(as = WalletBalance)]
pub(crate) struct RealTimeReply<'a> {
    #[serde(flatten)]
    wallet: WalletReply<'a>,
    balance_updated_at: Time,
    /// Seconds until it is empty at the rate of the last hour; null while nobody knows.
    runway_seconds: Option<u64>,
    /// Always "0": use is debited when it happens.
    current_period_usage: Dec,
    /// Always "0": invoices settle against posted credit.
    unpaid_invoices_amount: Dec,
    /// Always false: nothing is cached.
    is_cached_fallback: bool,
}

/// A wallet as a read saw it.
#[derive(Clone, Debug)]
pub(crate) struct WalletSeen {
    /// The customer's id.
    pub(crate) customer_id: Box<str>,
    /// As of `at`.
    pub(crate) head: WalletHead,
    /// As of `at`.
    pub(crate) figures: Figures,
    /// What watches over it, as of `at`.
    pub(crate) watch: WatchSeen,
    /// The instant of the read.
    pub(crate) at: Timestamp,
}

impl WalletSeen {
    /// One wallet of a customer.
    pub(crate) fn one(customer: &Customer, id: WalletId, now: Timestamp) -> Option<Self> {
        let wallet = customer.wallets.iter().find(|wallet| wallet.head.id == id)?;
        Some(Self {
            customer_id: public_id(customer),
            head: view::head_at(customer, wallet, now),
            figures: view::figures_at(customer, wallet, now),
            watch: WatchSeen::of(wallet.watch.as_deref(), view::watched_at(customer, wallet, now)),
            at: now,
        })
    }

    /// Every wallet of a customer that is not closed, oldest first.
    pub(crate) fn open_ones(customer: &Customer, now: Timestamp) -> Vec<Self> {
        customer
            .wallets
            .iter()
            .filter(|wallet| wallet.head.status != WalletStatus::Closed)
            .filter_map(|wallet| Self::one(customer, wallet.head.id, now))
            .collect()
    }

    /// The wallet.
    pub(crate) fn reply(&self, tenant: TenantNumber, shown: Shown) -> WalletReply<'_> {
        let mut reply = WalletReply::of(tenant, &self.customer_id, &self.head, self.watch.state);
        let (rules, recharging) = (self.head.rules.as_deref(), self.watch.recharging.as_ref());
        reply.auto_topup_state = AutoTopUpStateReply::of(rules, recharging);
        if shown.real_time {
            reply = reply.in_real_time(&self.head, &self.figures);
        }
        if shown.breakdown {
            reply = reply.with_breakdown(&self.figures);
        }
        reply
    }

    /// The wallet and what can be spent from it.
    pub(crate) fn real_time(&self, tenant: TenantNumber, shown: Shown) -> RealTimeReply<'_> {
        RealTimeReply {
            wallet: self.reply(tenant, shown),
            balance_updated_at: Time(self.at),
            runway_seconds: self.watch.runway_s,
            current_period_usage: Dec::ZERO,
            unpaid_invoices_amount: Dec::ZERO,
            is_cached_fallback: false,
        }
    }
}

/// What a reader asked to be shown beside the wallet itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What can be spent now.
    pub(crate) real_time: bool,
    /// Bought and free credit apart.
    pub(crate) breakdown: bool,
}

/// A tenant as replies name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TenantId(pub(crate) TenantNumber);

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("tenant_{}", self.0.0))
    }
}

/// What replies call a customer.
pub(crate) fn public_id(customer: &Customer) -> Box<str> {
    let Some(identity) = &customer.identity else { return Box::default() };
    match identity.id {
        CustomerId::Minted(id) => id.to_string().into(),
        CustomerId::Named => identity.external_id.clone(),
    }
}

/// Credits in money, half-even; they may be negative. `None` = more than 12 integer digits.
pub(crate) fn worth(credits: Credits, rate: Rate) -> Option<Dec> {
    if credits.is_negative() {
        return Money::of_credits_half_even(-credits, rate).map(|money| Dec(-money.0));
    }
    Money::of_credits_half_even(credits, rate).map(Dec::from)
}

/// The API's word for a status.
pub(crate) const fn status_name(status: WalletStatus) -> &'static str {
    match status {
        WalletStatus::Active => "active",
        WalletStatus::Frozen => "frozen",
        WalletStatus::Closed => "closed",
    }
}

const fn type_name(wallet_type: WalletType) -> &'static str {
    match wallet_type {
        WalletType::PrePaid => "PRE_PAID",
        WalletType::PostPaid => "POST_PAID",
    }
}
