//! `sibtrace follow`: both sides of one connection, with frame numbers and gaps.

mod mask;
mod text;

use std::io::{self, Write};

use sibtrace::Config;
use sibtrace::follow::{Content, Piece};

use super::reading::Reading;
use crate::args::{Follow, Format, Look};
use crate::exit::{Exit, Failure, Result};
use crate::inputs::{self, Inputs};
use crate::output::redact::Redactor;
use crate::output::text::{BOLD, Clock};
use crate::progress::{self, Watch};

pub(crate) fn run(args: &Follow, look: &Look) -> Result<Exit> {
    args.destination.format(&[Format::Text])?;
    if args.raw && args.privacy.redact {
        return Err(Failure::Usage(
            "--raw writes the bytes as they are, so it goes not with --redact".to_owned(),
        ));
    }
    let (Inputs { capture, incomplete, .. }, redactor) = open(args, look)?;
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
        let heading = format!(
            "{BOLD}→ {} to {}\n← {} to {}{BOLD:#}\n",
            connection.orig, connection.resp, connection.resp, connection.orig
        );
        let mut pieces = connection.pieces;
        mask::credentials(&mut pieces);
        let mut redactor = redactor;
        let Some(redactor) = &mut redactor else {
            output.text(&heading, look.color)?;
            return pieces.iter().try_for_each(|piece| output.text(&text::shown(piece, &clock), look.color));
        };
        output.text(&redactor.page(&heading), look.color)?;
        text::whole_lines(pieces)
            .iter()
            .try_for_each(|piece| output.text(&text::redacted(piece, &clock, redactor), look.color))
    })?;
    Ok(match (progress::is_interrupted(), incomplete) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Unusable,
        (false, false) => Exit::Success,
    })
}

/// The input, and what gives pseudonyms to its names if that is asked for. Names are known when all has been read.
fn open(args: &Follow, look: &Look) -> Result<(Inputs, Option<Redactor>)> {
    if !args.privacy.redact {
        return Ok((inputs::open(&args.files.files)?, None));
    }
    let (Inputs { capture, files, incomplete }, again) = inputs::open_twice(&args.files.files)?;
    let reading = Reading::of(vec![capture], incomplete, Config::default(), look.quiet)?;
    progress::warn("names that stand only in the text of messages are not known, and stay");
    Ok((Inputs { capture: again.open()?, files, incomplete }, reading.redactor(&args.privacy)))
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
