//! The actor of one customer: its mailbox is the only lock on its wallets (DESIGN decisions 1, 4, 7).
//!
//! `handle` never fails. What breaks is rebuilt in place while the mailbox waits; what breaks twice is quarantined.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::codec;
use super::core::Core;
use super::counters::Counters;
use super::gate::Done;
use super::message::{Image, Message};
use super::operation::Failure;
use super::rebuild::rebuild;
use super::router::Left;
use super::slot::Resting;
use super::turn::{Broken, Seat};

/// What an actor starts from.
pub(crate) enum Seed {
    /// No record yet.
    Empty,
    /// Canonical bytes.
    Resting(Resting),
    /// The state of the actor before.
    State(Box<Customer>),
    /// Only the log knows.
    Rebuild,
}

/// What a customer's actor is started with.
pub(crate) struct Start {
    pub(crate) number: CustomerNumber,
    pub(crate) tenant: TenantNumber,
    pub(crate) generation: u32,
    pub(crate) seed: Seed,
    /// The name that the seat was given for, if it was vacant.
    pub(crate) seated_as: Box<str>,
}

/// The actor. All its data is in [`State`].
pub(crate) struct CustomerActor;

/// What the actor owns.
pub(crate) struct State {
    core: Arc<Core>,
    number: CustomerNumber,
    tenant: TenantNumber,
    generation: u32,
    seated_as: Box<str>,
    /// `None` = quarantined.
    seat: Option<Seat>,
    was_rebuilt: bool,
}

impl Actor for CustomerActor {
    type Msg = Message;
    type State = State;
    type Arguments = (Arc<Core>, Start);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (core, start): (Arc<Core>, Start),
    ) -> Result<State, ActorProcessingErr> {
        let Start { number, tenant, generation, seed, seated_as } = start;
        let mut state = State { core, number, tenant, generation, seated_as, seat: None, was_rebuilt: false };
        match seed {
            Seed::Empty => state.sit(Customer::new(tenant, number)),
            Seed::State(customer) => state.sit(*customer),
            Seed::Resting(resting) => match codec::decode_customer(&resting.bytes) {
                Ok(customer) => state.sit(customer),
                Err(error) => {
                    tracing::error!(customer = number.0, %error, "a resting customer cannot be read; rebuilding it");
                    state.rebuild().await;
                }
            },
            Seed::Rebuild => state.rebuild().await,
        }
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(seat) = &mut state.seat else {
            message.refuse();
            return Ok(());
        };
        // Rules are caught where they run; this is for the engine's own code around them.
        let taken = catch_unwind(AssertUnwindSafe(|| take(seat, message)));
        if !matches!(taken, Ok(Ok(()))) {
            state.rebuild().await;
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Message>, state: &mut State) -> Result<(), ActorProcessingErr> {
        let saved = match state.seat.take() {
            // A halted log makes nothing durable: the bytes are never read, the process ends.
            Some(seat) => state.core.durable(seat.customer.last_position).await.ok().map(|()| seat.customer),
            None => None,
        };
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            saved.map(|customer| {
                let resting = resting_of(&customer);
                (Box::new(customer), resting)
            })
        }));
        let state_and_bytes = encoded.unwrap_or(None);
        let core = Arc::clone(&state.core);
        core.router.has_left(
            &core,
            Left {
                number: state.number,
                generation: state.generation,
                seated_as: std::mem::take(&mut state.seated_as),
                state: state_and_bytes,
            },
        );
        Ok(())
    }
}

impl State {
    fn sit(&mut self, customer: Customer) {
        self.seat = Some(Seat::new(Arc::clone(&self.core), customer));
    }

    /// Drops the state and folds it anew from snapshot and log. The second time, or if that fails: quarantine.
    async fn rebuild(&mut self) {
        self.seat = None;
        if self.was_rebuilt {
            return self.quarantine("it broke again after a rebuild");
        }
        self.was_rebuilt = true;
        match rebuild(&self.core, self.tenant, self.number).await {
            Ok(customer) => {
                Counters::count(&self.core.counters.rebuilt);
                tracing::warn!(
                    customer = self.number.0,
                    position = customer.last_position.0,
                    "rebuilt a customer from the log"
                );
                self.sit(customer);
            }
            Err(error) => self.quarantine(&error.to_string()),
        }
    }

    fn quarantine(&self, why: &str) {
        tracing::error!(
            customer = self.number.0,
            why,
            "quarantined a customer: it answers 503 until a restart"
        );
        self.core.router.quarantine(self.number, self.generation);
    }
}

/// Does one message's work.
fn take(seat: &mut Seat, message: Message) -> Result<(), Broken> {
    match message {
        Message::One { keyed, reply, permit } => {
            let (turned, sound) = seat.turn(keyed);
            seat.release(Done::One { reply, turned, permit });
            sound
        }
        Message::Envelope { items, share, permit } => {
            let mut turned = Vec::with_capacity(items.len());
            let mut sound = Ok(());
            let mut items = items.into_iter();
            for keyed in items.by_ref() {
                if seat.must_append_before(&keyed) {
                    seat.append_gathered(&mut turned);
                }
                let (one, still_sound) = seat.turn(keyed);
                turned.push(one);
                if still_sound.is_err() {
                    seat.append_gathered(&mut turned);
                    sound = still_sound;
                    break;
                }
            }
            turned.extend(items.map(|_| super::gate::Turned::unlogged(Err(Failure::Internal))));
            seat.release(Done::Envelope { share, turned, permit });
            sound
        }
        Message::Read(reader) => {
            // The reader is the caller's code; what it breaks is its own answer.
            let shown = (&seat.customer, seat.now());
            if let Ok(then) = catch_unwind(AssertUnwindSafe(|| reader(Ok(shown)))) {
                seat.core.after(seat.customer.last_position, then);
            }
            Ok(())
        }
        Message::Tick => seat.tick(),
        Message::Image(snapshot) => {
            let image = Image { bytes: bytes_of(&seat.customer), position: seat.customer.last_position };
            // A snapshot that gave up does not wait for it.
            drop(snapshot.send(image));
            Ok(())
        }
    }
}

fn bytes_of(customer: &Customer) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode_customer(customer, &mut bytes);
    bytes
}

/// The form in which a customer rests.
pub(crate) fn resting_of(customer: &Customer) -> Resting {
    Resting {
        bytes: bytes_of(customer).into_boxed_slice(),
        position: LogPosition(customer.last_position.0),
        next_due: customer.next_due(),
    }
}
