//! A receiver of webhooks, by hand: it notes what comes and answers as it is told.

#![expect(clippy::disallowed_methods, reason = "it is the other side: real threads, in real time")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// When.
    pub(crate) at: Instant,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Post {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The event's id.
    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }
}

/// What is answered: a status and more headers, each with its line end; `None` = nothing, while the connection stays open.
pub(crate) type Answer = Option<(u16, &'static str)>;

type Answering = dyn Fn(usize, &Post) -> Answer + Send + Sync;

struct Shared {
    posts: Mutex<Vec<Post>>,
    more: Condvar,
    answer: Box<Answering>,
}

/// A receiver that runs until the test ends.
pub(crate) struct Receiver {
    shared: Arc<Shared>,
    pub(crate) address: SocketAddr,
}

impl Receiver {
    /// Answers each post with what this says of its number, from 0, and of itself.
    pub(crate) fn answering(answer: impl Fn(usize, &Post) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { posts: Mutex::default(), more: Condvar::new(), answer: Box::new(answer) });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, stream) = (Arc::clone(&ours), stream.unwrap());
                std::thread::spawn(move || serve(&shared, stream));
            }
        });
        Self { shared, address }
    }

    /// Takes everything.
    pub(crate) fn taking() -> Self {
        Self::answering(|_, _| Some((200, "")))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?of=test", self.address)
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.shared.posts.lock().unwrap().len()).unwrap()
    }

    /// Everything that came, once it is enough. While more comes it is waited for, however slow the machine is.
    pub(crate) fn wait_until(&self, what: &str, enough: impl Fn(&[Post]) -> bool) -> Vec<Post> {
        let mut posts = self.shared.posts.lock().unwrap();
        while !enough(&posts) {
            let before = posts.len();
            let (more, waited) =
                self.shared.more.wait_timeout_while(posts, PATIENCE, |posts| posts.len() == before).unwrap();
            posts = more;
            if waited.timed_out() {
                let ids: Vec<_> = posts.iter().rev().take(20).map(Post::id).collect();
                let count = posts.len();
                drop(posts);
                panic!("{what}: {count} posts came, the last ones are {ids:?}");
            }
        }
        posts.clone()
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) {
    let mut unread = Vec::new();
    while let Some(post) = read(&mut stream, &mut unread) {
        let mut posts = shared.posts.lock().unwrap();
        let number = posts.len();
        posts.push(Post { at: Instant::now(), ..post.clone() });
        drop(posts);
        shared.more.notify_all();
        match (shared.answer)(number, &post) {
            None => std::thread::sleep(PATIENCE),
            Some((status, headers)) => {
                let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n{headers}\r\n");
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        }
    }
}

fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Post> {
    let mut fill = |unread: &mut Vec<u8>| {
        let mut buffer = [0; 32 << 10];
        let read = stream.read(&mut buffer).unwrap_or(0);
        unread.extend_from_slice(&buffer[..read]);
        (read > 0).then_some(())
    };
    let end = loop {
        match unread.windows(4).position(|four| four == b"\r\n\r\n") {
            Some(end) => break end,
            None => fill(unread)?,
        }
    };
    let head = String::from_utf8(unread[..end].to_vec()).unwrap();
    let length = head.to_lowercase().split_once("content-length: ").unwrap().1.to_owned();
    let length: usize = length.lines().next().unwrap().parse().unwrap();
    while unread.len() < end + 4 + length {
        fill(unread)?;
    }
    let body = String::from_utf8(unread[end + 4..end + 4 + length].to_vec()).unwrap();
    unread.drain(..end + 4 + length);
    Some(Post { at: Instant::now(), head, body })
}
