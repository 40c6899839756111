//! The row with a full disk: a small file system of its own, in a file, mounted while the row is played.

use std::path::{Path, PathBuf};

use coffer_wal::storage::{Access, File, write_all_at};
use rustix::process::geteuid;
use tokio::process::Command;

use super::book::Book;
use super::ground::{Ground, io, shard};
use super::row::{Outcome, Seen};
use crate::cli::child::Server;
use crate::cli::exit::CliError;

/// Bytes of the file system: room for a log of a few segments.
const DISK_BYTES: u64 = 48 << 20;
/// Bytes that the filler writes at once, as long as they find room.
const PIECES_BYTES: [usize; 2] = [64 << 10, 4 << 10];
/// Debits of each writer until the disk must be full, and in each round after there is space again.
const DEBITS_EACH: u64 = 200;

/// Fills the disk under a server, then makes room; fills it again before the server ends, and under its next start.
pub(crate) async fn play(ground: &Ground, name: &str) -> Result<Outcome, CliError> {
    let disk = match Disk::mount(ground, name).await? {
        Ok(disk) => disk,
        Err(why) => return Ok(Outcome::NotRun(why)),
    };
    let mut seen = Seen::default();
    let played = on(ground, &disk, &mut seen).await;
    disk.unmount().await?;
    played?;
    Ok(Outcome::Played(seen))
}

async fn on(ground: &Ground, disk: &Disk, seen: &mut Seen) -> Result<(), CliError> {
    let dir = disk.path.join("data");
    let server = ground.start(&dir).await?;
    let mut book = Book::open(&server.url).await?;
    ground.settled(&server, &dir).await?;
    let filler = disk.path.join("filler");
    fill(ground, &filler)?;
    let load = book.write(&server.url, DEBITS_EACH, &ground.env.clock).await?;
    let read_only = load.failures == ["503 read_only"];
    seen.note(format!("{} debits, then {}", load.acknowledged, load.failures.join(", ")), read_only);
    let readable = book.can_read(&server.url).await?;
    seen.note(if readable { "reads go on" } else { "reads fail" }, readable);
    ground.env.storage.remove(&filler).map_err(io)?;
    writes_again(ground, &server, &mut book, seen).await?;
    // Also the spares, and the archive of what was sealed meanwhile.
    ground.settled(&server, &dir).await?;
    seen.note("spares and archive have caught up", true);
    let found = book.clone().confirm(&server.url).await?;
    seen.note(found.describe(), found.is_whole() && found.unreadable == 0);
    let snapshots = shard(&dir).join("snapshots");
    ground.env.storage.create_dir_all(&snapshots).map_err(io)?;
    fill(ground, &filler)?;
    ends_without_a_snapshot(ground, server, &dir, seen).await?;
    ground.env.storage.remove(&filler).map_err(io)?;
    starts_without_room(ground, &mut book, &dir, seen).await
}

/// Nothing of the last snapshot stays, and the server ends as ever.
async fn ends_without_a_snapshot(
    ground: &Ground,
    server: Server,
    dir: &Path,
    seen: &mut Seen,
) -> Result<(), CliError> {
    let ended = server.stop_and_hear().await?;
    let said = ended.said.iter().any(|line| line.contains("no room for a snapshot"));
    let code = ended.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
    seen.note(format!("stopped on a full disk: {code}"), ended.code == Some(0));
    seen.note(if said { "no room for the last snapshot" } else { "no word of the last snapshot" }, said);
    let left = ground.names(dir, "snapshots")?;
    seen.note(format!("{} files of snapshots", left.len()), left.is_empty());
    Ok(())
}

/// All space there is has what a server that was killed while it wrote a snapshot would have left.
async fn starts_without_room(
    ground: &Ground,
    book: &mut Book,
    dir: &Path,
    seen: &mut Seen,
) -> Result<(), CliError> {
    let unfinished = shard(dir).join("snapshots").join("0000000000000001.snap.tmp");
    fill(ground, &unfinished)?;
    let server = ground.start(dir).await?;
    let removed = !ground.env.storage.exists(&unfinished).map_err(io)?;
    let what = if removed { "started, without" } else { "started, with" };
    seen.note(format!("{what} the unfinished snapshot that had all space"), removed);
    writes_again(ground, &server, book, seen).await?;
    let found = book.clone().confirm(&server.url).await?;
    seen.note(found.describe(), found.is_whole() && found.unreadable == 0);
    let ended = server.stop().await?;
    let taken = ground.names(dir, "snapshots")?.len();
    seen.note(format!("stopped: {ended}, {taken} snapshot"), ended.success() && taken == 1);
    Ok(())
}

/// The same process takes writes again, without being asked to.
async fn writes_again(
    ground: &Ground,
    server: &Server,
    book: &mut Book,
    seen: &mut Seen,
) -> Result<(), CliError> {
    let accepting = book.wait_until_accepted(&server.url).await?;
    seen.note(if accepting { "writes work again" } else { "writes stay refused" }, accepting);
    let load = book.write(&server.url, 10, &ground.env.clock).await?;
    seen.note(format!("{} debits more", load.acknowledged), load.failed == 0);
    Ok(())
}

/// A mounted file.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Makes and mounts one; says why when this machine does not let us.
    async fn mount(ground: &Ground, name: &str) -> Result<Result<Self, String>, CliError> {
        if !geteuid().is_root() {
            return Ok(Err("mounting a file system needs root".to_owned()));
        }
        let (image, path) = (ground.place(&format!("{name}.image")), ground.place(name));
        std::fs::create_dir_all(&path).map_err(io)?;
        ground
            .env
            .storage
            .open(&image, Access::CreateNew)
            .and_then(|file| file.set_bytes(DISK_BYTES))
            .map_err(io)?;
        for (program, args) in [("mkfs.ext4", ["-q", "-m0"]), ("mount", ["-o", "loop"])] {
            let mut command = Command::new(program);
            command.args(args).arg(&image);
            if program == "mount" {
                command.arg(&path);
            }
            if let Err(why) = done(program, &mut command).await {
                return Ok(Err(why));
            }
        }
        Ok(Ok(Self { path }))
    }

    /// Detached at once, also from under a server that is just being killed.
    async fn unmount(self) -> Result<(), CliError> {
        let unmounted = done("umount", Command::new("umount").arg("-l").arg(&self.path)).await;
        unmounted.map_err(|why| io(std::io::Error::other(why)))
    }
}

/// Takes all space there is, with one file.
fn fill(ground: &Ground, path: &Path) -> Result<(), CliError> {
    let file = ground.env.storage.open(path, Access::CreateNew).map_err(io)?;
    let mut at = 0;
    // What has no place on the disk yet counts for more than it takes: a sync sets the rest free.
    loop {
        let full_at = fill_from(file.as_ref(), at)?;
        file.sync().map_err(io)?;
        if full_at == at {
            return Ok(());
        }
        at = full_at;
    }
}

/// Writes until not even the smallest piece finds room; tells where.
fn fill_from(file: &dyn File, mut at: u64) -> Result<u64, CliError> {
    for bytes in PIECES_BYTES {
        let piece = vec![0xA5; bytes];
        loop {
            match write_all_at(file, &piece, at) {
                Ok(()) => at += piece.len() as u64,
                Err(error) if is_full(&error) => break,
                Err(error) => return Err(io(error)),
            }
        }
    }
    Ok(at)
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::WriteZero)
}

async fn done(program: &str, command: &mut Command) -> Result<(), String> {
    match command.output().await {
        Err(error) => Err(format!("{program}: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
