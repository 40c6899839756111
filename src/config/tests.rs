//! Where each value comes from, and what is refused.

use super::*;

fn defaults() -> Config {
    Config::load(None, std::iter::empty(), &[]).unwrap()
}

fn refusal(variables: &[(&str, &str)]) -> String {
    let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Config::load(None, variables, &[]).unwrap_err().to_string()
}

#[test]
fn the_default_file_holds_exactly_the_settings_of_the_table_in_its_order() {
    let table: toml::Table = DEFAULT_TOML.parse().unwrap();
    let mut keys: Vec<String> = Vec::new();
    for line in DEFAULT_TOML.lines() {
        if let Some(section) = line.strip_prefix('[') {
            keys.push(format!("[{section}"));
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let section = keys.iter().rev().find(|key| key.starts_with('[')).unwrap();
            keys.push(format!("{}.{name}", section.trim_matches(['[', ']'])));
        }
    }
    keys.retain(|key| !key.starts_with('['));
    assert_eq!(keys, SETTINGS.iter().map(|setting| setting.key.to_owned()).collect::<Vec<_>>());
    assert_eq!(table.values().map(|section| section.as_table().unwrap().len()).sum::<usize>(), keys.len());
}

#[test]
fn every_setting_has_a_variable_of_its_own() {
    let mut names: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
    names.extend(OTHER_VARIABLES.iter().map(|name| (*name).to_owned()));
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn the_defaults_of_the_file_are_the_defaults_of_the_engine() {
    let from_file = defaults().engine_options();
    let built_in = EngineOptions::new("./coffer-data");
    assert_eq!(format!("{from_file:?}"), format!("{built_in:?}"));
}

#[test]
fn a_variable_wins_over_the_default_and_a_flag_over_the_variable() {
    let variables = [("COFFER_LISTEN", "127.0.0.1:1"), ("COFFER_ACTORS_MAX", "7"), ("PATH", "/bin")];
    let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let flags = [("server.listen", "--listen", "127.0.0.1:2".to_owned())];
    let config = Config::load(None, variables, &flags).unwrap();
    assert_eq!(config.listen().port(), 2);
    assert_eq!(config.number::<usize>("engine.actors_max"), 7);
}

#[test]
fn a_wrong_value_is_told_with_its_key_its_value_and_what_is_allowed() {
    assert_eq!(
        refusal(&[("COFFER_ACTORS_MAX", "many")]),
        "engine.actors_max = \"many\" (COFFER_ACTORS_MAX): must be a whole number from 1 to 10000000"
    );
    assert_eq!(
        refusal(&[("COFFER_SEGMENT_BYTES", "4194305")]),
        "log.segment_bytes = \"4194305\" (COFFER_SEGMENT_BYTES): must be a multiple of 4096 from 2097152 to 4294967296"
    );
    assert_eq!(
        refusal(&[("COFFER_LISTEN", "localhost")]),
        "server.listen = \"localhost\" (COFFER_LISTEN): must be an IP address and a port, such as 127.0.0.1:7070 or [::]:7070"
    );
}

#[test]
fn a_part_of_a_service_category_is_one_of_that_category_in_force() {
    let media = ("COFFER_FOCUS_SERVICE_CATEGORY", "Media");
    for part in ["Gaming", "Other"] {
        let variables = [media, ("COFFER_FOCUS_SERVICE_SUBCATEGORY", part)];
        let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let options = Config::load(None, variables, &[]).unwrap().focus_options();
        assert_eq!((&*options.service_category, &*options.service_subcategory), ("Media", part));
    }
    assert_eq!(
        refusal(&[media, ("COFFER_FOCUS_SERVICE_SUBCATEGORY", "Bots")]),
        "exports.focus_service_subcategory = \"Bots\" (COFFER_FOCUS_SERVICE_SUBCATEGORY): must be one of Other, Content Creation, Gaming, \
         Media Streaming, Mixed Reality"
    );
}

#[test]
fn a_password_is_never_printed_neither_of_a_right_value_nor_of_a_wrong_one() {
    assert_eq!(
        refusal(&[("COFFER_HISTORY_POSTGRES", "postgres://coffer:hunter2@db.example")]),
        "history.postgres = (not shown: it may hold a secret) (COFFER_HISTORY_POSTGRES): must be a connection string with host and \
         database, such as postgres://user:password@host/database?sslmode=require, or empty"
    );
    let variables = [
        ("COFFER_HISTORY_ENABLED", "true"),
        ("COFFER_HISTORY_POSTGRES", "postgres://coffer:hunter2@db.example/books"),
        ("COFFER_HISTORY_POSTGRES_SCHEMA", "credits"),
    ];
    let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let config = Config::load(None, variables, &[]).unwrap();
    let place = config.feed_options().unwrap().place;
    assert_eq!(place.to_string(), "postgres://coffer@db.example/books, schema credits");
    assert!(!format!("{config:?} {place:?}").contains("hunter2"));
}

#[test]
fn a_file_with_a_wrong_server_does_not_tell_its_password() {
    let told =
        defaults().merge_toml("[history]\npostgres = \"http://coffer:hunter2@db/x\"", &Origin::Default);
    assert!(!told.unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn a_providers_secrets_are_never_printed_and_are_sent_over_tls_only() {
    let secrets =
        [("COFFER_STRIPE_API_KEY", "sk_hunter2"), ("COFFER_STRIPE_WEBHOOK_SECRET", "whsec_hunter2")];
    let variables = secrets.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let config = Config::load(None, variables, &[]).unwrap();
    let options = config.payment_options().unwrap();
    assert_eq!(options.api_key.reveal(), "sk_hunter2");
    let shown: String = config.entries().map(|(_, value, _)| value.to_string()).collect();
    assert!(!format!("{config:?} {options:?} {shown}").contains("hunter2"));
    assert!(!refusal(&[("COFFER_STRIPE_API_KEY", "sk_ hunter2")]).contains("hunter2"));
    for url in ["http://api.stripe.com", "ftp://localhost", "https://a/b", "https://user@a", "stripe"] {
        assert!(refusal(&[("COFFER_STRIPE_BASE_URL", url)]).contains("must be https://"), "{url}");
    }
    assert!(defaults().payment_options().is_none());
}

#[test]
fn an_unknown_variable_with_our_prefix_is_refused() {
    assert_eq!(
        refusal(&[("COFFER_ACTOR_MAX", "5")]),
        "COFFER_ACTOR_MAX (environment): no such setting; see `coffer config show` for all of them"
    );
}

#[test]
fn an_unknown_key_or_a_wrong_type_in_a_file_is_refused() {
    let mut config = defaults();
    let origin = Origin::File(PathBuf::from("x.toml"));
    let told = |result: Result<(), ConfigError>| result.unwrap_err().to_string();
    assert_eq!(
        told(config.merge_toml("[engine]\nactor_max = 5", &origin)),
        "engine.actor_max (x.toml): no such setting; see `coffer config show` for all of them"
    );
    assert_eq!(
        told(config.merge_toml("[engine]\nactors_max = \"5\"", &origin)),
        "engine.actors_max = \"5\" (x.toml): must be a whole number from 1 to 10000000"
    );
    assert!(
        told(config.merge_toml("[engine]\nactors_max 5", &origin))
            .starts_with("configuration file x.toml, line 2: ")
    );
}
