//! Whole connections through a [`Session`]: what a capture shows of them must not depend on the segments.

mod damage;
mod pairing;

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use crate::flow::{Close, Dir, Endpoint, FrameId, Moment};
use crate::proto::{
    Ends, Event, EventKind, Ews, Malformed, Notification, NotificationResult, Session, State, Transaction,
};
use crate::time::Timestamp;

const ACTION: &str = "http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification";
const ID: &str = "FgBFWENILUEubGFiLmV4YW1wbGUub3JnEAAAACrUyVbAeR9JOrlfkvFo0umGDLnmI0vqAw==";

const RESULT: &str = concat!(
    "<?xml version='1.0' encoding='UTF-8'?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/",
    "envelope/\"><soapenv:Body><ns1:SendNotificationResult xmlns:ns1=\"http://schemas.microsoft.com/exchange/",
    "services/2006/messages\"><ns1:SubscriptionStatus>OK</ns1:SubscriptionStatus></ns1:SendNotificationResult>",
    "</soapenv:Body></soapenv:Envelope>"
);

fn notification() -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <s:Body><m:SendNotification xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><m:ResponseMessages>\
         <m:SendNotificationResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>\
         <m:Notification><t:SubscriptionId>{ID}</t:SubscriptionId><t:PreviousWatermark>AQ==</t:PreviousWatermark>\
         <t:MoreEvents>false</t:MoreEvents><t:StatusEvent><t:Watermark>Ag==</t:Watermark></t:StatusEvent>\
         </m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></s:Body>\
         </s:Envelope>"
    )
}

/// As CUC's sample has it.
fn post(fields: &str, body: &str) -> String {
    format!(
        "POST /NotificationService/services/NotificationService?id=2348c723-2466-4fc0-bda0-b9419fb0215e&pid=1 \
         HTTP/1.1\r\nContent-Type: text/xml; charset=utf-8\r\nAccept: text/xml\r\nSOAPAction: {ACTION}\r\n\
         Host: 10.0.0.2:7080\r\n{fields}Connection: Close\r\n\r\n{body}"
    )
}

fn notify() -> String {
    let body = notification();
    post(&format!("Content-Length: {}\r\n", body.len()), &body)
}

/// As Jetty answers: the end of the stream ends the body.
fn jetty() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nDate: Sun, 29 Jun 2014 15:10:55 GMT\r\nContent-Type: text/xml;charset=UTF-8\r\n\
         Connection: close\r\nServer: Jetty(8.1.14.v20131031)\r\n\r\n{RESULT}"
    )
}

fn jetty_with_length(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nServer: Jetty\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Feeds a session; every call is the next frame.
struct Wire {
    session: Session,
    out: Vec<Event>,
    frame: u64,
    wanted: bool,
}

impl Wire {
    fn new() -> Self {
        let end = |port| Endpoint { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
        Wire {
            session: Session::new(Ends { orig: end(50_000), resp: end(7080) }),
            out: Vec::new(),
            frame: 0,
            wanted: true,
        }
    }

    fn at(&mut self) -> Moment {
        self.frame += 1;
        moment(self.frame)
    }

    fn send(mut self, dir: Dir, bytes: impl AsRef<[u8]>) -> Self {
        let at = self.at();
        self.wanted = self.session.data(dir, bytes.as_ref(), at, &mut self.out);
        self
    }

    fn client(self, bytes: impl AsRef<[u8]>) -> Self {
        self.send(Dir::Orig, bytes)
    }

    fn server(self, bytes: impl AsRef<[u8]>) -> Self {
        self.send(Dir::Resp, bytes)
    }

    fn gap(mut self, dir: Dir, length: usize) -> Self {
        let at = self.at();
        self.session.gap(dir, length as u64, at, &mut self.out);
        self
    }

    fn fin(mut self, dir: Dir) -> Self {
        let at = self.at();
        self.session.fin(dir, at, &mut self.out);
        self
    }

    fn end(mut self, close: Close) -> Vec<Transaction> {
        let at = self.at();
        self.session.end(close, at, &mut self.out);
        let take = |event| match event {
            Event::Http(transaction) => Some(transaction),
            // Any bytes may look like another protocol.
            _ => None,
        };
        self.out.into_iter().filter_map(take).collect()
    }
}

fn moment(frame: u64) -> Moment {
    Moment { frame: FrameId::new(0, frame), time: Timestamp::new(frame as i64, 0) }
}

/// Everything but the frames.
fn facts(transactions: &[Transaction]) -> String {
    let mut copies = transactions.to_vec();
    for copy in &mut copies {
        if let Some(request) = &mut copy.request {
            (request.first, request.last) = Default::default();
        }
        if let Some(reply) = &mut copy.reply {
            (reply.first, reply.last) = Default::default();
        }
    }
    format!("{copies:#?}")
}

fn said(transaction: &Transaction) -> &Notification {
    match &transaction.request.as_ref().unwrap().ews {
        Some(Ews::Notification(notification)) => notification,
        other => panic!("{other:?}"),
    }
}

/// Status and what the reply said, `OK` or nothing.
fn answers(transactions: &[Transaction]) -> Vec<Option<(u16, bool)>> {
    let ok = Some(Ews::Result(NotificationResult::Ok));
    let answer = |transaction: &Transaction| {
        let reply = transaction.reply.as_ref()?;
        Some((reply.head.status, reply.ews == ok))
    };
    transactions.iter().map(answer).collect()
}

#[test]
fn a_keep_alive_and_its_reply() {
    let request = notify();
    let (head, body) = request.split_at(request.find("<?xml").unwrap());
    let seen = Wire::new().client(head).client(body).server(jetty()).fin(Dir::Resp).end(Close::Fin);
    let [transaction] = &seen[..] else { panic!("{seen:#?}") };
    let (request, reply) = (transaction.request.as_ref().unwrap(), transaction.reply.as_ref().unwrap());
    assert_eq!(transaction.client, Dir::Orig);
    assert_eq!((request.first, request.last), (moment(1), moment(2)));
    assert_eq!((reply.first, reply.last), (moment(3), moment(4)), "the FIN completes the reply");
    assert_eq!((&request.state, &reply.state), (&State::Complete, &State::Complete));
    assert_eq!(request.head.soap_action.as_deref(), Some(ACTION));
    assert_eq!(request.head.host.as_deref(), Some("10.0.0.2:7080"));
    assert_eq!(&*request.head.header_names, "Content-Type,Accept,SOAPAction,Host,Content-Length,Connection");
    assert_eq!(request.body.length, notification().len() as u64);
    let notification = said(transaction);
    assert_eq!(notification.recurring.subscription_id.as_deref(), Some(ID));
    assert_eq!(*notification.recurring.events, [EventKind::Status]);
    assert_eq!(reply.head.server.as_deref(), Some("Jetty(8.1.14.v20131031)"));
    assert_eq!(reply.ews, Some(Ews::Result(NotificationResult::Ok)));
}

#[test]
fn segments_do_not_matter() {
    let (request, reply) = (notify(), jetty());
    let whole = Wire::new().client(&request).server(&reply).fin(Dir::Resp).end(Close::Fin);
    let wanted = facts(&whole);
    for cut in 1..request.len() {
        let (a, b) = request.split_at(cut);
        let seen = Wire::new().client(a).client(b).server(&reply).fin(Dir::Resp).end(Close::Fin);
        assert_eq!(facts(&seen), wanted, "request cut at {cut}");
    }
    for cut in 1..reply.len() {
        let (a, b) = reply.split_at(cut);
        let seen = Wire::new().client(&request).server(a).server(b).fin(Dir::Resp).end(Close::Fin);
        assert_eq!(facts(&seen), wanted, "reply cut at {cut}");
    }
    let mut wire = Wire::new();
    for byte in request.as_bytes() {
        wire = wire.client([*byte]);
    }
    for byte in reply.as_bytes() {
        wire = wire.server([*byte]);
    }
    let seen = wire.fin(Dir::Resp).end(Close::Fin);
    assert_eq!(facts(&seen), wanted, "byte by byte");
    let request_of = seen[0].request.as_ref().unwrap();
    assert_eq!((request_of.first, request_of.last), (moment(1), moment(request.len() as u64)));
}

#[test]
fn other_protocols_are_refused_when_both_directions_are_known() {
    let wire = Wire::new().client("SSH-2.0-OpenSSH_6.6.1\r\n");
    assert!(wire.wanted);
    let wire = wire.server("SSH-2.0-OpenSSH_5.3\r\n");
    assert!(!wire.wanted);
    assert_eq!(wire.session.protocol(), None);
}

proptest! {
    #[test]
    fn cuts_anywhere_give_the_same_events(cuts in prop::collection::vec(1usize..400, 1..12)) {
        let requests = [notify(), "GET /x HTTP/1.1\r\n\r\n".into(), notify()].concat();
        let replies = jetty_with_length("200 OK", RESULT).repeat(3);
        let wanted = facts(&Wire::new().client(&requests).server(&replies).end(Close::Open));
        let mut wire = Wire::new();
        for (dir, stream) in [(Dir::Orig, &requests), (Dir::Resp, &replies)] {
            let mut rest = stream.as_bytes();
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                wire = wire.send(dir, piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
        }
        prop_assert_eq!(facts(&wire.end(Close::Open)), wanted);
    }

    #[test]
    fn nothing_panics(pieces in prop::collection::vec(hostile(), 1..20)) {
        let mut wire = Wire::new();
        for (orig, gap, bytes) in pieces {
            let dir = if orig { Dir::Orig } else { Dir::Resp };
            wire = if gap { wire.gap(dir, bytes.len() * 7) } else { wire.send(dir, bytes) };
        }
        wire.fin(Dir::Orig).end(Close::Rst);
    }
}

/// Direction, whether a gap comes instead, and bytes: noise, or a part of a message.
fn hostile() -> impl Strategy<Value = (bool, bool, Vec<u8>)> {
    let part = |text: String| {
        (0..text.len(), 0..text.len()).prop_map(move |(a, b)| text.as_bytes()[a.min(b)..a.max(b)].to_vec())
    };
    let chunked = post("Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n0\r\n\r\n");
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        part(notify()),
        part(jetty()),
        part(chunked),
        Just(notify().into_bytes()),
        Just(jetty().into_bytes()),
    ];
    (any::<bool>(), prop::bool::weighted(0.2), bytes)
}

#[test]
fn the_bytes_of_a_body_that_nobody_reads_are_only_counted() {
    let counted = |head: &str| {
        use crate::proto::Dissector as _;
        let mut http = super::Http::new(Dir::Orig);
        let _ = http.data(Dir::Orig, head.as_bytes(), Moment::default(), &mut Vec::new());
        http.passes_over(Dir::Orig)
    };
    assert_eq!(counted("PUT /file HTTP/1.1\r\nContent-Length: 9\r\n\r\n"), 9);
    assert_eq!(counted("POST /EWS/ HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: 9\r\n\r\n"), 0);
}
