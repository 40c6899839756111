//! Credit that was granted: its periods, what goes on and what expires are rows as any, and a wallet that a grant had to make is as good as
//! any other (docs/EXPORTS.md, "Grants").

use std::time::Duration;

use coffer::engine::{Committed, Engine, Operation, Target, TenantOperation};
use coffer_ledger::amount::{Credits, Rate};
use coffer_ledger::calendar::{Span, SpanUnit};
use coffer_ledger::catalog::grant::{PlanGrantAsked, PlanKind};
use coffer_ledger::catalog::tenant::TenantCommand;
use coffer_ledger::command::{Asked, Command, CreateGrant, Debit, GrantFor, Origin, Subscribe};
use coffer_ledger::customer::{Customer, Profile};
use coffer_ledger::grant::{Cadence, Life, Rollover, Rule};
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::Currency;
use serde_json::Value;

use crate::support::{TENANT, World};

const HOUR_NS: u64 = 3_600_000_000_000;
const SOON_NS: u64 = 200_000_000;
/// Longer than this is never.
const PATIENCE: Duration = Duration::from_secs(60);

/// 30 an hour in dollars, half of what is left goes on and never ends.
fn hourly(start: Option<Timestamp>) -> Rule {
    let share = Rate::parse_json("0.5").unwrap();
    Rule {
        currency: Some(Currency::parse("usd").unwrap()),
        start,
        life: Life::Period,
        rollover: Some(Rollover { share, cap: None, life: Life::Never }),
        conversion_rate: Some(Rate::parse_json("0.5").unwrap()),
        ..Rule::new(Credits::whole(30), Cadence::Recurring(Span { unit: SpanUnit::Hour, count: 1 }))
    }
}

async fn submit(engine: &Engine, name: &str, command: Command) -> Committed {
    engine.submit(TENANT, Target::NewCustomer(name), Operation::new(command)).await.unwrap()
}

async fn plan(engine: &Engine, name: &str) {
    let asked = PlanGrantAsked {
        kind: PlanKind::Plan,
        plan: name.into(),
        name: "Starter".into(),
        metadata: Vec::new(),
        rule: hourly(None),
    };
    let create = TenantOperation::new(TenantCommand::CreatePlanGrant(asked), Origin::default());
    engine.submit_tenant(TENANT, create).await.unwrap();
}

async fn enrol(engine: &Engine, name: &str) {
    let enter = Subscribe { customer: name.into(), id: None, plan: name.into(), start: None, zone: None };
    submit(engine, name, Command::Subscribe(Box::new(enter))).await;
}

/// A grant of the customer's own.
async fn grant(engine: &Engine, name: &str, start: Timestamp) {
    let create = Command::CreateCustomer { external_id: name.into(), profile: Profile::default() };
    submit(engine, name, create).await;
    let rule = hourly(Some(start));
    let (of, metadata) = (GrantFor::Customer, Vec::new());
    let request = CreateGrant { metadata, ..CreateGrant::new(of, "hourly", rule) };
    submit(engine, name, Command::CreateGrant(Box::new(request))).await;
}

/// Three customers without a wallet, whom grants make one: in the record of the grant, of the enrolment, and by itself when it begins.
async fn granted(engine: &Engine) {
    // Two periods are over, and a third goes on.
    grant(engine, "own", Timestamp(engine.now().0 - 2 * HOUR_NS - HOUR_NS / 2)).await;
    plan(engine, "early").await;
    enrol(engine, "early").await;
    grant(engine, "late", Timestamp(engine.now().0 + SOON_NS)).await;
    let began = async {
        while !engine.read(TENANT, Target::Customer("late"), has_wallet).await.unwrap().value {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, began).await.expect("it begins by itself");
    for name in NAMES {
        submit(engine, name, Command::Debit(Debit::new(Asked::Credits(Credits::whole(4))))).await;
    }
}

fn has_wallet(customer: &Customer, _: Timestamp) -> bool {
    !customer.wallets.is_empty()
}

const NAMES: [&str; 3] = ["own", "early", "late"];

fn of<'a>(lines: &'a [Value], key: &str, name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line[key] == name).collect()
}

#[test]
fn granted_credit_is_rows_as_any_also_in_wallets_that_grants_made() {
    let world = World::empty();
    world.runtime.block_on(granted(&world.engine));
    world.look();
    let lines = world.lines("transactions");
    for name in NAMES {
        let rows = of(&lines, "external_customer_id", name);
        let told = |line: &&Value| {
            let reason = line["transaction_reason"].as_str().unwrap();
            format!("{reason} {} {}", line["type"].as_str().unwrap(), line["credit_amount"].as_str().unwrap())
        };
        let told: Vec<_> = rows.iter().map(told).collect();
        let period = "SUBSCRIPTION_CREDIT_GRANT credit 30";
        let goes_on = ["ROLLOVER debit 15", "ROLLOVER credit 15", "CREDIT_EXPIRED debit 15"];
        let expected = match name {
            "own" => {
                [&[period], &goes_on[..], &[period], &goes_on, &[period, "USAGE_DEBIT debit 4"]].concat()
            }
            _ => vec![period, "USAGE_DEBIT debit 4"],
        };
        assert_eq!(told, expected, "{name}");
        let credits = |line: &&Value| Credits::parse_json(line["credit_amount"].as_str().unwrap()).unwrap();
        let counted = || rows.iter().filter(|line| !line["sequence"].is_null());
        let sum = |kind: &str| counted().filter(|line| line["type"] == kind).map(credits).sum::<Credits>();
        let posted =
            world.engine.read(TENANT, Target::Customer(name), |customer, _| customer.wallets[0].head.posted);
        assert_eq!(sum("credit") - sum("debit"), world.runtime.block_on(posted).unwrap().value, "{name}");
        let grants: Vec<_> = rows.iter().filter_map(|line| line["grant_id"].as_str()).collect();
        assert!(!grants.is_empty() && grants.iter().all(|grant| *grant == grants[0]), "{grants:?}");
        for pair in rows.windows(2).filter(|pair| pair[1]["type"] == "credit" && pair[0]["type"] == "debit") {
            if pair[1]["transaction_reason"] == "ROLLOVER" {
                assert_eq!(pair[1]["parent_transaction_id"], pair[0]["id"]);
                assert!(pair[1]["tranche_id"] != pair[0]["tranche_id"], "{pair:#?}");
                assert!(pair[1]["effective_at"].as_str() < pair[1]["recorded_at"].as_str(), "{pair:#?}");
            }
        }
        for line in rows.iter().filter(|line| line["transaction_reason"] != "CREDIT_EXPIRED") {
            let is_use = line["transaction_reason"] == "USAGE_DEBIT";
            assert_eq!(line["grant_id"].is_null(), is_use, "{line}");
        }
    }
    let slices = world.lines("slices");
    assert_eq!(
        slices.len(),
        3,
        "a slice of each debit, and none of what came and went by itself: {slices:#?}"
    );

    // Free credit: its use costs nothing, at the list it is worth something, and nothing was bought.
    let focus = world.lines("focus");
    for name in NAMES {
        let rows = of(&focus, "SubAccountName", name);
        let [line] = rows[..] else { panic!("{rows:#?}") };
        let shown = ["ChargeCategory", "PricingQuantity", "ListCost", "EffectiveCost"].map(|key| &line[key]);
        assert_eq!(shown, ["Usage", "4", "2", "0"], "{name}");
    }
    // And in the journal only the expense of its use.
    let journal = world.lines("journal");
    let shown: Vec<_> =
        journal.iter().map(|line| (line["account"].as_u64(), line["debit"].as_str())).collect();
    assert_eq!(shown, [(Some(5_000), Some("2")), (Some(4_200), Some("0"))].repeat(NAMES.len()));
}
