//! bincode at work: one configuration, appending to a buffer, reading a part piece by piece.

use bincode::BorrowDecode;
use bincode::config::{Configuration, standard};
use bincode::de::DecoderImpl;
use bincode::de::read::{BorrowReader, Reader};
use bincode::enc::{Encode, EncoderImpl, write::Writer};
use bincode::error::DecodeError as Cause;
use coffer_wal::frame::RECORD_BYTES_LIMIT;
use coffer_wal::{FrameBuilder, FrameHeader, RecordTooLarge};

use super::error::{DecodeError, EncodeError};
use super::kinds::{self, Version};

/// Little endian, variable-length integers. No limit of bincode's: bytes are borrowed and lists grow as they are read, so that
/// nothing can become larger than what was handed in, and [`Piece::of_record`] bounds that.
const CONFIG: Configuration = standard();

/// Appends to a buffer.
struct Append<'a>(&'a mut Vec<u8>);

impl Writer for Append<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Appends one shape to `out`.
pub(super) fn append<T: Encode>(out: &mut Vec<u8>, shape: &T) -> Result<(), bincode::error::EncodeError> {
    shape.encode(&mut EncoderImpl::new(Append(out), CONFIG))
}

/// The two shapes of a part.
pub(super) type Part<'a, A, B> = (&'a A, &'a B);

/// Appends one whole frame to `out`; on failure `out` is as it was.
pub(super) fn append_frame<A: Encode, B: Encode, C: Encode, D: Encode>(
    out: &mut Vec<u8>,
    header: &FrameHeader,
    public: Part<'_, A, B>,
    personal: Part<'_, C, D>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let mut builder = FrameBuilder::begin(out);
    let encoded = append(out, public.0).and_then(|()| append(out, public.1)).and_then(|()| {
        builder.personal_starts(out);
        append(out, personal.0).and_then(|()| append(out, personal.1))
    });
    match encoded {
        Ok(()) => builder.finish(out, header).map_err(|error: RecordTooLarge| error.into()),
        Err(error) => {
            out.truncate(start);
            Err(error.into())
        }
    }
}

/// One part of a record, or a state, being read.
pub(super) struct Piece<'a> {
    what: &'static str,
    decoder: DecoderImpl<Rest<'a>, Configuration, ()>,
}

impl<'a> Piece<'a> {
    /// A part of a record: no longer than the log lets a record be.
    pub(super) fn of_record(what: &'static str, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > RECORD_BYTES_LIMIT {
            return Err(malformed(what, Cause::LimitExceeded));
        }
        Ok(Self::new(what, bytes))
    }

    fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, decoder: DecoderImpl::new(Rest(bytes), CONFIG, ()) }
    }

    /// The next shape.
    pub(super) fn next<T: BorrowDecode<'a, ()>>(&mut self) -> Result<T, DecodeError> {
        match T::borrow_decode(&mut self.decoder) {
            Ok(shape) => Ok(shape),
            Err(cause) => Err(malformed(self.what, cause)),
        }
    }

    /// Nothing may follow.
    pub(super) fn end(mut self) -> Result<(), DecodeError> {
        use bincode::de::Decoder;
        match self.decoder.reader().0.len() {
            0 => Ok(()),
            bytes => Err(DecodeError::LeftOver { what: self.what, bytes }),
        }
    }
}

#[cold]
fn malformed(what: &'static str, cause: Cause) -> DecodeError {
    DecodeError::Malformed { what, cause: Box::new(cause) }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> BorrowReader<'a> for Rest<'a> {
    #[inline]
    fn take_bytes(&mut self, length: usize) -> Result<&'a [u8], Cause> {
        match self.0.split_at_checked(length) {
            Some((taken, rest)) => {
                self.0 = rest;
                Ok(taken)
            }
            None => Err(Cause::UnexpectedEnd { additional: length - self.0.len() }),
        }
    }
}

impl Reader for Rest<'_> {
    #[inline]
    fn read(&mut self, out: &mut [u8]) -> Result<(), Cause> {
        out.copy_from_slice(self.take_bytes(out.len())?);
        Ok(())
    }

    #[inline]
    fn peek_read(&mut self, length: usize) -> Option<&[u8]> {
        self.0.get(..length)
    }

    #[inline]
    fn consume(&mut self, length: usize) {
        self.0 = self.0.get(length..).unwrap_or_default();
    }
}

/// Splits a state into its version, which is none that only records have, and the rest.
pub(super) fn versioned<'a>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<(Version, Piece<'a>), DecodeError> {
    let Some((version, rest)) = bytes.split_first() else {
        return Err(malformed(what, Cause::UnexpectedEnd { additional: 1 }));
    };
    let newest = kinds::STATE_VERSION;
    let refused = |found| DecodeError::Version { what, found, newest };
    let known = kinds::version(what, *version).ok().filter(|known| known.number() <= newest);
    Ok((known.ok_or_else(|| refused(*version))?, Piece::new(what, rest)))
}
