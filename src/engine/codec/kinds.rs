//! The numbers by which the log tells whom a record is about and how to read it.

use coffer_wal::FrameHeader;

use super::error::DecodeError;

/// Subject kind of the engine itself.
pub const SYSTEM: u8 = 0;
/// Subject kind of a tenant.
pub const TENANT: u8 = 1;
/// Subject kind of a customer.
pub const CUSTOMER: u8 = 2;

/// Record type of a customer's record.
pub const CUSTOMER_RECORD: u16 = 1;
/// Record type of a tenant's record.
pub const TENANT_RECORD: u16 = 2;

/// The newest version that this build reads. What it writes has the oldest version that can hold it.
pub const VERSION: u8 = 4;
/// The newest version that a state has: what came after it are requests, which no state holds.
pub const STATE_VERSION: u8 = 3;

/// A version that this build reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Shapes of [`super::v1`].
    V1,
    /// Shapes of [`super::v2`].
    V2,
    /// Shapes of [`super::v3`].
    V3,
    /// Shapes of [`super::v4`]; of records only.
    V4,
}

impl Version {
    /// Its number on disk.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => STATE_VERSION,
            Self::V4 => VERSION,
        }
    }
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A customer's record.
    Customer,
    /// A tenant's record.
    Tenant,
}

/// Which decoder a frame is for.
///
/// # Errors
/// [`DecodeError::RecordType`] if this build has none, or if the subject is not one that the type is about;
/// [`DecodeError::Version`] if it has none for that version.
pub fn kind_of(header: &FrameHeader) -> Result<Kind, DecodeError> {
    let kind = match (header.record_type, header.subject.kind) {
        (CUSTOMER_RECORD, CUSTOMER) => Kind::Customer,
        (TENANT_RECORD, TENANT) => Kind::Tenant,
        (found, subject) => return Err(DecodeError::RecordType { found, subject }),
    };
    version("a record", header.version)?;
    Ok(kind)
}

pub(super) fn version(what: &'static str, found: u8) -> Result<Version, DecodeError> {
    match found {
        1 => Ok(Version::V1),
        2 => Ok(Version::V2),
        3 => Ok(Version::V3),
        4 => Ok(Version::V4),
        found => Err(DecodeError::Version { what, found, newest: VERSION }),
    }
}
