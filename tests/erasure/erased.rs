//! What is gone and what stays.

use std::collections::BTreeSet;

use coffer::audit::Proof;
use coffer::engine::codec::kinds;
use coffer::engine::{Failure, Target};
use coffer::feed::history::Row;
use coffer_ledger::ids::{CustomerNumber, RowId};
use coffer_wal::RecordBuf;

use crate::directory::{
    archived, books, close, contains, erase, files, open_with_history, places_of, plan, strings_of, used,
    verified,
};
use crate::program::{ADA, BOB, TENANT, debit_again};

#[tokio::test(flavor = "multi_thread")]
async fn one_customers_personal_data_is_gone_from_every_byte_and_all_else_is_as_it_was() {
    for seed in [0xC0FFEE, 0xE4A5E] {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path();
        used(dir, seed).await;
        let (engine, feed) = open_with_history(dir).await;
        engine.checkpoint().await.unwrap();
        let (ada, bob) = (books(&engine, &feed, ADA).await, books(&engine, &feed, BOB).await);
        let proofs = proofs(&engine, &ada.1).await;
        let key = engine.audit_key();
        close(engine, feed).await;
        let bobs = strings_of(dir, BOB);
        assert!(!places_of(dir, ADA).is_empty() && bobs.len() > 300, "seed {seed:#x}");

        dry_run_changes_nothing(dir).await;
        let planned = plan(dir, ADA);
        erase(dir, ADA, &mut |_| {}).await;

        assert_eq!(places_of(dir, ADA), Vec::<String>::new(), "seed {seed:#x}");
        let mentions: Vec<u64> = planned.mentions.iter().map(|position| position.0).collect();
        let erased: BTreeSet<u64> = archived(dir)
            .into_iter()
            .filter(|record| record.erased.is_some())
            .inspect(|record| check_whose(record, planned.customer, &mentions))
            .map(|record| record.lsn.0)
            .collect();
        let expected: BTreeSet<_> = bobs.into_iter().filter(|(record, _)| !erased.contains(record)).collect();
        assert!(!mentions.is_empty() && expected.len() > 300, "seed {seed:#x}");
        assert!(strings_of(dir, BOB) == expected, "seed {seed:#x}: something of the other's is gone");
        assert!(verified(dir, &format!("seed {seed:#x}")).erased >= planned.records());
        assert!(plan(dir, &planned.name).is_done(), "a second time there is nothing left");

        let (engine, feed) = open_with_history(dir).await;
        assert_eq!(engine.resolve(TENANT, Target::Customer(ADA)), None);
        let (ada_now, bob_now) =
            (books(&engine, &feed, &planned.name).await, books(&engine, &feed, BOB).await);
        assert_eq!((&ada.0, ada.1.len()), (&ada_now.0, ada_now.1.len()), "seed {seed:#x}");
        for (was, is) in ada.1.iter().zip(&ada_now.1) {
            assert_eq!(without_words(was), *is, "seed {seed:#x}");
        }
        let bobs_rows = bob.1.iter().map(|row| {
            if mentions.contains(&row.id.position().0) { without_words(row) } else { row.clone() }
        });
        assert_eq!((bob.0, bobs_rows.collect::<Vec<_>>()), bob_now, "seed {seed:#x}");
        let mut erased_proofs = 0;
        for (row, before) in proofs {
            before.check(&key).unwrap();
            let now = engine.prove(row).await.unwrap();
            // A record that says nothing personal, such as an arrival, is what it was.
            assert!(now.record.erased.is_some() || now.record == before.record);
            erased_proofs += usize::from(now.record.erased.is_some());
            assert!(!contains(&now.record.personal, ADA) && !contains(&now.record.public, ADA));
            let read = Proof::from_json(&now.to_json()).unwrap();
            assert_eq!(read, now);
            read.check(&key).unwrap();
            assert_eq!((now.path, now.checkpoint), (before.path, before.checkpoint));
        }
        assert!(erased_proofs > 10, "seed {seed:#x}: {erased_proofs}");
        replays_as_before(&engine, &planned.name).await;
        close(engine, feed).await;
        verified(dir, &format!("seed {seed:#x}, after another run"));
    }
}

/// Nothing is erased but the customer's own records, those that name it, and those of its API keys.
fn check_whose(record: &RecordBuf, customer: CustomerNumber, mentions: &[u64]) {
    let subject = record.header.subject;
    let own = subject.kind == kinds::CUSTOMER && subject.number == customer.0;
    assert!(own || mentions.contains(&record.lsn.0) || subject.kind == kinds::TENANT, "{record:?}");
}

/// Signed proofs of some of these rows.
async fn proofs(engine: &coffer::engine::Engine, rows: &[Row]) -> Vec<(RowId, Proof)> {
    let mut proofs = Vec::new();
    for row in rows.iter().step_by(7) {
        if let Ok(proof) = engine.prove(row.id).await {
            assert!(proof.record.erased.is_none());
            proofs.push((row.id, proof));
        }
    }
    assert!(proofs.len() > 10, "{} of {} rows could be proven", proofs.len(), rows.len());
    proofs
}

fn without_words(row: &Row) -> Row {
    Row {
        reference_type: None,
        reference_id: None,
        description: None,
        idempotency_key: None,
        metadata: row.metadata.as_ref().map(|_| Vec::new()),
        ..row.clone()
    }
}

async fn dry_run_changes_nothing(dir: &std::path::Path) {
    let before: Vec<_> = files(dir).into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect();
    let plan = plan(dir, ADA);
    assert!(plan.segments.len() > 1 && plan.records() > 0 && !plan.is_done(), "{plan:?}");
    let fields = plan.fields;
    assert!(fields.idempotency_keys > 0 && fields.requests > 0 && fields.outcomes > 0, "{plan:?}");
    let state = ["external_id", "name", "email", "contact", "address", "timezone", "metadata"];
    let wallets = ["wallet names", "wallet descriptions", "wallet metadata"];
    let others = ["names and metadata of its grants", "names of its API keys"];
    assert_eq!(plan.state, [&state[..], &wallets[..], &others[..]].concat());
    let after: Vec<_> = files(dir).into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect();
    assert!(before == after, "a dry run changed a file");
}

/// A request that was made before is answered by its erased record; the same key with another amount is refused.
async fn replays_as_before(engine: &coffer::engine::Engine, name: &str) {
    let again = debit_again(engine, name, 1).await.unwrap();
    assert!(again.replayed && again.record.origin.idempotency_key.is_none());
    assert!(matches!(debit_again(engine, name, 2).await, Err(Failure::KeyReused)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_made_by_a_wallet_is_erased_too_and_lives_on_under_its_new_name() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path();
    used(dir, 0xB0B).await;
    let planned = plan(dir, BOB);
    assert!(planned.hot_records > 0, "the last run's records are not archived yet: {planned:?}");
    erase(dir, BOB, &mut |_| {}).await;
    assert_eq!(places_of(dir, BOB), Vec::<String>::new());
    assert!(planned.name.starts_with("cust_"));
    let (engine, feed) = open_with_history(dir).await;
    assert_eq!(engine.resolve(TENANT, Target::Customer(&planned.name)), Some(planned.customer));
    debit_again(&engine, &planned.name, 1).await.unwrap();
    close(engine, feed).await;
    let check = verified(dir, "after a debit of the erased customer");
    assert!(check.erased < u64::try_from(archived(dir).len()).unwrap());
    let again = plan(dir, &planned.name);
    assert_eq!((again.records(), again.state.len()), (1, 0), "what came after is erased by another erasure");
}
