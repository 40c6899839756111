//! A statement as a page to print: one file without any other, and without a script. Everything that somebody wrote is escaped.
//!
//! Digits are all there, as the ledger has them, thousands apart. Times are by the clocks of the heading's zone, which it names.

use std::fmt::Write;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::calendar::Zone;
use coffer_ledger::recharge::RechargeOrigin;
use coffer_ledger::unit::Unit;

use super::{
    Heading, HoldAtEnd, ReasonTotal, Statement, StatementAlert, StatementLine, StatementRecharge, StatusThen,
    TrancheAtEnd, WalletStatement,
};
use crate::books::period::Period;

const STYLE: &str = include_str!("style.css");
/// Stands between thousands: narrow, and no place for a line to break.
const NARROW_SPACE: char = '\u{202f}';

/// The page.
pub(super) fn page(statement: &Statement, heading: &Heading) -> String {
    let mut page = Page { text: String::new(), zone: heading.zone };
    page.head(statement, heading);
    for wallet in &statement.wallets {
        page.wallet(wallet, statement.of.period);
    }
    if statement.wallets.is_empty() {
        page.raw("<section><p class=\"none\">No wallet was used by the end of this period.</p></section>\n");
    }
    page.foot(statement, heading);
    page.text
}

/// The page so far.
struct Page {
    text: String,
    zone: Zone,
}

impl Page {
    fn raw(&mut self, html: &str) {
        self.text.push_str(html);
    }

    fn put(&mut self, html: std::fmt::Arguments<'_>) {
        self.text.write_fmt(html).expect("a string takes everything");
    }

    fn head(&mut self, statement: &Statement, heading: &Heading) {
        let Heading { tenant, customer_id, external_id, name, zone } = heading;
        let customer = escaped(name.as_deref().unwrap_or(external_id));
        let (from, to) = self.span(statement.of.period);
        self.put(format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>Statement: {customer}, {from} to {to}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<div>\n\
             <p class=\"issuer\">{}</p>\n<h1>Statement of credits</h1>\n</div>\n<dl class=\"facts\">\n",
            escaped(tenant)
        ));
        self.fact("Customer", &customer);
        if customer_id != external_id || name.is_some() {
            self.fact("Customer ID", &format!("<span class=\"id\">{}</span>", escaped(customer_id)));
        }
        self.fact("From", &from);
        self.fact("To, not included", &to);
        self.fact("Times", zone.name());
        self.fact("Ledger position", &statement.position.to_string());
        self.raw("</dl>\n</header>\n");
    }

    fn fact(&mut self, term: &str, html: &str) {
        self.put(format_args!("<dt>{term}</dt><dd>{html}</dd>\n"));
    }

    /// Both ends; days alone where both are midnight.
    fn span(&self, period: Period) -> (String, String) {
        let (from, to) = (self.zone.shown(period.from()), self.zone.shown(period.to()));
        let day = |text: &str| text.strip_suffix(" 00:00:00").map(str::to_owned);
        match (day(&from), day(&to)) {
            (Some(from), Some(to)) => (from, to),
            _ => (from, to),
        }
    }

    fn wallet(&mut self, wallet: &WalletStatement, period: Period) {
        self.put(format_args!(
            "<section>\n<h2>Wallet <span class=\"id\">{}</span></h2>\n<p class=\"unit\">{}</p>\n",
            wallet.wallet,
            unit(&wallet.unit)
        ));
        self.figures(wallet);
        self.raw("<h3>Transactions</h3>\n");
        self.lines(wallet, period);
        if !wallet.totals.is_empty() {
            self.raw("<h3>By reason</h3>\n");
            self.totals(&wallet.totals);
        }
        if !wallet.recharges.is_empty() {
            self.raw("<h3>Recharges, as they stood at the end of the period</h3>\n");
            self.recharges(&wallet.recharges);
        }
        if !wallet.alerts.is_empty() {
            self.raw("<h3>Alerts</h3>\n");
            self.alerts(&wallet.alerts);
        }
        self.raw("<h3>Credit at the end of the period</h3>\n");
        self.tranches(&wallet.tranches);
        if !wallet.holds.is_empty() {
            self.raw("<h3>On hold at the end of the period</h3>\n");
            self.holds(&wallet.holds);
        }
        self.raw("</section>\n");
    }

    fn figures(&mut self, wallet: &WalletStatement) {
        let credits_in = wallet.totals.iter().map(|total| total.credits_in).sum();
        let credits_out = wallet.totals.iter().map(|total| total.credits_out).sum();
        let currency = wallet.unit.currency.as_str().to_uppercase();
        let paid = |paid: Money| format!("{} {currency} paid", number(paid));
        self.raw("<div class=\"figures\">\n");
        self.figure("Opening balance", wallet.opening.credits, &paid(wallet.opening.paid));
        self.figure("Credits in", credits_in, "");
        self.figure("Credits out", credits_out, "");
        let note = if wallet.debt.is_zero() {
            paid(wallet.closing.paid)
        } else {
            format!("{}; {} overdrawn", paid(wallet.closing.paid), number(wallet.debt))
        };
        self.figure("Closing balance", wallet.closing.credits, &note);
        self.raw("</div>\n");
    }

    fn figure(&mut self, name: &str, credits: Credits, note: &str) {
        self.put(format_args!(
            "<div><span>{name}</span><b>{}</b><small>{note}</small></div>\n",
            number(credits)
        ));
    }

    fn lines(&mut self, wallet: &WalletStatement, period: Period) {
        self.raw(
            "<table>\n<thead><tr><th>Date</th><th>What</th><th class=\"n\">In</th><th class=\"n\">Out</th><th class=\"n\">Balance</th>\
             <th class=\"n\">Paid value</th></tr></thead>\n<tbody>\n",
        );
        let (from, to) = self.span(period);
        self.edge(&from, "Opening balance", wallet.opening.credits, wallet.opening.paid);
        wallet.lines.iter().for_each(|line| self.line(line));
        self.edge(&to, "Closing balance", wallet.closing.credits, wallet.closing.paid);
        self.raw("</tbody>\n</table>\n");
    }

    fn edge(&mut self, at: &str, name: &str, credits: Credits, paid: Money) {
        self.put(format_args!(
            "<tr class=\"edge\"><td class=\"when\">{at}</td><td>{name}</td><td></td><td></td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
            number(credits),
            number(paid)
        ));
    }

    fn line(&mut self, line: &StatementLine) {
        let (credits_in, credits_out) = line.sides();
        let side = |credits: Credits| if credits.is_zero() { String::new() } else { number(credits) };
        let paid = if line.paid.is_zero() { String::new() } else { number(line.paid) };
        self.put(format_args!(
            "<tr><td class=\"when\">{}</td><td>{}{}<small class=\"id\">{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{paid}</td></tr>\n",
            self.zone.shown(line.effective_at),
            in_words(&line.reason),
            notes(line),
            line.row,
            side(credits_in),
            side(credits_out),
            number(line.balance)
        ));
    }

    fn totals(&mut self, totals: &[ReasonTotal]) {
        self.raw(
            "<table>\n<thead><tr><th>Reason</th><th class=\"n\">Rows</th><th class=\"n\">In</th><th class=\"n\">Out</th>\
             <th class=\"n\">Paid value</th></tr></thead>\n<tbody>\n",
        );
        for total in totals {
            self.put(format_args!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
                in_words(&total.reason),
                total.rows,
                number(total.credits_in),
                number(total.credits_out),
                number(total.paid)
            ));
        }
        self.raw("</tbody>\n</table>\n");
    }

    fn recharges(&mut self, recharges: &[StatementRecharge]) {
        self.raw(
            "<table>\n<thead><tr><th>Began</th><th>Asked for by</th><th>Payment</th><th class=\"n\">Credits</th>\
             <th class=\"n\">To be paid</th></tr></thead>\n<tbody>\n",
        );
        recharges.iter().for_each(|recharge| self.recharge(recharge));
        self.raw("</tbody>\n</table>\n");
        if recharges.iter().any(|recharge| recharge.status == StatusThen::Trusted) {
            self.raw("<p class=\"none\">Trusted: the credit is there, and no result of its payment was reported.</p>\n");
        }
    }

    fn recharge(&mut self, recharge: &StatementRecharge) {
        let by = match recharge.origin {
            RechargeOrigin::Auto => "Automatic top-up",
            RechargeOrigin::TopUp => "Top-up",
        };
        let why = recharge.reason.map(|reason| in_words(reason.as_str()));
        let ended = recharge.ended_at.map(|at| self.zone.shown(at));
        let said: Vec<_> = [why, ended].into_iter().flatten().collect();
        let ids = [
            Some(recharge.id.to_string()),
            recharge.invoice.map(|id| id.to_string()),
            recharge.row.map(|id| id.to_string()),
        ];
        let ids: Vec<_> = ids.into_iter().flatten().collect();
        self.put(format_args!(
            "<tr><td class=\"when\">{}</td><td>{by}<small class=\"id\">{}</small></td><td>{}<small>{}</small></td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>\n",
            self.zone.shown(recharge.begun_at),
            ids.join(" · "),
            in_words(recharge.status.as_str()),
            said.join(" · "),
            number(recharge.credits),
            number(recharge.charged)
        ));
    }

    fn alerts(&mut self, alerts: &[StatementAlert]) {
        self.raw(
            "<table>\n<thead><tr><th>Date</th><th>Alert</th><th>From</th><th>To</th><th class=\"n\">Balance</th></tr></thead>\n<tbody>\n",
        );
        for alert in alerts {
            let runway =
                alert.runway_s.map_or(String::new(), |seconds| format!(", empty in {} s", number(seconds)));
            let row = alert.row.map_or(String::new(), |row| format!("<small class=\"id\">{row}</small>"));
            self.put(format_args!(
                "<tr><td class=\"when\">{}</td><td>{}{runway}{row}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td></tr>\n",
                self.zone.shown(alert.at),
                in_words(alert.kind.as_str()),
                in_words(alert.from.as_str()),
                in_words(alert.to.as_str()),
                number(alert.posted)
            ));
        }
        self.raw("</tbody>\n</table>\n");
    }

    fn tranches(&mut self, tranches: &[TrancheAtEnd]) {
        if tranches.is_empty() {
            return self.raw("<p class=\"none\">None.</p>\n");
        }
        self.raw(
            "<table>\n<thead><tr><th>Ends</th><th>Source</th><th class=\"n\">Of</th><th class=\"n\">Left</th>\
             <th class=\"n\">Paid value</th></tr></thead>\n<tbody>\n",
        );
        for tranche in tranches {
            let ends = tranche.expires_at.map_or("never".to_owned(), |at| self.zone.shown(at));
            self.put(format_args!(
                "<tr><td class=\"when\">{ends}</td><td>{}<small class=\"id\">{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td></tr>\n",
                in_words(&tranche.source),
                tranche.tranche,
                number(tranche.original),
                number(tranche.left.credits),
                number(tranche.left.paid)
            ));
        }
        self.raw("</tbody>\n</table>\n");
    }

    fn holds(&mut self, holds: &[HoldAtEnd]) {
        self.raw(
            "<table>\n<thead><tr><th>Placed</th><th>Hold</th><th class=\"n\">Held</th></tr></thead>\n<tbody>\n",
        );
        for hold in holds {
            self.put(format_args!(
                "<tr><td class=\"when\">{}</td><td class=\"id\">{}</td><td class=\"n\">{}</td></tr>\n",
                self.zone.shown(hold.placed_at),
                hold.hold,
                number(hold.held)
            ));
        }
        self.raw("</tbody>\n</table>\n");
    }

    fn foot(&mut self, statement: &Statement, heading: &Heading) {
        self.put(format_args!(
            "<footer>{} · true up to record {} of the ledger. Paid value is the share of what was paid for the credit that moved; credit \
             that was given has none. Scheduled credit is in no figure.</footer>\n</body>\n</html>\n",
            escaped(&heading.tenant),
            statement.position
        ));
    }
}

/// What a row belongs to, and what its request said.
fn notes(line: &StatementLine) -> String {
    let reference = match (&line.reference_type, &line.reference_id) {
        (Some(of), Some(id)) => Some(format!("{of} {id}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    };
    let texts = [line.description.as_ref(), reference.as_ref(), line.belongs_to.as_ref()];
    let said: Vec<_> = texts.into_iter().flatten().map(|text| escaped(text)).collect();
    if said.is_empty() { String::new() } else { format!("<small>{}</small>", said.join(" · ")) }
}

fn unit(unit: &Unit) -> String {
    let currency = unit.currency.as_str().to_uppercase();
    let rate = number(unit.conversion_rate);
    match &unit.price_unit {
        Some(price_unit) => format!("Counts in {} · 1 {0} = {rate} {currency}", escaped(price_unit.as_str())),
        None => format!("1 credit = {rate} {currency}"),
    }
}

/// `USAGE_DEBIT` as people write it.
fn in_words(word: &str) -> String {
    let mut text = escaped(&word.to_lowercase().replace('_', " "));
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A decimal number with its thousands apart and a true minus.
fn number(amount: impl ToString) -> String {
    let text = amount.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", &*text), |digits| ("\u{2212}", digits));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut shown = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            shown.push(NARROW_SPACE);
        }
        shown.push(digit);
    }
    shown + rest
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit_and_have_their_thousands_apart() {
        let shown = |text: &str| number(Credits::parse_json(text).unwrap()).replace(NARROW_SPACE, "_");
        assert_eq!(shown("1234567.000000000000001"), "1_234_567.000000000000001");
        assert_eq!((&*shown("-1234"), &*shown("999"), &*shown("0.5")), ("\u{2212}1_234", "999", "0.5"));
    }

    #[test]
    fn what_somebody_wrote_is_no_html() {
        assert_eq!(escaped("<b title=\"a\">'&'"), "&lt;b title=&quot;a&quot;&gt;&#39;&amp;&#39;");
        assert_eq!(in_words("<USAGE_debit"), "&lt;usage debit");
        assert_eq!(in_words("USAGE_DEBIT"), "Usage debit");
    }
}
