//! The rules of a prepaid-credit wallet, as pure functions.
