//! The life of a wallet: made, changed, frozen, closed (SEMANTICS §15).

use super::customer::to_make;
use super::{Context, Ids, credit, limit_reached, open_wallet, rules};
use crate::amount::{Credits, Money};
use crate::apply;
use crate::command::{CreateWallet, Remainder, UpdateWallet};
use crate::customer::Customer;
use crate::fact::{Effect, Forfeit, HoldEnd, Posting};
use crate::hold::{Hold, HoldStatus};
use crate::ids::{TrancheId, WalletId};
use crate::letting_go::{self, Balances};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::transfer::TransferOut;
use crate::unit::{Currency, Unit};
use crate::wallet::{Wallet, WalletHead, WalletStatus, WalletType};

/// Makes a wallet, and the customer too if nobody named it before.
pub(super) fn create(
    customer: &Customer,
    request: &CreateWallet,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    check_request(request)?;
    let made = to_make(customer, &request.customer, context.now)?;
    let currency = currency_of(request, context)?;
    if request.initial_credits.is_positive() && !context.keyed {
        refuse_twin(customer, currency, request.wallet_type)?;
    }
    if customer.wallets.len() >= context.limits.wallets_max {
        return Err(limit_reached("wallets_max", context.limits.wallets_max));
    }
    let mut ids = Ids::of(customer, context.now);
    let mut head = new_head(request, currency, WalletId(ids.next()), context.now);
    let initial = if request.initial_credits.is_positive() {
        credit::check_room(customer, 1, context)?;
        let credit = credit::initial(request.initial_credits, request.initial_expires_at, &head, context)?;
        Some(Box::new(credit::enter(&mut head, TrancheId(ids.next()), credit, context.now)))
    } else {
        None
    };
    Ok(Effect::WalletCreated { customer: made, wallet: Box::new(head), initial })
}

/// What can be judged without state.
fn check_request(request: &CreateWallet) -> Result<(), Refusal> {
    if !request.conversion_rate.is_positive() || !request.topup_conversion_rate.is_positive() {
        return Err(Refusal::AmountInvalid("a conversion rate must be more than 0"));
    }
    if !request.conversion_rate.is_in_range() || !request.topup_conversion_rate.is_in_range() {
        return Err(Refusal::AmountOverflow("a conversion rate"));
    }
    check_overdraft_limit(request.overdraft_limit)?;
    request.rules.as_ref().map_or(Ok(()), |rules| rules::check(rules))?;
    if request.initial_credits.is_negative() {
        return Err(Refusal::AmountInvalid("initial_credits_to_load must be 0 or more"));
    }
    if request.initial_credits.is_in_range() {
        Ok(())
    } else {
        Err(Refusal::AmountOverflow("initial_credits_to_load"))
    }
}

/// What the wallet counts in: what the request says, else the tenant's default.
fn currency_of(request: &CreateWallet, context: &Context<'_>) -> Result<Currency, Refusal> {
    request.currency.or(context.settings.default_currency).ok_or(Refusal::Invalid {
        field: "currency",
        problem: "missing, and the tenant has no default_currency",
    })
}

fn check_overdraft_limit(limit: Credits) -> Result<(), Refusal> {
    if limit.is_negative() {
        return Err(Refusal::AmountInvalid("overdraft_limit must be 0 or more"));
    }
    if limit.is_in_range() { Ok(()) } else { Err(Refusal::AmountOverflow("overdraft_limit")) }
}

/// The SDKs can send no key when they make a wallet: a retry must not mint its initial credit twice (API §3).
fn refuse_twin(customer: &Customer, currency: Currency, wallet_type: WalletType) -> Result<(), Refusal> {
    let is_twin = |head: &WalletHead| {
        (head.status, head.unit.currency, head.wallet_type) == (WalletStatus::Active, currency, wallet_type)
    };
    if customer.wallets.iter().any(|wallet| is_twin(&wallet.head)) {
        return Err(Refusal::AlreadyExists("an active wallet of this currency and type"));
    }
    Ok(())
}

fn new_head(request: &CreateWallet, currency: Currency, id: WalletId, now: Timestamp) -> WalletHead {
    WalletHead {
        id,
        unit: Unit {
            currency,
            price_unit: request.price_unit.clone(),
            conversion_rate: request.conversion_rate,
        },
        topup_conversion_rate: request.topup_conversion_rate,
        wallet_type: request.wallet_type,
        name: request.name.clone().unwrap_or_else(|| default_name(request.wallet_type, currency)),
        description: request.description.clone(),
        metadata: request.metadata.clone(),
        status: WalletStatus::Active,
        priority: request.priority,
        allowed_price_types: request.allowed_price_types,
        overdraft_limit: request.overdraft_limit,
        created_at: now,
        updated_at: now,
        sequence: 0,
        posted: Credits::ZERO,
        held: Credits::ZERO,
        debt: Credits::ZERO,
        rules: request.rules.clone(),
    }
}

/// What a wallet is called that nobody named.
pub(crate) fn default_name(wallet_type: WalletType, currency: Currency) -> Box<str> {
    let kind = match wallet_type {
        WalletType::PrePaid => "Prepaid",
        WalletType::PostPaid => "Postpaid",
    };
    let currency = currency.as_str().to_ascii_uppercase();
    format!("{kind} Wallet - {currency}").into()
}

/// Changes what the request names. Lowering the overdraft limit touches no debt.
pub(super) fn update(customer: &Customer, request: &UpdateWallet, now: Timestamp) -> Result<Effect, Refusal> {
    request.overdraft_limit.map_or(Ok(()), check_overdraft_limit)?;
    request.alerts.as_ref().map_or(Ok(()), |alerts| rules::check_alerts(alerts))?;
    let head = open_wallet(customer, request.wallet)?.head.clone();
    let changed =
        rules::changed(head.rules.as_deref(), request.alerts.as_deref(), request.auto_topup.as_deref())?;
    let updated = WalletHead {
        name: request.name.clone().unwrap_or(head.name),
        description: request.description.clone().or(head.description),
        metadata: request.metadata.clone().unwrap_or(head.metadata),
        priority: request.priority.unwrap_or(head.priority),
        allowed_price_types: request.allowed_price_types.unwrap_or(head.allowed_price_types),
        overdraft_limit: request.overdraft_limit.unwrap_or(head.overdraft_limit),
        updated_at: now,
        rules: changed,
        ..head
    };
    Ok(Effect::WalletSet(Box::new(updated)))
}

/// Nothing leaves any more until unfrozen.
pub(super) fn freeze(customer: &Customer, id: WalletId, now: Timestamp) -> Result<Effect, Refusal> {
    let head = &open_wallet(customer, id)?.head;
    match head.status {
        WalletStatus::Active => Ok(set_status(head, WalletStatus::Frozen, now)),
        WalletStatus::Frozen => Err(Refusal::InvalidOperation("the wallet is frozen already")),
        WalletStatus::Closed => Err(Refusal::WalletClosed(id)),
    }
}

/// Active again.
pub(super) fn unfreeze(customer: &Customer, id: WalletId, now: Timestamp) -> Result<Effect, Refusal> {
    let head = &open_wallet(customer, id)?.head;
    match head.status {
        WalletStatus::Frozen => Ok(set_status(head, WalletStatus::Active, now)),
        WalletStatus::Active => Err(Refusal::InvalidOperation("the wallet is not frozen")),
        WalletStatus::Closed => Err(Refusal::WalletClosed(id)),
    }
}

fn set_status(head: &WalletHead, status: WalletStatus, now: Timestamp) -> Effect {
    Effect::WalletSet(Box::new(WalletHead { status, updated_at: now, ..head.clone() }))
}

/// Ends a wallet: open holds are released if that is forced, what is left is forfeited or marked for paying out, what never started is
/// cancelled, debt is written off.
pub(super) fn close(
    customer: &Customer,
    id: WalletId,
    remainder: Remainder,
    force: bool,
    context: &Context<'_>,
) -> Result<Effect, Refusal> {
    open_wallet(customer, id)?;
    let is_of_wallet = |out: &TransferOut| out.rows.iter().any(|row| row.posting.wallet == id);
    if customer.transfers_out.values().any(is_of_wallet) {
        return Err(Refusal::InvalidOperation("a transfer of the wallet is on its way"));
    }
    let released = release_holds(customer, id, force, context)?;
    let ahead = apply::without_holds(customer, &released);
    let wallet = open_wallet(&ahead, id)?;
    let forfeits: Vec<Forfeit> = wallet
        .tranches
        .iter()
        .filter(|tranche| !tranche.scheduled)
        .map(|tranche| forfeit(&ahead, tranche, remainder))
        .collect();
    let refund = unspent_money(&ahead, wallet, remainder)
        .to_minor_half_up(wallet.head.unit.currency)
        .ok_or(Refusal::AmountOverflow("the refund"))?;
    let given_up: Credits = forfeits.iter().map(|forfeit| forfeit.credits).sum();
    let posting = given_up.is_positive().then(|| Posting {
        wallet: id,
        sequence: wallet.head.sequence + 1,
        before: wallet.head.posted,
        after: wallet.head.posted - given_up,
    });
    let scheduled = wallet.tranches.iter().filter(|tranche| tranche.scheduled);
    Ok(Effect::WalletClosed {
        forfeits,
        posting,
        cancelled: scheduled.map(|tranche| tranche.id).collect(),
        written_off: wallet.head.debt,
        refund,
        wallet: Box::new(closed_head(&wallet.head, posting.is_some(), context.now)),
        released,
    })
}

/// Releases the wallet's open holds, each whole, also what they pin of other wallets.
fn release_holds(
    customer: &Customer,
    id: WalletId,
    force: bool,
    context: &Context<'_>,
) -> Result<Vec<HoldEnd>, Refusal> {
    let holds: Vec<&Hold> = customer.holds.iter().filter(|hold| hold.is_of_wallet(id)).collect();
    if !force && !holds.is_empty() {
        return Err(Refusal::InvalidOperation("the wallet has open holds"));
    }
    let slices: usize = holds.iter().map(|hold| hold.pins.len()).sum();
    let max = context.limits.slices_max;
    if slices.max(holds.len()) > max {
        return Err(limit_reached("slices_max", max));
    }
    let mut balances = Balances::default();
    let release = |hold| letting_go::end(customer, hold, HoldStatus::Released, context.now, &mut balances);
    Ok(holds.into_iter().map(release).collect())
}

fn forfeit(customer: &Customer, tranche: &Tranche, remainder: Remainder) -> Forfeit {
    Forfeit {
        tranche: tranche.id,
        credits: tranche.remaining,
        terms: tranche.terms.clone(),
        refundable: refundable(customer, tranche, remainder),
    }
}

/// Free credit is never paid out: its share of the money paid for it is nothing. Nor is credit whose payment failed, which only old records
/// have left live.
fn refundable(customer: &Customer, tranche: &Tranche, remainder: Remainder) -> Money {
    match remainder {
        Remainder::Forfeit => Money::ZERO,
        Remainder::Refund if customer.recharges.has_failed(tranche.id) => Money::ZERO,
        Remainder::Refund => tranche.terms.unspent_share(tranche.remaining),
    }
}

/// Scheduled credit was bought too.
fn unspent_money(customer: &Customer, wallet: &Wallet, remainder: Remainder) -> Money {
    wallet.tranches.iter().map(|tranche| refundable(customer, tranche, remainder)).sum()
}

fn closed_head(head: &WalletHead, has_row: bool, now: Timestamp) -> WalletHead {
    WalletHead {
        status: WalletStatus::Closed,
        updated_at: now,
        sequence: head.sequence + u64::from(has_row),
        posted: Credits::ZERO,
        held: Credits::ZERO,
        debt: Credits::ZERO,
        ..head.clone()
    }
}
