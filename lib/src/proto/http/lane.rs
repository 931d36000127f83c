//! One direction of a connection as a row of messages: where each begins and ends, across segments and gaps.

use std::ops::ControlFlow;

use super::body::{Body, Fed, Framing, Skipped};
use super::coding::Coding;
use super::{Probe, head};
use crate::flow::Moment;
use crate::proto::{Malformed, State};

/// Longest head that is read.
const HEAD: usize = 64 << 10;

/// What is done with the messages of a direction.
pub(super) trait Role {
    /// Whether `first` begins a message of this direction.
    fn probe(&self, first: &[u8], more: bool) -> Probe;

    /// A message begins.
    fn begin(&mut self, first: Moment);

    /// Its head, whole.
    fn head(&mut self, head: &[u8], first: Moment) -> Plan;

    /// Its head, which broke off. `end` follows.
    fn partial_head(&mut self, head: &[u8], first: Moment);

    /// The message ends.
    fn end(&mut self, end: End<'_>);

    /// Whole messages may be missing before the next one.
    fn lost(&mut self);
}

/// What follows a head.
#[derive(Clone, Copy)]
pub(super) enum Plan {
    /// A body, whose bytes may be wanted, with what was done to them.
    Body { framing: Framing, keep: Option<Coding> },
    /// The next head: this was an interim reply.
    Interim,
    /// Something whose end cannot be told, because the head contradicts itself.
    Unknown,
    /// Another protocol.
    Tunnel,
}

/// How a message ended.
pub(super) struct End<'b> {
    /// Frame that completed it, or its last captured byte.
    pub(super) last: Moment,
    pub(super) state: State,
    /// Bytes of the body, transfer coding removed.
    pub(super) length: u64,
    pub(super) chunked: bool,
    /// The body up to the first hole, where it is wanted.
    pub(super) body: Option<&'b [u8]>,
    pub(super) coding: Coding,
}

/// One direction.
pub(super) struct Lane {
    phase: Phase,
    /// The head so far, when it did not come in one piece.
    head: Vec<u8>,
    body: Body,
    coding: Coding,
    first: Moment,
    last: Moment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between messages.
    Between,
    /// In a head; `begun` once its first bytes are known to be one.
    Head { begun: bool },
    /// In a body.
    Body,
    /// Looking for the next message. One may begin at a line or a segment.
    Lost { at_line: bool },
    /// Another protocol follows.
    Tunnel,
}

impl Lane {
    pub(super) fn new() -> Self {
        Lane {
            phase: Phase::Between,
            head: Vec::new(),
            body: Body::empty(),
            coding: Coding::Identity,
            first: Moment::default(),
            last: Moment::default(),
        }
    }

    /// Bytes in order. `Break(n)`: after the first `n` of them another protocol follows.
    pub(super) fn data(&mut self, bytes: &[u8], at: Moment, role: &mut impl Role) -> ControlFlow<usize> {
        if let Phase::Lost { at_line } = &mut self.phase {
            *at_line = true;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match self.phase {
                Phase::Between => self.between(rest, at),
                Phase::Head { begun } => self.head(rest, begun, at, role),
                Phase::Body => self.body(rest, at, role),
                Phase::Lost { at_line } => self.seek(rest, at_line, at, role),
                Phase::Tunnel => return ControlFlow::Break(bytes.len() - rest.len()),
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        match self.phase {
            Phase::Tunnel => ControlFlow::Break(bytes.len()),
            _ => ControlFlow::Continue(()),
        }
    }

    /// `length` bytes were never captured.
    pub(super) fn gap(&mut self, length: u64, role: &mut impl Role) {
        match self.phase {
            Phase::Between => self.lose(true, role),
            Phase::Head { .. } => {
                self.break_off(State::Gap, role);
                self.lose(true, role);
            }
            Phase::Body => match self.body.skip(length) {
                Skipped::Inside => {}
                Skipped::End => {
                    self.finish(State::Gap, None, role);
                    self.phase = Phase::Between;
                }
                Skipped::Lost => {
                    self.finish(State::Gap, None, role);
                    self.lose(true, role);
                }
            },
            Phase::Lost { .. } | Phase::Tunnel => {}
        }
    }

    /// The direction ended: with a FIN at that moment, or cut off.
    pub(super) fn end(&mut self, fin: Option<Moment>, role: &mut impl Role) {
        match self.phase {
            Phase::Between | Phase::Lost { .. } | Phase::Tunnel => {}
            Phase::Head { .. } => self.break_off(State::Cut, role),
            Phase::Body => {
                let state = match fin {
                    _ if self.body.has_hole() => State::Gap,
                    Some(_) if self.body.ends_with_stream() => State::Complete,
                    _ => State::Cut,
                };
                if let Some(fin) = fin.filter(|_| self.body.ends_with_stream()) {
                    self.last = fin;
                }
                self.finish(state, None, role);
            }
        }
        self.phase = Phase::Between;
    }

    /// Bytes that are kept of the message that is arriving.
    pub(super) fn held(&self) -> usize {
        self.head.capacity() + self.body.held()
    }

    fn between(&mut self, bytes: &[u8], at: Moment) -> usize {
        // Empty lines before a message are passed over (RFC 9112, 2.2).
        let empty = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        if empty < bytes.len() {
            self.phase = Phase::Head { begun: false };
            self.first = at;
        }
        empty
    }

    fn head(&mut self, bytes: &[u8], begun: bool, at: Moment, role: &mut impl Role) -> usize {
        self.last = at;
        let mut held = std::mem::take(&mut self.head);
        let before = held.len();
        let room = HEAD.saturating_sub(before).min(bytes.len());
        let seen = bytes.get(..room).unwrap_or_default();
        let head = if before == 0 {
            seen
        } else {
            held.extend_from_slice(seen);
            &held
        };
        if !begun {
            match role.probe(head, true) {
                Probe::Yes => role.begin(self.first),
                Probe::More => {
                    self.head = head.to_vec();
                    return room;
                }
                Probe::No => {
                    // What was held back of a line cannot begin a message either.
                    self.lose(before > 0, role);
                    return 0;
                }
            }
            self.phase = Phase::Head { begun: true };
        }
        if let Some(length) = head::length(head, before) {
            let plan = role.head(head.get(..length).unwrap_or_default(), self.first);
            self.go_on(plan, role);
            return length.saturating_sub(before);
        }
        if head.len() < HEAD {
            self.head = if before == 0 { seen.to_vec() } else { held };
            return room;
        }
        role.partial_head(head, self.first);
        self.body.begin(Framing::Length(0), false);
        self.finish(State::Malformed(Malformed::TooLong), None, role);
        self.lose(false, role);
        room
    }

    /// After a head.
    fn go_on(&mut self, plan: Plan, role: &mut impl Role) {
        match plan {
            Plan::Tunnel => self.phase = Phase::Tunnel,
            Plan::Interim => self.phase = Phase::Between,
            Plan::Unknown => {
                self.body.begin(Framing::Length(0), false);
                self.finish(State::Malformed(Malformed::Head), None, role);
                self.lose(false, role);
            }
            Plan::Body { framing, keep } => {
                self.body.begin(framing, keep.is_some());
                self.coding = keep.unwrap_or_default();
                self.phase = Phase::Body;
                if framing == Framing::Length(0) {
                    self.finish(State::Complete, None, role);
                    self.phase = Phase::Between;
                }
            }
        }
    }

    fn body(&mut self, bytes: &[u8], at: Moment, role: &mut impl Role) -> usize {
        self.last = at;
        if self.body.is_kept()
            && let Some(whole) = self.body.take_in_place(bytes)
        {
            self.finish(State::Complete, Some(whole), role);
            self.phase = Phase::Between;
            return whole.len();
        }
        match self.body.feed(bytes) {
            Fed::All => bytes.len(),
            Fed::End(used) => {
                let state = match (self.body.has_hole(), self.body.is_too_long()) {
                    (true, _) => State::Gap,
                    (false, true) => State::Malformed(Malformed::TooLong),
                    (false, false) => State::Complete,
                };
                self.finish(state, None, role);
                self.phase = Phase::Between;
                used
            }
            Fed::Broken(used) => {
                // After a hole, what looks broken may have been read at the wrong place.
                let state = match self.body.has_hole() {
                    true => State::Gap,
                    false => State::Malformed(Malformed::Chunk),
                };
                self.finish(state, None, role);
                self.lose(false, role);
                used
            }
        }
    }

    /// Passes over bytes up to where a message may begin.
    fn seek(&mut self, bytes: &[u8], at_line: bool, at: Moment, role: &impl Role) -> usize {
        let lines = memchr::memchr_iter(b'\n', bytes).map(|feed| feed + 1);
        let starts = at_line.then_some(0).into_iter().chain(lines);
        for start in starts {
            let line = bytes.get(start..).unwrap_or_default();
            if !line.is_empty() && role.probe(line, true) != Probe::No {
                self.phase = Phase::Head { begun: false };
                self.first = at;
                return start;
            }
        }
        self.phase = Phase::Lost { at_line: false };
        bytes.len()
    }

    fn lose(&mut self, at_line: bool, role: &mut impl Role) {
        self.phase = Phase::Lost { at_line };
        role.lost();
    }

    /// The head ends before its end.
    fn break_off(&mut self, state: State, role: &mut impl Role) {
        let head = std::mem::take(&mut self.head);
        let begun = match self.phase {
            Phase::Head { begun } => begun,
            _ => false,
        };
        if !begun && role.probe(&head, false) != Probe::Yes {
            return;
        }
        if !begun {
            role.begin(self.first);
        }
        role.partial_head(&head, self.first);
        self.body.begin(Framing::Length(0), false);
        self.finish(state, None, role);
    }

    fn finish(&mut self, state: State, in_place: Option<&[u8]>, role: &mut impl Role) {
        role.end(End {
            last: self.last,
            state,
            length: self.body.length(),
            chunked: self.body.is_chunked(),
            body: in_place.or(self.body.is_kept().then(|| self.body.kept())),
            coding: self.coding,
        });
        self.body.clear();
    }
}
