//! Requests and the replies that answer them.

use std::collections::VecDeque;

use crate::flow::{Dir, Moment};
use crate::proto::{Event, Reply, Request, Transaction};

/// Requests that wait for their reply, and replies whose request did not come yet.
const OPEN: usize = 256;
const ORPHANS: usize = 64;

/// All of a connection that is not paired yet.
pub(super) struct Exchanges {
    client: Dir,
    open: VecDeque<Exchange>,
    /// Replies without a request. Where the stream of requests waits for a lost segment, theirs may still come.
    orphans: VecDeque<Box<Reply>>,
    next: u64,
}

/// A request and its reply. Parts that say nothing of interest are `None`.
pub(super) struct Exchange {
    id: u64,
    /// First frame of the request.
    first: Moment,
    pub(super) method: Method,
    /// A head is a line of names and one of values in any case; what a body says is short beside it.
    pub(super) held: usize,
    pub(super) request: Part<Request>,
    reply: Part<Reply>,
}

/// As far as it changes what a reply means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Head,
    Connect,
    Other,
}

/// One half of an exchange.
pub(super) enum Part<T> {
    /// Not begun.
    Awaited,
    /// Begun; its head is not whole yet.
    Begun,
    /// Its head is known; whether it is of interest.
    Known(Option<Box<T>>),
    /// Over.
    Done(Option<Box<T>>),
}

impl Exchange {
    /// What it is called while its reply arrives.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Its reply begins.
    pub(super) fn reply_begins(&mut self) {
        self.reply = Part::Begun;
    }

    /// Whether replies to it may matter: its request is of interest, or not known yet.
    pub(super) fn may_matter(&self) -> bool {
        match &self.request {
            Part::Known(request) | Part::Done(request) => request.is_some(),
            Part::Awaited | Part::Begun => true,
        }
    }
}

impl Exchanges {
    pub(super) fn new(client: Dir) -> Self {
        Exchanges { client, open: VecDeque::new(), orphans: VecDeque::new(), next: 0 }
    }

    /// The direction in which requests go.
    pub(super) fn client(&self) -> Dir {
        self.client
    }

    /// Bytes of the requests that wait.
    pub(super) fn held(&self) -> usize {
        self.open.iter().map(|exchange| exchange.held).sum()
    }

    /// A request begins.
    pub(super) fn request_begins(&mut self, first: Moment, out: &mut Vec<Event>) {
        if self.open.len() == OPEN
            && let Some(oldest) = self.open.pop_front()
        {
            self.emit(oldest, out);
        }
        let early = self.orphans.iter().position(|reply| reply.first >= first);
        let reply = early.and_then(|index| self.orphans.remove(index));
        self.open.push_back(Exchange {
            id: self.next,
            first,
            method: Method::Other,
            held: 0,
            request: Part::Begun,
            reply: reply.map_or(Part::Awaited, |reply| Part::Done(Some(reply))),
        });
        self.next += 1;
    }

    /// The request that is arriving, or came last.
    pub(super) fn current(&mut self) -> Option<&mut Exchange> {
        self.open.back_mut()
    }

    /// The request is over.
    pub(super) fn request_ends(&mut self, out: &mut Vec<Event>) {
        if let Some(index) = self.open.len().checked_sub(1) {
            self.settle(index, out);
        }
    }

    /// The request that a reply which begins at `first` answers: the oldest one without a reply, but never one
    /// that was sent later. Where replies were lost, it is the newest.
    pub(super) fn answered(&mut self, first: Moment, replies_lost: bool) -> Option<&mut Exchange> {
        let mut open = self
            .open
            .iter_mut()
            .filter(|exchange| matches!(exchange.reply, Part::Awaited) && exchange.first <= first);
        if replies_lost { open.next_back() } else { open.next() }
    }

    /// A reply is over: `to` is the id of its request.
    pub(super) fn reply_ends(&mut self, to: Option<u64>, reply: Option<Box<Reply>>, out: &mut Vec<Event>) {
        let Some(id) = to else {
            if self.orphans.len() == ORPHANS
                && let Some(oldest) = self.orphans.pop_front()
            {
                self.emit_orphan(oldest, out);
            }
            self.orphans.extend(reply);
            return;
        };
        if let Some(index) = self.open.iter().position(|exchange| exchange.id == id) {
            if let Some(exchange) = self.open.get_mut(index) {
                exchange.reply = Part::Done(reply);
            }
            self.settle(index, out);
        }
    }

    /// Nothing more comes.
    pub(super) fn flush(&mut self, out: &mut Vec<Event>) {
        while let Some(exchange) = self.open.pop_front() {
            self.emit(exchange, out);
        }
        while let Some(reply) = self.orphans.pop_front() {
            self.emit_orphan(reply, out);
        }
    }

    /// Emits the exchange there if both halves are over.
    fn settle(&mut self, index: usize, out: &mut Vec<Event>) {
        let over = |exchange: &Exchange| {
            matches!((&exchange.request, &exchange.reply), (Part::Done(_), Part::Done(_)))
        };
        if self.open.get(index).is_some_and(over)
            && let Some(exchange) = self.open.remove(index)
        {
            self.emit(exchange, out);
        }
    }

    fn emit(&self, exchange: Exchange, out: &mut Vec<Event>) {
        let (Part::Done(request) | Part::Known(request)) = exchange.request else {
            return;
        };
        let reply = match exchange.reply {
            Part::Done(reply) => reply,
            _ => None,
        };
        if request.is_some() {
            self.push(request, reply, out);
        }
    }

    /// Of a reply alone only what it says counts.
    fn emit_orphan(&self, reply: Box<Reply>, out: &mut Vec<Event>) {
        if reply.ews.is_some() {
            self.push(None, Some(reply), out);
        }
    }

    fn push(&self, request: Option<Box<Request>>, reply: Option<Box<Reply>>, out: &mut Vec<Event>) {
        out.push(Event::Http(Transaction { client: self.client, request, reply }));
    }
}
