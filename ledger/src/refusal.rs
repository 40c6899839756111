//! A business no: a value, part of the API, never logged as an error (API §1 "Errors").

use crate::amount::Credits;
use crate::budget::Window;
use crate::ids::{HoldId, WalletId};
use crate::time::Timestamp;

/// Why a command was refused. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 402 `insufficient_credits`.
    #[error("insufficient credits")]
    InsufficientCredits {
        /// What was asked, in credits of the unit (or in money if money was asked).
        required: Credits,
        /// What this charge could have taken.
        available: Credits,
        /// `required − available`.
        shortfall: Credits,
    },
    /// 404 `not_found`: the customer does not exist, or was deleted.
    #[error("customer not found")]
    CustomerNotFound,
    /// 404 `not_found`.
    #[error("wallet not found")]
    WalletNotFound(WalletId),
    /// 404 `not_found`: something of a tenant's that has no variant of its own ("tenant", "key").
    #[error("{0} not found")]
    NotFound(&'static str),
    /// 409 `already_exists`.
    #[error("{0} already exists")]
    AlreadyExists(&'static str),
    /// 409 `wallet_frozen`.
    #[error("the wallet is frozen")]
    WalletFrozen(WalletId),
    /// 409 `wallet_closed`.
    #[error("the wallet is closed")]
    WalletClosed(WalletId),
    /// 409 `invalid_operation`: the sentence says why.
    #[error("{0}")]
    InvalidOperation(&'static str),
    /// 422 `amount_invalid`: the sentence says which.
    #[error("{0}")]
    AmountInvalid(&'static str),
    /// 422 `amount_overflow`: a sum or product leaves 12 integer digits.
    #[error("{0} would exceed 12 integer digits")]
    AmountOverflow(&'static str),
    /// 422 `unit_required`: the customer's active wallets do not share one unit and the request names none.
    #[error("name a wallet_id or a currency: the customer's wallets do not share one unit")]
    UnitRequired,
    /// 422 `unit_mismatch`: the named wallet is not of the named currency or price unit.
    #[error("the wallet does not count in the unit that was named")]
    UnitMismatch,
    /// 422 `limit_reached`.
    #[error("{limit} ({max}) is reached")]
    LimitReached {
        /// Name of the limit.
        limit: &'static str,
        /// Its value.
        max: u64,
    },
    /// 409 `hold_closed`: it was captured or released.
    #[error("the hold is closed")]
    HoldClosed(HoldId),
    /// 410 `hold_expired`: debit the usage instead.
    #[error("the hold has expired: debit the usage instead")]
    HoldExpired(HoldId),
    /// 422 `over_capture`: the hold said `reject`.
    #[error("more than the hold still holds")]
    OverCapture {
        /// What it still holds.
        held: Credits,
        /// What was to be captured.
        asked: Credits,
    },
    /// 422 `over_refund`.
    #[error("more than is left to refund")]
    OverRefund {
        /// What is left.
        left: Credits,
        /// What was asked.
        asked: Credits,
    },
    /// 429 `budget_exceeded`.
    #[error("the budget {budget} would be exceeded")]
    BudgetExceeded {
        /// The first one, from leaf to root.
        budget: Box<str>,
        /// Which of its caps.
        window: Window,
        /// The cap.
        limit: Credits,
        /// What was used of it before.
        used: Credits,
        /// When the window ends; `None` = never.
        resets_at: Option<Timestamp>,
        /// Whole seconds from the turn until then, rounded up; `None` = never.
        retry_after_s: Option<u64>,
    },
    /// 422 `event_time`.
    #[error("the event's timestamp {0}")]
    EventTime(&'static str),
    /// The refusal of one item of an atomic batch, with the item's number from 0. Nothing of the batch happened.
    #[error("item {index}: {refusal}")]
    Item {
        /// Which item.
        index: usize,
        /// Why.
        refusal: Box<Self>,
    },
    /// 400 `validation_error`: a field that only the rules can judge (an end in the past, a bonus without a purchase).
    #[error("{field}: {problem}")]
    Invalid {
        /// The request's field.
        field: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
}
