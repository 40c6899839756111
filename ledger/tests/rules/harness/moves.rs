//! Facts of holds, of credit that comes back, of invoices, transfers and events in the model's terms.

use coffer_ledger::fact::{
    Arrived, BackTo, Effect, GivenBack, HoldEnd, HoldStep, Lapsed, Settled, Unpaid, Voided,
};
use coffer_ledger::hold::Hold;
use coffer_ledger::ids::HoldId;
use coffer_ledger::tranche::Terms;

use super::World;
use super::translate::{credits, money};
use crate::model::outcome::{
    Arrival, Back, Done, Gone, HoldEnded, HoldSeen, Kind, LinePart, LineSettled, NotPaid, Step, To, Void,
};

impl World {
    pub(super) fn moved(&self, effect: &Effect) -> Done {
        match effect {
            Effect::Held(step) => Done::Held(Box::new(self.step_told(step))),
            Effect::Refunded(refunded) => Done::Refunded {
                back: self.back(&refunded.back),
                credits: credits(refunded.credits),
                expired: credits(refunded.expired),
                left: credits(refunded.left),
                mixed: refunded.mixed_units,
            },
            Effect::CreditVoided(voids) => Done::Voided(self.voids(voids)),
            Effect::InvoiceSettled(settled) => self.settled(settled),
            Effect::InvoiceVoided { back, .. } => Done::InvoiceVoided(self.back(back)),
            Effect::TransferSent(sent) => Done::Sent {
                taken: self.taken(&sent.taken),
                moved: sent.out.moved.iter().map(|moved| kind(&moved.terms)).collect(),
                arrived: sent.arrived.as_ref().map(|arrived| self.arrival(arrived)),
            },
            Effect::TransferReceived { arrived, .. } => Done::Received(self.arrival(arrived)),
            Effect::TransferReturned { back, .. } => Done::Returned(self.back(back)),
            Effect::EventRecorded { customer, priced, taken, uncollected, .. } => Done::Event {
                customer: customer.is_some(),
                priced: priced.map(|priced| credits(priced.credits)),
                taken: taken.as_ref().map(|taken| self.taken(taken)),
                uncollected: uncollected.map(|uncollected| {
                    (uncollected.wallet.map(|id| self.wallet_number(id)), credits(uncollected.credits))
                }),
            },
            other => panic!("translated elsewhere: {other:?}"),
        }
    }

    pub(super) fn voids(&self, voids: &[Voided]) -> Vec<Void> {
        let void = |void: &Voided| Void {
            tranche: self.tranche_number(void.tranche),
            credits: credits(void.credits),
            held: credits(void.held),
            spent: credits(void.spent),
            row: void.posting.as_ref().map(|posting| self.row(posting)),
        };
        voids.iter().map(void).collect()
    }

    pub(super) fn not_paid(&self, unpaid: &[Unpaid]) -> Vec<NotPaid> {
        let one = |unpaid: &Unpaid| NotPaid {
            tranche: self.tranche_number(unpaid.tranche),
            taken: credits(unpaid.taken),
            owed: credits(unpaid.owed),
            row: unpaid.posting.as_ref().map(|posting| self.row(posting)),
        };
        unpaid.iter().map(one).collect()
    }

    fn step_told(&self, step: &HoldStep) -> Step {
        Step {
            verb: step.verb,
            hold: self.hold_told(&step.hold),
            pinned: self.parts(&step.pinned),
            consumed: self.parts(&step.consumed),
            returned: self.parts(&step.returned),
            taken: step.taken.as_ref().map(|taken| self.taken(taken)),
            gone: self.gone(&step.lapsed),
        }
    }

    pub(super) fn hold_ended(&self, end: &HoldEnd) -> HoldEnded {
        HoldEnded {
            at: end.at,
            hold: self.hold_told(&end.hold),
            returned: self.parts(&end.returned),
            gone: self.gone(&end.lapsed),
        }
    }

    pub(super) fn hold_told(&self, hold: &Hold) -> HoldSeen {
        HoldSeen {
            hold: self.hold_number(hold.id),
            status: hold.status,
            placed_at: hold.placed_at,
            expires_at: hold.expires_at,
            credits: credits(hold.credits),
            captured: credits(hold.captured),
            released: credits(hold.released),
            pins: self.parts(&hold.pins),
        }
    }

    fn hold_number(&self, id: HoldId) -> usize {
        let found = self.holds.iter().position(|other| *other == id);
        found.unwrap_or_else(|| panic!("nobody placed {id:?}{}", self.story()))
    }

    fn gone(&self, lapsed: &[Lapsed]) -> Vec<Gone> {
        let gone = |lapsed: &Lapsed| Gone {
            tranche: self.tranche_number(lapsed.tranche),
            credits: credits(lapsed.credits),
            voided: lapsed.voided,
            row: self.row(&lapsed.posting),
        };
        lapsed.iter().map(gone).collect()
    }

    fn back(&self, back: &GivenBack) -> Back {
        let to = |to: &BackTo| match to {
            BackTo::Tranche => To::Tranche,
            BackTo::Debt => To::Debt,
            BackTo::New { tranche, .. } => To::New(self.tranche_number(*tranche)),
        };
        let row = |row: &coffer_ledger::fact::BackRow| {
            let of_row = usize::try_from(row.of_row).expect("few");
            (of_row, credits(row.credits), money(row.amount), self.row(&row.posting))
        };
        Back {
            slices: back.slices.iter().map(|back| (self.part(&back.slice), to(&back.to))).collect(),
            rows: back.rows.iter().map(row).collect(),
            gone: self.gone(&back.lapsed),
        }
    }

    fn settled(&self, settled: &Settled) -> Done {
        let part = |part: &coffer_ledger::fact::SettledPart| LinePart {
            credits: credits(part.row.credits),
            amount: money(part.row.amount),
            row: self.row(&part.row.posting),
            slices: self.parts(&part.slices),
        };
        let line = |line: &coffer_ledger::fact::SettledLine| LineSettled {
            id: line.id.to_string(),
            amount: money(line.amount),
            paid: money(line.paid),
            shortfall: money(line.shortfall),
            parts: line.parts.iter().map(part).collect(),
        };
        Done::Settled {
            paid: money(settled.paid),
            shortfall: money(settled.shortfall),
            lines: settled.lines.iter().map(line).collect(),
        }
    }

    fn arrival(&self, arrived: &Arrived) -> Arrival {
        let row = |row: &coffer_ledger::fact::ArrivedRow| {
            let (amount, repaid) = (money(row.amount), credits(row.repaid));
            (self.tranche_number(row.tranche), kind(&row.terms), amount, repaid, self.row(&row.posting))
        };
        Arrival {
            wallet: self.wallet_number(arrived.wallet),
            rows: arrived.rows.iter().map(row).collect(),
            gone: self.gone(&arrived.lapsed),
        }
    }
}

/// What never changes about a tranche.
pub(super) fn kind(terms: &Terms) -> Kind {
    Kind {
        source: terms.source,
        priority: terms.priority,
        scope: terms.scope.clone(),
        original: credits(terms.original),
        paid: money(terms.paid),
        effective_at: terms.effective_at,
        expires_at: terms.expires_at,
    }
}
