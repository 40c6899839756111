//! That an erasure was begun and is not finished: `erasing` beside the control file, until everything is done.
//!
//! It names the customer by number, and by a hash of what the customer was called, so that the same command finds it again after
//! the name is gone; and, of one that was begun while the engine served, the records up to which everything goes. Whoever checks the directory meanwhile knows that this customer's data is on its way out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffer_ledger::ids::{CustomerNumber, TenantNumber};
use coffer_wal::Lsn;
use coffer_wal::storage::{Access, Storage, publish, read_exact_at, write_all_at};
use sha2::{Digest, Sha256};

use super::choose::Who;

const FIRST_LINE: &str = "coffer erasing 1";
/// No marker is as long.
const BYTES_MAX: u64 = 4_096;

/// The records that cleared the live state: what is before them goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The tenant's last one.
    pub(crate) tenant: Lsn,
    /// The customer's last one.
    pub(crate) customer: Lsn,
}

/// An erasure that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) who: Who,
    /// Of what the customer was called.
    pub(super) name_hash: String,
    /// Once the live state is cleared; a stopped engine's has none.
    pub(crate) cut: Option<Cut>,
}

impl Begun {
    pub(crate) fn new(who: Who, name: &str) -> Self {
        Self { who, name_hash: hash(who.tenant, name), cut: None }
    }

    /// Whether the customer was called this.
    pub(crate) fn was_called(&self, tenant: TenantNumber, name: &str) -> bool {
        self.who.tenant == tenant && self.name_hash == hash(tenant, name)
    }

    fn text(&self) -> String {
        let Who { tenant, number } = self.who;
        let cut = self.cut.map(|cut| format!("{} {}\n", cut.tenant.0, cut.customer.0)).unwrap_or_default();
        format!("{FIRST_LINE}\n{}\n{}\n{}\n{cut}", tenant.0, number.0, self.name_hash)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let tenant = TenantNumber(lines.next()?.parse().ok()?);
        let number = CustomerNumber(lines.next()?.parse().ok()?);
        let name_hash = lines.next()?.to_owned();
        let cut = match lines.next() {
            None => None,
            Some(line) => {
                let (tenant, customer) = line.split_once(' ')?;
                Some(Cut { tenant: Lsn(tenant.parse().ok()?), customer: Lsn(customer.parse().ok()?) })
            }
        };
        Some(Self { who: Who { tenant, number }, name_hash, cut })
    }
}

fn hash(tenant: TenantNumber, name: &str) -> String {
    let hash = Sha256::new().chain_update(tenant.0.to_le_bytes()).chain_update(name).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file.
#[derive(Clone)]
pub(crate) struct Marker {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
}

impl Marker {
    /// That of a shard.
    pub(crate) fn new(storage: Arc<dyn Storage>, shard_dir: &Path) -> Self {
        Self { storage, dir: shard_dir.to_owned() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join("erasing")
    }

    /// What was begun and is not finished.
    pub(crate) fn read(&self) -> io::Result<Option<Begun>> {
        let path = self.path();
        if !self.storage.exists(&path)? {
            return Ok(None);
        }
        let file = self.storage.open(&path, Access::Read)?;
        let bytes = file.bytes()?.min(BYTES_MAX);
        let mut content = vec![0; usize::try_from(bytes).expect("it was just made small")];
        read_exact_at(file.as_ref(), &mut content, 0)?;
        let begun = std::str::from_utf8(&content).ok().and_then(Begun::parse);
        begun.map(Some).ok_or_else(|| io::Error::other("it is no marker of an erasure"))
    }

    pub(crate) fn write(&self, begun: &Begun) -> io::Result<()> {
        let path = self.path();
        let temporary = path.with_extension("tmp");
        if self.storage.exists(&temporary)? {
            self.storage.remove(&temporary)?;
        }
        let file = self.storage.open(&temporary, Access::CreateNew)?;
        write_all_at(file.as_ref(), begun.text().as_bytes(), 0)?;
        publish(self.storage.as_ref(), file.as_ref(), &temporary, &path)
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        let path = self.path();
        if self.storage.exists(&path)? {
            self.storage.remove(&path)?;
            self.storage.sync_dir(&self.dir)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_says_what_it_was_told_with_and_without_a_cut() {
        let who = Who { tenant: TenantNumber(3), number: CustomerNumber(7) };
        let begun = Begun::new(who, "ada");
        let cut = Some(Cut { tenant: Lsn(5), customer: Lsn(9) });
        for begun in [begun.clone(), Begun { cut, ..begun }] {
            assert_eq!(Begun::parse(&begun.text()), Some(begun.clone()));
            assert!(begun.was_called(TenantNumber(3), "ada") && !begun.was_called(TenantNumber(3), "bob"));
        }
        assert_eq!(Begun::parse("coffer erasing 1\n3\n7\nhash\n5\n"), None);
    }
}
