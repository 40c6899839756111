//! Erasing a customer from the log and from what follows it, while both are at work.
//!
//! The engine does its part, the history its own, and then the erasure is finished. The work belongs to a task of its own: whoever asked
//! may go. What fails, or was cut short by a stop, is gone on with in the background, again and again, until it is finished.
//! Tested in `tests/erasure/live.rs`, `tests/http/erase.rs` and, killed anywhere, in `tests/cli/erase_live.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};

use super::history::{Erasable, History, HistoryError};
use crate::engine::Engine;
use crate::engine::erasure::{Erased, Erasure, ErasureError, ErasurePlan, ErasureStep};

/// After how long what failed is tried again; twice as long each time, up to the longest.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(300);

/// Told when a customer is erased: whoever keeps something of it in memory lets go of it.
type Heard = Arc<dyn Fn(CustomerNumber) + Send + Sync>;

/// Erases customers. Cheap to clone.
#[derive(Clone)]
pub struct Eraser {
    engine: Engine,
    history: Option<History>,
    heard: Heard,
    goes_on: Arc<AtomicBool>,
}

/// What an erasure changed, or would.
#[derive(Clone, Debug)]
pub struct ErasureReport {
    /// What there was to be erased.
    pub plan: ErasurePlan,
    /// What was; `None` = nothing was done.
    pub erased: Option<Erased>,
    /// Rows of the history.
    pub history_rows: u64,
}

impl ErasureReport {
    /// Whether there was nothing to be erased.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.plan.is_done() && self.history_rows == 0
    }
}

/// Why a customer was not erased, or not yet to the end.
#[derive(Debug, thiserror::Error)]
pub enum EraserError {
    /// The log.
    #[error(transparent)]
    Log(#[from] ErasureError),
    /// The history; the log's part is done.
    #[error("{0}; the log is erased, and the history's part goes on by itself")]
    History(#[from] HistoryError),
    /// A bug.
    #[error("erasing panicked")]
    Panicked,
}

impl Eraser {
    /// On an engine, and its history if it has one.
    #[must_use]
    pub fn new(engine: Engine, history: Option<History>) -> Self {
        Self { engine, history, heard: Arc::new(|_| {}), goes_on: Arc::default() }
    }

    /// Tells this of every customer that is erased.
    #[must_use]
    pub fn telling(self, heard: impl Fn(CustomerNumber) + Send + Sync + 'static) -> Self {
        Self { heard: Arc::new(heard), ..self }
    }

    /// What erasing the customer of this name would change. Changes nothing. Reads the whole log.
    ///
    /// # Errors
    /// [`EraserError`].
    pub async fn plan(&self, tenant: TenantNumber, name: &str) -> Result<ErasureReport, EraserError> {
        let plan = self.engine.plan_erasure(tenant, name).await?;
        let through = LogPosition(self.engine.stats().durable.0);
        let erasable = Erasable { customer: plan.customer, through, mentions: plan.mentions.clone() };
        let history_rows = match &self.history {
            Some(history) => history.erasable(erasable).await?,
            None => 0,
        };
        Ok(ErasureReport { plan, erased: None, history_rows })
    }

    /// Erases the customer of this name. Dropping the future changes nothing: the work goes on.
    ///
    /// # Errors
    /// [`EraserError`]; what was begun goes on in the background.
    pub async fn erase(&self, tenant: TenantNumber, name: &str) -> Result<ErasureReport, EraserError> {
        let (eraser, name) = (self.clone(), name.to_owned());
        let erasing = tokio::spawn(async move { eraser.erase_now(tenant, &name).await });
        erasing.await.map_err(|_| EraserError::Panicked)?
    }

    async fn erase_now(&self, tenant: TenantNumber, name: &str) -> Result<ErasureReport, EraserError> {
        let planned = self.plan(tenant, name).await?;
        if planned.is_nothing() {
            return Ok(planned);
        }
        let erased = match self.engine.begin_erasure(tenant, name).await {
            Ok(erasure) => self.finish(erasure).await,
            Err(error) => Err(error.into()),
        };
        // Whether anything was begun by then, the marker knows.
        let (erased, history_rows) = erased.inspect_err(|_| self.go_on())?;
        Ok(ErasureReport { erased: Some(erased), history_rows, ..planned })
    }

    async fn finish(&self, erasure: Erasure) -> Result<(Erased, u64), EraserError> {
        let (_, customer) = erasure.customer();
        let erased = erasure.run(&mut |step| told(customer, &step)).await?;
        let (through, mentions) = (erasure.through(), erased.mentions.clone());
        let rows = match &self.history {
            Some(history) => history.erase(Erasable { customer, through, mentions }).await?,
            None => 0,
        };
        (self.heard)(customer);
        let name = erasure.name().to_owned();
        erasure.finish().await?;
        tracing::info!(
            customer = customer.0,
            name,
            records = erased.archived + erased.hot,
            rows,
            "erased a customer"
        );
        Ok((erased, rows))
    }

    /// Goes on with what was begun and not finished, if anything was, until it is finished. Call it when the engine and its history
    /// have been started; needs a runtime.
    pub fn go_on(&self) {
        if self.goes_on.swap(true, Ordering::AcqRel) {
            return;
        }
        let eraser = self.clone();
        tokio::spawn(async move {
            let mut again_after = AGAIN_AFTER;
            while let Err(error) = eraser.finish_what_was_begun().await {
                if !eraser.engine.ready() {
                    break;
                }
                tracing::warn!(%error, "an erasure that was begun could not be finished; it is tried again");
                tokio::time::sleep(again_after).await;
                again_after = (again_after * 2).min(AGAIN_AFTER_MAX);
            }
            eraser.goes_on.store(false, Ordering::Release);
        });
    }

    async fn finish_what_was_begun(&self) -> Result<(), EraserError> {
        let Some(erasure) = self.engine.unfinished_erasure().await? else { return Ok(()) };
        tracing::info!(customer = erasure.customer().1.0, "going on with an erasure that was begun");
        self.finish(erasure).await.map(|_| ())
    }
}

impl std::fmt::Debug for Eraser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Eraser").field("engine", &self.engine).finish_non_exhaustive()
    }
}

fn told(customer: CustomerNumber, step: &ErasureStep) {
    match step {
        ErasureStep::Rewritten { segment, records } => {
            tracing::debug!(customer = customer.0, segment, records, "erased in an archived segment");
        }
        ErasureStep::Begun | ErasureStep::Sealed | ErasureStep::Snapshot | ErasureStep::Removed => {
            tracing::debug!(customer = customer.0, ?step, "erasing");
        }
    }
}
