//! Numbers, ids, texts, and what both commands and facts are made of.

use coffer_ledger::amount::{Credits, Money, Rate, Usage};
use coffer_ledger::budget::{BudgetMove, Window};
use coffer_ledger::command::{Charge, CreditReason, Memo, Metadata, Metered};
use coffer_ledger::customer::{CustomerId, Identity, Profile};
use coffer_ledger::fact::{DebitRow, Giver, Moved, Posting, Slice};
use coffer_ledger::ids::{
    CustomerNumber, HoldId, KeyId, LogPosition, MintedCustomerId, RateCardId, RowId, TenantNumber, ThingId,
    TrancheId, TransferId, WalletId,
};
use coffer_ledger::scope::{PriceTypes, Scope};
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::{Source, Terms};
use coffer_ledger::unit::{Currency, PriceType, PriceUnit, Unit};
use coffer_ledger::wallet::{WalletHead, WalletStatus, WalletType};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;

use super::OWNER;
use super::recharges::rules;

pub(super) fn number() -> impl Strategy<Value = i128> {
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

pub(super) fn credits() -> impl Strategy<Value = Credits> {
    number().prop_map(Credits)
}

pub(super) fn money() -> impl Strategy<Value = Money> {
    number().prop_map(Money)
}

pub(super) fn rate() -> impl Strategy<Value = Rate> {
    number().prop_map(Rate)
}

pub(super) fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        4 => 1_700_000_000_000_000_000_u64..1_900_000_000_000_000_000,
        4 => (0..1_900_000_000_u64).prop_map(|seconds| seconds * 1_000_000_000),
        1 => any::<u64>(),
        1 => select(vec![0, 1, u64::MAX - 1, u64::MAX]),
    ]
    .prop_map(Timestamp)
}

pub(super) fn thing() -> impl Strategy<Value = ThingId> {
    let own = (time(), 0_u64..100_000).prop_map(|(at, counter)| ThingId::new(at, OWNER, counter));
    prop_oneof![9 => own, 1 => any::<u128>().prop_map(ThingId)]
}

pub(super) fn wallet_id() -> impl Strategy<Value = WalletId> {
    thing().prop_map(WalletId)
}

pub(super) fn tranche_id() -> impl Strategy<Value = TrancheId> {
    thing().prop_map(TrancheId)
}

pub(super) fn key_id() -> impl Strategy<Value = KeyId> {
    prop_oneof![
        (time(), any::<u32>(), 0_u64..99).prop_map(|(at, tenant, counter)| KeyId::new(
            at,
            TenantNumber(tenant),
            counter
        )),
        any::<u128>().prop_map(|bits| KeyId(ThingId(bits))),
    ]
}

pub(super) fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof!["[a-z ]{0,12}", "[äß€😀]{0,3}", "[a-z]{250,260}"].prop_map(String::into_boxed_str)
}

pub(super) fn metadata() -> impl Strategy<Value = Metadata> {
    vec((text(), text()), 0..4)
}

pub(super) fn memo() -> impl Strategy<Value = Memo> {
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

pub(super) fn price_types() -> impl Strategy<Value = PriceTypes> {
    any::<(bool, bool, bool)>().prop_map(|(usage, fixed, all)| PriceTypes { usage, fixed, all })
}

pub(super) fn scope() -> impl Strategy<Value = Scope> {
    (price_types(), of(vec(text(), 0..5)))
        .prop_map(|(price_types, features)| Scope { price_types, features: features.map(Into::into) })
}

pub(super) fn source() -> impl Strategy<Value = Source> {
    select(vec![
        Source::Purchased,
        Source::Promotional,
        Source::PlanIncluded,
        Source::Refund,
        Source::Adjustment,
        Source::Rollover,
    ])
}

pub(super) fn reason() -> impl Strategy<Value = CreditReason> {
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

pub(super) fn terms() -> BoxedStrategy<Terms> {
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

pub(super) fn currency() -> impl Strategy<Value = Currency> {
    any::<[u8; 3]>().prop_map(Currency)
}

pub(super) fn price_unit() -> impl Strategy<Value = PriceUnit> {
    text().prop_map(|code| PriceUnit(code.into()))
}

pub(super) fn wallet_type() -> impl Strategy<Value = WalletType> {
    select(vec![WalletType::PrePaid, WalletType::PostPaid])
}

pub(super) fn head() -> BoxedStrategy<WalletHead> {
    let unit = (currency(), of(price_unit()), rate())
        .prop_map(|(currency, price_unit, conversion_rate)| Unit { currency, price_unit, conversion_rate });
    let status = select(vec![WalletStatus::Active, WalletStatus::Frozen, WalletStatus::Closed]);
    let settings = (wallet_type(), status, any::<u32>(), price_types(), credits());
    let words = (text(), of(text()), metadata());
    let figures = (any::<u64>(), credits(), credits(), credits(), weighted(0.1, rules()));
    (wallet_id(), unit, rate(), settings, words, (time(), time()), figures)
        .prop_map(|(id, unit, topup_conversion_rate, settings, words, times, figures)| WalletHead {
            rules: figures.4.map(Box::new),
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

pub(super) fn profile() -> BoxedStrategy<Profile> {
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

pub(super) fn identity() -> BoxedStrategy<Identity> {
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

pub(super) fn posting() -> impl Strategy<Value = Posting> {
    (wallet_id(), any::<u64>(), credits(), credits()).prop_map(|(wallet, sequence, before, after)| Posting {
        wallet,
        sequence,
        before,
        after,
    })
}

pub(super) fn usage() -> impl Strategy<Value = Usage> {
    number().prop_map(Usage)
}

pub(super) fn customer_number() -> impl Strategy<Value = CustomerNumber> {
    (0..=CustomerNumber::MAX.0).prop_map(CustomerNumber)
}

pub(super) fn position() -> impl Strategy<Value = LogPosition> {
    any::<u64>().prop_map(LogPosition)
}

pub(super) fn hold_id() -> impl Strategy<Value = HoldId> {
    thing().prop_map(HoldId)
}

pub(super) fn transfer_id() -> impl Strategy<Value = TransferId> {
    thing().prop_map(TransferId)
}

pub(super) fn rate_card_id() -> impl Strategy<Value = RateCardId> {
    key_id().prop_map(|KeyId(id)| RateCardId(id))
}

pub(super) fn row_id() -> impl Strategy<Value = RowId> {
    prop_oneof![
        (time(), 0_u64..1 << 40, 0_u32..9).prop_map(|(at, position, row)| RowId::new(
            at,
            LogPosition(position),
            row
        )),
        any::<u128>().prop_map(RowId),
    ]
}

pub(super) fn price_type() -> impl Strategy<Value = PriceType> {
    select(vec![PriceType::Usage, PriceType::Fixed])
}

pub(super) fn window() -> impl Strategy<Value = Window> {
    select(vec![Window::Lifetime, Window::Hour, Window::Day, Window::Week, Window::Month])
}

pub(super) fn charge() -> BoxedStrategy<Charge> {
    (of(wallet_id()), of(currency()), of(price_unit()), price_type(), of(text()), of(text()))
        .prop_map(|(wallet, currency, price_unit, price_type, feature, budget)| Charge {
            wallet,
            currency,
            price_unit,
            price_type,
            feature,
            budget,
        })
        .boxed()
}

pub(super) fn metered() -> BoxedStrategy<Metered> {
    (text(), usage(), metadata())
        .prop_map(|(meter, quantity, properties)| Metered { meter, quantity, properties })
        .boxed()
}

pub(super) fn budget_moves() -> BoxedStrategy<Vec<BudgetMove>> {
    let one = (text(), window(), time(), credits())
        .prop_map(|(budget, window, ends_at, credits)| BudgetMove { budget, window, ends_at, credits });
    vec(one, 0..3).boxed()
}

pub(super) fn slice() -> BoxedStrategy<Slice> {
    let tranche = (tranche_id(), terms()).prop_map(|(id, terms)| Giver::Tranche { id, terms });
    let giver = prop_oneof![Just(Giver::Overdraft), tranche];
    (wallet_id(), credits(), giver)
        .prop_map(|(wallet, credits, giver)| Slice { wallet, credits, giver })
        .boxed()
}

pub(super) fn debit_row() -> impl Strategy<Value = DebitRow> {
    (credits(), money(), posting()).prop_map(|(credits, amount, posting)| DebitRow {
        credits,
        amount,
        posting,
    })
}

pub(super) fn moved() -> impl Strategy<Value = Moved> {
    (credits(), terms()).prop_map(|(credits, terms)| Moved { credits, terms })
}
