//! An export into files that can be gone on with: after a kill, a power cut, a full disk.
//!
//! While it is made it stands at `OUT.part` (CSV and JSON Lines: a file; Parquet, which cannot be appended to: a directory of files of
//! about as many rows each) beside `OUT.part.json`, the manifest as far as it is true. Every now and then the file is synced, and
//! then the manifest says how much of it counts; what is behind that is cut off on resuming. At the end both are renamed, `OUT`
//! first. The same bytes come out however often it was interrupted: `tests/export/`, `tests/cli/export.rs`.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::ExportError;
use super::exporter::{Exporter, Request};
use super::files::Files;
use super::formats::{Encoder, Format};
use super::kinds::{KindInfo, KindOptions};
use super::manifest::{Asked, Manifest};
use super::range::{Bound, Range};
use super::source::Filter;
use crate::engine::Engine;
use crate::env::Env;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;
/// Records without a checkpoint, where hardly any of them makes a line.
const CHECKPOINT_RECORDS: u64 = 500_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct JobOptions {
    /// The kind.
    pub kind: &'static KindInfo,
    /// What it is told.
    pub options: KindOptions,
    /// The format.
    pub format: Format,
    /// Where to begin; `None` = with the oldest record.
    pub from: Option<Bound>,
    /// Where to end; `None` = with what is durable when it begins.
    pub to: Option<Bound>,
    /// Whose rows.
    pub filter: Filter,
    /// Where it is when it is done.
    pub out: PathBuf,
    /// Go on with what is there.
    pub resume: bool,
    /// Rows of a Parquet file, about: it ends with the step that reaches them.
    pub file_rows: u64,
    /// Bytes after which it is made sure that they need not be written again.
    pub checkpoint_bytes: u64,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobProgress {
    /// Records that are done, those before the range that a kind must see included.
    pub records: u64,
    /// Records in all.
    pub records_all: u64,
    /// Lines written, those of earlier runs included.
    pub rows: u64,
    /// Bytes written, likewise.
    pub bytes: u64,
}

/// An export that is being written.
pub struct Job {
    request: Request,
    manifest: Manifest,
    exporter: Exporter,
    files: Files,
    encoder: Box<dyn Encoder>,
    limits: Limits,
    /// Where the last checkpoint is.
    safe: (u64, u64),
    already_done: bool,
}

struct Limits {
    file_rows: u64,
    checkpoint_bytes: u64,
}

impl Job {
    /// Begins, or goes on.
    ///
    /// # Errors
    /// [`ExportError`]: there is something in the way, or what is there was asked for differently, or is of another log.
    pub fn open(
        options: JobOptions,
        engine: &Engine,
        env: &Env,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self, ExportError> {
        let mut files = Files::new(Arc::clone(&env.storage), &options.out, options.format);
        let (request, manifest) = match files.found(options.resume)? {
            None => {
                let range = Range::of(&engine.log_reader(), options.from, options.to)?;
                let (request, manifest) = begun(&options, engine, range)?;
                files.save(&manifest)?;
                (request, manifest)
            }
            Some(found) => (gone_on_with(&options, engine, &found)?, found),
        };
        let (next, already_done) = (next_of(&manifest), manifest.complete);
        let encoder = files.enter(&manifest, request.kind.table)?;
        let exporter = Exporter::new(engine, runtime, request.clone(), next)?;
        let limits = Limits { file_rows: options.file_rows, checkpoint_bytes: options.checkpoint_bytes };
        let safe = (next, files.bytes());
        Ok(Self { request, manifest, exporter, files, encoder, limits, safe, already_done })
    }

    /// Writes to the end. `progress` is told after every step.
    ///
    /// # Errors
    /// [`ExportError`]; what is written up to then can be gone on with.
    pub fn run(mut self, progress: &mut dyn FnMut(JobProgress)) -> Result<Manifest, ExportError> {
        if !self.already_done {
            while !self.exporter.is_done() {
                let rows = self.exporter.step(self.encoder.as_mut())?;
                self.files.count(rows);
                self.after_step()?;
                progress(self.progress());
            }
            self.end()?;
        }
        self.files.publish()?;
        Ok(self.manifest)
    }

    fn progress(&self) -> JobProgress {
        let Range { first, last } = self.request.range;
        let begins = if self.request.kind.from_the_first { 1 } else { first };
        JobProgress {
            records: self.exporter.next() - begins,
            records_all: last + 1 - begins,
            rows: self.manifest.rows + self.files.rows(),
            bytes: self.manifest.bytes + self.files.bytes(),
        }
    }

    fn after_step(&mut self) -> Result<(), ExportError> {
        if self.exporter.looks_on() {
            return Ok(());
        }
        if self.encoder.pending() >= WRITE_BYTES {
            let bytes = self.encoder.take()?;
            self.files.append(&bytes)?;
        }
        if self.request.format.can_be_appended_to() {
            let (next, bytes) = self.safe;
            let due = self.files.bytes() + self.pending() - bytes >= self.limits.checkpoint_bytes
                || self.exporter.next() - next >= CHECKPOINT_RECORDS;
            return if due { self.checkpoint() } else { Ok(()) };
        }
        if self.files.rows() >= self.limits.file_rows && !self.exporter.is_done() {
            self.end_file()?;
            self.files.save(&self.manifest)?;
            self.files.begin(self.exporter.next(), self.manifest.files.len())?;
        }
        Ok(())
    }

    fn pending(&self) -> u64 {
        u64::try_from(self.encoder.pending()).expect("a buffer's length fits")
    }

    /// Makes sure that what is written so far need not be written again.
    fn checkpoint(&mut self) -> Result<(), ExportError> {
        let bytes = self.encoder.take()?;
        self.files.append(&bytes)?;
        self.manifest.unfinished = Some(self.files.unfinished(self.exporter.next())?);
        self.safe = (self.exporter.next(), self.files.bytes());
        self.files.save(&self.manifest)
    }

    fn end_file(&mut self) -> Result<(), ExportError> {
        let (first, next) = (self.files.log_from(), self.exporter.next());
        let fresh = self.request.format.begin(self.request.kind.table)?;
        let bytes = std::mem::replace(&mut self.encoder, fresh).finish(first, next - 1)?;
        self.files.append(&bytes)?;
        let whole = self.files.whole(next - 1)?;
        self.manifest.add(whole);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ExportError> {
        self.end_file()?;
        self.manifest.complete = true;
        self.files.save(&self.manifest)
    }
}

/// What is asked for, and a manifest of it that says that nothing is done yet.
fn begun(options: &JobOptions, engine: &Engine, range: Range) -> Result<(Request, Manifest), ExportError> {
    let JobOptions { kind, format, filter, .. } = *options;
    let request = Request { kind, options: options.options.clone(), format, range, filter };
    let told = |bound: Option<Bound>| bound.map(|bound| bound.to_string());
    let asked = Asked { from: told(options.from), to: told(options.to) };
    let manifest = Manifest::begun(&request, asked, engine.store_id(), &engine.log_reader())?;
    Ok((request, manifest))
}

/// What was asked for when this was begun, if it is what is asked for now, of the same log.
fn gone_on_with(options: &JobOptions, engine: &Engine, found: &Manifest) -> Result<Request, ExportError> {
    let mismatch = |why: String| ExportError::Mismatch(format!("{}: {why}", options.out.display()));
    if let Some(why) = found.misfit(engine.store_id(), &engine.log_reader())? {
        return Err(mismatch(why));
    }
    let (request, fresh) = begun(options, engine, found.range())?;
    match found.difference(&fresh) {
        Some(what) => Err(mismatch(format!("its {what} is not what is asked for"))),
        None => Ok(request),
    }
}

/// The first record that is not in a file yet.
fn next_of(manifest: &Manifest) -> u64 {
    match (&manifest.unfinished, manifest.files.last()) {
        (Some(unfinished), _) => unfinished.next,
        (None, Some(last)) => last.log_to + 1,
        (None, None) => manifest.log_from,
    }
}
