//! What wallets remember themselves, on a server without a history.

use std::collections::HashMap;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{AlertId, LogPosition};

use super::{Found, Seen, Wanted, or_nobody};
use crate::engine::Target;
use crate::http::call::Call;
use crate::http::error::ApiError;
use crate::http::page::Page;
use crate::http::wallets::reply::public_id;

/// A page of the last changes of each wallet.
pub(super) async fn find(call: &Call, wanted: Wanted, page: Page<AlertId>) -> Result<Found, ApiError> {
    let (all, position) = all(call, wanted).await?;
    let mut by_id: HashMap<_, _> = all.into_iter().map(|seen| (seen.change.id, seen)).collect();
    let cut = page.cut(by_id.keys().copied().collect());
    let changes = cut.keys.iter().filter_map(|id| by_id.remove(id)).collect();
    Ok(Found { changes, pagination: cut.pagination(|id| id.to_string()), position })
}

/// Everything that matches, in no order. Of all customers it is as of no one position.
async fn all(call: &Call, mut wanted: Wanted) -> Result<(Vec<Seen>, LogPosition), ApiError> {
    let name = wanted.customer.take();
    let target = match (&name, wanted.wallet) {
        (Some(name), _) => Target::Customer(name),
        (None, Some(wallet)) => Target::Wallet(wallet),
        (None, None) => {
            let only = call.who.customer;
            let of = move |customer: &Customer, _| {
                only.is_none_or(|only| only == customer.number).then(|| of_customer(&wanted, customer))
            };
            let all = call.engine().scan(call.tenant(), of).await?;
            return Ok((all.into_iter().flatten().collect(), LogPosition(0)));
        }
    };
    let seen = or_nobody(call.read(target, move |customer, _| of_customer(&wanted, customer)).await)?;
    Ok(seen.map_or((Vec::new(), LogPosition(0)), |seen| (seen.value, seen.position)))
}

fn of_customer(wanted: &Wanted, customer: &Customer) -> Vec<Seen> {
    let wallets =
        customer.wallets.iter().filter(|wallet| wanted.wallet.is_none_or(|id| id == wallet.head.id));
    let changes = wallets.flat_map(|wallet| {
        let watch = wallet.watch.iter();
        watch.flat_map(|watch| &watch.changes).map(|change| (&wallet.head, change))
    });
    let admitted = changes.filter(|(_, change)| wanted.admits(change));
    admitted
        .map(|(head, change)| Seen {
            customer_id: public_id(customer),
            rules: head.rules.clone(),
            change: change.clone(),
        })
        .collect()
}
