//! bincode at work: one configuration, appending to a buffer, reading a part piece by piece.

use bincode::config::{Configuration, Limit, LittleEndian, NoLimit, Varint};
use bincode::enc::{Encode, EncoderImpl, write::Writer};
use bincode::{BorrowDecode, config};
use coffer_wal::{FrameBuilder, FrameHeader, RecordTooLarge};

use super::error::{DecodeError, EncodeError};

/// The most that a part of a record can claim, in bytes: the log's own limit.
const PART_BYTES_MAX: usize = coffer_wal::frame::RECORD_BYTES_LIMIT;

const RECORD: Configuration<LittleEndian, Varint, Limit<PART_BYTES_MAX>> = config::standard().with_limit();
const STATE: Configuration<LittleEndian, Varint, NoLimit> = config::standard();

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
    shape.encode(&mut EncoderImpl::new(Append(out), STATE))
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
    rest: &'a [u8],
}

impl<'a> Piece<'a> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    /// The next shape of a record's part.
    pub(super) fn next<T: BorrowDecode<'a, ()>>(&mut self) -> Result<T, DecodeError> {
        self.accept(bincode::borrow_decode_from_slice(self.rest, RECORD))
    }

    /// The next shape of a state, which no limit bounds but its own length.
    pub(super) fn next_of_state<T: BorrowDecode<'a, ()>>(&mut self) -> Result<T, DecodeError> {
        self.accept(bincode::borrow_decode_from_slice(self.rest, STATE))
    }

    fn accept<T>(
        &mut self,
        decoded: Result<(T, usize), bincode::error::DecodeError>,
    ) -> Result<T, DecodeError> {
        let (shape, bytes) =
            decoded.map_err(|cause| DecodeError::Malformed { what: self.what, cause: Box::new(cause) })?;
        self.rest = &self.rest[bytes..];
        Ok(shape)
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(DecodeError::LeftOver { what: self.what, bytes }),
        }
    }
}

/// Splits a state into its version and the rest.
pub(super) fn versioned<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Piece<'a>, DecodeError> {
    let (version, rest) = bytes.split_first().ok_or(DecodeError::Malformed {
        what,
        cause: Box::new(bincode::error::DecodeError::UnexpectedEnd { additional: 1 }),
    })?;
    super::kinds::check_version(what, *version)?;
    Ok(Piece::new(what, rest))
}
