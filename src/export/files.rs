//! The files of an export on the disk: what is being written, what is safe, what is there already.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_wal::storage::{Access, File, Storage, read_exact_at, write_all_at};
use sha2::{Digest, Sha256};

use super::error::ExportError;
use super::formats::{Encoder, Format};
use super::manifest::{FileInfo, Manifest, Unfinished};
use super::table::Table;
use crate::audit::hex;

/// Bytes that are read at once to see whether they are what was written.
const READ_BYTES: usize = 1 << 20;

/// An export's files.
pub(super) struct Files {
    storage: Arc<dyn Storage>,
    out: PathBuf,
    format: Format,
    open: Option<Open>,
}

/// The file that is being written.
struct Open {
    file: Box<dyn File>,
    path: PathBuf,
    name: String,
    log_from: u64,
    rows: u64,
    bytes: u64,
    hash: Sha256,
}

impl Files {
    /// Those of the export that will stand there.
    pub(super) fn new(storage: Arc<dyn Storage>, out: &Path, format: Format) -> Self {
        Self { storage, out: out.to_owned(), format, open: None }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = OsString::from(&self.out);
        name.push(ending);
        PathBuf::from(name)
    }

    fn part(&self) -> PathBuf {
        self.beside(".part")
    }

    fn progress(&self) -> PathBuf {
        self.beside(".part.json")
    }

    fn manifest(&self) -> PathBuf {
        self.beside(".manifest.json")
    }

    fn dir(&self) -> &Path {
        match self.out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        }
    }

    fn is_there(&self, path: &Path) -> Result<bool, ExportError> {
        self.storage.exists(path).map_err(ExportError::io(path))
    }

    /// What is there already, to go on with; `None` = nothing is.
    pub(super) fn found(&self, resume: bool) -> Result<Option<Manifest>, ExportError> {
        let (progress, manifest, out) = (self.progress(), self.manifest(), self.out.display());
        if self.is_there(&progress)? {
            let part = self.part();
            let (part, progress_shown) = (part.display(), progress.display());
            return if resume {
                self.load(&progress).map(Some)
            } else {
                Err(ExportError::Mismatch(format!(
                    "an export to {out} was interrupted: --resume goes on with it; or remove {part} and {progress_shown}"
                )))
            };
        }
        if self.is_there(&manifest)? && resume {
            return self.load(&manifest).map(Some);
        }
        for path in [self.out.clone(), self.part(), manifest] {
            if self.is_there(&path)? {
                let line = format!("{} is there already: remove it, or choose another --out", path.display());
                return Err(ExportError::Mismatch(line));
            }
        }
        Ok(None)
    }

    fn load(&self, path: &Path) -> Result<Manifest, ExportError> {
        let file = self.storage.open(path, Access::Read).map_err(ExportError::io(path))?;
        let bytes = file.bytes().map_err(ExportError::io(path))?;
        let mut text = vec![0; usize::try_from(bytes).expect("a manifest fits into memory")];
        read_exact_at(file.as_ref(), &mut text, 0).map_err(ExportError::io(path))?;
        serde_json::from_slice(&text)
            .map_err(|error| ExportError::Mismatch(format!("{}: no manifest: {error}", path.display())))
    }

    /// Opens the file that is written next, and gives what writes lines for it.
    pub(super) fn enter(
        &mut self,
        manifest: &Manifest,
        table: &'static Table,
    ) -> Result<Box<dyn Encoder>, ExportError> {
        match &manifest.unfinished {
            _ if manifest.complete => {}
            Some(unfinished) => {
                self.go_on(unfinished)?;
                return Ok(self.format.go_on(table)?);
            }
            None => {
                self.clear(manifest)?;
                let next = manifest.files.last().map_or(manifest.log_from, |last| last.log_to + 1);
                self.begin(next, manifest.files.len())?;
            }
        }
        Ok(self.format.begin(table)?)
    }

    /// Removes what was written and does not count.
    fn clear(&self, manifest: &Manifest) -> Result<(), ExportError> {
        let part = self.part();
        if self.format.can_be_appended_to() {
            return if self.is_there(&part)? { self.remove(&part) } else { Ok(()) };
        }
        self.storage.create_dir_all(&part).map_err(ExportError::io(&part))?;
        for entry in self.storage.list(&part).map_err(ExportError::io(&part))? {
            if !manifest.files.iter().any(|file| file.name == entry.name) {
                self.remove(&part.join(entry.name))?;
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), ExportError> {
        self.storage.remove(path).map_err(ExportError::io(path))
    }

    /// Opens a new file, after so many others, which will cover the log from this record on.
    pub(super) fn begin(&mut self, log_from: u64, number: usize) -> Result<(), ExportError> {
        let (path, name) = if self.format.can_be_appended_to() {
            (self.part(), self.out.file_name().unwrap_or_default().to_string_lossy().into_owned())
        } else {
            let name = format!("{:06}.{}", number + 1, self.format.as_str());
            (self.part().join(&name), name)
        };
        let file = self.storage.open(&path, Access::CreateNew).map_err(ExportError::io(&path))?;
        // Before a manifest speaks of it.
        let dir = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.storage.sync_dir(dir).map_err(ExportError::io(dir))?;
        self.open = Some(Open { file, path, name, log_from, rows: 0, bytes: 0, hash: Sha256::new() });
        Ok(())
    }

    /// Opens the file that was not finished, sees whether it is what was written, and cuts off what does not count.
    fn go_on(&mut self, unfinished: &Unfinished) -> Result<(), ExportError> {
        let path = self.part();
        let file = self.storage.open(&path, Access::Write).map_err(ExportError::io(&path))?;
        let (mut hash, mut read, mut buffer) = (Sha256::new(), 0, vec![0; READ_BYTES]);
        while read < unfinished.bytes {
            let wanted =
                usize::try_from(unfinished.bytes - read).map_or(READ_BYTES, |left| left.min(READ_BYTES));
            read_exact_at(file.as_ref(), &mut buffer[..wanted], read).map_err(ExportError::io(&path))?;
            hash.update(&buffer[..wanted]);
            read += u64::try_from(wanted).expect("a buffer's length fits");
        }
        if hex::encode(&hash.clone().finalize()) != unfinished.sha256 {
            let line = format!(
                "{} is not what was written: remove it and {}",
                path.display(),
                self.progress().display()
            );
            return Err(ExportError::Mismatch(line));
        }
        file.set_bytes(unfinished.bytes).map_err(ExportError::io(&path))?;
        let name = self.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Unfinished { log_from, rows, bytes, .. } = *unfinished;
        self.open = Some(Open { file, path, name, log_from, rows, bytes, hash });
        Ok(())
    }

    fn open(&mut self) -> &mut Open {
        self.open.as_mut().expect("a file is open until the export is complete")
    }

    /// Adds bytes to the file.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        let open = self.open();
        write_all_at(open.file.as_ref(), bytes, open.bytes).map_err(ExportError::io(&open.path))?;
        open.hash.update(bytes);
        open.bytes += u64::try_from(bytes.len()).expect("a buffer's length fits");
        Ok(())
    }

    /// Notes lines that were made for the file.
    pub(super) fn count(&mut self, rows: u64) {
        self.open().rows += rows;
    }

    /// Lines of the file.
    pub(super) fn rows(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.rows)
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.bytes)
    }

    /// The first record that the file covers.
    pub(super) fn log_from(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.log_from)
    }

    /// Makes what is written of the file safe, and says how much that is.
    pub(super) fn unfinished(&mut self, next: u64) -> Result<Unfinished, ExportError> {
        let open = self.open();
        open.file.sync().map_err(ExportError::io(&open.path))?;
        let sha256 = hex::encode(&open.hash.clone().finalize());
        Ok(Unfinished { log_from: open.log_from, next, rows: open.rows, bytes: open.bytes, sha256 })
    }

    /// Makes the file safe as it is: it is whole.
    pub(super) fn whole(&mut self, log_to: u64) -> Result<FileInfo, ExportError> {
        let Unfinished { log_from, rows, bytes, sha256, .. } = self.unfinished(log_to + 1)?;
        let name = self.open.take().expect("it was open for its last words").name;
        Ok(FileInfo { name, rows, bytes, sha256, log_from, log_to })
    }

    /// Says how far the export is, durably.
    pub(super) fn save(&self, manifest: &Manifest) -> Result<(), ExportError> {
        let (path, temporary) = (self.progress(), self.beside(".part.json.new"));
        if self.is_there(&temporary)? {
            self.remove(&temporary)?;
        }
        let text = serde_json::to_vec_pretty(manifest).expect("a manifest has text keys only");
        let file = self.storage.open(&temporary, Access::CreateNew).map_err(ExportError::io(&temporary))?;
        write_all_at(file.as_ref(), &text, 0).map_err(ExportError::io(&temporary))?;
        file.sync().map_err(ExportError::io(&temporary))?;
        self.storage.rename(&temporary, &path).map_err(ExportError::io(&path))?;
        self.storage.sync_dir(self.dir()).map_err(ExportError::io(self.dir()))
    }

    /// Gives the files of a complete export their names, as far as they have others.
    pub(super) fn publish(&self) -> Result<(), ExportError> {
        for (from, to) in [(self.part(), self.out.clone()), (self.progress(), self.manifest())] {
            if self.is_there(&from)? {
                self.storage.rename(&from, &to).map_err(ExportError::io(&to))?;
                self.storage.sync_dir(self.dir()).map_err(ExportError::io(self.dir()))?;
            }
        }
        Ok(())
    }
}
