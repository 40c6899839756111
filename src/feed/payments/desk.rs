//! Every open recharge with what is done about it: one task each, an attempt at a time, until it has ended.

mod unwanted;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coffer_ledger::command::Command;
use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{RechargeId, TenantNumber};
use coffer_ledger::recharge::{RechargeReason, RechargeStatus};
use coffer_ledger::refusal::Refusal;
use coffer_ledger::time::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};

use self::unwanted::Unwanted;
use super::stripe::{About, Notice, SignatureError, Stripe};
use super::{Bill, CUSTOMER_KEY, METHOD_KEY, Outcome, Payer, PaymentId, PaymentOptions};
use crate::engine::{Engine, Failure, Operation, Target};
use crate::env::Clock;

/// Longest wait that a provider can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// What is counted, in the order of [`COUNTED`].
#[derive(Clone, Copy, Debug)]
enum Count {
    Paid,
    Failed,
    Waiting,
    Retried,
    Applied,
    Repeated,
    Contrary,
    Ignored,
    Forged,
}

const COUNTED: [&str; 9] =
    ["paid", "failed", "waiting", "retried", "applied", "repeated", "contrary", "ignored", "forged"];
/// Those of attempts; the others are of messages.
const OF_ATTEMPTS: usize = 4;

/// Figures for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentStats {
    /// Recharges whose payment is not known.
    pub open: u64,
    /// Requests to the provider under way.
    pub in_flight: u64,
    /// Whether the log is followed.
    pub following: bool,
    /// Attempts by outcome: paid, failed, waiting, retried.
    pub attempts: Vec<(&'static str, u64)>,
    /// Messages by outcome: applied, repeated, contrary (to what is recorded: for people), ignored, forged.
    pub notices: Vec<(&'static str, u64)>,
}

/// What a message did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeOutcome {
    /// The recharge ended by it.
    Applied,
    /// It had ended so before.
    Repeated,
    /// It had ended otherwise before: somebody has to look.
    Contrary,
    /// It is about nothing of ours.
    Ignored,
}

impl NoticeOutcome {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Repeated => "repeated",
            Self::Contrary => "contrary",
            Self::Ignored => "ignored",
        }
    }

    const fn count(self) -> Count {
        match self {
            Self::Applied => Count::Applied,
            Self::Repeated => Count::Repeated,
            Self::Contrary => Count::Contrary,
            Self::Ignored => Count::Ignored,
        }
    }
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// It is not the provider's.
    #[error("{0}")]
    Signature(#[from] SignatureError),
    /// No secret is configured, so none can be checked.
    #[error("no webhook secret is configured")]
    NoSecret,
    /// The engine does not take it now: it is to be sent again.
    #[error("{0}")]
    Engine(Failure),
}

/// Everybody's open recharges.
pub(super) struct Desk {
    pub(super) engine: Engine,
    /// The machine's: the provider's is compared with it, and not with the engine's time, which ignores its steps.
    clock: Arc<dyn Clock>,
    pub(super) tenant: TenantNumber,
    options: PaymentOptions,
    stripe: Stripe,
    slots: Semaphore,
    open: Mutex<HashMap<RechargeId, Arc<Notify>>>,
    stopping: Mutex<bool>,
    /// Wakes the thread before its time.
    wake: Condvar,
    following: AtomicBool,
    counts: [AtomicU64; COUNTED.len()],
}

/// How a recharge was found when it was asked to end.
enum Ended {
    /// By this.
    Now,
    /// Before, so.
    Before(RechargeStatus),
    /// It is not known.
    Unknown,
}

impl Desk {
    pub(super) fn new(
        engine: Engine,
        clock: Arc<dyn Clock>,
        tenant: TenantNumber,
        options: PaymentOptions,
    ) -> std::io::Result<Self> {
        Ok(Self {
            engine,
            clock,
            tenant,
            stripe: Stripe::new(&options)?,
            slots: Semaphore::new(options.in_flight_max),
            options,
            open: Mutex::default(),
            stopping: Mutex::default(),
            wake: Condvar::new(),
            following: AtomicBool::new(false),
            counts: Default::default(),
        })
    }

    pub(super) fn stop(&self) {
        *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
        self.slots.close();
        self.recharges().values().for_each(|one| one.notify_one());
    }

    /// Rests so long; whether to go on then.
    pub(super) fn rest(&self, time: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = self.wake.wait_timeout_while(stopping, time, |stopping| !*stopping);
        !*rested.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn follows(&self, following: bool) {
        self.following.store(following, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> PaymentStats {
        let counts = COUNTED.iter().zip(&self.counts);
        let mut attempts: Vec<_> =
            counts.map(|(name, count)| (*name, count.load(Ordering::Relaxed))).collect();
        let notices = attempts.split_off(OF_ATTEMPTS);
        let idle = self.slots.available_permits();
        PaymentStats {
            open: u64::try_from(self.recharges().len()).unwrap_or(u64::MAX),
            in_flight: u64::try_from(self.options.in_flight_max.saturating_sub(idle)).unwrap_or(u64::MAX),
            following: self.following.load(Ordering::Relaxed),
            attempts,
            notices,
        }
    }

    /// A recharge is pending. `is_new`: it began while we run, so nobody has asked for its payment.
    pub(super) fn open(self: &Arc<Self>, id: RechargeId, is_new: bool, runtime: &Handle) {
        let notify = match self.recharges().entry(id) {
            Entry::Occupied(_) => return,
            Entry::Vacant(vacant) => Arc::clone(vacant.insert(Arc::default())),
        };
        let desk = Arc::clone(self);
        runtime.spawn(async move {
            desk.settle(id, is_new, &notify).await;
            desk.recharges().remove(&id);
        });
    }

    /// A recharge has ended, or something was heard of it.
    pub(super) fn wake(&self, id: RechargeId) {
        if let Some(notify) = self.recharges().get(&id) {
            notify.notify_one();
        }
    }

    fn recharges(&self) -> MutexGuard<'_, HashMap<RechargeId, Arc<Notify>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, what: Count) {
        self.counts[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Asks until it is known.
    async fn settle(&self, id: RechargeId, is_new: bool, notify: &Notify) {
        let (mut waits_for, mut attempts) = (None::<PaymentId>, 0_u32);
        // Somebody may have paid it without our knowing.
        let mut unsure = None::<Bill>;
        loop {
            let bill = match self.bill(id).await {
                Ok(bill) => bill,
                Err(error) => {
                    tracing::warn!(recharge = %id, %error, "a recharge cannot be looked at; it is tried again");
                    attempts = attempts.saturating_add(1);
                    self.pause(notify, self.backoff(attempts)).await;
                    continue;
                }
            };
            if !is_new && unsure.is_none() {
                unsure = bill.clone().filter(|bill| bill.payer.is_some());
            }
            let bill = match bill {
                Some(bill) if bill.status == RechargeStatus::Pending => bill,
                Some(bill) if bill.status == RechargeStatus::Completed => return,
                _ => return self.let_go(id, Unwanted { payment: waits_for, unsure }, notify).await,
            };
            let Some(outcome) = self.attempt(&bill, is_new && attempts == 0, waits_for.as_ref()).await else {
                return;
            };
            attempts = attempts.saturating_add(1);
            match outcome {
                Outcome::Paid => {
                    if self.paid(id).await {
                        return;
                    }
                    self.pause(notify, self.backoff(attempts)).await;
                }
                Outcome::Failed { reason, why, leftover } => {
                    if self.failed(&bill, reason, &why).await {
                        return self.let_go(id, Unwanted { payment: leftover, unsure }, notify).await;
                    }
                    self.pause(notify, self.backoff(attempts)).await;
                }
                Outcome::Waiting(payment) => {
                    if waits_for.is_none() {
                        self.count(Count::Waiting);
                    }
                    waits_for = Some(payment);
                    self.pause(notify, self.options.look_every).await;
                }
                Outcome::Later { why, after } => {
                    self.count(Count::Retried);
                    tracing::warn!(recharge = %id, why, "a payment could not be asked for; it is tried again");
                    unsure.get_or_insert(bill);
                    let asked = after.unwrap_or_default().min(RETRY_AFTER_MAX);
                    self.pause(notify, self.backoff(attempts).max(asked)).await;
                }
            }
        }
    }

    /// `None` = the server stops.
    async fn attempt(&self, bill: &Bill, is_first: bool, waits_for: Option<&PaymentId>) -> Option<Outcome> {
        let _slot = self.slots.acquire().await.ok()?;
        let Some(payer) = &bill.payer else {
            return Some(Outcome::Failed {
                reason: RechargeReason::NoPaymentMethod,
                why: format!(
                    "customer {:?} has no {CUSTOMER_KEY} in its metadata: set it, and {METHOD_KEY} unless Stripe's default is to be charged",
                    bill.customer
                ),
                leftover: None,
            });
        };
        Some(match waits_for {
            Some(payment) => self.stripe.look(payment).await,
            None => self.stripe.pay(bill, payer, is_first).await,
        })
    }

    /// What is to be paid, or was; `None` = nobody knows of it any more.
    async fn bill(&self, id: RechargeId) -> Result<Option<Bill>, Failure> {
        let now_s = self.wall_s();
        let look = move |customer: &Customer, _| bill_of(customer, id, now_s);
        match self.engine.read(self.tenant, Target::Number(id.0.customer()), look).await {
            Ok(seen) => Ok(seen.value),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Seconds since 1970, as other machines see them.
    fn wall_s(&self) -> u64 {
        Timestamp(self.clock.now_ns()).seconds()
    }

    /// Whether that is settled.
    async fn paid(&self, id: RechargeId) -> bool {
        match self.end(id, Command::CompleteRecharge(id)).await {
            Ok(Ended::Now) => {
                self.count(Count::Paid);
                true
            }
            Ok(Ended::Before(RechargeStatus::Completed)) => true,
            Ok(Ended::Before(_) | Ended::Unknown) => {
                self.contrary(id, "it is paid at the provider, and was not waited for any more");
                true
            }
            Err(error) => {
                tracing::error!(recharge = %id, %error, "a recharge is paid and cannot be completed; it is tried again");
                false
            }
        }
    }

    /// Whether that is settled.
    async fn failed(&self, bill: &Bill, reason: RechargeReason, why: &str) -> bool {
        match self.end(bill.id, Command::FailRecharge { id: bill.id, reason }).await {
            Ok(ended) => {
                if matches!(ended, Ended::Now) {
                    self.count(Count::Failed);
                    tracing::info!(recharge = %bill.id, reason = reason.as_str(), why, "a recharge was not paid");
                }
                true
            }
            Err(error) => {
                tracing::error!(recharge = %bill.id, %error, "a recharge is not paid and cannot be failed; it is tried again");
                false
            }
        }
    }

    fn contrary(&self, id: RechargeId, what: &str) {
        self.count(Count::Contrary);
        tracing::error!(recharge = %id, what, "a payment and its recharge disagree: somebody has to look");
    }

    async fn end(&self, id: RechargeId, command: Command) -> Result<Ended, Failure> {
        let target = Target::Number(id.0.customer());
        match self.engine.submit(self.tenant, target, Operation::new(command)).await {
            Ok(_) => Ok(Ended::Now),
            Err(Failure::NotFound(_)) => Ok(Ended::Unknown),
            Err(Failure::Refused(refused)) => match refused.refusal {
                Refusal::NotFound(_) => Ok(Ended::Unknown),
                _ => match self.status(id).await? {
                    Some(RechargeStatus::Pending) => Err(Failure::Refused(refused)),
                    Some(status) => Ok(Ended::Before(status)),
                    None => Ok(Ended::Unknown),
                },
            },
            Err(failure) => Err(failure),
        }
    }

    async fn status(&self, id: RechargeId) -> Result<Option<RechargeStatus>, Failure> {
        let look = move |customer: &Customer, _| customer.recharges.get(id).map(|recharge| recharge.status);
        Ok(self.engine.read(self.tenant, Target::Number(id.0.customer()), look).await?.value)
    }

    pub(super) async fn notice(&self, signature: &str, body: &[u8]) -> Result<NoticeOutcome, NoticeError> {
        if self.options.webhook_secret.reveal().is_empty() {
            return Err(NoticeError::NoSecret);
        }
        let notice = self.stripe.notice(signature, body, self.wall_s());
        let notice = notice.inspect_err(|_| self.count(Count::Forged))?;
        let outcome = match notice {
            Some(notice) => self.take(notice).await.map_err(NoticeError::Engine)?,
            None => NoticeOutcome::Ignored,
        };
        if outcome != NoticeOutcome::Contrary {
            self.count(outcome.count());
        }
        Ok(outcome)
    }

    async fn take(&self, notice: Notice) -> Result<NoticeOutcome, Failure> {
        let id = notice.recharge;
        let (command, wanted) = match notice.about {
            About::Paid => (Command::CompleteRecharge(id), RechargeStatus::Completed),
            About::Failed(reason) => (Command::FailRecharge { id, reason }, RechargeStatus::Failed),
        };
        // A recharge that is completed may still fail, where its credit was trusted; a message that is late must not do that.
        if matches!(notice.about, About::Failed(_))
            && self.status_or_none(id).await? == Some(RechargeStatus::Completed)
        {
            self.contrary(id, "the provider says that the payment of a completed recharge failed");
            return Ok(NoticeOutcome::Contrary);
        }
        let ended = self.end(id, command).await?;
        self.wake(id);
        Ok(match ended {
            Ended::Now => NoticeOutcome::Applied,
            Ended::Before(status) if status == wanted => NoticeOutcome::Repeated,
            Ended::Before(_) => {
                self.contrary(id, "the provider says otherwise than what is recorded");
                NoticeOutcome::Contrary
            }
            Ended::Unknown => NoticeOutcome::Ignored,
        })
    }

    async fn status_or_none(&self, id: RechargeId) -> Result<Option<RechargeStatus>, Failure> {
        match self.status(id).await {
            Err(Failure::NotFound(_)) => Ok(None),
            found => found,
        }
    }

    /// Until it is woken or so much time has passed.
    async fn pause(&self, notify: &Notify, time: Duration) {
        drop(tokio::time::timeout(time, notify.notified()).await);
    }

    /// Doubles with every attempt, and is cut by up to a half at random, so that those who failed together do not come together.
    fn backoff(&self, attempts: u32) -> Duration {
        let doubled =
            self.options.retry_first.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1).min(20)));
        let longest = doubled.min(self.options.retry_max);
        let mut random = [0; 2];
        self.engine.random(&mut random);
        longest - longest / 2 * u32::from(u16::from_le_bytes(random)) / u32::from(u16::MAX)
    }
}

/// `None` = the customer does not know of it any more.
fn bill_of(customer: &Customer, id: RechargeId, now_s: u64) -> Option<Bill> {
    let recharge = customer.recharges.get(id)?;
    let identity = customer.identity.as_ref()?;
    let named = |key| {
        let metadata = identity.profile.metadata.iter();
        let mut found = metadata.filter(|(name, value)| &**name == key && !value.is_empty());
        found.next().map(|(_, value)| value.to_string())
    };
    let payer = named(CUSTOMER_KEY).map(|customer| Payer { customer, method: named(METHOD_KEY) });
    Some(Bill {
        id,
        status: recharge.status,
        wallet: recharge.wallet,
        customer: identity.external_id.to_string(),
        credits: recharge.credits(),
        charged: recharge.charged(),
        currency: recharge.currency,
        invoice: recharge.invoice,
        // A tenant's own clock may be ahead of everybody's, and so may the engine's time where the machine's clock was put right.
        since_s: recharge.begun_at.seconds().min(now_s),
        payer,
    })
}
