//! Apache Parquet through the arrow crates: row groups of [`GROUP_LINES`] lines, zstd, statistics.
//!
//! Decimals are `decimal(38, 15)`, times `timestamp(ns, UTC)`. An `i64` of nanoseconds ends on 2262-04-11: a later instant, which only
//! arithmetic makes, is written as that end. The file's metadata says what it holds and which records of the log it covers. Written
//! front to back, so it can be streamed; without its end it cannot be read.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, Decimal128Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{EncodeError, Encoder, text};
use crate::export::table::{Cell, Column, Table, Type};

/// Lines of a row group: what a reader must decode at least, and what the writer keeps in memory.
const GROUP_LINES: usize = 64 << 10;
/// Lines that are handed over at once.
const BATCH_LINES: usize = 4 << 10;
/// Digits of a decimal, and those behind the point.
const DECIMAL: (u8, i8) = (38, 15);
const ZONE: &str = "UTC";

/// A Parquet file that is being written.
pub(super) struct Parquet {
    schema: Arc<Schema>,
    columns: Vec<Builder>,
    lines: usize,
    writer: ArrowWriter<Vec<u8>>,
}

enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Time(TimestampNanosecondBuilder),
    Decimal(Decimal128Builder),
}

impl Parquet {
    /// A new file.
    pub(super) fn begin(table: &'static Table) -> Result<Self, EncodeError> {
        let schema = Arc::new(Schema::new(table.columns.iter().map(field).collect::<Vec<_>>()));
        let told =
            [("coffer.kind", table.name.to_owned()), ("coffer.schema_version", table.version.to_string())];
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_LINES))
            .set_created_by(concat!("coffer version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(told.into_iter().map(|(key, value)| pair(key, value)).collect()));
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties.build()));
        let columns = table.columns.iter().map(Builder::of).collect::<Result<_, _>>()?;
        Ok(Self { schema, columns, lines: 0, writer: writer.map_err(EncodeError::of)? })
    }

    fn hand_over(&mut self) -> Result<(), EncodeError> {
        if self.lines == 0 {
            return Ok(());
        }
        self.lines = 0;
        let columns = self.columns.iter_mut().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(EncodeError::of)?;
        self.writer.write(&batch).map_err(EncodeError::of)
    }
}

impl Encoder for Parquet {
    fn line(&mut self, cells: &[Cell<'_>]) -> Result<(), EncodeError> {
        for (builder, cell) in self.columns.iter_mut().zip(cells) {
            builder.append(cell)?;
        }
        self.lines += 1;
        if self.lines < BATCH_LINES { Ok(()) } else { self.hand_over() }
    }

    fn pending(&self) -> usize {
        self.writer.inner().len()
    }

    fn take(&mut self) -> Result<Vec<u8>, EncodeError> {
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    fn finish(mut self: Box<Self>, first: u64, last: u64) -> Result<Vec<u8>, EncodeError> {
        self.hand_over()?;
        self.writer.append_key_value_metadata(pair("coffer.log_from", first.to_string()));
        self.writer.append_key_value_metadata(pair("coffer.log_to", last.to_string()));
        self.writer.into_inner().map_err(EncodeError::of)
    }
}

fn pair(key: &str, value: String) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value) }
}

fn field(column: &Column) -> Field {
    let holds = match column.holds {
        Type::Word | Type::Text | Type::Json => DataType::Utf8,
        Type::Integer => DataType::Int64,
        Type::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some(ZONE.into())),
        Type::Decimal => DataType::Decimal128(DECIMAL.0, DECIMAL.1),
    };
    Field::new(column.name, holds, column.nullable)
}

impl Builder {
    fn of(column: &Column) -> Result<Self, EncodeError> {
        Ok(match column.holds {
            Type::Word | Type::Text | Type::Json => Self::Text(StringBuilder::new()),
            Type::Integer => Self::Integer(Int64Builder::new()),
            Type::Time => Self::Time(TimestampNanosecondBuilder::new().with_timezone(ZONE)),
            Type::Decimal => {
                let builder = Decimal128Builder::new().with_precision_and_scale(DECIMAL.0, DECIMAL.1);
                Self::Decimal(builder.map_err(EncodeError::of)?)
            }
        })
    }

    fn append(&mut self, cell: &Cell<'_>) -> Result<(), EncodeError> {
        let saturated = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        match (self, cell) {
            (Self::Text(builder), cell) => text::with(cell, |text| builder.append_option(text)),
            (Self::Integer(builder), Cell::Integer(number)) => builder.append_value(saturated(*number)),
            (Self::Integer(builder), Cell::Null) => builder.append_null(),
            (Self::Time(builder), Cell::Time(at)) => builder.append_value(saturated(at.0)),
            (Self::Time(builder), Cell::Null) => builder.append_null(),
            (Self::Decimal(builder), Cell::Decimal(units)) => builder.append_value(*units),
            (Self::Decimal(builder), Cell::Null) => builder.append_null(),
            (Self::Integer(_) | Self::Time(_) | Self::Decimal(_), cell) => {
                return Err(EncodeError::of(format_args!("{cell:?} is not of its column's type")));
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => ArrayBuilder::finish(builder),
            Self::Integer(builder) => ArrayBuilder::finish(builder),
            Self::Time(builder) => ArrayBuilder::finish(builder),
            Self::Decimal(builder) => ArrayBuilder::finish(builder),
        }
    }
}
