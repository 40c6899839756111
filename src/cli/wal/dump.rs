//! `coffer wal dump`: what every record says.

use coffer_wal::inspect::{Dumped, dump};
use coffer_wal::{Lsn, Record};
use serde_json::{Map, Value, json};

use super::{Shard, summary};
use crate::cli::exit::{CliError, Code};
use crate::cli::instant::rfc3339;
use crate::cli::output;
use crate::engine::codec::{self, DecodeError, kinds};

/// Ends the reading of the log.
const NOBODY_READS: &str = "nobody reads what is printed";

/// Prints the records of a range, oldest first.
pub(crate) fn run(shard: &Shard, from: u64, to: u64, as_json: bool) -> Result<(), CliError> {
    let mut unreadable = 0_u64;
    let shown = dump(&shard.env, &shard.dir, Lsn(from), Lsn(to), &mut |dumped| {
        if output::is_broken() {
            return Err(NOBODY_READS.into());
        }
        let decoded = decode(dumped.record);
        unreadable += u64::from(decoded.is_err());
        let says = decoded.unwrap_or_else(|error| json!({ "undecodable": error.to_string() }));
        if as_json {
            output::json(&document(&dumped, says));
        } else {
            print(&dumped, &says);
        }
        Ok(())
    });
    if output::is_broken() {
        // What there is to say of that is said at the command's end.
        return Ok(());
    }
    shown?;
    match unreadable {
        0 => Ok(()),
        count => {
            Err(CliError::new(Code::Corrupt, format!("{count} records cannot be decoded by this version")))
        }
    }
}

fn decode(record: Record<'_>) -> Result<Value, DecodeError> {
    let Record { header, public, personal, .. } = record;
    match kinds::kind_of(&header)? {
        kinds::Kind::Customer => {
            codec::decode_record(header.version, public, personal).map(|record| summary::customer(&record))
        }
        kinds::Kind::Tenant => codec::decode_tenant_record(header.version, public, personal)
            .map(|record| summary::tenant(&record)),
    }
}

fn document(dumped: &Dumped<'_>, says: Value) -> Value {
    let header = &dumped.record.header;
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
    put("position", dumped.record.lsn.0.into());
    put("at", rfc3339(header.time_ns).into());
    put("subject", subject(dumped).into());
    put("previous", header.previous.0.into());
    put("type", header.record_type.into());
    put("version", header.version.into());
    put("segment", dumped.segment.into());
    put("archived", dumped.archived.into());
    if dumped.record.erased.is_some() {
        put("erased", true.into());
    }
    put("offset", dumped.offset.into());
    put("batch", dumped.sequence.into());
    put("epoch", dumped.epoch.into());
    if let Value::Object(fields) = says {
        document.extend(fields);
    }
    Value::Object(document)
}

fn print(dumped: &Dumped<'_>, says: &Value) {
    let mut fields = Vec::new();
    if let Value::Object(object) = says {
        fields = object
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
    }
    let at = rfc3339(dumped.record.header.time_ns);
    let erased = if dumped.record.erased.is_some() { "erased " } else { "" };
    output::line(format!(
        "{:>10} {at} {} {erased}{}",
        dumped.record.lsn.0,
        subject(dumped),
        fields.join(" ")
    ));
}

fn subject(dumped: &Dumped<'_>) -> String {
    let subject = dumped.record.header.subject;
    match subject.kind {
        kinds::CUSTOMER => format!("tenant {} customer {}", subject.tenant, subject.number),
        kinds::TENANT => format!("tenant {}", subject.number),
        kind => format!("kind {kind} number {}", subject.number),
    }
}
