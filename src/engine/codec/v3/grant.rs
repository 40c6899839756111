//! Grants and subscriptions. A grant's name and metadata stand in the personal part of a record.

use bincode::{BorrowDecode, Encode};

use super::record::Due;
use super::wire::{coded, tagged};
use crate::engine::codec::v1::record::{CreditRow, Posting};
use crate::engine::codec::v1::shared::{Identity, Scope, Terms, Unit};
use crate::engine::codec::v1::texts::Metadata;
use crate::engine::codec::v1::wire::{Amount, List, Stamp, Thing};
use crate::engine::codec::v2::back::Voided;
use crate::engine::codec::v2::wire::Walk;

coded! {
    /// Units of spans of time.
    pub enum SpanUnit { 0 = Hour, 1 = Day, 2 = Week, 3 = Month, 4 = Quarter, 5 = HalfYear, 6 = Year }
    /// What a template belongs to.
    pub enum PlanKind { 0 = Plan, 1 = Addon }
    /// Why a period minted nothing.
    pub enum Skipped { 0 = Overflow, 1 = Nothing }
}

/// A span of time.
#[derive(Encode, BorrowDecode)]
pub struct Span {
    /// In what.
    pub unit: SpanUnit,
    /// How many.
    pub count: u32,
}

tagged! {
    /// How often a grant mints.
    pub enum Cadence { 0 = OneTime(()), 1 = Recurring(Span) }
    /// When credit ends.
    pub enum Life { 0 = Never(()), 1 = After(Span), 2 = Period(()) }
    /// What became of a period.
    pub enum Landed<'a> { 0 = Minted(Minted<'a>), 1 = Skipped(Skipped) }
    /// For whom a grant is.
    pub enum GrantFor<'a> { 0 = Customer(()), 1 = Wallet(Thing), 2 = Subscription(&'a str) }
}

/// What goes on into the next period.
#[derive(Encode, BorrowDecode)]
pub struct Rollover {
    /// Which share.
    pub share: Amount,
    /// At most.
    pub cap: Option<Amount>,
    /// How long it lives.
    pub life: Life,
}

/// What a grant says.
#[derive(Encode, BorrowDecode)]
pub struct Rule<'a> {
    /// How much.
    pub credits: Amount,
    /// ISO 4217, lower case.
    pub currency: Option<[u8; 3]>,
    /// The caller's own code.
    pub price_unit: Option<&'a str>,
    /// How often.
    pub cadence: Cadence,
    /// The first instant.
    pub start: Option<Stamp>,
    /// No period begins at or after it.
    pub end: Option<Stamp>,
    /// When credit ends.
    pub life: Life,
    /// What goes on.
    pub rollover: Option<Rollover>,
    /// By the days that are left.
    pub prorated: bool,
    /// Burn priority.
    pub priority: Option<u32>,
    /// What it may pay for.
    pub scope: Option<Scope<'a>>,
    /// Money per credit when spending.
    pub conversion_rate: Option<Amount>,
    /// Money per credit when buying.
    pub topup_conversion_rate: Option<Amount>,
}

/// Which grant, and for which subscription.
#[derive(Encode, BorrowDecode)]
pub struct GrantKey {
    /// The grant. A template's id has its tenant where others have the customer; what is taken out of it is put back alike.
    pub grant: Thing,
    /// The subscription.
    pub subscription: Option<Thing>,
}

/// A period to come.
#[derive(Encode, BorrowDecode)]
pub struct Upcoming {
    /// Its index.
    pub period: u32,
    /// Its beginning.
    pub at: Stamp,
}

/// A tranche that a grant minted.
#[derive(Encode, BorrowDecode)]
pub struct MintedTranche {
    /// Which one.
    pub tranche: Thing,
    /// Its wallet.
    pub wallet: Thing,
    /// The index of its period.
    pub period: u32,
    /// Whether it came from the period before.
    pub rolled_over: bool,
}

/// Where periods are counted from.
#[derive(Encode, BorrowDecode)]
pub struct Anchor {
    /// What clocks showed, in nanoseconds from 1970-01-01T00:00.
    pub local: Stamp,
    /// The instant.
    pub at: Stamp,
}

/// A grant at work, without its words.
#[derive(Encode, BorrowDecode)]
pub struct Grant<'a> {
    /// Which one.
    pub key: GrantKey,
    /// What it says.
    pub rule: Rule<'a>,
    /// Only this wallet gets it.
    pub wallet: Option<Thing>,
    /// Burn priority.
    pub priority: u32,
    /// ISO 4217, lower case.
    pub fallback_currency: [u8; 3],
    /// Zone of its own.
    pub zone: Option<&'a str>,
    /// Zone of a customer without one.
    pub fallback_zone: Option<&'a str>,
    /// Where periods are counted from.
    pub anchor: Anchor,
    /// Since when.
    pub enrolled_at: Stamp,
    /// When it was made.
    pub created_at: Stamp,
    /// When it last changed.
    pub updated_at: Stamp,
    /// What is minted next.
    pub next: Upcoming,
    /// What it minted.
    pub minted: List<'a, MintedTranche>,
}

/// Words of a grant.
#[derive(Encode, BorrowDecode)]
pub struct GrantText<'a> {
    /// Name for people.
    pub name: &'a str,
    /// The caller's own pairs.
    pub metadata: Metadata<'a>,
}

/// Words of a grant's change.
#[derive(Encode, BorrowDecode)]
pub struct GrantChangeText<'a> {
    /// New name.
    pub name: Option<&'a str>,
    /// New pairs.
    pub metadata: Option<Metadata<'a>>,
}

/// A grant with its words, as it rests.
#[derive(Encode, BorrowDecode)]
pub struct WholeGrant<'a> {
    /// Its numbers.
    pub grant: Grant<'a>,
    /// Its words.
    pub text: GrantText<'a>,
}

/// What enrols a customer in a plan.
#[derive(Encode, BorrowDecode)]
pub struct Subscription<'a> {
    /// Its id.
    pub id: Thing,
    /// Its name.
    pub name: &'a str,
    /// The plan.
    pub plan: &'a str,
    /// When it began, if that was said.
    pub start: Option<Stamp>,
    /// Its zone.
    pub zone: Option<&'a str>,
    /// When it was made.
    pub created_at: Stamp,
}

/// A wallet that a grant made.
#[derive(Encode, BorrowDecode)]
pub struct MadeWallet<'a> {
    /// Its id.
    pub id: Thing,
    /// What it counts in.
    pub unit: Unit<'a>,
    /// Money per credit when buying.
    pub topup_conversion_rate: Amount,
}

/// A tranche of a period.
#[derive(Encode, BorrowDecode)]
pub struct Minted<'a> {
    /// Its wallet.
    pub wallet: Thing,
    /// The wallet, if it had to be made.
    pub made: Option<MadeWallet<'a>>,
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// Its row.
    pub row: CreditRow<'a>,
}

/// A period of a grant.
#[derive(Encode, BorrowDecode)]
pub struct Granted<'a> {
    /// Which grant.
    pub key: GrantKey,
    /// The index of the period.
    pub period: u32,
    /// Its beginning.
    pub at: Stamp,
    /// Its end.
    pub ends_at: Option<Stamp>,
    /// The period after it.
    pub next: Upcoming,
    /// What it minted.
    pub landed: Landed<'a>,
}

/// Credit that went on into the next period.
#[derive(Encode, BorrowDecode)]
pub struct RolledOver<'a> {
    /// Which grant.
    pub key: GrantKey,
    /// The index of the period into which it goes.
    pub period: u32,
    /// When.
    pub at: Stamp,
    /// The tranche that ends.
    pub from: Thing,
    /// Its terms.
    pub from_terms: Terms<'a>,
    /// The balance around its leaving.
    pub out: Posting,
    /// The tranche that goes on.
    pub tranche: Thing,
    /// Its terms.
    pub terms: Terms<'a>,
    /// The same in money.
    pub amount: Amount,
    /// ISO 4217, lower case.
    pub currency: [u8; 3],
    /// The balance around its arrival.
    pub posting: Posting,
}

/// A customer was enrolled.
#[derive(Encode, BorrowDecode)]
pub struct Subscribed<'a> {
    /// The customer, if this made it.
    pub customer: Option<Identity>,
    /// The subscription.
    pub subscription: Subscription<'a>,
    /// The plan's grants.
    pub grants: List<'a, Grant<'a>>,
    /// The version of the catalog.
    pub plans_seen: u64,
    /// What is due at once.
    pub minted: List<'a, Due<'a>>,
}

/// A customer left a plan.
#[derive(Encode, BorrowDecode)]
pub struct Unsubscribed<'a> {
    /// The subscription.
    pub subscription: Subscription<'a>,
    /// What was taken back.
    pub voided: List<'a, Voided<'a>>,
}

/// A grant of the customer's own.
#[derive(Encode, BorrowDecode)]
pub struct GrantSet<'a> {
    /// As it is now.
    pub grant: Grant<'a>,
    /// The name of its subscription.
    pub subscription: Option<&'a str>,
    /// What is due at once.
    pub minted: List<'a, Due<'a>>,
}

/// A grant of the customer's own is gone.
#[derive(Encode, BorrowDecode)]
pub struct GrantRemoved<'a> {
    /// Which one.
    pub key: GrantKey,
    /// What was taken back.
    pub voided: List<'a, Voided<'a>>,
}

/// Copies followed a change.
#[derive(Encode, BorrowDecode)]
pub struct PlansFollowed<'a> {
    /// The version that they follow now.
    pub seen: u64,
    /// What came or changed.
    pub set: List<'a, Grant<'a>>,
    /// What is gone.
    pub removed: List<'a, GrantKey>,
}

/// A request to enrol.
#[derive(Encode, BorrowDecode)]
pub struct Subscribe<'a> {
    /// The name that was given.
    pub id: Option<&'a str>,
    /// The plan.
    pub plan: &'a str,
    /// When it begins.
    pub start: Option<Stamp>,
    /// Its zone.
    pub zone: Option<&'a str>,
}

/// A request to leave.
#[derive(Encode, BorrowDecode)]
pub struct Unsubscribe<'a> {
    /// The subscription's name.
    pub subscription: &'a str,
    /// Take back what is left.
    pub void_remaining: bool,
}

/// A request for a grant.
#[derive(Encode, BorrowDecode)]
pub struct CreateGrant<'a> {
    /// For whom.
    pub of: GrantFor<'a>,
    /// Only this wallet gets it.
    pub wallet: Option<Thing>,
    /// What it says.
    pub rule: Rule<'a>,
    /// Its zone.
    pub zone: Option<&'a str>,
}

/// What changes of a grant, without words.
#[derive(Encode, BorrowDecode)]
pub struct GrantChange {
    /// New amount.
    pub credits: Option<Amount>,
    /// New priority.
    pub priority: Option<u32>,
    /// New end.
    pub end: Option<Stamp>,
}

/// A change of a grant.
#[derive(Encode, BorrowDecode)]
pub struct UpdateGrant {
    /// Which one.
    pub id: Thing,
    /// What changes.
    pub change: GrantChange,
}

/// The end of a grant.
#[derive(Encode, BorrowDecode)]
pub struct DeleteGrant {
    /// Which one.
    pub id: Thing,
    /// From when.
    pub effective_at: Option<Stamp>,
    /// Take back what is left.
    pub void_remaining: bool,
}

/// What a customer is granted, at rest.
#[derive(Encode, BorrowDecode)]
pub struct Grants<'a> {
    /// The version of the catalog.
    pub plans_seen: u64,
    /// By id.
    pub subscriptions: Walk<'a, Subscription<'a>>,
    /// By key.
    pub grants: Walk<'a, WholeGrant<'a>>,
}

/// A template, without its words.
#[derive(Encode, BorrowDecode)]
pub struct PlanGrant<'a> {
    /// Its id, whole.
    pub id: Thing,
    /// A plan's or an add-on's.
    pub kind: PlanKind,
    /// Whose.
    pub plan: &'a str,
    /// What it says.
    pub rule: Rule<'a>,
    /// When it was made.
    pub created_at: Stamp,
    /// From when the last change counts.
    pub changed_at: Stamp,
    /// Whether it is a trace.
    pub deleted: bool,
    /// The number of the last change.
    pub version: u64,
}

/// A template with its words, as it rests.
#[derive(Encode, BorrowDecode)]
pub struct WholePlanGrant<'a> {
    /// Its numbers.
    pub grant: PlanGrant<'a>,
    /// Its words.
    pub text: GrantText<'a>,
}

/// A request for a template.
#[derive(Encode, BorrowDecode)]
pub struct CreatePlanGrant<'a> {
    /// A plan's or an add-on's.
    pub kind: PlanKind,
    /// Whose.
    pub plan: &'a str,
    /// What it says.
    pub rule: Rule<'a>,
}

/// The templates of a tenant, at rest.
#[derive(Encode, BorrowDecode)]
pub struct PlanGrants<'a> {
    /// The number of the last change.
    pub version: u64,
    /// Oldest first.
    pub grants: List<'a, WholePlanGrant<'a>>,
}
