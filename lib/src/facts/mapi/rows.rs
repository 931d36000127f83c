//! What was said on the connections of MAPI clients, as rows.

use std::net::IpAddr;
use std::sync::Arc;

use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::dcerpc::event::{Advertised, Auth, Handle, Span};
use crate::proto::{Guid, Interface};

/// One bind, alter_context or call with its answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcRow {
    /// Its TCP connection.
    pub flow: FlowId,
    /// What it is.
    pub kind: RpcKind,
    /// Whose operation it is; of a bind the first one that it asks for.
    pub interface: Interface,
    /// Operation number of a call.
    pub opnum: Option<u16>,
    /// `X-RequestType` of MAPI over HTTP.
    pub request_type: Option<Arc<str>>,
    /// Call id.
    pub call_id: u32,
    /// The request; `None` when only the answer was captured.
    pub request: Option<Span>,
    /// The answer.
    pub reply: Option<Span>,
    /// How it was answered.
    pub answer: Answer,
    /// Association group that a bind presents; 0 asks for a new one.
    pub presented: u32,
    /// Association group that the answer to a bind grants.
    pub granted: Option<u32>,
    /// Context handle of the request.
    pub handle: Option<Handle>,
    /// Context handle of the response.
    pub issued: Option<Handle>,
    /// Authentication.
    pub auth: Option<Auth>,
    /// The stub is encrypted.
    pub sealed: bool,
    /// Distinguished name of the user in a connect.
    pub user_dn: Option<Arc<str>>,
    /// The interface that the endpoint mapper is asked for.
    pub wanted: Option<Interface>,
    /// Endpoints that the endpoint mapper named.
    pub endpoints: Arc<[Advertised]>,
    /// The server that a referral names.
    pub referral: Option<Arc<str>>,
    /// Version of the server in the answer to a connect.
    pub version: Option<[u16; 3]>,
    /// The client took it back.
    pub given_up: bool,
    /// Digests of request and answer.
    pub(crate) digests: [u64; 2],
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RpcKind {
    /// bind.
    Bind,
    /// alter_context.
    Alter,
    /// A call.
    Call,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not at all, as far as it was captured.
    None,
    /// bind_ack or alter_context_resp.
    Accepted,
    /// bind_nak with its reason.
    Nak(u16),
    /// A fault with its status.
    Fault(u32),
    /// A response, with its return code where that can be read.
    Response(Option<u32>),
}

impl RpcRow {
    /// A row that says nothing yet.
    pub(super) fn new(flow: FlowId, kind: RpcKind, interface: Interface, call_id: u32) -> Self {
        RpcRow {
            flow,
            kind,
            interface,
            opnum: None,
            request_type: None,
            call_id,
            request: None,
            reply: None,
            answer: Answer::None,
            presented: 0,
            granted: None,
            handle: None,
            issued: None,
            auth: None,
            sealed: false,
            user_dn: None,
            wanted: None,
            endpoints: Arc::default(),
            referral: None,
            version: None,
            given_up: false,
            digests: [0; 2],
        }
    }

    /// First frame of it.
    pub fn first(&self) -> Moment {
        self.request.or(self.reply).map_or_else(Moment::default, |span| span.first)
    }

    /// The frame that completed it.
    pub fn last(&self) -> Moment {
        self.reply.or(self.request).map_or_else(Moment::default, |span| span.last)
    }

    /// Whether it is a connect to the mailbox service: EcDoConnect or EcDoConnectEx.
    pub fn is_connect(&self) -> bool {
        self.kind == RpcKind::Call
            && self.interface == Interface::Emsmdb
            && matches!(self.opnum, Some(0 | 10))
    }

    /// Whether it is a call that the server parks until something happens (MS-OXCRPC 3.3.4.1).
    pub fn is_parked(&self) -> bool {
        self.kind == RpcKind::Call
            && (self.interface == Interface::AsyncEmsmdb
                || self
                    .request_type
                    .as_deref()
                    .is_some_and(|kind| kind.eq_ignore_ascii_case("NotificationWait")))
    }

    /// The name of the operation.
    pub fn operation(&self) -> Option<&str> {
        let named = self.request_type.as_deref();
        named.or_else(|| self.interface.operation(self.opnum?))
    }
}

/// What is learnt of one TCP connection beside its rows.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) flow: FlowId,
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) rows: Vec<RpcRow>,
    pub(super) interfaces: Vec<Interface>,
    pub(super) names: Vec<(Arc<str>, Moment)>,
    pub(super) secondary: Option<Arc<str>>,
    pub(super) user: Option<Arc<str>>,
    pub(super) http: Option<Http>,
}

/// What HTTP says of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Http {
    /// A channel of RPC over HTTP: whether calls go in it, and the virtual connection.
    pub(super) channel: Option<(bool, Option<Guid>)>,
    /// Sessions of MAPI over HTTP and the mailbox servers that served them.
    pub(super) sessions: Vec<HttpSession>,
}

/// One request of a MAPI over HTTP session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpSession {
    /// Digest of the MapiContext cookie.
    pub context: u64,
    /// The mailbox server that answered.
    pub backend: Option<Arc<str>>,
    /// The Client Access server that answered.
    pub frontend: Option<Arc<str>>,
    /// The frame of the answer.
    pub at: Moment,
    /// `X-ResponseCode`.
    pub code: Option<u32>,
}

/// Where an endpoint is: as advertised, or where the endpoint mapper was asked when that is left open.
pub(crate) fn place_of(endpoint: &Advertised, mapper: IpAddr) -> Endpoint {
    let ip = if endpoint.address.is_unspecified() { mapper } else { IpAddr::V4(endpoint.address) };
    Endpoint { ip, port: endpoint.port }
}
