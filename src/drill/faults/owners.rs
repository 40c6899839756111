//! Rows with two servers on one directory.

use super::book::Book;
use super::files::describe;
use super::ground::{Ground, shard};
use super::row::{Outcome, Seen};
use crate::cli::child::{Server, Started};
use crate::cli::exit::{CliError, Code};

/// Debits of each writer before the second server comes.
const DEBITS_EACH: u64 = 5;

/// A server that runs, and what it acknowledged.
async fn running(ground: &Ground, name: &str) -> Result<(Server, Book), CliError> {
    let dir = ground.place(name);
    let server = ground.start(&dir).await?;
    let mut book = Book::open(&server.url).await?;
    book.write(&server.url, DEBITS_EACH, &ground.env.clock).await?;
    ground.settled(&server, &dir).await?;
    Ok((server, book))
}

/// A second server on the directory is refused, and the first does not notice.
pub(crate) async fn second_process(ground: &Ground, name: &str) -> Result<Outcome, CliError> {
    let (server, mut book) = running(ground, name).await?;
    let dir = ground.place(name);
    let before = ground.tree(&dir)?;
    let mut seen = Seen::default();
    match ground.try_start(&dir).await? {
        Started::Serving(_) => seen.note("the second started", false),
        Started::Ended(ended) => {
            let right = ended.code == Some(i32::from(Code::Busy.number()));
            seen.note(format!("the second: {}", describe(&ended)), right);
        }
    }
    let same = ground.tree(&dir)? == before;
    seen.note(if same { "no byte changed" } else { "bytes changed" }, same);
    let load = book.write(&server.url, DEBITS_EACH, &ground.env.clock).await?;
    seen.note(format!("the first acknowledged {} more", load.acknowledged), load.failed == 0);
    let found = book.confirm(&server.url).await?;
    seen.note(found.describe(), found.is_whole() && found.unreadable == 0);
    let ended = server.stop().await?;
    seen.note(format!("the first stopped: {ended}"), ended.success());
    Ok(Outcome::Played(seen))
}

/// Without its lock file a directory can get a second owner; the first finds its epoch in the control file and ends.
///
/// The first is idle while the second starts: what it would acknowledge between two looks at the control file would be lost
/// (docs/WAL_FORMAT.md, assumption 6).
pub(crate) async fn fenced(ground: &Ground, name: &str) -> Result<Outcome, CliError> {
    let (first, book) = running(ground, name).await?;
    let dir = ground.place(name);
    ground.env.storage.remove(&shard(&dir).join("lock")).map_err(super::ground::io)?;
    let second = ground.start(&dir).await?;
    let mut seen = Seen::default();
    seen.note("the second started", true);
    // Anything that makes the first write makes it look. What it answers is not its to answer any more.
    let mut stray = book.clone();
    stray.write(&first.url, 1, &ground.env.clock).await?;
    match ground.ended(first).await? {
        None => seen.note("the first goes on", false),
        Some(ended) => {
            let right = ended.code == Some(i32::from(Code::Busy.number()));
            seen.note(format!("the first: {}", describe(&ended)), right);
        }
    }
    let found = book.confirm(&second.url).await?;
    seen.note(found.describe(), found.is_whole() && found.unreadable == 0);
    let ended = second.stop().await?;
    seen.note(format!("the second stopped: {ended}"), ended.success());
    Ok(Outcome::Played(seen))
}
