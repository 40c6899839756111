//! Every row of a random program is in the store, once, as the record says it.

use std::collections::BTreeSet;

use crate::kept::Kept;
use crate::program::{Random, run, wallets};
use crate::support::{all, close, engine, follow};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_a_random_program_is_in_the_store_once_and_as_its_record_says_it() {
    for seed in [1, 2, 3] {
        println!("seed {seed}");
        let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
        let engine = engine(dir.path()).await;
        let feed = follow(&engine, kept.place());
        let wallets = wallets(&engine).await;
        let mut random = Random::new(seed);
        let accepted = run(&engine, &wallets, &mut random, 1_500).await;
        assert!(accepted > 500, "{accepted}");
        let stored = all(&engine, &feed.history(), &format!("seed {seed}")).await;
        let once: BTreeSet<_> = stored.iter().map(|row| row.id).collect();
        assert_eq!(once.len(), stored.len());
        let reasons: BTreeSet<_> = stored.iter().map(|row| &*row.reason).collect();
        assert!(reasons.len() >= 10, "{reasons:?}");
        assert_eq!(close(engine, feed).await.rebuilds, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_starts_late_reads_the_archive_and_then_the_log() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let first = engine(dir.path()).await;
    let wallets = wallets(&first).await;
    let mut random = Random::new(9);
    run(&first, &wallets, &mut random, 1_000).await;
    first.shutdown().await.unwrap();
    let second = engine(dir.path()).await;
    run(&second, &wallets, &mut random, 300).await;
    let feed = follow(&second, kept.place());
    assert!(all(&second, &feed.history(), "late").await.len() > 500);
    close(second, feed).await;
}
