//! One connection from its first payload: finds the protocol by content and feeds its dissector.

use std::ops::ControlFlow;

use super::{Dissector, Ends, Event, PROTOCOLS, Probe, Protocol};
use crate::flow::{Close, Dir, Moment};

/// The dissection of one connection.
pub(crate) struct Session {
    ends: Ends,
    protocol: Option<&'static str>,
    stage: Stage,
}

enum Stage {
    Probing(Probing),
    Dissecting(Box<dyn Dissector>),
    Refused,
}

impl Session {
    pub(crate) fn new(ends: Ends) -> Self {
        Session { ends, protocol: None, stage: Stage::Probing(Probing::default()) }
    }

    /// The protocol as it was first recognised: a connection that is handed on keeps its name.
    pub(crate) fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }

    /// Payload in order; `at` is the frame that completed it. Returns whether any more is wanted.
    pub(crate) fn data(&mut self, dir: Dir, mut bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> bool {
        while !bytes.is_empty() {
            match &mut self.stage {
                Stage::Refused => return false,
                Stage::Probing(probing) => match probing.probe(self.ends, dir, bytes, true) {
                    Verdict::Undecided => {
                        probing.hold(dir, bytes, at);
                        return true;
                    }
                    Verdict::Refused => {
                        self.stage = Stage::Refused;
                        return false;
                    }
                    Verdict::Known(protocol, dissector) => self.begin(protocol, dissector, out),
                },
                Stage::Dissecting(dissector) => match dissector.data(dir, bytes, at, out) {
                    ControlFlow::Continue(()) => return !dissector.done(),
                    ControlFlow::Break(used) => {
                        self.stage = Stage::Probing(Probing::default());
                        bytes = bytes.get(used..).unwrap_or_default();
                    }
                },
            }
        }
        true
    }

    /// `length` bytes of `dir` were never captured.
    pub(crate) fn gap(&mut self, dir: Dir, length: u64, at: Moment, out: &mut Vec<Event>) {
        self.settle(dir, out);
        match &mut self.stage {
            Stage::Dissecting(dissector) => dissector.gap(dir, length, at, out),
            // What follows the hole is looked at afresh.
            Stage::Probing(probing) => {
                probing.forget(dir);
                probing.sides[dir as usize].refused = false;
            }
            Stage::Refused => {}
        }
    }

    /// `dir` ended in order with a FIN.
    pub(crate) fn fin(&mut self, dir: Dir, at: Moment, out: &mut Vec<Event>) {
        self.settle(dir, out);
        if let Stage::Dissecting(dissector) = &mut self.stage {
            dissector.fin(dir, at, out);
        }
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self, close: Close, at: Moment, out: &mut Vec<Event>) {
        self.settle(Dir::Orig, out);
        self.settle(Dir::Resp, out);
        if let Stage::Dissecting(dissector) = &mut self.stage {
            dissector.end(close, at, out);
        }
        self.stage = Stage::Refused;
    }

    /// How many bytes come next in `dir` that are only counted, whatever they are.
    pub(crate) fn passes_over(&self, dir: Dir) -> u64 {
        match &self.stage {
            Stage::Dissecting(dissector) => dissector.passes_over(dir),
            Stage::Probing(_) | Stage::Refused => 0,
        }
    }

    /// Bytes of the capture that are kept because what they belong to is not whole yet.
    pub(crate) fn held(&self) -> usize {
        match &self.stage {
            Stage::Dissecting(dissector) => dissector.held(),
            // A few bytes, which count with the connection.
            Stage::Probing(_) | Stage::Refused => 0,
        }
    }

    /// Gives up what is not whole, as if the capture ended here. What follows is looked at afresh.
    pub(crate) fn give_up(&mut self, at: Moment, out: &mut Vec<Event>) {
        if let Stage::Dissecting(dissector) = &mut self.stage {
            dissector.end(Close::Open, at, out);
            self.stage = Stage::Probing(Probing::default());
        }
    }

    /// Decides on what was held back of `dir`, as nothing will follow it.
    fn settle(&mut self, dir: Dir, out: &mut Vec<Event>) {
        let Stage::Probing(probing) = &mut self.stage else {
            return;
        };
        if probing.sides[dir as usize].first.is_empty() {
            return;
        }
        if let Verdict::Known(protocol, dissector) = probing.probe(self.ends, dir, &[], false) {
            self.begin(protocol, dissector, out);
        }
    }

    /// Starts the dissector on what was held back.
    fn begin(&mut self, protocol: &'static str, mut dissector: Box<dyn Dissector>, out: &mut Vec<Event>) {
        self.protocol.get_or_insert(protocol);
        let stage = std::mem::replace(&mut self.stage, Stage::Refused);
        if let Stage::Probing(probing) = stage {
            for (dir, bytes, at) in probing.held() {
                // What is too short to be told from another protocol cannot hand on either.
                let _ = dissector.data(dir, bytes, at, out);
            }
        }
        self.stage = Stage::Dissecting(dissector);
    }
}

enum Verdict {
    Known(&'static str, Box<dyn Dissector>),
    Undecided,
    /// No direction is anything we know.
    Refused,
}

/// The first bytes of both directions while no protocol has claimed them.
#[derive(Default)]
struct Probing {
    sides: [Side; 2],
    /// Direction, length and frame of each piece in `sides`, in order of arrival.
    pieces: Vec<(Dir, usize, Moment)>,
}

#[derive(Default)]
struct Side {
    first: Vec<u8>,
    refused: bool,
}

impl Probing {
    /// Judges what was held back of `dir` together with `bytes`.
    fn probe(&mut self, ends: Ends, dir: Dir, bytes: &[u8], more: bool) -> Verdict {
        let side = &mut self.sides[dir as usize];
        if side.refused {
            return Verdict::Undecided;
        }
        let mut joined = [0; Probe::LIMIT];
        let first = match side.first.as_slice() {
            [] => bytes.get(..Probe::LIMIT).unwrap_or(bytes),
            held => {
                let length = held.len() + bytes.len().min(Probe::LIMIT - held.len());
                for (to, from) in joined.iter_mut().zip(held.iter().chain(bytes)) {
                    *to = *from;
                }
                &joined[..length]
            }
        };
        let more = more && first.len() < Probe::LIMIT;
        let mut refused = true;
        for protocol in by_port(ends) {
            match (protocol.probe)(first, more) {
                Probe::Yes => return Verdict::Known(protocol.name, (protocol.start)(ends, dir, first)),
                Probe::More if more => refused = false,
                Probe::More | Probe::No => {}
            }
        }
        if refused {
            side.refused = true;
            self.forget(dir);
        }
        if self.sides.iter().all(|side| side.refused) {
            return Verdict::Refused;
        }
        Verdict::Undecided
    }

    /// Keeps undecided bytes; there are never more than [`Probe::LIMIT`] of a direction.
    fn hold(&mut self, dir: Dir, bytes: &[u8], at: Moment) {
        let side = &mut self.sides[dir as usize];
        if side.refused {
            return;
        }
        side.first.extend_from_slice(bytes);
        self.pieces.push((dir, bytes.len(), at));
    }

    fn forget(&mut self, dir: Dir) {
        self.sides[dir as usize].first.clear();
        self.pieces.retain(|piece| piece.0 != dir);
    }

    /// The pieces that were held back and not refused since.
    fn held(&self) -> impl Iterator<Item = (Dir, &[u8], Moment)> {
        let mut rest = [0, 1].map(|side: usize| self.sides[side].first.as_slice());
        self.pieces.iter().filter_map(move |&(dir, length, at)| {
            let (piece, after) = rest[dir as usize].split_at_checked(length)?;
            rest[dir as usize] = after;
            Some((dir, piece, at))
        })
    }
}

/// All protocols, those that claim one of the ports first.
fn by_port(ends: Ends) -> impl Iterator<Item = &'static Protocol> {
    let (orig, resp) = (ends.orig.port, ends.resp.port);
    let claims = |protocol: &Protocol| protocol.ports.iter().any(|port| *port == orig || *port == resp);
    // One bit for each, and behind them one for each of the others: every first segment comes through here.
    let claiming = PROTOCOLS.iter().rfold(0_u32, |bits, protocol| bits << 1 | u32::from(claims(protocol)));
    let all = (1 << PROTOCOLS.len()) - 1;
    let mut left = claiming | (all & !claiming) << PROTOCOLS.len();
    std::iter::from_fn(move || {
        let next = left.trailing_zeros() as usize % PROTOCOLS.len();
        (left != 0).then(|| {
            left &= left - 1;
            &PROTOCOLS[next]
        })
    })
}
