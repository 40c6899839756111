//! What happens by itself: tranches that start and end, holds whose deadline passes, periods of grants that begin (SEMANTICS §5, §6,
//! §8, §13).
//!
//! Nothing happens *at* an instant: what is due is found by whoever comes next, and gets the instant at which it counts. Each
//! thing is dated by itself, so it does not matter how late it is written. At one instant tranches start, then holds end, then
//! what is left of a grant's period goes on into the next, then tranches end, then purchases that nobody paid fail, then periods begin:
//! what a hold gives back in time still ends with its tranche, or goes on. Credit that is paid after its end comes in with an end at that
//! instant (`decide/purchase`), so that no row counts before the credit that it takes. Tested in `tests/rules` against a naive model, and in
//! `decide/tests`.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::amount::Credits;
use crate::amount::Money;
use crate::apply;
use crate::customer::Customer;
use crate::decide::Ids;
use crate::fact::{Due, Giver, HoldEnd, RechargeEnd, RolledOver, Slice};
use crate::granting;
use crate::hold::Hold;
use crate::ids::{HoldId, RechargeId, TrancheId};
use crate::letting_go::{self, Balances};
use crate::limits::Limits;
use crate::recharge::{Recharge, RechargeReason, RechargeStatus};
use crate::time::Timestamp;

/// What is due at `now` and not written yet, by instant; at most `max`.
///
/// At one instant: starts, deadlines, ends, purchases; starts and ends by wallet (oldest first), then burn order, deadlines by hold. Costs what
/// the wallets with something due hold, and what `max` holds pin, however many holds are open.
#[must_use]
pub fn due(customer: &Customer, now: Timestamp, max: usize) -> Vec<Due> {
    due_until(customer, (now, now), Room { things: max, pins: usize::MAX })
}

/// What one record takes of what is due.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// Due things.
    pub(crate) things: usize,
    /// Pins of a hold that ends; what it pins beyond them goes back in another record, and so does all that comes later.
    pub(crate) pins: usize,
}

impl Room {
    /// As much as one record of what is due may take.
    pub(crate) const fn of_a_record(limits: &Limits) -> Self {
        Self { things: limits.due_per_record_max, pins: limits.hold_pins_per_record_max }
    }
}

/// As [`due`], of what happens until an instant before `now`, and at most so much. `now` is the instant of the record, which ids carry.
pub(crate) fn due_until(customer: &Customer, (until, now): (Timestamp, Timestamp), room: Room) -> Vec<Due> {
    if customer.grants.next_at() > until {
        return without_grants(customer, (until, now), room);
    }
    // What a period mints may end, and what it carries over is there, before the next thing happens: one after the other.
    let (mut ahead, mut written) = (customer.clone(), Vec::new());
    while written.len() < room.things && !written.last().is_some_and(Due::is_part) {
        let next_grant = ahead.grants.next_at().min(until);
        let left = Room { things: room.things - written.len(), ..room };
        let before = without_grants(&ahead, (next_grant, now), left);
        if !before.is_empty() {
            apply::apply_due(&mut ahead, &before, 0);
            written.extend(before);
            continue;
        }
        let Some(grant) = ahead.grants.due(until) else { break };
        let granted = Due::Granted(Box::new(granting::mint(&ahead, grant, now)));
        apply::apply_due(&mut ahead, std::slice::from_ref(&granted), 0);
        written.push(granted);
    }
    written
}

/// What tranches and holds bring until an instant at which no grant has begun a period.
fn without_grants(customer: &Customer, (until, now): (Timestamp, Timestamp), room: Room) -> Vec<Due> {
    let mut events = tranche_events(customer, until);
    // Each deadline is one due thing: no more of them than there is room for can be among the first ones.
    customer
        .holds
        .due(until)
        .take(room.things)
        .for_each(|hold| hold_events(customer, hold, until, &mut events));
    let waited_for = customer.recharges.due(until);
    events.extend(waited_for.into_iter().map(|(at, id)| Event { at, what: What::Pending(id) }));
    events.sort_unstable();
    events.dedup();
    let mut writer = Writer::on(customer, now, room.pins);
    let mut written: Vec<Due> = Vec::new();
    let mut happening = events.iter();
    // What comes after a part waits for the rest of it.
    while written.len() < room.things && !written.last().is_some_and(Due::is_part) {
        let Some(event) = happening.next() else { break };
        written.extend(writer.write(event));
    }
    written
}

/// How many things are due at `now`.
#[must_use]
pub fn due_count(customer: &Customer, now: Timestamp) -> usize {
    due(customer, now, usize::MAX).len()
}

/// Whether more than `max` things are due at `now`. Cheaper than to count them all.
#[must_use]
pub fn is_more_due_than(customer: &Customer, now: Timestamp, max: usize) -> bool {
    customer.next_due() <= now && due(customer, now, max.saturating_add(1)).len() > max
}

/// What a customer may keep so that [`decide`](crate::decide::decide) looks ahead on a copy of it.
const COPIED_MAX: usize = 1_000;

/// Whether what is due should be written in records of its own before a command is decided: to decide on what comes after it takes a
/// copy of the customer, and this one is large.
#[must_use]
pub fn write_apart(customer: &Customer) -> bool {
    let kept = customer.holds.len()
        + customer.tranche_count()
        + customer.budgets.len()
        + customer.given_back.len()
        + customer.invoices.len()
        + customer.transfers_out.len()
        + customer.transfers_in.len()
        + customer.recharges.len();
    kept > COPIED_MAX
}

/// Something that an instant brings. The order of the fields, and of the kinds, is the order of happening.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Timestamp,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Start(Place),
    Deadline(HoldId),
    Roll(Place),
    End(Place),
    /// A purchase was not paid in time.
    Pending(RechargeId),
}

/// Where a tranche stands: its wallet, and itself in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    wallet: usize,
    tranche: usize,
}

fn tranche_events(customer: &Customer, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for (wallet, state) in customer.wallets.iter().enumerate().filter(|(_, state)| state.next_due <= now) {
        for (tranche, state) in state.tranches.iter().enumerate() {
            let place = Place { wallet, tranche };
            if state.scheduled && state.terms.effective_at <= now {
                events.push(Event { at: state.terms.effective_at, what: What::Start(place) });
            }
            // A tranche that never started has not ended either: its end is after its start.
            if let Some(end) =
                state.terms.expires_at.filter(|end| *end <= now && state.pinned < state.remaining)
            {
                ends(customer, place, end, &mut events);
            }
        }
    }
    events
}

/// The end of a tranche; before it, what goes on of it.
fn ends(customer: &Customer, place: Place, end: Timestamp, events: &mut Vec<Event>) {
    let tranche = customer.wallets[place.wallet].tranches[place.tranche].id;
    if customer.grants.rolling(tranche, end).is_some() {
        events.push(Event { at: end, what: What::Roll(place) });
    }
    events.push(Event { at: end, what: What::End(place) });
}

/// A deadline, and the ends of tranches that have something to end only because the hold gave it back before.
fn hold_events(customer: &Customer, hold: &Hold, now: Timestamp, events: &mut Vec<Event>) {
    events.push(Event { at: hold.expires_at, what: What::Deadline(hold.id) });
    for (place, end, _) in still_living(customer, hold.expires_at, &hold.pins) {
        if end <= now {
            ends(customer, place, end, events);
        }
    }
}

/// The tranches of pins that will end and have not before `at`: where each stands, its end, and what of it is pinned.
fn still_living<'a>(
    customer: &'a Customer,
    at: Timestamp,
    pins: &'a [Slice],
) -> impl Iterator<Item = (Place, Timestamp, Credits)> + 'a {
    pins.iter().filter_map(move |pin| {
        let Giver::Tranche { id, terms } = &pin.giver else { return None };
        let end = terms.expires_at.filter(|end| at <= *end)?;
        let wallet = customer.wallets.iter().position(|wallet| wallet.head.id == pin.wallet)?;
        let tranche = customer.wallets[wallet].find(*id, terms)?;
        let voided = customer.wallets[wallet].tranches[tranche].voided;
        (!voided).then_some((Place { wallet, tranche }, end, pin.credits))
    })
}

/// Turns events into facts, each on top of those before it.
struct Writer<'a> {
    customer: &'a Customer,
    balances: Balances,
    /// Of each wallet.
    debts: Vec<Credits>,
    /// What of a tranche can be spent more than the state says: less what its start gave to debt, plus what holds gave back.
    gained: BTreeMap<Place, Credits>,
    /// Of what goes on.
    ids: Ids,
    /// Pins that a deadline gives back at most.
    pins_max: usize,
}

impl<'a> Writer<'a> {
    fn on(customer: &'a Customer, now: Timestamp, pins_max: usize) -> Self {
        let debts = customer.wallets.iter().map(|wallet| wallet.head.debt).collect();
        let (balances, gained, ids) = (Balances::default(), BTreeMap::new(), Ids::of(customer, now));
        Self { customer, balances, debts, gained, ids, pins_max }
    }

    fn write(&mut self, event: &Event) -> Option<Due> {
        match event.what {
            What::Start(place) => Some(self.start(place, event.at)),
            What::Deadline(hold) => Some(Due::HoldExpired(Box::new(self.deadline(hold, event.at)))),
            What::Roll(place) => self.roll(place, event.at).map(|rolled| Due::RolledOver(Box::new(rolled))),
            What::End(place) => self.end(place),
            What::Pending(id) => Some(Due::RechargeExpired(Box::new(self.unpaid(id, event.at)))),
        }
    }

    fn start(&mut self, place: Place, at: Timestamp) -> Due {
        let wallet = &self.customer.wallets[place.wallet];
        let tranche = &wallet.tranches[place.tranche];
        let repays = tranche.terms.scope.price_types.usage;
        let debt = &mut self.debts[place.wallet];
        let repaid = if repays { (*debt).min(tranche.remaining) } else { Credits::ZERO };
        *debt -= repaid;
        *self.gained.entry(place).or_default() -= repaid;
        Due::Started {
            tranche: tranche.id,
            credits: tranche.remaining,
            repaid,
            effective_at: at,
            row: (tranche.credit_position, tranche.credit_row),
            posting: self.balances.post(wallet, tranche.remaining),
        }
    }

    fn deadline(&mut self, id: HoldId, at: Timestamp) -> HoldEnd {
        let hold = self.customer.holds.get(id).expect("deadlines are those of open holds");
        let end = letting_go::expire(self.customer, hold, at, self.pins_max, &mut self.balances);
        for (place, _, credits) in still_living(self.customer, at, &end.returned) {
            *self.gained.entry(place).or_default() += credits;
        }
        end
    }

    /// What of the unpinned credit goes on into the grant's next period; `None` if that is nothing.
    fn roll(&mut self, place: Place, at: Timestamp) -> Option<RolledOver> {
        let wallet = &self.customer.wallets[place.wallet];
        let tranche = &wallet.tranches[place.tranche];
        let grant = self.customer.grants.rolling(tranche.id, at)?;
        let rollover = grant.rule.rollover.as_ref()?;
        let gained = self.gained.get(&place).copied().unwrap_or_default();
        let carried = granting::carried(rollover, tranche.unpinned() + gained);
        if !carried.is_positive() {
            return None;
        }
        // What came back of a hold was part of what remains all the time.
        let left = (tranche.remaining, carried);
        let terms = granting::carried_terms(self.customer, (grant, rollover), tranche, left);
        let rate = wallet.head.topup_conversion_rate;
        *self.gained.entry(place).or_default() -= carried;
        Some(RolledOver {
            key: grant.key,
            period: grant.next.period,
            at,
            from: tranche.id,
            from_terms: tranche.terms.clone(),
            out: self.balances.post(wallet, -carried),
            tranche: TrancheId(self.ids.next()),
            terms,
            amount: Money::of_credits_half_even(carried, rate).expect("less than what the tranche came to"),
            currency: wallet.head.unit.currency,
            posting: self.balances.post(wallet, carried),
        })
    }

    fn unpaid(&self, id: RechargeId, at: Timestamp) -> RechargeEnd {
        let recharge = self.customer.recharges.get(id).expect("what is due is pending");
        let recharge = Recharge {
            status: RechargeStatus::Failed,
            reason: Some(RechargeReason::Expired),
            ended_at: Some(at),
            ..recharge.clone()
        };
        RechargeEnd { recharge, rows: SmallVec::new(), unpaid: Vec::new() }
    }

    /// The end of what is not pinned; `None` if that is nothing.
    fn end(&mut self, place: Place) -> Option<Due> {
        let wallet = &self.customer.wallets[place.wallet];
        let tranche = &wallet.tranches[place.tranche];
        let credits = tranche.unpinned() + self.gained.get(&place).copied().unwrap_or_default();
        credits.is_positive().then(|| Due::Expired {
            tranche: tranche.id,
            credits,
            terms: tranche.terms.clone(),
            posting: self.balances.post(wallet, -credits),
        })
    }
}
