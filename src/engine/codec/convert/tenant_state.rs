//! A tenant at rest.

use coffer_ledger::catalog::tenant::Tenant;

use super::tenant::settings_need_v3;
use super::{Mirror, Owner};
use crate::engine::codec::error::DecodeError;
use crate::engine::codec::v1::tenant as shapes;
use crate::engine::codec::v2::tenant as v2;
use crate::engine::codec::v3::tenant as v3;

/// Whether only version 3 holds all of a tenant.
pub(in crate::engine::codec) fn tenant_rests_in_v3(tenant: &Tenant) -> bool {
    settings_need_v3(&tenant.settings) || tenant.webhooks_made > 0
}

/// Whether version 1 holds all of a tenant that does not need version 3.
pub(in crate::engine::codec) fn tenant_rests_in_v1(tenant: &Tenant) -> bool {
    let Tenant {
        number: _,
        name: _,
        settings: _,
        keys: _,
        rate_cards,
        rate_cards_made,
        webhooks: _,
        webhooks_made: _,
        test_mode,
        test_clock,
        version: _,
        last_at: _,
        last_position: _,
        created_at: _,
    } = tenant;
    rate_cards.is_empty() && *rate_cards_made == 0 && !test_mode && test_clock.is_none()
}

/// What version 1 holds of a tenant.
impl<'a> Mirror<'a, shapes::Tenant<'a>> for Tenant {
    fn to_shape(&'a self, owner: Owner) -> shapes::Tenant<'a> {
        let Self { number, name, settings, keys, version, last_at, last_position, created_at, .. } = self;
        shapes::Tenant {
            number: number.to_shape(owner),
            name: name.to_shape(owner),
            settings: settings.to_shape(owner),
            keys: keys.to_shape(owner),
            version: *version,
            last_at: last_at.to_shape(owner),
            last_position: last_position.to_shape(owner),
            created_at: created_at.to_shape(owner),
        }
    }

    fn from_shape(shape: shapes::Tenant<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let shapes::Tenant { number, name, settings, keys, version, last_at, last_position, created_at } =
            shape;
        Ok(Self {
            name: Mirror::from_shape(name, owner)?,
            settings: Mirror::from_shape(settings, owner)?,
            keys: Mirror::from_shape(keys, owner)?,
            version,
            last_at: Mirror::from_shape(last_at, owner)?,
            last_position: Mirror::from_shape(last_position, owner)?,
            created_at: Mirror::from_shape(created_at, owner)?,
            ..Self::new(Mirror::from_shape(number, owner)?)
        })
    }
}

impl<'a> Mirror<'a, v2::Tenant<'a>> for Tenant {
    fn to_shape(&'a self, owner: Owner) -> v2::Tenant<'a> {
        let Self { rate_cards, rate_cards_made, test_mode, test_clock, .. } = self;
        v2::Tenant {
            plain: self.to_shape(owner),
            rate_cards: rate_cards.to_shape(owner),
            rate_cards_made: *rate_cards_made,
            test_mode: *test_mode,
            test_clock: test_clock.to_shape(owner),
        }
    }

    fn from_shape(shape: v2::Tenant<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let v2::Tenant { plain, rate_cards, rate_cards_made, test_mode, test_clock } = shape;
        Ok(Self {
            rate_cards: Mirror::from_shape(rate_cards, owner)?,
            rate_cards_made,
            test_mode,
            test_clock: Mirror::from_shape(test_clock, owner)?,
            ..Mirror::from_shape(plain, owner)?
        })
    }
}

impl<'a> Mirror<'a, v3::Tenant<'a>> for Tenant {
    fn to_shape(&'a self, owner: Owner) -> v3::Tenant<'a> {
        let (auto_complete, payment_result) = (self.settings.auto_complete, self.settings.payment_result);
        v3::Tenant {
            plain: self.to_shape(owner),
            auto_complete,
            payment_result,
            webhooks: self.webhooks.to_shape(owner),
            webhooks_made: self.webhooks_made,
        }
    }

    fn from_shape(shape: v3::Tenant<'a>, owner: Owner) -> Result<Self, DecodeError> {
        let v3::Tenant { plain, auto_complete, payment_result, webhooks, webhooks_made } = shape;
        let mut tenant: Self = Mirror::from_shape(plain, owner)?;
        tenant.settings.auto_complete = auto_complete;
        tenant.settings.payment_result = payment_result;
        tenant.webhooks = Mirror::from_shape(webhooks, owner)?;
        tenant.webhooks_made = webhooks_made;
        Ok(tenant)
    }
}
