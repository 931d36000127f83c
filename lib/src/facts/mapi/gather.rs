//! The rows of MAPI clients while the capture is read.

use std::collections::HashMap;

use twox_hash::XxHash3_64;

use super::rows::{Answer, HttpSession, Line, RpcKind, RpcRow};
use crate::facts::LimitHits;
use crate::facts::intern::Interner;
use crate::flow::{Dir, Endpoint, FlowId};
use crate::proto::dcerpc::event::{BindOutcome, Rpc, RpcBind, RpcCall, RpcChannel, RpcLogin, Span};
use crate::proto::{Interface, Transaction};

/// Rows as they come while the capture is read.
#[derive(Debug)]
pub(crate) struct Rpcs {
    lines: Vec<Line>,
    places: HashMap<FlowId, usize, ahash::RandomState>,
    strings: Interner,
    rows: usize,
    limit: usize,
    dropped: u64,
}

/// What a row costs with the strings that are its own.
const ROW_BYTES: u64 = 512;

impl Rpcs {
    /// A table that may take so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let limit = usize::try_from(bytes / ROW_BYTES).unwrap_or(usize::MAX);
        Rpcs {
            lines: Vec::new(),
            places: HashMap::default(),
            strings: Interner::new(limit),
            rows: 0,
            limit,
            dropped: 0,
        }
    }

    /// Half of what rows may take is for strings: long ones cost rows.
    fn is_full(&self) -> bool {
        let strings = self.strings.bytes();
        self.rows >= self.limit || strings >= self.limit as u64 * (ROW_BYTES / 2)
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.lines.extend(other.lines);
        self.rows += other.rows;
        self.limit += other.limit;
        self.dropped += other.dropped;
    }

    /// Takes a fact of a DCE/RPC connection.
    pub(crate) fn apply(&mut self, flow: FlowId, ends: [Endpoint; 2], event: &Rpc) {
        if self.is_full() {
            self.dropped += 1;
            return;
        }
        match event {
            Rpc::Bind(bind) => self.bind(flow, ends, bind),
            Rpc::Call(call) => self.call(flow, ends, call),
            Rpc::Login(login) => self.login(flow, ends, login),
            Rpc::Channel(channel) => self.channel(flow, ends, channel),
        }
    }

    /// Takes an HTTP transaction; others than those of MAPI over HTTP are not its business.
    pub(crate) fn http(&mut self, flow: FlowId, ends: [Endpoint; 2], transaction: &Transaction) {
        let Some((request, mapi)) =
            transaction.request.as_ref().and_then(|request| Some((request, request.head.mapi.as_ref()?)))
        else {
            return;
        };
        if self.is_full() {
            self.dropped += 1;
            return;
        }
        let is_book = request.head.target.to_ascii_lowercase().contains("/nspi");
        let interface = if is_book { Interface::Nspi } else { Interface::Emsmdb };
        let mut row = RpcRow::new(flow, RpcKind::Call, interface, 0);
        row.request_type = Some(self.strings.intern(&mapi.request_type));
        row.request = Some(Span { first: request.first, last: request.last });
        row.digests[0] = mapi.request_id.as_deref().map_or(0, |id| XxHash3_64::oneshot(id.as_bytes()));
        let mut session = None;
        if let Some(reply) = &transaction.reply {
            let said = reply.head.mapi.as_ref();
            let code = said.and_then(|said| said.code);
            row.reply = Some(Span { first: reply.first, last: reply.last });
            row.answer = Answer::Response(code);
            let context = mapi.context.or(said.and_then(|said| said.context));
            session = context.map(|context| HttpSession {
                context,
                backend: self.strings.intern_some(said.and_then(|said| said.backend.as_deref())),
                frontend: self.strings.intern_some(said.and_then(|said| said.frontend.as_deref())),
                at: reply.last,
                code,
            });
        }
        let line = self.line(flow, ends, transaction.client);
        line.http.get_or_insert_default().sessions.extend(session);
        if !line.interfaces.contains(&interface) {
            line.interfaces.push(interface);
        }
        self.push(flow, ends, transaction.client, row);
    }

    pub(super) fn finish(self) -> (Vec<Line>, LimitHits) {
        let full = LimitHits::new("RPC rows", self.limit as u64, self.dropped);
        (self.lines, full)
    }

    fn line(&mut self, flow: FlowId, ends: [Endpoint; 2], client: Dir) -> &mut Line {
        let (client, server) = client.ends(ends);
        let place = *self.places.entry(flow).or_insert_with(|| {
            self.lines.push(Line {
                flow,
                client,
                server,
                rows: Vec::new(),
                interfaces: Vec::new(),
                names: Vec::new(),
                secondary: None,
                user: None,
                http: None,
            });
            self.lines.len() - 1
        });
        &mut self.lines[place]
    }

    fn push(&mut self, flow: FlowId, ends: [Endpoint; 2], client: Dir, row: RpcRow) {
        self.rows += 1;
        self.line(flow, ends, client).rows.push(row);
    }

    fn bind(&mut self, flow: FlowId, ends: [Endpoint; 2], bind: &RpcBind) {
        let kind = if bind.alter { RpcKind::Alter } else { RpcKind::Bind };
        let mut row = RpcRow::new(flow, kind, Interface::Unknown, bind.call_id);
        if let Some(request) = &bind.request {
            let interface = request.interfaces.first().copied();
            row.interface = interface.unwrap_or(Interface::Unknown);
            row.request = Some(request.span);
            row.presented = request.group;
            row.auth = request.auth;
            row.digests[0] = request.digest;
            let line = self.line(flow, ends, bind.client);
            for interface in &request.interfaces {
                if !line.interfaces.contains(interface) {
                    line.interfaces.push(*interface);
                }
            }
        }
        if let Some(answer) = &bind.answer {
            row.reply = Some(answer.span);
            row.digests[1] = answer.digest;
            match &answer.outcome {
                BindOutcome::Nak(reason) => row.answer = Answer::Nak(*reason),
                BindOutcome::Fault(status) => row.answer = Answer::Fault(*status),
                BindOutcome::Ack { group, secondary, server_name } => {
                    row.answer = Answer::Accepted;
                    row.granted = Some(*group).filter(|group| *group != 0);
                    let name = self.strings.intern_some(server_name.as_deref());
                    let secondary = self.strings.intern_some(secondary.as_deref());
                    let line = self.line(flow, ends, bind.client);
                    line.names.extend(name.map(|name| (name, answer.span.last)));
                    line.secondary = line.secondary.take().or(secondary);
                }
            }
        }
        self.push(flow, ends, bind.client, row);
    }

    fn call(&mut self, flow: FlowId, ends: [Endpoint; 2], call: &RpcCall) {
        let mut row = RpcRow::new(flow, RpcKind::Call, call.interface, call.call_id);
        row.given_up = call.given_up;
        if let Some(request) = &call.request {
            row.request = Some(request.span);
            row.digests[0] = request.digest;
            row.opnum = Some(request.opnum);
            row.auth = request.auth;
            row.sealed = request.sealed;
            row.handle = request.stub.handle;
            row.wanted = request.stub.wanted;
            row.user_dn = self.strings.intern_some(request.stub.user_dn.as_deref());
        }
        if let Some(answer) = &call.answer {
            row.reply = Some(answer.span);
            row.digests[1] = answer.digest;
            row.sealed |= answer.sealed;
            row.answer = match answer.fault {
                Some(status) => Answer::Fault(status),
                None => Answer::Response(answer.stub.code),
            };
            row.issued = answer.stub.handle;
            row.version = answer.stub.version;
            row.referral = self.strings.intern_some(answer.stub.referral.as_deref());
            row.endpoints = answer.stub.endpoints.as_slice().into();
        }
        self.push(flow, ends, call.client, row);
    }

    fn login(&mut self, flow: FlowId, ends: [Endpoint; 2], login: &RpcLogin) {
        let name = match &login.domain {
            Some(domain) => format!("{domain}\\{}", login.user),
            None => login.user.to_string(),
        };
        let name = self.strings.intern(&name);
        self.line(flow, ends, login.client).user = Some(name);
    }

    fn channel(&mut self, flow: FlowId, ends: [Endpoint; 2], channel: &RpcChannel) {
        let http = self.line(flow, ends, channel.client).http.get_or_insert_default();
        let cookie = http.channel.and_then(|(_, cookie)| cookie).or(channel.cookie);
        http.channel = Some((channel.is_in, cookie));
    }
}
