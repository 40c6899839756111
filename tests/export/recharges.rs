//! Purchases that were paid, pend, failed or were trusted and are not paid: their rows, slices, FOCUS rows and entries (docs/EXPORTS.md,
//! "Recharges", docs/BOOKS.md). That the entries of random programs with recharges add up to the books: tests/history/agree.rs.

use std::collections::BTreeMap;

use coffer::engine::{Committed, Operation, Target, TenantOperation};
use coffer_ledger::alert::{AlertSettings, Condition};
use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::auto_topup::AutoTopup;
use coffer_ledger::catalog::tenant::{Settings, TenantCommand};
use coffer_ledger::command::{
    Asked, Bonus, Command, CreateWallet, CreditReason, Debit, Origin, Quantity, TopUp,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{RechargeId, WalletId};
use coffer_ledger::recharge::RechargeReason;
use coffer_ledger::unit::Currency;
use coffer_ledger::watch::WalletRules;
use serde_json::Value;

use crate::support::{TENANT, World};

/// A customer with one wallet that holds 50 and buys 100 for $25 at 20 or fewer.
struct Buyer<'a> {
    world: &'a World,
    name: &'static str,
    wallet: WalletId,
}

impl<'a> Buyer<'a> {
    fn new(world: &'a World, name: &'static str, invoicing: bool) -> Self {
        let auto_topup = AutoTopup {
            enabled: true,
            threshold: Credits::whole(20),
            amount: Credits::whole(100),
            invoicing,
            target_balance: None,
            cooldown_s: 0,
            count_max: 24,
            amount_max: None,
            failures_max: 3,
        };
        let alerts = AlertSettings {
            enabled: true,
            condition: Condition::Below,
            percent: false,
            info: None,
            warning: Some(Credits::whole(15)),
            critical: None,
            runway_below_s: None,
        };
        let rules = WalletRules { alerts: Some(alerts), auto_topup: Some(auto_topup) };
        let request = CreateWallet {
            conversion_rate: Rate::parse_json("0.5").unwrap(),
            topup_conversion_rate: Rate::parse_json("0.25").unwrap(),
            initial_credits: Credits::whole(50),
            rules: Some(Box::new(rules)),
            ..CreateWallet::new(name, Currency::parse("usd").unwrap())
        };
        let made = submit(world, name, Command::CreateWallet(request));
        let Effect::WalletCreated { wallet, .. } = &made.record.facts.effect else { panic!("{made:?}") };
        Self { world, name, wallet: wallet.id }
    }

    fn ask(&self, command: Command) -> Committed {
        submit(self.world, self.name, command)
    }

    /// The recharge that a debit began, if it did.
    fn debit(&self, credits: i64) -> Option<RechargeId> {
        let made = self.ask(Command::Debit(Debit::new(Asked::Credits(Credits::whole(credits)))));
        made.record.facts.set_off.and_then(|set_off| set_off.begun().map(|recharge| recharge.id).next())
    }

    fn fail(&self, id: RechargeId) {
        self.ask(Command::FailRecharge { id, reason: RechargeReason::CardDeclined });
    }

    fn posted(&self) -> Credits {
        let seen = self
            .world
            .engine
            .read(TENANT, Target::Customer(self.name), |customer, _| customer.wallets[0].head.posted);
        self.world.runtime.block_on(seen).unwrap().value
    }
}

fn submit(world: &World, name: &str, command: Command) -> Committed {
    let asked = world.engine.submit(TENANT, Target::NewCustomer(name), Operation::new(command));
    world.runtime.block_on(asked).unwrap()
}

/// Every way that a purchase goes, each of a customer of its own.
fn bought(world: &World) -> Vec<Buyer<'_>> {
    let settings = Settings { payment_result: true, ..Settings::default() };
    let set = TenantOperation::new(TenantCommand::SetSettings(settings), Origin::default());
    world.runtime.block_on(world.engine.submit_tenant(TENANT, set)).unwrap();

    let paid = Buyer::new(world, "paid", true);
    let recharge = paid.debit(40).unwrap();
    assert_eq!(paid.debit(5), None, "one is in flight");
    paid.ask(Command::CompleteRecharge(recharge));
    paid.debit(30);

    let pending = Buyer::new(world, "pending", true);
    pending.debit(40).unwrap();

    let failed = Buyer::new(world, "failed", true);
    failed.fail(failed.debit(40).unwrap());

    // In the record of the debit that would have been refused, and paid.
    let trusted = Buyer::new(world, "trusted", false);
    trusted.ask(Command::CompleteRecharge(trusted.debit(60).unwrap()));

    // 30 of it are spent when it turns out that it was not paid; then something of that is paid back, and bought anew.
    let taken_back = Buyer::new(world, "taken_back", false);
    let recharge = taken_back.debit(30).unwrap();
    taken_back.debit(50);
    taken_back.fail(recharge);
    assert_eq!(taken_back.posted(), Credits::whole(-30));
    taken_back.ask(Command::TopUp(TopUp::new(
        taken_back.wallet,
        Quantity::Credits(Credits::whole(80)),
        CreditReason::PurchasedCreditDirect,
    )));
    taken_back.debit(10);

    let asked_for = Buyer::new(world, "asked_for", true);
    let request = TopUp {
        bonus: Some(Bonus { credits: Credits::whole(7), expires_at: None }),
        ..TopUp::new(
            asked_for.wallet,
            Quantity::Credits(Credits::whole(40)),
            CreditReason::PurchasedCreditInvoiced,
        )
    };
    let made = asked_for.ask(Command::TopUp(request));
    let Effect::Recharged { recharge, .. } = &made.record.facts.effect else { panic!("{made:?}") };
    asked_for.ask(Command::CompleteRecharge(recharge.id));

    world.look();
    vec![paid, pending, failed, trusted, taken_back, asked_for]
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("{key} of {line}"))
}

fn credits(line: &Value, key: &str) -> Credits {
    Credits::parse_json(text(line, key)).unwrap()
}

fn money(line: &Value, key: &str) -> Money {
    Money::parse_json(text(line, key)).unwrap()
}

fn of<'a>(lines: &'a [Value], buyer: &Buyer<'_>) -> Vec<&'a Value> {
    let wallet = buyer.wallet.to_string();
    lines.iter().filter(|line| line["wallet_id"] == wallet || line["x_WalletId"] == wallet).collect()
}

/// What a line of `transactions` says in short: reason, status, credits, balance after or `-`.
fn told(line: &Value) -> String {
    let after = line["credit_balance_after"].as_str().unwrap_or("-");
    let (reason, status) = (text(line, "transaction_reason"), text(line, "transaction_status"));
    format!("{reason} {status} {} {after}", text(line, "credit_amount"))
}

const INITIAL: &str = "FREE_CREDIT_GRANT completed 50 50";

#[test]
fn every_purchase_is_in_the_rows_as_it_went_and_rows_with_a_sequence_add_up_to_the_balances() {
    let world = World::empty();
    let buyers = bought(&world);
    let (lines, slices) = (world.lines("transactions"), world.lines("slices"));
    let expected: [&[&str]; 6] = [
        &[
            INITIAL,
            "USAGE_DEBIT completed 40 10",
            "PURCHASED_CREDIT_INVOICED pending 100 -",
            "USAGE_DEBIT completed 5 5",
            "PURCHASED_CREDIT_INVOICED completed 100 105",
            "USAGE_DEBIT completed 30 75",
        ],
        &[INITIAL, "USAGE_DEBIT completed 40 10", "PURCHASED_CREDIT_INVOICED pending 100 -"],
        &[INITIAL, "USAGE_DEBIT completed 40 10", "PURCHASED_CREDIT_INVOICED pending 100 -"],
        &[INITIAL, "PURCHASED_CREDIT_DIRECT completed 100 150", "USAGE_DEBIT completed 60 90"],
        &[
            INITIAL,
            "USAGE_DEBIT completed 30 20",
            "PURCHASED_CREDIT_DIRECT completed 100 120",
            "USAGE_DEBIT completed 50 70",
            "CREDIT_VOIDED completed 100 -30",
            "PURCHASED_CREDIT_DIRECT completed 80 50",
            "USAGE_DEBIT completed 10 40",
        ],
        &[
            INITIAL,
            "PURCHASED_CREDIT_INVOICED pending 40 -",
            "PURCHASED_CREDIT_BONUS pending 7 -",
            "PURCHASED_CREDIT_INVOICED completed 40 90",
            "PURCHASED_CREDIT_BONUS completed 7 97",
        ],
    ];
    for (buyer, expected) in buyers.iter().zip(expected) {
        let rows = of(&lines, buyer);
        assert_eq!(rows.iter().map(|line| told(line)).collect::<Vec<_>>(), expected, "{}", buyer.name);
        let counted = rows.iter().filter(|line| !line["sequence"].is_null());
        let sum = counted.map(|line| match text(line, "type") {
            "credit" => credits(line, "credit_amount"),
            "debit" => -credits(line, "credit_amount"),
            other => panic!("a {other} in a balance"),
        });
        assert_eq!(sum.sum::<Credits>(), buyer.posted(), "{}", buyer.name);
        completes_what_pended(&rows);
        for debit in rows.iter().filter(|line| line["transaction_reason"] == "USAGE_DEBIT") {
            let parts = slices.iter().filter(|slice| slice["transaction_id"] == debit["id"]);
            let sum: Credits = parts.map(|slice| credits(slice, "credits")).sum();
            assert_eq!(sum, credits(debit, "credit_amount"), "{debit}");
        }
    }
    let debits = lines.iter().filter(|line| line["transaction_reason"] == "USAGE_DEBIT");
    let of_debits: u64 = debits.map(|line| line["slices"].as_u64().unwrap()).sum();
    assert_eq!(slices.len() as u64, of_debits, "a purchase takes nothing from a tranche");
}

/// What completes names one pending row, with the same tranche and credits, once; what does not was there at once.
fn completes_what_pended(rows: &[&Value]) {
    let mut pending: BTreeMap<&str, &Value> = rows
        .iter()
        .filter(|line| line["transaction_status"] == "pending")
        .map(|line| (text(line, "id"), *line))
        .collect();
    for line in rows {
        let Some(named) = line["completes_transaction_id"].as_str() else { continue };
        let begun = pending.remove(named).unwrap_or_else(|| panic!("{line} completes nothing"));
        for key in ["tranche_id", "credit_amount", "charged", "transaction_reason"] {
            assert_eq!(line[key], begun[key], "{key}");
        }
        assert!(begun["sequence"].is_null() && !line["sequence"].is_null(), "{begun}");
    }
}

#[test]
fn focus_has_a_purchase_once_when_its_credit_comes_in_and_usage_costs_what_was_paid() {
    let world = World::empty();
    let buyers = bought(&world);
    let lines = world.lines("focus");
    let told = |line: &&Value| {
        let cost = if line["ChargeCategory"] == "Purchase" { "BilledCost" } else { "EffectiveCost" };
        let quantity = line["PricingQuantity"].as_str().unwrap_or("-");
        format!("{} {quantity} {}", text(line, "ChargeCategory"), text(line, cost))
    };
    // Used first is what is free.
    let expected: [&[&str]; 6] = [
        &["Usage 40 0", "Usage 5 0", "Purchase 100 25", "Usage 30 6.25"],
        &["Usage 40 0"],
        &["Usage 40 0"],
        &["Purchase 100 25", "Usage 60 2.5"],
        // What was spent of credit that was not paid stays what it cost, and what repays that is paid anew.
        &[
            "Usage 30 0",
            "Purchase 100 25",
            "Usage 50 7.5",
            "Purchase 80 20",
            "Adjustment - 7.5",
            "Usage 10 2.5",
        ],
        &["Purchase 40 10"],
    ];
    for (buyer, expected) in buyers.iter().zip(expected) {
        let of_buyer = of(&lines, buyer);
        assert_eq!(of_buyer.iter().map(told).collect::<Vec<_>>(), expected, "{}", buyer.name);
    }
}

#[test]
fn entries_of_purchases_balance_and_pending_ones_have_none() {
    let world = World::empty();
    let buyers = bought(&world);
    let lines = world.lines("journal");
    let mut entries: BTreeMap<&str, (Money, Money)> = BTreeMap::new();
    for line in &lines {
        let entry = entries.entry(text(line, "entry_id")).or_default();
        entry.0 += money(line, "debit");
        entry.1 += money(line, "credit");
    }
    for (entry, (debits, credits)) in &entries {
        assert!(debits == credits && debits.is_positive(), "{entry}: {debits} and {credits}");
    }
    let balance = |buyer: &Buyer<'_>, account: u64| -> String {
        let lines = of(&lines, buyer);
        let of_account = lines.iter().filter(|line| line["account"] == account);
        of_account.map(|line| money(line, "debit") - money(line, "credit")).sum::<Money>().to_string()
    };
    // Receivables, deferred revenue, refunds payable, usage revenue.
    let expected = [
        ["25", "-18.75", "0", "-6.25"],
        ["0", "0", "0", "0"],
        ["0", "0", "0", "0"],
        ["25", "-22.5", "0", "-2.5"],
        // 25 less 17.5 are owed for what was used of it; then 20 are charged, 7.5 of which are earned at once.
        ["45", "-10", "-17.5", "-17.5"],
        ["10", "-10", "0", "0"],
    ];
    for (buyer, expected) in buyers.iter().zip(expected) {
        let shown = [1000, 2000, 2100, 4000].map(|account| balance(buyer, account));
        assert_eq!(shown, expected, "{}", buyer.name);
    }
}
