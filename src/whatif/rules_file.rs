//! The file with other rules: TOML, strict. A key that is not known is an error that names it and says what is allowed.
//!
//! Everything in it is optional; docs/OPERATIONS.md describes it, config/what-if.example.toml is one. Amounts are whole numbers or
//! texts: a TOML float is binary and would not be what it says.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use coffer_ledger::amount::{AmountError, Credits, Rate, Usage};
use coffer_ledger::burn_order::{BurnOrder, SORT_KEYS_MAX, SortKey};
use coffer_ledger::catalog::rate_card::{RateCard, Tier};
use coffer_ledger::catalog::tenant::{
    self, RateCardAsked, Tenant, TenantCommand, TenantContext, TenantEffect,
};
use coffer_ledger::ids::{TenantNumber, WalletId};
use coffer_ledger::limits::TenantLimits;
use coffer_ledger::time::Timestamp;
use coffer_ledger::tranche::Source;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::rules::{LifeSpan, OtherOverdraft, OtherPriorities, Rules};

/// Why a file is not rules.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// No TOML, an unknown key, or a value of the wrong kind; names the line.
    #[error("{0}")]
    Toml(#[from] Box<toml::de::Error>),
    /// A value that cannot be.
    #[error("{key}: {problem}")]
    Value {
        /// Where.
        key: String,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}

impl RulesError {
    fn value(key: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self::Value { key: key.into(), problem: problem.to_string() }
    }
}

impl Rules {
    /// Reads a rules file.
    ///
    /// # Errors
    /// [`RulesError`]: what is wrong, where, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let file: File = toml::from_str(text).map_err(Box::new)?;
        Ok(Self {
            burn_order: burn_order(&file.burn_order)?,
            default_priorities: file.default_priorities.into(),
            expiry: expiry(&file.expiry)?,
            rate_cards: file
                .rate_card
                .into_iter()
                .enumerate()
                .map(|(index, card)| card.read(index))
                .collect::<Result<_, _>>()?,
            overdraft: overdraft(file.overdraft)?,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    burn_order: Vec<String>,
    default_priorities: Priorities,
    expiry: BTreeMap<String, Life>,
    rate_card: Vec<Card>,
    overdraft: Overdraft,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Priorities {
    purchased: Option<u32>,
    promotional: Option<u32>,
    plan_included: Option<u32>,
    refund: Option<u32>,
    adjustment: Option<u32>,
}

impl From<Priorities> for OtherPriorities {
    fn from(file: Priorities) -> Self {
        let Priorities { purchased, promotional, plan_included, refund, adjustment } = file;
        Self { purchased, promotional, plan_included, refund, adjustment }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "an end is \"never\" or a number of days from 1 to 36500")]
enum Life {
    Days(u32),
    Word(String),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Overdraft {
    all: Option<Amount<Credits>>,
    wallets: BTreeMap<String, Amount<Credits>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    meter: Box<str>,
    valid_from: Option<toml::value::Datetime>,
    valid_to: Option<toml::value::Datetime>,
    #[serde(default)]
    filters: BTreeMap<Box<str>, Box<str>>,
    tiers: Vec<CardTier>,
    minimum: Option<Amount<Credits>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardTier {
    up_to: Option<Amount<Usage>>,
    credits_per_unit: Amount<Rate>,
}

/// Words for what a burn order can look at.
const SORT_KEYS: [(&str, SortKey); 13] = [
    ("priority", SortKey::Priority),
    ("expires_at", SortKey::ExpiresAt),
    ("bound_first", SortKey::BoundFirst),
    ("free_first", SortKey::FreeFirst),
    ("paid_first", SortKey::PaidFirst),
    ("oldest_first", SortKey::EffectiveAt),
    ("newest_first", SortKey::NewestFirst),
    ("purchased_first", SortKey::SourceFirst(Source::Purchased)),
    ("promotional_first", SortKey::SourceFirst(Source::Promotional)),
    ("plan_included_first", SortKey::SourceFirst(Source::PlanIncluded)),
    ("refund_first", SortKey::SourceFirst(Source::Refund)),
    ("adjustment_first", SortKey::SourceFirst(Source::Adjustment)),
    ("rollover_first", SortKey::SourceFirst(Source::Rollover)),
];

fn burn_order(words: &[String]) -> Result<BurnOrder, RulesError> {
    let mut keys = Vec::new();
    for word in words {
        let key = SORT_KEYS.iter().find(|(known, _)| known == word).map(|(_, key)| *key);
        let allowed = || SORT_KEYS.map(|(known, _)| known).join(", ");
        keys.push(
            key.ok_or_else(|| RulesError::value("burn_order", format!("{word:?} is none of {}", allowed())))?,
        );
    }
    BurnOrder::by(&keys)
        .ok_or_else(|| RulesError::value("burn_order", format!("has more than {SORT_KEYS_MAX} words")))
}

/// Sources that new credit can have.
const MINTED: [Source; 5] =
    [Source::Purchased, Source::Promotional, Source::PlanIncluded, Source::Refund, Source::Adjustment];
const DAYS_MAX: u32 = 36_500;

fn expiry(file: &BTreeMap<String, Life>) -> Result<BTreeMap<Source, LifeSpan>, RulesError> {
    let mut expiry = BTreeMap::new();
    for (word, life) in file {
        let key = || format!("expiry.{word}");
        let source = MINTED.into_iter().find(|source| source.as_str() == word);
        let source = source.ok_or_else(|| {
            RulesError::value(key(), format!("is none of {}", MINTED.map(Source::as_str).join(", ")))
        })?;
        let span = match life {
            Life::Days(days) if (1..=DAYS_MAX).contains(days) => LifeSpan::Days(*days),
            Life::Word(word) if word == "never" => LifeSpan::Never,
            Life::Days(_) | Life::Word(_) => {
                let allowed = format!("must be \"never\" or a number of days from 1 to {DAYS_MAX}");
                return Err(RulesError::value(key(), allowed));
            }
        };
        expiry.insert(source, span);
    }
    Ok(expiry)
}

fn overdraft(file: Overdraft) -> Result<OtherOverdraft, RulesError> {
    let limit = |key: String, amount: Amount<Credits>| {
        if amount.0.is_negative() { Err(RulesError::value(key, "must be 0 or more")) } else { Ok(amount.0) }
    };
    let all = file.all.map(|amount| limit("overdraft.all".to_owned(), amount)).transpose()?;
    let mut wallets = BTreeMap::new();
    for (text, amount) in file.wallets {
        let key = format!("overdraft.wallets.{text}");
        let wallet: WalletId = text.parse().map_err(|error| RulesError::value(key.clone(), error))?;
        wallets.insert(wallet, limit(key, amount)?);
    }
    Ok(OtherOverdraft { all, wallets })
}

impl Card {
    /// The ledger itself says whether it can be. Its id is one of nobody's.
    fn read(self, index: usize) -> Result<RateCard, RulesError> {
        let key = |field: &str| format!("rate_card {}: {field}", index + 1);
        if self.meter.is_empty() || self.meter.len() > METER_BYTES_MAX {
            return Err(RulesError::value(key("meter"), format!("1 to {METER_BYTES_MAX} bytes")));
        }
        let time = |field: &str, at: Option<toml::value::Datetime>| {
            at.map(|at| timestamp(&at).map_err(|problem| RulesError::value(key(field), problem))).transpose()
        };
        let asked = RateCardAsked {
            quantity_property: None,
            valid_from: Some(time("valid_from", self.valid_from)?.unwrap_or(Timestamp(0))),
            valid_to: time("valid_to", self.valid_to)?,
            filters: self.filters.into_iter().collect(),
            tiers: self.tiers.into_iter().map(CardTier::read).collect(),
            minimum: self.minimum.map_or(Credits::ZERO, |minimum| minimum.0),
            meter: self.meter,
        };
        let nobody = Tenant {
            name: Some("what-if".into()),
            rate_cards_made: u64::try_from(index).expect("a usize fits"),
            ..Tenant::new(TenantNumber(u32::MAX))
        };
        let context = TenantContext { now: Timestamp(0), limits: &TenantLimits::default() };
        let set = TenantCommand::SetRateCard { id: None, card: asked };
        match tenant::decide(&nobody, &set, &context) {
            Ok(facts) => match facts.effect {
                TenantEffect::RateCardSet(card) => Ok(*card),
                _ => unreachable!("a card that is set is what is decided"),
            },
            Err(refusal) => Err(RulesError::value(format!("rate_card {}", index + 1), refusal)),
        }
    }
}

/// As the API has it.
const METER_BYTES_MAX: usize = 64;

impl CardTier {
    fn read(self) -> Tier {
        Tier { up_to: self.up_to.map(|up_to| up_to.0), credits_per_unit: self.credits_per_unit.0 }
    }
}

fn timestamp(at: &toml::value::Datetime) -> Result<Timestamp, &'static str> {
    const ALLOWED: &str = "must be a date and time with an offset, as 2026-03-01T00:00:00Z";
    let parsed = chrono::DateTime::parse_from_rfc3339(&at.to_string()).map_err(|_| ALLOWED)?;
    let ns = parsed.timestamp_nanos_opt().ok_or("must be before the year 2262")?;
    u64::try_from(ns).map(Timestamp).map_err(|_| "must not be before 1970")
}

/// An exact number: whole, or in quotes.
struct Amount<T>(T);

/// What [`Amount`] can be of.
trait Exact: Sized {
    fn exact(text: &str) -> Result<Self, AmountError>;
}

macro_rules! exact {
    ($($name:ident),*) => {$(
        impl Exact for $name {
            fn exact(text: &str) -> Result<Self, AmountError> {
                Self::parse_json(text)
            }
        }
    )*};
}

exact!(Credits, Rate, Usage);

impl<'de, T: Exact> Deserialize<'de> for Amount<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor(PhantomData)).map(Amount)
    }
}

struct AmountVisitor<T>(PhantomData<T>);

impl<T: Exact> Visitor<'_> for AmountVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or a decimal number in quotes")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        T::exact(&number.to_string()).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::exact(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Rules::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert!(Rules::parse("").unwrap().is_empty());
    }

    #[test]
    fn the_example_is_read_and_changes_everything_that_can_be_changed() {
        let rules = Rules::parse(include_str!("../../config/what-if.example.toml")).unwrap();
        assert_eq!(
            rules.burn_order,
            BurnOrder::by(&[SortKey::ExpiresAt, SortKey::SourceFirst(Source::Purchased)]).unwrap()
        );
        assert_eq!(rules.default_priorities.promotional, Some(5));
        assert_eq!(rules.expiry[&Source::Promotional], LifeSpan::Days(30));
        assert_eq!(rules.expiry[&Source::Purchased], LifeSpan::Never);
        assert_eq!(rules.rate_cards.len(), 2);
        assert_eq!(rules.rate_cards[0].tiers[0].credits_per_unit, Rate::parse_json("0.0025").unwrap());
        assert_ne!(rules.rate_cards[0].id, rules.rate_cards[1].id);
        assert_eq!(rules.overdraft.all, Some(Credits::ZERO));
        assert_eq!(rules.overdraft.wallets.len(), 1);
    }

    #[test]
    fn a_key_that_is_not_known_is_named_with_what_is_allowed() {
        let text = problem("burn_ordre = []");
        assert!(text.contains("burn_ordre") && text.contains("burn_order"), "{text}");
        let text = problem("[default_priorities]\nrollover = 3");
        assert!(text.contains("rollover") && text.contains("plan_included"), "{text}");
        let text = problem("[overdraft]\neach = 3");
        assert!(text.contains("each") && text.contains("wallets"), "{text}");
        let text = problem("[[rate_card]]\nmeter = \"m\"\nquantity_property = \"q\"\ntiers = []");
        assert!(text.contains("quantity_property") && text.contains("valid_from"), "{text}");
    }

    #[test]
    fn a_value_that_cannot_be_says_what_is_allowed() {
        for (text, expected) in [
            ("burn_order = [\"expiry\"]", "\"expiry\" is none of priority, expires_at"),
            ("[expiry]\nbonus = 3", "expiry.bonus: is none of purchased, promotional"),
            ("[expiry]\nrefund = 0", "expiry.refund: must be \"never\" or a number of days"),
            ("[expiry]\nrefund = \"soon\"", "expiry.refund: must be \"never\""),
            ("[overdraft]\nall = -1", "overdraft.all: must be 0 or more"),
            ("[overdraft]\nall = 1.5", "a decimal number in quotes"),
            ("[overdraft.wallets]\nw = 1", "overdraft.wallets.w: not an id of the form wallet_"),
            ("[[rate_card]]\nmeter = \"m\"\ntiers = []", "rate_card 1: tiers: must have at least one"),
            (
                "[[rate_card]]\nmeter = \"m\"\nvalid_to = 2026-01-01\ntiers = []",
                "valid_to: must be a date and time with an offset",
            ),
        ] {
            let text = problem(text);
            assert!(text.contains(expected), "{expected:?} is not in: {text}");
        }
        let many = format!("burn_order = [{}]", "\"priority\",".repeat(9));
        assert!(problem(&many).contains("more than 8"));
    }
}
