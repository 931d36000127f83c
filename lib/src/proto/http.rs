//! HTTP/1 (RFC 9112): requests and replies of one connection, paired.
//!
//! Every message is followed so that the next one is found, but only what may be a call of Exchange is looked into
//! and becomes an event. Bodies of all others are counted, not read.

pub(super) mod auth;
mod body;
mod coding;
mod exchange;
mod head;
mod known;
mod lane;
mod mapi;
mod message;
mod proxy;
mod roles;
mod start;

pub use auth::Authorization;

use std::ops::ControlFlow;

use self::exchange::Exchanges;
use self::lane::Lane;
use self::roles::{Replies, Replying, Requests};
use super::{Dissector, Event, Probe, Protocol};
use crate::flow::{Close, Dir, Moment};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "http",
    ports: &[80, 3128, 7080, 8080, 50020],
    probe: start::message,
    start: |_, dir, first| {
        let is_reply = start::reply(first, false) == Probe::Yes;
        Box::new(Http::new(if is_reply { dir.flip() } else { dir }))
    },
};

/// One connection.
struct Http {
    exchanges: Exchanges,
    requests: Lane,
    replies: Lane,
    replying: Replying,
}

impl Http {
    fn new(client: Dir) -> Self {
        Http {
            exchanges: Exchanges::new(client),
            requests: Lane::new(),
            replies: Lane::new(),
            replying: Replying::default(),
        }
    }

    /// A direction ended, with a FIN or without.
    fn end_lane(&mut self, dir: Dir, fin: Option<Moment>, out: &mut Vec<Event>) {
        let Http { exchanges, requests, replies, replying } = self;
        if dir == exchanges.client() {
            requests.end(fin, &mut Requests { exchanges, out });
        } else {
            replies.end(fin, &mut Replies { exchanges, current: replying, out });
        }
    }
}

impl Dissector for Http {
    fn data(&mut self, dir: Dir, bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> ControlFlow<usize> {
        let Http { exchanges, requests, replies, replying } = self;
        let flow = if dir == exchanges.client() {
            requests.data(bytes, at, &mut Requests { exchanges, out })
        } else {
            replies.data(bytes, at, &mut Replies { exchanges, current: replying, out })
        };
        if flow.is_break() {
            exchanges.flush(out);
        }
        flow
    }

    fn gap(&mut self, dir: Dir, length: u64, _: Moment, out: &mut Vec<Event>) {
        let Http { exchanges, requests, replies, replying } = self;
        if dir == exchanges.client() {
            requests.gap(length, &mut Requests { exchanges, out });
        } else {
            replies.gap(length, &mut Replies { exchanges, current: replying, out });
        }
    }

    fn fin(&mut self, dir: Dir, at: Moment, out: &mut Vec<Event>) {
        self.end_lane(dir, Some(at), out);
    }

    fn end(&mut self, _: Close, _: Moment, out: &mut Vec<Event>) {
        let client = self.exchanges.client();
        self.end_lane(client, None, out);
        self.end_lane(client.flip(), None, out);
        self.exchanges.flush(out);
    }

    fn passes_over(&self, dir: Dir) -> u64 {
        if dir == self.exchanges.client() { self.requests.passes_over() } else { self.replies.passes_over() }
    }

    fn held(&self) -> usize {
        self.requests.held() + self.replies.held() + self.exchanges.held()
    }
}

#[cfg(test)]
mod tests;
