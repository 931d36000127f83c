//! The site: its hosts, the ways between them, subscriptions, and what was sent for them.

use crate::ews::{self, Event, Guid, Notice};
use crate::tcp::{Host, Stack};
use crate::time::{MICROSECOND, Nanos};
use crate::trace::PacketId;
use std::net::{IpAddr, Ipv4Addr};

/// The first Exchange server.
pub const EXCHANGE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 20, 11));
/// The second Exchange server.
pub const EXCHANGE_2: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 20, 12));
/// Unity Connection.
pub const CUC: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 30, 44));
/// IM and Presence.
pub const PRESENCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 30, 50));
/// A proxy on the way.
pub const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 40, 8));
/// The domain name of the first Exchange server.
pub const SERVER: &str = "EX01.corp.example.com";
/// The domain name of the second Exchange server.
pub const SERVER_2: &str = "EX02.corp.example.com";
/// Unity Connection's listener.
pub const CUC_PORT: u16 = 7080;
/// IM and Presence's listener.
pub const PRESENCE_PORT: u16 = 50020;

/// The host at the capture point: its packets have passed no router.
pub fn near(ip: IpAddr, stack: Stack) -> Host {
    Host {
        ip,
        mac: [0x00, 0x50, 0x56, 0x23, 0x68, last_byte(ip)],
        stack,
        mss: 1460,
        hops: 0,
        delay: 30 * MICROSECOND,
    }
}

/// A host three routers away, behind the gateway's Ethernet address.
pub fn far(ip: IpAddr, stack: Stack) -> Host {
    Host {
        ip,
        mac: [0x00, 0x1b, 0x54, 0x34, 0x4b, 0x42],
        stack,
        mss: 1432,
        hops: 3,
        delay: 600 * MICROSECOND,
    }
}

fn last_byte(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    }
}

/// What a notification is, as the report counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only a StatusEvent.
    KeepAlive,
    /// Any other event.
    Message,
    /// An error notification, or a body that nobody can read.
    Neither,
}

/// How the receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 200 with the status OK.
    Ok,
    /// 200 with the status OK, so long after the request.
    Late(Nanos),
    /// 200 with the status Unsubscribe.
    Unsubscribe,
    /// 100 Continue after the head, then 200.
    Continue,
    /// A Jetty error page.
    Error(u16, &'static str),
    /// A proxy's 407.
    Proxy,
    /// No byte; the connection is closed after a while, or never.
    Silence(Option<Nanos>),
    /// 200, whose end, the FIN, never comes.
    Open,
    /// 200 that does not say when it was written.
    Undated,
    /// The body of the request is never acknowledged; the sender repeats it and gives up.
    Unacknowledged,
}

/// How a notification travels.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Whose stack opens the connection.
    pub from: Host,
    /// Who takes it.
    pub to: Host,
    /// The port there.
    pub port: u16,
    /// The Host header; `None` for the destination itself.
    pub host: Option<String>,
    /// Whether the target is in absolute form, as for a proxy.
    pub absolute: bool,
    /// Header lines that somebody added.
    pub headers: Vec<String>,
    /// SYNs that get no answer before one does.
    pub lost_syns: u32,
    /// Between the head and the body.
    pub pause: Nanos,
    /// The answer.
    pub reply: Reply,
    /// Whether the sender ends with RST instead of FIN.
    pub reset: bool,
}

impl Delivery {
    /// Straight from one host to a port of another.
    pub fn direct(from: Host, to: Host, port: u16) -> Self {
        Self {
            from,
            to,
            port,
            host: None,
            absolute: false,
            headers: Vec::new(),
            lost_syns: 0,
            pause: 0,
            reply: Reply::Ok,
            reset: false,
        }
    }

    /// From Exchange to Unity Connection, captured at Unity Connection.
    pub fn to_cuc() -> Self {
        Self::direct(far(EXCHANGE, Stack::Windows), near(CUC, Stack::Linux), CUC_PORT)
    }

    /// The same with another answer.
    pub fn answered(&self, reply: Reply) -> Self {
        Self { reply, ..self.clone() }
    }
}

/// One push subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Unity Connection's key: `id=` of the request target.
    pub id: String,
    /// `pid=` of the request target.
    pub pid: u32,
    /// The server that owns it.
    pub server: String,
    /// Exchange's SubscriptionId.
    pub soap_id: String,
    /// Exchange's StatusFrequency.
    pub interval: Nanos,
    /// How its notifications travel.
    pub how: Delivery,
    pub(crate) mailbox: Guid,
    pub(crate) database: Guid,
    pub(crate) counter: u64,
    pub(crate) last: Option<(Kind, String)>,
}

impl Subscription {
    /// Moves the mailbox's history on by an event that nobody is told of.
    pub fn lose_event(&mut self) {
        self.counter += 7;
    }

    /// The body of a keep-alive after which the mailbox's history is so much further.
    pub fn busy_body(&mut self, at: Nanos, step: u64) -> String {
        let previous = self.watermark();
        self.counter += step;
        notice(self, at, previous, vec![(Event::Status, self.watermark())], false)
    }

    /// The body of a keep-alive.
    pub fn idle_body(&self, at: Nanos) -> String {
        notice(self, at, self.watermark(), vec![(Event::Status, self.watermark())], false)
    }

    /// Where the mailbox's history is.
    pub(crate) fn watermark(&self) -> String {
        ews::watermark(&self.database, self.counter)
    }
}

/// One complete POST that the lab sent, with its answer.
#[derive(Debug, Clone)]
pub struct Sent {
    /// `id=` of the target.
    pub subscription: String,
    /// What it was.
    pub kind: Kind,
    /// When the connection began.
    pub at: Nanos,
    /// The address that it came from.
    pub source: IpAddr,
    /// The first SYN.
    pub syn: PacketId,
    /// The segments of the request.
    pub request: Vec<PacketId>,
    /// The packets that end with the one that completes the reply; empty without one.
    pub reply: Vec<PacketId>,
    /// The final status.
    pub status: Option<u16>,
}

impl Sent {
    /// The packet that completes the request: it stands for the notification.
    pub fn packet(&self) -> PacketId {
        self.request[self.request.len() - 1]
    }
}

pub(crate) fn notice(
    subscription: &Subscription,
    at: Nanos,
    previous: String,
    events: Vec<(Event, String)>,
    more: bool,
) -> String {
    Notice { subscription: &subscription.soap_id, previous, events, more, time: at }.body()
}
