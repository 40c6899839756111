//! The hand-off between appenders and the writer, over all interleavings that loom explores.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p coffer-wal --release --test loom_handoff`.
//! Claims: a completion fires exactly once; never before its record is durable; none is lost, whether it is
//! registered before, while or after its batch becomes durable, and whether the log halts, closes or goes on; a writer
//! that sleeps is woken.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use loom::thread;

use coffer_wal::open_batch::HandOff;
use coffer_wal::{Completion, FrameHeader, HaltReason, Halted, Lsn, encode_frame};

/// What one completion was told, and how often.
#[derive(Default)]
struct Told {
    durable: AtomicUsize,
    halted: AtomicUsize,
}

impl Told {
    fn counts(&self) -> (usize, usize) {
        (self.durable.load(Ordering::SeqCst), self.halted.load(Ordering::SeqCst))
    }
}

struct Tell {
    told: Arc<Told>,
    /// The disk, as far as the model needs one: the last record written.
    on_disk: Arc<AtomicU64>,
}

impl Completion for Tell {
    fn complete(self, lsn: Lsn, result: Result<(), Halted>) {
        match result {
            Ok(()) => {
                assert!(self.on_disk.load(Ordering::SeqCst) >= lsn.0, "acknowledged before it was written");
                self.told.durable.fetch_add(1, Ordering::SeqCst);
            }
            Err(_) => {
                self.told.halted.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

struct Model {
    hand_off: Arc<HandOff<Tell>>,
    on_disk: Arc<AtomicU64>,
    frame: Vec<u8>,
}

impl Model {
    fn new() -> Model {
        let mut frame = Vec::new();
        encode_frame(&mut frame, &FrameHeader::default(), b"x", b"").expect("a small record");
        let hand_off = Arc::new(HandOff::new(Lsn::NONE, 4096));
        Model { hand_off, on_disk: Arc::new(AtomicU64::new(0)), frame }
    }

    fn tell(&self) -> (Tell, Arc<Told>) {
        let told = Arc::new(Told::default());
        (Tell { told: Arc::clone(&told), on_disk: Arc::clone(&self.on_disk) }, told)
    }

    fn handle(&self) -> Model {
        let (hand_off, on_disk) = (Arc::clone(&self.hand_off), Arc::clone(&self.on_disk));
        Model { hand_off, on_disk, frame: self.frame.clone() }
    }

    /// Writes batches until everything up to `last` is durable, sleeping in between.
    fn write_until(&self, last: Lsn) {
        while self.hand_off.durable_lsn() < last {
            match self.hand_off.take(1) {
                Some(batch) => {
                    self.on_disk.store(batch.last.0, Ordering::SeqCst);
                    self.hand_off.complete(batch, 0);
                }
                None => self.hand_off.sleep(1, None),
            }
        }
    }
}

fn explore(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}

#[test]
fn two_appenders_and_a_writer_that_sleeps_lose_no_completion() {
    explore(3, || {
        let model = Model::new();
        let appenders: Vec<_> = (0..2)
            .map(|_| {
                let model = model.handle();
                thread::spawn(move || {
                    let (tell, told) = model.tell();
                    let lsn = model.hand_off.append(&model.frame, 1, Some(tell));
                    assert!(model.hand_off.appended_lsn() >= lsn);
                    told
                })
            })
            .collect();
        model.write_until(Lsn(2));
        for appender in appenders {
            assert_eq!(appender.join().expect("no panic").counts(), (1, 0));
        }
    });
}

#[test]
fn waiting_for_a_record_that_is_becoming_durable_fires_once() {
    explore(3, || {
        let model = Model::new();
        let (tell, told) = model.tell();
        let lsn = model.hand_off.append(&model.frame, 1, Some(tell));
        let waiter = {
            let model = model.handle();
            thread::spawn(move || {
                let (tell, told) = model.tell();
                model.hand_off.after(lsn, tell);
                told
            })
        };
        model.write_until(lsn);
        assert_eq!(told.counts(), (1, 0));
        assert_eq!(waiter.join().expect("no panic").counts(), (1, 0));
    });
}

#[test]
fn a_record_appended_while_another_is_in_flight_waits_for_its_own_batch() {
    explore(2, || {
        let model = Model::new();
        model.hand_off.append(&model.frame, 1, None);
        let appender = {
            let model = model.handle();
            thread::spawn(move || {
                let (tell, told) = model.tell();
                let lsn = model.hand_off.append(&model.frame, 1, Some(tell));
                let (tell, also_told) = model.tell();
                model.hand_off.after(lsn, tell);
                (told, also_told)
            })
        };
        model.write_until(Lsn(2));
        let (told, also_told) = appender.join().expect("no panic");
        assert_eq!((told.counts(), also_told.counts()), ((1, 0), (1, 0)));
    });
}

#[test]
fn a_halt_tells_everyone_once_whatever_they_are_doing() {
    explore(3, || {
        let model = Model::new();
        let (tell, first) = model.tell();
        model.hand_off.append(&model.frame, 1, Some(tell));
        let appender = {
            let model = model.handle();
            thread::spawn(move || {
                let (tell, told) = model.tell();
                let lsn = model.hand_off.append(&model.frame, 1, Some(tell));
                let (tell, also_told) = model.tell();
                model.hand_off.after(lsn, tell);
                (told, also_told)
            })
        };
        let taken = model.hand_off.take(1).expect("a record waits");
        drop(taken);
        model.hand_off.halt(&Halted::new(HaltReason::Io, "the write failed"));
        let (told, also_told) = appender.join().expect("no panic");
        assert_eq!([first.counts(), told.counts(), also_told.counts()], [(0, 1); 3]);
    });
}

#[test]
fn blocking_until_durable_ends_when_it_is_durable_and_when_the_log_halts() {
    for halts in [false, true] {
        explore(3, move || {
            let model = Model::new();
            let lsn = model.hand_off.append(&model.frame, 1, None);
            let blocked = {
                let model = model.handle();
                thread::spawn(move || model.hand_off.wait_durable(lsn).is_ok())
            };
            if halts {
                model.hand_off.halt(&Halted::new(HaltReason::Io, "the write failed"));
            } else {
                model.write_until(lsn);
            }
            assert_eq!(blocked.join().expect("no panic"), !halts);
        });
    }
}

#[test]
fn an_append_that_meets_the_close_is_durable_or_told_that_it_never_will_be() {
    explore(3, || {
        let model = Model::new();
        let appender = {
            let model = model.handle();
            thread::spawn(move || {
                let (tell, told) = model.tell();
                model.hand_off.append(&model.frame, 1, Some(tell));
                told
            })
        };
        model.hand_off.close();
        // The writer's order when the log closes: what waits, then the end. The append comes before, between or after.
        if let Some(batch) = model.hand_off.take(1) {
            model.on_disk.store(batch.last.0, Ordering::SeqCst);
            model.hand_off.complete(batch, 0);
        }
        model.hand_off.halt(&Halted::new(HaltReason::Closed, "the log was closed"));
        let (durable, halted) = appender.join().expect("no panic").counts();
        assert_eq!(durable + halted, 1);
    });
}

#[test]
fn closing_wakes_a_writer_that_sleeps() {
    explore(3, || {
        let model = Model::new();
        let writer = {
            let model = model.handle();
            thread::spawn(move || {
                while !model.hand_off.is_closing() {
                    model.hand_off.sleep(1, None);
                }
            })
        };
        model.hand_off.close();
        writer.join().expect("no panic");
    });
}
