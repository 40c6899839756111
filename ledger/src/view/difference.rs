//! What became of a customer between two instants: figures, tranches, holds, rows. Pure; both states are given.

use crate::amount::Credits;
use crate::customer::{ClosedAs, Customer};
use crate::hold::Hold;
use crate::ids::WalletId;
use crate::time::Timestamp;
use crate::tranche::Tranche;
use crate::unit::Unit;
use crate::wallet::{Wallet, WalletHead};

use super::balance::{BalanceView, Figures, balance};

/// An amount at both instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Then; zero where there was nothing.
    pub before: Credits,
    /// Later; zero where there is nothing.
    pub after: Credits,
}

impl Change {
    /// What came (positive) or went (negative).
    #[must_use]
    pub fn net(&self) -> Credits {
        self.after - self.before
    }
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
    /// It is there, and not as it was.
    Changed,
    /// It is as it was.
    Same,
}

impl Fate {
    fn of<T: PartialEq>(before: Option<&T>, after: Option<&T>) -> Self {
        match (before, after) {
            (None, Some(_)) => Self::New,
            (Some(_), None) => Self::Gone,
            (Some(before), Some(after)) if before != after => Self::Changed,
            (Some(_), Some(_)) | (None, None) => Self::Same,
        }
    }
}

/// The figures of a wallet or unit at both instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FiguresMoved {
    /// Then.
    pub before: Figures,
    /// Later.
    pub after: Figures,
}

impl FiguresMoved {
    /// One of the figures.
    #[must_use]
    pub fn of(&self, pick: fn(&Figures) -> Credits) -> Change {
        Change { before: pick(&self.before), after: pick(&self.after) }
    }
}

/// A unit in which the customer had, or has, a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitMoved {
    /// The unit.
    pub unit: Unit,
    /// Sums over its wallets.
    pub figures: FiguresMoved,
}

/// A tranche that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrancheMoved {
    /// As it is, or as it was when it is gone.
    pub tranche: Tranche,
    /// Never [`Fate::Same`].
    pub fate: Fate,
    /// What was left and is left.
    pub remaining: Change,
    /// What open holds pinned and pin.
    pub pinned: Change,
}

/// A wallet that was open, or is, or has rows of between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletMoved {
    /// As of the later instant.
    pub head: WalletHead,
    /// [`Fate::Gone`] = closed.
    pub fate: Fate,
    /// Its figures; zero while it is not open.
    pub figures: FiguresMoved,
    /// The number of its last ledger row, at both instants: the rows between have the numbers after the first, up to the second.
    pub sequence: (u64, u64),
    /// Its tranches that are not as they were: the ones that are there in burn order, then those that are gone.
    pub tranches: Vec<TrancheMoved>,
}

/// A hold that is not as it was. One that was opened and closed between the instants is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldMoved {
    /// As it is, or as it was when it was still open.
    pub hold: Hold,
    /// [`Fate::Gone`] = closed; never [`Fate::Same`].
    pub fate: Fate,
    /// How a closed one ended, if that is still remembered.
    pub ended: Option<ClosedAs>,
    /// All that was ever reserved for it.
    pub credits: Change,
    /// What it reserves.
    pub held: Change,
    /// What was captured.
    pub captured: Change,
}

/// What became of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Every unit of either instant.
    pub units: Vec<UnitMoved>,
    /// Wallets, oldest first.
    pub wallets: Vec<WalletMoved>,
    /// Holds that were opened, changed or closed, oldest first.
    pub holds: Vec<HoldMoved>,
}

/// A state and its instant.
pub type Instant<'a> = (&'a Customer, Timestamp);

/// What became of a customer from one instant to a later one. One that did not exist then had nothing.
#[must_use]
pub fn difference(before: Instant<'_>, after: Instant<'_>) -> Difference {
    let (then, later) = (balance(before.0, before.1), balance(after.0, after.1));
    let wallets = after.0.wallets.iter();
    Difference {
        units: units(&then, &later),
        wallets: wallets.filter_map(|wallet| wallet_moved(before.0, (&then, &later), wallet)).collect(),
        holds: holds(before, after),
    }
}

fn units(then: &BalanceView, later: &BalanceView) -> Vec<UnitMoved> {
    let figures_in = |view: &BalanceView, unit: &Unit| {
        view.units.iter().find(|balance| balance.unit == *unit).map(|balance| balance.figures)
    };
    let gone = then.units.iter().filter(|balance| figures_in(later, &balance.unit).is_none());
    let units = later.units.iter().chain(gone).map(|balance| balance.unit.clone());
    let moved = |unit: Unit| {
        let before = figures_in(then, &unit).unwrap_or_default();
        let after = figures_in(later, &unit).unwrap_or_default();
        UnitMoved { unit, figures: FiguresMoved { before, after } }
    };
    units.map(moved).collect()
}

fn wallet_moved(
    before: &Customer,
    (then, later): (&BalanceView, &BalanceView),
    wallet: &Wallet,
) -> Option<WalletMoved> {
    let id = wallet.head.id;
    let (was, is) = (shown(then, id), shown(later, id));
    let sequence = (before.wallet(id).map_or(0, |wallet| wallet.head.sequence), wallet.head.sequence);
    if was.is_none() && is.is_none() && sequence.0 == sequence.1 {
        return None;
    }
    let figures = FiguresMoved {
        before: was.map(|was| was.figures).unwrap_or_default(),
        after: is.map(|is| is.figures).unwrap_or_default(),
    };
    Some(WalletMoved {
        head: wallet.head.clone(),
        fate: Fate::of(was, is),
        figures,
        sequence,
        tranches: tranches(
            was.map_or(&[], |was| was.tranches.as_slice()),
            is.map_or(&[], |is| is.tranches.as_slice()),
        ),
    })
}

fn shown(view: &BalanceView, id: WalletId) -> Option<&super::WalletBalance> {
    view.wallets.iter().find(|wallet| wallet.head.id == id)
}

fn tranches(before: &[Tranche], after: &[Tranche]) -> Vec<TrancheMoved> {
    // By id: a wallet may have thousands of them.
    let by_id = |tranches: &[Tranche]| {
        let mut ids: Vec<_> = tranches.iter().map(|tranche| tranche.id).zip(0..).collect::<Vec<(_, usize)>>();
        ids.sort_unstable();
        ids
    };
    let (ids_before, ids_after) = (by_id(before), by_id(after));
    let find = |ids: &[(_, usize)], id| ids.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| ids[at].1);
    let kept = after.iter().map(|is| (find(&ids_before, is.id).map(|at| &before[at]), Some(is)));
    let gone = before.iter().filter(|was| find(&ids_after, was.id).is_none()).map(|was| (Some(was), None));
    kept.chain(gone).filter_map(|(was, is)| tranche_moved(was, is)).collect()
}

fn tranche_moved(was: Option<&Tranche>, is: Option<&Tranche>) -> Option<TrancheMoved> {
    let fate = Fate::of(was, is);
    let tranche = is.or(was).filter(|_| fate != Fate::Same)?.clone();
    let moved = |pick: fn(&Tranche) -> Credits| Change {
        before: was.map(pick).unwrap_or_default(),
        after: is.map(pick).unwrap_or_default(),
    };
    let (remaining, pinned) = (moved(|tranche| tranche.remaining), moved(|tranche| tranche.pinned));
    Some(TrancheMoved { tranche, fate, remaining, pinned })
}

fn holds(before: Instant<'_>, after: Instant<'_>) -> Vec<HoldMoved> {
    let open = |(customer, now): Instant<'_>, hold: &Hold| {
        customer.holds.get(hold.id).filter(|hold| hold.expires_at > now).cloned()
    };
    let of_before = before.0.holds.iter().filter(|hold| after.0.holds.get(hold.id).is_none());
    let mut all: Vec<&Hold> = after.0.holds.iter().chain(of_before).collect();
    all.sort_unstable_by_key(|hold| hold.id);
    let moved = |hold: &Hold| hold_moved(open(before, hold), open(after, hold), after.0);
    all.into_iter().filter_map(moved).collect()
}

fn hold_moved(was: Option<Hold>, is: Option<Hold>, later: &Customer) -> Option<HoldMoved> {
    let fate = Fate::of(was.as_ref(), is.as_ref());
    let moved = |pick: fn(&Hold) -> Credits| Change {
        before: was.as_ref().map(pick).unwrap_or_default(),
        after: is.as_ref().map(pick).unwrap_or_default(),
    };
    let (credits, held, captured) =
        (moved(|hold| hold.credits), moved(Hold::held), moved(|hold| hold.captured));
    let hold = is.clone().or_else(|| was.clone()).filter(|_| fate != Fate::Same)?;
    let ended = match (fate, later.closed(hold.id.0)) {
        (Fate::Gone, Some(closed)) => Some(closed.how),
        // Its deadline has passed, and its end is not written yet.
        (Fate::Gone, None) if later.holds.get(hold.id).is_some() => Some(ClosedAs::Expired),
        (Fate::New | Fate::Gone | Fate::Changed | Fate::Same, _) => None,
    };
    Some(HoldMoved { hold, fate, ended, credits, held, captured })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Remainder;
    use crate::customer::Customer;
    use crate::ids::{CustomerNumber, TenantNumber};
    use crate::testing::{Book, credits, second};

    fn fates(difference: &Difference) -> Vec<(Fate, Vec<(Fate, Credits)>)> {
        let tranches = |wallet: &WalletMoved| {
            wallet.tranches.iter().map(|tranche| (tranche.fate, tranche.remaining.net())).collect()
        };
        difference.wallets.iter().map(|wallet| (wallet.fate, tranches(wallet))).collect()
    }

    #[test]
    fn what_is_new_gone_changed_and_the_same_is_told_apart() {
        let (mut book, first) = Book::new();
        let closing = book.wallet(|_| {});
        book.credit(first, 10, |_| {});
        book.credit(first, 20, |request| request.expires_at = Some(second(60)));
        book.credit(closing, 5, |_| {});
        let (before, then) = (book.customer.clone(), book.now);
        assert_eq!(
            fates(&difference((&before, then), (&before, then))),
            [(Fate::Same, vec![]), (Fate::Same, vec![])]
        );
        book.now = second(30);
        book.debit("12").unwrap();
        book.credit(first, 7, |_| {});
        book.close(closing, Remainder::Forfeit).unwrap();
        // Ten of the tranche that ends had been left; its end is due at this instant, and not written.
        let difference = difference((&before, then), (&book.customer, second(60)));
        let left = before.wallets[0].tranches.iter().map(|tranche| tranche.remaining).sum::<Credits>();
        assert_eq!(left, credits("30"));
        let [(kept, tranches), (closed, forfeited)] = &fates(&difference)[..] else { panic!() };
        assert_eq!((*kept, *closed), (Fate::Changed, Fate::Gone));
        assert!(tranches.contains(&(Fate::New, credits("7"))), "{tranches:?}");
        assert!(tranches.contains(&(Fate::Gone, -credits("20"))), "{tranches:?}");
        assert_eq!(forfeited, &[(Fate::Gone, -credits("5"))]);
        let sequences: Vec<_> = difference.wallets.iter().map(|wallet| wallet.sequence).collect();
        assert_eq!(sequences, [(2, 4), (1, 2)], "what is only due has no number yet");
        let posted = difference.units[0].figures.of(|figures| figures.posted);
        assert_eq!((posted.before, posted.after), (credits("35"), credits("17")));
    }

    #[test]
    fn who_did_not_exist_had_nothing() {
        let (mut book, wallet) = Book::new();
        book.credit(wallet, 10, |_| {});
        let nobody = Customer::new(TenantNumber(1), CustomerNumber(7));
        let difference = difference((&nobody, second(0)), (&book.customer, book.now));
        assert_eq!(fates(&difference), [(Fate::New, vec![(Fate::New, credits("10"))])]);
        assert_eq!(difference.wallets[0].sequence, (0, 1));
    }
}
