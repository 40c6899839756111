//! The shell around the ledger rules.
