//! The pieces of a stream as text.

use std::fmt::Write;

use sibtrace::flow::Dir;
use sibtrace::follow::{Content, Piece};

use crate::output::clean;
use crate::output::redact::Redactor;
use crate::output::text::{AMISS, Clock, DIM};

/// A piece as it was sent.
pub(super) fn shown(piece: &Piece, clock: &Clock) -> String {
    block(piece, clock, |text, line| {
        text.push_str(&clean::bytes(line));
        text.push('\n');
    })
}

/// A piece with pseudonyms. Lines that are no text are only counted: a name can stand in them in too many forms.
pub(super) fn redacted(piece: &Piece, clock: &Clock, redactor: &mut Redactor) -> String {
    let mut withheld = 0;
    let mut text = block(piece, clock, |text, line| match readable(line) {
        Some(line) => {
            note(text, std::mem::take(&mut withheld));
            text.push_str(&clean::text(&redactor.text(line)));
            text.push('\n');
        }
        None => withheld += line.len(),
    });
    note(&mut text, withheld);
    text
}

/// The pieces in such a way that no line of one direction is cut in two, at which a name could not be known.
pub(super) fn whole_lines(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    // Where the unfinished line of each direction is.
    let mut unfinished = [None; 2];
    for piece in pieces {
        let open = &mut unfinished[piece.dir as usize];
        let Content::Bytes(bytes) = &piece.content else {
            *open = None;
            joined.push(piece);
            continue;
        };
        let tail = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let goes_on = !tail.is_empty() && !is_binary(tail);
        let before = open.and_then(|index: usize| joined.get_mut(index)).map(|piece| &mut piece.content);
        let index = match (before, *open) {
            (Some(Content::Bytes(before)), Some(index)) => {
                before.extend_from_slice(bytes);
                index
            }
            _ => {
                joined.push(piece);
                joined.len() - 1
            }
        };
        *open = goes_on.then_some(index);
    }
    joined
}

/// The heading of a piece and its lines, each as `write` puts it.
fn block(piece: &Piece, clock: &Clock, mut write: impl FnMut(&mut String, &[u8])) -> String {
    let arrow = match piece.dir {
        Dir::Orig => "→",
        Dir::Resp => "←",
    };
    let (frame, time) = (piece.at.frame.number(), clock.time(piece.at.time));
    let mut text = format!("\n{DIM}{arrow} frame {frame}  {time}{DIM:#}\n");
    match &piece.content {
        Content::Gap(length) => text += &format!("{AMISS}[{length} bytes were never captured]{AMISS:#}\n"),
        Content::Bytes(bytes) => {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                write(&mut text, line.strip_suffix(b"\r").unwrap_or(line));
            }
        }
    }
    text
}

fn readable(line: &[u8]) -> Option<&str> {
    std::str::from_utf8(line).ok().filter(|_| !is_binary(line))
}

fn is_binary(line: &[u8]) -> bool {
    line.iter().any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r'))
}

fn note(text: &mut String, withheld: usize) {
    if withheld > 0 {
        let _ = writeln!(text, "{DIM}[{withheld} bytes that are no text]{DIM:#}");
    }
}
