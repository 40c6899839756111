//! What can be exported. A kind is a file here and a line in [`KINDS`]: its table, and what lines a record makes.

mod focus;
pub(crate) mod journal;
mod moves;
mod paid;
mod projected;
mod slices;
mod transactions;

use coffer_ledger::ids::WalletId;
use coffer_wal::LogReader;

pub use self::focus::{FocusOptions, SERVICE_CATEGORIES, service_subcategories};
use super::error::ExportError;
use super::formats::Encoder;
use super::source::Entry;
use super::table::{Cell, Table};

/// What a kind can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindOptions {
    /// Names for `focus`.
    pub focus: FocusOptions,
}

/// Makes lines of records.
pub(crate) trait Kind: Send {
    /// The lines of a record, in order. Called with every record of the range that the filter takes, and before that, if
    /// [`KindInfo::from_the_first`], with all records before the range: then nothing is written.
    fn lines(&mut self, entry: &Entry<'_>, out: &mut Lines<'_>) -> Result<(), ExportError>;
}

/// A kind before it is made.
#[derive(Clone, Copy, Debug)]
pub struct KindInfo {
    /// Name, version and columns.
    pub table: &'static Table,
    /// Whether it must see the log from its first record on, whatever the range.
    pub from_the_first: bool,
    /// Whether what it is told changes what it writes.
    pub has_options: bool,
    pub(crate) make: fn(&KindOptions, &LogReader) -> Box<dyn Kind>,
}

/// Every kind.
pub static KINDS: [&KindInfo; 5] =
    [&transactions::INFO, &slices::INFO, &moves::INFO, &journal::INFO, &focus::INFO];

impl KindInfo {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().copied().find(|kind| kind.table.name == name)
    }

    /// All names, for people.
    #[must_use]
    pub fn names() -> String {
        KINDS.map(|kind| kind.table.name).join(", ")
    }
}

/// Where lines go.
pub(crate) struct Lines<'a> {
    /// `None` = nowhere: a record before the range.
    encoder: Option<&'a mut dyn Encoder>,
    wallet: Option<WalletId>,
    written: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(encoder: Option<&'a mut dyn Encoder>, wallet: Option<WalletId>) -> Self {
        Self { encoder, wallet, written: 0 }
    }

    /// Whether lines about this wallet are written.
    pub(crate) fn wants(&self, wallet: WalletId) -> bool {
        self.encoder.is_some() && self.wallet.is_none_or(|only| only == wallet)
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        if let Some(encoder) = &mut self.encoder {
            encoder.line(cells)?;
            self.written += 1;
        }
        Ok(())
    }

    /// How many were written.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }
}

/// The caller's pairs as a JSON object, in their order.
pub(crate) fn object(pairs: &[(Box<str>, Box<str>)]) -> Cell<'static> {
    let mut text = String::from("{");
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        let quoted = |text: &str| serde_json::to_string(text).expect("text is always JSON");
        text.push_str(&quoted(key));
        text.push(':');
        text.push_str(&quoted(value));
    }
    text.push('}');
    Cell::Json(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_columns_of_different_names() {
        for kind in KINDS {
            assert!(std::ptr::eq(KindInfo::named(kind.table.name).unwrap().table, kind.table));
            let mut names: Vec<_> = kind.table.columns.iter().map(|column| column.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), kind.table.columns.len(), "{}", kind.table.name);
        }
    }

    #[test]
    fn pairs_are_an_object() {
        let pairs = [("a\"".into(), "b\n".into()), ("é".into(), "".into())];
        assert_eq!(object(&pairs), Cell::Json(r#"{"a\"":"b\n","é":""}"#.into()));
    }
}
