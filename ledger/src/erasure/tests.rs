//! Erased records lead to the erased state, and what erases a live one is such a record.

use super::*;
use crate::apply::{apply, bind};
use crate::command::{CreateGrant, GrantFor};
use crate::grant::{Cadence, Rule};
use crate::ids::LogPosition;
use crate::testing::Book;

#[test]
fn folding_erased_records_gives_the_erased_state() {
    let mut book = Book::empty();
    book.ask(Command::CreateCustomer { external_id: "ada".into(), profile: profile("Ada") }).unwrap();
    book.ask(Command::UpdateCustomer { profile: profile("Ada Lovelace") }).unwrap();
    let number = book.customer.number;
    let mut folded = Customer::new(book.customer.tenant, number);
    for (record, position) in book.log.iter().zip(1..) {
        let facts = of_record(record, number).facts;
        apply(&mut folded, &facts);
        folded.last_at = facts.at;
        bind(&mut folded, &facts, LogPosition(position));
        folded.last_position = LogPosition(position);
    }
    folded.last_position = book.customer.last_position;
    assert_eq!(folded, of_customer(&book.customer));
    assert_ne!(folded, book.customer);
    assert_eq!(of_customer(&folded), folded, "erasing again changes nothing");
}

#[test]
fn clearing_records_erase_the_live_state_and_say_nothing_personal_themselves() {
    let mut book = Book::empty();
    book.ask(Command::CreateCustomer { external_id: "ada".into(), profile: profile("Ada") }).unwrap();
    book.ask(Command::CreateGrant(Box::new(grant("Ada's")))).unwrap();
    let (number, now) = (book.customer.number, book.customer.last_at);
    let mut cleared = book.customer.clone();
    let steps = clearing(&book.customer, now);
    assert_eq!(steps.len(), 2, "itself, and its grant");
    for (command, effect) in steps {
        let mut erased =
            Book { customer: of_customer(&book.customer), log: book.log.clone(), ..Book::empty() };
        assert_eq!(erased.ask(command.clone()).unwrap().effect, effect, "as the API would");
        let facts = crate::fact::Facts { at: now, due: Vec::new(), effect, set_off: None };
        let record = Record { origin: Origin::default(), command, facts };
        assert_eq!(of_record(&record, number), record, "it is erased already");
        apply(&mut cleared, &record.facts);
    }
    assert_eq!(of_customer(&cleared), cleared);
    assert_eq!(clearing(&cleared, now), [], "once is enough");
    assert_eq!(cleared.identity.as_ref().unwrap().profile, Profile::default());
    assert_eq!(cleared, of_customer(&book.customer));
}

#[test]
fn an_erased_customer_answers_to_its_id_and_one_without_gets_one() {
    let mut book = Book::empty();
    book.ask(Command::CreateCustomer { external_id: "ada".into(), profile: profile("Ada") }).unwrap();
    let identity = book.customer.identity.clone().unwrap();
    let CustomerId::Minted(id) = identity.id else { panic!("it was made with an id") };
    assert_eq!(*name_of(&identity, book.customer.number), *id.to_string());
    let named = Identity { id: CustomerId::Named, ..identity };
    let name = name_of(&named, book.customer.number);
    let made: MintedCustomerId = name.parse().unwrap();
    assert_eq!(made.0.customer(), book.customer.number);
}

fn grant(name: &str) -> CreateGrant {
    let rule = Rule {
        currency: Some(crate::testing::USD),
        ..Rule::new(crate::amount::Credits::ONE, Cadence::OneTime)
    };
    let metadata = vec![("who".into(), name.into())];
    CreateGrant { metadata, ..CreateGrant::new(GrantFor::Customer, name, rule) }
}

fn profile(name: &str) -> Profile {
    Profile { name: Some(name.into()), timezone: Some("Europe/London".into()), ..Profile::default() }
}
