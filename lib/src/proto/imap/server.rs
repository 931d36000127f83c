//! The server's direction: status lines are read, all other responses are followed so that the next line is found.

use std::ops::ControlFlow;

use super::event::{Capabilities, Reply, Status};
use super::lane::Lane;
use super::start;
use crate::flow::Moment;
use crate::proto::lines::Line;

/// Bytes of a status text that are kept.
const TEXT: usize = 512;
/// Capabilities of a list that are kept.
const NAMES: usize = 64;
/// Bytes of a capability that are kept.
const NAME: usize = 64;

/// The server's direction.
pub(super) struct Server {
    lane: Lane,
    state: State,
}

/// Where in the conversation the server is.
#[derive(Default)]
pub(super) struct State {
    /// A line has been read.
    has_begun: bool,
    /// The next line goes on with a response after its literal.
    goes_on: bool,
    /// Lines were lost: until the reply to a command is found, lines may lie inside of a message.
    pub(super) is_lost: bool,
}

/// A line of the server that says something about the conversation.
#[derive(Debug)]
pub(super) enum Response<'l> {
    /// `* OK`, `* NO`, `* BAD`, `* BYE`, `* PREAUTH`.
    Status(Reply, Option<Capabilities>),
    /// The same, as the first line.
    Greeting(Reply, Option<Capabilities>),
    /// `* CAPABILITY`.
    Capabilities(Capabilities),
    /// `tag OK`, `tag NO`, `tag BAD`.
    Tagged(&'l [u8], Reply, Option<Capabilities>),
    /// `+`, and what follows it.
    Continue(&'l [u8]),
}

impl Server {
    /// `is_midway`: the beginning of the stream was not captured.
    pub(super) fn new(is_midway: bool) -> Self {
        let state = State { has_begun: is_midway, goes_on: false, is_lost: is_midway };
        Server { lane: Lane::new(), state }
    }

    /// Bytes that are kept of the line that is arriving.
    pub(super) fn held(&self) -> usize {
        self.lane.held()
    }

    /// Bytes of a literal that are still to be passed over.
    pub(super) fn to_skip(&self) -> u64 {
        self.lane.to_skip()
    }

    /// Takes bytes off `rest` until `take` breaks, or all are taken.
    pub(super) fn data(
        &mut self,
        rest: &mut &[u8],
        at: Moment,
        take: &mut dyn FnMut(Response<'_>, &mut State) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Server { lane, state } = self;
        while let Some((line, literal)) = lane.next(rest, at) {
            let is_first = !std::mem::replace(&mut state.has_begun, true);
            let begins = !std::mem::take(&mut state.goes_on);
            // A gap mostly ends where a segment does, and so does a line; a tag that is waited for shows it.
            let is_sure = |response: &Response<'_>| line.is_whole || matches!(response, Response::Tagged(..));
            match begins.then(|| response(&line, is_first)).flatten().filter(is_sure) {
                Some(response) => take(response, state)?,
                None => {
                    if let Some(literal) = literal.filter(|_| !state.is_lost) {
                        lane.skip(literal.length);
                        state.goes_on = true;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    pub(super) fn gap(&mut self, length: u64) {
        if self.lane.gap(length) {
            self.state = State { has_begun: true, goes_on: false, is_lost: true };
        }
    }
}

/// Reads a line that begins a response. `None`: the response is data.
fn response<'l>(line: &Line<'l>, is_first: bool) -> Option<Response<'l>> {
    if let Some(rest) = line.bytes.strip_prefix(b"+") {
        return Some(Response::Continue(rest.trim_ascii_start()));
    }
    let Some(rest) = line.bytes.strip_prefix(b"* ") else {
        let (tag, rest) = start::tag(line.bytes)?;
        let (status, text) = status(rest)?;
        let is_tagged = matches!(status, Status::Ok | Status::No | Status::Bad);
        return is_tagged.then(|| Response::Tagged(tag, reply(line, status, text), coded(line, text)));
    };
    if let Some((status, text)) = status(rest) {
        let (reply, capabilities) = (reply(line, status, text), coded(line, text));
        return Some(match is_first {
            true => Response::Greeting(reply, capabilities),
            false => Response::Status(reply, capabilities),
        });
    }
    let names =
        rest.get(..11).filter(|word| word.eq_ignore_ascii_case(b"CAPABILITY ")).map(|_| &rest[11..])?;
    Some(Response::Capabilities(capabilities(line, names)))
}

fn status(rest: &[u8]) -> Option<(Status, &[u8])> {
    let (word, text) = rest.split_at(memchr::memchr(b' ', rest).unwrap_or(rest.len()));
    const WORDS: [(&[u8], Status); 5] = [
        (b"OK", Status::Ok),
        (b"NO", Status::No),
        (b"BAD", Status::Bad),
        (b"BYE", Status::Bye),
        (b"PREAUTH", Status::Preauth),
    ];
    let (_, status) = WORDS.into_iter().find(|(known, _)| word.eq_ignore_ascii_case(known))?;
    Some((status, text.strip_prefix(b" ").unwrap_or(text)))
}

fn reply(line: &Line<'_>, status: Status, text: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(text.get(..TEXT).unwrap_or(text));
    let text = text[..text.floor_char_boundary(TEXT)].into();
    Reply { first: line.first, last: line.last, status, text }
}

/// The response code `[CAPABILITY …]` of a status (RFC 9051, 7.1).
fn coded(line: &Line<'_>, text: &[u8]) -> Option<Capabilities> {
    let code = text.strip_prefix(b"[CAPABILITY ")?;
    let end = memchr::memchr(b']', code)?;
    Some(capabilities(line, &code[..end]))
}

fn capabilities(line: &Line<'_>, names: &[u8]) -> Capabilities {
    let words = names.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let name =
        |word: &[u8]| String::from_utf8_lossy(word.get(..NAME).unwrap_or(word)).to_ascii_uppercase().into();
    Capabilities { at: line.last, names: words.take(NAMES).map(name).collect() }
}
