//! Heads of requests: as many headers as are allowed, and answers to what cannot be read.

use coffer::http::HttpOptions;

use crate::support::Server;

#[test]
fn so_many_headers_as_are_allowed_are_taken_and_no_more() {
    for headers_max in [100, 20, 200] {
        let server = Server::start_with(HttpOptions { headers_max, ..HttpOptions::default() });
        for (others, status) in [(headers_max - 1, 200), (headers_max, 431)] {
            let others: String = (0..others).map(|number| format!("x-{number}: 1\r\n")).collect();
            let mut connection = server.connect();
            connection.send(format!("GET /healthz HTTP/1.1\r\nhost: test\r\n{others}\r\n").as_bytes());
            assert_eq!(connection.answer().unwrap().status, status, "of {headers_max}");
        }
    }
}

#[test]
fn what_is_no_http_is_told_so() {
    let server = Server::start();
    for head in
        ["GARBAGE\r\n\r\n", "GET /healthz HTTP/1.1\r\nno header\r\n\r\n", "GET /healthz HTTP/7\r\n\r\n"]
    {
        let mut connection = server.connect();
        connection.send(head.as_bytes());
        assert_eq!(connection.answer().map(|answer| answer.status), Some(400), "{head:?}");
    }
}
