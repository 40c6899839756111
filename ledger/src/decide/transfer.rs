//! Transfers: both halves (SEMANTICS §15, DESIGN decision 13).
//!
//! Each slice that leaves becomes a tranche at the receiver, with the terms of its origin and its share of the money that was paid: a
//! transfer launders nothing. Scopes are ignored on the way out, and nothing is overdrawn, as in a debit by hand. Between customers the
//! halves are records of two actors: sent, received, done, forgotten; or sent, refused, back. Between wallets of one customer it is one
//! record.
//!
//! Deliberately absent: who delivers what to whom, and again after a crash (the engine). Every half names the transfer, and whoever has it
//! already says so. Tested in `decide/tests/transfer.rs`.

use super::giving_back::{self, give_back};
use super::taking::Taking;
use super::{Context, Ids, active_wallet, check_quantity, credit, existing, limit_reached, open_wallet};
use crate::amount::{Credits, Money};
use crate::burn_order::{Purpose, WalletIndices};
use crate::command::{Quantity, RefundReason, Transfer, TransferIn};
use crate::customer::Customer;
use crate::fact::{Arrived, ArrivedRow, Debited, Effect, Giver, Lapsed, Moved, Posting, Slice, TransferSent};
use crate::ids::{CustomerNumber, LogPosition, TrancheId, TransferId, WalletId};
use crate::looked_up::{LookedUp, Receiver};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::tranche::Terms;
use crate::transfer::TransferOut;
use crate::unit::Unit;
use crate::wallet::{Wallet, WalletHead, WalletStatus};

/// Takes what is sent. Between wallets of one customer it arrives in the same record.
pub(super) fn send(
    customer: &Customer,
    request: &Transfer,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    let quantity = Quantity::Credits(request.credits);
    check_quantity(quantity, "a transfer must be more than 0")?;
    existing(customer)?;
    let (to, target, givers) = parties(customer, request, context)?;
    let mut taking = Taking::new(customer, quantity);
    for giver in givers {
        let own = customer.wallets[giver].head.own();
        taking.take_tranches(giver, Purpose::ByHand, own, context.now);
    }
    let taken = taking.finish(quantity, false, context)?;

    let mut ids = Ids::of(customer, context.now);
    let id = TransferId(ids.next());
    let moved: Vec<Moved> = taken.slices.iter().map(|slice| moved(customer, slice)).collect();
    let arrived = if to == customer.number {
        let wallet = open_wallet(customer, target)?;
        // What gives all that it has leaves, and makes room for what comes of it.
        let leaving = taken.slices.iter().filter(|slice| empties(customer, slice)).count();
        credit::check_room(customer, moved.len() - leaving, context)?;
        Some(arrive(wallet, &moved, &mut ids, context)?)
    } else if customer.transfers_out.len() >= context.limits.transfers_open_max {
        return Err(limit_reached("transfers_open_max", context.limits.transfers_open_max));
    } else {
        None
    };
    let out = out(id, (to, target), &taken, moved, context.now);
    Ok(Effect::TransferSent(Box::new(TransferSent { out, taken, arrived })))
}

/// Whether nothing is left of the tranche after the slice.
fn empties(customer: &Customer, slice: &Slice) -> bool {
    let Giver::Tranche { id, terms } = &slice.giver else { return false };
    let wallet = customer.wallet(slice.wallet);
    let left = wallet.and_then(|wallet| wallet.find(*id, terms).map(|at| wallet.tranches[at].remaining));
    left == Some(slice.credits)
}

fn out(
    id: TransferId,
    (to, to_wallet): (CustomerNumber, WalletId),
    taken: &Debited,
    moved: Vec<Moved>,
    now: Timestamp,
) -> TransferOut {
    TransferOut {
        id,
        to,
        to_wallet,
        credits: taken.credits,
        rows: taken.rows.clone(),
        slices: taken.slices.clone(),
        moved,
        sent_at: now,
        position: LogPosition(0),
        first_row: 0,
    }
}

/// A wallet that may receive, as far as the sender can know.
type Target = (WalletId, Unit, WalletStatus);

/// Who receives, which of its wallets, and which of the sender's give, in order.
fn parties(
    customer: &Customer,
    request: &Transfer,
    context: &Context<'_>,
) -> Result<(CustomerNumber, WalletId, WalletIndices), Refusal> {
    let giver = request.from_wallet.map(|id| active_wallet(customer, id)).transpose()?;
    let receiver = receiver(context)?;
    let targets = targets(customer, receiver);
    let named = request.to_wallet.map(|id| named_target(&targets, id)).transpose()?;
    let unit = match (giver, named) {
        (Some(giver), _) => &giver.head.unit,
        (None, Some((_, unit, _))) => unit,
        (None, None) => only_unit(customer, request.credits)?,
    };
    let target = named.map_or_else(|| oldest_active(&targets, unit), Ok)?;
    let has_unit = customer.wallets.iter().any(|wallet| wallet.head.unit == *unit);
    if target.1 != *unit || !has_unit {
        return Err(Refusal::UnitMismatch);
    }
    if giver.is_some_and(|giver| giver.head.id == target.0) {
        return Err(Refusal::Invalid { field: "to_wallet_id", problem: "is the wallet that gives" });
    }
    Ok((receiver.customer, target.0, givers(customer, giver, unit, target.0)))
}

fn receiver<'a>(context: &Context<'a>) -> Result<&'a Receiver, Refusal> {
    match context.looked_up {
        Some(LookedUp::Receiver(receiver)) => Ok(receiver),
        Some(LookedUp::Debit(_) | LookedUp::Credits(_) | LookedUp::Each(_)) | None => {
            Err(Refusal::NotFound("receiver"))
        }
    }
}

/// The receiver's wallets, oldest first: of the same customer as they are, of another as the shell saw them.
fn targets(customer: &Customer, receiver: &Receiver) -> Vec<Target> {
    if receiver.customer == customer.number {
        let heads = customer.wallets.iter().map(|wallet| &wallet.head);
        return heads.map(|head| (head.id, head.unit.clone(), head.status)).collect();
    }
    receiver.wallets.clone()
}

/// A frozen wallet can receive, a closed one cannot.
fn named_target(targets: &[Target], id: WalletId) -> Result<&Target, Refusal> {
    let target = targets.iter().find(|target| target.0 == id).ok_or(Refusal::WalletNotFound(id))?;
    match target.2 {
        WalletStatus::Active | WalletStatus::Frozen => Ok(target),
        WalletStatus::Closed => Err(Refusal::WalletClosed(id)),
    }
}

/// The wallet that receives if none is named. Where none of the unit is active, one that is frozen or closed says why.
fn oldest_active<'a>(targets: &'a [Target], unit: &Unit) -> Result<&'a Target, Refusal> {
    let of_unit = |status| targets.iter().find(|target| target.1 == *unit && target.2 == status);
    if let Some(active) = of_unit(WalletStatus::Active) {
        return Ok(active);
    }
    let frozen = of_unit(WalletStatus::Frozen).map(|target| Refusal::WalletFrozen(target.0));
    let closed = || of_unit(WalletStatus::Closed).map(|target| Refusal::WalletClosed(target.0));
    Err(frozen.or_else(closed).unwrap_or(Refusal::UnitMismatch))
}

/// The unit that all the sender's active wallets share.
fn only_unit(customer: &Customer, asked: Credits) -> Result<&Unit, Refusal> {
    let mut units = active(customer).map(|(_, wallet)| &wallet.head.unit);
    let nothing =
        Refusal::InsufficientCredits { required: asked, available: Credits::ZERO, shortfall: asked };
    let unit = units.next().ok_or(nothing)?;
    if units.all(|other| other == unit) { Ok(unit) } else { Err(Refusal::UnitRequired) }
}

fn active(customer: &Customer) -> impl Iterator<Item = (usize, &Wallet)> {
    let wallets = customer.wallets.iter().enumerate();
    wallets.filter(|(_, wallet)| wallet.head.status == WalletStatus::Active)
}

/// The named wallet, or the active ones of the unit but the receiving one: by priority, then the oldest first. There is no charge
/// whose price type could order them.
fn givers(customer: &Customer, named: Option<&Wallet>, unit: &Unit, target: WalletId) -> WalletIndices {
    let gives = |wallet: &Wallet| match named {
        Some(named) => wallet.head.id == named.head.id,
        None => wallet.head.unit == *unit && wallet.head.id != target,
    };
    let mut givers: WalletIndices =
        active(customer).filter(|(_, wallet)| gives(wallet)).map(|(index, _)| index).collect();
    givers.sort_by_key(|index| customer.wallets[*index].head.priority);
    givers
}

/// What the receiver gets for a slice: the same terms, with the share of the paid money that the slice makes a difference of, so that
/// the shares of what goes and what stays add up to all of it.
fn moved(customer: &Customer, slice: &Slice) -> Moved {
    let Giver::Tranche { id, terms } = &slice.giver else {
        unreachable!("a transfer takes no overdraft");
    };
    let wallet = customer.wallet(slice.wallet).expect("a slice is of a wallet of the customer's");
    let remaining = wallet.find(*id, terms).map(|at| wallet.tranches[at].remaining);
    let remaining = remaining.expect("what gives a slice is live");
    let paid = terms.unspent_share(remaining) - terms.unspent_share(remaining - slice.credits);
    Moved { credits: slice.credits, terms: Terms { original: slice.credits, paid, ..terms.clone() } }
}

/// Takes in what was sent, once.
pub(super) fn receive(
    customer: &Customer,
    request: &TransferIn,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    if customer.transfers_in.contains_key(&request.transfer) {
        return Err(Refusal::AlreadyExists("transfer"));
    }
    let wallet = open_wallet(customer, request.to_wallet)?;
    let mut ids = Ids::of(customer, context.now);
    credit::check_room(customer, request.moved.len(), context)?;
    let arrived = arrive(wallet, &request.moved, &mut ids, context)?;
    let (transfer, from) = (request.transfer, request.from);
    Ok(Effect::TransferReceived { transfer, from, arrived: Box::new(arrived) })
}

/// Makes a tranche of each slice. It repays debt first, as a top-up does; what has ended on the way is gone in the same record.
fn arrive(
    wallet: &Wallet,
    moved: &[Moved],
    ids: &mut Ids,
    context: &Context<'_>,
) -> Result<Arrived, Refusal> {
    credit::check_total(wallet, moved.iter().map(|moved| moved.credits).sum())?;
    let mut head = wallet.head.clone();
    let mut rows = Vec::with_capacity(moved.len());
    for moved in moved {
        rows.push(enter(&mut head, TrancheId(ids.next()), moved, context.now)?);
    }
    let ended = rows.iter().filter(|row| has_ended(&row.terms, context.now));
    let lapsed = ended.map(|row| lapse(&mut head, row)).collect();
    Ok(Arrived { wallet: head.id, rows, lapsed })
}

fn has_ended(terms: &Terms, now: Timestamp) -> bool {
    terms.expires_at.is_some_and(|end| end <= now)
}

fn enter(
    head: &mut WalletHead,
    tranche: TrancheId,
    Moved { credits, terms }: &Moved,
    now: Timestamp,
) -> Result<ArrivedRow, Refusal> {
    let amount = Money::of_credits_half_even(*credits, head.topup_conversion_rate)
        .ok_or(Refusal::AmountOverflow("amount"))?;
    let repays = terms.scope.price_types.usage && !has_ended(terms, now);
    let repaid = if repays { head.debt.min(*credits) } else { Credits::ZERO };
    head.debt -= repaid;
    Ok(ArrivedRow { tranche, terms: terms.clone(), amount, repaid, posting: post(head, *credits) })
}

fn lapse(head: &mut WalletHead, row: &ArrivedRow) -> Lapsed {
    let credits = row.terms.original;
    Lapsed {
        tranche: row.tranche,
        credits,
        terms: row.terms.clone(),
        voided: false,
        posting: post(head, -credits),
    }
}

fn post(head: &mut WalletHead, change: Credits) -> Posting {
    let before = head.posted;
    head.posted += change;
    head.sequence += 1;
    Posting { wallet: head.id, sequence: head.sequence, before, after: head.posted }
}

/// The receiver has it.
pub(super) fn done(customer: &Customer, id: TransferId) -> Result<Effect, Refusal> {
    open(customer, id).map(|out| Effect::TransferDone(out.id))
}

/// The receiver cannot take it: every slice goes back to where it came from.
pub(super) fn back(customer: &Customer, id: TransferId, context: &Context<'_>) -> Result<Effect, Refusal> {
    let out = open(customer, id)?;
    let rows: Vec<_> = (out.first_row..).zip(out.rows.iter().copied()).collect();
    let row_of = |slice: &Slice| {
        let row = rows.iter().find(|(_, row)| row.posting.wallet == slice.wallet);
        row.expect("every slice is of a wallet that has a row").0
    };
    let slices: Vec<_> = out.slices.iter().map(|slice| (row_of(slice), slice.clone())).collect();
    let asked = giving_back::Asked {
        reason: RefundReason::TransferReturned,
        debit: out.position,
        rows: &rows,
        slices: &slices,
        credits: None,
        regrant_days: None,
    };
    let back = give_back(customer, &asked, &mut Ids::of(customer, context.now), context)?;
    Ok(Effect::TransferReturned { transfer: out.id, back: Box::new(back) })
}

/// The sender knows.
pub(super) fn forget(customer: &Customer, id: TransferId) -> Result<Effect, Refusal> {
    if customer.transfers_in.contains_key(&id) {
        Ok(Effect::TransferForgotten(id))
    } else {
        Err(Refusal::InvalidOperation("the transfer is not remembered"))
    }
}

fn open(customer: &Customer, id: TransferId) -> Result<&TransferOut, Refusal> {
    customer.transfers_out.get(&id).ok_or(Refusal::InvalidOperation("the transfer is not on its way"))
}
