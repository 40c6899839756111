//! Payments of recharges through a connector (SEMANTICS §11): whoever wants his recharges paid by the engine itself, and not by his own
//! system that is told by webhook and calls back, names a provider. There is one, `stripe`.
//!
//! What is to be paid is in the customers' states: every pending recharge of one tenant. So nothing is kept here. At the start the states
//! are looked through once, and from then on the durable log says what begins and ends; a payment that was under way when the process
//! ended is asked for again, and is the same payment. No debit ever waits for any of this.
//!
//! The connector reports results, so the tenant's `payment_result` is switched on when it starts, and cannot be switched off meanwhile: a direct recharge is pending until its
//! payment is known. Tested in `stripe` and in `tests/python/stripe.py` (`just stripe`).

mod desk;
mod follow;
mod stripe;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::catalog::settings::SettingsChange;
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::Origin;
use coffer_ledger::ids::{InvoiceId, RechargeId, TenantNumber, WalletId};
use coffer_ledger::recharge::{RechargeReason, RechargeStatus};
use coffer_ledger::unit::Currency;

use self::desk::Desk;
pub use self::desk::{NoticeError, NoticeOutcome, PaymentStats};
pub use self::stripe::SignatureError;
use crate::engine::{Engine, Failure, TenantOperation};
use crate::env::Env;

/// The key of a customer's metadata that names Stripe's customer.
pub const CUSTOMER_KEY: &str = "stripe_customer";
/// The key of a customer's metadata that names the payment method; without it, that customer's default at Stripe.
pub const METHOD_KEY: &str = "stripe_payment_method";

/// A secret of the configuration: it is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides it.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Shows it, to whoever has to send or check it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "" } else { "(not shown)" })
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// How recharges are paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOptions {
    /// Whose recharges; `None` = the first tenant's.
    pub tenant: Option<String>,
    /// Stripe's secret key, `sk_…` or a restricted one.
    pub api_key: Hidden,
    /// The secret of the webhook endpoint, `whsec_…`; empty = no message is taken.
    pub webhook_secret: Hidden,
    /// Where Stripe is.
    pub base_url: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Requests to Stripe at a time.
    pub in_flight_max: usize,
    /// How long to wait after the first attempt without an answer; doubles with each.
    pub retry_first: Duration,
    /// Longest such wait.
    pub retry_max: Duration,
    /// How often a payment that Stripe works on is looked at, beside the messages about it.
    pub look_every: Duration,
}

/// Why payments do not start.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// There is no such tenant.
    #[error("there is no tenant {0:?}")]
    NoTenant(String),
    /// The machine refuses something.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The tenant's settings could not be changed.
    #[error("the tenant's payment_result cannot be switched on: {0}")]
    Settings(Failure),
}

/// What is to be paid.
#[derive(Clone, Debug)]
struct Bill {
    id: RechargeId,
    /// How the recharge stood when it was looked at.
    status: RechargeStatus,
    wallet: WalletId,
    /// The caller's name of the customer.
    customer: String,
    credits: Credits,
    charged: Money,
    currency: Currency,
    invoice: Option<InvoiceId>,
    /// Seconds since 1970 before which there was no such payment.
    since_s: u64,
    payer: Option<Payer>,
}

/// Who pays, as the provider knows it.
#[derive(Clone, Debug)]
struct Payer {
    customer: String,
    method: Option<String>,
}

/// A payment at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PaymentId(Box<str>);

impl PaymentId {
    fn as_str(&self) -> &str {
        &self.0
    }

    fn is_invoice(&self) -> bool {
        self.0.starts_with("in_")
    }
}

impl From<&str> for PaymentId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The money is there.
    Paid,
    /// It is not, and will not be.
    Failed {
        reason: RechargeReason,
        /// In words, for the operator's log.
        why: String,
        /// What is to be given up at the provider, so that nobody pays it later.
        leftover: Option<PaymentId>,
    },
    /// The provider works on it, or waits for somebody.
    Waiting(PaymentId),
    /// Nobody knows, or it can be mended: ask again.
    Later { why: String, after: Option<Duration> },
}

/// Payments that run. Cheap to clone.
#[derive(Clone)]
pub struct Payments(Arc<Desk>);

impl Payments {
    /// Starts paying. Call it before [`Engine::keep_archive`], within a runtime.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub async fn start(engine: &Engine, env: &Env, options: PaymentOptions) -> Result<Self, PaymentsError> {
        let tenant = tenant_of(engine, options.tenant.as_deref())?;
        report_results(engine, tenant).await.map_err(PaymentsError::Settings)?;
        let desk = Arc::new(Desk::new(engine.clone(), Arc::clone(&env.clock), tenant, options)?);
        follow::start(&desk)?;
        Ok(Self(desk))
    }

    /// Whose recharges it pays.
    #[must_use]
    pub fn tenant(&self) -> TenantNumber {
        self.0.tenant
    }

    /// Begins no attempt any more. What is under way is asked for again after the next start.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Takes a message that says it is Stripe's.
    ///
    /// # Errors
    /// [`NoticeError`].
    pub async fn notice(&self, signature: &str, body: &[u8]) -> Result<NoticeOutcome, NoticeError> {
        self.0.notice(signature, body).await
    }

    /// Figures for operators.
    #[must_use]
    pub fn stats(&self) -> PaymentStats {
        self.0.stats()
    }
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").finish_non_exhaustive()
    }
}

fn tenant_of(engine: &Engine, name: Option<&str>) -> Result<TenantNumber, PaymentsError> {
    let tenants = engine.tenants();
    let found = match name {
        Some(name) => tenants.iter().find(|view| &*view.name == name),
        None => tenants.first(),
    };
    let found = found.ok_or_else(|| PaymentsError::NoTenant(name.unwrap_or("default").to_owned()))?;
    Ok(found.number)
}

async fn report_results(engine: &Engine, tenant: TenantNumber) -> Result<(), Failure> {
    let Some(view) = engine.tenant_view(tenant).filter(|view| !view.settings.payment_result) else {
        return Ok(());
    };
    let change = SettingsChange { payment_result: Some(true), ..SettingsChange::default() };
    let command = TenantCommand::ChangeSettings(change);
    engine.submit_tenant(tenant, TenantOperation::new(command, Origin::default())).await?;
    tracing::info!(tenant = &*view.name, "the connector reports results of payments: payment_result is on");
    Ok(())
}
