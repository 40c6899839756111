//! The life of a server: first start, keys, signals.

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{KEY, Place, Server, coffer, ended, program};

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// The status line of a GET without a key.
fn status(address: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply.lines().next().unwrap().to_owned()
}

#[test]
fn operators_have_a_listener_of_their_own_that_shows_figures_without_a_key() {
    let place = Place::new();
    let free = free_address();
    let serve = ["serve", "--data-dir", &place.arg(), "--ops-listen", &free];
    let server = Server::spawn(program().args(serve).env("COFFER_BOOTSTRAP_KEY", KEY));
    let api = server.url.strip_prefix("http://").unwrap();
    for (address, path, code) in [
        (free.as_str(), "/metrics", "200"),
        (&free, "/readyz", "200"),
        (&free, "/v1/keys", "404"),
        (api, "/metrics", "401"),
    ] {
        let line = status(address, path);
        assert!(line.contains(code), "{address}{path}: {line}");
    }
    assert!(server.stop().success());
}

#[test]
fn on_a_terminal_it_says_its_own_lines_and_nothing_else() {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let place = Place::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &place.arg()];
    let mut serve = program().args(serve).env("COFFER_BOOTSTRAP_KEY", KEY).stderr(terminal).spawn().unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(File::from(controller)).lines().map_while(Result::ok) {
        said.push(line);
        if said.last().unwrap().contains(" INFO serving http://") {
            break;
        }
    }
    serve.kill().unwrap();
    serve.wait().unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
}

/// A server that another program starts in its place.
fn serve_by(place: &Place, starter: &[&str]) -> Server {
    let mut serve = Command::new(starter[0]);
    serve.args(&starter[1..]).arg(program().get_program()).arg("serve").arg("--data-dir").arg(place.data());
    Server::spawn(serve.env("COFFER_BOOTSTRAP_KEY", KEY))
}

#[test]
fn a_closed_terminal_is_a_clean_end_unless_it_was_to_be_outlived() {
    let place = Place::new();
    // Whoever runs the tests may have it ignored.
    let server = serve_by(&place, &["env", "--default-signal=HUP"]);
    server.signal(Signal::HUP);
    assert!(server.wait().success());
    assert_eq!(place.run(&["wal", "stat", "--json"]).ok().json()["closed_cleanly"], true);

    let server = serve_by(&place, &["nohup"]);
    server.signal(Signal::HUP);
    coffer(["keys", "list", "--url", &server.url, "--api-key", KEY]).ok();
    assert!(server.stop().success());
}

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Whoever watches over a process must not take a long start for death, nor send it requests too early.
#[test]
fn a_server_that_starts_is_alive_and_not_ready() {
    let place = Place::new();
    let (api, operators) = (free_address(), free_address());
    let mut serve = program();
    serve.args(["serve", "--data-dir", &place.arg(), "--listen", &api, "--ops-listen", &operators]);
    serve.env("COFFER_BOOTSTRAP_KEY", KEY).env("FAILPOINTS", "open::recover=sleep(2500)");
    let mut serve = serve.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    for address in [&api, &operators] {
        while TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(10));
        }
        for (path, code) in [("/healthz", "200"), ("/readyz", "503"), ("/v1/keys", "503")] {
            let line = status(address, path);
            assert!(line.contains(code), "{address}{path}: {line}");
        }
    }
    while !status(&operators, "/readyz").contains("200") {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() > Duration::from_secs(2), "all of it was asked while it started");
    assert!(status(&api, "/readyz").contains("200"));
    serve.kill().unwrap();
    serve.wait().unwrap();
}

#[test]
fn a_server_that_stops_tells_operators_so_while_it_waits_for_what_is_under_way() {
    let place = Place::new();
    let operators = free_address();
    let serve = ["serve", "--data-dir", &place.arg(), "--ops-listen", &operators];
    let server = Server::spawn(program().args(serve).env("COFFER_BOOTSTRAP_KEY", KEY));
    let mut slow = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let body = r#"{"external_id":"acme"}"#;
    let head = format!(
        "POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    // It has the request once it reads the body.
    std::thread::sleep(Duration::from_millis(300));
    server.signal(Signal::TERM);
    let began = Instant::now();
    while status(&operators, "/readyz").contains("200") {
        assert!(began.elapsed() < PATIENCE);
    }
    assert!(status(&operators, "/readyz").contains("503"));
    assert!(status(&operators, "/healthz").contains("200"));
    assert!(TcpStream::connect(server.url.trim_start_matches("http://")).is_err(), "no more requests");
    slow.write_all(body.as_bytes()).unwrap();
    let mut reply = String::new();
    slow.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 201"), "{reply}");
    assert!(server.wait().success());
}

/// A server that is busy elsewhere must not let the system drop clients who then believe that they are connected.
#[test]
fn more_clients_than_the_usual_backlog_may_come_before_the_first_is_accepted() {
    const CLIENTS: usize = 1_500;
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    assert!(most.trim().parse::<usize>().unwrap() > CLIENTS, "this system allows a backlog of {most}");
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let place = Place::new();
    let server = Server::start(&place);
    let address = server.url.trim_start_matches("http://").parse().unwrap();
    server.signal(Signal::STOP);
    let waiting: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let connected = TcpStream::connect_timeout(&address, Duration::from_millis(900));
            connected.unwrap_or_else(|error| panic!("client {client}: {error}"))
        })
        .collect();
    server.signal(Signal::CONT);
    assert_eq!(waiting.len(), CLIENTS);
    drop(waiting);
    assert!(server.stop().success());
}
