//! Random commands about holds.

use coffer_ledger::amount::Credits;
use coffer_ledger::command::{Capture, Command, HoldAsked, Memo, OverCapture, PlaceHold};
use coffer_ledger::hold::Hold;
use coffer_ledger::ids::HoldId;

use super::{AMOUNTS, Dice, charge, fitting, usage};
use crate::harness::World;

pub(crate) fn command(world: &World, dice: &mut Dice) -> Command {
    let roll = if world.customer.holds.is_empty() && !dice.once_in(6) { 0 } else { dice.below(14) };
    match roll {
        0..=5 => Command::PlaceHold(place(world, dice)),
        6..=9 => Command::Capture(capture(world, dice)),
        10 => Command::Release { hold: hold(world, dice), memo: Memo::default() },
        11 => Command::Extend { hold: hold(world, dice), expires_in_s: seconds(dice) },
        _ => Command::Grow { hold: hold(world, dice), credits: fitting(world, dice) },
    }
}

fn place(world: &World, dice: &mut Dice) -> PlaceHold {
    let credits = fitting(world, dice);
    let asked = match dice.below(8) {
        5 | 6 => HoldAsked::Range { min: dice.credits(&AMOUNTS[1..6]), max: credits },
        7 => HoldAsked::Metered(Box::new(usage::metered(dice))),
        _ => HoldAsked::Exactly(credits),
    };
    PlaceHold {
        asked,
        expires_in_s: seconds(dice),
        over_capture: dice.of(&[OverCapture::Draw, OverCapture::Overdraft, OverCapture::Reject]),
        charge: charge(world, dice, false),
        memo: Memo::default(),
    }
}

fn seconds(dice: &mut Dice) -> u32 {
    match dice.below(32) {
        30 => 0,
        31 => 604_801,
        roll @ 16..=29 => 3_600 * u32::from(roll),
        roll => u32::from(roll % 4) + 1,
    }
}

/// A part of a hold, all of it, a hair more, or something else.
fn capture(world: &World, dice: &mut Dice) -> Capture {
    let id = hold(world, dice);
    let held = world.customer.holds.get(id).map_or(0, |hold| hold.held().0);
    let credits = match dice.below(8) {
        0 | 1 if held > 0 => Credits(held),
        2 if held > 1 => Credits(held / 2),
        3 if held > 0 => Credits(held + 1),
        4 if held > 0 => Credits(held + AMOUNTS[1]),
        5 if held > 1 => Credits(held - 1),
        _ => dice.credits(&AMOUNTS),
    };
    Capture { hold: id, credits, last: !dice.once_in(3), memo: Memo::default() }
}

/// Mostly an open hold; now and then a closed one, or an id of another thing, or of nothing.
fn hold(world: &World, dice: &mut Dice) -> HoldId {
    let open: Vec<HoldId> = world.customer.holds.iter().map(|hold: &Hold| hold.id).collect();
    let choice = if open.is_empty() || dice.once_in(12) { &world.holds } else { &open };
    let roll = usize::from(dice.below(64));
    match (roll, choice.len()) {
        (63, _) | (_, 0) => HoldId(world.wallet(99).0),
        (62, _) => HoldId(world.wallet(0).0),
        (_, holds) => choice[roll % holds],
    }
}
