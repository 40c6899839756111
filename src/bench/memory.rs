//! How much memory a process has: its resident set, as the kernel counts it.

use std::path::Path;

use coffer_wal::storage::Access;

use crate::cli::exit::{CliError, Code};
use crate::env::Env;

/// The longest that `/proc/…/status` is.
const STATUS_BYTES_MAX: usize = 16 << 10;

/// Resident bytes of this process, or of a child.
pub(crate) fn resident_bytes(env: &Env, child: Option<u32>) -> Result<u64, CliError> {
    let process = child.map_or_else(|| "self".to_owned(), |id| id.to_string());
    let path = format!("/proc/{process}/status");
    let failed = |error: std::io::Error| CliError::new(Code::Io, format!("{path}: {error}"));
    let file = env.storage.open(Path::new(&path), Access::Read).map_err(failed)?;
    let mut bytes = vec![0; STATUS_BYTES_MAX];
    let len = file.read_at(&mut bytes, 0).map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes[..len]);
    let kib = kibibytes(&text).ok_or_else(|| CliError::new(Code::Io, format!("{path} names no VmRSS")))?;
    Ok(kib * 1_024)
}

fn kibibytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_set_stands_in_the_status() {
        assert_eq!(kibibytes("Name:\tx\nVmRSS:\t    1234 kB\nThreads: 1\n"), Some(1_234));
        assert_eq!(kibibytes("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_some() {
        assert!(resident_bytes(&Env::os(), None).unwrap() > 1 << 20);
    }
}
