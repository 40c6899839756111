//! The same questions to the directory of a stopped engine: it is recovered into memory, and nothing in it is changed.

use std::sync::Arc;

use coffer_ledger::catalog::tenant::Tenant;
use coffer_ledger::ids::{LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use coffer_wal::{LogReader, Opened};

use super::{AsOf, At, PastFailure, Question, Sources, answer, has_come, includes};
use crate::engine::codec;
use crate::engine::keys::Keys;
use crate::engine::open::{OpenError, log_options, seed_of};
use crate::engine::operation::Failure;
use crate::engine::options::EngineOptions;
use crate::engine::recovery::{RecoveryProgress, Tables, recover};
use crate::engine::router::Peek;
use crate::env::Env;

/// A stopped engine's directory, to look into. Nobody else can open it meanwhile.
pub struct Stopped {
    opened: Opened,
    reader: LogReader,
    tables: Tables,
    clock_ns: u64,
}

impl Stopped {
    /// Recovers the state of a directory in which there is a log.
    ///
    /// # Errors
    /// [`OpenError`]: it is in use, or something in it is damaged.
    pub fn open(
        options: &EngineOptions,
        env: &Env,
        progress: &Arc<dyn RecoveryProgress>,
    ) -> Result<Self, OpenError> {
        let mut opened = coffer_wal::Log::open_to_read(log_options(options), env.for_log())?;
        let seed = seed_of(&opened);
        let make_keys = || Keys::new(seed, options.idempotency_window_h, options.keys_max);
        let tables = recover(&mut opened, &make_keys, progress)?;
        let reader = opened.reader();
        Ok(Self { opened, reader, tables, clock_ns: env.clock.now_ns() })
    }

    /// Every tenant with its name, by number.
    #[must_use]
    pub fn tenants(&self) -> Vec<(TenantNumber, &str)> {
        let named = |tenant: &'_ Tenant| tenant.name.is_some();
        let tenants = self.tables.tenants.values().filter(|tenant| named(tenant));
        let mut tenants: Vec<_> =
            tenants.map(|tenant| (tenant.number, tenant.name.as_deref().unwrap_or_default())).collect();
        tenants.sort_unstable();
        tenants
    }

    /// The tenant's time: its own clock's in test mode, else the machine's, which is never before the last record.
    #[must_use]
    pub fn now_of(&self, tenant: TenantNumber) -> Timestamp {
        let own = self.tables.tenants.get(&tenant).and_then(|tenant| tenant.test_clock);
        own.unwrap_or_else(|| Timestamp(self.clock_ns).max(self.tables.last_at))
    }

    /// A customer, by id or external id, at each of these. There is no limit to the records that it takes.
    ///
    /// # Errors
    /// [`PastFailure`].
    pub fn look(&self, tenant: TenantNumber, name: &str, at: Vec<At>) -> Result<Vec<AsOf>, PastFailure> {
        let directory = &self.tables.directory;
        let number = directory.find_even_deleted(tenant, name).ok_or(PastFailure::NotFound)?;
        let (now, end) = (self.now_of(tenant), LogPosition(self.reader.durable_lsn().0));
        at.iter().try_for_each(|at| has_come(*at, now, end))?;
        let Ok(Peek::Resting(resting)) = self.tables.router.peek(tenant, number) else {
            return Err(PastFailure::NotFound);
        };
        let live = codec::decode_customer(&resting.bytes).map_err(|_| Failure::Internal)?;
        let own_clock = self.tables.tenants.get(&tenant).is_some_and(|tenant| tenant.test_clock.is_some());
        let question = Question { of: (tenant, number), at, own_clock, records_max: usize::MAX };
        let is_answer = question.at.iter().all(|at| includes(*at, &live));
        let sources = Sources { reader: &self.reader, snapshots: self.opened.snapshots() };
        answer(&sources, &question, resting.position, is_answer.then_some(live))
    }
}

impl std::fmt::Debug for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stopped").field("end", &self.reader.durable_lsn()).finish_non_exhaustive()
    }
}
