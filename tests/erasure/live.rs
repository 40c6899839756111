//! Erasing while the engine serves: others go on, readers see the old form or the erased one, and wherever it is cut short the next
//! start finishes it. The whole is compared with what the stopped form promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coffer::engine::codec::{decode_record, kinds};
use coffer::engine::erasure::{ErasureError, ErasureStep};
use coffer::engine::{Engine, Failure, Operation, Target};
use coffer::feed::{Eraser, EraserError, Feed};
use coffer_ledger::amount::Credits;
use coffer_ledger::command::Command;
use coffer_ledger::customer::Profile;
use coffer_ledger::ids::RowId;
use coffer_wal::Lsn;

use crate::directory::{
    books, close, contains, copy, erase, open_with_history, places_of, plan, strings_of, used, verified,
};
use crate::program::{ADA, BOB, Random, TENANT, begin, debit, debit_again, memo, run};

fn eraser(engine: &Engine, feed: &Feed) -> Eraser {
    Eraser::new(engine.clone(), Some(feed.history()))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_other_customer_goes_on_everything_personal_goes_and_all_else_is_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    used(dir, 0x11FE).await;
    assert!(places_of(dir, ADA).len() > 10);
    let (engine, feed) = open_with_history(dir).await;
    // Part of it is in the hot log only.
    for step in 9_000..9_010 {
        debit_once(&engine, ADA, step).await;
    }
    let (ada, bob) = (books(&engine, &feed, ADA).await, books(&engine, &feed, BOB).await);
    let (eraser, key) = (eraser(&engine, &feed), engine.audit_key());
    let dry = eraser.plan(TENANT, ADA).await.unwrap();
    assert!(dry.plan.hot_records > 0 && dry.plan.segments.len() > 1 && dry.history_rows > 0, "{dry:?}");
    assert!(engine.resolve(TENANT, Target::Customer(ADA)).is_some(), "a dry run changes nothing");

    let done = Arc::new(AtomicBool::new(false));
    let debits = tokio::spawn(keep_debiting(engine.clone(), Arc::clone(&done)));
    let rows = ada.1.iter().step_by(9).map(|row| row.id).collect();
    let reading = tokio::spawn(keep_reading(engine.clone(), rows, Arc::clone(&done)));
    let report = eraser.erase(TENANT, ADA).await.unwrap();
    done.store(true, Ordering::Release);
    let (debited, (proven, erased_seen)) = (debits.await.unwrap(), reading.await.unwrap());
    assert!(debited > 5 && proven > 0, "{debited} debits, {proven} proofs, {erased_seen} of erased records");
    let erased = report.erased.as_ref().unwrap();
    assert_eq!(erased.archived + erased.hot, dry.plan.records(), "{erased:?}");
    assert_eq!((erased.fields, erased.mentions.clone()), (dry.plan.fields, dry.plan.mentions.clone()));
    assert!(erased.hot > 0 && erased.snapshots >= 2 && report.history_rows == dry.history_rows, "{report:?}");

    let name = report.plan.name.clone();
    assert_eq!(engine.resolve(TENANT, Target::Customer(ADA)), None);
    assert_eq!(engine.resolve(TENANT, Target::Customer(&name)), Some(report.plan.customer));
    assert!(eraser.plan(TENANT, &name).await.unwrap().is_nothing(), "a second time there is nothing left");
    let again = eraser.erase(TENANT, &name).await.unwrap();
    assert!(again.erased.is_none());
    let unknown = eraser.erase(TENANT, ADA).await;
    assert!(matches!(unknown, Err(EraserError::Log(ErasureError::NoCustomer(_)))), "{unknown:?}");
    let replayed = debit_again(&engine, &name, 1).await.unwrap();
    assert!(replayed.replayed && replayed.record.origin.idempotency_key.is_none());
    assert!(matches!(debit_again(&engine, &name, 2).await, Err(Failure::KeyReused)));
    let row = ada.1.iter().find(|row| row.id.position().0 > 3).unwrap();
    let proof = engine.prove(row.id).await.unwrap();
    proof.check(&key).unwrap();
    assert!(!contains(&proof.record.personal, ADA));

    let ada_now = books(&engine, &feed, &name).await;
    assert_eq!((&ada.0, ada.1.len()), (&ada_now.0, ada_now.1.len()));
    assert!(ada_now.1.iter().all(|row| row.description.is_none() && row.idempotency_key.is_none()));
    let bob_now = books(&engine, &feed, BOB).await;
    assert!(bob_now.1.len() >= bob.1.len() + usize::try_from(debited).unwrap());
    for (was, is) in bob.1.iter().zip(&bob_now.1) {
        let mentions = report.plan.mentions.contains(&was.id.position());
        assert!(mentions || was == is, "a row of the other's changed");
    }
    // Its old name is free, and somebody else may have it.
    let command = Command::CreateCustomer { external_id: "a new one".into(), profile: Profile::default() };
    engine.submit(TENANT, Target::NewCustomer("a new one"), Operation::new(command)).await.unwrap();
    close(engine, feed).await;
    assert_eq!(places_of(dir, ADA), Vec::<String>::new());
    verified(dir, "erased while serving");
    let bobs = strings_of(dir, BOB);
    assert!(bobs.len() > 300);
    let (engine, feed) = open_with_history(dir).await;
    assert_eq!(books(&engine, &feed, &name).await, ada_now, "after a restart");
    close(engine, feed).await;
    assert!(plan(dir, &name).is_done());
}

async fn debit_once(engine: &Engine, whose: &str, step: u64) {
    let operation = Operation::new(debit(Credits(1), memo(whose, step)));
    engine.submit(TENANT, Target::Customer(whose), operation).await.unwrap();
}

/// Debits the other customer until told; how many.
async fn keep_debiting(engine: Engine, done: Arc<AtomicBool>) -> u64 {
    let mut debited = 0;
    while !done.load(Ordering::Acquire) {
        debited += 1;
        debit_once(&engine, BOB, 10_000 + debited).await;
    }
    debited
}

/// Reads every record and proves these rows, again and again: the old form or the erased one, and each proof holds. How many proofs
/// there were, and erased records.
async fn keep_reading(engine: Engine, rows: Vec<RowId>, done: Arc<AtomicBool>) -> (u64, u64) {
    let (reader, key) = (engine.log_reader(), engine.audit_key());
    let (mut proven, mut erased) = (0, 0);
    while !done.load(Ordering::Acquire) {
        let scanning = reader.clone();
        let scanned = tokio::task::spawn_blocking(move || {
            let (mut seen, mut of_erased) = (0, 0);
            let to = scanning.durable_lsn();
            let after = scanning.scan(Lsn::FIRST, to, &mut |record| {
                seen += 1;
                of_erased += u64::from(record.erased.is_some());
                if record.header.subject.kind == kinds::CUSTOMER {
                    decode_record(record.header.version, record.public, record.personal)?;
                }
                Ok(())
            });
            assert_eq!((after.unwrap(), seen), (to.next(), to.0), "every record is there");
            of_erased
        });
        erased += scanned.await.unwrap();
        for row in &rows {
            if let Ok(proof) = engine.prove(*row).await {
                proof.check(&key).unwrap();
                proven += 1;
            }
        }
    }
    (proven, erased)
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_short_after_any_step_the_next_start_finishes_it_and_so_does_the_command() {
    let (place, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    used(place.path(), 0xC07).await;
    let (engine, feed) = open_with_history(place.path()).await;
    debit_once(&engine, BOB, 9_000).await;
    let erasure = engine.begin_erasure(TENANT, ADA).await.unwrap();
    let mut steps = Vec::new();
    erasure
        .run(&mut |step| {
            copy(place.path(), &copies.path().join(steps.len().to_string()));
            steps.push(step);
        })
        .await
        .unwrap();
    drop(erasure);
    close(engine, feed).await;
    copy(place.path(), &copies.path().join(steps.len().to_string()));
    steps.push(ErasureStep::Removed);
    let rewritten = steps.iter().filter(|step| matches!(step, ErasureStep::Rewritten { .. })).count();
    assert!(rewritten > 2, "{steps:?}");
    for (number, step) in steps.iter().enumerate() {
        let dir = copies.path().join(number.to_string());
        let check = verified(&dir, &format!("after {step:?}"));
        assert!(check.erasing.is_some(), "after {step:?}: nobody knows that it is not finished");
        if number % 3 == 2 {
            erase(&dir, ADA, &mut |_| {}).await;
        } else {
            let (engine, feed) = open_with_history(&dir).await;
            assert_eq!(
                engine.resolve(TENANT, Target::Customer(ADA)),
                None,
                "after {step:?}: the state is erased"
            );
            finish(&eraser(&engine, &feed), &engine).await;
            close(engine, feed).await;
        }
        assert_eq!(places_of(&dir, ADA), Vec::<String>::new(), "cut short after {step:?}");
        assert_eq!(verified(&dir, &format!("cut short after {step:?}, and finished")).erasing, None);
    }
}

/// Goes on until nothing is unfinished any more.
async fn finish(eraser: &Eraser, engine: &Engine) {
    eraser.go_on();
    let finishing = async {
        loop {
            match engine.unfinished_erasure().await {
                Ok(None) => return,
                Ok(Some(_)) | Err(ErasureError::Busy) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), finishing).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_a_stopped_command_began_is_gone_on_with_by_the_running_engine() {
    let (place, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    used(place.path(), 0x57A7).await;
    let mut cut = Vec::new();
    erase(place.path(), ADA, &mut |step| {
        if matches!(step, Some(ErasureStep::Begun | ErasureStep::Rewritten { segment: 2, .. })) {
            let dir = copies.path().join(cut.len().to_string());
            copy(place.path(), &dir);
            cut.push(dir);
        }
    })
    .await;
    assert_eq!(cut.len(), 2);
    for dir in cut {
        let (engine, feed) = open_with_history(&dir).await;
        finish(&eraser(&engine, &feed), &engine).await;
        close(engine, feed).await;
        assert_eq!(places_of(&dir, ADA), Vec::<String>::new());
        assert_eq!(verified(&dir, "begun on a stopped engine").erasing, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_after_it_began_stays_and_another_erasure_takes_it() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    let (engine, feed) = open_with_history(dir).await;
    let wallets = begin(&engine).await;
    run(&engine, &wallets, &mut Random::new(0xAF7E), 0..60).await;
    let erasure = engine.begin_erasure(TENANT, ADA).await.unwrap();
    let name = erasure.name().to_owned();
    let later = debit_again(&engine, &name, 1).await.unwrap();
    let busy = engine.begin_erasure(TENANT, BOB).await;
    assert!(matches!(busy, Err(ErasureError::Busy)), "one at a time: {busy:?}");
    let erased = erasure.run(&mut |_| {}).await.unwrap();
    assert!(erased.hot > 0);
    erasure.finish().await.unwrap();
    let (reader, mut left) = (engine.log_reader(), Vec::new());
    let scanned = reader.scan(Lsn::FIRST, reader.durable_lsn(), &mut |record| {
        left.extend(contains(record.personal, ADA).then_some(record.lsn.0));
        Ok(())
    });
    scanned.unwrap();
    assert_eq!(left, [later.position.0], "the debit after it");
    let eraser = eraser(&engine, &feed);
    let planned = eraser.plan(TENANT, &name).await.unwrap().plan;
    assert_eq!((planned.records(), planned.state.len()), (1, 0));
    let again = eraser.erase(TENANT, &name).await.unwrap().erased.unwrap();
    assert_eq!(again.archived + again.hot, 1);
    close(engine, feed).await;
    assert_eq!(places_of(dir, ADA), Vec::<String>::new());
    verified(dir, "twice");
}
