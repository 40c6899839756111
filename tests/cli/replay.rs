//! `coffer replay`: the check of a real server's log, and other rules over the demo's trace.

use std::io::Write;

use crate::program::{KEY, Place, Server, ended, program};

#[test]
fn a_servers_own_log_is_decided_again_without_a_difference() {
    let place = Place::with_two_keys();
    let before = place.tree();
    let ended = place.run(&["replay"]).ok();
    assert!(ended.out.contains("0 differences in 0 records"), "{ended:?}");
    assert!(place.tree() == before, "nothing was touched");
    let json = place.run(&["replay", "--check", "--json"]).ok().json();
    assert_eq!((json["differing"].as_u64(), json["records"].as_u64()), (Some(0), Some(0)));
}
