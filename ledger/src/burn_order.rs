//! Which tranche pays first (SEMANTICS §3).
