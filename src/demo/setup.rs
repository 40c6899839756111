//! Makes the customers, wallets and credit, and learns the ids that the server gave them.

use hyper::Method;
use tokio::task::JoinSet;

use super::api::{self, BalanceReply, TrancheReply, amount, nanoseconds};
use super::expect;
use super::plan::{CustomerPlan, TopUp};
use crate::cli::client::Client;
use crate::cli::exit::{CliError, Code};

/// A customer that is ready to be debited.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// What was planned for it.
    pub(crate) plan: CustomerPlan,
    /// Its name for the server.
    pub(crate) name: String,
    /// What it should have.
    pub(crate) expected: expect::Customer,
    /// Ids of its wallets, oldest first.
    pub(crate) wallet_ids: Vec<String>,
    /// Ids of its tranches, in the order of `expected.tranches`.
    pub(crate) tranche_ids: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Made {
    id: String,
}

const CONNECTIONS: usize = 16;

/// Makes all of them, over several connections.
pub(crate) async fn accounts(
    url: &str,
    key: &str,
    plans: Vec<CustomerPlan>,
) -> Result<Vec<Account>, CliError> {
    let share = plans.len().div_ceil(CONNECTIONS).max(1);
    let mut workers = JoinSet::new();
    for plans in plans.chunks(share).map(<[_]>::to_vec) {
        let mut client = connect(url, key)?;
        workers.spawn(async move {
            let mut accounts = Vec::with_capacity(plans.len());
            for plan in &plans {
                accounts.push(account(&mut client, plan).await?);
            }
            Ok::<_, CliError>(accounts)
        });
    }
    let mut accounts = Vec::new();
    for made in workers.join_all().await {
        accounts.extend(made?);
    }
    accounts.sort_by(|left: &Account, right| left.name.cmp(&right.name));
    Ok(accounts)
}

/// A client of the demo's server.
pub(crate) fn connect(url: &str, key: &str) -> Result<Client, CliError> {
    Client::new(url, key).map_err(|error| CliError::new(Code::Internal, error.to_string()))
}

/// What a customer has now.
pub(crate) async fn balance(client: &mut Client, name: &str) -> Result<BalanceReply, CliError> {
    api::ask(client, Method::GET, &format!("/v1/customers/{name}/balance"), None, String::new()).await
}

async fn account(client: &mut Client, plan: &CustomerPlan) -> Result<Account, CliError> {
    let name = &plan.name;
    let mut wallet_ids = Vec::new();
    for (wallet, top_ups) in plan.wallets.iter().enumerate() {
        let body =
            serde_json::json!({ "customer_id": name, "currency": "usd", "conversion_rate": 1 }).to_string();
        let idempotency_key = format!("setup/{name}/{wallet}");
        let made: Made = api::ask(client, Method::POST, "/v1/wallets", Some(&idempotency_key), body).await?;
        for (index, top_up) in top_ups.iter().enumerate() {
            give(client, &made.id, top_up, &format!("setup/{name}/{wallet}/{index}")).await?;
        }
        wallet_ids.push(made.id);
    }
    bound(client, plan.clone(), wallet_ids).await
}

async fn give(client: &mut Client, wallet_id: &str, top_up: &TopUp, key: &str) -> Result<(), CliError> {
    let path = format!("/v1/wallets/{wallet_id}/top-up");
    let _: serde_json::Value =
        api::ask(client, Method::POST, &path, Some(key), api::top_up_body(top_up)).await?;
    Ok(())
}

/// Looks at what the customer has now, and learns the ids of its tranches.
async fn bound(
    client: &mut Client,
    plan: CustomerPlan,
    wallet_ids: Vec<String>,
) -> Result<Account, CliError> {
    let name = plan.name.clone();
    let expected = expect::Customer::new(&plan);
    let shown = balance(client, &name).await?;
    let tranche_ids = bind(&expected, &wallet_ids, shown)
        .map_err(|problem| CliError::new(Code::Failed, format!("{name} after setting up: {problem}")))?;
    Ok(Account { plan, name, expected, wallet_ids, tranche_ids })
}

/// Gives a customer more credit in its first wallet.
pub(crate) async fn add(client: &mut Client, account: Account, top_up: TopUp) -> Result<Account, CliError> {
    let Account { mut plan, wallet_ids, .. } = account;
    give(client, &wallet_ids[0], &top_up, &format!("setup/{}/more", plan.name)).await?;
    plan.wallets[0].push(top_up);
    bound(client, plan, wallet_ids).await
}

/// Finds the id of every expected tranche among those shown; each is shown once, and no other.
fn bind(
    expected: &expect::Customer,
    wallet_ids: &[String],
    shown: BalanceReply,
) -> Result<Vec<String>, String> {
    let mut left: Vec<(String, TrancheReply)> = Vec::new();
    for wallet in shown.wallets {
        left.extend(wallet.tranches.into_iter().map(|tranche| (wallet.id.clone(), tranche)));
    }
    let mut ids = Vec::new();
    for tranche in &expected.tranches {
        let mut found = None;
        for (place, (wallet_id, shown)) in left.iter().enumerate() {
            if *wallet_id == wallet_ids[tranche.wallet] && is_same(tranche, shown)? {
                found = Some(place);
                break;
            }
        }
        let place = found.ok_or_else(|| format!("no tranche like {tranche:?}"))?;
        ids.push(left.remove(place).1.tranche_id);
    }
    match left.first() {
        None => Ok(ids),
        Some((_, tranche)) => Err(format!("an unexpected tranche: {tranche:?}")),
    }
}

fn is_same(expected: &expect::Tranche, shown: &TrancheReply) -> Result<bool, String> {
    let expires_ns = shown.expires_at.as_deref().map(nanoseconds).transpose()?;
    Ok(amount(&shown.original)? == expected.original
        && amount(&shown.remaining)? == expected.remaining
        && shown.source == expected.source
        && shown.priority == expected.priority
        && expires_ns == expected.expires_ns)
}
