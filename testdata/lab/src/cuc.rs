//! The site: Exchange servers that notify Unity Connection of changes in mailboxes.
//!
//! A [`Lab`] sends and keeps count of what it sent. The labels come from that count.

use crate::ews::{self, Event, Guid, Notice};
use crate::rng::Rng;
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{MICROSECOND, MILLISECOND, MINUTE, Nanos, ORIGIN, SECOND};
use crate::trace::{PacketId, Trace};
use crate::wire::{self, IpFields};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
        Self {
            reply,
            ..self.clone()
        }
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
    mailbox: Guid,
    database: Guid,
    counter: u64,
    last: Option<(Kind, String)>,
}

impl Subscription {
    /// Moves the mailbox's history on by an event that nobody is told of.
    pub fn lose_event(&mut self) {
        self.counter += 7;
    }

    /// The body of a keep-alive.
    pub fn idle_body(&self, at: Nanos) -> String {
        let mark = ews::watermark(&self.database, self.counter);
        notice(self, at, mark.clone(), vec![(Event::Status, mark)], false)
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

/// Traffic in the making, and the account of it.
#[derive(Debug, Clone)]
pub struct Lab {
    /// The packets.
    pub trace: Trace,
    /// The notifications.
    pub sent: Vec<Sent>,
    port: u16,
}

/// A moment of the scenario, counted from its origin.
pub fn at(minutes: u64, seconds: u64) -> Nanos {
    ORIGIN + minutes * MINUTE + seconds * SECOND
}

impl Lab {
    /// An empty lab whose chance follows from a name.
    pub fn new(name: &str) -> Self {
        let mut rng = Rng::named(name);
        let port = 40_000 + rng.between(0, 2_000) as u16;
        Self {
            trace: Trace::new(rng),
            sent: Vec::new(),
            port,
        }
    }

    /// A new subscription, made by Exchange at `created`.
    pub fn subscribe(&mut self, created: Nanos, how: &Delivery) -> Subscription {
        let mailbox = self.guid();
        let database = self.guid();
        let counter = self.trace.rng.between(100_000, 900_000_000);
        let id = ews::guid_text(&self.guid());
        let soap_id = ews::subscription_id(SERVER, &self.guid(), created, Some(&mailbox));
        let interval = if how.port == PRESENCE_PORT {
            60 * MINUTE
        } else {
            5 * MINUTE
        };
        let how = how.clone();
        Subscription {
            id,
            pid: 20_561,
            server: SERVER.into(),
            soap_id,
            interval,
            how,
            mailbox,
            database,
            counter,
            last: None,
        }
    }

    /// The same as [`subscribe`](Self::subscribe), owned by another server.
    pub fn subscribe_on(&mut self, server: &str, created: Nanos, how: &Delivery) -> Subscription {
        let mut subscription = self.subscribe(created, how);
        subscription.soap_id =
            ews::subscription_id(server, &self.guid(), created, Some(&subscription.mailbox));
        subscription.server = server.into();
        subscription
    }

    /// Unity Connection subscribes the mailbox anew: another SubscriptionId, and another `id=`.
    pub fn renew(&mut self, old: &Subscription, created: Nanos) -> Subscription {
        let id = ews::guid_text(&self.guid());
        let soap_id = ews::subscription_id(&old.server, &self.guid(), created, Some(&old.mailbox));
        Subscription {
            id,
            soap_id,
            last: None,
            ..old.clone()
        }
    }

    fn guid(&mut self) -> Guid {
        let mut guid = [0; 16];
        guid.copy_from_slice(&self.trace.rng.bytes(16));
        guid
    }

    /// Healthy notifications from `from` to `until`: a keep-alive an interval after the last
    /// notification, and now and then a message before that.
    pub fn beat(&mut self, subscription: &mut Subscription, from: Nanos, until: Nanos) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut next = (from, Kind::KeepAlive);
        while next.0 <= until {
            sent.push(match next.1 {
                Kind::Message => self.message(subscription, next.0),
                _ => self.keep_alive(subscription, next.0),
            });
            let rng = &mut self.trace.rng;
            next = if rng.chance(15) {
                let early = rng.between(subscription.interval / 5, subscription.interval * 4 / 5);
                (next.0 + early, Kind::Message)
            } else {
                let late = rng.between(0, subscription.interval / 200);
                (next.0 + subscription.interval + late, Kind::KeepAlive)
            };
        }
        sent
    }

    /// Keep-alives only, one an interval: an idle mailbox.
    pub fn idle(&mut self, subscription: &mut Subscription, from: Nanos, until: Nanos) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut next = from;
        while next <= until {
            sent.push(self.keep_alive(subscription, next));
            next += subscription.interval + self.trace.rng.between(0, subscription.interval / 200);
        }
        sent
    }

    /// A StatusEvent.
    pub fn keep_alive(&mut self, subscription: &mut Subscription, at: Nanos) -> Sent {
        let how = subscription.how.clone();
        self.keep_alive_by(subscription, at, &how)
    }

    /// A StatusEvent on another way than usual.
    pub fn keep_alive_by(&mut self, subscription: &mut Subscription, at: Nanos, how: &Delivery) -> Sent {
        let body = subscription.idle_body(at);
        subscription.last = Some((Kind::KeepAlive, body.clone()));
        self.post(subscription, Kind::KeepAlive, body.into_bytes(), at, how)
    }

    /// One to three events.
    pub fn message(&mut self, subscription: &mut Subscription, at: Nanos) -> Sent {
        self.message_part(subscription, at, false)
    }

    /// One to three events, and whether more follow at once.
    pub fn message_part(&mut self, subscription: &mut Subscription, at: Nanos, more: bool) -> Sent {
        const EVENTS: [Event; 5] = [
            Event::NewMail,
            Event::Created,
            Event::Modified,
            Event::Moved,
            Event::Deleted,
        ];
        let previous = ews::watermark(&subscription.database, subscription.counter);
        let count = self.trace.rng.between(1, 4);
        let mut events = Vec::new();
        for _ in 0..count {
            subscription.counter += self.trace.rng.between(1, 5);
            let event = EVENTS[self.trace.rng.between(0, 5) as usize];
            events.push((
                event,
                ews::watermark(&subscription.database, subscription.counter),
            ));
        }
        let body = notice(subscription, at, previous, events, more);
        subscription.last = Some((Kind::Message, body.clone()));
        let how = subscription.how.clone();
        self.post(subscription, Kind::Message, body.into_bytes(), at, &how)
    }

    /// The last notification of the subscription once more.
    ///
    /// # Panics
    /// When there is none.
    pub fn retry(&mut self, subscription: &Subscription, at: Nanos, how: &Delivery) -> Sent {
        let (kind, body) = subscription.last.clone().expect("a retry repeats a notification");
        self.post(subscription, kind, body.into_bytes(), at, how)
    }

    /// A POST with any body.
    pub fn post(
        &mut self,
        subscription: &Subscription,
        kind: Kind,
        body: Vec<u8>,
        at: Nanos,
        how: &Delivery,
    ) -> Sent {
        let own = match how.to.ip {
            IpAddr::V4(ip) => format!("{ip}:{}", how.port),
            IpAddr::V6(ip) => format!("[{ip}]:{}", how.port),
        };
        let host = how.host.clone().unwrap_or(own);
        let service = if how.port == PRESENCE_PORT {
            "/presence/EWSNotification"
        } else {
            "/NotificationService/services/NotificationService"
        };
        let origin = if how.absolute {
            format!("http://{host}")
        } else {
            String::new()
        };
        let target = format!(
            "{origin}{service}?id={}&pid={}",
            subscription.id, subscription.pid
        );
        let head = ews::post(&target, &host, body.len(), &how.headers);
        let sent = self.carry(subscription, kind, (&head, &body), at, how);
        self.sent.push(sent.clone());
        sent
    }

    fn carry(
        &mut self,
        subscription: &Subscription,
        kind: Kind,
        (head, body): (&[u8], &[u8]),
        at: Nanos,
        how: &Delivery,
    ) -> Sent {
        use Side::{Originator, Responder};
        let thinking = self.trace.rng.between(2_000, 6_000) * MICROSECOND;
        let port = self.next_port();
        let mut talk = Conversation::new(&mut self.trace, at, (how.from, port), (how.to, how.port));
        let syn = talk.syn(how.lost_syns)[0];
        talk.accept();
        let mut request = talk.send(Originator, head);
        talk.ack(Responder);
        if how.reply == Reply::Continue {
            talk.send(Responder, b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        talk.wait(how.pause);
        request.extend(talk.send(Originator, body));
        talk.ack(Responder);
        let mut reply = Vec::new();
        let mut status = None;
        match &how.reply {
            Reply::Silence(close) => {
                if let Some(after) = close {
                    talk.wait(*after);
                    talk.fin(Responder);
                    talk.ack(Originator);
                    talk.fin(Originator);
                    talk.ack(Responder);
                }
            }
            answer => {
                talk.wait(if let Reply::Late(late) = answer {
                    *late
                } else {
                    thinking
                });
                let (code, bytes, sized) = match answer {
                    Reply::Unsubscribe => (200, ews::jetty_ok("Unsubscribe", talk.now), false),
                    Reply::Error(code, reason) => (*code, ews::jetty_error(*code, reason, talk.now), true),
                    Reply::Proxy => (407, ews::proxy_page(talk.now), true),
                    _ => (200, ews::jetty_ok("OK", talk.now), false),
                };
                status = Some(code);
                reply = talk.send(Responder, &bytes);
                if *answer == Reply::Open {
                    talk.ack(Originator);
                    status = None;
                } else {
                    let fin = talk.fin(Responder);
                    if !sized {
                        reply.push(fin);
                    }
                    talk.ack(Originator);
                    if how.reset {
                        talk.reset(Originator);
                    } else {
                        talk.fin(Originator);
                        talk.ack(Responder);
                    }
                }
            }
        }
        Sent {
            subscription: subscription.id.clone(),
            kind,
            at,
            source: how.from.ip,
            syn,
            request,
            reply,
            status,
        }
    }

    /// A source port that this lab has not used for a long time.
    pub fn next_port(&mut self) -> u16 {
        self.port += self.trace.rng.between(1, 5) as u16;
        self.port
    }

    /// A connection attempt that is refused.
    pub fn refused(&mut self, at: Nanos, from: Host, to: Host, port: u16) -> PacketId {
        let own = self.next_port();
        let mut talk = Conversation::new(&mut self.trace, at, (from, own), (to, port));
        let syn = talk.syn(0)[0];
        talk.refuse();
        syn
    }

    /// A connection attempt that nobody answers: the SYN and its repetitions.
    pub fn unanswered(&mut self, at: Nanos, from: Host, to: Host, port: u16, again: u32) -> Vec<PacketId> {
        let own = self.next_port();
        Conversation::new(&mut self.trace, at, (from, own), (to, port)).syn(again)
    }

    /// A connection attempt that `router` rejects with ICMP, code `code`.
    ///
    /// # Panics
    /// When an address is not IPv4.
    pub fn prohibited(
        &mut self,
        at: Nanos,
        from: Host,
        to: Host,
        port: u16,
        router: Ipv4Addr,
        code: u8,
    ) -> PacketId {
        let syn = self.unanswered(at, from, to, port, 0)[0];
        let quoted = self
            .trace
            .packets
            .last()
            .map(|packet| packet.ip.clone())
            .unwrap_or_default();
        let IpAddr::V4(sender) = from.ip else {
            panic!("this ICMP is IPv4's")
        };
        let fields = IpFields {
            ttl: 254,
            ident: self.trace.rng.short(),
        };
        let packet = wire::icmp_unreachable(router, sender, fields, code, &quoted);
        self.trace
            .push(at + 400 * MICROSECOND, (to.mac, from.mac), packet, None);
        syn
    }

    /// What any host does meanwhile: name look-ups every `every`, and an SSH session that stays open.
    pub fn background(&mut self, host: Host, from: Nanos, until: Nanos, every: Nanos) {
        self.lookups(host, from, until, every);
        self.session(host, from + every / 3, until, every * 2);
    }

    /// Name look-ups and their answers.
    pub fn lookups(&mut self, host: Host, from: Nanos, until: Nanos, every: Nanos) {
        let resolver = far(IpAddr::V4(Ipv4Addr::new(10, 10, 0, 53)), Stack::Linux);
        let mut next = from;
        while next <= until {
            let port = 50_000 + self.trace.rng.between(0, 10_000) as u16;
            let name = self.trace.rng.short();
            let ends = (SocketAddr::new(host.ip, port), SocketAddr::new(resolver.ip, 53));
            let mut fields = IpFields {
                ttl: host.ttl(),
                ident: self.trace.rng.short(),
            };
            let query = wire::udp(ends.0, ends.1, fields, &dns(name, false));
            self.trace.push(next, (host.mac, resolver.mac), query, None);
            fields.ttl = resolver.ttl();
            let answer = wire::udp(ends.1, ends.0, fields, &dns(name, true));
            self.trace
                .push(next + MILLISECOND, (resolver.mac, host.mac), answer, None);
            next += every + self.trace.rng.between(0, every / 4);
        }
    }

    fn session(&mut self, host: Host, from: Nanos, until: Nanos, every: Nanos) {
        use Side::{Originator, Responder};
        let admin = far(IpAddr::V4(Ipv4Addr::new(10, 10, 60, 5)), Stack::Linux);
        let port = self.next_port();
        let noise = self.trace.rng.bytes(256);
        let mut talk = Conversation::new(&mut self.trace, from, (admin, port), (host, 22));
        talk.handshake();
        talk.send(Responder, b"SSH-2.0-OpenSSH_5.3\r\n");
        talk.send(Originator, b"SSH-2.0-OpenSSH_6.6.1\r\n");
        talk.ack(Responder);
        while talk.now + every <= until {
            talk.wait(every);
            talk.send(Originator, &noise[..52]);
            talk.send(Responder, &noise[100..184]);
            talk.ack(Originator);
        }
    }
}

fn notice(
    subscription: &Subscription,
    at: Nanos,
    previous: String,
    events: Vec<(Event, String)>,
    more: bool,
) -> String {
    Notice {
        subscription: &subscription.soap_id,
        previous,
        events,
        more,
        time: at,
    }
    .body()
}

/// A query for the address of ex01.corp.example.com, or its answer (RFC 1035, section 4).
fn dns(id: u16, answer: bool) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend_from_slice(if answer { &[0x81, 0x80] } else { &[0x01, 0x00] });
    out.extend_from_slice(&[0, 1, 0, u8::from(answer), 0, 0, 0, 0]);
    out.extend_from_slice(b"\x04ex01\x04corp\x07example\x03com\0\0\x01\0\x01");
    if answer {
        out.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 10, 10, 20, 11]);
    }
    out
}
