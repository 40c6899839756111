//! The terms of a tranche that a record made or emptied: its rows name tranches, and their facts know the rest.

use coffer_ledger::fact::{
    Arrived, BackTo, CreditRow, Due, Effect, Facts, GivenBack, HoldEnd, Landed, Lapsed, Voided,
};
use coffer_ledger::ids::TrancheId;
use coffer_ledger::recharge::Recharge;
use coffer_ledger::tranche::Terms;

/// Terms of a tranche that a row of these facts names.
pub(crate) fn of(facts: &Facts, tranche: TrancheId) -> Option<&Terms> {
    let set_off = facts.set_off.iter().flat_map(|set_off| set_off.begun());
    in_dues(&facts.due, tranche)
        .or_else(|| in_effect(&facts.effect, tranche))
        .or_else(|| set_off.into_iter().find_map(|recharge| in_recharge(recharge, tranche)))
}

fn in_dues(due: &[Due], tranche: TrancheId) -> Option<&Terms> {
    due.iter().find_map(|due| in_due(due, tranche))
}

fn in_due(due: &Due, tranche: TrancheId) -> Option<&Terms> {
    match due {
        Due::Expired { tranche: ended, terms, .. } => (*ended == tranche).then_some(terms),
        Due::HoldExpired(end) => in_end(end, tranche),
        // The row that was scheduled has them.
        Due::Started { .. } | Due::RechargeExpired(_) => None,
        Due::RolledOver(rolled) if rolled.from == tranche => Some(&rolled.from_terms),
        Due::RolledOver(rolled) => (rolled.tranche == tranche).then_some(&rolled.terms),
        Due::Granted(granted) => match &granted.landed {
            Landed::Minted { row, .. } => (row.tranche == tranche).then_some(&row.terms),
            Landed::Skipped(_) => None,
        },
    }
}

fn in_effect(effect: &Effect, tranche: TrancheId) -> Option<&Terms> {
    match effect {
        Effect::ToppedUp { rows, .. } => in_credits(rows.iter().map(|row| &**row), tranche),
        Effect::WalletCreated { initial, .. } => in_credits(initial.iter().map(|row| &**row), tranche),
        Effect::WalletClosed { released, .. } => released.iter().find_map(|end| in_end(end, tranche)),
        Effect::Held(step) => in_lapsed(&step.lapsed, tranche),
        Effect::Refunded(refunded) => in_back(&refunded.back, tranche),
        Effect::InvoiceVoided { back, .. } | Effect::TransferReturned { back, .. } => in_back(back, tranche),
        Effect::CreditVoided(voids) => in_voids(voids, tranche),
        Effect::Unsubscribed(left) => in_voids(&left.voided, tranche),
        Effect::GrantRemoved(removed) => in_voids(&removed.voided, tranche),
        Effect::Subscribed(subscribed) => in_dues(&subscribed.minted, tranche),
        Effect::GrantSet(set) => in_dues(&set.minted, tranche),
        Effect::TransferSent(sent) => sent.arrived.as_ref().and_then(|arrived| in_arrived(arrived, tranche)),
        Effect::TransferReceived { arrived, .. } => in_arrived(arrived, tranche),
        Effect::Recharged { recharge, .. } => in_recharge(recharge, tranche),
        // As it came in: what was paid after its end has another one than it was bought with.
        Effect::RechargeEnded(end) => in_credits(end.rows.iter().map(|row| &**row), tranche)
            .or_else(|| in_recharge(&end.recharge, tranche)),
        Effect::Atomic(effects) => effects.iter().find_map(|effect| in_effect(effect, tranche)),
        Effect::Ticked
        | Effect::CustomerSet(_)
        | Effect::WalletSet(_)
        | Effect::Debited(_)
        | Effect::ManuallyDebited { .. }
        | Effect::InvoiceSettled(_)
        | Effect::TransferDone(_)
        | Effect::TransferForgotten(_)
        | Effect::BudgetSet(_)
        | Effect::BudgetDeleted(_)
        | Effect::PlansFollowed(_)
        | Effect::AutoTopupResumed(_)
        | Effect::EventRecorded { .. } => None,
    }
}

fn in_recharge(recharge: &Recharge, tranche: TrancheId) -> Option<&Terms> {
    in_credits(recharge.rows.iter().map(|row| &**row), tranche)
}

fn in_credits<'a>(mut rows: impl Iterator<Item = &'a CreditRow>, tranche: TrancheId) -> Option<&'a Terms> {
    rows.find(|row| row.tranche == tranche).map(|row| &row.terms)
}

fn in_voids(voids: &[Voided], tranche: TrancheId) -> Option<&Terms> {
    voids.iter().find(|void| void.tranche == tranche).map(|void| &void.terms)
}

fn in_end(end: &HoldEnd, tranche: TrancheId) -> Option<&Terms> {
    in_lapsed(&end.lapsed, tranche)
}

fn in_lapsed(lapsed: &[Lapsed], tranche: TrancheId) -> Option<&Terms> {
    lapsed.iter().find(|lapsed| lapsed.tranche == tranche).map(|lapsed| &lapsed.terms)
}

fn in_back(back: &GivenBack, tranche: TrancheId) -> Option<&Terms> {
    let made = back.slices.iter().find_map(|part| match &part.to {
        BackTo::New { tranche: made, terms } => (*made == tranche).then_some(terms),
        BackTo::Tranche | BackTo::Debt => None,
    });
    made.or_else(|| in_lapsed(&back.lapsed, tranche))
}

fn in_arrived(arrived: &Arrived, tranche: TrancheId) -> Option<&Terms> {
    let came = arrived.rows.iter().find(|row| row.tranche == tranche).map(|row| &row.terms);
    came.or_else(|| in_lapsed(&arrived.lapsed, tranche))
}
