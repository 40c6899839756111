//! The actor of one customer: its mailbox is the only lock on its wallets (DESIGN decisions 1, 4, 7).
//!
//! `handle` never fails. What breaks is rebuilt in place while the mailbox waits; what breaks twice is quarantined.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::codec;
use super::core::Core;
use super::gate::Done;
use super::host::Life;
use super::message::{Image, Message};
use super::operation::Failure;
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

impl Actor for CustomerActor {
    type Msg = Message;
    type State = State;
    type Arguments = (Arc<Core>, Start);

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        (core, start): (Arc<Core>, Start),
    ) -> Result<State, ActorProcessingErr> {
        Ok(State::begin(core, start).await)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.handle(message).await;
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Message>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.leave().await;
        Ok(())
    }
}

/// What the actor owns.
pub(crate) struct State<H: Life = Core> {
    core: Arc<H>,
    number: CustomerNumber,
    tenant: TenantNumber,
    generation: u32,
    seated_as: Box<str>,
    /// `None` = quarantined.
    seat: Option<H::Seat>,
    was_rebuilt: bool,
    has_left: bool,
}

impl<H: Life> State<H> {
    /// Seats the state that the seed holds, or rebuilds it.
    pub(crate) async fn begin(core: Arc<H>, start: Start) -> Self {
        let Start { number, tenant, generation, seed, seated_as } = start;
        let (seat, was_rebuilt, has_left) = (None, false, false);
        let mut state = Self { core, number, tenant, generation, seated_as, seat, was_rebuilt, has_left };
        if state.sit_on(seed).is_err() {
            state.rebuild().await;
        }
        state
    }

    /// Takes one message. What breaks is rebuilt before the next.
    pub(crate) async fn handle(&mut self, message: H::Message) {
        let Some(seat) = &mut self.seat else { return H::refuse(message) };
        // Rules are caught where they run; this is for the engine's own code around them.
        let taken = catch_unwind(AssertUnwindSafe(|| H::take(seat, message)));
        if !matches!(taken, Ok(Ok(()))) {
            self.rebuild().await;
        }
    }

    /// Gives the state back to the slot, when it is durable.
    pub(crate) async fn leave(&mut self) {
        let saved = match self.seat.take() {
            // A halted log makes nothing durable: the bytes are never read, the process ends.
            Some(seat) => {
                let customer = H::stand(seat);
                self.core.durable(customer.last_position).await.ok().map(|()| customer)
            }
            None => None,
        };
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            saved.map(|customer| {
                let resting = resting_of(&customer);
                (Box::new(customer), resting)
            })
        }));
        self.has_left(encoded.unwrap_or(None));
    }

    fn has_left(&mut self, state: Option<(Box<Customer>, Resting)>) {
        self.has_left = true;
        let (number, generation, seated_as) =
            (self.number, self.generation, std::mem::take(&mut self.seated_as));
        self.core.router().has_left(&self.core, Left { number, generation, seated_as, state });
    }

    /// Sits on what the seed holds; `Err` if only the log can help.
    fn sit_on(&mut self, seed: Seed) -> Result<(), Broken> {
        match seed {
            Seed::Empty => self.sit(Customer::new(self.tenant, self.number)),
            Seed::State(customer) => self.sit(*customer),
            Seed::Resting(resting) => match catch_unwind(|| codec::decode_customer(&resting.bytes)) {
                Ok(Ok(customer)) => self.sit(customer),
                Ok(Err(error)) => {
                    tracing::error!(customer = self.number.0, %error, "a resting customer cannot be read");
                    Err(Broken)
                }
                Err(_) => Err(Broken),
            },
            Seed::Rebuild => Err(Broken),
        }
    }

    fn sit(&mut self, customer: Customer) -> Result<(), Broken> {
        let seated = catch_unwind(AssertUnwindSafe(|| self.core.sit(customer)));
        self.seat = Some(seated.map_err(|_| Broken)?);
        Ok(())
    }

    /// Drops the state and folds it anew from snapshot and log. The second time, or if that fails: quarantine.
    async fn rebuild(&mut self) {
        self.seat = None;
        if self.was_rebuilt {
            return self.quarantine("it broke again after a rebuild");
        }
        self.was_rebuilt = true;
        match self.core.rebuild(self.tenant, self.number).await {
            Ok(customer) => {
                tracing::warn!(
                    customer = self.number.0,
                    position = customer.last_position.0,
                    "rebuilt a customer from the log"
                );
                if self.sit(customer).is_err() {
                    self.quarantine("its state cannot be seated");
                }
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
        self.core.router().quarantine(self.number, self.generation);
    }
}

/// An actor that ends without having left, as only a bug around its life can make it: whoever waits for it to leave is told, or
/// waits for the next one. A slot that takes it for active finds out at the next message.
impl<H: Life> Drop for State<H> {
    fn drop(&mut self) {
        if !self.has_left {
            self.has_left(None);
        }
    }
}

/// Does one message's work.
pub(crate) fn take(seat: &mut Seat, message: Message) -> Result<(), Broken> {
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
                seat.place_earlier(&mut turned);
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
            let (now, _) = seat.begin_turn();
            let shown = (&seat.customer, now);
            if let Ok(then) = catch_unwind(AssertUnwindSafe(|| reader(Ok(shown)))) {
                seat.core.after(seat.customer.last_position, then);
            }
            Ok(())
        }
        Message::Tick(permit) => {
            let ticked = seat.tick();
            drop(permit);
            ticked
        }
        Message::Erase(reply) => seat.erase(reply),
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

/// When the timer looks at a customer: when something is due, at once while transfers of it are on their way.
pub(crate) fn wakes_at(customer: &Customer) -> Timestamp {
    if customer.transfers_out.is_empty() && customer.transfers_in.is_empty() {
        customer.next_due()
    } else {
        customer.next_due().min(customer.last_at)
    }
}

/// The form in which a customer rests.
pub(crate) fn resting_of(customer: &Customer) -> Resting {
    Resting {
        bytes: bytes_of(customer).into_boxed_slice(),
        position: LogPosition(customer.last_position.0),
        next_due: wakes_at(customer),
    }
}
