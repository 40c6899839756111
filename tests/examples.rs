//! Every example runs, and says something: each checks its own figures, and fails if they are others.
//!
//! `cargo test` builds the examples before it runs this. `cargo test --test examples` alone does not: then `cargo build --examples` has to
//! come first.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure report")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Names of the files in `examples/`.
fn names() -> Vec<String> {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    let sources = files.map(|file| file.unwrap().path());
    let sources = sources.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let mut names: Vec<_> =
        sources.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

/// Where cargo puts the example: beside the folder of this test's own binary.
fn binary(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let path = this.parent().unwrap().parent().unwrap().join("examples").join(name);
    let path = path.with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{} is not there: `cargo build --examples` makes it", path.display());
    path
}

#[test]
fn every_example_runs_to_its_end_and_tells_its_story() {
    let names = names();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let output = Command::new(binary(&name)).output().unwrap();
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name} ended with {}: {said}{complained}", output.status);
        assert!(said.lines().count() > 1, "{name} says too little: {said}{complained}");
    }
}

#[test]
fn the_readme_names_every_example() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for name in names() {
        assert!(readme.contains(&format!("(examples/{name}.rs)")), "{name}");
    }
}
