//! Any step of a hold, refund, void, invoice or transfer.

use coffer_ledger::command::{OverCapture, RefundReason};
use coffer_ledger::fact::{
    Arrived, ArrivedRow, Back, BackRow, BackTo, Effect, GivenBack, HoldEnd, HoldStep, HoldVerb, Lapsed,
    Refunded, Settled, SettledLine, SettledPart, TransferSent, Voided,
};
use coffer_ledger::hold::{Hold, HoldStatus};
use coffer_ledger::transfer::TransferOut;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::facts::{debited, priced};
use super::leaves::{
    budget_moves, charge, credits, currency, customer_number, debit_row, hold_id, money, moved, position,
    posting, row_id, slice, terms, text, time, tranche_id, transfer_id, wallet_id,
};

pub(super) fn over_capture() -> impl Strategy<Value = OverCapture> {
    select(vec![OverCapture::Reject, OverCapture::Draw, OverCapture::Overdraft])
}

pub(super) fn hold() -> BoxedStrategy<Hold> {
    let status =
        select(vec![HoldStatus::Open, HoldStatus::Captured, HoldStatus::Released, HoldStatus::Expired]);
    let figures = (credits(), credits(), credits());
    let pins = vec(slice(), 0..3);
    (
        hold_id(),
        wallet_id(),
        status,
        charge(),
        (of(priced()), over_capture()),
        (time(), time()),
        figures,
        pins,
        budget_moves(),
    )
        .prop_map(|(id, wallet, status, charge, (priced, over_capture), times, figures, pins, budget)| Hold {
            id,
            status,
            wallet,
            charge,
            priced,
            over_capture,
            placed_at: times.0,
            expires_at: times.1,
            credits: figures.0,
            captured: figures.1,
            released: figures.2,
            pins: pins.into(),
            budget,
        })
        .boxed()
}

fn lapsed() -> BoxedStrategy<Vec<Lapsed>> {
    let one = (tranche_id(), credits(), terms(), any::<bool>(), posting()).prop_map(
        |(tranche, credits, terms, voided, posting)| Lapsed { tranche, credits, terms, voided, posting },
    );
    vec(one, 0..3).boxed()
}

pub(super) fn hold_end() -> BoxedStrategy<HoldEnd> {
    (time(), hold(), vec(slice(), 0..3), lapsed(), budget_moves())
        .prop_map(|(at, hold, returned, lapsed, freed)| HoldEnd {
            at,
            hold,
            returned: returned.into(),
            lapsed,
            freed,
        })
        .boxed()
}

pub(super) fn held() -> BoxedStrategy<Effect> {
    let verb = select(vec![
        HoldVerb::Placed,
        HoldVerb::Grown,
        HoldVerb::Extended,
        HoldVerb::Captured,
        HoldVerb::Released,
    ]);
    let slices = (vec(slice(), 0..3), vec(slice(), 0..3), vec(slice(), 0..3));
    (verb, hold(), slices, of(debited()), lapsed(), budget_moves(), budget_moves())
        .prop_map(|(verb, hold, slices, taken, lapsed, used, freed)| {
            Effect::Held(Box::new(HoldStep {
                verb,
                hold,
                pinned: slices.0.into(),
                consumed: slices.1.into(),
                returned: slices.2.into(),
                taken,
                lapsed,
                used,
                freed,
            }))
        })
        .boxed()
}

fn given_back() -> BoxedStrategy<GivenBack> {
    let reason = select(vec![RefundReason::Refund, RefundReason::Reversal, RefundReason::TransferReturned]);
    let new = (tranche_id(), terms()).prop_map(|(tranche, terms)| BackTo::New { tranche, terms });
    let to = prop_oneof![Just(BackTo::Tranche), Just(BackTo::Debt), new];
    let back = (slice(), to).prop_map(|(slice, to)| Back { slice, to });
    let row = (any::<u32>(), credits(), money(), posting())
        .prop_map(|(of_row, credits, amount, posting)| BackRow { of_row, credits, amount, posting });
    (reason, position(), vec(row, 0..3), vec(back, 0..4), lapsed(), budget_moves())
        .prop_map(|(reason, debit, rows, slices, lapsed, freed)| GivenBack {
            reason,
            debit,
            rows,
            slices,
            lapsed,
            freed,
        })
        .boxed()
}

/// Refunds and voids.
pub(super) fn given_back_effects() -> BoxedStrategy<Effect> {
    let refunded = (row_id(), given_back(), credits(), credits(), credits(), any::<bool>()).prop_map(
        |(of, back, credits, expired, left, mixed_units)| {
            Effect::Refunded(Box::new(Refunded { of, back, credits, expired, left, mixed_units }))
        },
    );
    let figures = (credits(), credits(), credits());
    let voided = (row_id(), wallet_id(), tranche_id(), terms(), figures, of(posting())).prop_map(
        |(of, wallet, tranche, terms, figures, posting)| Voided {
            of,
            wallet,
            tranche,
            terms,
            credits: figures.0,
            held: figures.1,
            spent: figures.2,
            posting,
        },
    );
    prop_oneof![refunded, vec(voided, 0..3).prop_map(Effect::CreditVoided)].boxed()
}

/// Settlements, and those put back.
pub(super) fn invoices() -> BoxedStrategy<Effect> {
    let part = (debit_row(), vec(slice(), 0..3))
        .prop_map(|(row, slices)| SettledPart { row, slices: slices.into() });
    let line = (text(), money(), money(), money(), vec(part, 0..3)).prop_map(
        |(id, amount, paid, shortfall, parts)| SettledLine {
            id,
            amount,
            paid,
            shortfall,
            parts: parts.into(),
        },
    );
    let settled = (text(), currency(), money(), money(), vec(line, 0..3)).prop_map(
        |(invoice, currency, paid, shortfall, lines)| {
            Effect::InvoiceSettled(Box::new(Settled { invoice, currency, paid, shortfall, lines }))
        },
    );
    let voided = (text(), given_back())
        .prop_map(|(invoice, back)| Effect::InvoiceVoided { invoice, back: Box::new(back) });
    prop_oneof![settled, voided].boxed()
}

pub(super) fn transfer_out() -> BoxedStrategy<TransferOut> {
    let what = (any::<u32>(), vec(debit_row(), 0..3), vec(slice(), 0..3), vec(moved(), 0..3));
    (transfer_id(), customer_number(), wallet_id(), credits(), what, time(), position())
        .prop_map(|(id, to, to_wallet, credits, what, sent_at, position)| TransferOut {
            id,
            to,
            to_wallet,
            credits,
            first_row: what.0,
            rows: what.1.into(),
            slices: what.2.into(),
            moved: what.3,
            sent_at,
            position,
        })
        .boxed()
}

fn arrived() -> BoxedStrategy<Arrived> {
    let row = (tranche_id(), terms(), money(), credits(), posting()).prop_map(
        |(tranche, terms, amount, repaid, posting)| ArrivedRow { tranche, terms, amount, repaid, posting },
    );
    (wallet_id(), vec(row, 0..3), lapsed())
        .prop_map(|(wallet, rows, lapsed)| Arrived { wallet, rows, lapsed })
        .boxed()
}

/// Every step of a transfer.
pub(super) fn transfers() -> BoxedStrategy<Effect> {
    let sent = (transfer_out(), debited(), of(arrived())).prop_map(|(out, taken, arrived)| {
        Effect::TransferSent(Box::new(TransferSent { out, taken, arrived }))
    });
    let received = (transfer_id(), customer_number(), arrived()).prop_map(|(transfer, from, arrived)| {
        Effect::TransferReceived { transfer, from, arrived: Box::new(arrived) }
    });
    let returned = (transfer_id(), given_back())
        .prop_map(|(transfer, back)| Effect::TransferReturned { transfer, back: Box::new(back) });
    prop_oneof![
        sent,
        received,
        transfer_id().prop_map(Effect::TransferDone),
        returned,
        transfer_id().prop_map(Effect::TransferForgotten),
    ]
    .boxed()
}
