//! Exchange notifies Unity Connection of changes in mailboxes.
//!
//! A [`Lab`] sends and keeps count of what it sent. The labels come from that count.

use crate::ews::{self, Event, Guid};
use crate::rng::Rng;
use crate::site::{Delivery, Kind, PRESENCE_PORT, Reply, SERVER, Sent, Subscription, notice};
use crate::tcp::{Conversation, Side};
use crate::time::{MICROSECOND, MINUTE, Nanos, ORIGIN, SECOND};
use crate::trace::Trace;
use std::net::IpAddr;

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
        Self { trace: Trace::new(rng), sent: Vec::new(), port }
    }

    /// A new subscription, made by Exchange at `created`.
    pub fn subscribe(&mut self, created: Nanos, how: &Delivery) -> Subscription {
        let mailbox = self.guid();
        let database = self.guid();
        let counter = self.trace.rng.between(100_000, 900_000_000);
        let id = ews::guid_text(&self.guid());
        let soap_id = ews::subscription_id(SERVER, &self.guid(), created, Some(&mailbox));
        let interval = if how.port == PRESENCE_PORT { 60 * MINUTE } else { 5 * MINUTE };
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
        Subscription { id, soap_id, last: None, ..old.clone() }
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
        const EVENTS: [Event; 5] =
            [Event::NewMail, Event::Created, Event::Modified, Event::Moved, Event::Deleted];
        let previous = subscription.watermark();
        let count = self.trace.rng.between(1, 4);
        let mut events = Vec::new();
        for _ in 0..count {
            subscription.counter += self.trace.rng.between(1, 5);
            let event = EVENTS[self.trace.rng.between(0, 5) as usize];
            events.push((event, subscription.watermark()));
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
        let origin = if how.absolute { format!("http://{host}") } else { String::new() };
        let target = format!("{origin}{service}?id={}&pid={}", subscription.id, subscription.pid);
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
        if how.reply != Reply::Unacknowledged {
            talk.ack(Responder);
        }
        let mut reply = Vec::new();
        let mut status = None;
        match &how.reply {
            Reply::Unacknowledged => {
                for turn in 0..3 {
                    talk.wait(SECOND << turn);
                    talk.retransmit(Originator, body);
                }
                talk.wait(8 * SECOND);
                talk.reset(Originator);
            }
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
                talk.wait(if let Reply::Late(late) = answer { *late } else { thinking });
                let (code, bytes, sized) = match answer {
                    Reply::Unsubscribe => (200, ews::jetty_ok("Unsubscribe", talk.now), false),
                    Reply::Error(code, reason) => (*code, ews::jetty_error(*code, reason, talk.now), true),
                    Reply::Undated => (200, ews::without_date(&ews::jetty_ok("OK", talk.now)), false),
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
}
