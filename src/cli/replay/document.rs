//! The answer as JSON. Amounts are strings.

use std::path::Path;

use coffer_ledger::amount::Credits;
use coffer_ledger::tranche::Source;
use coffer_ledger::unit::Unit;
use serde_json::{Map, Value, json};

use crate::cli::instant::rfc3339;
use crate::whatif::{Answer, BySource, CustomerAnswer, Figures, Refused, UnitFigures, Why};

/// Everything.
pub(super) fn of(answer: &Answer, rules: Option<&Path>) -> Value {
    json!({
        "rules": rules,
        "from": answer.from.0,
        "to": answer.to.0,
        "until": rfc3339(answer.until.0),
        "records": answer.records,
        "differing": answer.differing,
        "refused": answer.refused,
        "following": answer.following,
        "customers_differing": answer.customers.iter().filter(|customer| customer.differs()).count(),
        "units": answer.units.iter().map(unit).collect::<Vec<_>>(),
        "customers": answer.customers.iter().map(customer).collect::<Vec<_>>(),
    })
}

/// A customer, as a line of its own.
pub(super) fn customer_line(answer: &CustomerAnswer) -> Value {
    let mut line = customer(answer);
    line["kind"] = json!("customer");
    line
}

fn customer(answer: &CustomerAnswer) -> Value {
    let refusals = &answer.refusals;
    json!({
        "tenant": answer.tenant,
        "customer": answer.external_id,
        "customer_id": answer.id,
        "records": answer.records,
        "differing": answer.differing,
        "units": answer.units.iter().map(unit).collect::<Vec<_>>(),
        "refused": refusals.count,
        "refused_credits": credits(&refusals.credits),
        "following": refusals.following,
        "first_refusals": refusals.first.iter().map(refused).collect::<Vec<_>>(),
    })
}

/// A request that the shadow refused.
pub(super) fn refused(refused: &Refused) -> Value {
    json!({
        "record": refused.position.0,
        "at": rfc3339(refused.at.0),
        "request": refused.request,
        "credits": credits(&refused.credits),
        "follows": matches!(refused.why, Why::Follows(_)),
        "reason": refused.why.to_string(),
    })
}

fn credits(sums: &[(Unit, Credits)]) -> Value {
    let each = sums.iter().map(|(unit, credits)| {
        let mut named = unit_named(unit);
        named["credits"] = text(*credits);
        named
    });
    each.collect()
}

fn unit_named(unit: &Unit) -> Value {
    json!({
        "currency": unit.currency.as_str(),
        "price_unit": unit.price_unit.as_ref().map(|price_unit| price_unit.as_str()),
        "conversion_rate": unit.conversion_rate.to_string(),
    })
}

fn unit(figures: &UnitFigures) -> Value {
    let mut named = unit_named(&figures.unit);
    named["log"] = side(&figures.log, None);
    named["shadow"] = side(&figures.shadow, None);
    named["difference"] = side(&figures.shadow, Some(&figures.log));
    named
}

/// One side, or how much more than the other one it is.
fn side(figures: &Figures, less: Option<&Figures>) -> Value {
    let nothing = Figures::default();
    let less = less.unwrap_or(&nothing);
    let sources = |of: fn(&Figures) -> &BySource| by_source(of(figures), of(less));
    let one = |of: fn(&Figures) -> Credits| text(of(figures) - of(less));
    json!({
        "spent": sources(|figures| &figures.tally.spent),
        "overdraft": one(|figures| figures.tally.overdraft),
        "given_back": sources(|figures| &figures.tally.given_back),
        "overdraft_given_back": one(|figures| figures.tally.overdraft_given_back),
        "expired": sources(|figures| &figures.tally.expired),
        "uncollected": one(|figures| figures.tally.uncollected),
        "posted": one(|figures| figures.posted),
        "held": one(|figures| figures.held),
        "debt": one(|figures| figures.debt),
    })
}

fn by_source(figures: &BySource, less: &BySource) -> Value {
    let mut all: Map<String, Value> = Source::ALL
        .into_iter()
        .map(|source| (source.as_str().to_owned(), text(figures.of(source) - less.of(source))))
        .collect();
    all.insert("total".to_owned(), text(figures.total() - less.total()));
    Value::Object(all)
}

fn text(credits: Credits) -> Value {
    json!(credits.to_string())
}
