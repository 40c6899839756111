//! One export, step by step: reads the next records, makes lines of them, and lets whoever runs it take the bytes.
//!
//! Steps are as many records each, counted from the first of the range. So what is decided between two of them (a file ends here) is
//! decided alike however often the export was interrupted.

use super::error::ExportError;
use super::formats::{Encoder, Format};
use super::kinds::{Kind, KindInfo, KindOptions, Lines};
use super::names::Names;
use super::range::Range;
use super::source::{Filter, Source};
use crate::engine::Engine;

/// Records of a step.
pub(crate) const STEP_RECORDS: u64 = 1_024;

/// What is to be exported.
#[derive(Clone, Debug)]
pub struct Request {
    /// The kind.
    pub kind: &'static KindInfo,
    /// What it is told.
    pub options: KindOptions,
    /// The format.
    pub format: Format,
    /// Which records.
    pub range: Range,
    /// Whose.
    pub filter: Filter,
}

impl Request {
    /// What the kind is told, as manifests say it.
    pub(crate) fn told(&self) -> Vec<(String, String)> {
        if self.kind.has_options { self.options.focus.told() } else { Vec::new() }
    }
}

/// An export that is being made.
pub(crate) struct Exporter {
    source: Source,
    kind: Box<dyn Kind>,
    request: Request,
    /// The next record that the kind must see.
    next: u64,
    /// The first that is written.
    written_from: u64,
}

impl Exporter {
    /// Goes on before the record `next` of the range; a kind that must see all of the log sees what comes before it first.
    ///
    /// # Errors
    /// [`ExportError::BeginningGone`].
    pub(crate) fn new(
        engine: &Engine,
        runtime: tokio::runtime::Handle,
        request: Request,
        next: u64,
    ) -> Result<Self, ExportError> {
        let log = engine.log_reader();
        let first_seen = if request.kind.from_the_first { 1 } else { next };
        if first_seen < log.first_lsn().0 && next > first_seen {
            return Err(ExportError::BeginningGone { first: log.first_lsn().0 });
        }
        let kind = (request.kind.make)(&request.options, &log);
        let source = Source::new(log, Names::new(engine.clone(), runtime), request.filter);
        Ok(Self { source, kind, request, next: first_seen, written_from: next })
    }

    /// The first record that is not done.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether everything is.
    pub(crate) const fn is_done(&self) -> bool {
        self.next > self.request.range.last
    }

    /// Whether what is read next is only looked at.
    pub(crate) const fn looks_on(&self) -> bool {
        self.next < self.written_from
    }

    /// Takes the next step. How many lines it wrote.
    pub(crate) fn step(&mut self, encoder: &mut dyn Encoder) -> Result<u64, ExportError> {
        let looks_on = self.looks_on();
        let end = if looks_on {
            (self.next + STEP_RECORDS).min(self.written_from)
        } else {
            let into_step = (self.next - self.request.range.first) % STEP_RECORDS;
            (self.next + STEP_RECORDS - into_step).min(self.request.range.last + 1)
        };
        let Self { source, kind, request, .. } = self;
        let mut lines = Lines::new((!looks_on).then_some(encoder), request.filter.wallet);
        source.read(self.next, end - 1, &mut |entry| kind.lines(entry, &mut lines))?;
        self.next = end;
        Ok(lines.written())
    }
}
