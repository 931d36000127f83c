//! `sibtrace follow`: both sides of one connection, with frame numbers and gaps.

mod mask;

use std::io::{self, Write};

use sibtrace::flow::Dir;
use sibtrace::follow::{Content, Piece};

use crate::args::{Follow, Format, Look};
use crate::exit::{Exit, Failure, Result};
use crate::inputs::{self, Inputs};
use crate::output::clean;
use crate::output::text::{AMISS, BOLD, Clock, DIM};
use crate::progress::{self, Watch};
use mask::Mask;

pub(crate) fn run(args: &Follow, look: &Look) -> Result<Exit> {
    args.destination.format(&[Format::Text])?;
    let Inputs { capture, incomplete, .. } = inputs::open(&args.files.files)?;
    let mut watch = Watch::start(look.quiet);
    let followed = capture.follow(args.stream, &mut watch);
    watch.finish();
    let Some(connection) = followed? else {
        return Err(Failure::Usage(format!(
            "there is no TCP connection {} in this capture; `sibtrace extract connections` lists them",
            args.stream
        )));
    };
    args.destination.write(|output| {
        if args.raw {
            return raw(output, &connection.pieces);
        }
        let start = connection.pieces.first().map(|piece| piece.at.time);
        let clock = Clock::new(args.destination.times, start);
        let text = format!(
            "{BOLD}→ {} to {}\n← {} to {}{BOLD:#}\n",
            connection.orig, connection.resp, connection.resp, connection.orig
        );
        output.text(&text, look.color)?;
        let mut mask = Mask::default();
        connection
            .pieces
            .iter()
            .try_for_each(|piece| output.text(&shown(piece, &mut mask, &clock), look.color))
    })?;
    Ok(match incomplete {
        true => Exit::Unusable,
        false => Exit::Success,
    })
}

/// The bytes of both sides in their order.
fn raw(output: &mut impl Write, pieces: &[Piece]) -> io::Result<()> {
    for piece in pieces {
        match &piece.content {
            Content::Bytes(bytes) => output.write_all(bytes)?,
            Content::Gap(length) => progress::warn(&format!(
                "{length} bytes before frame {} were never captured",
                piece.at.frame.number()
            )),
        }
    }
    Ok(())
}

fn shown(piece: &Piece, mask: &mut Mask, clock: &Clock) -> String {
    let arrow = match piece.dir {
        Dir::Orig => "→",
        Dir::Resp => "←",
    };
    let (frame, time) = (piece.at.frame.number(), clock.time(piece.at.time));
    let mut text = format!("\n{DIM}{arrow} frame {frame}  {time}{DIM:#}\n");
    match &piece.content {
        Content::Gap(length) => {
            mask.gap(piece.dir);
            text += &format!("{AMISS}[{length} bytes were never captured]{AMISS:#}\n");
        }
        Content::Bytes(bytes) => {
            let masked = mask.bytes(piece.dir, bytes);
            for line in masked.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                text += &clean::bytes(line);
                text.push('\n');
            }
        }
    }
    text
}
