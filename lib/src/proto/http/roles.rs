//! What is done with requests and with replies.

use super::body::Framing;
use super::exchange::{Exchanges, Method, Part};
use super::head::{self, Announced};
use super::lane::{End, Plan, Role};
use super::message::{Asked, Said};
use super::{Probe, known, message, start};
use crate::flow::Moment;
use crate::proto::{Body, Event, Reply, Request};

/// The direction of the client.
pub(super) struct Requests<'c> {
    pub(super) exchanges: &'c mut Exchanges,
    pub(super) out: &'c mut Vec<Event>,
}

/// The direction of the server.
pub(super) struct Replies<'c> {
    pub(super) exchanges: &'c mut Exchanges,
    pub(super) current: &'c mut Replying,
    pub(super) out: &'c mut Vec<Event>,
}

/// The reply that is arriving.
#[derive(Default)]
pub(super) struct Replying {
    to: Option<u64>,
    reply: Option<Box<Reply>>,
    /// Replies may have been lost since the last one.
    lost: bool,
}

impl Role for Requests<'_> {
    fn probe(&self, first: &[u8], more: bool) -> Probe {
        start::request(first, more)
    }

    fn begin(&mut self, first: Moment) {
        self.exchanges.request_begins(first, self.out);
    }

    fn head(&mut self, head: &[u8], first: Moment) -> Plan {
        known::asked(head).map_or(Plan::Unknown, |asked| self.asked(asked, first))
    }

    fn partial_head(&mut self, head: &[u8], first: Moment) {
        if let Some(asked) = head::request(&head::close(head), |head| message::asked(&head, false)) {
            self.asked(asked, first);
        }
    }

    fn end(&mut self, end: End<'_>) {
        let Some(exchange) = self.exchanges.current() else {
            return;
        };
        let request = match std::mem::replace(&mut exchange.request, Part::Awaited) {
            Part::Known(request) => request,
            _ => None,
        };
        exchange.request = Part::Done(request.map(|mut request| {
            request.last = end.last;
            let digest;
            (request.body, digest) = message::body(&end);
            (request.state, request.ews) = message::conclude(&end, request.state, Some(digest));
            request
        }));
        self.exchanges.request_ends(self.out);
    }

    fn lost(&mut self) {}
}

impl Requests<'_> {
    fn asked(&mut self, asked: Asked, first: Moment) -> Plan {
        let Asked { method, head, held, plan } = asked;
        if let Some(exchange) = self.exchanges.current() {
            (exchange.method, exchange.held) = (method, held);
            exchange.request = Part::Known(head.map(|(head, state)| {
                Box::new(Request { first, last: first, state, head, body: Body::default(), ews: None })
            }));
        }
        plan
    }
}

impl Role for Replies<'_> {
    fn probe(&self, first: &[u8], more: bool) -> Probe {
        start::reply(first, more)
    }

    fn begin(&mut self, _: Moment) {}

    fn head(&mut self, head: &[u8], first: Moment) -> Plan {
        self.reply(head, first).unwrap_or_else(|| {
            self.partial_head(head, first);
            Plan::Unknown
        })
    }

    fn partial_head(&mut self, head: &[u8], first: Moment) {
        let line = memchr::memchr(b'\n', head).and_then(|end| head.get(..=end));
        if self.reply(&head::close(head), first).is_none()
            && let Some(line) = line
        {
            self.reply(&head::close(line), first);
        }
    }

    fn end(&mut self, end: End<'_>) {
        let Replying { to, reply, lost } = std::mem::take(self.current);
        // An interim reply that broke off answers nothing.
        let reply = reply.map(|mut reply| {
            reply.last = end.last;
            (reply.state, reply.ews) = message::conclude(&end, reply.state, None);
            reply
        });
        self.current.lost = lost && to.is_none();
        self.exchanges.reply_ends(to, reply, self.out);
    }

    fn lost(&mut self) {
        self.current.lost = true;
    }
}

impl Replies<'_> {
    fn reply(&mut self, head: &[u8], first: Moment) -> Option<Plan> {
        let mut exchange = self.exchanges.answered(first, self.current.lost);
        let (to, method, matters) = match &exchange {
            Some(exchange) => (Some(exchange.id()), exchange.method, exchange.may_matter()),
            None => (None, Method::Other, true),
        };
        let answered = known::answered(head, matters)?;
        if matches!(answered.status, 100..=199) && answered.status != 101 {
            return Some(Plan::Interim);
        }
        if let Some(exchange) = &mut exchange {
            exchange.reply_begins();
        }
        let keep = answered.reads(to.is_some()).filter(|_| matters);
        self.current.to = to;
        self.current.reply = answered.said.filter(|_| matters).map(|Said { head, state, date }| {
            Box::new(Reply { first, last: first, state, head, date, ews: None })
        });
        let framing = match (method, answered.status) {
            (_, 101) | (Method::Connect, 200..=299) => return Some(Plan::Tunnel),
            (Method::Head, _) | (_, 204 | 304) => Framing::Length(0),
            _ => match answered.announced {
                Announced::Length(length) => Framing::Length(length),
                Announced::Chunked => Framing::Chunked,
                Announced::Nothing | Announced::Unknown => Framing::Close,
                Announced::Conflict => return Some(Plan::Unknown),
            },
        };
        Some(Plan::Body { framing, keep })
    }
}
