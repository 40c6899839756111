//! The drill, short: a real server that is killed in each way, and a state that is rebuilt from its archive alone.
//!
//! That the drill finds what is wrong is tested beside its checks, in `src/drill/tests.rs`.

#![expect(clippy::unwrap_used, reason = "in a test's helpers too, a panic is the failure report")]
#![expect(clippy::disallowed_methods, reason = "a test of a program looks at its files from outside")]

use std::path::Path;
use std::process::{Command, Output};

fn coffer(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COFFER_")) {
        command.env_remove(name);
    }
    command.args(args).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Bytes of every file below a directory, by path.
fn files(dir: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), metadata.len()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_server_that_is_killed_in_five_ways_loses_doubles_and_changes_nothing() {
    let args = ["--rounds", "5", "--writers", "8", "--customers", "40", "--seconds-per-round", "0.5"];
    let output = coffer(&[&["drill", "--seed", "2026", "--json"][..], &args].concat());
    let summary = json(&output);
    let number = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!((number("lost"), number("doubled"), number("changed")), (0, 0, 0), "{summary}");
    assert_eq!(summary["differences"], serde_json::json!([]));
    assert_eq!(summary["rounds"].as_array().unwrap().len(), 5);
    assert_eq!(number("kills"), 7, "two rounds kill twice: {summary}");
    assert_eq!(number("confirmed"), number("acknowledged"), "{summary}");
    assert!(number("log_records") > number("acknowledged"), "{summary}");
    for name in ["acknowledged", "refused", "reads", "retried"] {
        assert!(number(name) > 0, "{name}: {summary}");
    }
}

#[test]
fn the_archive_alone_gives_the_state_that_recovery_gives_and_is_refused_with_a_gap() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().to_str().unwrap();
    let args = ["--customers", "40", "--writers", "8", "--seed", "2026", "--keep", "--dir", dir, "--json"];
    let of_a_load = json(&coffer(&[&["drill", "--from-archive"][..], &args].concat()));
    let comparisons = ["at_archive_end", "at_log_end"].map(|name| &of_a_load[name]);
    for compared in comparisons.into_iter().filter(|compared| !compared.is_null()) {
        assert_eq!(compared["differences"], serde_json::json!([]), "{of_a_load}");
        assert_eq!((&compared["customers"], &compared["tenants"]), (&40.into(), &1.into()), "{of_a_load}");
    }
    assert!(of_a_load["segments"].as_u64().unwrap() > 4, "{of_a_load}");
    let compared = &of_a_load["at_archive_end"];
    assert!(compared["keys"].as_u64().unwrap() > 1_000, "{of_a_load}");

    let kept = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path().join("data");
    let before = files(&kept);
    let data_dir = kept.to_str().unwrap();
    let of_the_dir = json(&coffer(&["drill", "--from-archive", "--data-dir", data_dir, "--json"]));
    assert_eq!(of_the_dir, of_a_load);
    assert_eq!(files(&kept), before, "it only reads");

    std::fs::remove_file(kept.join("shard-00/archive/0000000000000002.arc")).unwrap();
    let refused = coffer(&["drill", "--from-archive", "--data-dir", data_dir]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(65), "{said}");
    assert!(said.contains("0000000000000002.arc"), "{said}");
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    for args in [
        &["drill", "--data-dir", "x"][..],
        &["drill", "--from-archive", "--rounds", "3"],
        &["drill", "--seconds-per-round", "0"],
        &["drill", "--rounds", "0"],
        &["drill", "--from-archive", "--data-dir", "x", "--writers", "3"],
    ] {
        assert_eq!(coffer(args).status.code(), Some(2), "{args:?}");
    }
    let missing = coffer(&["drill", "--from-archive", "--data-dir", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(1));
}
