//! ractor's mailbox, as far as the protocol leans on it: unbounded; a drain closes it, what was admitted before is handled, then
//! the actor leaves; what is sent later comes back. A dead actor's mailbox drops what it held. One that was drained before its
//! actor ran never has one.
//!
//! Between an actor's death and the end of its mailbox a message is taken and lost, and a drain is promised and not kept: so it
//! is with ractor, which ends the mailbox a step after the actor.

use std::collections::VecDeque;
use std::sync::Arc;

use shuttle::sync::{Condvar, Mutex};

/// What an actor finds in its mailbox.
pub(super) enum Next<M> {
    Message(M),
    /// It was drained, and everything admitted is handled.
    Leave,
    /// The model is over.
    Over,
}

struct Held<M> {
    messages: VecDeque<M>,
    started: bool,
    drains: bool,
    ended: bool,
    over: bool,
}

/// Both ends of a mailbox.
pub(super) struct Mailbox<M> {
    held: Mutex<Held<M>>,
    arrived: Condvar,
}

impl<M> Mailbox<M> {
    pub(super) fn new() -> Arc<Self> {
        let held =
            Held { messages: VecDeque::new(), started: false, drains: false, ended: false, over: false };
        Arc::new(Self { held: Mutex::new(held), arrived: Condvar::new() })
    }

    /// Takes a message, or gives it back.
    pub(super) fn post(&self, message: M) -> Option<M> {
        let mut held = self.held.lock().unwrap();
        if held.drains || held.ended {
            return Some(message);
        }
        held.messages.push_back(message);
        self.arrived.notify_one();
        None
    }

    /// Closes it. `false` if it has ended.
    pub(super) fn drain(&self) -> bool {
        let mut held = self.held.lock().unwrap();
        held.drains = true;
        self.arrived.notify_one();
        !held.ended
    }

    /// Whether its actor runs, or ran.
    pub(super) fn has_started(&self) -> bool {
        self.held.lock().unwrap().started
    }

    /// The actor's side: begins, unless it was drained before.
    pub(super) fn start(&self) -> bool {
        let mut held = self.held.lock().unwrap();
        held.started = !held.drains;
        held.started
    }

    /// The actor's side: waits for what comes next.
    pub(super) fn next(&self) -> Next<M> {
        let mut held = self.held.lock().unwrap();
        loop {
            if let Some(message) = held.messages.pop_front() {
                return Next::Message(message);
            }
            if held.over {
                return Next::Over;
            }
            if held.drains {
                return Next::Leave;
            }
            held = self.arrived.wait(held).unwrap();
        }
    }

    /// The actor is gone: nothing comes in, and what is left is dropped.
    pub(super) fn end(&self) {
        let left = {
            let mut held = self.held.lock().unwrap();
            held.ended = true;
            std::mem::take(&mut held.messages)
        };
        drop(left);
    }

    /// Lets an actor go that waits for messages which will not come.
    pub(super) fn close_model(&self) {
        self.held.lock().unwrap().over = true;
        self.arrived.notify_all();
    }
}
