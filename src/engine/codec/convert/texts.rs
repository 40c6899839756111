//! Profiles and memos: personal through and through.

use coffer_ledger::command::Memo;
use coffer_ledger::customer::Profile;

use super::{Mirror, Owner, mirror_struct};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::texts as shapes;

mirror_struct! {
    Memo = Memo<'a> { reference_type, reference_id, description, metadata }
}

impl<'a> Mirror<'a, shapes::Profile<'a>> for Profile {
    fn to_shape(&'a self, owner: Owner) -> shapes::Profile<'a> {
        let Self { name, email, contact, address, timezone, metadata } = self;
        let [line_1, line_2, city, state, postal_code, country] = address;
        shapes::Profile {
            name: name.to_shape(owner),
            email: email.to_shape(owner),
            contact: contact.to_shape(owner),
            line_1: line_1.to_shape(owner),
            line_2: line_2.to_shape(owner),
            city: city.to_shape(owner),
            state: state.to_shape(owner),
            postal_code: postal_code.to_shape(owner),
            country: country.to_shape(owner),
            timezone: timezone.to_shape(owner),
            metadata: metadata.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Profile<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Profile {
            name,
            email,
            contact,
            line_1,
            line_2,
            city,
            state,
            postal_code,
            country,
            timezone,
            metadata,
        } = shape;
        let address = [line_1, line_2, city, state, postal_code, country];
        Ok(Self {
            name: Mirror::from_shape(name, owner)?,
            email: Mirror::from_shape(email, owner)?,
            contact: Mirror::from_shape(contact, owner)?,
            address: address.map(|line| line.map(Box::from)),
            timezone: Mirror::from_shape(timezone, owner)?,
            metadata: Mirror::from_shape(metadata, owner)?,
        })
    }
}
