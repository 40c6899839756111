//! `coffer replay`: the check of a real server's log, and other rules over the demo's trace.

use std::path::Path;

use serde_json::Value;

use crate::program::{Ended, Place, ended, program};

/// The directory of a server that served a short demo, with a kill in the middle.
fn demo(dir: &Path) {
    let mut command = program();
    command.args(["demo", "--requests", "3000", "--kills", "1", "--seed", "7", "--json", "--keep", "--dir"]);
    ended(command.arg(dir)).ok();
}

fn replay(dir: &Path, args: &[&str]) -> Ended {
    ended(program().arg("replay").args(args).arg("--data-dir").arg(dir))
}

/// Where the demo's server kept its data.
fn data_in(dir: &Path) -> std::path::PathBuf {
    let mut found = Vec::new();
    look(dir, &mut found);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn look(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("shard-00") {
            found.push(dir.to_owned());
        } else if path.is_dir() {
            look(&path, found);
        }
    }
}

#[test]
fn the_demos_trace_is_decided_again_without_a_difference_and_with_some_under_other_rules() {
    let place = tempfile::tempdir().unwrap();
    demo(place.path());
    let data = data_in(place.path());
    let checked = replay(&data, &["--check"]).ok();
    assert!(checked.out.contains("check        0 differences in "), "{checked:?}");
    for beyond in [["--from", "99999999", "--check"], ["--to", "2020-01-01", "--check"]] {
        let nothing = replay(&data, &beyond);
        assert_eq!(nothing.code, 1, "a check of no record checks nothing: {nothing:?}");
        assert!(nothing.line().contains("no record of the log lies in the range"), "{nothing:?}");
    }
    let json = replay(&data, &["--json"]).ok().json();
    assert!(json["records"].as_u64().unwrap() > 2_000 && json["differing"] == 0, "{json}");

    let (rules, lines) = (place.path().join("rules.toml"), place.path().join("out.jsonl"));
    std::fs::write(&rules, "burn_order = [\"paid_first\"]\n[expiry]\npurchased = 1\npromotional = 1\n")
        .unwrap();
    let with = ["--with", rules.to_str().unwrap(), "--out", lines.to_str().unwrap()];
    let page = replay(&data, &with).ok().out;
    assert!(page.contains("differences  ") && page.contains("requests refused at the time"), "{page}");
    let whole = replay(&data, &[&with[..], &["--json"]].concat()).ok().json();
    assert!(whole["differing"].as_u64().unwrap() > 0, "{whole}");
    let text = std::fs::read_to_string(&lines).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let customers = lines.iter().filter(|line| line["kind"] == "customer").count();
    assert_eq!(customers, whole["customers"].as_array().unwrap().len());
    let refusals = lines.iter().filter(|line| line["kind"] == "refusal").count() as u64;
    assert_eq!(
        Some(refusals),
        whole["refused"].as_u64().map(|count| count + whole["following"].as_u64().unwrap())
    );

    let one = whole["customers"][0]["customer"].as_str().unwrap();
    let only = replay(&data, &[&with[..2], &["--json", "--customer", one]].concat()).ok().json();
    assert_eq!(only["customers"], Value::Array(vec![whole["customers"][0].clone()]));
    let nobody = replay(&data, &[&with[..2], &["--customer", "nobody"]].concat());
    assert_eq!(nobody.code, 1, "{nobody:?}");
    assert!(nobody.line().contains("no customer \"nobody\""), "{nobody:?}");
}

#[test]
fn a_replay_changes_no_file_and_an_empty_log_has_no_differences() {
    let place = Place::with_two_keys();
    let before = place.tree();
    let ended = place.run(&["replay"]).ok();
    assert!(ended.out.contains("0 differences in 0 records"), "{ended:?}");
    assert!(place.tree() == before, "something was touched");
}

#[test]
fn what_cannot_be_run_says_why_and_with_which_code() {
    let place = Place::with_two_keys();
    let rules = place.dir.path().join("rules.toml");
    std::fs::write(&rules, "burn_ordre = []\n").unwrap();
    let wrong = place.run(&["replay", "--with", rules.to_str().unwrap()]);
    assert_eq!(wrong.code, 78, "{wrong:?}");
    assert!(wrong.err.contains("burn_ordre") && wrong.err.contains("default_priorities"), "{wrong:?}");
    let missing = place.run(&["replay", "--with", "/no/such/rules.toml"]);
    assert_eq!(missing.code, 78, "{missing:?}");
    let place_in_log = place.run(&["replay", "--from", "yesterday"]);
    assert_eq!(place_in_log.code, 2, "{place_in_log:?}");
    let both = place.run(&["replay", "--check", "--with", rules.to_str().unwrap()]);
    assert_eq!(both.code, 2, "{both:?}");
    let tenant = place.run(&["replay", "--tenant", "nobody"]);
    assert_eq!(tenant.code, 1, "{tenant:?}");
    assert!(tenant.line().contains("no tenant \"nobody\""), "{tenant:?}");
}
