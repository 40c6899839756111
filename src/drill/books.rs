//! What every customer should have, recomputed from the acknowledged operations alone, in the order in which the server says
//! that it did them. Own arithmetic and own burn order ([`crate::demo::expect`]); no code of the ledger.
//!
//! An effect that is missing, that happened twice or that is not as it was said breaks the chain of balances of whoever comes
//! next. Reads and refusals do not say when they were decided: what they show must have been true at some moment between
//! sending and answer. After a customer's first difference the rest of that round is not judged: it would follow from the first.

use serde::Deserialize;

use super::findings::Findings;
use super::load::{Answer, Look};
use super::operation::What;
use crate::cli::client::Reply;
use crate::demo::api::{BalanceReply, DebitReply, RefusalReply, amount, nanoseconds, parse};
use crate::demo::check::{self, CLOCK_SLACK_NS, same};
use crate::demo::decimal::Amount;
use crate::demo::plan::TopUp;
use crate::demo::setup::Account;

/// The reply to a top-up, as far as it is compared.
#[derive(Debug, Deserialize)]
struct TopUpReply {
    wallet_transaction: Option<CreditReply>,
    bonus_transaction: Option<CreditReply>,
}

#[derive(Debug, Deserialize)]
struct CreditReply {
    id: String,
    wallet_id: String,
    customer_id: String,
    credit_amount: String,
    credit_balance_before: Option<String>,
    credit_balance_after: Option<String>,
    tranche_id: Option<String>,
    expiry_date: Option<String>,
    transaction_reason: String,
    recorded_at: String,
}

/// A reply of something that took effect.
enum Effect {
    Debit(Box<DebitReply>),
    TopUp(Box<TopUpReply>),
}

/// An effect, and where the server says it stands.
struct Placed<'a> {
    transaction_id: String,
    at_ns: u64,
    answer: &'a Answer,
    effect: Effect,
}

/// From this instant on, so much was available.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at_ns: u64,
    available: Amount,
}

/// One customer as it should be.
pub(crate) struct Book {
    /// What it should have.
    pub(crate) account: Account,
    /// What was available when, in this round.
    moments: Vec<Moment>,
    /// The latest instant that `moments` knows.
    known_to_ns: u64,
    /// Instant of the latest effect.
    last_ns: u64,
    /// A difference was found in this round.
    differs: bool,
}

impl Book {
    /// Opens it with what the customer has at `at_ns`.
    pub(crate) fn new(account: Account, at_ns: u64) -> Self {
        let available = account.expected.available(at_ns);
        let moments = vec![Moment { at_ns, available }];
        Self { account, moments, known_to_ns: at_ns, last_ns: 0, differs: false }
    }

    /// Enters a round's answers of this customer, and compares each with what it should have been.
    pub(crate) fn enter(&mut self, answers: &[&Answer], looks: &[&Look], findings: &mut Findings) {
        let mut effects = Vec::new();
        for answer in answers.iter().filter(|answer| answer.reply.status == 200) {
            match placed(answer) {
                Ok(effect) => effects.push(effect),
                Err(problem) => findings.changed(format!("{}: {problem}", answer.operation.key)),
            }
        }
        // Ids of ledger rows sort in the order of the log.
        effects.sort_by(|left, right| left.transaction_id.cmp(&right.transaction_id));
        for effect in &effects {
            if let Err(difference) = self.take(effect) {
                let (name, key) = (&self.account.name, effect.answer.operation.key);
                findings.changed(format!("{key}, customer {name}: {difference}"));
                self.differs = true;
                return;
            }
        }
        let end_ns =
            answers.iter().map(|answer| answer.received_ns).chain(looks.iter().map(|look| look.received_ns));
        self.pass_time(end_ns.max().unwrap_or(0) + CLOCK_SLACK_NS);
        for answer in answers {
            for reply in std::iter::once(&answer.reply).chain(answer.again.iter().map(|again| &again.reply)) {
                if reply.status != 200
                    && let Err(difference) = self.refusal(answer, reply)
                {
                    findings.changed(format!("{}: {difference}", answer.operation.key));
                }
            }
        }
        for look in looks {
            if let Err(difference) = self.look(look) {
                findings.changed(format!("a read of {}: {difference}", self.account.name));
            }
        }
    }

    /// Ends a round: what is spent or has ended is forgotten.
    pub(crate) fn end_round(&mut self) {
        self.moments.drain(..self.moments.len() - 1);
        self.differs = false;
        let at_ns = self.last_ns.max(self.moments[0].at_ns);
        let Account { expected, tranche_ids, .. } = &mut self.account;
        let lives: Vec<bool> = expected
            .tranches
            .iter()
            .map(|tranche| tranche.remaining > Amount::ZERO && tranche.usable(at_ns))
            .collect();
        let mut kept = lives.iter();
        expected.tranches.retain(|_| kept.next().is_some_and(|lives| *lives));
        let mut kept = lives.iter();
        tranche_ids.retain(|_| kept.next().is_some_and(|lives| *lives));
    }

    /// Compares what the server shows now, between two instants of ours, with what should be left.
    pub(crate) fn compare(
        &self,
        shown: &BalanceReply,
        sent_ns: u64,
        received_ns: u64,
        findings: &mut Findings,
    ) {
        if self.differs {
            return;
        }
        let (from, to) = (sent_ns.saturating_sub(CLOCK_SLACK_NS), received_ns + CLOCK_SLACK_NS);
        let ends = self.account.expected.tranches.iter().filter_map(|tranche| tranche.expires_ns);
        let instants = ends.filter(|end| (from..=to).contains(end)).chain([from]);
        let mut first = None;
        for at_ns in instants {
            match check::balance(&self.account, shown, at_ns) {
                Ok(()) => return,
                Err(difference) => first = first.or(Some(difference)),
            }
        }
        let line = format!("balance of {}: {}", self.account.name, first.unwrap_or_default());
        let expected = self.account.expected.available(to);
        match amount(&shown.posted) {
            Ok(posted) if posted < expected => findings.doubled(line),
            Ok(posted) if posted > self.account.expected.available(from) => findings.lost(line),
            _ => findings.changed(line),
        }
    }

    fn take(&mut self, placed: &Placed<'_>) -> Result<(), String> {
        let (at_ns, answer) = (placed.at_ns, placed.answer);
        let earliest = answer.sent_ns.saturating_sub(CLOCK_SLACK_NS).max(self.last_ns);
        let latest = answer.received_ns + CLOCK_SLACK_NS;
        if at_ns < earliest || at_ns > latest {
            return Err(format!("recorded at {at_ns}, which is not between {earliest} and {latest}"));
        }
        self.pass_time(at_ns);
        self.last_ns = at_ns;
        match (&placed.effect, &answer.operation.what) {
            (Effect::Debit(reply), What::Debit { credits, partial }) => {
                let expected = self.account.expected.debit(*credits, *partial, at_ns);
                let expected = expected
                    .map_err(|refusal| format!("accepted, and should have been refused: {refusal:?}"))?;
                same("customer", &reply.customer_id, &self.account.name)?;
                check::debit_is(&self.account, &expected, reply)?;
            }
            (Effect::TopUp(reply), What::TopUp { wallet, top_up }) => {
                self.credit(reply, *wallet, top_up, at_ns)?;
            }
            _ => return Err("answered as something else".to_owned()),
        }
        self.moments.push(Moment { at_ns, available: self.account.expected.available(at_ns) });
        Ok(())
    }

    fn credit(
        &mut self,
        reply: &TopUpReply,
        wallet: usize,
        top_up: &TopUp,
        at_ns: u64,
    ) -> Result<(), String> {
        let parts = [
            Some((top_up.reason, top_up.credits, top_up.expires_ns)),
            top_up.bonus.map(|(credits, end_ns)| ("PURCHASED_CREDIT_BONUS", credits, Some(end_ns))),
        ];
        let mut posted = self.account.expected.posted(wallet, at_ns);
        let mut tranche_ids = Vec::new();
        for (part, shown) in parts.iter().zip([&reply.wallet_transaction, &reply.bonus_transaction]) {
            same("a row's presence", &shown.is_some(), &part.is_some())?;
            let (Some((reason, credits, expires_ns)), Some(shown)) = (part, shown) else { continue };
            same("customer", &shown.customer_id, &self.account.name)?;
            same("wallet", &shown.wallet_id, &self.account.wallet_ids[wallet])?;
            same("reason", &shown.transaction_reason.as_str(), reason)?;
            same("credits", &shown.credit_amount, &credits.to_string())?;
            same("balance_before", &shown.credit_balance_before, &Some(posted.to_string()))?;
            posted = posted + *credits;
            same("balance_after", &shown.credit_balance_after, &Some(posted.to_string()))?;
            let end_ns = shown.expiry_date.as_deref().map(nanoseconds).transpose()?;
            same("end", &end_ns, expires_ns)?;
            tranche_ids.push(shown.tranche_id.clone().ok_or("a credit without a tranche")?);
        }
        let places = self.account.expected.credit(wallet, top_up);
        for (place, id) in places.into_iter().zip(tranche_ids) {
            self.account.tranche_ids.insert(place, id);
        }
        Ok(())
    }

    /// Knows what is available up to an instant: credit ends by itself.
    fn pass_time(&mut self, to_ns: u64) {
        if to_ns <= self.known_to_ns {
            return;
        }
        let known_to_ns = self.known_to_ns;
        let ends = self.account.expected.tranches.iter().filter(|tranche| tranche.remaining > Amount::ZERO);
        let ends = ends.filter_map(|tranche| tranche.expires_ns);
        let mut ends: Vec<_> = ends.filter(|end| (known_to_ns + 1..=to_ns).contains(end)).collect();
        ends.sort_unstable();
        ends.dedup();
        for at_ns in ends {
            self.moments.push(Moment { at_ns, available: self.account.expected.available(at_ns) });
        }
        self.known_to_ns = to_ns;
    }

    /// What was available at some moment between two instants of ours.
    fn available_between(&self, sent_ns: u64, received_ns: u64) -> impl Iterator<Item = Amount> {
        let (from, to) = (sent_ns.saturating_sub(CLOCK_SLACK_NS), received_ns + CLOCK_SLACK_NS);
        let ends = self.moments.iter().skip(1).map(|moment| moment.at_ns).chain([u64::MAX]);
        self.moments
            .iter()
            .zip(ends)
            .filter(move |(moment, end_ns)| moment.at_ns <= to && *end_ns >= from)
            .map(|(moment, _)| moment.available)
    }

    fn refusal(&self, answer: &Answer, reply: &Reply) -> Result<(), String> {
        let said = || format!("answered {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
        if reply.status != 402 {
            let ended =
                matches!(reply.status, 400 | 422) && answer.operation.ended_before(answer.received_ns);
            return if ended { Ok(()) } else { Err(said()) };
        }
        let What::Debit { credits: asked, partial } = answer.operation.what else { return Err(said()) };
        let RefusalReply { code, details } = parse(reply)?;
        same("code", &code.as_str(), &"insufficient_credits")?;
        let shown = [&details.required, &details.available, &details.shortfall].map(|text| amount(text));
        let [required, available, shortfall] = shown;
        let (required, available, shortfall) = (required?, available?, shortfall?);
        let enough = if partial { available > Amount::ZERO } else { available >= asked };
        if required != asked || enough || shortfall != required - available {
            return Err(format!("refused with {details:?}, and {asked} was asked for"));
        }
        self.was_available(available, answer.sent_ns, answer.received_ns)
    }

    fn look(&self, look: &Look) -> Result<(), String> {
        if look.reply.status != 200 {
            return Err(format!("answered {}", look.reply.status));
        }
        let shown: BalanceReply = parse(&look.reply)?;
        same("available", &shown.available, &shown.posted)?;
        self.was_available(amount(&shown.posted)?, look.sent_ns, look.received_ns)
    }

    fn was_available(&self, shown: Amount, sent_ns: u64, received_ns: u64) -> Result<(), String> {
        if self.available_between(sent_ns, received_ns).any(|available| available == shown) {
            return Ok(());
        }
        let between: Vec<_> =
            self.available_between(sent_ns, received_ns).map(|available| available.to_string()).collect();
        Err(format!("showed {shown}, which was never there; there was {}", between.join(", ")))
    }
}

fn placed(answer: &Answer) -> Result<Placed<'_>, String> {
    let effect = match answer.operation.what {
        What::Debit { .. } => Effect::Debit(Box::new(parse(&answer.reply)?)),
        What::TopUp { .. } => Effect::TopUp(Box::new(parse(&answer.reply)?)),
    };
    let (transaction_id, recorded_at) = match &effect {
        Effect::Debit(reply) => (&reply.transaction_id, &reply.recorded_at),
        Effect::TopUp(reply) => {
            let row = reply.wallet_transaction.as_ref().ok_or("a top-up without a row")?;
            (&row.id, &row.recorded_at)
        }
    };
    let (transaction_id, at_ns) = (transaction_id.clone(), nanoseconds(recorded_at)?);
    Ok(Placed { transaction_id, at_ns, answer, effect })
}

/// The id of the first row that an answer tells of.
pub(crate) fn transaction_of(answer: &Answer, reply: &Reply) -> Option<String> {
    match answer.operation.what {
        What::Debit { .. } => parse::<DebitReply>(reply).ok().map(|reply| reply.transaction_id),
        What::TopUp { .. } => {
            parse::<TopUpReply>(reply).ok().and_then(|reply| reply.wallet_transaction).map(|row| row.id)
        }
    }
}
