//! Fixed values whose bytes are golden, and which the benchmark encodes: one record of every kind that version 1 knows, as the
//! rules make them, and a state of each subject. Never change one: its bytes stand in `tests/golden/codec_v1/`.

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::burn_order::BurnOrder;
use coffer_ledger::command::{
    Asked, Bonus, Charge, Command, CreateWallet, CreditReason, Debit, ManualDebit, Memo, Origin, Quantity,
    Remainder, TopUp, UpdateWallet,
};
use coffer_ledger::customer::{Customer, CustomerId, Identity, Profile};
use coffer_ledger::fact::{CreditRow, DebitRow, Debited, Due, Effect, Facts, Forfeit, Giver, Posting, Slice};
use coffer_ledger::ids::{
    CustomerNumber, KeyId, LogPosition, MintedCustomerId, TenantNumber, ThingId, TrancheId, WalletId,
};
use coffer_ledger::record::Record;
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::{Source, Terms, Tranche};
use coffer_ledger::unit::{Currency, PriceType, PriceUnit, Unit};
use coffer_ledger::wallet::{Wallet, WalletHead, WalletStatus, WalletType};
use smallvec::smallvec;

/// The customer of all samples.
pub(crate) const OWNER: CustomerNumber = CustomerNumber(123_456);
/// Its tenant.
pub(crate) const TENANT: TenantNumber = TenantNumber(3);

pub(crate) const AT: Timestamp = Timestamp(1_795_219_200_123_456_789);
pub(crate) const EARLIER: Timestamp = Timestamp(1_790_000_000_987_654_321);
pub(crate) const END: Timestamp = Timestamp(1_800_000_000_000_000_000);

/// Millionths of a credit.
pub(crate) fn micro(millionths: i128) -> Credits {
    Credits(millionths * 1_000_000_000)
}

pub(crate) fn micro_money(millionths: i128) -> Money {
    Money(millionths * 1_000_000_000)
}

pub(crate) fn wallet_id() -> WalletId {
    WalletId(ThingId::new(EARLIER, OWNER, 1))
}

pub(crate) fn tranche_id(counter: u64) -> TrancheId {
    TrancheId(ThingId::new(EARLIER, OWNER, counter))
}

pub(crate) fn key_id() -> KeyId {
    KeyId::new(EARLIER, TENANT, 2)
}

pub(crate) fn terms(source: Source, priority: u32, expires_at: Option<Timestamp>) -> Terms {
    Terms {
        source,
        priority,
        scope: Scope::ANYTHING,
        original: micro(100_000_000),
        paid: micro_money(10_000_000),
        effective_at: EARLIER,
        expires_at,
    }
}

pub(crate) fn three_terms() -> [Terms; 3] {
    let features: Option<std::sync::Arc<[Box<str>]>> = Some(["chat".into(), "search".into()].into());
    let usage = Scope { price_types: PriceTypes::USAGE, features };
    [
        Terms { scope: usage, paid: Money(0), ..terms(Source::Promotional, 10, Some(END)) },
        terms(Source::Purchased, 50, Some(Timestamp(END.0 + 1))),
        terms(Source::Adjustment, 50, None),
    ]
}

pub(crate) fn posting(sequence: u64, before: i128, after: i128) -> Posting {
    Posting { wallet: wallet_id(), sequence, before: micro(before), after: micro(after) }
}

pub(crate) fn head() -> WalletHead {
    WalletHead {
        rules: None,
        id: wallet_id(),
        unit: Unit {
            currency: Currency(*b"usd"),
            price_unit: None,
            conversion_rate: Rate(10_000_000_000_000),
        },
        topup_conversion_rate: Rate(10_000_000_000_000),
        wallet_type: WalletType::PrePaid,
        name: "Prepaid Wallet - USD".into(),
        description: None,
        metadata: Vec::new(),
        status: WalletStatus::Active,
        priority: 50,
        allowed_price_types: PriceTypes::USAGE,
        overdraft_limit: Credits(0),
        created_at: EARLIER,
        updated_at: EARLIER,
        sequence: 1_042,
        posted: micro(287_654_321),
        held: Credits(0),
        debt: Credits(0),
    }
}

fn wordy_head() -> WalletHead {
    WalletHead {
        unit: Unit { price_unit: Some(PriceUnit("gpt_tokens".into())), ..head().unit },
        name: "Team wallet".into(),
        description: Some("shared by the research team".into()),
        metadata: vec![("cost_center".into(), "4711".into()), ("owner".into(), "Ada Lovelace".into())],
        status: WalletStatus::Frozen,
        allowed_price_types: PriceTypes::ALL,
        overdraft_limit: micro(5_000_000),
        posted: micro(-1_500_000),
        debt: micro(1_500_000),
        ..head()
    }
}

fn profile() -> Profile {
    Profile {
        name: Some("Ada Lovelace".into()),
        email: Some("ada@example.com".into()),
        contact: Some("+44 20 7946 0000".into()),
        address: [
            Some("12 St James's Square".into()),
            None,
            Some("London".into()),
            None,
            Some("SW1Y 4JH".into()),
            Some("GB".into()),
        ],
        timezone: Some("Europe/London".into()),
        metadata: vec![("tier".into(), "gold".into())],
    }
}

pub(crate) fn identity() -> Identity {
    Identity {
        id: CustomerId::Minted(MintedCustomerId(ThingId::new(EARLIER, OWNER, 0))),
        external_id: "customer-ada".into(),
        profile: profile(),
        created_at: EARLIER,
        updated_at: AT,
        deleted: false,
    }
}

fn named() -> Identity {
    Identity {
        id: CustomerId::Named,
        external_id: "customer-0123456".into(),
        profile: Profile::default(),
        created_at: EARLIER,
        updated_at: EARLIER,
        deleted: false,
    }
}

pub(crate) fn memo() -> Memo {
    Memo {
        reference_type: Some("REQUEST".into()),
        reference_id: Some("req_8f14e45fceea167a".into()),
        description: Some("personal words".into()),
        metadata: vec![("model".into(), "large".into())],
    }
}

pub(crate) fn origin() -> Origin {
    Origin { by: Some(key_id()), idempotency_key: Some("6b1f0c3e-5d2a-4a77-9a8c-0d1e2f3a4b5c".into()) }
}

pub(crate) fn debited(slices: usize) -> Debited {
    let givers = three_terms().into_iter().enumerate().map(|(index, terms)| Slice {
        wallet: wallet_id(),
        credits: micro(250_000),
        giver: Giver::Tranche { id: tranche_id(index as u64 + 2), terms },
    });
    let credits = Credits(micro(250_000).0 * slices as i128);
    let amount = Money(credits.0 / 100);
    let after = Credits(micro(288_000_000).0 - credits.0);
    Debited {
        rows: smallvec![DebitRow {
            credits,
            amount,
            posting: Posting { wallet: wallet_id(), sequence: 1_043, before: micro(288_000_000), after },
        }],
        slices: givers.take(slices).collect(),
        credits,
        amount,
        currency: Currency(*b"usd"),
        mixed_units: false,
        shortfall: Credits(0),
        balance_before: micro(288_000_000),
        balance_after: after,
        available: after,
        extra: None,
    }
}

/// What an API gateway charges for.
pub(crate) fn charge() -> Charge {
    Charge {
        wallet: None,
        currency: None,
        price_unit: None,
        price_type: PriceType::Usage,
        feature: Some("chat".into()),
        budget: None,
    }
}

/// A debit as an API gateway sends it, taken from so many tranches (1 to 3).
pub(crate) fn debit(slices: usize) -> Record {
    let command = Command::Debit(Debit {
        asked: Asked::Credits(Credits(micro(250_000).0 * slices as i128)),
        charge: charge(),
        partial: false,
        memo: Memo::default(),
    });
    Record { origin: origin(), command, facts: facts(Effect::Debited(debited(slices))) }
}

pub(crate) fn facts(effect: Effect) -> Facts {
    Facts { set_off: None, at: AT, due: Vec::new(), effect }
}

pub(crate) fn record(command: Command, effect: Effect) -> Record {
    Record { origin: origin(), command, facts: facts(effect) }
}

fn overdraft_debit() -> Record {
    let command = Command::Debit(Debit {
        asked: Asked::Amount(micro_money(1_234_567)),
        charge: Charge {
            wallet: Some(wallet_id()),
            currency: Some(Currency(*b"usd")),
            price_unit: Some(PriceUnit("gpt_tokens".into())),
            price_type: PriceType::Fixed,
            feature: None,
            budget: None,
        },
        partial: true,
        memo: memo(),
    });
    let mut debited = debited(1);
    debited.slices.push(Slice { wallet: wallet_id(), credits: Credits(1), giver: Giver::Overdraft });
    debited.mixed_units = true;
    debited.shortfall = Credits(i128::MAX);
    Record { origin: Origin::default(), command, facts: facts(Effect::Debited(debited)) }
}

fn credit_row(reason: CreditReason, posting: Option<Posting>) -> CreditRow {
    CreditRow {
        reason,
        tranche: tranche_id(9),
        terms: terms(Source::Purchased, 50, None),
        amount: micro_money(10_000_000),
        charged: Some(micro_money(10_000_000)),
        repaid: micro(1_500_000),
        posting,
    }
}

fn create_wallet() -> Record {
    let command = Command::CreateWallet(CreateWallet {
        rules: None,
        customer: "customer-ada".into(),
        currency: Some(Currency(*b"usd")),
        price_unit: Some(PriceUnit("gpt_tokens".into())),
        conversion_rate: Rate(10_000_000_000_000),
        topup_conversion_rate: Rate(10_000_000_000_000),
        wallet_type: WalletType::PostPaid,
        name: Some("Team wallet".into()),
        description: Some("shared by the research team".into()),
        metadata: wordy_head().metadata,
        priority: 50,
        allowed_price_types: PriceTypes::FIXED,
        overdraft_limit: micro(5_000_000),
        initial_credits: micro(100_000_000),
        initial_expires_at: Some(END),
    });
    let initial = credit_row(CreditReason::FreeCreditGrant, Some(posting(1, 0, 100_000_000)));
    let effect = Effect::WalletCreated {
        customer: Some(Box::new(identity())),
        wallet: Box::new(wordy_head()),
        initial: Some(Box::new(initial)),
    };
    record(command, effect)
}

fn update_wallet() -> Record {
    let command = Command::UpdateWallet(UpdateWallet {
        alerts: None,
        auto_topup: None,
        wallet: wallet_id(),
        name: Some("Team wallet".into()),
        description: None,
        metadata: Some(wordy_head().metadata),
        priority: Some(7),
        allowed_price_types: Some(PriceTypes::ALL),
        overdraft_limit: Some(micro(5_000_000)),
    });
    record(command, Effect::WalletSet(Box::new(wordy_head())))
}

fn top_up() -> Record {
    let command = Command::TopUp(TopUp {
        wallet: wallet_id(),
        quantity: Quantity::Credits(micro(100_000_000)),
        reason: CreditReason::PurchasedCreditDirect,
        effective_at: Some(AT),
        expires_at: Some(END),
        priority: Some(50),
        scope: Some(three_terms()[0].scope.clone()),
        paid: Some(micro_money(10_000_000)),
        bonus: Some(Bonus { credits: micro(5_000_000), expires_at: Some(END) }),
        memo: memo(),
    });
    let rows = smallvec![
        Box::new(credit_row(CreditReason::PurchasedCreditDirect, Some(posting(2, 0, 100_000_000)))),
        Box::new(CreditRow { charged: None, ..credit_row(CreditReason::PurchasedCreditBonus, None) }),
    ];
    record(command, Effect::ToppedUp { rows, wallet: Box::new(wordy_head()) })
}

fn manual_debit() -> Record {
    let command =
        Command::ManualDebit(ManualDebit { wallet: wallet_id(), credits: micro(250_000), memo: memo() });
    record(command, Effect::ManuallyDebited { debited: debited(1), wallet: Box::new(head()) })
}

fn close() -> Record {
    let command = Command::Close { wallet: wallet_id(), remainder: Remainder::Refund, force: false };
    let forfeit = Forfeit {
        tranche: tranche_id(2),
        credits: micro(5_000_000),
        terms: terms(Source::Purchased, 50, None),
        refundable: micro_money(500_000),
    };
    let effect = Effect::WalletClosed {
        forfeits: vec![forfeit],
        posting: Some(posting(1_044, 5_000_000, 0)),
        cancelled: vec![tranche_id(11), tranche_id(12)],
        written_off: micro(1_500_000),
        refund: micro_money(500_000),
        wallet: Box::new(WalletHead { status: WalletStatus::Closed, ..head() }),
        released: Vec::new(),
    };
    record(command, effect)
}

fn tick() -> Record {
    let due = vec![
        Due::Expired {
            tranche: tranche_id(2),
            credits: micro(5_000_000),
            terms: terms(Source::Promotional, 50, Some(END)),
            posting: posting(1_044, 5_000_000, 0),
        },
        Due::Started {
            tranche: tranche_id(3),
            credits: micro(100_000_000),
            repaid: micro(1_500_000),
            effective_at: END,
            row: (LogPosition(987_654), 1),
            posting: posting(1_045, 0, 100_000_000),
        },
    ];
    Record {
        origin: Origin::default(),
        command: Command::Tick,
        facts: Facts { set_off: None, at: AT, due, effect: Effect::Ticked },
    }
}

/// One record of every kind.
pub(crate) fn customer_records() -> Vec<(&'static str, Record)> {
    let set = || Effect::CustomerSet(Box::new(identity()));
    let wallet_set = || Effect::WalletSet(Box::new(head()));
    let deleted = Effect::CustomerSet(Box::new(Identity { deleted: true, ..named() }));
    let create = Command::CreateCustomer { external_id: "customer-ada".into(), profile: profile() };
    vec![
        ("debit_1_slice", debit(1)),
        ("debit_3_slices", debit(3)),
        ("debit_overdraft", overdraft_debit()),
        ("create_customer", record(create, set())),
        ("update_customer", record(Command::UpdateCustomer { profile: profile() }, set())),
        ("delete_customer", record(Command::DeleteCustomer, deleted)),
        ("create_wallet", create_wallet()),
        ("update_wallet", update_wallet()),
        ("top_up", top_up()),
        ("manual_debit", manual_debit()),
        ("freeze", record(Command::Freeze(wallet_id()), wallet_set())),
        ("unfreeze", record(Command::Unfreeze(wallet_id()), wallet_set())),
        ("close", close()),
        ("tick", tick()),
    ]
}

fn tranche(index: usize, terms: Terms) -> Tranche {
    Tranche {
        id: tranche_id(index as u64 + 2),
        terms,
        remaining: micro(95_884_773),
        pinned: Credits(0),
        credit_position: LogPosition(1_234_567),
        credit_row: 0,
        scheduled: index == 2,
        voided: false,
    }
}

/// A customer with one wallet of three tranches, as most are.
pub(crate) fn customer() -> Customer {
    let tranches =
        three_terms().into_iter().enumerate().map(|(index, terms)| tranche(index, terms)).collect();
    Customer {
        identity: Some(named()),
        last_at: AT,
        last_position: LogPosition(98_765_432),
        counter: 5,
        wallets: vec![Wallet {
            watch: None,
            head: head(),
            tranches,
            burn_order: BurnOrder::Contract,
            next_due: END,
            held_overdraft: Credits(0),
        }],
        ..Customer::new(TENANT, OWNER)
    }
}

/// A customer with everything that a state of version 1 can have.
pub(crate) fn full_customer() -> Customer {
    let closed = WalletHead { status: WalletStatus::Closed, ..wordy_head() };
    Customer {
        identity: Some(identity()),
        wallets: vec![
            Wallet {
                watch: None,
                head: closed,
                tranches: Vec::new(),
                burn_order: BurnOrder::Contract,
                next_due: Timestamp::MAX,
                held_overdraft: Credits(0),
            },
            customer().wallets.remove(0),
        ],
        ..customer()
    }
}
