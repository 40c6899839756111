//! The journal of a period, from the history: which rows count is a matter of their instants, and these the history knows.
//!
//! Page by page, each in the order of the log, up to the record that was named when it began: rows never change, so nothing that is
//! recorded meanwhile shows. Lines are those of the export `journal`. Tested in `tests/http/books.rs`.

use std::collections::HashMap;
use std::io;

use coffer_ledger::ids::{RowId, TenantNumber, WalletId};
use coffer_ledger::unit::Unit;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::error::ExportError;
use super::formats::{Encoder, Format};
use super::kinds::journal::{TABLE, cells};
use super::names::Names;
use super::stream::{PART_BYTES, PARTS, Streamed};
use crate::books::{Period, entry};
use crate::engine::Engine;
use crate::feed::history::{FullRow, History, HistoryError, HistoryFile, Look, RowsAsked};

/// Rows of a page.
const PAGE_ROWS: usize = 2_000;

/// Which journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalRequest {
    /// Whose.
    pub tenant: TenantNumber,
    /// Which rows count.
    pub period: Period,
    /// The last record that it knows of.
    pub position: u64,
    /// CSV or JSON Lines.
    pub format: Format,
}

/// Where its rows are.
pub(crate) enum Rows {
    /// Beside a running engine.
    Live(History, Handle),
    /// A stopped server's.
    File(HistoryFile),
}

/// Begins to make it, as [`super::stream`] does.
///
/// # Errors
/// [`ExportError`]: it cannot begin.
pub(crate) fn journal_stream(
    engine: &Engine,
    history: History,
    request: JournalRequest,
    permit: OwnedSemaphorePermit,
    goes_on: impl Fn() -> bool + Send + 'static,
) -> Result<Streamed, ExportError> {
    let (parts, streamed) = mpsc::channel(PARTS);
    let runtime = Handle::current();
    let rows = Rows::Live(history, runtime.clone());
    let mut names = Names::new(engine.clone(), runtime);
    let making = move || {
        let _permit = permit;
        let mut send = |bytes: Vec<u8>| {
            if !goes_on() {
                return Err(ExportError::Mismatch("the server is stopping".to_owned()));
            }
            parts.blocking_send(Ok(bytes.into())).map_err(|_| ExportError::Stopped)
        };
        match journal_into(&rows, &mut names, &request, &mut send) {
            Ok(()) | Err(ExportError::Stopped) => {}
            Err(error) => {
                tracing::error!(%error, "a journal was cut short");
                let _ = parts.blocking_send(Err(io::Error::other(error.to_string())));
            }
        }
    };
    engine.spawn_later("journal", making).map_err(ExportError::io("a thread for the journal"))?;
    Ok(streamed)
}

/// Makes it and hands it over part by part.
///
/// # Errors
/// [`ExportError`]; also what `send` says.
pub(crate) fn journal_into(
    rows: &Rows,
    names: &mut Names,
    request: &JournalRequest,
    send: &mut dyn FnMut(Vec<u8>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut encoder = request.format.begin(&TABLE)?;
    let (mut units, mut after) = (HashMap::new(), None);
    loop {
        let page = rows.page(request, after, &mut units)?;
        for full in &page {
            write(full, &units, names, encoder.as_mut())?;
        }
        after = page.last().map(|full| full.row.id);
        if page.len() < PAGE_ROWS {
            return send(encoder.finish(1, request.position)?);
        }
        if encoder.pending() >= PART_BYTES {
            send(encoder.take()?)?;
        }
    }
}

fn write(
    full: &FullRow,
    units: &Units,
    names: &mut Names,
    encoder: &mut dyn Encoder,
) -> Result<(), ExportError> {
    let Some(unit) = units.get(&full.row.wallet) else { return Ok(()) };
    let Some(posting) = entry(full, unit) else { return Ok(()) };
    let customer = names.customer(posting.tenant, posting.customer)?;
    for (number, line) in (0..).zip(&posting.lines) {
        encoder.line(&cells(&posting, unit, &customer.id, number, line))?;
    }
    Ok(())
}

impl Rows {
    /// The next rows, and the units of their wallets.
    fn page(
        &self,
        request: &JournalRequest,
        after: Option<RowId>,
        units: &mut Units,
    ) -> Result<Vec<FullRow>, ExportError> {
        let JournalRequest { tenant, period, position, .. } = *request;
        let asked = RowsAsked {
            tenant,
            customer: None,
            from: period.from(),
            to: period.to(),
            after,
            last: position,
            limit: PAGE_ROWS,
        };
        let known = std::mem::take(units);
        let looked = match self {
            Self::Live(history, runtime) => {
                runtime.block_on(history.look(move |look| with_units(look, &asked, known)))
            }
            Self::File(file) => file.look(|look| with_units(look, &asked, known)),
        };
        let rows;
        (rows, *units) = looked.map_err(|error| ExportError::Mismatch(error.to_string()))?;
        Ok(rows)
    }
}

type Units = HashMap<WalletId, Unit>;

fn with_units(
    look: &dyn Look,
    asked: &RowsAsked,
    mut units: Units,
) -> Result<(Vec<FullRow>, Units), HistoryError> {
    let rows = look.rows(asked)?;
    for wallet in rows.iter().map(|full| full.row.wallet) {
        if !units.contains_key(&wallet) {
            units.extend(look.wallet(wallet)?.map(|life| (wallet, life.unit)));
        }
    }
    Ok((rows, units))
}
