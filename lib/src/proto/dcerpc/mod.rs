//! Connection-oriented DCE/RPC (C706, 12.6; MS-RPCE) as far as a MAPI client of Exchange speaks it.
//!
//! A connection is known by its PDUs on any port. Headers, association groups, refusals and faults can always be read;
//! stubs only where they are not encrypted.

mod auth;
mod bind;
mod calls;
mod cursor;
pub mod event;
mod fragments;
pub(super) mod http;
mod interface;
mod lane;
mod pdu;
mod stub;
#[cfg(test)]
mod tests;
mod tower;

use std::ops::ControlFlow;

use twox_hash::XxHash3_64;

pub use self::event::Rpc;
pub use self::interface::Interface;

use self::auth::Verifier;
use self::bind::{Ack, nak_reason};
use self::calls::{Answer, Asked, Calls};
use self::cursor::Cursor;
use self::event::{
    Auth, BindAnswer, BindOutcome, BindRequest, CallAnswer, CallRequest, RequestStub, RpcChannel, RpcLogin,
    Span,
};
use self::fragments::{Fragments, Stub};
use self::lane::{Lane, Pdu};
use self::pdu::{Header, Kind};
use super::{Dissector, Event, Protocol};
use crate::flow::{Close, Dir, Moment};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "dcerpc",
    ports: &[135, 593, 6001, 6002, 6004],
    probe: pdu::probe,
    start: |_, dir, first| {
        let from_server = Header::read(first).and_then(|header| header.kind.is_from_server());
        Box::new(DceRpc::new(if from_server == Some(true) { dir.flip() } else { dir }))
    },
};

/// Where the stub of a request begins.
const REQUEST_STUB: usize = 24;
/// An object UUID before it.
const OBJECT: usize = 16;
/// Where the stub of a response begins, and the status of a fault stands.
const RESPONSE_STUB: usize = 24;
/// Presentation contexts that one connection may have.
const CONTEXTS: usize = 1024;

/// One connection.
pub(super) struct DceRpc {
    /// Of a channel of RPC over HTTP: calls go in it.
    is_in: bool,
    lanes: [Lane; 2],
    talk: Talk,
}

/// What was said so far.
struct Talk {
    /// It is a channel of RPC over HTTP.
    is_channel: bool,
    calls: Calls,
    /// Presentation contexts with their interfaces; `None` is one that no MAPI client uses.
    contexts: Vec<(u16, Option<Interface>)>,
    /// A bind was captured, so that the contexts are known.
    bound: bool,
    /// Authentication of the last bind.
    auth: Option<Auth>,
    requests: Fragments,
    answers: Fragments,
}

impl DceRpc {
    pub(super) fn new(client: Dir) -> Self {
        DceRpc {
            is_in: true,
            lanes: Default::default(),
            talk: Talk {
                is_channel: false,
                calls: Calls::new(client),
                contexts: Vec::new(),
                bound: false,
                auth: None,
                requests: Fragments::default(),
                answers: Fragments::default(),
            },
        }
    }
}

impl DceRpc {
    /// What a channel of RPC over HTTP carries.
    fn channel(client: Dir) -> Self {
        let mut channel = Self::new(client);
        channel.talk.is_channel = true;
        channel
    }
}

impl Dissector for DceRpc {
    fn data(&mut self, dir: Dir, bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> ControlFlow<usize> {
        let DceRpc { is_in, lanes, talk } = self;
        lanes[dir as usize].data(bytes, at, |pdu| talk.pdu(dir, &pdu, *is_in, out));
        ControlFlow::Continue(())
    }

    fn gap(&mut self, dir: Dir, length: u64, at: Moment, out: &mut Vec<Event>) {
        let DceRpc { is_in, lanes, talk } = self;
        lanes[dir as usize].gap(length, at, |pdu| talk.pdu(dir, &pdu, *is_in, out));
    }

    fn fin(&mut self, _: Dir, _: Moment, _: &mut Vec<Event>) {}

    fn end(&mut self, _: Close, _: Moment, out: &mut Vec<Event>) {
        self.talk.calls.flush(out);
    }

    fn held(&self) -> usize {
        let lanes: usize = self.lanes.iter().map(Lane::held).sum();
        lanes + self.talk.requests.held() + self.talk.answers.held()
    }
}

impl Talk {
    fn pdu(&mut self, dir: Dir, pdu: &Pdu<'_>, is_in: bool, out: &mut Vec<Event>) {
        // What goes the wrong way is no PDU but looks like one.
        let from_server = dir != self.calls.client;
        if pdu.header.kind.is_from_server().is_some_and(|server| server != from_server) {
            return;
        }
        match pdu.header.kind {
            Kind::Bind => self.bind(pdu, false, out),
            Kind::Alter => self.bind(pdu, true, out),
            Kind::BindAck => self.ack(pdu, false, out),
            Kind::AlterResponse => self.ack(pdu, true, out),
            Kind::BindNak => self.nak(pdu, out),
            Kind::Auth3 => self.login(pdu, out),
            Kind::Request => self.request(pdu, out),
            Kind::Response => self.response(pdu, out),
            Kind::Fault => self.fault(pdu, out),
            Kind::Cancel | Kind::Orphaned => self.calls.given_up(pdu.header.call_id),
            Kind::Rts if self.is_channel && !from_server => self.virtual_connection(pdu, is_in, out),
            Kind::Shutdown | Kind::Rts => {}
        }
    }

    fn virtual_connection(&self, pdu: &Pdu<'_>, is_in: bool, out: &mut Vec<Event>) {
        if let Some(cookie) = http::virtual_connection(pdu) {
            let (at, client) = (pdu.last, self.calls.client);
            let channel = RpcChannel { at, client, is_in, cookie: Some(cookie), target: None };
            out.push(Event::Rpc(Box::new(Rpc::Channel(channel))));
        }
    }

    fn bind(&mut self, pdu: &Pdu<'_>, alter: bool, out: &mut Vec<Event>) {
        let Some(read) = bind::Request::read(pdu.bytes, &pdu.header) else { return };
        let verifier = Verifier::read(pdu.bytes, &pdu.header);
        let mut interfaces = Vec::new();
        for (id, interface) in read.contexts {
            self.learn(id, interface);
            interfaces.extend(interface.filter(|interface| !interfaces.contains(interface)));
        }
        self.bound |= !alter;
        if let Some(verifier) = &verifier {
            self.auth = Some(verifier.auth);
        }
        let request = BindRequest {
            span: span(pdu),
            digest: XxHash3_64::oneshot(pdu.bytes),
            group: read.group,
            interfaces,
            auth: verifier.map(|verifier| verifier.auth),
        };
        self.calls.asked(pdu.header.call_id, Asked::Bind { alter, request }, out);
        self.login(pdu, out);
    }

    /// What a presentation context stands for. A server that offers one id for two interfaces means the latter.
    fn learn(&mut self, id: u16, interface: Option<Interface>) {
        let has_room = self.contexts.len() < CONTEXTS;
        match self.contexts.iter_mut().find(|(known, _)| *known == id) {
            Some(known) => known.1 = interface,
            None if has_room => self.contexts.push((id, interface)),
            None => {}
        }
    }

    fn ack(&mut self, pdu: &Pdu<'_>, alter: bool, out: &mut Vec<Event>) {
        let Some(Ack { group, secondary }) = Ack::read(pdu.bytes, &pdu.header) else { return };
        let verifier = Verifier::read(pdu.bytes, &pdu.header);
        let server_name = verifier.and_then(|verifier| verifier.server_name());
        self.bind_answered(pdu, alter, BindOutcome::Ack { group, secondary, server_name }, out);
    }

    fn nak(&mut self, pdu: &Pdu<'_>, out: &mut Vec<Event>) {
        if let Some(reason) = nak_reason(pdu.bytes, &pdu.header) {
            self.bind_answered(pdu, false, BindOutcome::Nak(reason), out);
        }
    }

    fn bind_answered(&mut self, pdu: &Pdu<'_>, alter: bool, outcome: BindOutcome, out: &mut Vec<Event>) {
        let answer = BindAnswer { span: span(pdu), digest: XxHash3_64::oneshot(pdu.bytes), outcome };
        self.calls.answered(pdu.header.call_id, Answer::Bind { alter, answer }, out);
    }

    fn login(&self, pdu: &Pdu<'_>, out: &mut Vec<Event>) {
        let account = Verifier::read(pdu.bytes, &pdu.header).and_then(|verifier| verifier.account());
        if let Some((domain, user)) = account {
            let login = RpcLogin { at: pdu.last, client: self.calls.client, domain, user };
            out.push(Event::Rpc(Box::new(Rpc::Login(login))));
        }
    }

    fn request(&mut self, pdu: &Pdu<'_>, out: &mut Vec<Event>) {
        let mut cursor = Cursor::new(pdu.bytes, Header::LENGTH + 4, pdu.header.order);
        let (Some(context), Some(opnum)) = (cursor.u16(), cursor.u16()) else { return };
        let known = self.contexts.iter().find(|(id, _)| *id == context).map(|(_, interface)| *interface);
        let interface = match known {
            Some(Some(interface)) => interface,
            Some(None) => return,
            None if self.bound => return,
            None => Interface::Unknown,
        };
        let auth = Verifier::read(pdu.bytes, &pdu.header).map(|verifier| verifier.auth);
        let object = if pdu.header.has_object() { OBJECT } else { 0 };
        let Some(stub) = gather(&mut self.requests, pdu, REQUEST_STUB + object) else { return };
        // The verifier of a PDU that was cut is out of reach.
        let auth = auth.or_else(|| self.auth.filter(|_| pdu.header.auth_length > 0));
        let sealed = auth.is_some_and(|auth| auth.level == Auth::PRIVACY);
        let (span, digest) = (stub.span, stub.digest);
        let stub = match sealed {
            true => RequestStub::default(),
            false => stub::request(interface, opnum, &stub.bytes()),
        };
        let auth = auth.or(self.auth);
        let request = CallRequest { span, digest, opnum, auth, sealed, stub };
        self.calls.asked(pdu.header.call_id, Asked::Call { interface, request, given_up: false }, out);
    }

    fn response(&mut self, pdu: &Pdu<'_>, out: &mut Vec<Event>) {
        let verifier = Verifier::read(pdu.bytes, &pdu.header).map(|verifier| verifier.auth);
        let auth = verifier.or_else(|| self.auth.filter(|_| pdu.header.auth_length > 0));
        let sealed = auth.is_some_and(|auth| auth.level == Auth::PRIVACY);
        let Some(stub) = gather(&mut self.answers, pdu, RESPONSE_STUB) else { return };
        let (span, digest, whole) = (stub.span, stub.digest, stub.whole);
        let read = match self.calls.request(pdu.header.call_id) {
            Some(Asked::Call { interface, request, .. }) if !sealed => {
                stub::answer(*interface, request.opnum, &stub.bytes(), pdu.header.order, whole)
            }
            _ => Default::default(),
        };
        let answer = CallAnswer { span, digest, fault: None, sealed, stub: read };
        self.calls.answered(pdu.header.call_id, Answer::Call(answer), out);
    }

    fn fault(&mut self, pdu: &Pdu<'_>, out: &mut Vec<Event>) {
        let Some(status) = Cursor::new(pdu.bytes, RESPONSE_STUB, pdu.header.order).u32() else { return };
        self.answers.take(pdu.header.call_id);
        let answer = CallAnswer {
            span: span(pdu),
            digest: XxHash3_64::oneshot(pdu.bytes),
            fault: Some(status),
            sealed: false,
            stub: Default::default(),
        };
        self.calls.answered(pdu.header.call_id, Answer::Call(answer), out);
    }
}

/// Adds a fragment to its stub, and gives the stub when this was the last one.
fn gather(fragments: &mut Fragments, pdu: &Pdu<'_>, start: usize) -> Option<Stub> {
    let header = &pdu.header;
    let begun = if header.is_first() { None } else { fragments.take(header.call_id) };
    let mut stub = begun.unwrap_or_else(|| {
        let mut stub = Stub::new(header.call_id, span(pdu), XxHash3_64::oneshot(pdu.bytes));
        stub.whole = header.is_first();
        stub
    });
    let end = Verifier::read(pdu.bytes, header)
        .map_or(pdu.bytes.len(), |verifier| verifier.start.saturating_sub(verifier.padding));
    stub.add(pdu.bytes.get(start..end).unwrap_or_default());
    stub.whole &= pdu.is_whole();
    stub.span.last = pdu.last;
    if header.is_last() {
        return Some(stub);
    }
    fragments.put(stub);
    None
}

fn span(pdu: &Pdu<'_>) -> Span {
    Span { first: pdu.first, last: pdu.last }
}
