//! A proof as JSON: one line, in one form only, so that a change of any byte is seen.

use coffer_wal::{FrameHeader, Lsn, RecordBuf, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::hex;
use super::proof::{Proof, ProofError};

const FORMAT: &str = "coffer-proof-1";
/// Of a record whose personal part is erased.
const FORMAT_ERASED: &str = "coffer-proof-2";

/// Proof that a transaction is in the signed log. Check it with `coffer audit check-proof`. Bytes are lower-case hex.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = TransactionProof)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofDocument {
    /// `coffer-proof-1`; `coffer-proof-2` when the record's personal part is erased.
    format: String,
    /// The ledger row.
    transaction: String,
    /// The record that made it.
    record: RecordDocument,
    /// The segment that holds the record.
    segment: SegmentDocument,
    /// The signed checkpoint of the segment, 192 bytes.
    checkpoint: String,
}

/// A record as it stands in the log.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = ProvenRecord)]
#[serde(deny_unknown_fields)]
struct RecordDocument {
    /// Its number.
    lsn: u64,
    /// The record type.
    record_type: u16,
    /// The version of its encoding.
    version: u8,
    /// Flags.
    flags: u8,
    /// What the subject is.
    subject_kind: u8,
    /// The subject's tenant.
    subject_tenant: u32,
    /// The subject's number.
    subject_number: u64,
    /// When it was decided, in nanoseconds since 1970 UTC.
    time_ns: u64,
    /// The subject's record before.
    previous: u64,
    /// The public part.
    public: String,
    /// The personal part; of an erased record, what stands in its place and says nothing personal.
    personal: String,
    /// Only of an erased record: the SHA-256 of the personal part that was erased. The proof rests on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<String>,
}

/// A segment, and the way from the record to the chain of roots.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = ProvenSegment)]
#[serde(deny_unknown_fields)]
struct SegmentDocument {
    /// Its number.
    number: u64,
    /// Its first record.
    first_lsn: u64,
    /// Its last record.
    last_lsn: u64,
    /// The neighbours on the way from the record's leaf to the root, lowest first.
    path: Vec<String>,
    /// The chained root before the segment.
    root_before: String,
}

impl ProofDocument {
    /// The document of a proof.
    pub(crate) fn of(proof: &Proof) -> Self {
        let (number, first, last) = proof.segment;
        let RecordBuf { lsn, header, public, personal, erased } = &proof.record;
        Self {
            format: if erased.is_some() { FORMAT_ERASED } else { FORMAT }.to_owned(),
            transaction: proof.transaction.to_string(),
            record: RecordDocument {
                lsn: lsn.0,
                record_type: header.record_type,
                version: header.version,
                flags: header.flags,
                subject_kind: header.subject.kind,
                subject_tenant: header.subject.tenant,
                subject_number: header.subject.number,
                time_ns: header.time_ns,
                previous: header.previous.0,
                public: hex::encode(public),
                personal: hex::encode(personal),
                erased: erased.as_ref().map(|hash| hex::encode(hash)),
            },
            segment: SegmentDocument {
                number,
                first_lsn: first.0,
                last_lsn: last.0,
                path: proof.path.iter().map(|hash| hex::encode(hash)).collect(),
                root_before: hex::encode(&proof.before),
            },
            checkpoint: hex::encode(&proof.checkpoint),
        }
    }

    /// The one text of it.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("our own types have text keys only")
    }

    fn proof(&self) -> Option<Proof> {
        let record = &self.record;
        let header = FrameHeader {
            record_type: record.record_type,
            version: record.version,
            flags: record.flags,
            subject: Subject {
                kind: record.subject_kind,
                tenant: record.subject_tenant,
                number: record.subject_number,
            },
            time_ns: record.time_ns,
            previous: Lsn(record.previous),
        };
        let (public, personal) = (hex::decode(&record.public)?, hex::decode(&record.personal)?);
        let erased = match &record.erased {
            Some(hash) => Some(hex::decode_array(hash)?),
            None => None,
        };
        Some(Proof {
            transaction: self.transaction.parse().ok()?,
            record: RecordBuf { lsn: Lsn(record.lsn), header, public, personal, erased },
            segment: (self.segment.number, Lsn(self.segment.first_lsn), Lsn(self.segment.last_lsn)),
            path: self.segment.path.iter().map(|hash| hex::decode_array(hash)).collect::<Option<_>>()?,
            before: hex::decode_array(&self.segment.root_before)?,
            checkpoint: hex::decode(&self.checkpoint)?,
        })
    }
}

impl Proof {
    /// The one text of it.
    #[must_use]
    pub fn to_json(&self) -> String {
        ProofDocument::of(self).text()
    }

    /// Reads the text that [`Proof::to_json`] gives, with or without a line's end behind it, and no other form of it.
    ///
    /// # Errors
    /// [`ProofError::Form`].
    pub fn from_json(text: &str) -> Result<Self, ProofError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let document: ProofDocument = serde_json::from_str(text).map_err(|_| ProofError::Form)?;
        let proof = document.proof().ok_or(ProofError::Form)?;
        if ProofDocument::of(&proof).text() == text { Ok(proof) } else { Err(ProofError::Form) }
    }
}
