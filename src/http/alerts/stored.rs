//! Every change that there ever was, from the history; names and rules come from the engine, as of now.

use std::collections::{BTreeSet, HashMap};

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{AlertId, CustomerNumber, LogPosition, WalletId};
use coffer_ledger::watch::WalletRules;

use super::{Found, Seen, Wanted, or_nobody};
use crate::engine::Target;
use crate::feed::history::{AlertLine, AlertsAsked, Listed};
use crate::http::call::{Call, failed};
use crate::http::error::ApiError;
use crate::http::history::reading;
use crate::http::page::{Page, Pagination};
use crate::http::wallets::reply::public_id;

/// A page of all changes.
pub(super) async fn find(call: &Call, wanted: Wanted, page: Page<AlertId>) -> Result<Found, ApiError> {
    let whose = if wanted.is_nothing { None } else { whose(call, &wanted).await? };
    let Some((customer, last)) = whose else {
        let pagination = Pagination::of(0, page.limit(), page.offset(), None);
        return Ok(Found { changes: Vec::new(), pagination, position: LogPosition(0) });
    };
    let asked = AlertsAsked {
        tenant: call.tenant(),
        customer,
        wallet: wanted.wallet,
        kind: wanted.kind,
        to: wanted.status,
        from: wanted.from,
        until: wanted.until,
        page: page.into(),
    };
    let history = reading::fresh(call, last.0).await?;
    let look = history.look(move |look| Ok((look.alerts(&asked)?, look.position()?))).await;
    let (Listed { items, total, more }, position) = look.map_err(reading::unavailable)?;
    reading::check(call, position)?;
    let next = items.last().filter(|_| more).map(|line| line.change.id.to_string());
    let pagination = Pagination::of(total, page.limit(), page.offset(), next);
    Ok(Found { changes: seen(call, items).await?, pagination, position: LogPosition(position) })
}

/// The customer that is asked for, `None` = all of the tenant, and what the history must have seen; nothing where there is no such customer.
async fn whose(
    call: &Call,
    wanted: &Wanted,
) -> Result<Option<(Option<CustomerNumber>, LogPosition)>, ApiError> {
    let target = match (&wanted.customer, wanted.wallet, call.who.customer) {
        (Some(name), _, _) => Target::Customer(name),
        (None, Some(wallet), _) => Target::Wallet(wallet),
        (None, None, Some(only)) => Target::Number(only),
        (None, None, None) => return Ok(Some((None, call.engine().stats().durable))),
    };
    let seen = or_nobody(call.read(target, |customer, _| customer.number).await)?;
    Ok(seen.map(|seen| (Some(seen.value), seen.position)))
}

/// What the engine knows of a customer as of now.
struct Known {
    id: Box<str>,
    rules: HashMap<WalletId, Box<WalletRules>>,
}

impl Known {
    fn of(customer: &Customer) -> Self {
        let rules =
            customer.wallets.iter().filter_map(|wallet| Some((wallet.head.id, wallet.head.rules.clone()?)));
        Self { id: public_id(customer), rules: rules.collect() }
    }
}

async fn seen(call: &Call, lines: Vec<AlertLine>) -> Result<Vec<Seen>, ApiError> {
    let mut known = HashMap::new();
    for customer in lines.iter().map(|line| line.customer).collect::<BTreeSet<_>>() {
        let target = Target::Number(customer);
        let read = call.engine().read(call.tenant(), target, |customer, _| Known::of(customer)).await;
        known.insert(customer, read.map_err(|failure| failed(target, failure))?.value);
    }
    let of_line = |AlertLine { customer, change, .. }| {
        let Known { id, rules } = &known[&customer];
        Seen { customer_id: id.clone(), rules: rules.get(&change.wallet).cloned(), change }
    };
    Ok(lines.into_iter().map(of_line).collect())
}
