//! Holds: SEMANTICS §5. What is pinned of a tranche is summed over the open holds whenever it is asked for.

use coffer_ledger::command::{Capture, Charge, HoldAsked, OverCapture, PlaceHold, Quantity};
use coffer_ledger::fact::HoldVerb;
use coffer_ledger::hold::HoldStatus;
use coffer_ledger::ids::{HoldId, ThingId};
use coffer_ledger::time::Timestamp;

use super::budget::{Move, take_moves};
use super::debit::{Origin, Payer, at_most, divide};
use super::event::price_of_asked;
use super::number::{Q, leaves_12_digits, total};
use super::outcome::{Done, Gone, HoldEnded, HoldSeen, No, Part, Step, Taken};
use super::{Circumstances, Model, range_faults, those, unless};

/// The longest `expires_in`.
const EXPIRES_IN_MAX_S: u32 = 604_800;

/// A hold, from its placing to its end and after.
#[derive(Clone, Debug)]
pub(crate) struct Booking {
    pub(crate) id: Option<HoldId>,
    pub(crate) status: HoldStatus,
    pub(crate) charge: Charge,
    pub(crate) over: OverCapture,
    pub(crate) placed_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) credits: Q,
    pub(crate) captured: Q,
    pub(crate) released: Q,
    pub(crate) pins: Vec<Part>,
    pub(crate) moves: Vec<Move>,
    /// The first wallet that it pinned anything of.
    pub(crate) home: usize,
}

impl Booking {
    pub(crate) fn is_open(&self) -> bool {
        self.status == HoldStatus::Open
    }

    pub(crate) fn held(&self) -> Q {
        total(self.pins.iter().map(|pin| &pin.credits))
    }
}

impl Model {
    pub(crate) fn place(&mut self, ask: &PlaceHold, around: Circumstances) -> Result<Done, Vec<No>> {
        let open = self.holds.iter().filter(|hold| hold.is_open()).count();
        let max = around.limits.holds_max;
        let full = those([(open >= max, No::Limit("holds_max", max as u64))]);
        match self.place_one(ask, around) {
            Ok(done) if full.is_empty() => Ok(done),
            Ok(_) => Err(full),
            Err(faults) => Err([faults, full].concat()),
        }
    }

    fn place_one(&mut self, ask: &PlaceHold, around: Circumstances) -> Result<Done, Vec<No>> {
        self.known()?;
        if let Some(id) = ask.charge.wallet {
            self.find(id)?;
        }
        let mut faults = place_faults(ask);
        faults.extend(self.charge_faults(&ask.charge, true));
        let (min, max) = match &ask.asked {
            HoldAsked::Exactly(credits) => (Q::raw(credits.0), Q::raw(credits.0)),
            HoldAsked::Range { min, max } => (Q::raw(min.0), Q::raw(max.0)),
            HoldAsked::Metered(metered) => match price_of_asked(metered, around) {
                Ok(price) => (price.clone(), price),
                Err(others) => {
                    faults.extend(others);
                    return Err(faults);
                }
            },
        };
        unless(faults)?;
        let payers = self.payers(&ask.charge, around);
        let there = &max - &divide(&max, &payers).1;
        if there < min {
            return Err(self.lacking(&ask.charge, min, there, around));
        }
        let slices_max = around.limits.slices_max;
        let (mut pins, lacking) = divide(&max, at_most(slices_max, &payers));
        let mut given = &max - &lacking;
        if given < min {
            // Too many for what must be: which fault is told is settled below.
            (pins, given) = (divide(&min, &payers).0, min);
        }
        let limits = self.pin_faults(&pins, pins.len(), around);
        let moves = counted(self.count(&ask.charge, &pins, &given, around, true), limits)?;
        let seconds = ask.expires_in_s.min(around.limits.hold_lifetime_max_s);
        self.holds.push(Booking {
            id: None,
            status: HoldStatus::Open,
            charge: ask.charge.clone(),
            over: ask.over_capture,
            placed_at: around.now,
            expires_at: later(around.now, seconds),
            credits: given,
            captured: Q::zero(),
            released: Q::zero(),
            home: pins[0].wallet,
            pins: pins.clone(),
            moves,
        });
        let hold = self.holds.len() - 1;
        self.hold_lines("hold", "HOLD", &pins);
        Ok(self.step_of(hold, HoldVerb::Placed, Step { pinned: pins, ..self.no_step(hold) }))
    }

    pub(crate) fn grow(&mut self, id: HoldId, credits: Q, around: Circumstances) -> Result<Done, Vec<No>> {
        let hold = self.open_hold(id)?;
        let charge = self.holds[hold].charge.clone();
        let mut faults = Vec::new();
        if let Some(wallet) = charge.wallet {
            faults.extend(self.status_faults(self.find(wallet)?));
        }
        unless(faults)?;
        let payers = self.same_unit_as(hold, self.payers(&charge, around));
        let (more, lacking) = divide(&credits, &payers);
        if lacking.is_positive() {
            let there = &credits - &lacking;
            return Err(self.lacking(&charge, credits, there, around));
        }
        let pins = self.merged(hold, &more);
        let too_much = leaves_12_digits(&(&self.holds[hold].credits + &credits));
        unless(those([(too_much, No::AmountOverflow)]))?;
        let limits = self.pin_faults(&more, pins.len(), around);
        let moves = counted(self.count(&charge, &more, &credits, around, true), limits)?;
        let booking = &mut self.holds[hold];
        booking.pins = pins;
        booking.credits = &booking.credits + &credits;
        booking.moves.extend(moves);
        self.hold_lines("hold", "HOLD", &more);
        Ok(self.step_of(hold, HoldVerb::Grown, Step { pinned: more, ..self.no_step(hold) }))
    }

    pub(crate) fn extend(
        &mut self,
        id: HoldId,
        seconds: u32,
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        let hold = self.open_hold(id)?;
        let end_of_life = later(self.holds[hold].placed_at, around.limits.hold_lifetime_max_s);
        self.holds[hold].expires_at = Timestamp(later(around.now, seconds).0.min(end_of_life.0));
        Ok(self.step_of(hold, HoldVerb::Extended, self.no_step(hold)))
    }

    pub(crate) fn release(&mut self, id: HoldId, around: Circumstances) -> Result<Done, Vec<No>> {
        let hold = self.open_hold(id)?;
        let (returned, gone) = self.let_go(hold, HoldStatus::Released, around.now, &[]);
        Ok(self.step_of(hold, HoldVerb::Released, Step { returned, gone, ..self.no_step(hold) }))
    }

    pub(crate) fn capture(&mut self, ask: &Capture, around: Circumstances) -> Result<Done, Vec<No>> {
        let hold = self.open_hold(ask.hold)?;
        let asked = Q::raw(ask.credits.0);
        let held = self.holds[hold].held();
        let excess = (&asked - &held).max(Q::zero());
        if excess.is_positive() && self.holds[hold].over == OverCapture::Reject {
            return Err(vec![No::OverCapture(held, asked)]);
        }
        let (all, rest) = split(&self.holds[hold].pins, &asked);
        let spent_parts = all.len();
        let is_unpaid = |part: &Part| part.tranche.is_some_and(|tranche| self.tranches[tranche].unpaid);
        let (unpaid, consumed): (Vec<Part>, Vec<Part>) = all.into_iter().partition(is_unpaid);
        // There is no credit: what was used is owed, before anything else is taken.
        let owed: Vec<Part> = unpaid.iter().map(|part| Part { tranche: None, ..part.clone() }).collect();
        let memo_wallet = self.memo_wallet(hold);
        let mut owing = self.clone();
        owed.iter().for_each(|part| owing.wallets[part.wallet].debt_moves.push(part.credits.clone()));
        let slices_left = around.limits.slices_max.saturating_sub(spent_parts);
        let (drawn, shortfall) = owing.draw(hold, &excess, slices_left, around);
        self.holds[hold].pins = rest;
        let spent = [&consumed[..], &owed[..]].concat();
        let (parts, counted) = self.captured_parts(hold, &spent, &drawn, &excess, around)?;
        let mut taken = match parts.is_empty() {
            true => excess.is_positive().then(|| self.nothing_taken(hold, shortfall.clone())),
            false => Some(self.take_within_limits(
                parts,
                shortfall.clone(),
                Origin { reason: "HOLD_CAPTURE", moves: counted },
                around,
            )?),
        };
        let captured = total(spent.iter().chain(&drawn).map(|part| &part.credits));
        self.holds[hold].captured = &self.holds[hold].captured + &captured;
        let (mut returned, mut gone) = (Vec::new(), Vec::new());
        if ask.last || excess.is_positive() {
            (returned, gone) = self.let_go(hold, HoldStatus::Captured, around.now, &unpaid);
        } else if !unpaid.is_empty() {
            self.hold_lines("release", "HOLD_RELEASE", &unpaid);
            gone = self.lapse(&unpaid, around.now, true);
            returned = unpaid;
        }
        if let Some(taken) = taken.as_mut().filter(|taken| !taken.mixed) {
            // After everything, what is let go included (E5).
            let of = taken.parts.first().map_or(self.holds[hold].home, |part| part.wallet);
            taken.available = self.available_in_unit_of(of);
        }
        if shortfall.is_positive() {
            self.line(memo_wallet, "memo", "UNCOLLECTED", &shortfall, None);
        }
        let step = Step { consumed, returned, taken, gone, ..self.no_step(hold) };
        Ok(self.step_of(hold, HoldVerb::Captured, step))
    }

    /// What a capture takes beyond the pins, and what is not there.
    fn draw(&self, hold: usize, excess: &Q, slices_max: usize, around: Circumstances) -> (Vec<Part>, Q) {
        if !excess.is_positive() {
            return (Vec::new(), Q::zero());
        }
        let booking = &self.holds[hold];
        let mut payers = self.same_unit_as(hold, self.payers(&booking.charge, around));
        if booking.over == OverCapture::Draw {
            payers.retain(|payer| payer.tranche.is_some());
        }
        divide(excess, at_most(slices_max, &payers))
    }

    /// The parts of a capture, and what they count as: the hold's own, first in first, then the draw, refused by nothing.
    fn captured_parts(
        &mut self,
        hold: usize,
        consumed: &[Part],
        drawn: &[Part],
        excess: &Q,
        around: Circumstances,
    ) -> Result<(Vec<Part>, Vec<Move>), Vec<No>> {
        let spent = total(consumed.iter().map(|part| &part.credits));
        let mut counted = take_moves(&mut self.holds[hold].moves, &spent, false);
        let charge = self.holds[hold].charge.clone();
        if excess.is_positive() && !drawn.is_empty() {
            let drawn_credits = total(drawn.iter().map(|part| &part.credits));
            counted.extend(self.count(&charge, drawn, &drawn_credits, around, false)?);
        }
        Ok((consumed.iter().chain(drawn).cloned().collect(), counted))
    }

    /// A capture for which nothing was there.
    fn nothing_taken(&self, hold: usize, shortfall: Q) -> Taken {
        Taken {
            parts: Vec::new(),
            rows: Vec::new(),
            credits: Q::zero(),
            amount: Q::zero(),
            currency: self.wallets[self.holds[hold].home].currency,
            shortfall,
            before: Q::zero(),
            after: Q::zero(),
            available: Q::zero(),
            mixed: false,
        }
    }

    fn memo_wallet(&self, hold: usize) -> usize {
        let booking = &self.holds[hold];
        let named = booking.charge.wallet.and_then(|id| self.find(id).ok());
        named.unwrap_or(booking.home)
    }

    /// Gives back all that a hold pins, and ends it. `captured` of it was used, and there is no credit to pay for it.
    pub(crate) fn let_go(
        &mut self,
        hold: usize,
        status: HoldStatus,
        at: Timestamp,
        captured: &[Part],
    ) -> (Vec<Part>, Vec<Gone>) {
        let booking = &mut self.holds[hold];
        let pins = std::mem::take(&mut booking.pins);
        let moves = std::mem::take(&mut booking.moves);
        booking.status = status;
        booking.released = &booking.released + &total(pins.iter().map(|part| &part.credits));
        let returned = [captured, &pins[..]].concat();
        self.closed.push(hold);
        self.uncount(&moves);
        self.hold_lines("release", "HOLD_RELEASE", &returned);
        // At one instant deadlines come before ends: what ends at the deadline has not ended yet.
        let ended_by = if status == HoldStatus::Expired { Timestamp(at.0 - 1) } else { at };
        let gone = self.lapse(&returned, ended_by, true);
        (returned, gone)
    }

    /// What came back to a tranche that has ended is gone at once. So is what was pinned when it was voided; what was spent was not.
    pub(crate) fn lapse(&mut self, returned: &[Part], at: Timestamp, was_pinned: bool) -> Vec<Gone> {
        let mut all = Vec::new();
        for part in returned {
            let Some(tranche) = part.tranche else { continue };
            let block = &self.tranches[tranche];
            let voided = was_pinned && block.voided;
            if !voided && !block.has_ended(at) {
                continue;
            }
            let before = self.posted(part.wallet);
            self.tranches[tranche].left.push(part.credits.clone());
            self.tranches[tranche].unused.push(part.credits.clone());
            let row = self.write_row(part.wallet, before);
            let reason = if voided { "CREDIT_VOIDED" } else { "CREDIT_EXPIRED" };
            self.line(part.wallet, "debit", reason, &part.credits, Some(row.clone()));
            all.push(Gone { tranche, credits: part.credits.clone(), voided, row });
        }
        all
    }

    /// Ends a hold without being asked.
    pub(crate) fn end_hold(&mut self, hold: usize, status: HoldStatus, at: Timestamp) -> HoldEnded {
        let (returned, gone) = self.let_go(hold, status, at, &[]);
        HoldEnded { at, hold: self.hold_seen(hold), returned, gone }
    }

    /// The first pins of a hold whose deadline has passed; the rest follows.
    pub(crate) fn end_hold_in_part(&mut self, hold: usize, pins: usize, at: Timestamp) -> HoldEnded {
        let booking = &mut self.holds[hold];
        let returned: Vec<Part> = booking.pins.drain(..pins).collect();
        booking.released = &booking.released + &total(returned.iter().map(|part| &part.credits));
        self.hold_lines("release", "HOLD_RELEASE", &returned);
        let gone = self.lapse(&returned, Timestamp(at.0 - 1), true);
        HoldEnded { at, hold: self.hold_seen(hold), returned, gone }
    }

    /// One line per wallet, in the order of its first part.
    fn hold_lines(&mut self, kind: &'static str, reason: &'static str, parts: &[Part]) {
        for wallet in wallets_of(parts) {
            let own = parts.iter().filter(|part| part.wallet == wallet);
            self.line(wallet, kind, reason, &total(own.map(|part| &part.credits)), None);
        }
    }

    /// The open hold of that id, or how it ended.
    fn open_hold(&self, id: HoldId) -> Result<usize, Vec<No>> {
        self.known()?;
        match self.holds.iter().position(|hold| hold.id == Some(id)) {
            Some(hold) if self.holds[hold].is_open() => Ok(hold),
            Some(hold) if self.holds[hold].status == HoldStatus::Expired => Err(vec![No::HoldExpired]),
            Some(_) => Err(vec![No::HoldClosed]),
            None => Err(vec![if self.was_mine(id.0) { No::HoldClosed } else { No::NotFound }]),
        }
    }

    /// An id that this customer has made, of whatever it may be.
    fn was_mine(&self, id: ThingId) -> bool {
        let wallets = self.wallets.iter().filter_map(|purse| purse.id.map(|id| id.0));
        let tranches = self.tranches.iter().filter_map(|block| block.id.map(|id| id.0));
        wallets.chain(tranches).any(|mine| mine == id)
    }

    /// Only who counts in the unit that the hold pins.
    fn same_unit_as(&self, hold: usize, mut payers: Vec<Payer>) -> Vec<Payer> {
        let home = &self.wallets[self.holds[hold].home];
        payers.retain(|payer| self.wallets[payer.wallet].same_unit(home));
        payers
    }

    /// The pins with more, in the order in which they are consumed: tranches as they pay now, overdraft last.
    fn merged(&self, hold: usize, more: &[Part]) -> Vec<Part> {
        let mut pins = self.holds[hold].pins.clone();
        for part in more {
            let same = |pin: &&mut Part| (pin.wallet, pin.tranche) == (part.wallet, part.tranche);
            match pins.iter_mut().find(same) {
                Some(pin) => pin.credits = &pin.credits + &part.credits,
                None => pins.push(part.clone()),
            }
        }
        pins.sort_by(|a, b| self.paid_before(a, b));
        pins
    }

    fn pin_faults(&self, pins: &[Part], slices: usize, around: Circumstances) -> Vec<No> {
        let max = around.limits.slices_max;
        let mut faults = self.worth_faults(pins);
        faults.extend(those([(slices > max, No::Limit("slices_max", max as u64))]));
        faults
    }

    /// Whether parts are worth more than 12 integer digits of money.
    pub(crate) fn worth_faults(&self, pins: &[Part]) -> Vec<No> {
        let worth = |wallet: usize| {
            let own = pins.iter().filter(|pin| pin.wallet == wallet);
            &total(own.map(|pin| &pin.credits)) * &self.wallets[wallet].rate
        };
        let worths: Vec<Q> = wallets_of(pins).into_iter().map(worth).collect();
        let too_much = worths.iter().any(leaves_12_digits) || leaves_12_digits(&total(&worths));
        those([(too_much, No::AmountOverflow)])
    }

    pub(crate) fn hold_seen(&self, hold: usize) -> HoldSeen {
        let booking = &self.holds[hold];
        HoldSeen {
            hold,
            status: booking.status,
            placed_at: booking.placed_at,
            expires_at: booking.expires_at,
            credits: booking.credits.clone(),
            captured: booking.captured.clone(),
            released: booking.released.clone(),
            pins: booking.pins.clone(),
        }
    }

    fn no_step(&self, hold: usize) -> Step {
        Step {
            verb: HoldVerb::Extended,
            hold: self.hold_seen(hold),
            pinned: Vec::new(),
            consumed: Vec::new(),
            returned: Vec::new(),
            taken: None,
            gone: Vec::new(),
        }
    }

    fn step_of(&self, hold: usize, verb: HoldVerb, step: Step) -> Done {
        Done::Held(Box::new(Step { verb, hold: self.hold_seen(hold), ..step }))
    }

    /// What open holds pin of a tranche.
    pub(crate) fn pinned(&self, tranche: usize) -> Q {
        total(self.pins().filter(|pin| pin.tranche == Some(tranche)).map(|pin| &pin.credits))
    }

    /// What open holds pin of a wallet, overdraft included.
    pub(crate) fn held(&self, wallet: usize) -> Q {
        total(self.pins().filter(|pin| pin.wallet == wallet).map(|pin| &pin.credits))
    }

    /// What open holds pin of a wallet's overdraft.
    pub(crate) fn held_overdraft(&self, wallet: usize) -> Q {
        let overdraft = self.pins().filter(|pin| pin.wallet == wallet && pin.tranche.is_none());
        total(overdraft.map(|pin| &pin.credits))
    }

    fn pins(&self) -> impl Iterator<Item = &Part> {
        self.holds.iter().filter(|hold| hold.is_open()).flat_map(|hold| &hold.pins)
    }
}

/// What can be wrong with a placing whoever it is for.
pub(crate) fn place_faults(ask: &PlaceHold) -> Vec<No> {
    let mut faults = those([(!(1..=EXPIRES_IN_MAX_S).contains(&ask.expires_in_s), No::Invalid)]);
    match &ask.asked {
        HoldAsked::Exactly(credits) => faults.extend(range_faults(Quantity::Credits(*credits))),
        HoldAsked::Range { min, max } => {
            faults.extend(range_faults(Quantity::Credits(*min)));
            faults.extend(range_faults(Quantity::Credits(*max)));
            faults.extend(those([(min > max, No::Invalid)]));
        }
        HoldAsked::Metered(_) => {}
    }
    faults
}

/// What can be wrong with an extension whichever hold it is for.
pub(crate) fn extend_faults(seconds: u32) -> Vec<No> {
    those([(!(1..=EXPIRES_IN_MAX_S).contains(&seconds), No::Invalid)])
}

/// The wallets of parts, each once, in order of their first.
pub(crate) fn wallets_of(parts: &[Part]) -> Vec<usize> {
    let mut wallets = Vec::new();
    for part in parts {
        if !wallets.contains(&part.wallet) {
            wallets.push(part.wallet);
        }
    }
    wallets
}

/// The first so many credits of parts, and the rest.
fn split(parts: &[Part], credits: &Q) -> (Vec<Part>, Vec<Part>) {
    let (mut first, mut rest, mut left) = (Vec::new(), Vec::new(), credits.clone());
    for part in parts {
        let here = part.credits.clone().min(left.clone());
        left = &left - &here;
        let there = &part.credits - &here;
        if here.is_positive() {
            first.push(Part { credits: here, ..part.clone() });
        }
        if there.is_positive() {
            rest.push(Part { credits: there, ..part.clone() });
        }
    }
    (first, rest)
}

/// What was counted, unless a limit stands in the way; which of several faults is told does not matter.
fn counted(moves: Result<Vec<Move>, Vec<No>>, limits: Vec<No>) -> Result<Vec<Move>, Vec<No>> {
    match moves {
        Ok(moves) if limits.is_empty() => Ok(moves),
        Ok(_) => Err(limits),
        Err(faults) => Err([faults, limits].concat()),
    }
}

fn later(than: Timestamp, seconds: u32) -> Timestamp {
    Timestamp(than.0 + u64::from(seconds) * 1_000_000_000)
}
