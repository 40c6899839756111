//! The personal part of a customer's record: keys, names, references, descriptions, metadata.

use bincode::{BorrowDecode, Encode};

use super::wire::{List, tagged};

/// The caller's own pairs, sorted by key.
pub type Metadata<'a> = List<'a, (&'a str, &'a str)>;

/// Personal data of a customer.
#[derive(Encode, BorrowDecode)]
pub struct Profile<'a> {
    /// Name for people.
    pub name: Option<&'a str>,
    /// E-mail address.
    pub email: Option<&'a str>,
    /// Contact.
    pub contact: Option<&'a str>,
    /// Line 1 of the postal address.
    pub line_1: Option<&'a str>,
    /// Line 2.
    pub line_2: Option<&'a str>,
    /// City.
    pub city: Option<&'a str>,
    /// State.
    pub state: Option<&'a str>,
    /// Postal code.
    pub postal_code: Option<&'a str>,
    /// Country.
    pub country: Option<&'a str>,
    /// IANA time zone.
    pub timezone: Option<&'a str>,
    /// The caller's own pairs.
    pub metadata: Metadata<'a>,
}

/// What an identity leaves out of the public part.
#[derive(Encode, BorrowDecode)]
pub struct IdentityText<'a> {
    /// The caller's name for the customer.
    pub external_id: &'a str,
    /// Personal data.
    pub profile: Profile<'a>,
}

/// What a wallet head leaves out of the public part.
#[derive(Encode, BorrowDecode)]
pub struct HeadText<'a> {
    /// Name for people.
    pub name: &'a str,
    /// Text for people.
    pub description: Option<&'a str>,
    /// The caller's own pairs.
    pub metadata: Metadata<'a>,
}

/// Words about a row.
#[derive(Encode, BorrowDecode)]
pub struct Memo<'a> {
    /// Kind of the thing referred to.
    pub reference_type: Option<&'a str>,
    /// Its id in the caller's system.
    pub reference_id: Option<&'a str>,
    /// Text for people.
    pub description: Option<&'a str>,
    /// The caller's own pairs.
    pub metadata: Metadata<'a>,
}

/// First in the personal part: what a replay needs of it.
#[derive(Encode, BorrowDecode)]
pub struct FactTexts<'a> {
    /// The idempotency key.
    pub idempotency_key: Option<&'a str>,
    /// Of the identity in the facts.
    pub identity: Option<IdentityText<'a>>,
    /// Of the wallet head in the facts.
    pub head: Option<HeadText<'a>>,
}

/// What a new customer is called, and who it is.
#[derive(Encode, BorrowDecode)]
pub struct CreateCustomerText<'a> {
    /// The caller's name for the customer.
    pub external_id: &'a str,
    /// Personal data.
    pub profile: Profile<'a>,
}

/// Words of a wallet's creation.
#[derive(Encode, BorrowDecode)]
pub struct CreateWalletText<'a> {
    /// The customer as the request named it.
    pub customer: &'a str,
    /// Name for people.
    pub name: Option<&'a str>,
    /// Text for people.
    pub description: Option<&'a str>,
    /// The caller's own pairs.
    pub metadata: Metadata<'a>,
}

/// Words of a wallet's change.
#[derive(Encode, BorrowDecode)]
pub struct UpdateWalletText<'a> {
    /// New name.
    pub name: Option<&'a str>,
    /// New text.
    pub description: Option<&'a str>,
    /// New pairs.
    pub metadata: Option<Metadata<'a>>,
}

tagged! {
    /// Last in the personal part: the words of the request. An empty memo is `Nothing`.
    pub enum RequestText<'a> {
        0 = Nothing(()),
        1 = Memo(Memo<'a>),
        2 = CreateCustomer(CreateCustomerText<'a>),
        3 = UpdateCustomer(Profile<'a>),
        4 = CreateWallet(CreateWalletText<'a>),
        5 = UpdateWallet(UpdateWalletText<'a>),
    }
}
