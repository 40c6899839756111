//! Keys: through a running server, and on the directory of a stopped one.

use crate::program::{KEY, Place, Server, coffer, ended, program};

#[test]
fn a_key_of_a_stopped_server_is_made_listed_and_revoked() {
    let place = Place::with_two_keys();
    let made =
        place.run(&["keys", "create", "--name", "third", "--scopes", "admin,read", "--json"]).ok().json();
    assert_eq!(made["scopes"], serde_json::json!(["read", "admin"]));
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let listed = place.run(&["keys", "list", "--json"]).ok();
    assert!(!listed.out.contains(key), "a list never shows a secret");
    assert_eq!(listed.json().as_array().unwrap().len(), 3);
    let server = Server::start(&place);
    coffer(["keys", "list", "--url", &server.url, "--api-key", key]).ok();
    assert!(server.stop().success());
    place.run(&["keys", "revoke", id]).ok();
    let server = Server::start(&place);
    let refused = coffer(["keys", "list", "--url", &server.url, "--api-key", key]);
    assert_eq!(refused.code, 1);
    assert!(refused.line().contains("answered 401"), "{refused:?}");
    assert!(server.stop().success());
}

#[test]
fn a_key_of_a_running_server_is_made_listed_and_revoked_at_once() {
    let place = Place::new();
    let server = Server::start(&place);
    let keys = |args: &[&str]| {
        let mut all = vec!["keys"];
        all.extend(args);
        all.extend(["--url", &server.url, "--api-key", KEY, "--json"]);
        coffer(all)
    };
    let made = keys(&["create", "--name", "a", "--scopes", "admin"]).ok().json();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    coffer(["keys", "list", "--url", &server.url, "--api-key", key]).ok();
    keys(&["revoke", id]).ok();
    assert_eq!(coffer(["keys", "list", "--url", &server.url, "--api-key", key]).code, 1);
    let listed = keys(&["list"]).ok().json();
    let of_id = listed.as_array().unwrap().iter().find(|shown| shown["id"] == id).unwrap().clone();
    assert!(of_id["revoked_at"].is_string(), "{of_id}");
    assert!(server.stop().success());
}

#[test]
fn a_key_that_may_not_is_told_so() {
    let place = Place::with_two_keys();
    let made = place.run(&["keys", "create", "--name", "reader", "--scopes", "read", "--json"]).ok().json();
    let server = Server::start(&place);
    let key = made["key"].as_str().unwrap();
    let refused = coffer([
        "keys",
        "create",
        "--name",
        "x",
        "--scopes",
        "admin",
        "--url",
        &server.url,
        "--api-key",
        key,
    ]);
    assert_eq!(refused.code, 1);
    assert!(refused.line().contains("answered 403"), "{refused:?}");
    assert!(server.stop().success());
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let place = Place::with_two_keys();
    let create = ["keys", "create", "--name", "x", "--scopes", "read"];
    let with = |more: &[&'static str]| [&create[..], more].concat();
    for (args, code, says) in [
        (vec!["keys", "list", "--tenant", "nobody"], 1, "no tenant \"nobody\"; there are: default"),
        (with(&["--customer", "nobody"]), 1, "no customer \"nobody\" in this tenant"),
        (vec!["keys", "revoke", "key_nonsense"], 2, "\"key_nonsense\" is no key id"),
    ] {
        let ended = place.run(&args);
        assert_eq!((ended.code, ended.line()), (code, format!("coffer: {says}").as_str()), "{ended:?}");
    }
    for (url, code) in [("https://localhost", 2), ("http://127.0.0.1:1", 69)] {
        let ended = coffer(["keys", "list", "--url", url, "--api-key", KEY]);
        assert_eq!(ended.code, code, "{ended:?}");
    }
    assert_eq!(coffer(["keys", "list", "--url", "http://127.0.0.1:1"]).code, 2, "no admin key was given");
}

#[test]
fn no_data_directory_is_made_for_a_key() {
    let place = Place::new();
    let ended = place.run(&["keys", "list"]);
    assert_eq!(ended.code, 1);
    assert!(ended.line().ends_with("`coffer serve` makes one"), "{ended:?}");
    assert!(!place.data().exists());
}

#[test]
fn a_data_directory_on_the_command_line_goes_before_a_server_in_the_environment() {
    let place = Place::with_two_keys();
    let mut list = program();
    list.args(["keys", "list", "--json", "--data-dir"]).arg(place.data());
    let listed = ended(list.env("COFFER_URL", "http://127.0.0.1:1")).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    let asked = ended(program().args(["keys", "list"]).env("COFFER_URL", "http://127.0.0.1:1"));
    assert!(asked.line().contains("--api-key"), "{asked:?}");
}

#[test]
fn a_key_that_the_server_would_refuse_is_not_made_on_its_directory() {
    let place = Place::with_two_keys();
    for name in ["", "two\nlines", &"x".repeat(129)] {
        let refused = place.run(&["keys", "create", "--name", name, "--scopes", "read"]);
        assert!(refused.code == 2 && refused.line().contains("1 to 128 bytes"), "{name:?}: {refused:?}");
    }
}
