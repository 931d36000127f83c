//! Calls of Exchange Web Services in clear, and requests to mailboxes over WebDAV.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::intern::Interner;
use super::rows::{Row, Rows};
use super::{LimitHits, Subscription};
use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::{Authorization, Ews, Reply, Request, Subscribe, Transaction};

/// One request and its reply.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EwsRow {
    /// Its connection.
    pub flow: FlowId,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// What it speaks.
    pub interface: Interface,
    /// Frame with the first byte of the request; of the reply where the request was not captured.
    pub first: Moment,
    /// Frame that completed the request.
    pub last: Moment,
    /// Method.
    pub method: Option<Arc<str>>,
    /// Request target.
    pub target: Option<Arc<str>>,
    /// `Host`.
    pub host: Option<Arc<str>>,
    /// The operation: `Subscribe`, `GetItem` …
    pub operation: Option<Arc<str>>,
    /// The log-in.
    pub authorization: Option<Authorization>,
    /// What a `Subscribe` asks for.
    pub subscribe: Option<Subscribe>,
    /// The reply.
    pub reply: Option<EwsReply>,
}

/// What is spoken over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interface {
    /// Exchange Web Services.
    Ews,
    /// WebDAV on mailboxes, as Exchange 2003 and 2007 offer it.
    WebDav,
}

/// The reply to a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EwsReply {
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
    /// Status code.
    pub status: u16,
    /// It has the code `NoError`.
    pub no_error: bool,
    /// Response codes other than `NoError`.
    pub codes: Vec<Arc<str>>,
    /// It is a SOAP fault.
    pub is_fault: bool,
    /// How long the client shall wait, in milliseconds.
    pub back_off_ms: Option<u64>,
    /// The id of a new subscription.
    pub subscription_id: Option<Arc<str>>,
    /// `Server`.
    pub server: Option<Arc<str>>,
    /// `X-FEServer`.
    pub frontend: Option<Arc<str>>,
    /// `X-CalculatedBETarget` or `X-BEServer`.
    pub backend: Option<Arc<str>>,
    /// `X-CasErrorCode`.
    pub cas_error: Option<Arc<str>>,
    /// `Location`.
    pub location: Option<Arc<str>>,
    /// `Retry-After`.
    pub retry_after: Option<Arc<str>>,
    /// Schemes of `WWW-Authenticate`.
    pub challenges: Vec<Arc<str>>,
}

impl EwsRow {
    /// Microseconds from the last byte of the request to the first of the reply.
    pub fn latency_us(&self) -> Option<i64> {
        self.reply.as_ref().map(|reply| reply.first.time.since(self.last.time) / 1000)
    }

    /// The frame that completed the call.
    pub fn completed(&self) -> Moment {
        self.reply.as_ref().map_or(self.last, |reply| reply.last)
    }

    /// Status code of the reply.
    pub fn status(&self) -> Option<u16> {
        self.reply.as_ref().map(|reply| reply.status)
    }

    /// Response codes of the reply.
    pub fn codes(&self) -> &[Arc<str>] {
        self.reply.as_ref().map(|reply| reply.codes.as_slice()).unwrap_or_default()
    }
}

/// The calls of one shard while the capture is read.
#[derive(Debug)]
pub(crate) struct Calls {
    rows: Rows<EwsRow>,
    strings: Interner,
}

impl Row for EwsRow {
    fn completed(&self) -> Moment {
        EwsRow::completed(self)
    }

    fn flow(&self) -> FlowId {
        self.flow
    }
}

/// What a row costs with the strings that are its own.
const ROW_BYTES: u64 = 1024;

impl Calls {
    /// A table that may take so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let rows = Rows::new(bytes, ROW_BYTES);
        Calls { strings: Interner::new(rows.limit().saturating_mul(2)), rows }
    }

    /// Keeps a transaction with Exchange; others are not its business.
    pub(crate) fn apply(&mut self, flow: FlowId, ends: [Endpoint; 2], seen: &Transaction) {
        let Some(interface) = interface(seen) else {
            return;
        };
        let (request, reply) = (seen.request.as_deref(), seen.reply.as_deref());
        let Some((first, last)) = request
            .map(|request| (request.first, request.last))
            .or_else(|| reply.map(|reply| (reply.first, reply.first)))
        else {
            return;
        };
        let completed = reply.map_or(last, |reply| reply.last);
        if !self.rows.has_room(self.strings.bytes(), completed) {
            return;
        }
        let (client, server) = seen.client.ends(ends);
        let strings = &mut self.strings;
        let call = request.and_then(|request| match &request.ews {
            Some(Ews::Call(call)) => Some(&**call),
            _ => None,
        });
        let row = EwsRow {
            flow,
            client,
            server,
            interface,
            first,
            last,
            method: request.map(|request| strings.intern(&request.head.method)),
            target: request.map(|request| strings.intern(&request.head.target)),
            host: strings.intern_some(request.and_then(|request| request.head.host.as_deref())),
            operation: operation(request, reply).map(|operation| strings.intern(operation)),
            authorization: request.and_then(|request| request.head.authorization.clone()),
            subscribe: call.and_then(|call| call.subscribe.clone()),
            reply: reply.map(|reply| read(reply, strings)),
        };
        self.rows.push(row);
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.rows.absorb(other.rows);
    }

    /// The rows in the order of their completion, and how many did not fit.
    pub(crate) fn finish(self) -> (Vec<EwsRow>, LimitHits) {
        self.rows.into_sorted("EWS call rows")
    }
}

/// Tells subscriptions what the Subscribe calls that were seen asked for. The last call counts.
pub(crate) fn tell(rows: &[EwsRow], subscriptions: &mut [Subscription]) {
    let (mut by_key, mut by_id) = (HashMap::new(), HashMap::new());
    for row in rows {
        let Some(asked) = &row.subscribe else { continue };
        by_key.extend(asked.id().map(|id| (id.to_ascii_lowercase(), asked)));
        let given = row.reply.as_ref().and_then(|reply| reply.subscription_id.as_ref());
        by_id.extend(given.map(|id| (Arc::clone(id), asked)));
    }
    for subscription in subscriptions {
        let given = subscription.subscription_ids.iter().rev().find_map(|id| by_id.get(id));
        let Some(asked) = given.or_else(|| by_key.get(&*subscription.request_id)) else {
            continue;
        };
        // Between 1 and 1440 minutes (MS-OXWSNTIF 3.1.4.3.3.6).
        let minutes = asked.status_frequency.filter(|minutes| (1..=1440).contains(minutes));
        subscription.interval = minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
        subscription.destination = asked.url.as_deref().map(Arc::from);
    }
}

fn interface(seen: &Transaction) -> Option<Interface> {
    let is_call = |ews: &Option<Ews>| matches!(ews, Some(Ews::Call(_) | Ews::Answer(_)));
    let is_notice = |ews: &Option<Ews>| matches!(ews, Some(Ews::Notification(_) | Ews::Result(_)));
    let Some(request) = &seen.request else {
        return seen.reply.as_ref().filter(|reply| is_call(&reply.ews)).map(|_| Interface::Ews);
    };
    let action = request.head.soap_action.as_deref().unwrap_or_default();
    if is_notice(&request.ews) || action.ends_with("SendNotification") {
        return None;
    }
    let path = path(&request.head.target).to_ascii_lowercase();
    if path.starts_with("/ews/") || is_call(&request.ews) || action.starts_with(ACTION) {
        return Some(Interface::Ews);
    }
    path.starts_with("/exchange/").then_some(Interface::WebDav)
}

/// What the SOAPAction of a call begins with.
const ACTION: &str = "http://schemas.microsoft.com/exchange/services/";

/// The path of a request target in origin or absolute form.
fn path(target: &str) -> &str {
    let rest = target.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    rest.unwrap_or(target)
}

/// The operation by the body, else by the SOAPAction.
fn operation<'t>(request: Option<&'t Request>, reply: Option<&'t Reply>) -> Option<&'t str> {
    if let Some(Ews::Call(call)) = request.and_then(|request| request.ews.as_ref()) {
        return Some(&call.operation);
    }
    let action = request.and_then(|request| request.head.soap_action.as_deref());
    if let Some(action) = action.filter(|action| action.starts_with(ACTION)) {
        return action.rsplit('/').next();
    }
    match reply.and_then(|reply| reply.ews.as_ref()) {
        Some(Ews::Answer(answer)) => answer.operation.as_deref(),
        _ => None,
    }
}

fn read(reply: &Reply, strings: &mut Interner) -> EwsReply {
    let answer = match &reply.ews {
        Some(Ews::Answer(answer)) => Some(&**answer),
        _ => None,
    };
    let service = &reply.head.service;
    EwsReply {
        first: reply.first,
        last: reply.last,
        status: reply.head.status,
        no_error: answer.is_some_and(|answer| answer.no_error),
        codes: answer.iter().flat_map(|answer| &answer.codes).map(|code| strings.intern(code)).collect(),
        is_fault: answer.is_some_and(|answer| answer.is_fault),
        back_off_ms: answer.and_then(|answer| answer.back_off_ms),
        subscription_id: strings.intern_some(answer.and_then(|answer| answer.subscription_id.as_deref())),
        server: strings.intern_some(reply.head.server.as_deref()),
        frontend: strings.intern_some(service.frontend.as_deref()),
        backend: strings.intern_some(service.backend.as_deref()),
        cas_error: strings.intern_some(service.cas_error.as_deref()),
        location: strings.intern_some(service.location.as_deref()),
        retry_after: strings.intern_some(service.retry_after.as_deref()),
        challenges: service.challenges.iter().map(|scheme| strings.intern(scheme)).collect(),
    }
}
