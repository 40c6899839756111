//! Clients that are slow, silent or gone, and a server that stops.

use coffer::http::HttpOptions;

use crate::support::{Connection, Server};

fn hasty() -> HttpOptions {
    HttpOptions {
        header_timeout_s: 1,
        body_timeout_s: 1,
        idle_timeout_s: 2,
        drain_timeout_s: 5,
        ..HttpOptions::default()
    }
}

#[test]
fn a_head_that_does_not_end_is_hung_up_on() {
    let server = Server::start_with(hasty());
    let mut connection = server.connect();
    connection.send(b"GET /healthz HTTP/1.1\r\nhost: test\r\nx-slow: ");
    assert!(connection.is_closed());
}

#[test]
fn a_body_that_does_not_come_is_answered_408() {
    let server = Server::start_with(hasty());
    server.wallet("acme", "10");
    let mut connection = server.connect();
    let head = format!(
        "POST /v1/customers/acme/debits HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{{\"cre",
        server.key
    );
    connection.send(head.as_bytes());
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.code()), (408, "request_timeout"), "{}", answer.text);
    assert_eq!(server.posted("acme"), "10");
}

#[test]
fn a_silent_connection_is_closed_and_a_used_one_is_kept() {
    let server = Server::start_with(hasty());
    let mut silent = server.connect();
    let mut used = server.connect();
    for _ in 0..2 {
        assert_eq!(used.ask("GET", "/healthz", &[], "").status, 200);
    }
    assert!(silent.is_closed());
}

#[test]
fn a_body_in_pieces_is_read_whole() {
    let server = Server::start();
    server.wallet("acme", "10");
    let mut connection = server.connect();
    let head = format!(
        "POST /v1/customers/acme/debits HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        server.key
    );
    connection.send(head.as_bytes());
    for piece in [r#"{"cred"#, r#"its":"#, "2}"] {
        connection.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
    }
    connection.send(b"0\r\n\r\n");
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.json["balance_after"].as_str()), (200, Some("8")), "{}", answer.text);
}

#[test]
fn a_chunked_body_cannot_pass_the_limit() {
    let server = Server::start();
    server.wallet("acme", "10");
    let mut connection = server.connect();
    let head = format!(
        "POST /v1/customers/acme/debits HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        server.key
    );
    connection.send(head.as_bytes());
    let piece = " ".repeat(8_192);
    for _ in 0..9 {
        connection.send(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes());
    }
    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.code()), (413, "payload_too_large"), "{}", answer.text);
}

#[test]
fn a_client_that_hangs_up_changes_nothing_about_its_request() {
    let server = Server::start();
    server.wallet("acme", "10");
    let mut connection = server.connect();
    let body = r#"{"credits":1}"#;
    let request = format!(
        "POST /v1/customers/acme/debits HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\nidempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        server.key,
        body.len()
    );
    connection.send(request.as_bytes());
    drop(connection);
    let again = server.ask_keyed("k", "POST", "/v1/customers/acme/debits", body);
    assert_eq!(again.json["balance_after"], "9", "{}", again.text);
    assert_eq!(server.posted("acme"), "9");
}

#[test]
fn connections_beyond_the_limit_wait_for_room() {
    let server = Server::start_with(HttpOptions { connections_max: 1, ..hasty() });
    let mut first = server.connect();
    assert_eq!(first.ask("GET", "/healthz", &[], "").status, 200);
    let mut second = server.connect();
    second.send(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n");
    drop(first);
    assert_eq!(second.answer().unwrap().status, 200);
}

#[test]
fn a_server_that_stops_finishes_what_it_began() {
    let mut server = Server::start_with(hasty());
    server.wallet("acme", "10");
    let (mut busy, mut idle) = (server.connect(), server.connect());
    assert_eq!(idle.ask("GET", "/healthz", &[], "").status, 200);
    let body = r#"{"credits":1}"#;
    let head = format!(
        "POST /v1/customers/acme/debits HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.key,
        body.len()
    );
    busy.send(head.as_bytes());
    // The answer to a request on another connection shows that the server has had time to take up the head.
    assert_eq!(idle.ask("GET", "/readyz", &[], "").status, 200);
    let serving = server.ask_to_stop();
    assert!(idle.is_closed(), "an idle connection is closed at once");
    busy.send(body.as_bytes());
    let answer = busy.answer().unwrap();
    assert_eq!((answer.status, answer.json["balance_after"].as_str()), (200, Some("9")), "{}", answer.text);
    assert!(busy.is_closed());
    server.wait(serving).unwrap();
}

#[test]
fn draining_ends_when_its_time_is_over() {
    let options = HttpOptions { drain_timeout_s: 1, body_timeout_s: 30, ..HttpOptions::default() };
    let mut server = Server::start_with(options);
    let mut stuck = server.connect();
    let head = format!(
        "POST /v1/customers/acme/debits HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-length: 9\r\n\r\n",
        server.key
    );
    stuck.send(head.as_bytes());
    assert_eq!(server.connect().ask("GET", "/healthz", &[], "").status, 200);
    let ended = server.stop().unwrap_err();
    assert!(ended.to_string().contains("still open"), "{ended}");
}

#[test]
fn what_is_not_http_gets_an_answer_or_is_hung_up_on() {
    let server = Server::start_with(hasty());
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n"] {
        let mut connection = Connection::to(server.address);
        connection.send(bytes);
        if let Some(answer) = connection.answer() {
            assert_eq!(answer.status, 400);
        }
    }
    assert_eq!(server.ask("GET", "/healthz", "").status, 200);
}
