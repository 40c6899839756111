//! Help, version, completions, and what is not understood.

use crate::program::coffer;

const COMMANDS: [&str; 11] = [
    "serve",
    "keys",
    "wal",
    "audit",
    "snapshot",
    "replay",
    "config",
    "demo",
    "drill",
    "bench",
    "completions",
];

#[test]
fn help_lists_every_command_and_every_exit_code() {
    let help = coffer(["--help"]).ok().out;
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    for code in ["0 ", "1 ", "2 ", "3 ", "65", "69", "70", "73", "74", "75", "76", "78", "130"] {
        assert!(help.contains(&format!("\n  {code} ")), "{code}: {help}");
    }
}

#[test]
fn every_command_has_help_of_its_own() {
    for command in COMMANDS {
        let help = coffer([command, "--help"]).ok().out;
        assert!(help.contains("Usage: coffer"), "{command}: {help}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(coffer(["--version"]).ok().out, format!("coffer {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_not_understood_ends_with_2_and_says_so() {
    for args in
        [&["serv"][..], &["wal"], &["keys", "create"], &["demo", "--connections", "0"], &["serve", "--speed"]]
    {
        let ended = coffer(args.iter().copied());
        assert_eq!(ended.code, 2, "{args:?}: {ended:?}");
        assert!(!ended.err.is_empty());
    }
}

#[test]
fn a_completion_script_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = coffer(["completions", shell]).ok().out;
        assert!(script.contains("snapshot"), "{shell}");
    }
}
