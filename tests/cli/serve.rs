//! The life of a server: first start, keys, signals.

use crate::program::{KEY, Place, Server, coffer, ended, program};

#[test]
fn the_first_start_prints_an_admin_key_that_works_and_the_second_prints_none() {
    let place = Place::new();
    let start = || Server::spawn(program().arg("serve").arg("--data-dir").arg(place.data()));
    let (status, out) = start().stop_and_read();
    assert!(status.success());
    let key = out.trim_end().strip_prefix("first admin key, shown only now: ").unwrap().to_owned();
    assert!(key.starts_with("ck_") && key.len() == 46, "{key}");
    let server = start();
    let listed = coffer(["keys", "list", "--json", "--url", &server.url, "--api-key", &key]).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let (status, out) = server.stop_and_read();
    assert!(status.success());
    assert_eq!(out, "");
}

#[test]
fn a_chosen_bootstrap_key_works_and_is_not_printed() {
    let place = Place::new();
    let server = Server::start(&place);
    coffer(["keys", "list", "--url", &server.url, "--api-key", KEY]).ok();
    let (status, out) = server.stop_and_read();
    assert!(status.success());
    assert_eq!(out, "");
}

#[test]
fn a_bootstrap_key_that_is_too_short_is_refused_without_showing_it() {
    let place = Place::new();
    let ended =
        ended(program().args(["serve", "--data-dir", &place.arg()]).env("COFFER_BOOTSTRAP_KEY", "hush"));
    assert_eq!(ended.code, 78);
    assert_eq!(ended.err, "coffer: COFFER_BOOTSTRAP_KEY: must be 16 to 256 visible ASCII characters\n");
    assert!(!place.data().exists());
}

#[test]
fn an_address_that_is_taken_ends_with_69_before_anything_is_made() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = place.run(&["serve", "--listen", &address]);
    assert_eq!(ended.code, 69);
    assert!(ended.line().starts_with(&format!("coffer: cannot listen on {address}: ")), "{ended:?}");
    assert!(!place.data().exists());
}

#[test]
fn a_killed_server_starts_again_with_its_keys() {
    let place = Place::new();
    Server::start(&place).kill();
    let server = Server::start(&place);
    coffer(["keys", "list", "--url", &server.url, "--api-key", KEY]).ok();
    assert!(server.stop().success());
}
