//! Transfers: SEMANTICS §15. Each half sees only its own customer; what passes between them is told by the harness, as the engine
//! would.

use coffer_ledger::command::{Quantity, Transfer, TransferIn};
use coffer_ledger::ids::{CustomerNumber, TransferId, WalletId};
use coffer_ledger::looked_up::Receiver;
use coffer_ledger::unit::Unit;
use coffer_ledger::wallet::WalletStatus;

use super::back::{Giving, lines_of};
use super::debit::{Origin, divide};
use super::number::{DIGITS, Q, leaves_12_digits, total};
use super::outcome::{Arrival, Done, Kind, No, Part};
use super::state::Block;
use super::{Circumstances, Model, range_faults, those, unless};

/// A transfer that left to another customer.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    pub(crate) id: Option<TransferId>,
    pub(crate) past: usize,
    pub(crate) open: bool,
}

impl Model {
    pub(crate) fn transfer(
        &mut self,
        ask: &Transfer,
        receiver: &Receiver,
        own: CustomerNumber,
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        self.known()?;
        let from = ask.from_wallet.map(|id| self.find(id)).transpose()?;
        let mut faults = range_faults(Quantity::Credits(ask.credits));
        if let Some(wallet) = from {
            faults.extend(self.status_faults(wallet));
        }
        let within = receiver.customer == own;
        let open = self.sendings.iter().filter(|sending| sending.open).count();
        let max = around.limits.transfers_open_max;
        unless(faults)?;
        let full = those([(!within && open >= max, No::Limit("transfers_open_max", max as u64))]);
        let to = self.receiving(ask, receiver, within, from)?;
        let givers = self.givers(from, &to);
        if givers.is_empty() {
            return Err(vec![No::UnitMismatch, No::Insufficient(Q::raw(ask.credits.0), Q::zero())]);
        }
        match self.send(ask, &givers, within.then_some(to.0), around) {
            Ok(done) if full.is_empty() => Ok(done),
            Ok(_) => Err(full),
            Err(faults) => Err([faults, full].concat()),
        }
    }

    /// The wallets that give: the named one, or the active ones of the unit, by priority, then the oldest first (there is no charge
    /// that could order them), but for the one that receives.
    fn givers(&self, from: Option<usize>, to: &(WalletId, Unit)) -> Vec<usize> {
        if let Some(wallet) = from {
            return vec![wallet];
        }
        let mut givers: Vec<usize> = (0..self.wallets.len())
            .filter(|wallet| self.wallets[*wallet].is_active() && self.is_of_unit(*wallet, &to.1))
            .filter(|wallet| self.wallets[*wallet].id != Some(to.0))
            .collect();
        givers.sort_by_key(|wallet| (self.wallets[*wallet].priority, *wallet));
        givers
    }

    /// The wallet that receives: the one that is named, else the oldest active one of the unit.
    fn receiving(
        &self,
        ask: &Transfer,
        receiver: &Receiver,
        within: bool,
        from: Option<usize>,
    ) -> Result<(WalletId, Unit), Vec<No>> {
        let from_itself = |id: WalletId| within && ask.from_wallet == Some(id);
        if let Some(id) = ask.to_wallet {
            let Some((_, unit, status)) = receiver.wallets.iter().find(|(other, ..)| *other == id) else {
                return Err(vec![No::WalletNotFound]);
            };
            unless(those([
                (*status == WalletStatus::Closed, No::Closed),
                (from.is_some_and(|wallet| !self.is_of_unit(wallet, unit)), No::UnitMismatch),
                (from_itself(id), No::Invalid),
            ]))?;
            return Ok((id, unit.clone()));
        }
        let active: Vec<usize> =
            (0..self.wallets.len()).filter(|wallet| self.wallets[*wallet].is_active()).collect();
        if from.is_none() && !self.share_one_unit(&active) {
            return Err(vec![No::UnitRequired]);
        }
        let giver = from.or(active.first().copied());
        let of_unit = |wanted: WalletStatus| {
            let fits = |(_, unit, status): &&(WalletId, Unit, WalletStatus)| {
                *status == wanted && giver.is_some_and(|giver| self.is_of_unit(giver, unit))
            };
            receiver.wallets.iter().find(fits).map(|(id, unit, _)| (*id, unit.clone()))
        };
        let found = of_unit(WalletStatus::Active);
        unless(those([(found.as_ref().is_some_and(|(id, _)| from_itself(*id)), No::Invalid)]))?;
        found.ok_or_else(|| {
            // A wallet that could have received says why it does not.
            let why = match (of_unit(WalletStatus::Frozen), of_unit(WalletStatus::Closed)) {
                (Some(_), _) => No::Frozen,
                (None, Some(_)) => No::Closed,
                (None, None) => No::UnitMismatch,
            };
            vec![why, No::Insufficient(Q::raw(ask.credits.0), Q::zero())]
        })
    }

    fn is_of_unit(&self, wallet: usize, unit: &Unit) -> bool {
        let purse = &self.wallets[wallet];
        let rate = Q::raw(unit.conversion_rate.0);
        (unit.currency, &unit.price_unit, rate) == (purse.currency, &purse.price_unit, purse.rate.clone())
    }

    fn send(
        &mut self,
        ask: &Transfer,
        givers: &[usize],
        within: Option<WalletId>,
        around: Circumstances,
    ) -> Result<Done, Vec<No>> {
        let credits = Q::raw(ask.credits.0);
        let payers: Vec<_> = givers.iter().flat_map(|wallet| self.payers_by_hand(*wallet, around)).collect();
        let (parts, lacking) = divide(&credits, &payers);
        if lacking.is_positive() {
            return Err(vec![No::Insufficient(credits.clone(), &credits - &lacking)]);
        }
        let moved: Vec<Block> = parts.iter().map(|part| self.moved(part)).collect();
        let origin = Origin { reason: "TRANSFER_OUT", moves: Vec::new() };
        let taken = self.take_within_limits(parts, Q::zero(), origin, around)?;
        let kinds = moved.iter().map(Block::kind).collect();
        let arrived = match within {
            Some(to) => {
                let wallet = self.find(to)?;
                Some(self.arrive(wallet, moved, around)?)
            }
            None => {
                self.sendings.push(Sending { id: None, past: self.past.len(), open: true });
                None
            }
        };
        Ok(Done::Sent { taken, moved: kinds, arrived })
    }

    /// What the receiver gets for a part: the same, with the paid share that goes along.
    fn moved(&self, part: &Part) -> Block {
        let block = &self.tranches[part.tranche.expect("never overdraft")];
        Block {
            original: part.credits.clone(),
            paid: block.share_of_next(&part.credits),
            id: None,
            left: Vec::new(),
            back: Vec::new(),
            voided: false,
            reborn: false,
            started: true,
            cancelled: false,
            ..block.clone()
        }
    }

    fn arrive(
        &mut self,
        wallet: usize,
        moved: Vec<Block>,
        around: Circumstances,
    ) -> Result<Arrival, Vec<No>> {
        let (mut rows, mut ended) = (Vec::new(), Vec::new());
        let first = self.tranches.len();
        // As with a top-up, all that enters is counted, also what repays debt at once.
        let entered = total(moved.iter().map(|block| &block.original));
        let with_all = &self.all_of(wallet) + &entered;
        for block in moved {
            let before = self.posted(wallet);
            let tranche = self.tranches.len();
            let is_over = block.has_ended(around.now);
            self.tranches.push(Block { wallet, ..block });
            let repaid = if is_over { Q::zero() } else { self.repay(tranche) };
            let row = self.write_row(wallet, before);
            let block = self.tranches[tranche].clone();
            let amount = (&block.original * &self.wallets[wallet].topup_rate).half_even(DIGITS);
            self.line(wallet, "credit", "TRANSFER_IN", &block.original, Some(row.clone()));
            if is_over {
                ended.push(Part { wallet, tranche: Some(tranche), credits: block.original.clone() });
            }
            rows.push((tranche, block.kind(), amount, repaid, row));
        }
        let max = around.limits.tranches_max;
        let more = self.tranches.len() - first;
        let before = self.tranches[..first].iter().filter(|block| block.is_live()).count();
        let too_much = rows.iter().any(|(_, _, amount, ..)| leaves_12_digits(amount));
        unless(those([
            (before + more > max, No::Limit("tranches_max", max as u64)),
            (too_much || leaves_12_digits(&with_all), No::AmountOverflow),
        ]))?;
        let gone = self.lapse(&ended, around.now, false);
        Ok(Arrival { wallet, rows, gone })
    }

    pub(crate) fn transfer_in(&mut self, ask: &TransferIn, around: Circumstances) -> Result<Done, Vec<No>> {
        // Whatever became of the customer since: what it has, it does not take again.
        if self.received.contains(&ask.transfer) {
            return Err(vec![No::AlreadyExists]);
        }
        self.known()?;
        let wallet = self.find(ask.to_wallet)?;
        unless(those([(self.wallets[wallet].status == WalletStatus::Closed, No::Closed)]))?;
        let moved = ask.moved.iter().map(|moved| Block::of_terms(wallet, &moved.terms)).collect();
        self.received.push(ask.transfer);
        Ok(Done::Received(self.arrive(wallet, moved, around)?))
    }

    pub(crate) fn transfer_done(&mut self, id: TransferId) -> Result<Done, Vec<No>> {
        let sending = self.open_sending(id)?;
        self.sendings[sending].open = false;
        Ok(Done::Arrived)
    }

    pub(crate) fn transfer_back(&mut self, id: TransferId, around: Circumstances) -> Result<Done, Vec<No>> {
        let sending = self.open_sending(id)?;
        self.sendings[sending].open = false;
        let past = self.sendings[sending].past;
        let old = &self.past[past].debits[0];
        let (lines, credits) = (lines_of(old), total(old.slices.iter().map(|(_, part, _)| &part.credits)));
        let reason = "TRANSFER_RETURNED";
        let giving = Giving { past, debit: 0, lines, credits, regrant_days: None, reason };
        Ok(Done::Returned(self.give_back(&giving, around)?))
    }

    /// Even a customer that was deleted meanwhile forgets.
    pub(crate) fn transfer_forget(&mut self, id: TransferId) -> Result<Done, Vec<No>> {
        let found = self.received.iter().position(|other| *other == id);
        let found = found.ok_or_else(|| vec![No::InvalidOperation])?;
        self.received.remove(found);
        Ok(Done::Forgotten)
    }

    fn open_sending(&self, id: TransferId) -> Result<usize, Vec<No>> {
        let found = self.sendings.iter().position(|sending| sending.open && sending.id == Some(id));
        found.ok_or_else(|| vec![No::InvalidOperation])
    }

    /// Whether credit of a wallet is on its way to another customer.
    pub(crate) fn has_sent_from(&self, wallet: usize) -> bool {
        self.sendings.iter().filter(|sending| sending.open).any(|sending| {
            self.past[sending.past].debits[0].slices.iter().any(|(_, part, _)| part.wallet == wallet)
        })
    }
}

impl Block {
    pub(crate) fn kind(&self) -> Kind {
        Kind {
            source: self.source,
            priority: self.priority,
            scope: self.scope.clone(),
            original: self.original.clone(),
            paid: self.paid.clone(),
            effective_at: self.effective_at,
            expires_at: self.expires_at,
        }
    }
}
