//! Settings: every layer, and one line for a wrong one.

use crate::program::{Place, coffer, ended, program};

const DEFAULTS: &str = include_str!("../../config/default.toml");

#[test]
fn the_default_file_is_what_config_defaults_prints() {
    assert_eq!(coffer(["config", "defaults"]).ok().out, DEFAULTS);
}

#[test]
fn what_config_show_prints_is_a_configuration_file() {
    let place = Place::new();
    let shown = coffer(["config", "show"]).ok().out;
    let path = place.dir.path().join("shown.toml");
    std::fs::write(&path, &shown).unwrap();
    let again = coffer(["config", "show", "--config", path.to_str().unwrap(), "--json"]).ok().json();
    for entry in again.as_array().unwrap() {
        let variable = entry["variable"].as_str().unwrap();
        let from_file = entry["origin"].as_str().unwrap().ends_with("shown.toml");
        assert!(from_file || variable == "COFFER_SEGMENT_BYTES", "{entry}");
    }
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let place = Place::new();
    let path = place.dir.path().join("my.toml");
    std::fs::write(&path, "[server]\ndata_dir = \"from-file\"\n[engine]\nactors_max = 5\nkeys_max = 6\n")
        .unwrap();
    let shown = ended(
        program()
            .args(["config", "show", "--json", "--data-dir", "from-flag", "--config"])
            .arg(&path)
            .env("COFFER_DATA_DIR", "from-variable")
            .env("COFFER_ACTORS_MAX", "7"),
    );
    let shown = shown.ok().json();
    let find =
        |key: &str| shown.as_array().unwrap().iter().find(|entry| entry["key"] == key).unwrap().clone();
    assert_eq!(find("server.data_dir")["value"], "from-flag");
    assert_eq!(find("server.data_dir")["origin"], "--data-dir");
    assert_eq!(find("engine.actors_max")["value"], 7);
    assert_eq!(find("engine.actors_max")["origin"], "COFFER_ACTORS_MAX");
    assert_eq!(find("engine.keys_max")["value"], 6);
    assert_eq!(find("engine.actor_idle_s")["origin"], "default");
}

/// A wrong configuration, and the line that it ends with (behind the file's own path).
const WRONG: [(&str, &str); 6] = [
    (
        "[engine]\nactors = 5",
        "engine.actors (FILE): no such setting; see `coffer config show` for all of them",
    ),
    (
        "[motor]\nactors_max = 5",
        "motor.actors_max (FILE): no such setting; see `coffer config show` for all of them",
    ),
    ("listen = \"127.0.0.1:1\"", "listen (FILE): no such setting; see `coffer config show` for all of them"),
    ("[engine]\nactors_max = 0", "engine.actors_max = 0 (FILE): must be a whole number from 1 to 10000000"),
    ("[log]\ndirect_io = 1", "log.direct_io = 1 (FILE): must be true or false"),
    ("[server]\nlog_format = \"xml\"", "server.log_format = \"xml\" (FILE): must be one of auto, text, json"),
];

#[test]
fn a_wrong_file_ends_with_78_and_one_line_and_makes_no_data_directory() {
    let place = Place::new();
    let path = place.dir.path().join("wrong.toml");
    for (content, line) in WRONG {
        std::fs::write(&path, content).unwrap();
        let before = place.tree();
        let ended = place.run(&["serve", "--config", path.to_str().unwrap()]);
        assert_eq!(ended.code, 78, "{ended:?}");
        assert_eq!(ended.err, format!("coffer: {}\n", line.replace("FILE", path.to_str().unwrap())));
        assert_eq!(place.tree(), before);
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line_and_a_missing_one_with_its_name() {
    let place = Place::new();
    let path = place.dir.path().join("broken.toml");
    std::fs::write(&path, "[engine]\nactors_max 5\n").unwrap();
    let broken = place.run(&["serve", "--config", path.to_str().unwrap()]);
    assert_eq!((broken.code, broken.err.lines().count()), (78, 1), "{broken:?}");
    assert!(broken.line().contains("broken.toml, line 2: "), "{broken:?}");
    let missing = place.run(&["serve", "--config", "/does/not/exist.toml"]);
    assert_eq!(missing.code, 78);
    assert!(missing.line().contains("/does/not/exist.toml"), "{missing:?}");
}

#[test]
fn a_wrong_variable_or_flag_ends_with_78_and_names_it() {
    let place = Place::new();
    for (name, value) in [("COFFER_KEYS_MAX", "-1"), ("COFFER_NOTHING", "1"), ("COFFER_LISTEN", "nowhere")] {
        let ended = ended(program().args(["serve", "--data-dir", &place.arg()]).env(name, value));
        assert_eq!(ended.code, 78, "{ended:?}");
        assert!(ended.line().contains(name), "{ended:?}");
    }
    let flag = place.run(&["serve", "--listen", "70000"]);
    assert_eq!(flag.code, 78);
    assert!(flag.line().starts_with("coffer: server.listen = \"70000\" (--listen): must be "), "{flag:?}");
    let filter = ended(program().args(["serve", "--data-dir", &place.arg()]).env("COFFER_LOG", "a=b=c"));
    assert_eq!(filter.code, 78, "{filter:?}");
    assert!(!place.data().exists());
}

#[test]
fn a_page_that_nobody_asked_the_length_of_is_no_longer_than_one_may_be() {
    let shown = ended(program().args(["config", "show"]).env("COFFER_PAGE_ITEMS_DEFAULT", "5000"));
    assert_eq!(shown.code, 78, "{shown:?}");
    assert!(shown.line().contains("page_items_default") && shown.line().contains("1000"), "{shown:?}");
}
