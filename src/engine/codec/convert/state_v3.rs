//! A customer at rest, with what versions 1 and 2 do not know.

use coffer_ledger::customer::Customer;

use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v3::state as shapes;

/// Whether a customer has what only version 3 holds.
pub(in crate::engine::codec) fn rests_in_v3(customer: &Customer) -> bool {
    !customer.grants.is_empty()
}

/// Whose things the state names stands in the state itself: the owner that is passed is not looked at.
impl<'a> Mirror<'a, shapes::Customer<'a>> for Customer {
    fn to_shape(&'a self, owner: Owner) -> shapes::Customer<'a> {
        let own = Owner(self.number);
        shapes::Customer { plain: self.to_shape(owner), grants: self.grants.to_shape(own) }
    }

    fn from_shape(shape: shapes::Customer<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Customer { plain, grants } = shape;
        let mut customer: Self = Mirror::from_shape(plain, owner)?;
        let owner = Owner(customer.number);
        customer.grants = Mirror::from_shape(grants, owner)?;
        Ok(customer)
    }
}
