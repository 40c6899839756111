//! Tenants with rate cards and clocks of their own.

use coffer_ledger::amount::{Rate, Usage};
use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::catalog::tenant::{RateCardAsked, Tenant, TenantCommand, TenantEffect, TenantRecord};

use super::rate_card_id;
use crate::samples::{EARLIER, END, micro};
use crate::samples_tenant::{record_of, tenant};

fn filters() -> Vec<(Box<str>, Box<str>)> {
    vec![("tier".into(), "friends-of-ada".into())]
}

fn tiers() -> Vec<Tier> {
    vec![
        Tier { up_to: Some(Usage(1_000_000_000_000_000_000)), credits_per_unit: Rate(2_000_000_000_000) },
        Tier { up_to: None, credits_per_unit: Rate(1_000_000_000_000) },
    ]
}

fn rate_card() -> RateCard {
    RateCard {
        id: rate_card_id(),
        version: 3,
        meter: "tokens".into(),
        quantity_property: Some("total_tokens".into()),
        valid_from: EARLIER,
        valid_to: Some(END),
        filters: filters(),
        tiers: tiers(),
        minimum: micro(10),
    }
}

/// One record of every kind of a tenant's that version 1 does not know.
pub(crate) fn records() -> Vec<(&'static str, TenantRecord)> {
    let name = || "Difference Engines".into();
    let asked = RateCardAsked {
        meter: "tokens".into(),
        quantity_property: Some("total_tokens".into()),
        valid_from: Some(EARLIER),
        valid_to: Some(END),
        filters: filters(),
        tiers: tiers(),
        minimum: micro(10),
    };
    let create = TenantCommand::Create { name: name(), test_mode: true };
    let set = TenantCommand::SetRateCard { id: Some(rate_card_id()), card: asked };
    let delete = TenantCommand::DeleteRateCard(rate_card_id());
    vec![
        (
            "tenant_create_for_tests",
            record_of(create, TenantEffect::Created { name: name(), test_mode: true }),
        ),
        ("tenant_set_rate_card", record_of(set, TenantEffect::RateCardSet(Box::new(rate_card())))),
        ("tenant_delete_rate_card", record_of(delete, TenantEffect::RateCardDeleted(rate_card_id()))),
        ("tenant_move_clock", record_of(TenantCommand::MoveClock(END), TenantEffect::ClockMoved(END))),
    ]
}

/// A tenant with everything that a state can have.
pub(crate) fn full() -> Tenant {
    Tenant {
        rate_cards: vec![rate_card(), RateCard { quantity_property: None, valid_to: None, ..rate_card() }],
        rate_cards_made: 5,
        test_mode: true,
        test_clock: Some(END),
        ..tenant()
    }
}
