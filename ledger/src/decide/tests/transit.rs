//! Random transfers between two customers, answered late, refused, sent again: nothing is lost, made or laundered (SEMANTICS §15, I9).

use proptest::prelude::*;

use crate::amount::{Credits, Money};
use crate::command::{Command, CreditReason, Memo, Transfer, TransferIn};
use crate::customer::Customer;
use crate::fact::{Due, Effect, Lapsed};
use crate::ids::{CustomerNumber, TenantNumber, TransferId, WalletId};
use crate::looked_up::{LookedUp, Receiver};
use crate::refusal::Refusal;
use crate::testing::{Book, second};
use crate::tranche::Terms;

/// What happens next. Sides are 0 and 1, amounts are in sevenths of a credit, rounded down.
#[derive(Clone, Debug)]
enum Step {
    /// Credit comes in: free or paid, for ever or for some seconds.
    Credit { side: usize, amount: u32, free: bool, lives_s: Option<u64> },
    /// Something is sent to the other side.
    Send { side: usize, amount: u32 },
    /// The oldest transfer of a side is answered: taken in, taken in twice, or refused.
    Answer { side: usize, how: How },
    /// Time passes for both.
    Wait { seconds: u64 },
}

#[derive(Clone, Copy, Debug)]
enum How {
    Taken,
    TakenTwice,
    Refused,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let how = prop_oneof![3 => Just(How::Taken), 1 => Just(How::TakenTwice), 2 => Just(How::Refused)];
    let step = prop_oneof![
        (0..2_usize, 1..300_u32, any::<bool>(), prop::option::of(1..60_u64))
            .prop_map(|(side, amount, free, lives_s)| Step::Credit { side, amount, free, lives_s }),
        (0..2_usize, 1..200_u32).prop_map(|(side, amount)| Step::Send { side, amount }),
        (0..2_usize, 1..200_u32).prop_map(|(side, amount)| Step::Send { side, amount }),
        (0..2_usize, how).prop_map(|(side, how)| Step::Answer { side, how }),
        (1..20_u64).prop_map(|seconds| Step::Wait { seconds }),
    ];
    prop::collection::vec(step, 1..60)
}

fn sevenths(amount: u32) -> Credits {
    Credits(i128::from(amount) * crate::amount::ONE / 7)
}

/// Two customers, and what came in and went out of both together.
struct World {
    books: [Book; 2],
    wallets: [WalletId; 2],
    minted: Credits,
    expired: Credits,
    paid: Money,
    returned: i128,
}

impl World {
    fn new() -> Self {
        let mut books = [Book::empty(), Book::empty()];
        books[1].customer = Customer::new(TenantNumber(1), CustomerNumber(8));
        let wallets = [books[0].wallet(|_| {}), books[1].wallet(|_| {})];
        let (minted, expired, paid) = (Credits::ZERO, Credits::ZERO, Money::ZERO);
        Self { books, wallets, minted, expired, paid, returned: 0 }
    }

    /// Asks, and adds up what expired before it and with it.
    fn ask(&mut self, side: usize, command: Command) -> Result<Effect, Refusal> {
        let facts = self.books[side].ask(command)?;
        for due in &facts.due {
            if let Due::Expired { credits, terms, .. } = due {
                self.expire(*credits, terms);
            }
        }
        let lapsed: &[Lapsed] = if let Effect::TransferReceived { arrived, .. } = &facts.effect {
            &arrived.lapsed
        } else if let Effect::TransferReturned { back, .. } = &facts.effect {
            &back.lapsed
        } else {
            &[]
        };
        lapsed.iter().for_each(|lapsed| self.expire(lapsed.credits, &lapsed.terms));
        Ok(facts.effect)
    }

    fn expire(&mut self, credits: Credits, terms: &Terms) {
        self.expired += credits;
        self.paid -= terms.unspent_share(credits);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Credit { side, amount, free, lives_s } => self.credit(side, amount, free, lives_s),
            Step::Send { side, amount } => self.send(side, amount),
            Step::Answer { side, how } => self.answer(side, how),
            Step::Wait { seconds } => {
                self.books.iter_mut().for_each(|book| book.now.0 += seconds * 1_000_000_000);
            }
        }
    }

    fn credit(&mut self, side: usize, amount: u32, free: bool, lives_s: Option<u64>) {
        let now = self.books[side].now.seconds() - second(0).seconds();
        let request = crate::testing::top_up(self.wallets[side], 1, |request| {
            request.quantity = crate::command::Quantity::Credits(sevenths(amount));
            request.expires_at = lives_s.map(|lives_s| second(now + lives_s));
            if free {
                request.reason = CreditReason::FreeCreditGrant;
            }
        });
        let effect = self.ask(side, Command::TopUp(request)).unwrap();
        let Effect::ToppedUp { rows, .. } = effect else { panic!("{effect:?}") };
        self.minted += rows[0].terms.original;
        self.paid += rows[0].terms.paid;
    }

    fn send(&mut self, side: usize, amount: u32) {
        let heads = self.books[1 - side].customer.wallets.iter().map(|wallet| &wallet.head);
        let wallets = heads.map(|head| (head.id, head.unit.clone(), head.status)).collect();
        let customer = self.books[1 - side].customer.number;
        self.books[side].looked_up = Some(LookedUp::Receiver(Receiver { customer, wallets }));
        let request = Transfer {
            to_customer: "other".into(),
            from_wallet: None,
            to_wallet: None,
            credits: sevenths(amount),
            memo: Memo::default(),
        };
        match self.ask(side, Command::Transfer(request)) {
            Ok(Effect::TransferSent(_)) | Err(Refusal::InsufficientCredits { .. }) => {}
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, side: usize, how: How) {
        let Some(out) = self.books[side].customer.transfers_out.values().next().cloned() else { return };
        let carried = || {
            let from = self.books[side].customer.number;
            let request =
                TransferIn { transfer: out.id, from, to_wallet: out.to_wallet, moved: out.moved.clone() };
            Command::TransferIn(Box::new(request))
        };
        let (once, again) = (carried(), carried());
        match how {
            How::Refused => {
                self.returned += 1;
                self.ask(side, Command::TransferBack(out.id)).unwrap();
                return;
            }
            How::Taken => drop(self.ask(1 - side, once).unwrap()),
            How::TakenTwice => {
                self.ask(1 - side, once).unwrap();
                assert_eq!(self.ask(1 - side, again), Err(Refusal::AlreadyExists("transfer")));
            }
        }
        self.close(side, out.id);
    }

    fn close(&mut self, side: usize, id: TransferId) {
        self.ask(side, Command::TransferDone(id)).unwrap();
        self.ask(1 - side, Command::TransferForget(id)).unwrap();
    }

    /// Credit is in a wallet, on its way, or expired.
    fn check_credits(&self) {
        let heads =
            self.books.iter().flat_map(|book| &book.customer.wallets).map(|wallet| wallet.head.posted);
        let outs = self.books.iter().flat_map(|book| book.customer.transfers_out.values());
        let there = heads.sum::<Credits>() + outs.map(|out| out.credits).sum() + self.expired;
        assert_eq!(there, self.minted);
    }

    /// Money stands behind what is there. A part that comes back takes the share of where it comes back to, which may be a unit of
    /// the last digit away from what it left with.
    fn check_money(&self) {
        let wallets = self.books.iter().flat_map(|book| &book.customer.wallets);
        let tranches = wallets.flat_map(|wallet| &wallet.tranches);
        let there: Money = tranches.map(|one| one.terms.unspent_share(one.remaining)).sum();
        assert!(
            (there - self.paid).0.abs() <= self.returned,
            "{there} of {}, returned {}",
            self.paid,
            self.returned
        );
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_made_on_the_way(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check_credits();
        }
        for side in [0, 1] {
            while !world.books[side].customer.transfers_out.is_empty() {
                world.answer(side, How::Taken);
            }
        }
        world.check_credits();
        world.check_money();
        world.books.iter().for_each(Book::replay);
        let quiet = |book: &Book| book.customer.transfers_in.is_empty();
        prop_assert!(world.books.iter().all(quiet), "nobody remembers what is over");
    }
}
