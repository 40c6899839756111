//! A second opinion: the rules of `SEMANTICS` §1–8, §11 (payments that fail), §13, §14, §15, §17–19 once more, written from that page alone.
//!
//! Slow on purpose. Amounts are big fractions, histories are kept whole, every figure is summed anew when it is asked for,
//! and an operation works on a copy of everything. Nothing here is shared with the crate but the words of its vocabulary
//! (commands, ids, instants), so that a mistake in one is not a mistake in the other.
//!
//! Absent: alerts, automatic recharges, credit that waits for its payment, changes of plans that somebody is enrolled in, and time zones that change their clocks.

pub(crate) mod back;
pub(crate) mod budget;
pub(crate) mod coming;
pub(crate) mod credit;
pub(crate) mod debit;
pub(crate) mod event;
pub(crate) mod grant;
pub(crate) mod hold;
pub(crate) mod invoice;
pub(crate) mod life;
pub(crate) mod number;
pub(crate) mod outcome;
pub(crate) mod purchase;
pub(crate) mod state;
pub(crate) mod transfer;
pub(crate) mod view;

use std::collections::BTreeMap;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::catalog::grant::PlanGrant;
use coffer_ledger::catalog::rate_card::RateCard;
use coffer_ledger::catalog::tenant::Settings;
use coffer_ledger::command::{Asked, Command, HoldAsked, Quantity};
use coffer_ledger::ids::{CustomerNumber, TransferId, WalletId};
use coffer_ledger::limits::Limits;
use coffer_ledger::looked_up::Receiver;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::PriceType;

use back::{Old, Past};
use budget::Node;
use grant::{Enrolment, Giving};
use hold::Booking;
use invoice::Bill;
use number::{Q, leaves_12_digits, total};
use outcome::{Done, Line, No, Outcome, Row};
use purchase::Purchase;
use state::{Block, Person, Purse, burns_before};
use transfer::Sending;

/// What an operation depends on beside the state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) now: Timestamp,
    pub(crate) settings: &'a Settings,
    pub(crate) cards: &'a [RateCard],
    pub(crate) plans: &'a [PlanGrant],
    pub(crate) limits: &'a Limits,
    /// Whether the request carries an idempotency key.
    pub(crate) keyed: bool,
    /// Whose wallets these are, and who would receive a transfer.
    pub(crate) own: CustomerNumber,
    pub(crate) receiver: Option<&'a Receiver>,
}

/// Everything about one customer, ever.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) person: Option<Person>,
    pub(crate) wallets: Vec<Purse>,
    pub(crate) tranches: Vec<Block>,
    pub(crate) holds: Vec<Booking>,
    /// Holds in the order in which they ended.
    pub(crate) closed: Vec<usize>,
    pub(crate) budgets: BTreeMap<String, Node>,
    /// How often a cap has begun to count from nothing.
    pub(crate) countings: usize,
    pub(crate) bills: BTreeMap<String, Bill>,
    pub(crate) sendings: Vec<Sending>,
    pub(crate) received: Vec<TransferId>,
    pub(crate) enrolments: Vec<Enrolment>,
    pub(crate) givings: Vec<Giving>,
    /// Every purchase that was trusted.
    pub(crate) purchases: Vec<Purchase>,
    /// Every accepted operation.
    pub(crate) past: Vec<Past>,
    /// Lines and debits of the operation that is under way.
    lines: Vec<Line>,
    debits: Vec<Old>,
}

impl Model {
    /// One operation: what it did, or every reason against it. A refusal changes nothing, not even what is due (§8).
    pub(crate) fn step(&mut self, command: &Command, around: Circumstances) -> Result<Outcome, Vec<No>> {
        let mut faults = faults_of_request(command, around);
        if !faults.is_empty() {
            faults.extend(self.look_up_faults(command));
            if let Command::CreateWallet(ask) = command {
                // Some of these are about the state, and told before those about dates.
                faults.extend(self.clone().create_wallet(ask, around).err().unwrap_or_default());
            }
            return Err(faults);
        }
        let mut next = self.clone();
        let limits = around.limits;
        let (at_most, pins) = match command {
            Command::Tick => (limits.due_per_record_max, limits.hold_pins_per_record_max),
            _ => (usize::MAX, usize::MAX),
        };
        let happened = next.catch_up_in_parts(around.now, at_most, pins);
        let done = match command {
            Command::Tick if happened.is_empty() => Err(vec![No::InvalidOperation, No::CustomerNotFound]),
            Command::Tick => Ok(Done::Ticked),
            other => next.act(other, around),
        };
        match done {
            Ok(done) => {
                let (lines, debits) = (std::mem::take(&mut next.lines), std::mem::take(&mut next.debits));
                next.past.push(Past { position: None, lines, debits });
                *self = next;
                Ok(Outcome { happened, done })
            }
            Err(mut faults) => {
                faults.extend(self.look_up_faults(command));
                Err(faults)
            }
        }
    }

    fn act(&mut self, command: &Command, around: Circumstances) -> Result<Done, Vec<No>> {
        match command {
            Command::Tick => Err(vec![No::Invalid]),
            Command::CreateCustomer { external_id, profile } => {
                self.create_customer(external_id, profile.timezone.as_ref().map(ToString::to_string))
            }
            Command::UpdateCustomer { profile } => {
                self.update_customer(profile.timezone.as_ref().map(ToString::to_string))
            }
            Command::ChangeCustomer(change) => {
                let now = self.person.as_ref().and_then(|person| person.zone.clone());
                self.update_customer(change.timezone.as_ref().map(ToString::to_string).or(now))
            }
            Command::DeleteCustomer => self.delete_customer(),
            Command::CreateWallet(ask) => self.create_wallet(ask, around),
            Command::UpdateWallet(ask) => self.update_wallet(ask, around.now),
            Command::TopUp(ask) => self.top_up(ask, around),
            Command::Debit(ask) => self.debit(ask, around),
            Command::ManualDebit(ask) => self.debit_by_hand(ask, around),
            Command::Freeze(wallet) => self.freeze(*wallet, around.now),
            Command::Unfreeze(wallet) => self.unfreeze(*wallet, around.now),
            Command::Close { wallet, remainder, force } => self.close(*wallet, *remainder, *force, around),
            Command::PlaceHold(ask) => self.place(ask, around),
            Command::Capture(ask) => self.capture(ask, around),
            Command::Release { hold, .. } => self.release(*hold, around),
            Command::Extend { hold, expires_in_s } => self.extend(*hold, *expires_in_s, around),
            Command::Grow { hold, credits } => self.grow(*hold, Q::raw(credits.0), around),
            Command::Refund(ask) => self.refund(ask, around),
            Command::VoidCredit(ask) => self.void_credit(ask.row, around),
            Command::Settle(ask) => self.settle(ask, around),
            Command::VoidInvoice { invoice } => self.void_invoice(invoice, around),
            Command::Transfer(ask) => {
                self.transfer(ask, around.receiver.expect("looked up"), around.own, around)
            }
            Command::TransferIn(ask) => self.transfer_in(ask, around),
            Command::TransferDone(id) => self.transfer_done(*id),
            Command::TransferBack(id) => self.transfer_back(*id, around),
            Command::TransferForget(id) => self.transfer_forget(*id),
            Command::SetBudget(ask) => self.set_budget(ask, around),
            Command::DeleteBudget(name) => self.delete_budget(name),
            Command::ResetBudget(name) => self.reset_budget(name),
            Command::Event(ask) => self.event(ask, around),
            Command::Subscribe(ask) => self.subscribe(ask, around),
            Command::Unsubscribe { subscription, void_remaining } => {
                self.unsubscribe(subscription, *void_remaining, around)
            }
            Command::CreateGrant(ask) => self.create_grant(ask, around),
            Command::UpdateGrant(ask) => self.update_grant(ask, around.now),
            Command::DeleteGrant { id, effective_at, void_remaining } => {
                self.delete_grant(*id, (*effective_at, *void_remaining), around)
            }
            Command::FollowPlans => unreachable!("no program changes a plan"),
            Command::CompleteRecharge(id) => self.complete_purchase(*id),
            Command::FailRecharge { id, .. } => self.fail_purchase(*id),
            Command::CancelRecharge(id) => self.cancel_purchase(*id),
            Command::ResumeAutoTopup(_) | Command::Recharge(_) => unreachable!("no program asks for it"),
            Command::Atomic(items) => self.batch(items, around),
        }
    }

    /// All items in order, or none.
    fn batch(&mut self, items: &[Command], around: Circumstances) -> Result<Done, Vec<No>> {
        let mut all = Vec::new();
        for (index, item) in items.iter().enumerate() {
            unless(items_faults(index, item_faults(item, around)))?;
            all.push(self.act(item, around).map_err(|faults| items_faults(index, faults))?);
        }
        Ok(Done::Batch(all))
    }

    /// Old records are read back before anything is decided.
    fn look_up_faults(&self, command: &Command) -> Vec<No> {
        match command {
            Command::Refund(ask) => self.debit_of(ask.row).err().unwrap_or_default(),
            Command::VoidCredit(ask) => self.credit_of(ask.row).err().unwrap_or_default(),
            Command::Atomic(items) => items
                .iter()
                .enumerate()
                .flat_map(|(index, item)| items_faults(index, self.look_up_faults(item)))
                .collect(),
            _ => vec![],
        }
    }

    /// A credit whose scope admits USAGE repays debt first (§4).
    pub(crate) fn repay(&mut self, tranche: usize) -> Q {
        let wallet = self.tranches[tranche].wallet;
        let debt = self.wallets[wallet].debt();
        if !debt.is_positive() || !self.tranches[tranche].scope.price_types.usage {
            return Q::zero();
        }
        let repaid = debt.min(self.tranches[tranche].original.clone());
        self.tranches[tranche].left.push(repaid.clone());
        self.wallets[wallet].debt_moves.push(&Q::zero() - &repaid);
        repaid
    }

    /// Numbers and keeps a row whose change has just been made.
    pub(crate) fn write_row(&mut self, wallet: usize, before: Q) -> Row {
        let after = self.posted(wallet);
        self.write_row_to(wallet, before, after)
    }

    /// As [`Self::write_row`], where several rows share one change.
    pub(crate) fn write_row_to(&mut self, wallet: usize, before: Q, after: Q) -> Row {
        let rows = &mut self.wallets[wallet].rows;
        let sequence = u64::try_from(rows.len()).expect("few rows") + 1;
        let row = Row { wallet, sequence, before, after };
        rows.push(row.clone());
        row
    }

    /// Writes a line into the ledger.
    pub(crate) fn line(
        &mut self,
        wallet: usize,
        kind: &'static str,
        reason: &'static str,
        credits: &Q,
        row: Option<Row>,
    ) {
        let credits = credits.clone();
        self.lines.push(Line { wallet, kind, reason, credits, row, minted: None, bonus: None });
    }

    /// What is neither spent nor pinned of a tranche.
    pub(crate) fn unpinned(&self, tranche: usize) -> Q {
        &self.tranches[tranche].remaining() - &self.pinned(tranche)
    }

    /// posted − held.
    pub(crate) fn own(&self, wallet: usize) -> Q {
        &self.posted(wallet) - &self.held(wallet)
    }

    /// posted as of the last event that was let happen: what has started and not left, minus debt.
    pub(crate) fn posted(&self, wallet: usize) -> Q {
        let there = self.blocks_of(wallet).filter(|block| block.started && block.is_live());
        &total(&there.map(Block::remaining).collect::<Vec<_>>()) - &self.wallets[wallet].debt()
    }

    /// posted by the definition of §1, whatever was written so far: Σ usable − debt. Of what is not usable, what open holds pin.
    pub(crate) fn posted_at(&self, wallet: usize, now: Timestamp) -> Q {
        let counts = |tranche: usize| {
            let block = &self.tranches[tranche];
            if block.is_usable(now) { block.remaining() } else { self.pinned(tranche) }
        };
        let own = (0..self.tranches.len()).filter(|tranche| self.tranches[*tranche].wallet == wallet);
        &total(&own.map(counts).collect::<Vec<_>>()) - &self.wallets[wallet].debt()
    }

    /// How many tranches of the customer are live, scheduled ones included.
    pub(crate) fn live_count(&self) -> usize {
        self.tranches.iter().filter(|block| block.is_live()).count()
    }

    /// The live tranches of a wallet in burn order.
    pub(crate) fn in_burn_order(&self, wallet: usize) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.tranches.len())
            .filter(|index| self.tranches[*index].wallet == wallet && self.tranches[*index].is_live())
            .collect();
        found.sort_by(|a, b| burns_before((*a, &self.tranches[*a]), (*b, &self.tranches[*b])));
        found
    }

    /// What overdraft could still give: USAGE only, up to the limit, from an active wallet that admits USAGE.
    pub(crate) fn overdraft_left(&self, wallet: usize, price_type: PriceType) -> Q {
        let purse = &self.wallets[wallet];
        let serves = price_type == PriceType::Usage && purse.is_active() && purse.admits(price_type);
        let room = &(&purse.limit - &purse.debt()) - &self.held_overdraft(wallet);
        if serves { room.max(Q::zero()) } else { Q::zero() }
    }

    pub(crate) fn blocks_of(&self, wallet: usize) -> impl Iterator<Item = &Block> {
        self.tranches.iter().filter(move |block| block.wallet == wallet)
    }

    /// The customer must be there and not deleted.
    pub(crate) fn known(&self) -> Result<(), Vec<No>> {
        match &self.person {
            Some(person) if !person.deleted => Ok(()),
            Some(_) | None => Err(vec![No::CustomerNotFound]),
        }
    }

    /// The wallet of that id, of a customer that is there.
    pub(crate) fn find(&self, id: WalletId) -> Result<usize, Vec<No>> {
        self.known()?;
        let found = self.wallets.iter().position(|purse| purse.id == Some(id));
        found.ok_or_else(|| vec![No::WalletNotFound])
    }
}

/// The faults that are there.
pub(crate) fn those<const N: usize>(checks: [(bool, No); N]) -> Vec<No> {
    checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, no)| no).collect()
}

/// `Err` with all faults if there is one.
pub(crate) fn unless(faults: Vec<No>) -> Result<(), Vec<No>> {
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// What can be wrong with a request whoever it is for: it may be told before anything is looked up.
fn faults_of_request(command: &Command, around: Circumstances) -> Vec<No> {
    match command {
        Command::TopUp(ask) => credit::request_faults(ask, around.now),
        Command::CreateWallet(ask) => life::request_faults(ask, around.now),
        Command::UpdateWallet(ask) => {
            let negative = ask.overdraft_limit.is_some_and(|limit| limit.0 < 0);
            those([(negative, No::AmountInvalid)])
        }
        Command::Debit(ask) => asked_faults(&ask.asked, around),
        Command::ManualDebit(ask) => range_faults(Quantity::Credits(ask.credits)),
        Command::PlaceHold(ask) => {
            let mut faults = hold::place_faults(ask);
            if let HoldAsked::Metered(metered) = &ask.asked {
                faults.extend(event::price_of_asked(metered, around).err().unwrap_or_default());
            }
            faults
        }
        Command::Capture(ask) => range_faults(Quantity::Credits(ask.credits)),
        Command::Grow { credits, .. } => range_faults(Quantity::Credits(*credits)),
        Command::Extend { expires_in_s, .. } => hold::extend_faults(*expires_in_s),
        Command::Refund(ask) => {
            let mut faults = ask.credits.map_or(vec![], |credits| range_faults(Quantity::Credits(credits)));
            let days = ask.regrant_days.is_some_and(|days| !(1..=366).contains(&days));
            faults.extend(those([(days, No::Invalid)]));
            faults
        }
        Command::Settle(ask) => invoice::settle_faults(ask, around.limits.invoice_lines_max),
        Command::Transfer(ask) => range_faults(Quantity::Credits(ask.credits)),
        Command::SetBudget(ask) => budget::set_faults(ask),
        Command::Event(ask) => event::event_faults(ask, around),
        Command::Atomic(items) => {
            let max = around.limits.atomic_items_max;
            those([
                (items.is_empty(), No::Invalid),
                (items.len() > max, No::Limit("atomic_items_max", max as u64)),
            ])
        }
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::ChangeCustomer(_)
        | Command::DeleteCustomer
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Release { .. }
        | Command::VoidCredit(_)
        | Command::VoidInvoice { .. }
        | Command::TransferIn(_)
        | Command::TransferDone(_)
        | Command::TransferBack(_)
        | Command::TransferForget(_)
        | Command::DeleteBudget(_)
        | Command::ResetBudget(_)
        | Command::Subscribe(_)
        | Command::Unsubscribe { .. }
        | Command::CreateGrant(_)
        | Command::UpdateGrant(_)
        | Command::DeleteGrant { .. }
        | Command::FollowPlans
        | Command::CompleteRecharge(_)
        | Command::FailRecharge { .. }
        | Command::CancelRecharge(_)
        | Command::ResumeAutoTopup(_)
        | Command::Recharge(_)
        | Command::Tick => vec![],
    }
}

/// A batch takes the verbs of the metering half.
fn item_faults(item: &Command, around: Circumstances) -> Vec<No> {
    let fits = matches!(
        item,
        Command::Debit(_)
            | Command::PlaceHold(_)
            | Command::Capture(_)
            | Command::Release { .. }
            | Command::Refund(_)
    );
    if fits { faults_of_request(item, around) } else { vec![No::Invalid, No::InvalidOperation] }
}

fn items_faults(index: usize, faults: Vec<No>) -> Vec<No> {
    faults.into_iter().map(|no| No::Item(index, Box::new(no))).collect()
}

/// An amount that moves credit is above 0 and has at most 12 integer digits (§2).
pub(crate) fn range_faults(quantity: Quantity) -> Vec<No> {
    let (Quantity::Credits(Credits(asked)) | Quantity::Amount(Money(asked))) = quantity;
    those([(asked <= 0, No::AmountInvalid), (leaves_12_digits(&Q::raw(asked)), No::AmountOverflow)])
}

fn asked_faults(asked: &Asked, around: Circumstances) -> Vec<No> {
    match asked {
        Asked::Credits(credits) => range_faults(Quantity::Credits(*credits)),
        Asked::Amount(money) => range_faults(Quantity::Amount(*money)),
        Asked::Metered(metered) => event::price_of_asked(metered, around).err().unwrap_or_default(),
    }
}
