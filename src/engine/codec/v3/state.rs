//! A customer at rest. Words and numbers stand together here. What is kept by a key stands in the keys' order, each once.

use bincode::{BorrowDecode, Encode};

use super::grant::Grants;
use crate::engine::codec::v2::state as v2;

/// A customer.
#[derive(Encode, BorrowDecode)]
pub struct Customer<'a> {
    /// What version 2 has of it.
    pub plain: v2::Customer<'a>,
    /// What it is granted.
    pub grants: Grants<'a>,
}
