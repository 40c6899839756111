//! The demo, short: a real server is killed in the middle, and everything is compared. Once with debits, once with holds.

use std::process::Command;

use serde_json::{Value, json};

/// Runs it, tells its summary; anything that it finds wrong fails.
fn demo(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
    command.args(["demo", "--connections", "16", "--seed", "2023", "--json"]).args(arguments);
    let output = command.output().expect("coffer can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed 2023: {said}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    assert_eq!((&summary["lost"], &summary["doubled"]), (&json!(0), &json!(0)), "{summary}");
    assert_eq!(summary["differences"], json!([]));
    summary
}

fn number(summary: &Value, name: &str) -> u64 {
    summary[name].as_u64().unwrap_or_else(|| panic!("{name} of {summary}"))
}

#[test]
fn a_server_that_is_killed_twice_loses_nothing_and_doubles_nothing() {
    let summary = demo(&["--requests", "4000", "--kills", "2"]);
    let number = |name| number(&summary, name);
    assert_eq!(number("debits") + number("refusals"), 4_000);
    assert_eq!(number("confirmed"), number("debits"));
    assert!(number("log_records") > number("debits"), "{summary}");
    assert!(number("refusals") > 0 && number("replays") > 0, "{summary}");
    assert_eq!(summary["killed_at"].as_array().unwrap().len(), 2);
}

#[test]
fn holds_come_back_and_settle_exactly_while_clients_vanish_and_the_server_is_killed() {
    let summary = demo(&["--holds", "--requests", "600", "--kills", "1"]);
    let number = |name| number(&summary, name);
    assert_eq!(number("holds") + number("refused_insufficient"), 600);
    assert_eq!((number("vanished"), number("came_back"), number("refused_expired")), (15, 15, 15));
    for name in
        ["captures", "partial", "draws", "grown", "extended", "released", "refused_over_capture", "replays"]
    {
        assert!(number(name) > 0, "{name} of {summary}");
    }
    let steps = ["holds", "captures", "grown", "extended", "released"].map(number);
    assert_eq!(number("confirmed"), steps.iter().sum::<u64>());
    assert_eq!(summary["killed_at"].as_array().unwrap().len(), 1);
}
