//! From a customer's number to its mailbox (DESIGN decisions 6 and 7).
//!
//! 256 shards, each a lock over the slots of every 256th number. The lock is held for a lookup and a push, never across an
//! `await`, a decode or a disk. The protocol of places is told in [`super::slot`].

use std::sync::Arc;

use coffer_ledger::customer::Customer;
use coffer_ledger::ids::{CustomerNumber, TenantNumber};

use super::core::Core;
use super::customer_actor::{Seed, Start};
use super::host::Host;
use super::operation::Failure;
use super::permits::{Door, Permit};
use super::slot::{Active, Leaving, Place, Resting, Slot};
use super::sync::{AtomicI64, AtomicU64, Mutex, MutexGuard, Ordering};

/// Few in the model, where making a lock costs more than taking it.
const SHARDS: u64 = if cfg!(shuttle) { 2 } else { 256 };

/// How a message treats a slot without a customer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IfVacant<'a> {
    /// There is no such customer.
    Refuse,
    /// The name was numbered for this request: seat an empty customer, if the number is still the name's.
    Seat(&'a str),
}

impl<'a> IfVacant<'a> {
    const fn name(self) -> &'a str {
        match self {
            Self::Refuse => "",
            Self::Seat(name) => name,
        }
    }
}

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum SendError {
    /// Tell the caller.
    Failed(Failure),
    /// The name was forgotten meanwhile: look it up again.
    Renumbered,
}

impl From<Failure> for SendError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

struct Shard<H: Host> {
    slots: Vec<Slot<H>>,
    /// Indices that were activated since the last sweep, or are active; may hold others.
    active: Vec<usize>,
}

/// All slots.
pub(crate) struct Router<H: Host = Core> {
    shards: Vec<Mutex<Shard<H>>>,
    active: AtomicI64,
    resting: AtomicI64,
    quarantined: AtomicU64,
}

/// Numbers of customers by place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) active: u64,
    pub(crate) resting: u64,
    pub(crate) quarantined: u64,
}

/// What is seen of a customer without a message.
pub(crate) enum Peek {
    /// At rest: its bytes; what they show is durable.
    Resting(Resting),
    /// Ask the actor.
    Busy,
}

impl<H: Host> Router<H> {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS)
                .map(|_| Mutex::new(Shard { slots: Vec::new(), active: Vec::new() }))
                .collect(),
            active: AtomicI64::new(0),
            resting: AtomicI64::new(0),
            quarantined: AtomicU64::new(0),
        }
    }

    /// Sends a write: takes the permit, then pushes the message that `build` makes of it.
    pub(crate) fn send_write(
        &self,
        core: &Arc<H>,
        to: (TenantNumber, CustomerNumber),
        if_vacant: IfVacant<'_>,
        writes: u32,
        build: impl FnOnce(Permit) -> H::Message,
    ) -> Result<(), SendError> {
        self.push(core, to, if_vacant, |door| door.admit(writes).map(build).ok_or(Failure::Overloaded))
    }

    /// Sends a write of the engine's own, through a door of its own.
    pub(crate) fn send_internal(
        &self,
        core: &Arc<H>,
        to: (TenantNumber, CustomerNumber),
        door: &Arc<Door>,
        build: impl FnOnce(Permit) -> H::Message,
    ) -> Result<(), SendError> {
        self.push(core, to, IfVacant::Refuse, |_| door.admit(1).map(build).ok_or(Failure::Overloaded))
    }

    /// Sends what takes no permit: reads and ticks.
    pub(crate) fn send(
        &self,
        core: &Arc<H>,
        to: (TenantNumber, CustomerNumber),
        message: H::Message,
    ) -> Result<(), SendError> {
        self.push(core, to, IfVacant::Refuse, |_| Ok(message))
    }

    fn push(
        &self,
        core: &Arc<H>,
        (tenant, number): (TenantNumber, CustomerNumber),
        if_vacant: IfVacant<'_>,
        build: impl FnOnce(&Arc<Door>) -> Result<H::Message, Failure>,
    ) -> Result<(), SendError> {
        let mut shard = self.lock(number);
        let index = index_of(number);
        let slot = seat(&mut shard, index, if_vacant)?;
        match (&slot.place, if_vacant) {
            (Place::Vacant, IfVacant::Seat(name)) => {
                if core.directory().find(tenant, name) != Some(number) {
                    return Err(SendError::Renumbered);
                }
                slot.tenant = tenant;
            }
            (Place::Vacant, IfVacant::Refuse) => return Err(Failure::NotFound("customer").into()),
            (Place::Quarantined | Place::Resting(_) | Place::Active(_) | Place::Leaving(_), _) => {}
        }
        if slot.tenant != tenant {
            return Err(Failure::NotFound("customer").into());
        }
        let message = match &mut slot.place {
            Place::Active(active) => build(&active.door)?,
            Place::Leaving(leaving) => {
                leaving.waiting.push(build(&leaving.door)?);
                return Ok(());
            }
            Place::Vacant | Place::Resting(_) => {
                // Room first: an overloaded engine wakes nobody whom it then refuses.
                let door = core.door_of(tenant);
                let message = build(&door).inspect_err(|_| turn_away(&**core, slot, number, if_vacant))?;
                self.wake(core, slot, number, (if_vacant, door));
                // An actor that is not in the list never rests.
                shard.active.push(index);
                message
            }
            Place::Quarantined => return Err(Failure::Quarantined.into()),
        };
        let slot = &mut shard.slots[index];
        let Place::Active(active) = &mut slot.place else { return Err(Failure::Internal.into()) };
        active.touched_s = core.now_s();
        let rejected = H::post(&active.mailbox, message);
        if let Some(message) = rejected {
            self.replace_dead(core, slot, number, message);
            shard.active.push(index);
        }
        Ok(())
    }

    /// Makes the slot active if it rests or is vacant.
    fn wake(
        &self,
        core: &Arc<H>,
        slot: &mut Slot<H>,
        number: CustomerNumber,
        (if_vacant, door): (IfVacant<'_>, Arc<Door>),
    ) {
        let seed = match std::mem::take(&mut slot.place) {
            Place::Vacant => Seed::Empty,
            Place::Resting(resting) => {
                self.resting.fetch_sub(1, Ordering::Relaxed);
                Seed::Resting(resting)
            }
            other @ (Place::Active(_) | Place::Leaving(_) | Place::Quarantined) => {
                slot.place = other;
                return;
            }
        };
        self.activate(core, slot, number, (seed, if_vacant.name().into()), door);
    }

    fn activate(
        &self,
        core: &Arc<H>,
        slot: &mut Slot<H>,
        number: CustomerNumber,
        (seed, seated_as): (Seed, Box<str>),
        door: Arc<Door>,
    ) {
        slot.generation += 1;
        let (tenant, generation) = (slot.tenant, slot.generation);
        let start = Start { number, tenant, generation, seed, seated_as };
        let mailbox = core.spawn(start);
        let touched_s = core.now_s();
        slot.place = Place::Active(Active { mailbox, door, touched_s });
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    /// The second net: an actor died without a word. A new one rebuilds from snapshot and log.
    fn replace_dead(&self, core: &Arc<H>, slot: &mut Slot<H>, number: CustomerNumber, message: H::Message) {
        tracing::error!(customer = number.0, "an actor died; rebuilding it from the log");
        let door = core.door_of(slot.tenant);
        self.activate(core, slot, number, (Seed::Rebuild, "".into()), door);
        self.active.fetch_sub(1, Ordering::Relaxed);
        if let Place::Active(active) = &slot.place {
            drop(H::post(&active.mailbox, message));
        }
    }

    /// Looks at a customer without waking it.
    pub(crate) fn peek(&self, tenant: TenantNumber, number: CustomerNumber) -> Result<Peek, Failure> {
        let shard = self.lock(number);
        let slot = shard.slots.get(index_of(number)).filter(|slot| slot.tenant == tenant);
        match slot.map(|slot| &slot.place) {
            None | Some(Place::Vacant) => Err(Failure::NotFound("customer")),
            Some(Place::Resting(resting)) => Ok(Peek::Resting(resting.clone())),
            Some(Place::Active(_) | Place::Leaving(_)) => Ok(Peek::Busy),
            Some(Place::Quarantined) => Err(Failure::Quarantined),
        }
    }

    /// Whether the tenant has a customer, or a seat for one, under this number.
    pub(crate) fn is_seated(&self, tenant: TenantNumber, number: CustomerNumber) -> bool {
        let shard = self.lock(number);
        let slot = shard.slots.get(index_of(number));
        slot.is_some_and(|slot| slot.tenant == tenant && !matches!(slot.place, Place::Vacant))
    }

    /// Places a customer at start, before anything else runs.
    pub(crate) fn lay_to_rest(&self, tenant: TenantNumber, number: CustomerNumber, resting: Resting) {
        let mut shard = self.lock(number);
        let slot = slot_mut(&mut shard, index_of(number));
        slot.tenant = tenant;
        slot.place = Place::Resting(resting);
        self.resting.fetch_add(1, Ordering::Relaxed);
    }

    /// A resting customer's bytes.
    pub(crate) fn resting(&self, tenant: TenantNumber, number: CustomerNumber) -> Option<Resting> {
        let shard = self.lock(number);
        let slot = shard.slots.get(index_of(number)).filter(|slot| slot.tenant == tenant)?;
        match &slot.place {
            Place::Resting(resting) => Some(resting.clone()),
            Place::Vacant | Place::Active(_) | Place::Leaving(_) | Place::Quarantined => None,
        }
    }

    /// Takes a resting customer's bytes out during recovery; the caller lays it to rest again.
    pub(crate) fn take_resting(&self, number: CustomerNumber) -> Option<Resting> {
        let mut shard = self.lock(number);
        let slot = shard.slots.get_mut(index_of(number))?;
        match std::mem::take(&mut slot.place) {
            Place::Resting(resting) => {
                self.resting.fetch_sub(1, Ordering::Relaxed);
                Some(resting)
            }
            other @ (Place::Vacant | Place::Active(_) | Place::Leaving(_) | Place::Quarantined) => {
                slot.place = other;
                None
            }
        }
    }

    /// Asks every actor of one shard that was idle since before `idle_before_s` to leave. Returns how many were asked.
    ///
    /// One that has not started yet is left for a later sweep: ractor refuses to start an actor that was asked to drain, and
    /// then nobody would ever answer what is in its mailbox or free its slot.
    pub(crate) fn sweep(&self, shard_index: usize, idle_before_s: u64) -> usize {
        let mut guard = self.shards[shard_index].lock().expect(POISON);
        let Shard { slots, active } = &mut *guard;
        let mut asked = 0;
        active.retain(|index| {
            let Place::Active(candidate) = &slots[*index].place else { return false };
            if candidate.touched_s >= idle_before_s || !H::has_started(&candidate.mailbox) {
                return true;
            }
            leave(&mut slots[*index].place);
            asked += 1;
            false
        });
        asked
    }

    /// Asks every actor to leave. Returns whether none is left; who is woken meanwhile is asked the next time.
    pub(crate) fn rest_all(&self) -> bool {
        for shard in 0..self.shard_count() {
            self.sweep(shard, u64::MAX);
        }
        self.places().active == 0
    }

    /// An actor has ended in good order with this state. What came meanwhile wakes it again.
    pub(crate) fn has_left(&self, core: &Arc<H>, left: Left) {
        let mut shard = self.lock(left.number);
        let index = index_of(left.number);
        let slot = slot_mut(&mut shard, index);
        if slot.generation != left.generation {
            return;
        }
        let leaving = match std::mem::take(&mut slot.place) {
            Place::Leaving(leaving) => leaving,
            // Quarantined on the way out: that stays.
            other @ (Place::Vacant | Place::Resting(_) | Place::Active(_) | Place::Quarantined) => {
                slot.place = other;
                return;
            }
        };
        if leaving.waiting.is_empty() {
            slot.place = self.place_of(core, slot.tenant, left);
            self.active.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let seed = left.state.map_or(Seed::Rebuild, |(customer, _)| Seed::State(customer));
        self.activate(core, slot, left.number, (seed, left.seated_as), leaving.door);
        // After the new one counts: whoever waits until nobody is active does not miss it.
        self.active.fetch_sub(1, Ordering::Relaxed);
        if let Place::Active(active) = &slot.place {
            leaving.waiting.into_iter().for_each(|message| drop(H::post(&active.mailbox, message)));
        }
        shard.active.push(index);
    }

    fn place_of(&self, core: &Arc<H>, tenant: TenantNumber, left: Left) -> Place<H> {
        match left.state {
            None => {
                self.quarantined.fetch_add(1, Ordering::Relaxed);
                Place::Quarantined
            }
            Some((customer, resting)) if customer.identity.is_some() => {
                self.resting.fetch_add(1, Ordering::Relaxed);
                if resting.next_due < coffer_ledger::time::Timestamp::MAX {
                    core.schedule(resting.next_due, tenant, left.number);
                }
                Place::Resting(resting)
            }
            Some(_) => {
                core.directory().forget(tenant, &left.seated_as, left.number);
                Place::Vacant
            }
        }
    }

    /// Marks a customer whose actor gave up; its mailbox is answered by the actor itself.
    pub(crate) fn quarantine(&self, number: CustomerNumber, generation: u32) {
        let mut shard = self.lock(number);
        let slot = slot_mut(&mut shard, index_of(number));
        if slot.generation == generation {
            let was = std::mem::replace(&mut slot.place, Place::Quarantined);
            self.active.fetch_sub(1, Ordering::Relaxed);
            self.quarantined.fetch_add(1, Ordering::Relaxed);
            drop(shard);
            if let Place::Leaving(leaving) = was {
                leaving.waiting.into_iter().for_each(H::refuse);
            }
        }
    }

    /// Calls `visit` for every slot that ever held a customer, shard by shard, under the shard's lock.
    pub(crate) fn for_each_in_shard(
        &self,
        shard_index: usize,
        mut visit: impl FnMut(CustomerNumber, &mut Slot<H>),
    ) {
        let mut shard = self.shards[shard_index].lock().expect(POISON);
        for (index, slot) in shard.slots.iter_mut().enumerate() {
            if !matches!(slot.place, Place::Vacant) {
                visit(number_of(shard_index, index), slot);
            }
        }
    }

    /// Slots that a shard has room for.
    pub(crate) fn slots_allocated(&self, shard_index: usize) -> usize {
        self.shards[shard_index].lock().expect(POISON).slots.capacity()
    }

    /// Number of shards, for loops over [`Router::for_each_in_shard`] and [`Router::sweep`].
    pub(crate) fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// How many customers are where.
    pub(crate) fn places(&self) -> Places {
        let count = |number: &AtomicI64| u64::try_from(number.load(Ordering::Relaxed)).unwrap_or(0);
        Places {
            active: count(&self.active),
            resting: count(&self.resting),
            quarantined: self.quarantined.load(Ordering::Relaxed),
        }
    }

    fn lock(&self, number: CustomerNumber) -> MutexGuard<'_, Shard<H>> {
        let index = usize::try_from(number.0 % SHARDS).expect("less than 256");
        self.shards[index].lock().expect(POISON)
    }
}

/// What an actor hands back when it has ended.
pub(crate) struct Left {
    pub(crate) number: CustomerNumber,
    pub(crate) generation: u32,
    /// The name that the seat was given for, if no record was ever accepted.
    pub(crate) seated_as: Box<str>,
    /// The state and its bytes; `None` if it could not be saved.
    pub(crate) state: Option<(Box<Customer>, Resting)>,
}

const POISON: &str = "nothing under the shard's lock panics";

fn index_of(number: CustomerNumber) -> usize {
    usize::try_from(number.0 / SHARDS).expect("40 bits fit a usize on 64-bit machines")
}

fn number_of(shard: usize, index: usize) -> CustomerNumber {
    CustomerNumber(u64::try_from(index).expect("fits") * SHARDS + u64::try_from(shard).expect("fits"))
}

fn slot_mut<H: Host>(shard: &mut Shard<H>, index: usize) -> &mut Slot<H> {
    if shard.slots.len() <= index {
        shard.slots.resize_with(index + 1, Slot::default);
    }
    &mut shard.slots[index]
}

/// The slot; made only for a name that was numbered, so that a foreign id cannot grow the table.
fn seat<'a, H: Host>(
    shard: &'a mut Shard<H>,
    index: usize,
    if_vacant: IfVacant<'_>,
) -> Result<&'a mut Slot<H>, SendError> {
    match if_vacant {
        IfVacant::Seat(_) => Ok(slot_mut(shard, index)),
        IfVacant::Refuse => {
            shard.slots.get_mut(index).ok_or(SendError::Failed(Failure::NotFound("customer")))
        }
    }
}

/// Nobody was seated: a name that was numbered for this request is nobody's again.
fn turn_away<H: Host>(core: &H, slot: &Slot<H>, number: CustomerNumber, if_vacant: IfVacant<'_>) {
    if let (Place::Vacant, IfVacant::Seat(name)) = (&slot.place, if_vacant) {
        core.directory().forget(slot.tenant, name, number);
    }
}

fn leave<H: Host>(place: &mut Place<H>) {
    if let Place::Active(active) = std::mem::take(place) {
        *place = if H::drain(&active.mailbox) {
            Place::Leaving(Leaving { waiting: Vec::new(), door: active.door })
        } else {
            // Already dead: it would never leave by itself. The next message finds that out and rebuilds it.
            Place::Active(active)
        };
    }
}

#[cfg(test)]
mod tests;
