//! A second opinion: the rules of `SEMANTICS` §1–4, §6, §8, §15 and §17 once more, written from that page alone.
//!
//! Slow on purpose. Amounts are big fractions, histories are kept whole, every figure is summed anew when it is asked for,
//! and an operation works on a copy of everything. Nothing here is shared with the crate but the words of its vocabulary
//! (commands, ids, instants), so that a mistake in one is not a mistake in the other.
//!
//! Absent: holds, refunds, grants, alerts, recharges, transfers. They come with their rules.

pub(crate) mod credit;
pub(crate) mod debit;
pub(crate) mod life;
pub(crate) mod number;
pub(crate) mod outcome;
pub(crate) mod state;
pub(crate) mod view;

use coffer_ledger::amount::{Credits, Money};
use coffer_ledger::catalog::tenant::Settings;
use coffer_ledger::command::{Asked, Command, Quantity};
use coffer_ledger::ids::WalletId;
use coffer_ledger::limits::Limits;
use coffer_ledger::time::Timestamp;
use coffer_ledger::unit::PriceType;

use number::{Q, leaves_12_digits, total};
use outcome::{Done, Happened, No, Outcome, Row};
use state::{Block, Person, Purse, burns_before};

/// What an operation depends on beside the state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) now: Timestamp,
    pub(crate) settings: &'a Settings,
    pub(crate) limits: &'a Limits,
    /// Whether the request carries an idempotency key.
    pub(crate) keyed: bool,
}

/// Everything about one customer, ever.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) person: Option<Person>,
    pub(crate) wallets: Vec<Purse>,
    pub(crate) tranches: Vec<Block>,
}

impl Model {
    /// One operation: what it did, or every reason against it. A refusal changes nothing, not even what is due (§8).
    pub(crate) fn step(&mut self, command: &Command, around: Circumstances) -> Result<Outcome, Vec<No>> {
        let mut next = self.clone();
        let at_most = if *command == Command::Tick { around.limits.due_per_record_max } else { usize::MAX };
        let happened = next.catch_up(around.now, at_most);
        let done = match command {
            Command::Tick if happened.is_empty() => Err(vec![No::InvalidOperation, No::CustomerNotFound]),
            Command::Tick => Ok(Done::Ticked),
            Command::CreateCustomer { external_id, .. } => next.create_customer(external_id),
            Command::UpdateCustomer { .. } => next.update_customer(),
            Command::DeleteCustomer => next.delete_customer(),
            Command::CreateWallet(ask) => next.create_wallet(ask, around),
            Command::UpdateWallet(ask) => next.update_wallet(ask, around.now),
            Command::TopUp(ask) => next.top_up(ask, around),
            Command::Debit(ask) => next.debit(ask, around),
            Command::ManualDebit(ask) => next.debit_by_hand(ask, around),
            Command::Freeze(wallet) => next.freeze(*wallet, around.now),
            Command::Unfreeze(wallet) => next.unfreeze(*wallet, around.now),
            Command::Close { wallet, remainder, .. } => next.close(*wallet, *remainder, around.now),
            _ => todo!("wip"),
        };
        let mut faults = faults_of_request(command, around.now);
        match done {
            Ok(done) if faults.is_empty() => {
                *self = next;
                Ok(Outcome { happened, done })
            }
            Ok(_) => Err(faults),
            Err(others) => {
                faults.extend(others);
                Err(faults)
            }
        }
    }

    /// Lets time pass: starts and ends in the order of their instants, then by wallet, then in burn order.
    pub(crate) fn catch_up(&mut self, now: Timestamp, at_most: usize) -> Vec<Happened> {
        let mut happened = Vec::new();
        while happened.len() < at_most {
            let Some((at, tranche)) = self.next_event().filter(|(at, _)| *at <= now) else { break };
            happened.push(if self.tranches[tranche].started {
                self.expire(tranche, at)
            } else {
                self.start(tranche, at)
            });
        }
        happened
    }

    /// The next thing that happens by itself, and to which tranche.
    pub(crate) fn next_event(&self) -> Option<(Timestamp, usize)> {
        let mut dated: Vec<_> = (0..self.tranches.len())
            .filter_map(|index| self.tranches[index].due_at().map(|at| (at, index)))
            .collect();
        dated.sort_by(|a, b| {
            let (first, second) = (&self.tranches[a.1], &self.tranches[b.1]);
            a.0.cmp(&b.0)
                .then(first.wallet.cmp(&second.wallet))
                .then(burns_before((a.1, first), (b.1, second)))
        });
        dated.first().copied()
    }

    fn expire(&mut self, tranche: usize, at: Timestamp) -> Happened {
        let wallet = self.tranches[tranche].wallet;
        let before = self.posted(wallet);
        let credits = self.tranches[tranche].remaining();
        self.tranches[tranche].left.push(credits.clone());
        Happened::Expired { tranche, at, credits, row: self.write_row(wallet, before) }
    }

    fn start(&mut self, tranche: usize, at: Timestamp) -> Happened {
        let wallet = self.tranches[tranche].wallet;
        let before = self.posted(wallet);
        let credits = self.tranches[tranche].original.clone();
        self.tranches[tranche].started = true;
        let repaid = self.repay(tranche);
        Happened::Started { tranche, at, credits, repaid, row: self.write_row(wallet, before) }
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
        let rows = &mut self.wallets[wallet].rows;
        let sequence = u64::try_from(rows.len()).expect("few rows") + 1;
        let row = Row { wallet, sequence, before, after };
        rows.push(row.clone());
        row
    }

    /// posted as of the last event that was let happen: what has started and not left, minus debt.
    pub(crate) fn posted(&self, wallet: usize) -> Q {
        let there = self.blocks_of(wallet).filter(|block| block.started && block.is_live());
        &total(&there.map(Block::remaining).collect::<Vec<_>>()) - &self.wallets[wallet].debt()
    }

    /// posted by the definition of §1, whatever was written so far: Σ usable − debt.
    pub(crate) fn posted_at(&self, wallet: usize, now: Timestamp) -> Q {
        let usable = self.blocks_of(wallet).filter(|block| block.is_usable(now));
        &total(&usable.map(Block::remaining).collect::<Vec<_>>()) - &self.wallets[wallet].debt()
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
        if serves { (&purse.limit - &purse.debt()).max(Q::zero()) } else { Q::zero() }
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
fn faults_of_request(command: &Command, now: Timestamp) -> Vec<No> {
    let amounts_fit = match command {
        Command::TopUp(ask) => return credit::request_faults(ask, now),
        Command::CreateWallet(ask) => return life::request_faults(ask, now),
        Command::UpdateWallet(ask) => ask.overdraft_limit.is_none_or(|limit| limit.0 >= 0),
        Command::Debit(ask) => return asked_faults(&ask.asked),
        Command::ManualDebit(ask) => return range_faults(Quantity::Credits(ask.credits)),
        Command::CreateCustomer { .. }
        | Command::UpdateCustomer { .. }
        | Command::DeleteCustomer
        | Command::Freeze(_)
        | Command::Unfreeze(_)
        | Command::Close { .. }
        | Command::Tick => true,
        _ => todo!("wip"),
    };
    if amounts_fit { vec![] } else { vec![No::AmountInvalid] }
}

/// An amount that moves credit is above 0 and has at most 12 integer digits (§2).
pub(crate) fn range_faults(quantity: Quantity) -> Vec<No> {
    let (Quantity::Credits(Credits(asked)) | Quantity::Amount(Money(asked))) = quantity;
    those([(asked <= 0, No::AmountInvalid), (leaves_12_digits(&Q::raw(asked)), No::AmountOverflow)])
}

fn asked_faults(asked: &Asked) -> Vec<No> {
    match asked {
        Asked::Credits(credits) => range_faults(Quantity::Credits(*credits)),
        Asked::Amount(money) => range_faults(Quantity::Amount(*money)),
        Asked::Metered(_) => todo!("wip: metered"),
    }
}
