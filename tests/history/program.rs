//! Random commands through the real engine: credits, debits over several wallets and by hand, holds, refunds, invoices, transfers.

use std::collections::HashMap;

use coffer::engine::{Committed, Engine, Operation, Target};
use coffer_ledger::amount::{Credits, Money, ONE, Rate};
use coffer_ledger::command::{
    Asked, Capture, Charge, Command, CreateWallet, CreditReason, Debit, HoldAsked, InvoiceLine, ManualDebit,
    Memo, OverCapture, PlaceHold, Quantity, Refund, Settle, TopUp, Transfer,
};
use coffer_ledger::fact::Effect;
use coffer_ledger::ids::{HoldId, RowId, WalletId};
use coffer_ledger::scope::PriceTypes;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::{Currency, PriceType};
use coffer_ledger::wallet::WalletType;

use crate::support::TENANT;

const CUSTOMERS: [&str; 4] = ["acme", "other", "third", "fourth"];

/// A generator that a seed repeats.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end
    }

    fn credits(&mut self) -> Credits {
        Credits(i128::from(self.below(30_000)) * 1_000_000_000_000 + 1)
    }
}

fn usd() -> Currency {
    Currency::parse("usd").unwrap()
}

fn memo(random: &mut Random) -> Memo {
    let pairs = vec![("team".into(), "red \"1\"".into()), ("é".into(), "".into())];
    match random.below(3) {
        0 => Memo::default(),
        1 => Memo { description: Some("a description".into()), metadata: pairs, ..Memo::default() },
        _ => Memo {
            reference_type: Some("order".into()),
            reference_id: Some(random.below(9).to_string().into()),
            ..Memo::default()
        },
    }
}

/// Makes the wallets, two for each customer; one of them may be overdrawn.
pub(crate) async fn wallets(engine: &Engine) -> Vec<(&'static str, WalletId)> {
    let mut wallets = Vec::new();
    for customer in CUSTOMERS {
        for overdraft in [0, 50] {
            let command = Command::CreateWallet(CreateWallet {
                customer: customer.into(),
                currency: usd(),
                price_unit: None,
                conversion_rate: Rate::parse_json("0.37").unwrap(),
                topup_conversion_rate: Rate::whole(1),
                wallet_type: WalletType::PrePaid,
                name: None,
                description: None,
                metadata: Vec::new(),
                priority: 50,
                allowed_price_types: PriceTypes::ALL,
                overdraft_limit: Credits::whole(overdraft),
                initial_credits: Credits::whole(100),
                initial_expires_at: None,
            });
            // Under a key: made a second time, they are the same wallets.
            let operation = Operation::new(command).with_key(&format!("{customer} {overdraft}"));
            let made = engine.submit(TENANT, Target::NewCustomer(customer), operation).await;
            let Effect::WalletCreated { wallet, .. } = &made.unwrap().record.facts.effect else { panic!() };
            wallets.push((customer, wallet.id));
        }
    }
    wallets
}

/// So many random commands; refusals are as good as any other answer. How many were accepted.
pub(crate) async fn run(
    engine: &Engine,
    wallets: &[(&'static str, WalletId)],
    random: &mut Random,
    steps: u64,
) -> u64 {
    let (mut accepted, mut made) = (0, Made::default());
    for step in 0..steps {
        let at = usize::try_from(random.below(wallets.len() as u64)).unwrap();
        let (customer, wallet) = wallets[at];
        let command = command(engine, (customer, wallet), &made, random, step);
        let operation = Operation::new(command).with_key(&format!("{step}-{}", random.below(u64::MAX)));
        let Ok(committed) = engine.submit(TENANT, Target::Customer(customer), operation).await else {
            continue;
        };
        made.note(customer, &committed);
        accepted += 1;
    }
    accepted
}

/// What later commands name: of each customer, the hold placed last and the debit made last.
#[derive(Default)]
struct Made {
    holds: HashMap<&'static str, HoldId>,
    debits: HashMap<&'static str, RowId>,
}

impl Made {
    fn note(&mut self, customer: &'static str, committed: &Committed) {
        let facts = &committed.record.facts;
        match &facts.effect {
            Effect::Held(step) => {
                self.holds.insert(customer, step.hold.id);
            }
            Effect::Debited(_) => {
                let row = RowId::new(facts.at, committed.position, facts.first_row());
                self.debits.insert(customer, row);
            }
            _ => {}
        }
    }
}

fn charge() -> Charge {
    Charge {
        wallet: None,
        currency: None,
        price_unit: None,
        price_type: PriceType::Usage,
        feature: None,
        budget: None,
    }
}

fn command(
    engine: &Engine,
    (customer, wallet): (&'static str, WalletId),
    made: &Made,
    random: &mut Random,
    step: u64,
) -> Command {
    match random.below(15) {
        0 | 1 => Command::TopUp(top_up(engine, wallet, random)),
        2 => Command::Transfer(Transfer {
            to_customer: CUSTOMERS[usize::try_from(random.below(4)).unwrap()].into(),
            from_wallet: None,
            to_wallet: None,
            credits: random.credits(),
            memo: memo(random),
        }),
        3 => {
            let line = |id: &str, random: &mut Random| InvoiceLine {
                id: id.into(),
                amount: Money(i128::from(random.below(3_000)) * ONE / 100),
                price_type: PriceType::Usage,
                feature: None,
            };
            let lines = vec![line("a", random), line("b", random)];
            Command::Settle(Settle { invoice: step.to_string().into(), currency: usd(), lines })
        }
        4 => Command::VoidInvoice { invoice: random.below(step + 1).to_string().into() },
        5 => Command::ManualDebit(ManualDebit { wallet, credits: random.credits(), memo: memo(random) }),
        6 => Command::PlaceHold(PlaceHold {
            asked: HoldAsked::Exactly(random.credits()),
            charge: charge(),
            expires_in_s: 1,
            over_capture: OverCapture::Draw,
            memo: memo(random),
        }),
        7 | 8 if made.holds.contains_key(customer) => {
            let (hold, last) = (made.holds[customer], random.below(2) == 0);
            Command::Capture(Capture { hold, credits: random.credits(), last, memo: memo(random) })
        }
        9 if made.debits.contains_key(customer) => {
            let row = made.debits[customer];
            Command::Refund(Refund { row, credits: None, regrant_days: None, memo: memo(random) })
        }
        _ => Command::Debit(Debit {
            asked: Asked::Credits(random.credits()),
            charge: charge(),
            partial: random.below(2) == 0,
            memo: memo(random),
        }),
    }
}

fn top_up(engine: &Engine, wallet: WalletId, random: &mut Random) -> TopUp {
    let now = engine.now();
    let reasons =
        [CreditReason::PurchasedCreditDirect, CreditReason::FreeCreditGrant, CreditReason::CreditNote];
    // Some of it ends while the program runs, some of it after 2262, some starts later.
    let ends = [None, Some(Timestamp(now.0 + 20_000_000)), Some(Timestamp(u64::MAX - 1))];
    let starts = [None, None, Some(Timestamp(now.0 + 10_000_000))];
    let pick = |random: &mut Random| usize::try_from(random.below(3)).unwrap();
    TopUp {
        wallet,
        quantity: Quantity::Credits(random.credits()),
        reason: reasons[pick(random)],
        effective_at: starts[pick(random)],
        expires_at: ends[pick(random)],
        priority: None,
        scope: None,
        paid: None,
        bonus: None,
        memo: memo(random),
    }
}
