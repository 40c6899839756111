//! CSV as RFC 4180 has it: a header line, commas, CRLF, quotes where needed. UTF-8, no byte order mark.
//!
//! Nothing is an empty field. A spreadsheet would run a text of the caller's that begins with `=`, `+`, `-`, `@`, a tab or a
//! carriage return as a formula: such a text gets an apostrophe in front. So does one that begins with an apostrophe, and an empty
//! one: whoever takes one apostrophe off has the exact text again, and can tell an empty text from none (docs/EXPORTS.md, "CSV").

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use super::{EncodeError, Encoder, text};
use crate::export::table::{Cell, Column, Table, Type};

/// What an apostrophe goes in front of.
const GUARDED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// A CSV file that is being written.
pub(super) struct Csv {
    writer: Writer<Vec<u8>>,
    columns: &'static [Column],
    guarded: String,
}

impl Csv {
    /// With its header.
    pub(super) fn begin(table: &'static Table) -> Result<Self, EncodeError> {
        let mut csv = Self::go_on(table);
        csv.writer.write_record(table.columns.iter().map(|column| column.name)).map_err(EncodeError::of)?;
        Ok(csv)
    }

    /// Behind what is there.
    pub(super) fn go_on(table: &'static Table) -> Self {
        Self { writer: writer(), columns: table.columns, guarded: String::new() }
    }
}

impl Encoder for Csv {
    fn line(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError> {
        let Self { writer, columns, guarded } = self;
        for (cell, column) in cells.iter().zip(*columns) {
            let written = text::with(cell, |text| match text {
                Some(text) if column.holds == Type::Text && needs_guard(text) => {
                    guarded.clear();
                    guarded.push('\'');
                    guarded.push_str(text);
                    writer.write_field(guarded.as_str())
                }
                Some(text) => writer.write_field(text),
                None => writer.write_field(""),
            });
            written.map_err(EncodeError::of)?;
        }
        writer.write_record(None::<&[u8]>).map_err(EncodeError::of)
    }

    fn pending(&self) -> usize {
        self.writer.get_ref().len()
    }

    fn take(&mut self) -> Result<Vec<u8>, EncodeError> {
        std::mem::replace(&mut self.writer, writer()).into_inner().map_err(EncodeError::of)
    }

    fn finish(mut self: Box<Self>, _first: u64, _last: u64) -> Result<Vec<u8>, EncodeError> {
        self.take()
    }
}

fn needs_guard(text: &str) -> bool {
    text.is_empty() || text.starts_with(GUARDED)
}

fn writer() -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::table::{column, nullable};

    const TABLE: Table =
        Table { name: "t", version: 1, columns: &[column("a", Type::Word), nullable("b", Type::Text)] };

    fn written(lines: &[[Cell<'_>; 2]]) -> String {
        let mut csv = Box::new(Csv::begin(&TABLE).unwrap());
        lines.iter().for_each(|line| csv.line(line).unwrap());
        String::from_utf8(csv.finish(1, 1).unwrap()).unwrap()
    }

    #[test]
    fn a_file_has_a_header_and_quotes_what_needs_quotes() {
        let lines = [["x".into(), Cell::Null], ["a,b".into(), "say \"so\"\r\nnow".into()]];
        assert_eq!(written(&lines), "a,b\r\nx,\r\n\"a,b\",\"say \"\"so\"\"\r\nnow\"\r\n");
    }

    #[test]
    fn what_a_spreadsheet_would_run_is_guarded_and_one_apostrophe_less_is_the_text() {
        for text in ["=1+1", "+1", "-1", "@sum", "\tx", "\r", "'quoted'", ""] {
            let file = written(&[["-1".into(), text.into()]]);
            let mut reader = csv::Reader::from_reader(file.as_bytes());
            let line = reader.records().next().unwrap().unwrap();
            assert_eq!(&line[0], "-1", "our own words are as they are");
            assert_eq!(line[1].strip_prefix('\''), Some(text));
        }
        assert_eq!(written(&[["x".into(), "plain = 1".into()]]), "a,b\r\nx,plain = 1\r\n");
    }

    #[test]
    fn taken_in_parts_it_is_the_same() {
        let line: [Cell<'_>; 2] = ["x".into(), "y".into()];
        let mut parts = Vec::new();
        let mut csv = Csv::begin(&TABLE).unwrap();
        for _ in 0..3 {
            csv.line(&line).unwrap();
            parts.extend(csv.take().unwrap());
        }
        let mut rest = Csv::go_on(&TABLE);
        rest.line(&line).unwrap();
        parts.extend(rest.take().unwrap());
        assert_eq!(String::from_utf8(parts).unwrap(), written(&vec![line; 4]));
    }
}
