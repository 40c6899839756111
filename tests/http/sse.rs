//! A reader of server-sent events, by hand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Came {
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// A stream that is read.
pub(crate) struct Sse {
    stream: TcpStream,
    unread: Vec<u8>,
    text: String,
    /// What a browser would come back with.
    pub(crate) last_id: String,
}

impl Sse {
    /// Opens it; the answer's head and body if it is refused.
    pub(crate) fn try_open(address: &str, key: &str, path: &str, last: Option<&str>) -> Result<Self, String> {
        let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let last_line = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nx-api-key: {key}\r\n{last_line}\r\n")
            .map_err(|error| error.to_string())?;
        let mut one = Self {
            stream,
            unread: Vec::new(),
            text: String::new(),
            last_id: last.unwrap_or_default().to_owned(),
        };
        let head = loop {
            if let Some(end) = one.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8(one.unread.drain(..end + 4).collect()).unwrap();
                break head;
            }
            if !one.fill() {
                return Err("hung up".to_owned());
            }
        };
        if head.starts_with("HTTP/1.1 200") {
            assert!(head.to_lowercase().contains("content-type: text/event-stream"), "{head}");
            return Ok(one);
        }
        let length = head.to_lowercase().split_once("content-length: ").unwrap().1.to_owned();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        while one.unread.len() < length && one.fill() {}
        Err(head + &String::from_utf8_lossy(&one.unread))
    }

    pub(crate) fn open(address: &str, key: &str, path: &str, last: Option<&str>) -> Self {
        Self::try_open(address, key, path, last).unwrap_or_else(|answer| panic!("{answer}"))
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.unread.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("the stream hangs: {error}"),
        }
    }

    /// One more chunk of the body; false = it has ended, or broke off.
    fn chunk(&mut self) -> bool {
        let end = loop {
            match self.unread.windows(2).position(|two| two == b"\r\n") {
                Some(end) => break end,
                None if !self.fill() => return false,
                None => {}
            }
        };
        let length = usize::from_str_radix(std::str::from_utf8(&self.unread[..end]).unwrap(), 16).unwrap();
        while self.unread.len() < end + 2 + length + 2 {
            if !self.fill() {
                return false;
            }
        }
        self.text.push_str(std::str::from_utf8(&self.unread[end + 2..end + 2 + length]).unwrap());
        self.unread.drain(..end + 2 + length + 2);
        length > 0
    }

    /// The next event; `None` = the stream has ended.
    pub(crate) fn next(&mut self) -> Option<Came> {
        loop {
            if let Some(came) = self.part()? {
                return Some(came);
            }
        }
    }

    /// What comes next: an event, or something without one; `None` = the stream has ended.
    pub(crate) fn part(&mut self) -> Option<Option<Came>> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                return Some(self.block(&block));
            }
            if !self.chunk() {
                return None;
            }
        }
    }

    fn block(&mut self, block: &str) -> Option<Came> {
        let (mut kind, mut data) = (None, None);
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("id", id) => self.last_id = id.to_owned(),
                ("event", name) => kind = Some(name.to_owned()),
                ("data", json) => data = Some(serde_json::from_str(json).unwrap()),
                ("retry", _) => {}
                _ => assert!(line.starts_with(':'), "{line}"),
            }
        }
        Some(Came { kind: kind?, data: data? })
    }
}
