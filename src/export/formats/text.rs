//! A cell as text: what CSV and JSON Lines share.

use coffer_ledger::amount::text::Decimal;
use coffer_ledger::ids;

use crate::export::table::Cell;
use crate::rfc3339;

/// Longest prefix (`tranche_`) and the characters behind it.
const ID_BYTES_MAX: usize = 8 + 26;

/// Calls with the cell's text; nothing for null.
pub(super) fn with<T>(cell: &Cell<'_>, then: impl FnOnce(Option<&str>) -> T) -> T {
    match cell {
        Cell::Null => then(None),
        Cell::Text(text) | Cell::Json(text) => then(Some(text)),
        Cell::Id(prefix, bits) => {
            let code = ids::encode(*bits);
            let mut text = [0; ID_BYTES_MAX];
            let end = prefix.len() + code.len();
            text[..prefix.len()].copy_from_slice(prefix.as_bytes());
            text[prefix.len()..end].copy_from_slice(&code);
            then(Some(std::str::from_utf8(&text[..end]).expect("ids are ASCII")))
        }
        Cell::Integer(number) => then(Some(&number.to_string())),
        Cell::Time(at) => then(Some(rfc3339::Text::new(*at).as_str())),
        Cell::Decimal(units) => then(Some(Decimal::new(*units).as_str())),
    }
}
