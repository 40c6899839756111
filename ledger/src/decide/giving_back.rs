//! Slices on their way back: of refunds, of reversals, of transfers that return (SEMANTICS §7).
