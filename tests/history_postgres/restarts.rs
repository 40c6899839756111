//! The server falls, is away, or lets connections go: nothing is lost or doubled, and no debit waits.

use std::time::Duration;

use coffer::engine::Engine;
use coffer::feed::Feed;

use crate::kept::Kept;
use crate::program::{Random, run, wallets};
use crate::server::Server;
use crate::support::{all, close, engine, follow, until};

const FALLS: u64 = 12;
const FALLS_LONG: u64 = 200;

/// An engine and its feed to a server of the test's own.
async fn started(dir: &std::path::Path) -> (Engine, Feed, Kept, &'static Server) {
    let kept = Kept::alone();
    let engine = engine(dir).await;
    let feed = follow(&engine, kept.place());
    let server = kept.server;
    (engine, feed, kept, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_amid_batches_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, feed, _, server) = started(dir.path()).await;
    let wallets = wallets(&engine).await;
    let falls = if std::env::var_os("COFFER_TEST_LONG").is_some() { FALLS_LONG } else { FALLS };
    let (seed, mut random) = (41, Random::new(41));
    println!("seed {seed}, {falls} falls");
    for fall in 0..falls {
        let delay = Duration::from_millis(random.below(60));
        let falling = tokio::task::spawn_blocking(move || {
            std::thread::sleep(delay);
            server.crash();
        });
        run(&engine, &wallets, &mut random, 300).await;
        falling.await.unwrap();
        if fall % 4 == 3 {
            all(&engine, &feed.history(), &format!("fall {fall}")).await;
        }
    }
    all(&engine, &feed.history(), "at the end").await;
    assert_eq!(close(engine, feed).await.rebuilds, 0, "a fall leaves nothing to mend");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_away_debits_go_on_and_the_reason_is_told_without_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, feed, _, server) = started(dir.path()).await;
    let wallets = wallets(&engine).await;
    all(&engine, &feed.history(), "before").await;
    server.stop();
    assert!(run(&engine, &wallets, &mut Random::new(42), 100).await > 0);
    until(&feed.history(), |status| status.state == "failed").await;
    let status = feed.history().status();
    assert!(status.lag_records > 0 && !status.reason.unwrap().contains("password"));
    server.again();
    all(&engine, &feed.history(), "after").await;
    assert_eq!(close(engine, feed).await.rebuilds, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_whose_connections_were_ended_connect_again() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, feed, kept, _) = started(dir.path()).await;
    let wallets = wallets(&engine).await;
    run(&engine, &wallets, &mut Random::new(43), 100).await;
    all(&engine, &feed.history(), "before").await;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coffer history'
                 AND query NOT LIKE '%FOR UPDATE%' AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')";
    let client = kept.session().await;
    assert!(!client.query(ended, &[]).await.unwrap().is_empty());
    all(&engine, &feed.history(), "after").await;
    assert_eq!(close(engine, feed).await.rebuilds, 0);
}
