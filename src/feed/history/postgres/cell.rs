//! Cells as parameters, and amounts as results.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use coffer_ledger::ids::encode;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::numeric;
use crate::feed::history::cell::Cell;

/// PostgreSQL's texts hold every character but NUL. It is written as the picture of it.
const NUL: char = '\0';
const PICTURE_OF_NUL: &str = "\u{2400}";

impl ToSql for Cell<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Text(given) => text(given, out),
            Self::Owned(given) => text(given, out),
            Self::Id(prefix, bits) => {
                out.put_slice(prefix.as_bytes());
                out.put_slice(&encode(*bits));
            }
            Self::Amount(units) if *kind == Type::NUMERIC => numeric::write(*units, out),
            Self::Number(value) if *kind == Type::INT8 => out.put_i64(*value),
            Self::Amount(_) | Self::Number(_) => return Err(format!("{self:?} is no {kind}").into()),
            Self::Null => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        [Type::TEXT, Type::INT8, Type::NUMERIC].contains(kind)
    }

    to_sql_checked!();
}

/// A text as the server keeps it, of bytes.
pub(super) fn without_nul(text: Vec<u8>) -> Vec<u8> {
    String::from_utf8(text).map_or_else(std::string::FromUtf8Error::into_bytes, |text| {
        text.replace(NUL, PICTURE_OF_NUL).into_bytes()
    })
}

fn text(given: &str, out: &mut BytesMut) {
    if given.contains(NUL) {
        out.put_slice(given.replace(NUL, PICTURE_OF_NUL).as_bytes());
    } else {
        out.put_slice(given.as_bytes());
    }
}

impl Cell<'_> {
    /// What a parameter of this value is.
    pub(super) const fn kind(&self) -> Type {
        match self {
            Self::Text(_) | Self::Owned(_) | Self::Id(..) | Self::Null => Type::TEXT,
            Self::Amount(_) => Type::NUMERIC,
            Self::Number(_) => Type::INT8,
        }
    }
}

/// An amount that was read: units of 10⁻¹⁵.
pub(super) struct Units(pub(super) i128);

impl<'a> FromSql<'a> for Units {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        numeric::read(raw).map(Self).ok_or_else(|| "no amount".into())
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::NUMERIC
    }
}
