//! Every fault of the table, done to a real server: the observed outcome is the documented one. The program
//! has the feature `failpoints` here, and needs no tracer.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

use std::process::Command;

use serde_json::Value;

fn drill(args: &[&str]) -> (i32, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coffer"));
    let output = command.args(["drill", "--fault"]).args(args).arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), document, said)
}

/// Whether this machine lets us mount a file system; then the full disk must have been tried.
fn may_mount() -> bool {
    let tried = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
    };
    rustix::process::geteuid().is_root() && tried("mkfs.ext4", &["-V"]) && tried("losetup", &["-f"])
}

#[test]
fn every_fault_ends_as_documented() {
    let (code, report, said) = drill(&[]);
    let rows = report["rows"].as_array().unwrap_or_else(|| panic!("{said}"));
    for row in rows {
        let not_here = row["name"] == "disk-full" && row["verdict"] == "not_run" && !may_mount();
        assert!(row["verdict"] == "ok" || not_here, "{row:#}");
    }
    let all = rows.iter().all(|row| row["verdict"] == "ok");
    assert_eq!(code, if all { 0 } else { 3 }, "{said}");
}

#[test]
fn the_list_names_each_fault_once_and_an_unknown_name_is_refused() {
    let (code, list, said) = drill(&["--list"]);
    assert_eq!(code, 0, "{said}");
    let mut names: Vec<_> =
        list["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all > 40, "{names:?}");
    let (code, _, said) = drill(&["no-such-fault"]);
    assert_eq!(code, 2);
    assert!(said.contains("--list"), "{said}");
}
