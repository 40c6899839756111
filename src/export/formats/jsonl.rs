//! JSON Lines: an object a line, every key in every line, decimals as strings as the API renders them.

use super::{EncodeError, Encoder, text};
use crate::export::table::{Cell, Table};

/// A file that is being written.
pub(super) struct Jsonl {
    bytes: Vec<u8>,
    /// What stands before each value.
    keys: Vec<String>,
}

impl Jsonl {
    /// From its first line, or behind what is there: there is no header.
    pub(super) fn new(table: &'static Table) -> Self {
        let key = |(at, name): (usize, &str)| format!("{}\"{name}\":", if at == 0 { '{' } else { ',' });
        let keys = table.columns.iter().map(|column| column.name).enumerate().map(key).collect();
        Self { bytes: Vec::new(), keys }
    }
}

impl Encoder for Jsonl {
    fn line(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError> {
        for (cell, key) in cells.iter().zip(&self.keys) {
            self.bytes.extend_from_slice(key.as_bytes());
            value(&mut self.bytes, cell)?;
        }
        self.bytes.extend_from_slice(b"}\n");
        Ok(())
    }

    fn pending(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self) -> Result<Vec<u8>, EncodeError> {
        Ok(std::mem::take(&mut self.bytes))
    }

    fn finish(mut self: Box<Self>, _first: u64, _last: u64) -> Result<Vec<u8>, EncodeError> {
        self.take()
    }
}

fn value(out: &mut Vec<u8>, cell: &Cell<'_>) -> Result<(), EncodeError> {
    match cell {
        Cell::Text(text) => serde_json::to_writer(out, text.as_ref()).map_err(EncodeError::of),
        Cell::Null => {
            out.extend_from_slice(b"null");
            Ok(())
        }
        Cell::Integer(_) | Cell::Json(_) => {
            text::with(cell, |text| out.extend_from_slice(text.unwrap_or_default().as_bytes()));
            Ok(())
        }
        // Digits, letters and punctuation that need no escape.
        Cell::Id(..) | Cell::Time(_) | Cell::Decimal(_) => {
            out.push(b'"');
            text::with(cell, |text| out.extend_from_slice(text.unwrap_or_default().as_bytes()));
            out.push(b'"');
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use coffer_ledger::amount::Credits;
    use coffer_ledger::time::Timestamp;

    use super::*;
    use crate::export::table::{Type, column, nullable};

    const TABLE: Table = Table {
        name: "t",
        version: 1,
        columns: &[
            column("word", Type::Word),
            nullable("number", Type::Integer),
            column("at", Type::Time),
            column("credits", Type::Decimal),
            column("tags", Type::Json),
        ],
    };

    #[test]
    fn a_line_is_an_object_with_every_key() {
        let mut jsonl = Jsonl::new(&TABLE);
        let object = Cell::Json(r#"{"a":"b"}"#.into());
        let cells = ["a \"b\"\n".into(), Cell::Null, Timestamp(1).into(), Credits::whole(-3).into(), object];
        jsonl.line(&cells).unwrap();
        let text = String::from_utf8(jsonl.take().unwrap()).unwrap();
        let expected = concat!(
            r#"{"word":"a \"b\"\n","number":null,"at":"1970-01-01T00:00:00.000000001Z","#,
            r#""credits":"-3","tags":{"a":"b"}}"#,
            "\n"
        );
        assert_eq!(text, expected);
    }
}
