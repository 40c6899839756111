//! The demo, short: a real server is killed twice in the middle, and everything is compared.

use std::process::Command;

#[test]
fn a_server_that_is_killed_twice_loses_nothing_and_doubles_nothing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
    command.args([
        "demo",
        "--requests",
        "4000",
        "--kills",
        "2",
        "--connections",
        "16",
        "--seed",
        "2023",
        "--json",
    ]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed 2023: {said}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!((number("lost"), number("doubled")), (0, 0), "{summary}");
    assert_eq!(summary["differences"], serde_json::json!([]));
    assert_eq!(number("debits") + number("refusals"), 4_000);
    assert_eq!(number("confirmed"), number("debits"));
    assert!(number("log_records") > number("debits"), "{summary}");
    assert!(number("refusals") > 0 && number("replays") > 0, "{summary}");
    assert_eq!(summary["killed_at"].as_array().unwrap().len(), 2);
}
