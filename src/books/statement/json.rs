//! A statement as JSON, and which forms there are.

use std::str::FromStr;

use coffer_ledger::amount::Credits;
use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Heading, HoldAtEnd, ReasonTotal, Statement, StatementAlert, StatementLine, StatementRecharge,
    TrancheAtEnd, WalletStatement, csv, html,
};
use crate::books::tenant::Amounts;
use crate::rfc3339;

/// How a statement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementFormat {
    /// One JSON document.
    Json,
    /// A line for each row, opening and closing, recharge and change of an alert.
    Csv,
    /// A page to print.
    Html,
}

impl StatementFormat {
    /// Its name; also what its files' names end with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }

    /// As HTTP calls it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Html => "text/html; charset=utf-8",
        }
    }

    /// The statement in this form.
    ///
    /// # Panics
    /// Never: our own types have text keys only.
    #[must_use]
    pub fn write(self, statement: &Statement, heading: &Heading) -> Vec<u8> {
        match self {
            Self::Json => {
                let shown = ShownStatement::of(statement, heading);
                serde_json::to_vec(&shown).expect("our own types have text keys only")
            }
            Self::Csv => csv::write(statement),
            Self::Html => html::page(statement, heading).into_bytes(),
        }
    }
}

impl FromStr for StatementFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Json, Self::Csv, Self::Html]
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| "json, csv or html".to_owned())
    }
}

/// A customer's statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Statement)]
pub(crate) struct ShownStatement {
    /// What the tenant is called.
    tenant: String,
    customer_id: String,
    external_id: String,
    customer_name: Option<String>,
    /// The first instant that counts.
    from: String,
    /// The first instant that does not any more.
    to: String,
    /// The last record of the log that it knows of.
    log_position: u64,
    wallets: Vec<ShownWallet>,
}

/// A wallet's part of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementOfWallet)]
struct ShownWallet {
    wallet_id: String,
    currency: String,
    price_unit: Option<String>,
    conversion_rate: String,
    opening: ShownAmounts,
    /// Every row that moved posted, as they count, with the posted balance after each.
    lines: Vec<ShownLine>,
    totals: Vec<ShownTotal>,
    /// Recharges that began or ended in the period, and those that wait for their payment at its end; each as it stood then.
    recharges: Vec<ShownRecharge>,
    /// Every change of its alerts in the period.
    alerts: Vec<ShownAlert>,
    closing: ShownAmounts,
    /// Overdraft that is not repaid at the end.
    debt: String,
    /// What is left at the end: the closing balance and the debt.
    tranches: Vec<ShownTranche>,
    /// What is held at the end.
    holds: Vec<ShownHold>,
}

/// Credits, and the paid money in them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementAmounts)]
struct ShownAmounts {
    credits: String,
    paid: String,
}

/// A row of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementRow)]
struct ShownLine {
    transaction_id: String,
    effective_at: String,
    recorded_at: String,
    transaction_reason: String,
    credits_in: String,
    credits_out: String,
    balance: String,
    /// What it adds to the paid money in the balance; less than 0 where paid credit leaves.
    paid: String,
    amount: Option<String>,
    charged: Option<String>,
    /// The invoice, hold or transfer.
    belongs_to: Option<String>,
    reference_type: Option<String>,
    reference_id: Option<String>,
    description: Option<String>,
}

/// Rows of one reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementTotal)]
struct ShownTotal {
    transaction_reason: String,
    rows: u64,
    credits_in: String,
    credits_out: String,
    paid: String,
}

/// A purchase, and how far its payment was at the end of the period.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementRecharge)]
struct ShownRecharge {
    recharge_id: String,
    /// auto or top_up.
    origin: &'static str,
    /// At the end of the period: pending (its credit waits for the payment), trusted (its credit is there, and no payment was reported),
    /// completed, failed or cancelled.
    status: &'static str,
    /// What it brings, its bonus included.
    credits: String,
    /// Worth of what is bought in money, unrounded.
    amount: String,
    /// Money to be paid, in whole minor units.
    charged: String,
    /// The invoice that asks for it; null = it is charged directly.
    invoice_id: Option<String>,
    /// The last row of what is bought, its bonus apart, that counts by the end of the period: by which it came in, or with which it waits.
    transaction_id: Option<String>,
    /// Why it was not paid, as GET /v1/recharges says it; null unless it had failed or been cancelled by the end of the period.
    reason: Option<&'static str>,
    /// When it began.
    created_at: String,
    /// When it fails by itself.
    expires_at: Option<String>,
    /// When it ended; null = not by the end of the period.
    ended_at: Option<String>,
}

/// A change of an alert.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementAlert)]
struct ShownAlert {
    alert_id: String,
    /// low_credit_balance or low_runway.
    alert_type: &'static str,
    /// What it was before: ok, info, warning or in_alarm.
    previous_status: &'static str,
    /// What it is since.
    alert_status: &'static str,
    /// Posted at that moment.
    value_at_time: String,
    /// Seconds until empty, of a runway's.
    runway_seconds: Option<u64>,
    /// The last row of that record and wallet after which the balance was that; null = none was: settings changed, time passed, or debt
    /// was written off.
    transaction_id: Option<String>,
    /// The record that it stands in.
    log_position: u64,
    changed_at: String,
}

/// What is left of a tranche.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementTranche)]
struct ShownTranche {
    tranche_id: String,
    source: String,
    original: String,
    remaining: String,
    paid: String,
    expires_at: Option<String>,
}

/// What a hold keeps.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementHold)]
struct ShownHold {
    hold_id: String,
    placed_at: String,
    held: String,
}

fn instant(at: Timestamp) -> String {
    rfc3339::Text::new(at).as_str().to_owned()
}

impl ShownStatement {
    /// Of this statement.
    pub(crate) fn of(statement: &Statement, heading: &Heading) -> Self {
        let period = statement.of.period;
        Self {
            tenant: heading.tenant.clone(),
            customer_id: heading.customer_id.clone(),
            external_id: heading.external_id.clone(),
            customer_name: heading.name.clone(),
            from: instant(period.from()),
            to: instant(period.to()),
            log_position: statement.position,
            wallets: statement.wallets.iter().map(ShownWallet::of).collect(),
        }
    }
}

impl ShownWallet {
    fn of(wallet: &WalletStatement) -> Self {
        Self {
            wallet_id: wallet.wallet.to_string(),
            currency: wallet.unit.currency.to_string(),
            price_unit: wallet.unit.price_unit.as_ref().map(ToString::to_string),
            conversion_rate: wallet.unit.conversion_rate.to_string(),
            opening: ShownAmounts::of(wallet.opening),
            lines: wallet.lines.iter().map(ShownLine::of).collect(),
            totals: wallet.totals.iter().map(ShownTotal::of).collect(),
            recharges: wallet.recharges.iter().map(ShownRecharge::of).collect(),
            alerts: wallet.alerts.iter().map(ShownAlert::of).collect(),
            closing: ShownAmounts::of(wallet.closing),
            debt: wallet.debt.to_string(),
            tranches: wallet.tranches.iter().map(ShownTranche::of).collect(),
            holds: wallet.holds.iter().map(ShownHold::of).collect(),
        }
    }
}

impl ShownAmounts {
    fn of(amounts: Amounts) -> Self {
        Self { credits: amounts.credits.to_string(), paid: amounts.paid.to_string() }
    }
}

impl StatementLine {
    /// What came, and what went: one of them is 0.
    pub(super) fn sides(&self) -> (Credits, Credits) {
        if self.change.is_negative() { (Credits::ZERO, -self.change) } else { (self.change, Credits::ZERO) }
    }
}

impl ShownLine {
    fn of(line: &StatementLine) -> Self {
        let (credits_in, credits_out) = line.sides();
        Self {
            transaction_id: line.row.to_string(),
            effective_at: instant(line.effective_at),
            recorded_at: instant(line.recorded_at),
            transaction_reason: line.reason.clone(),
            credits_in: credits_in.to_string(),
            credits_out: credits_out.to_string(),
            balance: line.balance.to_string(),
            paid: line.paid.to_string(),
            amount: line.amount.map(|amount| amount.to_string()),
            charged: line.charged.map(|charged| charged.to_string()),
            belongs_to: line.belongs_to.clone(),
            reference_type: line.reference_type.clone(),
            reference_id: line.reference_id.clone(),
            description: line.description.clone(),
        }
    }
}

impl ShownTotal {
    fn of(total: &ReasonTotal) -> Self {
        Self {
            transaction_reason: total.reason.clone(),
            rows: total.rows,
            credits_in: total.credits_in.to_string(),
            credits_out: total.credits_out.to_string(),
            paid: total.paid.to_string(),
        }
    }
}

impl ShownRecharge {
    fn of(recharge: &StatementRecharge) -> Self {
        Self {
            recharge_id: recharge.id.to_string(),
            origin: recharge.origin.as_str(),
            status: recharge.status.as_str(),
            credits: recharge.credits.to_string(),
            amount: recharge.amount.to_string(),
            charged: recharge.charged.to_string(),
            invoice_id: recharge.invoice.map(|invoice| invoice.to_string()),
            transaction_id: recharge.row.map(|row| row.to_string()),
            reason: recharge.reason.map(RechargeReason::as_str),
            created_at: instant(recharge.begun_at),
            expires_at: recharge.expires_at.map(instant),
            ended_at: recharge.ended_at.map(instant),
        }
    }
}

impl ShownAlert {
    fn of(alert: &StatementAlert) -> Self {
        Self {
            alert_id: alert.id.to_string(),
            alert_type: alert.kind.as_str(),
            previous_status: alert.from.as_str(),
            alert_status: alert.to.as_str(),
            value_at_time: alert.posted.to_string(),
            runway_seconds: alert.runway_s,
            transaction_id: alert.row.map(|row| row.to_string()),
            log_position: alert.position.0,
            changed_at: instant(alert.at),
        }
    }
}

impl ShownTranche {
    fn of(tranche: &TrancheAtEnd) -> Self {
        Self {
            tranche_id: tranche.tranche.to_string(),
            source: tranche.source.clone(),
            original: tranche.original.to_string(),
            remaining: tranche.left.credits.to_string(),
            paid: tranche.left.paid.to_string(),
            expires_at: tranche.expires_at.map(instant),
        }
    }
}

impl ShownHold {
    fn of(hold: &HoldAtEnd) -> Self {
        Self {
            hold_id: hold.hold.to_string(),
            placed_at: instant(hold.placed_at),
            held: hold.held.to_string(),
        }
    }
}
