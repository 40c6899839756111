//! Any grants, subscriptions, and what they minted.

use coffer_ledger::calendar::{Anchor, LocalTime, Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrant, PlanGrantAsked, PlanKind};
use coffer_ledger::command::{Command, CreateGrant, GrantChange, GrantFor, Subscribe, UpdateGrant};
use coffer_ledger::fact::{
    Due, Effect, GrantRemoved, GrantSet, Granted, Landed, MadeWallet, PlansFollowed, RolledOver, Skipped,
    Subscribed, Unsubscribed, Voided,
};
use coffer_ledger::grant::{
    Cadence, Grant, GrantKey, Grants, Life, MintedTranche, Rollover, Rule, Subscription, Upcoming,
};
use coffer_ledger::ids::{GrantId, SubscriptionId};
use coffer_ledger::unit::Unit;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::facts::credit_row;
use super::leaves::{
    credits, currency, identity, metadata, money, posting, price_unit, rate, row_id, scope, terms, text,
    thing, time, tranche_id, wallet_id,
};

pub(super) fn grant_id() -> impl Strategy<Value = GrantId> {
    thing().prop_map(GrantId)
}

fn subscription_id() -> impl Strategy<Value = SubscriptionId> {
    thing().prop_map(SubscriptionId)
}

fn span() -> impl Strategy<Value = Span> {
    (select(SpanUnit::ALL.to_vec()), any::<u32>()).prop_map(|(unit, count)| Span { unit, count })
}

fn life() -> BoxedStrategy<Life> {
    prop_oneof![Just(Life::Never), span().prop_map(Life::After), Just(Life::Period)].boxed()
}

fn rule() -> BoxedStrategy<Rule> {
    let cadence = prop_oneof![Just(Cadence::OneTime), span().prop_map(Cadence::Recurring)];
    let rollover =
        (rate(), of(credits()), life()).prop_map(|(share, cap, life)| Rollover { share, cap, life });
    let unit = (of(currency()), of(price_unit()), of(rate()), of(rate()));
    let calendar = (cadence, of(time()), of(time()), life(), any::<bool>());
    (credits(), unit, calendar, of(rollover), of(any::<u32>()), of(scope()))
        .prop_map(|(credits, unit, calendar, rollover, priority, scope)| Rule {
            credits,
            currency: unit.0,
            price_unit: unit.1,
            cadence: calendar.0,
            start: calendar.1,
            end: calendar.2,
            life: calendar.3,
            rollover,
            prorated: calendar.4,
            priority,
            scope,
            conversion_rate: unit.2,
            topup_conversion_rate: unit.3,
        })
        .boxed()
}

fn key() -> impl Strategy<Value = GrantKey> {
    (grant_id(), of(subscription_id())).prop_map(|(grant, subscription)| GrantKey { grant, subscription })
}

fn upcoming() -> impl Strategy<Value = Upcoming> {
    (any::<u32>(), time()).prop_map(|(period, at)| Upcoming { period, at })
}

/// Without words, as a plan's.
fn copy() -> BoxedStrategy<Grant> {
    let minted = (tranche_id(), wallet_id(), any::<u32>(), any::<bool>()).prop_map(
        |(tranche, wallet, period, rolled_over)| MintedTranche { tranche, wallet, period, rolled_over },
    );
    let times = (any::<u64>(), time(), time(), time(), time());
    let zones = (of(text()), of(text()), currency());
    (key(), rule(), of(wallet_id()), any::<u32>(), zones, times, upcoming(), vec(minted, 0..3))
        .prop_map(|(key, rule, wallet, priority, zones, times, next, minted)| Grant {
            key,
            name: Box::default(),
            metadata: Vec::new(),
            rule,
            wallet,
            priority,
            fallback_currency: zones.2,
            zone: zones.0,
            fallback_zone: zones.1,
            anchor: Anchor { local: LocalTime(times.0), at: times.1 },
            enrolled_at: times.2,
            created_at: times.3,
            updated_at: times.4,
            next,
            minted,
        })
        .boxed()
}

fn grant() -> BoxedStrategy<Grant> {
    (copy(), text(), metadata()).prop_map(|(copy, name, metadata)| Grant { name, metadata, ..copy }).boxed()
}

fn subscription() -> BoxedStrategy<Subscription> {
    (subscription_id(), text(), text(), of(time()), of(text()), time())
        .prop_map(|(id, name, plan, start, zone, created_at)| Subscription {
            id,
            name,
            plan,
            start,
            zone,
            created_at,
        })
        .boxed()
}

fn granted() -> BoxedStrategy<Granted> {
    let unit = (currency(), of(price_unit()), rate())
        .prop_map(|(currency, price_unit, conversion_rate)| Unit { currency, price_unit, conversion_rate });
    let made = (wallet_id(), unit, rate()).prop_map(|(id, unit, topup_conversion_rate)| MadeWallet {
        id,
        unit,
        topup_conversion_rate,
    });
    let minted =
        (wallet_id(), of(made), currency(), credit_row()).prop_map(|(wallet, made, currency, row)| {
            Landed::Minted { wallet, made, currency, row: Box::new(row) }
        });
    let landed = prop_oneof![4 => minted, 1 => select(vec![Skipped::Overflow, Skipped::Nothing]).prop_map(Landed::Skipped)];
    (key(), any::<u32>(), time(), of(time()), upcoming(), landed)
        .prop_map(|(key, period, at, ends_at, next, landed)| Granted {
            key,
            period,
            at,
            ends_at,
            next,
            landed,
        })
        .boxed()
}

fn rolled_over() -> BoxedStrategy<RolledOver> {
    let from = (tranche_id(), terms(), posting());
    let into = (tranche_id(), terms(), money(), currency(), posting());
    (key(), any::<u32>(), time(), from, into)
        .prop_map(|(key, period, at, from, into)| RolledOver {
            key,
            period,
            at,
            from: from.0,
            from_terms: from.1,
            out: from.2,
            tranche: into.0,
            terms: into.1,
            amount: into.2,
            currency: into.3,
            posting: into.4,
        })
        .boxed()
}

/// What grants bring by themselves.
pub(super) fn due() -> BoxedStrategy<Due> {
    prop_oneof![
        granted().prop_map(|granted| Due::Granted(Box::new(granted))),
        rolled_over().prop_map(|rolled| Due::RolledOver(Box::new(rolled))),
    ]
    .boxed()
}

fn voids() -> impl Strategy<Value = Vec<Voided>> {
    let void =
        (row_id(), wallet_id(), tranche_id(), terms(), (credits(), credits(), credits()), of(posting()))
            .prop_map(|(of, wallet, tranche, terms, parts, posting)| Voided {
                of,
                wallet,
                tranche,
                terms,
                credits: parts.0,
                held: parts.1,
                spent: parts.2,
                posting,
            });
    vec(void, 0..3)
}

/// Effects of grants and subscriptions.
pub(super) fn effects() -> BoxedStrategy<Effect> {
    let subscribed = (of(identity()), subscription(), vec(copy(), 0..3), any::<u64>(), vec(due(), 0..3))
        .prop_map(|(customer, subscription, grants, plans_seen, minted)| Subscribed {
            customer: customer.map(Box::new),
            subscription,
            grants,
            plans_seen,
            minted,
        });
    let left =
        (subscription(), voids()).prop_map(|(subscription, voided)| Unsubscribed { subscription, voided });
    let set = (grant(), of(text()), vec(due(), 0..3)).prop_map(|(grant, subscription, minted)| GrantSet {
        grant,
        subscription,
        minted,
    });
    let removed = (key(), voids()).prop_map(|(key, voided)| GrantRemoved { key, voided });
    let followed = (any::<u64>(), vec(copy(), 0..3), vec(key(), 0..3))
        .prop_map(|(seen, set, removed)| PlansFollowed { seen, set, removed });
    prop_oneof![
        subscribed.prop_map(|effect| Effect::Subscribed(Box::new(effect))),
        left.prop_map(|effect| Effect::Unsubscribed(Box::new(effect))),
        set.prop_map(|effect| Effect::GrantSet(Box::new(effect))),
        removed.prop_map(|effect| Effect::GrantRemoved(Box::new(effect))),
        followed.prop_map(|effect| Effect::PlansFollowed(Box::new(effect))),
    ]
    .boxed()
}

fn change() -> impl Strategy<Value = GrantChange> {
    (of(text()), of(metadata()), of(credits()), of(any::<u32>()), of(time())).prop_map(
        |(name, metadata, credits, priority, end)| GrantChange { name, metadata, credits, priority, end },
    )
}

/// Commands about grants and subscriptions.
pub(super) fn commands() -> BoxedStrategy<Command> {
    let subscribe = (text(), of(text()), text(), of(time()), of(text()))
        .prop_map(|(customer, id, plan, start, zone)| Subscribe { customer, id, plan, start, zone });
    let of_whom = prop_oneof![
        Just(GrantFor::Customer),
        wallet_id().prop_map(GrantFor::Wallet),
        text().prop_map(GrantFor::Subscription),
    ];
    let create = (of_whom, of(wallet_id()), text(), metadata(), rule(), of(text())).prop_map(
        |(of, wallet, name, metadata, rule, zone)| CreateGrant { of, wallet, name, metadata, rule, zone },
    );
    prop_oneof![
        subscribe.prop_map(|request| Command::Subscribe(Box::new(request))),
        (text(), any::<bool>())
            .prop_map(|(subscription, void_remaining)| Command::Unsubscribe { subscription, void_remaining }),
        create.prop_map(|request| Command::CreateGrant(Box::new(request))),
        (grant_id(), change())
            .prop_map(|(id, change)| Command::UpdateGrant(Box::new(UpdateGrant { id, change }))),
        (grant_id(), of(time()), any::<bool>()).prop_map(|(id, effective_at, void_remaining)| {
            Command::DeleteGrant { id, effective_at, void_remaining }
        }),
        Just(Command::FollowPlans),
    ]
    .boxed()
}

/// What a customer is granted.
pub(super) fn grants() -> BoxedStrategy<Grants> {
    (any::<u64>(), vec(subscription(), 0..3), vec(grant(), 0..3))
        .prop_map(|(plans_seen, subscriptions, all)| {
            let mut grants = Grants::new();
            grants.plans_seen = plans_seen;
            grants.subscriptions = subscriptions.into_iter().map(|one| (one.id, one)).collect();
            all.into_iter().for_each(|grant| grants.set(grant));
            grants
        })
        .boxed()
}

fn kind() -> impl Strategy<Value = PlanKind> {
    select(vec![PlanKind::Plan, PlanKind::Addon])
}

/// A template.
pub(super) fn plan_grant() -> BoxedStrategy<PlanGrant> {
    let words = (text(), text(), metadata());
    (grant_id(), kind(), words, rule(), (time(), time()), any::<bool>(), any::<u64>())
        .prop_map(|(id, kind, words, rule, times, deleted, version)| PlanGrant {
            id,
            kind,
            plan: words.0,
            name: words.1,
            metadata: words.2,
            rule,
            created_at: times.0,
            changed_at: times.1,
            deleted,
            version,
        })
        .boxed()
}

/// Commands about templates.
pub(super) fn tenant_commands() -> BoxedStrategy<coffer_ledger::catalog::tenant::TenantCommand> {
    use coffer_ledger::catalog::tenant::TenantCommand;
    let asked = (kind(), text(), text(), metadata(), rule())
        .prop_map(|(kind, plan, name, metadata, rule)| PlanGrantAsked { kind, plan, name, metadata, rule });
    prop_oneof![
        asked.prop_map(TenantCommand::CreatePlanGrant),
        (grant_id(), change()).prop_map(|(id, change)| TenantCommand::UpdatePlanGrant { id, change }),
        grant_id().prop_map(TenantCommand::DeletePlanGrant),
    ]
    .boxed()
}
