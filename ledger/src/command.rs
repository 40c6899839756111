//! What can be asked of a customer: the request after parsing and defaults, with decimals normalised and metadata sorted, so
//! that two requests are the same exactly when they are equal (SEMANTICS §9 "Fingerprint").

use crate::alert::AlertSettings;
use crate::amount::{Credits, Money, Rate};
use crate::customer::{Profile, ProfileChange};
use crate::ids::{GrantId, HoldId, KeyId, RechargeId, TransferId, WalletId};
use crate::recharge::RechargeReason;
use crate::scope::{PriceTypes, Scope};
use crate::time::Timestamp;
use crate::tranche::Source;
use crate::unit::{Currency, PriceUnit};
use crate::wallet::WalletType;
use crate::watch::WalletRules;

mod budget;
mod charge;
mod event;
mod grant;
mod hold;
mod invoice;
mod name;
mod recharge;
mod refund;
mod transfer;

pub use budget::SetBudget;
pub use charge::{Asked, Charge, Debit, Metered};
pub use event::Event;
pub use grant::{CreateGrant, GrantChange, GrantFor, Subscribe, UpdateGrant};
pub use hold::{Capture, HoldAsked, OverCapture, PlaceHold};
pub use invoice::{InvoiceLine, Settle};
pub use recharge::{AutoTopupChange, RechargeDue};
pub use refund::{Refund, RefundReason, VoidCredit};
pub use transfer::{Transfer, TransferIn};

/// Key-value pairs of the caller's, sorted by key, keys unique.
pub type Metadata = Vec<(Box<str>, Box<str>)>;

/// Words about a row, for people and other systems. Personal: they stand in a record's personal part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memo {
    /// Kind of the thing referred to, such as `REQUEST`.
    pub reference_type: Option<Box<str>>,
    /// Its id in the caller's system.
    pub reference_id: Option<Box<str>>,
    /// Text for people.
    pub description: Option<Box<str>>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
}

/// How much: credits, or money that each wallet converts at its own rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// So many credits.
    Credits(Credits),
    /// So much money.
    Amount(Money),
}

/// Why credit comes in (API §3 "Reasons → source").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CreditReason {
    /// Given for free.
    FreeCreditGrant,
    /// Bought and paid.
    PurchasedCreditDirect,
    /// Bought, and paid by invoice: pending until then.
    PurchasedCreditInvoiced,
    /// The bonus of a purchase; never asked for by itself.
    PurchasedCreditBonus,
    /// Part of a subscription.
    SubscriptionCreditGrant,
    /// A credit note.
    CreditNote,
    /// A voided invoice's money.
    InvoiceVoidRefund,
    /// Put right by hand.
    CreditAdjustment,
}

impl CreditReason {
    /// The API's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FreeCreditGrant => "FREE_CREDIT_GRANT",
            Self::PurchasedCreditDirect => "PURCHASED_CREDIT_DIRECT",
            Self::PurchasedCreditInvoiced => "PURCHASED_CREDIT_INVOICED",
            Self::PurchasedCreditBonus => "PURCHASED_CREDIT_BONUS",
            Self::SubscriptionCreditGrant => "SUBSCRIPTION_CREDIT_GRANT",
            Self::CreditNote => "CREDIT_NOTE",
            Self::InvoiceVoidRefund => "INVOICE_VOID_REFUND",
            Self::CreditAdjustment => "CREDIT_ADJUSTMENT",
        }
    }

    /// The source of the tranche that it mints (API §3 "Reasons → source").
    #[must_use]
    pub const fn source(self) -> Source {
        match self {
            Self::PurchasedCreditDirect | Self::PurchasedCreditInvoiced => Source::Purchased,
            Self::FreeCreditGrant | Self::PurchasedCreditBonus => Source::Promotional,
            Self::SubscriptionCreditGrant => Source::PlanIncluded,
            Self::CreditNote | Self::InvoiceVoidRefund => Source::Refund,
            Self::CreditAdjustment => Source::Adjustment,
        }
    }
}

/// Free credit on top of a purchase, with its own end (SEMANTICS §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bonus {
    /// How much; > 0.
    pub credits: Credits,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
}

/// The burn priority of a wallet of which nobody says another; lower pays first.
pub const DEFAULT_WALLET_PRIORITY: u32 = 50;

/// `POST /wallets`. Makes the customer too if nobody named it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateWallet {
    /// The customer as the request named it: its name if it has to be made.
    pub customer: Box<str>,
    /// What the wallet counts in; `None` = the tenant's default.
    pub currency: Option<Currency>,
    /// The caller's own code for the unit.
    pub price_unit: Option<PriceUnit>,
    /// Money per credit when spending; > 0.
    pub conversion_rate: Rate,
    /// Money per credit when buying; > 0.
    pub topup_conversion_rate: Rate,
    /// PRE_PAID or POST_PAID.
    pub wallet_type: WalletType,
    /// Name for people; `None` = made from type and currency.
    pub name: Option<Box<str>>,
    /// Text for people.
    pub description: Option<Box<str>>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// Lower pays first.
    pub priority: u32,
    /// Which charges it admits.
    pub allowed_price_types: PriceTypes,
    /// How far below zero; ≥ 0.
    pub overdraft_limit: Credits,
    /// Free credit from the start; 0 = none.
    pub initial_credits: Credits,
    /// When the initial credit ends.
    pub initial_expires_at: Option<Timestamp>,
    /// What watches over it.
    pub rules: Option<Box<WalletRules>>,
}

impl CreateWallet {
    /// A prepaid wallet for usage with the API's defaults: rates 1, priority 50, no overdraft, nothing in it.
    #[must_use]
    pub fn new(customer: impl Into<Box<str>>, currency: Currency) -> Self {
        Self {
            customer: customer.into(),
            currency: Some(currency),
            price_unit: None,
            conversion_rate: Rate::ONE,
            topup_conversion_rate: Rate::ONE,
            wallet_type: WalletType::PrePaid,
            name: None,
            description: None,
            metadata: Vec::new(),
            priority: DEFAULT_WALLET_PRIORITY,
            allowed_price_types: PriceTypes::USAGE,
            overdraft_limit: Credits::ZERO,
            initial_credits: Credits::ZERO,
            initial_expires_at: None,
            rules: None,
        }
    }
}

/// `PUT /wallets/{id}`: what is `Some` changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateWallet {
    /// Which wallet.
    pub wallet: WalletId,
    /// New name.
    pub name: Option<Box<str>>,
    /// New text.
    pub description: Option<Box<str>>,
    /// New pairs, replaced whole.
    pub metadata: Option<Metadata>,
    /// New priority.
    pub priority: Option<u32>,
    /// New admission.
    pub allowed_price_types: Option<PriceTypes>,
    /// New limit. Lowering it touches no debt.
    pub overdraft_limit: Option<Credits>,
    /// New alerts, replaced whole.
    pub alerts: Option<Box<AlertSettings>>,
    /// Of automatic top-up, what is named.
    pub auto_topup: Option<Box<AutoTopupChange>>,
}

/// `POST /wallets/{id}/top-up`, direct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Which wallet.
    pub wallet: WalletId,
    /// Credits, or money at the wallet's topup rate; > 0.
    pub quantity: Quantity,
    /// Why.
    pub reason: CreditReason,
    /// From when it can be spent; `None` = now. The past only orders; the future schedules.
    pub effective_at: Option<Timestamp>,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// Burn priority; `None` = the tenant's default for the source.
    pub priority: Option<u32>,
    /// What it may pay for; `None` = USAGE for promotional credit, anything for the rest.
    pub scope: Option<Scope>,
    /// Money paid, where the reason alone does not say it; ≥ 0.
    pub paid: Option<Money>,
    /// Free credit on top; purchases only.
    pub bonus: Option<Bonus>,
    /// Words for the row.
    pub memo: Memo,
}

impl TopUp {
    /// Credit from now on that never ends, with the defaults of its source.
    #[must_use]
    pub fn new(wallet: WalletId, quantity: Quantity, reason: CreditReason) -> Self {
        Self {
            wallet,
            quantity,
            reason,
            effective_at: None,
            expires_at: None,
            priority: None,
            scope: None,
            paid: None,
            bonus: None,
            memo: Memo::default(),
        }
    }
}

/// `POST /wallets/{id}/debit`: by hand, ignoring scopes, never overdrawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManualDebit {
    /// Which wallet.
    pub wallet: WalletId,
    /// How much; > 0.
    pub credits: Credits,
    /// Words for the row.
    pub memo: Memo,
}

/// What becomes of a closing wallet's credit (SEMANTICS §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remainder {
    /// Gone.
    Forfeit,
    /// The unspent paid share is marked for paying out; free credit never is.
    Refund,
}

/// Everything that can be asked of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make the customer under this external id.
    CreateCustomer {
        /// The caller's name for it.
        external_id: Box<str>,
        /// Personal data.
        profile: Profile,
    },
    /// Replace the personal data.
    UpdateCustomer {
        /// The new data, whole.
        profile: Profile,
    },
    /// Change the personal data that is given.
    ChangeCustomer(Box<ProfileChange>),
    /// Delete; refused while a wallet is open.
    DeleteCustomer,
    /// Make a wallet.
    CreateWallet(CreateWallet),
    /// Change a wallet's settings.
    UpdateWallet(UpdateWallet),
    /// Credit in.
    TopUp(TopUp),
    /// Credit out, for a charge.
    Debit(Debit),
    /// Credit out, by hand.
    ManualDebit(ManualDebit),
    /// Nothing leaves any more until unfrozen.
    Freeze(WalletId),
    /// Active again.
    Unfreeze(WalletId),
    /// End of the wallet.
    Close {
        /// Which wallet.
        wallet: WalletId,
        /// What becomes of its credit.
        remainder: Remainder,
        /// Release the open holds that pin credit of it; else they stand in the way.
        force: bool,
    },
    /// Reserve credit (SEMANTICS §5).
    PlaceHold(PlaceHold),
    /// Settle a hold, whole or in part.
    Capture(Capture),
    /// Give back all that a hold still pins, and end it.
    Release {
        /// Which hold.
        hold: HoldId,
        /// Words for the row.
        memo: Memo,
    },
    /// Move a hold's deadline to now + `expires_in`.
    Extend {
        /// Which hold.
        hold: HoldId,
        /// Seconds, 1..=604,800; what would outlive `hold_lifetime_max` ends there.
        expires_in_s: u32,
    },
    /// Pin more for a hold.
    Grow {
        /// Which hold.
        hold: HoldId,
        /// How much more; > 0.
        credits: Credits,
    },
    /// Put credits of a debit back (SEMANTICS §7).
    Refund(Refund),
    /// Take back what is unspent of a credit (SEMANTICS §6).
    VoidCredit(VoidCredit),
    /// Pay an invoice's lines from all wallets (SEMANTICS §14).
    Settle(Settle),
    /// Put a settlement back to the original tranches.
    VoidInvoice {
        /// The invoice's id in the caller's system.
        invoice: Box<str>,
    },
    /// Send credit to another wallet (SEMANTICS §15). The sender's half.
    Transfer(Transfer),
    /// The receiver's half; sent by the engine.
    TransferIn(Box<TransferIn>),
    /// The receiver has it; sent by the engine to the sender.
    TransferDone(TransferId),
    /// The receiver cannot take it: back to the original tranches; sent by the engine to the sender.
    TransferBack(TransferId),
    /// The sender knows; sent by the engine to the receiver, which may forget.
    TransferForget(TransferId),
    /// Make or replace a budget (SEMANTICS §18).
    SetBudget(SetBudget),
    /// Remove a budget without children.
    DeleteBudget(Box<str>),
    /// Nothing is used of any of its windows any more.
    ResetBudget(Box<str>),
    /// Usage that happened (SEMANTICS §19). Makes the customer too if nobody named it before.
    Event(Box<Event>),
    /// Enrol in a plan (SEMANTICS §13). Makes the customer too if nobody named it before.
    Subscribe(Box<Subscribe>),
    /// Leave a plan: no period begins any more.
    Unsubscribe {
        /// The subscription, by its name.
        subscription: Box<str>,
        /// Take back what is left of its grants.
        void_remaining: bool,
    },
    /// Give a grant of the customer's own.
    CreateGrant(Box<CreateGrant>),
    /// Change one, from its next period.
    UpdateGrant(Box<UpdateGrant>),
    /// End one: no period begins any more.
    DeleteGrant {
        /// Which one.
        id: GrantId,
        /// From when; `None` = now, and it is gone.
        effective_at: Option<Timestamp>,
        /// Take back what is left of it.
        void_remaining: bool,
    },
    /// Follow the next change of the tenant's plans; sent by the engine.
    FollowPlans,
    /// A pending recharge is paid.
    CompleteRecharge(RechargeId),
    /// A recharge is not paid.
    FailRecharge {
        /// Which one.
        id: RechargeId,
        /// Why not; one of those that say so of a payment.
        reason: RechargeReason,
    },
    /// A recharge that is not paid yet is called off.
    CancelRecharge(RechargeId),
    /// Automatic top-up goes on after failures.
    ResumeAutoTopup(WalletId),
    /// A debit or a hold was refused for lack of credit, and a recharge is due for it (SEMANTICS §11); sent by the engine.
    Recharge(RechargeDue),
    /// All of them or none: debits, holds, captures, releases, refunds of one customer, in order.
    Atomic(Vec<Self>),
    /// Only write down what is due; sent by the timer.
    Tick,
}

/// Who asked, and under which idempotency key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The API key that was shown; `None` = the engine itself or an embedding program.
    pub by: Option<KeyId>,
    /// 1–255 bytes; `None` = a repeat is a new request.
    pub idempotency_key: Option<Box<str>>,
}
