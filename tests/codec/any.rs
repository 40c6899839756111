//! Any record and any state, also those that no rule would make: the codec asks for no sense, only for the shape.
//! Large strategies are boxed, as nested by value they outgrow a test thread's stack.

use coffer_ledger::amount::{Credits, Money, Rate};
use coffer_ledger::catalog::api_key::{ApiKey, KeyScopes};
use coffer_ledger::catalog::tenant::{
    DefaultPriorities, Settings, Tenant, TenantCommand, TenantEffect, TenantFacts, TenantRecord,
};
use coffer_ledger::command::{
    Bonus, Command, CreateWallet, CreditReason, Debit, ManualDebit, Memo, Metadata, Origin, Quantity,
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
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// The customer of every record that is made here.
pub(crate) const OWNER: CustomerNumber = CustomerNumber(1_234_567);
/// Its tenant.
pub(crate) const TENANT: TenantNumber = TenantNumber(7);

fn number() -> impl Strategy<Value = i128> {
    let small = -1_000_i128..1_000_000;
    prop_oneof![
        1 => Just(0),
        3 => small.clone().prop_map(|n| n * 1_000_000_000_000_000),
        3 => small.clone().prop_map(|n| n * 1_000_000_000),
        1 => small,
        1 => (-1_i128 << 90)..(1_i128 << 90),
        1 => any::<i128>(),
        1 => select(vec![i128::MIN, i128::MAX, i128::MIN + 1, -1, 1 << 63, 1 << 64]),
    ]
}

fn credits() -> impl Strategy<Value = Credits> {
    number().prop_map(Credits)
}

fn money() -> impl Strategy<Value = Money> {
    number().prop_map(Money)
}

fn rate() -> impl Strategy<Value = Rate> {
    number().prop_map(Rate)
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        4 => 1_700_000_000_000_000_000_u64..1_900_000_000_000_000_000,
        4 => (0..1_900_000_000_u64).prop_map(|seconds| seconds * 1_000_000_000),
        1 => any::<u64>(),
        1 => select(vec![0, 1, u64::MAX - 1, u64::MAX]),
    ]
    .prop_map(Timestamp)
}

fn thing() -> impl Strategy<Value = ThingId> {
    let own = (time(), 0_u64..100_000).prop_map(|(at, counter)| ThingId::new(at, OWNER, counter));
    prop_oneof![9 => own, 1 => any::<u128>().prop_map(ThingId)]
}

fn wallet_id() -> impl Strategy<Value = WalletId> {
    thing().prop_map(WalletId)
}

fn tranche_id() -> impl Strategy<Value = TrancheId> {
    thing().prop_map(TrancheId)
}

fn key_id() -> impl Strategy<Value = KeyId> {
    prop_oneof![
        (time(), any::<u32>(), 0_u64..99).prop_map(|(at, tenant, counter)| KeyId::new(
            at,
            TenantNumber(tenant),
            counter
        )),
        any::<u128>().prop_map(|bits| KeyId(ThingId(bits))),
    ]
}

fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof!["[a-z ]{0,12}", "[äß€😀]{0,3}", "[a-z]{250,260}"].prop_map(String::into_boxed_str)
}

fn metadata() -> impl Strategy<Value = Metadata> {
    vec((text(), text()), 0..4)
}

fn memo() -> impl Strategy<Value = Memo> {
    let memo = (of(text()), of(text()), of(text()), metadata()).prop_map(
        |(reference_type, reference_id, description, metadata)| Memo {
            reference_type,
            reference_id,
            description,
            metadata,
        },
    );
    prop_oneof![Just(Memo::default()), memo]
}

fn price_types() -> impl Strategy<Value = PriceTypes> {
    any::<(bool, bool, bool)>().prop_map(|(usage, fixed, all)| PriceTypes { usage, fixed, all })
}

fn scope() -> impl Strategy<Value = Scope> {
    (price_types(), of(vec(text(), 0..5)))
        .prop_map(|(price_types, features)| Scope { price_types, features: features.map(Into::into) })
}

fn source() -> impl Strategy<Value = Source> {
    select(vec![
        Source::Purchased,
        Source::Promotional,
        Source::PlanIncluded,
        Source::Refund,
        Source::Adjustment,
        Source::Rollover,
    ])
}

fn reason() -> impl Strategy<Value = CreditReason> {
    select(vec![
        CreditReason::FreeCreditGrant,
        CreditReason::PurchasedCreditDirect,
        CreditReason::PurchasedCreditBonus,
        CreditReason::SubscriptionCreditGrant,
        CreditReason::CreditNote,
        CreditReason::InvoiceVoidRefund,
        CreditReason::CreditAdjustment,
    ])
}

fn terms() -> BoxedStrategy<Terms> {
    (source(), any::<u32>(), scope(), credits(), money(), time(), of(time()))
        .prop_map(|(source, priority, scope, original, paid, effective_at, expires_at)| Terms {
            source,
            priority,
            scope,
            original,
            paid,
            effective_at,
            expires_at,
        })
        .boxed()
}

fn currency() -> impl Strategy<Value = Currency> {
    any::<[u8; 3]>().prop_map(Currency)
}

fn price_unit() -> impl Strategy<Value = PriceUnit> {
    text().prop_map(|code| PriceUnit(code.into()))
}

fn wallet_type() -> impl Strategy<Value = WalletType> {
    select(vec![WalletType::PrePaid, WalletType::PostPaid])
}

fn head() -> BoxedStrategy<WalletHead> {
    let unit = (currency(), of(price_unit()), rate())
        .prop_map(|(currency, price_unit, conversion_rate)| Unit { currency, price_unit, conversion_rate });
    let status = select(vec![WalletStatus::Active, WalletStatus::Frozen, WalletStatus::Closed]);
    let settings = (wallet_type(), status, any::<u32>(), price_types(), credits());
    let words = (text(), of(text()), metadata());
    let figures = (any::<u64>(), credits(), credits(), credits());
    (wallet_id(), unit, rate(), settings, words, (time(), time()), figures)
        .prop_map(|(id, unit, topup_conversion_rate, settings, words, times, figures)| WalletHead {
            id,
            unit,
            topup_conversion_rate,
            wallet_type: settings.0,
            name: words.0,
            description: words.1,
            metadata: words.2,
            status: settings.1,
            priority: settings.2,
            allowed_price_types: settings.3,
            overdraft_limit: settings.4,
            created_at: times.0,
            updated_at: times.1,
            sequence: figures.0,
            posted: figures.1,
            held: figures.2,
            debt: figures.3,
        })
        .boxed()
}

fn profile() -> BoxedStrategy<Profile> {
    let address = [of(text()), of(text()), of(text()), of(text()), of(text()), of(text())];
    (of(text()), of(text()), of(text()), address, of(text()), metadata())
        .prop_map(|(name, email, contact, address, timezone, metadata)| Profile {
            name,
            email,
            contact,
            address,
            timezone,
            metadata,
        })
        .boxed()
}

fn identity() -> BoxedStrategy<Identity> {
    let id =
        prop_oneof![Just(CustomerId::Named), thing().prop_map(|id| CustomerId::Minted(MintedCustomerId(id)))];
    (id, text(), profile(), time(), time(), any::<bool>())
        .prop_map(|(id, external_id, profile, created_at, updated_at, deleted)| Identity {
            id,
            external_id,
            profile,
            created_at,
            updated_at,
            deleted,
        })
        .boxed()
}

fn posting() -> impl Strategy<Value = Posting> {
    (wallet_id(), any::<u64>(), credits(), credits()).prop_map(|(wallet, sequence, before, after)| Posting {
        wallet,
        sequence,
        before,
        after,
    })
}

fn due() -> BoxedStrategy<Due> {
    let expired = (tranche_id(), credits(), terms(), posting())
        .prop_map(|(tranche, credits, terms, posting)| Due::Expired { tranche, credits, terms, posting });
    let started = (tranche_id(), credits(), credits(), time(), any::<(u64, u32)>(), posting()).prop_map(
        |(tranche, credits, repaid, effective_at, row, posting)| Due::Started {
            tranche,
            credits,
            repaid,
            effective_at,
            row: (LogPosition(row.0), row.1),
            posting,
        },
    );
    prop_oneof![expired, started].boxed()
}

fn slice() -> BoxedStrategy<Slice> {
    let tranche = (tranche_id(), terms()).prop_map(|(id, terms)| Giver::Tranche { id, terms });
    let giver = prop_oneof![Just(Giver::Overdraft), tranche];
    (wallet_id(), credits(), giver)
        .prop_map(|(wallet, credits, giver)| Slice { wallet, credits, giver })
        .boxed()
}

fn debited() -> BoxedStrategy<Debited> {
    let row = (credits(), money(), posting()).prop_map(|(credits, amount, posting)| DebitRow {
        credits,
        amount,
        posting,
    });
    let balances = (credits(), credits(), credits(), credits());
    (vec(row, 0..4), vec(slice(), 0..6), credits(), money(), currency(), any::<bool>(), balances)
        .prop_map(|(rows, slices, credits, amount, currency, mixed_units, balances)| Debited {
            rows: rows.into(),
            slices: slices.into(),
            credits,
            amount,
            currency,
            mixed_units,
            shortfall: balances.0,
            balance_before: balances.1,
            balance_after: balances.2,
            available: balances.3,
        })
        .boxed()
}

fn credit_row() -> BoxedStrategy<CreditRow> {
    (reason(), tranche_id(), terms(), money(), of(money()), credits(), of(posting()))
        .prop_map(|(reason, tranche, terms, amount, charged, repaid, posting)| CreditRow {
            reason,
            tranche,
            terms,
            amount,
            charged,
            repaid,
            posting,
        })
        .boxed()
}

fn closed() -> BoxedStrategy<Effect> {
    let forfeit = (tranche_id(), credits(), terms(), money())
        .prop_map(|(tranche, credits, terms, refundable)| Forfeit { tranche, credits, terms, refundable });
    (vec(forfeit, 0..4), of(posting()), vec(tranche_id(), 0..4), credits(), money(), head())
        .prop_map(|(forfeits, posting, cancelled, written_off, refund, wallet)| Effect::WalletClosed {
            forfeits,
            posting,
            cancelled,
            written_off,
            refund,
            wallet: Box::new(wallet),
        })
        .boxed()
}

fn effect() -> BoxedStrategy<Effect> {
    let created = (of(identity()), head(), of(credit_row())).prop_map(|(customer, wallet, initial)| {
        Effect::WalletCreated {
            customer: customer.map(Box::new),
            wallet: Box::new(wallet),
            initial: initial.map(Box::new),
        }
    });
    let topped_up = (vec(credit_row().prop_map(Box::new), 1..3), head())
        .prop_map(|(rows, wallet)| Effect::ToppedUp { rows: rows.into(), wallet: Box::new(wallet) });
    let by_hand = (debited(), head())
        .prop_map(|(debited, wallet)| Effect::ManuallyDebited { debited, wallet: Box::new(wallet) });
    prop_oneof![
        Just(Effect::Ticked),
        identity().prop_map(|identity| Effect::CustomerSet(Box::new(identity))),
        created,
        head().prop_map(|head| Effect::WalletSet(Box::new(head))),
        topped_up,
        debited().prop_map(Effect::Debited),
        by_hand,
        closed(),
    ]
    .boxed()
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![credits().prop_map(Quantity::Credits), money().prop_map(Quantity::Amount)]
}

fn create_wallet() -> BoxedStrategy<CreateWallet> {
    let words = (text(), of(text()), of(text()), metadata());
    let unit = (currency(), of(price_unit()), rate(), rate(), wallet_type());
    let settings = (any::<u32>(), price_types(), credits(), credits(), of(time()));
    (words, unit, settings)
        .prop_map(|(words, unit, settings)| CreateWallet {
            customer: words.0,
            currency: unit.0,
            price_unit: unit.1,
            conversion_rate: unit.2,
            topup_conversion_rate: unit.3,
            wallet_type: unit.4,
            name: words.1,
            description: words.2,
            metadata: words.3,
            priority: settings.0,
            allowed_price_types: settings.1,
            overdraft_limit: settings.2,
            initial_credits: settings.3,
            initial_expires_at: settings.4,
        })
        .boxed()
}

fn update_wallet() -> BoxedStrategy<UpdateWallet> {
    (
        wallet_id(),
        of(text()),
        of(text()),
        of(metadata()),
        any::<Option<u32>>(),
        of(price_types()),
        of(credits()),
    )
        .prop_map(|(wallet, name, description, metadata, priority, allowed_price_types, overdraft_limit)| {
            UpdateWallet {
                wallet,
                name,
                description,
                metadata,
                priority,
                allowed_price_types,
                overdraft_limit,
            }
        })
        .boxed()
}

fn top_up() -> BoxedStrategy<TopUp> {
    let bonus = (credits(), of(time())).prop_map(|(credits, expires_at)| Bonus { credits, expires_at });
    let times = (of(time()), of(time()));
    (
        wallet_id(),
        quantity(),
        reason(),
        times,
        any::<Option<u32>>(),
        of(scope()),
        of(money()),
        of(bonus),
        memo(),
    )
        .prop_map(|(wallet, quantity, reason, times, priority, scope, paid, bonus, memo)| TopUp {
            wallet,
            quantity,
            reason,
            effective_at: times.0,
            expires_at: times.1,
            priority,
            scope,
            paid,
            bonus,
            memo,
        })
        .boxed()
}

fn debit() -> BoxedStrategy<Debit> {
    let price_type = select(vec![PriceType::Usage, PriceType::Fixed]);
    let by = (of(wallet_id()), of(currency()), of(price_unit()));
    (quantity(), by, price_type, of(text()), any::<bool>(), memo())
        .prop_map(|(quantity, by, price_type, feature, partial, memo)| Debit {
            quantity,
            wallet: by.0,
            currency: by.1,
            price_unit: by.2,
            price_type,
            feature,
            partial,
            memo,
        })
        .boxed()
}

fn command() -> BoxedStrategy<Command> {
    let by_hand = (wallet_id(), credits(), memo()).prop_map(|(wallet, credits, memo)| ManualDebit {
        wallet,
        credits,
        memo,
    });
    let close = (wallet_id(), select(vec![Remainder::Forfeit, Remainder::Refund]));
    prop_oneof![
        (text(), profile())
            .prop_map(|(external_id, profile)| Command::CreateCustomer { external_id, profile }),
        profile().prop_map(|profile| Command::UpdateCustomer { profile }),
        Just(Command::DeleteCustomer),
        create_wallet().prop_map(Command::CreateWallet),
        update_wallet().prop_map(Command::UpdateWallet),
        top_up().prop_map(Command::TopUp),
        debit().prop_map(Command::Debit),
        by_hand.prop_map(Command::ManualDebit),
        wallet_id().prop_map(Command::Freeze),
        wallet_id().prop_map(Command::Unfreeze),
        close.prop_map(|(wallet, remainder)| Command::Close { wallet, remainder }),
        Just(Command::Tick),
    ]
    .boxed()
}

fn origin() -> impl Strategy<Value = Origin> {
    (of(key_id()), of(text())).prop_map(|(by, idempotency_key)| Origin { by, idempotency_key })
}

/// Any record of a customer: command and effect need not fit each other.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let facts = (time(), vec(due(), 0..3), effect()).prop_map(|(at, due, effect)| Facts { at, due, effect });
    (origin(), command(), facts).prop_map(|(origin, command, facts)| Record { origin, command, facts })
}

fn tranche() -> BoxedStrategy<Tranche> {
    (tranche_id(), terms(), credits(), credits(), any::<u64>(), any::<u32>(), any::<bool>())
        .prop_map(|(id, terms, remaining, pinned, position, credit_row, scheduled)| Tranche {
            id,
            terms,
            remaining,
            pinned,
            credit_position: LogPosition(position),
            credit_row,
            scheduled,
        })
        .boxed()
}

/// Any state of a customer.
pub(crate) fn customer() -> impl Strategy<Value = Customer> {
    let wallet = (head(), vec(tranche(), 0..5), time()).prop_map(|(head, tranches, next_due)| Wallet {
        head,
        tranches,
        next_due,
    });
    let number = (0..=CustomerNumber::MAX.0).prop_map(CustomerNumber);
    (number, any::<u32>(), of(identity()), time(), any::<u64>(), any::<u64>(), vec(wallet, 0..4)).prop_map(
        |(number, tenant, identity, last_at, last_position, counter, wallets)| Customer {
            number,
            tenant: TenantNumber(tenant),
            identity,
            last_at,
            last_position: LogPosition(last_position),
            counter,
            wallets,
        },
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    (any::<[u32; 5]>(), of(currency()), of(text())).prop_map(|(priorities, default_currency, time_zone)| {
        let [purchased, promotional, plan_included, refund, adjustment] = priorities;
        Settings {
            default_priorities: DefaultPriorities {
                purchased,
                promotional,
                plan_included,
                refund,
                adjustment,
            },
            default_currency,
            time_zone,
        }
    })
}

fn scopes() -> impl Strategy<Value = KeyScopes> {
    any::<[bool; 4]>().prop_map(|[debit, read, write, admin]| KeyScopes { debit, read, write, admin })
}

fn key_customer() -> impl Strategy<Value = Option<(CustomerNumber, Box<str>)>> {
    of(((0..=CustomerNumber::MAX.0).prop_map(CustomerNumber), text()))
}

fn key() -> BoxedStrategy<ApiKey> {
    (key_id(), any::<[u8; 32]>(), text(), scopes(), key_customer(), time(), of(time()))
        .prop_map(|(id, secret_sha256, name, scopes, customer, created_at, revoked_at)| ApiKey {
            id,
            secret_sha256,
            name,
            scopes,
            customer,
            created_at,
            revoked_at,
        })
        .boxed()
}

/// Any record of a tenant.
pub(crate) fn tenant_record() -> impl Strategy<Value = TenantRecord> {
    let create_key = (any::<[u8; 32]>(), text(), scopes(), key_customer()).prop_map(
        |(secret_sha256, name, scopes, customer)| TenantCommand::CreateKey {
            secret_sha256,
            name,
            scopes,
            customer,
        },
    );
    let command = prop_oneof![
        text().prop_map(|name| TenantCommand::Create { name }),
        settings().prop_map(TenantCommand::SetSettings),
        create_key,
        key_id().prop_map(TenantCommand::RevokeKey),
    ];
    let effect = prop_oneof![
        text().prop_map(|name| TenantEffect::Created { name }),
        settings().prop_map(TenantEffect::SettingsSet),
        key().prop_map(TenantEffect::KeySet),
    ];
    (origin(), command, time(), effect).prop_map(|(origin, command, at, effect)| TenantRecord {
        origin,
        command,
        facts: TenantFacts { at, effect },
    })
}

/// Any state of a tenant.
pub(crate) fn tenant() -> impl Strategy<Value = Tenant> {
    (any::<u32>(), of(text()), settings(), vec(key(), 0..4), any::<(u64, u64)>(), time(), time()).prop_map(
        |(number, name, settings, keys, counters, last_at, created_at)| Tenant {
            number: TenantNumber(number),
            name,
            settings,
            keys,
            version: counters.0,
            last_at,
            last_position: LogPosition(counters.1),
            created_at,
        },
    )
}
