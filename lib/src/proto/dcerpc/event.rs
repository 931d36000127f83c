//! What is said in a DCE/RPC connection of a MAPI client.

use super::Interface;
use crate::flow::{Dir, Moment};
use crate::proto::Guid;

/// A fact of a DCE/RPC connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rpc {
    /// A bind or alter_context and its answer.
    Bind(RpcBind),
    /// A call and its answer.
    Call(RpcCall),
    /// Who logs in, as the last message of the log-in says.
    Login(RpcLogin),
    /// A channel of RPC over HTTP says what it belongs to.
    Channel(RpcChannel),
}

/// The frames of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
}

/// Authentication of a message (MS-RPCE 2.2.1.1.7 and 2.2.1.1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Security provider: 9 SPNEGO, 10 NTLM, 16 Kerberos.
    pub provider: u8,
    /// Level: 1 none … 5 integrity, 6 privacy.
    pub level: u8,
}

impl Auth {
    /// The level at which stubs are encrypted.
    pub const PRIVACY: u8 = 6;
}

/// A bind or alter_context, and its answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcBind {
    /// The direction in which calls go.
    pub client: Dir,
    /// alter_context instead of bind.
    pub alter: bool,
    /// Call id.
    pub call_id: u32,
    /// The request; `None` when only the answer was captured.
    pub request: Option<BindRequest>,
    /// The answer.
    pub answer: Option<BindAnswer>,
}

/// What a bind asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BindRequest {
    /// Its frames.
    pub span: Span,
    /// Digest of its bytes.
    pub digest: u64,
    /// Association group that it wants to join; 0 for a new one.
    pub group: u32,
    /// The interfaces asked for that a MAPI client uses, each once.
    pub interfaces: Vec<Interface>,
    /// Authentication.
    pub auth: Option<Auth>,
}

/// How a bind was answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BindAnswer {
    /// Its frames.
    pub span: Span,
    /// Digest of its bytes.
    pub digest: u64,
    /// What it says.
    pub outcome: BindOutcome,
}

/// Whether a bind was accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BindOutcome {
    /// bind_ack or alter_context_resp.
    Ack {
        /// Association group that the server granted.
        group: u32,
        /// Secondary address: the port as text.
        secondary: Option<Box<str>>,
        /// The server's own name from an NTLM challenge.
        server_name: Option<Box<str>>,
    },
    /// bind_nak with its reason (C706, 12.6.3.1; MS-RPCE 2.2.2.5).
    Nak(u16),
    /// A fault with its status.
    Fault(u32),
}

/// A call and its answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcCall {
    /// The direction in which calls go.
    pub client: Dir,
    /// Interface; unknown where the bind was not captured.
    pub interface: Interface,
    /// Call id.
    pub call_id: u32,
    /// The request; `None` when only the answer was captured.
    pub request: Option<CallRequest>,
    /// The answer.
    pub answer: Option<CallAnswer>,
    /// The client cancelled or orphaned it.
    pub given_up: bool,
}

/// A request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRequest {
    /// Its frames.
    pub span: Span,
    /// Digest of its first fragment.
    pub digest: u64,
    /// Operation number.
    pub opnum: u16,
    /// Authentication.
    pub auth: Option<Auth>,
    /// The stub is encrypted.
    pub sealed: bool,
    /// What the stub says.
    pub stub: RequestStub,
}

/// An answer to a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallAnswer {
    /// Its frames.
    pub span: Span,
    /// Digest of its first fragment.
    pub digest: u64,
    /// Status of a fault; `None` for a response.
    pub fault: Option<u32>,
    /// The stub is encrypted.
    pub sealed: bool,
    /// What the stub says.
    pub stub: AnswerStub,
}

/// A context handle (C706, 14.3.3; attributes and a UUID).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub [u8; 20]);

impl Handle {
    /// The handle that stands for none.
    pub fn is_null(&self) -> bool {
        self.0 == [0; 20]
    }
}

impl std::fmt::Display for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What can be read of the stub of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestStub {
    /// The context handle it presents.
    pub handle: Option<Handle>,
    /// Distinguished name of the user.
    pub user_dn: Option<Box<str>>,
    /// The interface whose endpoint is asked for.
    pub wanted: Option<Interface>,
}

/// What can be read of the stub of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerStub {
    /// The context handle it carries.
    pub handle: Option<Handle>,
    /// Return code.
    pub code: Option<u32>,
    /// Version of the server as EcDoConnectEx gives it (MS-OXCRPC 3.1.4.1.3).
    pub version: Option<[u16; 3]>,
    /// The server that a referral names.
    pub referral: Option<Box<str>>,
    /// Endpoints that the endpoint mapper names, at most 64.
    pub endpoints: Vec<Advertised>,
}

/// An endpoint as the endpoint mapper names it: a tower for RPC over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Whose it is.
    pub interface: Interface,
    /// TCP port.
    pub port: u16,
    /// Address; all zero where the server leaves it open.
    pub address: std::net::Ipv4Addr,
}

/// The account of a log-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcLogin {
    /// Frame of the message.
    pub at: Moment,
    /// The direction in which calls go.
    pub client: Dir,
    /// Domain.
    pub domain: Option<Box<str>>,
    /// Account.
    pub user: Box<str>,
}

/// A channel of RPC over HTTP (MS-RPCH 2.2.3).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcChannel {
    /// Frame of the message.
    pub at: Moment,
    /// The direction in which the HTTP request goes.
    pub client: Dir,
    /// It carries calls (`RPC_IN_DATA`), not their answers.
    pub is_in: bool,
    /// The virtual connection that it belongs to.
    pub cookie: Option<Guid>,
    /// The server and port that the request target names.
    pub target: Option<Box<str>>,
}
