//! The seal of a file that was closed in good order: SHA-256 of each 64 KiB, in a file of its own beside it.
//!
//! SQLite's pages have room that nothing stands in, and bytes that nothing reads: a changed bit there changes no row, and only the bytes
//! themselves can tell. The seal names the cursor that the file was closed at; one of another cursor is of an older state and says nothing.
//! Absent on purpose: a seal while the file is open. Tested in `tests/history/verified.rs`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::feed::cursor::Cursor;

/// Bytes that share a hash.
const PIECE_BYTES: usize = 64 << 10;
/// What the seal's file begins with; the digit is its version.
const MAGIC: &[u8; 8] = b"CofSeal1";
const HASH_BYTES: usize = 32;
/// Magic, position, hash of the cursor's batch.
const HEAD_BYTES: usize = 8 + 8 + HASH_BYTES;

/// What a seal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Every byte is as it was when the file was closed.
    Whole,
    /// There is no seal of this state: the file was not closed in good order.
    Unsealed,
    /// A database server keeps them.
    OfServer,
    /// These ranges of bytes are not as they were: first, and one behind the last.
    Broken(Vec<(u64, u64)>),
}

fn path_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".seal");
    name.into()
}

/// Whether the file has a seal of this cursor.
pub(super) fn is_of(file: &Path, cursor: Cursor) -> bool {
    head_of(file).is_ok_and(|head| head == head_for(cursor))
}

/// Seals a file that nobody writes to.
#[expect(clippy::disallowed_methods, reason = "SQLite's files do not go through Env's storage")]
pub(super) fn write(file: &Path, cursor: Cursor) -> io::Result<()> {
    let path = path_of(file);
    let temporary = path.with_extension("seal.tmp");
    let mut seal = File::create(&temporary)?;
    seal.write_all(&head_for(cursor))?;
    for piece in pieces(file)? {
        seal.write_all(&piece?)?;
    }
    seal.sync_all()?;
    std::fs::rename(temporary, path)
}

/// Removes the seal of a file that is about to be changed.
#[expect(clippy::disallowed_methods, reason = "SQLite's files do not go through Env's storage")]
pub(super) fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(path_of(file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Compares a file with its seal.
pub(super) fn check(file: &Path, cursor: Cursor) -> io::Result<Sealed> {
    if !is_of(file, cursor) {
        return Ok(Sealed::Unsealed);
    }
    let mut seal = opened(&path_of(file))?;
    seal.read_exact(&mut [0; HEAD_BYTES])?;
    let (mut broken, mut at) = (Vec::new(), 0);
    for piece in pieces(file)? {
        let end = at + PIECE_BYTES as u64;
        let mut right = [0; HASH_BYTES];
        if seal.read_exact(&mut right).is_err() || right != piece? {
            broken.push((at, end));
        }
        at = end;
    }
    if seal.read(&mut [0; 1])? != 0 {
        broken.push((at, at));
    }
    Ok(if broken.is_empty() { Sealed::Whole } else { Sealed::Broken(broken) })
}

fn head_for(cursor: Cursor) -> Vec<u8> {
    [&MAGIC[..], &cursor.position.to_le_bytes(), &cursor.hash].concat()
}

fn head_of(file: &Path) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES];
    opened(&path_of(file))?.read_exact(&mut head)?;
    Ok(head)
}

#[expect(clippy::disallowed_methods, reason = "SQLite's files do not go through Env's storage")]
fn opened(file: &Path) -> io::Result<File> {
    File::open(file)
}

/// The hash of each piece.
fn pieces(file: &Path) -> io::Result<impl Iterator<Item = io::Result<[u8; HASH_BYTES]>>> {
    let mut file = opened(file)?;
    let mut piece = vec![0; PIECE_BYTES];
    Ok(std::iter::from_fn(move || match fill(&mut file, &mut piece) {
        Ok(0) => None,
        Ok(filled) => Some(Ok(Sha256::digest(&piece[..filled]).into())),
        Err(error) => Some(Err(error)),
    }))
}

/// Reads until the piece is full or the file ends.
fn fill(file: &mut File, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match file.read(&mut piece[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
