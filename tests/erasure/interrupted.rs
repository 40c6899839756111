//! Wherever an erasure is cut short, what is there verifies, serves, and is erased to the end by the same command.

use coffer::engine::Target;
use coffer::engine::erasure::ErasureStep;

use crate::directory::{close, copy, erase, open_with_history, places_of, used, verified};
use crate::program::{ADA, TENANT};

/// A directory as it was after each step: what a kill right there leaves.
#[tokio::test(flavor = "multi_thread")]
async fn after_each_step_the_directory_verifies_and_the_same_command_finishes_it() {
    let (place, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    used(place.path(), 0x5EED).await;
    let mut steps = Vec::new();
    erase(place.path(), ADA, &mut |step| {
        copy(place.path(), &copies.path().join(steps.len().to_string()));
        steps.push(step);
    })
    .await;
    let rewritten = steps.iter().filter(|step| matches!(step, Some(ErasureStep::Rewritten { .. }))).count();
    assert!(rewritten > 2 && steps.last() == Some(&None), "{steps:?}");
    for (number, step) in steps.iter().enumerate() {
        let dir = copies.path().join(number.to_string());
        let check = verified(&dir, &format!("after {step:?}"));
        assert!(check.erasing.is_some(), "after {step:?}: nobody knows that it is not finished");
        erase(&dir, ADA, &mut |_| {}).await;
        assert_eq!(places_of(&dir, ADA), Vec::<String>::new(), "cut short after {step:?}");
        let check = verified(&dir, &format!("cut short after {step:?}, and finished"));
        assert_eq!(check.erasing, None, "{step:?}");
    }
}

/// The server may be started in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_in_between_serves_and_the_erasure_is_finished_later() {
    let (place, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    used(place.path(), 0xBE7).await;
    let mut cut = Vec::new();
    erase(place.path(), ADA, &mut |step| {
        if matches!(step, Some(ErasureStep::Rewritten { .. } | ErasureStep::Snapshot)) {
            let dir = copies.path().join(cut.len().to_string());
            copy(place.path(), &dir);
            cut.push((dir, step));
        }
    })
    .await;
    for (dir, step) in cut {
        let (engine, feed) = open_with_history(&dir).await;
        let number = engine.resolve(TENANT, Target::Customer(ADA));
        assert_eq!(number.is_some(), matches!(step, Some(ErasureStep::Rewritten { .. })), "{step:?}");
        close(engine, feed).await;
        verified(&dir, &format!("after {step:?} and a start"));
        erase(&dir, ADA, &mut |_| {}).await;
        assert_eq!(places_of(&dir, ADA), Vec::<String>::new(), "cut short after {step:?}");
    }
}
