//! Customers and wallets: made, changed, frozen, closed, deleted.

use crate::amount::{Credits, Rate};
use crate::command::{Command, CreateWallet, CreditReason, Remainder};
use crate::customer::{CustomerId, Profile, ProfileChange};
use crate::fact::Effect;
use crate::refusal::Refusal;
use crate::testing::{Book, USD, create_customer, credits, money, new_wallet, second};
use crate::view::{self, RowReason, RowType};
use crate::wallet::{WalletStatus, WalletType};

#[test]
fn a_wallet_makes_its_customer_and_its_initial_credit() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.initial_credits = credits("5"));
    let identity = book.customer.identity.clone().unwrap();
    assert_eq!((identity.id, &*identity.external_id), (CustomerId::Named, "acme"));
    let state = book.state(wallet);
    assert_eq!((&*state.head.name, state.head.sequence), ("Prepaid Wallet - USD", 1));
    assert!(!state.tranches[0].terms.scope.price_types.fixed, "promotional credit pays use only");
    assert_eq!(state.tranches[0].credit_position.0, 1);
    book.replay();
}

#[test]
fn a_second_wallet_with_initial_credit_needs_a_key() {
    let (mut book, _) = Book::new();
    let mut request = new_wallet();
    request.initial_credits = credits("5");
    book.keyed = false;
    let refused = book.ask(Command::CreateWallet(request.clone()));
    assert_eq!(refused, Err(Refusal::AlreadyExists("an active wallet of this currency and type")));
    request.wallet_type = WalletType::PostPaid;
    let effect = book.ask(Command::CreateWallet(request.clone())).unwrap().effect;
    let Effect::WalletCreated { wallet, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(&*wallet.name, "Postpaid Wallet - USD");
    book.keyed = true;
    book.ask(Command::CreateWallet(request.clone())).unwrap();
    book.keyed = false;
    request.initial_credits = Credits::ZERO;
    book.ask(Command::CreateWallet(request)).unwrap();
}

#[test]
fn impossible_wallets_are_refused() {
    let mut book = Book::empty();
    let mut ask = |change: fn(&mut crate::command::CreateWallet)| {
        let mut request = new_wallet();
        change(&mut request);
        book.ask(Command::CreateWallet(request)).unwrap_err()
    };
    let rate = Refusal::AmountInvalid("a conversion rate must be more than 0");
    assert_eq!(ask(|request| request.conversion_rate = Rate::ZERO), rate);
    assert_eq!(ask(|request| request.topup_conversion_rate = Rate::whole(-1)), rate);
    let negative = Refusal::AmountInvalid("overdraft_limit must be 0 or more");
    assert_eq!(ask(|request| request.overdraft_limit = Credits::whole(-1)), negative);
    let negative = Refusal::AmountInvalid("initial_credits_to_load must be 0 or more");
    assert_eq!(ask(|request| request.initial_credits = Credits::whole(-1)), negative);
    let past = Refusal::Invalid { field: "expires_at", problem: "is not in the future" };
    let with_past_end = |request: &mut crate::command::CreateWallet| {
        (request.initial_credits, request.initial_expires_at) = (Credits::ONE, Some(second(0)));
    };
    assert_eq!(ask(with_past_end), past);
    book.limits.wallets_max = 1;
    book.wallet(|_| {});
    let limit = Err(Refusal::LimitReached { limit: "wallets_max", max: 1 });
    assert_eq!(book.ask(Command::CreateWallet(new_wallet())), limit);
}

#[test]
fn freezing_and_unfreezing_take_turns() {
    let (mut book, wallet) = Book::new();
    assert_eq!(
        book.ask(Command::Unfreeze(wallet)),
        Err(Refusal::InvalidOperation("the wallet is not frozen"))
    );
    book.ask(Command::Freeze(wallet)).unwrap();
    assert_eq!(
        book.ask(Command::Freeze(wallet)),
        Err(Refusal::InvalidOperation("the wallet is frozen already"))
    );
    assert_eq!(book.state(wallet).head.status, WalletStatus::Frozen);
    book.ask(Command::Unfreeze(wallet)).unwrap();
    assert_eq!(book.state(wallet).head.status, WalletStatus::Active);
    book.close(wallet, Remainder::Forfeit).unwrap();
    assert_eq!(book.ask(Command::Freeze(wallet)), Err(Refusal::WalletClosed(wallet)));
    assert_eq!(book.close(wallet, Remainder::Forfeit), Err(Refusal::WalletClosed(wallet)));
}

#[test]
fn closing_with_refund_marks_the_unspent_paid_share_in_money() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.topup_conversion_rate = Rate::parse_json("3.3333").unwrap());
    book.credit(wallet, 3, |_| {});
    book.credit(wallet, 5, |request| request.reason = CreditReason::FreeCreditGrant);
    book.credit(wallet, 1, |request| request.effective_at = Some(second(9)));
    book.debit("7").unwrap();
    let closed = book.close(wallet, Remainder::Refund).unwrap();
    let Effect::WalletClosed { forfeits, posting, cancelled, written_off, refund, wallet: head, .. } = closed
    else {
        panic!("{closed:?}")
    };
    assert_eq!(forfeits.len(), 1);
    assert_eq!(
        forfeits[0].refundable,
        money("3.333333333333334"),
        "10 paid, the share of 2 of 3 is released"
    );
    assert_eq!(posting.map(|posting| posting.after), Some(Credits::ZERO));
    assert_eq!((cancelled.len(), written_off), (1, Credits::ZERO));
    assert_eq!(refund, money("6.66"), "and 3.33 for the credit that never started");
    assert_eq!(head.status, WalletStatus::Closed);
    assert_eq!(book.customer.next_due(), crate::time::Timestamp::MAX);
    book.replay();
}

#[test]
fn closing_writes_debt_off_with_a_memo() {
    let mut book = Book::empty();
    let wallet = book.wallet(|request| request.overdraft_limit = credits("20"));
    book.debit("6").unwrap();
    let fixed = crate::scope::Scope { price_types: crate::scope::PriceTypes::FIXED, features: None };
    book.credit(wallet, 2, |request| request.scope = Some(fixed));
    book.close(wallet, Remainder::Forfeit).unwrap();
    let record = book.log.last().unwrap();
    let rows = view::rows(record, book.customer.last_position);
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].reason, rows[0].credits), (RowReason::WalletTermination, credits("2")));
    assert_eq!((rows[0].balance_before, rows[0].balance_after), (Some(credits("-4")), Some(credits("-6"))));
    assert_eq!((rows[1].reason, rows[1].row_type), (RowReason::Uncollected, RowType::Memo));
    assert_eq!((rows[1].credits, rows[1].sequence), (credits("6"), None));
    assert_eq!(book.posted(wallet), "0");
    book.replay();
}

#[test]
fn customers_are_made_changed_and_deleted() {
    let mut book = Book::empty();
    assert_eq!(book.ask(Command::DeleteCustomer), Err(Refusal::CustomerNotFound));
    book.ask(create_customer("acme")).unwrap();
    assert_eq!(book.ask(create_customer("acme")), Err(Refusal::AlreadyExists("customer")));
    let minted = book.customer.identity.clone().unwrap();
    assert!(matches!(minted.id, CustomerId::Minted(_)));
    book.now = second(5);
    let profile = Profile { name: Some("Acme".into()), ..Profile::default() };
    book.ask(Command::UpdateCustomer { profile: profile.clone() }).unwrap();
    let changed = book.customer.identity.clone().unwrap();
    assert_eq!((changed.profile, changed.updated_at, changed.created_at), (profile, second(5), second(0)));
    let wallet = book.wallet(|_| {});
    let open = Refusal::InvalidOperation("the customer has an open wallet");
    assert_eq!(book.ask(Command::DeleteCustomer), Err(open));
    book.close(wallet, Remainder::Forfeit).unwrap();
    book.ask(Command::DeleteCustomer).unwrap();
    assert_eq!(
        book.ask(create_customer("acme")),
        Err(Refusal::CustomerNotFound),
        "a deleted customer refuses all"
    );
    assert_eq!(book.debit("1"), Err(Refusal::CustomerNotFound));
    assert_eq!(book.ask(Command::CreateWallet(new_wallet())), Err(Refusal::CustomerNotFound));
    book.replay();
}

#[test]
fn a_change_of_a_customer_is_made_on_what_stands_when_it_is_decided() {
    let mut book = Book::empty();
    let change = |change: ProfileChange| Command::ChangeCustomer(Box::new(change));
    assert_eq!(book.ask(change(ProfileChange::default())), Err(Refusal::CustomerNotFound));
    book.ask(create_customer("acme")).unwrap();
    let pairs = vec![("plan".into(), "gold".into())];
    let [name, email] = ["Acme", "a@acme.test"].map(|text| Some(Box::from(text)));
    let city = |city: &str| [None, None, Some(city.into()), None, None, None];
    book.ask(change(ProfileChange { name: name.clone(), address: city("Paris"), ..Default::default() }))
        .unwrap();
    book.ask(change(ProfileChange { email: email.clone(), ..Default::default() })).unwrap();
    book.ask(change(ProfileChange { metadata: Some(pairs.clone()), ..Default::default() })).unwrap();
    let all = Profile { name, email, address: city("Paris"), metadata: pairs, ..Profile::default() };
    assert_eq!(book.customer.identity.clone().unwrap().profile, all);
    book.now = second(5);
    let other = ProfileChange { address: city("Rome"), metadata: Some(Vec::new()), ..Default::default() };
    book.ask(change(other)).unwrap();
    let identity = book.customer.identity.clone().unwrap();
    assert_eq!(identity.profile, Profile { address: city("Rome"), metadata: Vec::new(), ..all });
    assert_eq!((identity.updated_at, identity.created_at), (second(5), second(0)));
    book.replay();
}

#[test]
fn a_wallet_that_names_no_currency_counts_in_the_tenants_default() {
    let (mut book, _) = Book::new();
    let ask = || Command::CreateWallet(CreateWallet { currency: None, ..new_wallet() });
    let missing = "missing, and the tenant has no default_currency";
    assert_eq!(book.ask(ask()), Err(Refusal::Invalid { field: "currency", problem: missing }));
    book.settings.default_currency = Some(USD);
    let Effect::WalletCreated { wallet, .. } = book.ask(ask()).unwrap().effect else { panic!("a wallet") };
    assert_eq!((wallet.unit.currency, &*wallet.name), (USD, "Prepaid Wallet - USD"));
    let initial_credits = credits("5");
    book.keyed = false;
    let twin = Command::CreateWallet(CreateWallet { currency: None, initial_credits, ..new_wallet() });
    let refused = Refusal::AlreadyExists("an active wallet of this currency and type");
    assert_eq!(book.ask(twin), Err(refused));
    book.replay();
}

#[test]
fn updating_a_wallet_changes_what_is_named() {
    let (mut book, wallet) = Book::new();
    book.now = second(3);
    let request = crate::command::UpdateWallet {
        alerts: None,
        auto_topup: None,
        wallet,
        name: Some("Main".into()),
        description: Some("text".into()),
        metadata: Some(vec![("a".into(), "b".into())]),
        priority: Some(3),
        allowed_price_types: Some(crate::scope::PriceTypes::FIXED),
        overdraft_limit: None,
    };
    book.ask(Command::UpdateWallet(request.clone())).unwrap();
    let head = &book.state(wallet).head;
    assert_eq!((&*head.name, head.priority, head.updated_at), ("Main", 3, second(3)));
    let negative = crate::command::UpdateWallet { overdraft_limit: Some(Credits::whole(-1)), ..request };
    let refused = Err(Refusal::AmountInvalid("overdraft_limit must be 0 or more"));
    assert_eq!(book.ask(Command::UpdateWallet(negative)), refused);
    book.replay();
}
