//! What the slot protocol asks of its surroundings: names, time, and actors with mailboxes; and what an actor's life asks.
//!
//! The engine's [`Core`] answers with ractor's actors. The model of the protocol answers with its own, so that shuttle can
//! drive the real router and the real life through schedules of its choice. Resolved at compile time: a send costs what it cost without it.

use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::time::Timestamp;
use ractor::{ActorRef, ActorStatus, MessagingErr};

use super::core::Core;
use super::counters::Counters;
use super::customer_actor::{CustomerActor, Start, take};
use super::directory::Directory;
use super::message::Message;
use super::operation::Failure;
use super::permits::Door;
use super::rebuild::{RebuildError, rebuild};
use super::router::Router;
use super::turn::{Broken, Seat};

/// What the slot protocol asks of its surroundings. Everything but [`Host::refuse`] is called under a shard's lock, and may
/// neither wait nor call the router.
pub(crate) trait Host: Sized {
    /// What a mailbox holds.
    type Message;
    /// Where an actor's messages are pushed.
    type Mailbox;

    /// Seconds of engine time.
    fn now_s(&self) -> u64;
    /// Whose a name is.
    fn directory(&self) -> &Directory;
    /// The door of a customer of this tenant that wakes now.
    fn door_of(&self, tenant: TenantNumber) -> Arc<Door>;
    /// Looks at a customer at this instant.
    fn schedule(&self, at: Timestamp, tenant: TenantNumber, number: CustomerNumber);
    /// Starts an actor, without waiting for it. It takes messages at once.
    fn spawn(self: &Arc<Self>, start: Start) -> Self::Mailbox;
    /// Pushes; gives the message back if the actor is dead.
    fn post(mailbox: &Self::Mailbox, message: Self::Message) -> Option<Self::Message>;
    /// Whether the actor runs, or ran: one that was asked to drain before it ran never will.
    fn has_started(mailbox: &Self::Mailbox) -> bool;
    /// Takes no more messages; the actor does what it has and leaves. `false` if it is dead and never will.
    fn drain(mailbox: &Self::Mailbox) -> bool;
    /// Answers a message for a quarantined customer.
    fn refuse(message: Self::Message);
}

/// What a customer's actor asks of its surroundings while it lives.
pub(crate) trait Life: Host {
    /// The state, seated to take turns.
    type Seat;

    /// Where the actor's slot is.
    fn router(&self) -> &Router<Self>;
    /// Seats a state.
    fn sit(self: &Arc<Self>, customer: Customer) -> Self::Seat;
    /// Does one message's work. After `Broken`, or a panic, the seat is not used again.
    fn take(seat: &mut Self::Seat, message: Self::Message) -> Result<(), Broken>;
    /// The state, when no more turns are taken.
    fn stand(seat: Self::Seat) -> Customer;
    /// The customer as the log has it.
    fn rebuild(
        self: &Arc<Self>,
        tenant: TenantNumber,
        number: CustomerNumber,
    ) -> impl Future<Output = Result<Customer, RebuildError>> + Send;
    /// Waits until everything up to `position` is durable.
    fn durable(&self, position: LogPosition) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl Host for Core {
    type Message = Message;
    type Mailbox = ActorRef<Message>;

    #[inline]
    fn now_s(&self) -> u64 {
        self.time.now().seconds()
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    fn door_of(&self, tenant: TenantNumber) -> Arc<Door> {
        self.door_of(tenant)
    }

    fn schedule(&self, at: Timestamp, tenant: TenantNumber, number: CustomerNumber) {
        // The timer looks at the engine's clock; a clock that stands still is caught up when it is moved, but for what a crash cut short.
        match self.views.get(tenant).and_then(|view| view.test_clock) {
            None => self.timers.schedule(at, tenant, number),
            Some(own) if at <= own => self.timers.schedule(self.time.now(), tenant, number),
            Some(_) => {}
        }
    }

    fn spawn(self: &Arc<Self>, start: Start) -> ActorRef<Message> {
        let _runtime = self.runtime.enter();
        let arguments = (Arc::clone(self), start);
        let spawned = ractor::ActorRuntime::spawn_instant(None, CustomerActor, arguments);
        let (mailbox, _) = spawned.expect("only a name in use makes this fail, and actors have no names");
        mailbox
    }

    #[inline]
    fn post(mailbox: &ActorRef<Message>, message: Message) -> Option<Message> {
        match mailbox.send_message(message) {
            Ok(()) => None,
            Err(MessagingErr::SendErr(message)) => Some(message),
            Err(MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => None,
        }
    }

    fn has_started(mailbox: &ActorRef<Message>) -> bool {
        mailbox.get_status() != ActorStatus::Unstarted
    }

    fn drain(mailbox: &ActorRef<Message>) -> bool {
        mailbox.drain().is_ok()
    }

    fn refuse(message: Message) {
        message.refuse();
    }
}

impl Life for Core {
    type Seat = Seat;

    fn router(&self) -> &Router {
        &self.router
    }

    fn sit(self: &Arc<Self>, customer: Customer) -> Seat {
        Seat::new(Arc::clone(self), customer)
    }

    #[inline]
    fn take(seat: &mut Seat, message: Message) -> Result<(), Broken> {
        take(seat, message)
    }

    fn stand(seat: Seat) -> Customer {
        seat.customer
    }

    async fn rebuild(
        self: &Arc<Self>,
        tenant: TenantNumber,
        number: CustomerNumber,
    ) -> Result<Customer, RebuildError> {
        let customer = rebuild(self, tenant, number).await?;
        Counters::count(&self.counters.rebuilt);
        Ok(customer)
    }

    async fn durable(&self, position: LogPosition) -> Result<(), Failure> {
        self.durable(position).await
    }
}
