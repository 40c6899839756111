//! The surroundings of the model: actors on shuttle's threads, a log on the real hand-off, a disk that is a step of a thread, and
//! rules that are one: a record's predecessor in the log is the state's last position. Two owners of one state, a stale state, or
//! a lost record break that rule at the next turn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex as Unseen;

use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::{Customer, CustomerId, Identity, Profile};
use coffer_ledger::fact::{Effect, Facts};
use coffer_ledger::ids::{CustomerNumber, LogPosition, TenantNumber};
use coffer_ledger::record::Record;
use coffer_ledger::time::Timestamp;
use coffer_wal::open_batch::HandOff;
use coffer_wal::{FrameHeader, HaltReason, Halted, Lsn, encode_frame};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::{future, thread};
use tokio::sync::oneshot;

use super::mailbox::{Mailbox, Next};
use crate::engine::customer_actor::{Start, State, resting_of};
use crate::engine::directory::Directory;
use crate::engine::gate::{Answer, Done, Outcome, Then, Turned};
use crate::engine::host::{Host, Life};
use crate::engine::message::{Image, Keyed, Message};
use crate::engine::operation::{Committed, CustomerNames, Failure, Operation};
use crate::engine::permits::{Door, InFlight, PermitLimits};
use crate::engine::rebuild::RebuildError;
use crate::engine::router::{IfVacant, Peek, Router, SendError};
use crate::engine::turn::Broken;

pub(super) const TENANT: TenantNumber = TenantNumber(1);
const BATCH_BYTES_MAX: usize = 4096;

/// What a write does to its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Makes a record.
    Record,
    /// Is refused: an answer and no record.
    Refused,
    /// Breaks the state while it is applied.
    Break,
    /// Ends the actor without a word, as only a bug around the actor's life can.
    Kill,
}

impl Deed {
    const ALL: [Self; 4] = [Self::Record, Self::Refused, Self::Break, Self::Kill];

    /// A deed travels as the name in a command that nobody else uses here.
    fn operation(self) -> Operation {
        let mut operation = Operation::new(Command::Tick);
        operation.origin = Origin { idempotency_key: Some(format!("{self:?}").into()), ..Origin::default() };
        operation
    }

    fn of(message: &Message) -> Option<Self> {
        let Message::One { keyed, .. } = message else { return None };
        let name = keyed.operation.origin.idempotency_key.as_deref()?;
        Self::ALL.into_iter().find(|deed| format!("{deed:?}") == name)
    }
}

/// Everything that the model shares.
pub(super) struct World {
    pub(super) router: Router<World>,
    pub(super) directory: Directory,
    pub(super) engine: Arc<InFlight>,
    pub(super) of_tenant: Arc<InFlight>,
    pub(super) log: HandOff<Done>,
    limits: PermitLimits,
    frame: Vec<u8>,
    /// The records of each customer. Not a lock that shuttle sees: looking at it is no step of the protocol.
    records: Unseen<BTreeMap<CustomerNumber, Vec<LogPosition>>>,
    /// Customers whose state an actor has: never two of one.
    seated: Unseen<BTreeSet<CustomerNumber>>,
    actors: Unseen<Vec<(Arc<Mailbox<Message>>, thread::JoinHandle<()>)>>,
    disk: Unseen<Option<thread::JoinHandle<()>>>,
    disk_fails: AtomicBool,
    over: AtomicBool,
}

impl World {
    /// A world whose limits nobody reaches.
    pub(super) fn new() -> Arc<Self> {
        Self::with_limits(PermitLimits { engine: 99, tenant: 99, customer: 99 })
    }

    pub(super) fn with_limits(limits: PermitLimits) -> Arc<Self> {
        let mut frame = Vec::new();
        encode_frame(&mut frame, &FrameHeader::default(), b"x", b"").unwrap();
        let world = Arc::new(Self {
            router: Router::new(),
            directory: Directory::new(),
            engine: Arc::default(),
            of_tenant: Arc::default(),
            log: HandOff::new(Lsn::NONE, BATCH_BYTES_MAX),
            limits,
            frame,
            records: Unseen::default(),
            seated: Unseen::default(),
            actors: Unseen::default(),
            disk: Unseen::default(),
            disk_fails: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let disk = thread::spawn({
            let world = Arc::clone(&world);
            move || world.write_until_over()
        });
        *world.disk.lock().unwrap() = Some(disk);
        world
    }

    /// The log's writer: a batch after the other, and when the log closes, its end.
    fn write_until_over(&self) {
        while !self.over.load(Ordering::SeqCst) && self.log.halted().is_none() {
            if let Some(batch) = self.log.take(1) {
                thread::yield_now();
                if self.disk_fails.load(Ordering::SeqCst) {
                    self.log.halt(&Halted::new(HaltReason::Io, "the model's disk failed"));
                    return;
                }
                self.log.complete(batch, 0);
            } else if self.log.is_closing() {
                thread::yield_now();
                self.log.halt(&Halted::new(HaltReason::Closed, "the model closed it"));
            }
            thread::yield_now();
        }
    }

    /// A customer that rests with one record, durable.
    pub(super) fn resting_customer(self: &Arc<Self>, name: &str) -> CustomerNumber {
        let number = self.directory.find_or_number(TENANT, name);
        let mut customer = Customer::new(TENANT, number);
        self.append(&mut customer, None);
        while self.log.durable_lsn().0 < customer.last_position.0 {
            thread::yield_now();
        }
        self.router.lay_to_rest(TENANT, number, resting_of(&customer));
        number
    }

    /// Appends a record: the one rule is checked here.
    fn append(&self, customer: &mut Customer, done: Option<Done>) {
        let last = self.records(customer.number).last().copied().unwrap_or_default();
        assert_eq!(customer.last_position, last, "the state is the fold of this customer's records");
        customer.last_position = LogPosition(self.log.append(&self.frame, 1, done).0);
        customer.identity = Some(identity());
        self.records.lock().unwrap().entry(customer.number).or_default().push(customer.last_position);
    }

    /// The customer's records up to a position.
    pub(super) fn records_until(&self, number: CustomerNumber, last: LogPosition) -> Vec<LogPosition> {
        let records = self.records.lock().unwrap();
        let records = records.get(&number).map_or(&[][..], Vec::as_slice);
        records.iter().copied().filter(|position| *position <= last).collect()
    }

    /// Every record of a customer.
    pub(super) fn records(&self, number: CustomerNumber) -> Vec<LogPosition> {
        self.records_until(number, LogPosition(u64::MAX))
    }

    /// Sends one write and waits for its answer.
    pub(super) fn write(
        self: &Arc<Self>,
        number: CustomerNumber,
        deed: Deed,
    ) -> Result<LogPosition, Failure> {
        self.send(number, IfVacant::Refuse, deed).map_err(|error| match error {
            SendError::Failed(failure) => failure,
            SendError::Renumbered => unreachable!("nobody seats here"),
        })?
    }

    /// Sends one write to a name that may be new, as `submit` does.
    pub(super) fn write_new(self: &Arc<Self>, name: &str, deed: Deed) -> Result<LogPosition, Failure> {
        loop {
            let number = self.directory.find_or_number(TENANT, name);
            match self.send(number, IfVacant::Seat(name), deed) {
                Ok(answer) => return answer,
                Err(SendError::Failed(failure)) => return Err(failure),
                Err(SendError::Renumbered) => {}
            }
        }
    }

    /// The answer, or why the message was not taken. An answer that shows something not durable fails the model.
    fn send(
        self: &Arc<Self>,
        number: CustomerNumber,
        if_vacant: IfVacant<'_>,
        deed: Deed,
    ) -> Result<Result<LogPosition, Failure>, SendError> {
        let (reply, waiting) = oneshot::channel();
        let keyed = Keyed { operation: Box::new(deed.operation()), key: None, looked_up: None };
        let build = |permit| Message::One { keyed, reply, permit };
        self.router.send_write(self, (TENANT, number), if_vacant, 1, build)?;
        let answer: Answer = future::block_on(waiting).unwrap_or(Err(Failure::OutcomeUnknown));
        Ok(answer.map(|outcome| match outcome {
            Outcome::Committed(committed) => {
                assert!(self.log.durable_lsn().0 >= committed.position.0, "answered before it was durable");
                committed.position
            }
            Outcome::Replay { .. } => unreachable!("no keys here"),
        }))
    }

    /// The position of what a reader sees now, as `read::read` finds it.
    pub(super) fn read(self: &Arc<Self>, number: CustomerNumber) -> Result<LogPosition, Failure> {
        if let Peek::Resting(resting) = self.router.peek(TENANT, number)? {
            assert!(resting.position.0 <= self.log.durable_lsn().0, "what rests is durable");
            return Ok(resting.position);
        }
        let (tell, told) = oneshot::channel();
        let reader = Box::new(move |shown: Result<(&Customer, Timestamp), Failure>| -> Then {
            let seen = shown.map(|(customer, _)| customer.last_position);
            Box::new(move |durable| drop(tell.send(durable.map_err(|_| Failure::Halted).and(seen))))
        });
        match self.router.send(self, (TENANT, number), Message::Read(reader)) {
            Ok(()) => future::block_on(told).map_err(|_| Failure::OutcomeUnknown)?,
            Err(SendError::Failed(failure)) => Err(failure),
            Err(SendError::Renumbered) => unreachable!("a reader seats nobody"),
        }
    }

    /// Rests everybody. Whoever is stuck on the way makes this the end of the model: more steps than it may take.
    pub(super) fn rest_all(&self) {
        while !self.router.rest_all() {
            thread::yield_now();
        }
    }

    /// The disk fails at the next write.
    pub(super) fn break_disk(&self) {
        self.disk_fails.store(true, Ordering::SeqCst);
    }

    /// Ends the model: no permit is left, and every thread comes back.
    pub(super) fn end(&self) {
        loop {
            let actor = self.actors.lock().unwrap().pop();
            let Some((mailbox, actor)) = actor else { break };
            mailbox.close_model();
            actor.join().unwrap();
        }
        self.over.store(true, Ordering::SeqCst);
        let disk = self.disk.lock().unwrap().take();
        disk.into_iter().for_each(|disk| disk.join().unwrap());
        assert_eq!((self.engine.get(), self.of_tenant.get()), (0, 0), "every permit is free again");
    }

    fn unseat(&self, number: CustomerNumber) {
        assert!(self.seated.lock().unwrap().remove(&number), "a state had no owner");
    }

    fn live(self: &Arc<Self>, start: Start, mailbox: &Mailbox<Message>) {
        let number = start.number;
        if !mailbox.start() {
            return mailbox.end();
        }
        let mut state = future::block_on(State::begin(Arc::clone(self), start));
        loop {
            match mailbox.next() {
                Next::Message(message) if Deed::of(&message) == Some(Deed::Kill) => {
                    drop(message);
                    // The dead own nothing, although what they had is dropped a step later.
                    self.unseat(number);
                    break;
                }
                Next::Message(message) => future::block_on(state.handle(message)),
                Next::Leave => {
                    future::block_on(state.leave());
                    break;
                }
                Next::Over => break,
            }
        }
        thread::yield_now();
        mailbox.end();
        thread::yield_now();
        drop(state);
    }
}

impl Host for World {
    type Message = Message;
    type Mailbox = Arc<Mailbox<Message>>;

    fn now_s(&self) -> u64 {
        0
    }

    fn directory(&self) -> &Directory {
        &self.directory
    }

    fn door_of(&self, _: TenantNumber) -> Arc<Door> {
        Door::new(Arc::clone(&self.engine), Arc::clone(&self.of_tenant), self.limits)
    }

    fn schedule(&self, _: Timestamp, _: TenantNumber, _: CustomerNumber) {}

    fn spawn(self: &Arc<Self>, start: Start) -> Self::Mailbox {
        let mailbox = Mailbox::new();
        let actor = thread::spawn({
            let (world, mailbox) = (Arc::clone(self), Arc::clone(&mailbox));
            move || world.live(start, &mailbox)
        });
        self.actors.lock().unwrap().push((Arc::clone(&mailbox), actor));
        mailbox
    }

    fn post(mailbox: &Self::Mailbox, message: Message) -> Option<Message> {
        mailbox.post(message)
    }

    fn has_started(mailbox: &Self::Mailbox) -> bool {
        mailbox.has_started()
    }

    fn drain(mailbox: &Self::Mailbox) -> bool {
        mailbox.drain()
    }

    fn refuse(message: Message) {
        message.refuse();
    }
}

/// A state, seated.
pub(super) struct Seat {
    world: Arc<World>,
    customer: Customer,
}

impl Life for World {
    type Seat = Seat;

    fn router(&self) -> &Router<Self> {
        &self.router
    }

    fn sit(self: &Arc<Self>, customer: Customer) -> Seat {
        assert!(self.seated.lock().unwrap().insert(customer.number), "a state has two owners");
        Seat { world: Arc::clone(self), customer }
    }

    fn take(seat: &mut Seat, message: Message) -> Result<(), Broken> {
        thread::yield_now();
        let deed = Deed::of(&message);
        let Seat { world, customer } = seat;
        let last = Lsn(customer.last_position.0);
        match message {
            Message::One { keyed, reply, permit } => {
                if deed == Some(Deed::Record) {
                    let turned = Turned { answer: Ok(committed(*keyed.operation)), offset: Some(0) };
                    world.append(customer, Some(Done::One { reply, turned, permit }));
                    return Ok(());
                }
                let turned = Turned::unlogged(Err(Failure::Internal));
                world.log.after(last, Done::One { reply, turned, permit });
                if deed == Some(Deed::Break) {
                    // What was applied and not logged: whoever goes on with it is found out by the one rule.
                    customer.last_position = LogPosition(u64::MAX);
                    world.unseat(customer.number);
                    return Err(Broken);
                }
            }
            Message::Image(snapshot) => {
                let image =
                    Image { bytes: resting_of(customer).bytes.into_vec(), position: customer.last_position };
                drop(snapshot.send(image));
            }
            Message::Read(reader) => {
                let then = reader(Ok((customer, Timestamp(0))));
                world.log.after(last, Done::Then(then));
            }
            Message::Envelope { .. } | Message::Tick(_) | Message::Erase(_) => {}
        }
        Ok(())
    }

    fn stand(seat: Seat) -> Customer {
        seat.world.unseat(seat.customer.number);
        seat.customer
    }

    async fn rebuild(
        self: &Arc<Self>,
        tenant: TenantNumber,
        number: CustomerNumber,
    ) -> Result<Customer, RebuildError> {
        self.durable(LogPosition(self.log.appended_lsn().0)).await?;
        thread::yield_now();
        let mut customer = Customer::new(tenant, number);
        if let Some(last) = self.records(number).last() {
            (customer.last_position, customer.identity) = (*last, Some(identity()));
        }
        Ok(customer)
    }

    async fn durable(&self, position: LogPosition) -> Result<(), Failure> {
        let (tell, told) = oneshot::channel();
        let then = Box::new(move |result| drop(tell.send(result)));
        self.log.after(Lsn(position.0), Done::Then(then));
        told.await.map_err(|_| Failure::OutcomeUnknown)?.map_err(|_| Failure::Halted)
    }
}

fn identity() -> Identity {
    Identity {
        id: CustomerId::Named,
        external_id: "acme".into(),
        profile: Profile::default(),
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        deleted: false,
    }
}

fn committed(operation: Operation) -> Outcome {
    let Operation { command, origin, .. } = operation;
    let facts = Facts { at: Timestamp(0), due: Vec::new(), effect: Effect::Ticked, set_off: None };
    let names = CustomerNames { number: CustomerNumber(0), id: "".into(), external_id: "".into() };
    Outcome::Committed(Committed {
        position: LogPosition(0),
        record: Box::new(Record { origin, command, facts }),
        customer: Arc::new(names),
        replayed: false,
    })
}
