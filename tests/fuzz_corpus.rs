//! Replays what fuzzing is fed with, without a fuzzer: the seeds of every target, the inputs that fuzzing found worth keeping, and
//! every input that once found something. How to search for more: CONTRIBUTING.md, "Fuzzing".

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]
#![expect(clippy::print_stdout, reason = "the last file named is the one that failed")]
#![expect(clippy::disallowed_methods, reason = "the corpus is the test's own, outside any simulation")]

use std::path::{Path, PathBuf};

use coffer::fuzzing::TARGETS;

/// Files of a folder of `fuzz/`, in order; none if there is no such folder.
fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder).join(target);
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Feeds a target all that is kept for it. The file's name is printed first: a panic says nothing of its input.
fn replay(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let (seeds, corpus) = (files("seeds", name), files("corpus", name));
    assert!(!seeds.is_empty() && !corpus.is_empty(), "{name} has no seeds or no corpus");
    for path in seeds.into_iter().chain(corpus).chain(files("regressions", name)) {
        println!("{}", path.display());
        target(&std::fs::read(&path).unwrap());
    }
}

macro_rules! replays {
    ($($test:ident => $target:literal),* $(,)?) => {
        $(#[test]
        fn $test() {
            replay($target);
        })*

        #[test]
        fn every_target_is_replayed_here_and_has_a_program_in_fuzz() {
            let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
            for (name, _) in TARGETS {
                assert!([$($target),*].contains(&name), "{name} has no test");
                assert!(programs.join(format!("{name}.rs")).is_file(), "{name} has no program");
            }
        }
    };
}

replays! {
    amounts_mean_what_a_rational_says => "amount",
    archived_segments_are_read_or_refused => "archive",
    what_the_codec_reads_it_writes_again => "codec",
    frames_batches_and_headers_are_read_or_refused => "frames",
    no_request_is_answered_with_a_5xx => "http",
    texts_outside_of_bodies_are_read_or_refused => "http_texts",
    snapshots_are_read_or_refused => "snapshot",
    stores_are_recovered_or_refused => "store",
}
