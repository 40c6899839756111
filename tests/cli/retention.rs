//! `archive.keep_days` and `archive.keep_bytes`, with a real server on a directory of the days before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coffer::engine::{Engine, EngineOptions, Operation, Target};
use coffer::env::{Clock, Env};
use coffer_ledger::command::{Command, Origin};
use coffer_ledger::customer::Profile;
use coffer_ledger::ids::TenantNumber;
use serde_json::json;

use crate::audit::ask;
use crate::program::{KEY, Place, Server, program};

const TENANT: TenantNumber = TenantNumber(1);
const DAY_NS: u64 = 86_400 * 1_000_000_000;
const RUNS: u64 = 6;

/// A clock that is so many days behind, less half a day.
struct Behind(Arc<dyn Clock>, u64);

impl Clock for Behind {
    fn now_ns(&self) -> u64 {
        self.0.now_ns() - self.1 * DAY_NS + DAY_NS / 2
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

/// Runs of an engine, one a day until half a day ago: each leaves a segment and a snapshot, and a customer of its own.
fn used(place: &Place) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for run in 0..RUNS {
        let clock = Behind(Env::os().clock, RUNS - run);
        let env = Env { clock: Arc::new(clock), ..Env::os() };
        let options = EngineOptions { segment_bytes: 2 << 20, ..EngineOptions::new(place.data()) };
        runtime.block_on(async {
            let engine = Engine::open(options, env, Arc::new(())).await.unwrap();
            if run == 0 {
                engine.create_tenant("default", Origin::default()).await.unwrap();
            }
            let name = format!("customer {run}");
            let command =
                Command::CreateCustomer { external_id: name.as_str().into(), profile: Profile::default() };
            engine.submit(TENANT, Target::NewCustomer(&name), Operation::new(command)).await.unwrap();
            engine.checkpoint().await.unwrap();
            engine.shutdown().await.unwrap();
        });
    }
}

fn serve(place: &Place, settings: &[(&str, &str)]) -> Server {
    let mut command = program();
    command.arg("serve").env("COFFER_BOOTSTRAP_KEY", KEY).arg("--data-dir").arg(place.data());
    Server::spawn(command.envs(settings.iter().copied()))
}

/// A figure of `/metrics`.
fn figure(server: &Server, name: &str) -> u64 {
    let text = crate::audit::text(server, "/metrics");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn segments_that_are_too_old_go_while_the_server_runs_and_it_says_so() {
    let place = Place::new();
    used(&place);
    // A history that is made anew holds everything for its first minute.
    let server = serve(&place, &[("COFFER_ARCHIVE_KEEP_DAYS", "3"), ("COFFER_HISTORY_ENABLED", "false")]);
    // Of the runs five and a half to three and a half days ago none is needed: later ones have the last two snapshots.
    until("three segments go", || figure(&server, "coffer_archive_removed_segments_total") == 3);
    until("it is told", || {
        server.said.lock().unwrap().iter().any(|line| line.contains("removed archived segments"))
    });
    assert!(figure(&server, "coffer_archive_removed_bytes_total") > 0);
    until("what is left is weighed", || figure(&server, "coffer_archive_segments") >= 3);
    for run in 0..RUNS {
        assert_eq!(ask(&server, "GET", &format!("/customers/customer%20{run}"), "").0, 200);
    }
    what_is_gone_is_not_exported_as_nothing(&server);
    assert!(server.stop().success());
    for from in ["1", "2001-01-01T00:00:00Z"] {
        let refused = place.run(&["export", "transactions", "--out", "-", "--from", from]);
        assert!(refused.code == 1 && refused.err.contains("are kept any more"), "{from}: {}", refused.err);
    }
    let listed = place.run(&["archive", "list", "--json"]).ok().json();
    assert_eq!(listed["segments"][0]["segment"], json!(4), "{listed}");
    assert_eq!(place.run(&["audit", "verify"]).code, 3, "all sound, but the first records are gone");
}

/// An export covers what its range says, or there is none.
fn what_is_gone_is_not_exported_as_nothing(server: &Server) {
    let export = |range: &str| ask(server, "GET", &format!("/exports/transactions?{range}"), "");
    let before = "2001-01-01T00:00:00Z";
    for range in [
        "from=1".to_owned(),
        "to=1".to_owned(),
        format!("from={before}"),
        format!("to={before}"),
        format!("from={before}&to=2001-02-01T00:00:00Z"),
    ] {
        let (status, told) = export(&range);
        assert_eq!((status, &told["code"]), (410, &json!("record_gone")), "{range}: {told}");
    }
    assert_eq!(export("from=0").0, 400, "there never was such a record");
    for range in ["", "from=2100-01-01T00:00:00Z"] {
        assert_eq!(export(range).0, 200, "{range}");
    }
}

#[test]
fn as_much_is_kept_as_is_asked_for_and_everything_without_being_asked() {
    let place = Place::new();
    used(&place);
    let segments = |place: &Place| {
        let listed = place.run(&["archive", "list", "--json"]).ok().json();
        listed["segments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|segment| segment["bytes"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let server = serve(&place, &[]);
    until("the archive is weighed", || figure(&server, "coffer_archive_bytes") > 0);
    assert!(server.stop().success());
    let before = segments(&place);
    assert_eq!(place.run(&["archive", "list", "--json"]).ok().json()["removed_to"], 0);
    let all: u64 = before.iter().sum();
    let keep = (all - before[0] + before[1] / 2).to_string();
    let server = serve(&place, &[("COFFER_ARCHIVE_KEEP_BYTES", &keep)]);
    until("one goes", || figure(&server, "coffer_archive_removed_segments_total") >= 1);
    assert!(server.stop().success());
    let listed = place.run(&["archive", "list", "--json"]).ok().json();
    assert_ne!(listed["removed_to"], 0, "{listed}");
}
