//! Several commands of one customer, all of them or none (API §2 `atomic`).

use super::{Context, effect, limit_reached};
use crate::apply;
use crate::command::Command;
use crate::customer::Customer;
use crate::fact::Effect;
use crate::looked_up::LookedUp;
use crate::refusal::Refusal;

/// Decides each on what those before it did.
pub(super) fn all(customer: &Customer, items: &[Command], context: &Context<'_>) -> Result<Effect, Refusal> {
    if items.is_empty() {
        return Err(Refusal::Invalid { field: "operations", problem: "must have at least one" });
    }
    let max = context.limits.atomic_items_max;
    if items.len() > max {
        return Err(limit_reached("atomic_items_max", max));
    }
    let mut ahead = customer.clone();
    let mut effects = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let context = Context { looked_up: looked_up(context, index), ..*context };
        let decided = one(&ahead, item, &context);
        let effect = decided.map_err(|refusal| Refusal::Item { index, refusal: Box::new(refusal) })?;
        // What it mints gets its place in the log later; nothing in this batch asks for it.
        apply::apply_effect(&mut ahead, &effect, 0, context.now);
        effects.push(effect);
    }
    Ok(Effect::Atomic(effects))
}

/// What the shell found for one item.
fn looked_up<'a>(context: &Context<'a>, index: usize) -> Option<&'a LookedUp> {
    match context.looked_up {
        Some(LookedUp::Each(each)) => each.get(index).and_then(Option::as_ref),
        Some(LookedUp::Debit(_) | LookedUp::Credits(_) | LookedUp::Receiver(_)) | None => None,
    }
}

fn one(customer: &Customer, item: &Command, context: &Context<'_>) -> Result<Effect, Refusal> {
    match item {
        Command::Debit(_)
        | Command::PlaceHold(_)
        | Command::Capture(_)
        | Command::Release { .. }
        | Command::Refund(_) => effect(customer, item, context),
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::ChangeCustomer(_)
        | Command::DeleteCustomer
        | Command::CreateWallet(_)
        | Command::UpdateWallet(_)
        | Command::TopUp(_)
        | Command::ManualDebit(_)
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Extend { .. }
        | Command::Grow { .. }
        | Command::VoidCredit(_)
        | Command::Settle(_)
        | Command::VoidInvoice { .. }
        | Command::Transfer(_)
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::SetBudget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Event(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Atomic(_)
        | Command::Tick => Err(Refusal::InvalidOperation(
            "an atomic batch takes debits, holds, captures, releases and refunds",
        )),
    }
}
