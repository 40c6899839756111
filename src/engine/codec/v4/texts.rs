//! Last in the personal part of a customer's record: the words of the request.

use bincode::{BorrowDecode, Encode};

use super::wire::tagged;
use crate::engine::codec::v1::texts::{CreateWalletText, Metadata};

/// Of the personal data, what changes.
#[derive(Encode, BorrowDecode)]
pub struct ProfileChange<'a> {
    /// New name for people.
    pub name: Option<&'a str>,
    /// New e-mail address.
    pub email: Option<&'a str>,
    /// New contact.
    pub contact: Option<&'a str>,
    /// New line 1 of the postal address.
    pub line_1: Option<&'a str>,
    /// New line 2.
    pub line_2: Option<&'a str>,
    /// New city.
    pub city: Option<&'a str>,
    /// New state.
    pub state: Option<&'a str>,
    /// New postal code.
    pub postal_code: Option<&'a str>,
    /// New country.
    pub country: Option<&'a str>,
    /// New IANA time zone.
    pub timezone: Option<&'a str>,
    /// New pairs, replaced whole.
    pub metadata: Option<Metadata<'a>>,
}

tagged! {
    /// Words of a request.
    pub enum RequestText<'a> { 0 = ChangeCustomer(ProfileChange<'a>), 1 = CreateWallet(CreateWalletText<'a>) }
}
