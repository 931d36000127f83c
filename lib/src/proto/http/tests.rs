//! Whole connections through a [`Session`]: what a capture shows of them must not depend on the segments.

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
    assert_eq!(notification.subscription_id.as_deref(), Some(ID));
    assert_eq!(*notification.events, [EventKind::Status]);
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
fn pipelined_requests_are_answered_in_order() {
    let body = "<a/>";
    let chunked = format!("{:x};x=y\r\n{}\r\n0\r\nTrailer: 1\r\n\r\n", notification().len(), notification());
    let requests = [
        "GET /other HTTP/1.1\r\nHost: a\r\n\r\n\r\n".to_owned(),
        notify(),
        "HEAD /other HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        post("Transfer-Encoding: chunked\r\n", &chunked),
        post("Content-Length: 4\r\n", body),
    ]
    .concat();
    let replies = [
        jetty_with_length("200 OK", "not looked at"),
        "HTTP/1.1 100 Continue\r\n\r\n".to_owned() + &jetty_with_length("500 Oops", ""),
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_owned(),
        jetty_with_length("200 OK", RESULT),
        "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n".to_owned(),
    ]
    .concat();
    let seen = Wire::new().client(&requests).server(&replies).end(Close::Open);
    assert_eq!(answers(&seen), [Some((500, false)), Some((200, true)), Some((204, false))]);
    let chunked = seen[1].request.as_ref().unwrap();
    assert!(chunked.body.chunked);
    assert_eq!(chunked.body.digest, seen[0].request.as_ref().unwrap().body.digest);
    assert_eq!(said(&seen[0]), said(&seen[1]));
    assert_eq!(seen[2].request.as_ref().unwrap().state, State::Malformed(Malformed::Soap));
}

#[test]
fn expect_continue_waits_for_the_final_reply() {
    let request = notify();
    let (head, body) = request.split_at(request.find("<?xml").unwrap());
    let seen = Wire::new()
        .client(head)
        .server("HTTP/1.1 100 Continue\r\n\r\n")
        .client(body)
        .server(jetty_with_length("200 OK", RESULT))
        .end(Close::Open);
    assert_eq!(answers(&seen), [Some((200, true))]);
    assert_eq!(seen[0].reply.as_ref().unwrap().first, moment(4));
}

#[test]
fn an_early_reply_answers_the_request_that_is_still_arriving() {
    let request = notify();
    let (a, b) = request.split_at(request.len() - 9);
    let seen =
        Wire::new().client(a).server(jetty_with_length("413 Too Large", "")).client(b).end(Close::Open);
    assert_eq!(answers(&seen), [Some((413, false))]);
    assert_eq!(seen[0].request.as_ref().unwrap().state, State::Complete);
}

#[test]
fn a_reply_delivered_before_its_request_is_paired() {
    // The second request waits for a lost segment until the flow ends, but was sent before its reply.
    let mut wire = Wire::new().client(notify()).server(jetty_with_length("200 OK", RESULT));
    let sent = wire.at();
    wire = wire.server(jetty_with_length("503 Busy", "")).server(jetty_with_length("200 OK", RESULT));
    wire.session.gap(Dir::Orig, 10, sent, &mut wire.out);
    wire.session.data(Dir::Orig, notify().as_bytes(), sent, &mut wire.out);
    let seen = wire.end(Close::Open);
    assert_eq!(answers(&seen), [Some((200, true)), Some((503, false)), Some((200, true))]);
    assert!(seen[2].request.is_none(), "its request was lost");
}

#[test]
fn a_reply_alone_is_kept_when_it_is_soap() {
    let seen = Wire::new()
        .server(jetty_with_length("200 OK", "<html/>"))
        .server(jetty_with_length("200 OK", RESULT))
        .end(Close::Open);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].request.is_none());
    assert_eq!(seen[0].client, Dir::Orig);
}

#[test]
fn a_close_delimited_reply_is_cut_without_a_fin() {
    for close in [Close::Rst, Close::Open] {
        let seen = Wire::new().client(notify()).server(jetty()).end(close);
        let reply = seen[0].reply.as_ref().unwrap();
        assert_eq!((&reply.state, reply.last), (&State::Cut, moment(2)));
    }
}

#[test]
fn what_the_end_cuts_is_cut() {
    let request = notify();
    for end in [30, 100, 150, 300, request.len() - 1] {
        let seen = Wire::new().client(&request[..end]).end(Close::Open);
        let [transaction] = &seen[..] else { panic!("{end}: {seen:#?}") };
        let request = transaction.request.as_ref().unwrap();
        assert_eq!((&request.state, request.last), (&State::Cut, moment(1)), "{end}");
        assert!(request.head.target.starts_with("/NotificationService"));
    }
}

#[test]
fn a_hole_in_a_body_is_counted_through() {
    let request = notify();
    let (from, to) = (request.len() - 90, request.len() - 30);
    let seen = Wire::new()
        .client(&request[..from])
        .gap(Dir::Orig, to - from)
        .client(request[to..].to_owned() + &notify())
        .server(jetty_with_length("200 OK", RESULT).repeat(2))
        .end(Close::Open);
    assert_eq!(answers(&seen), [Some((200, true)), Some((200, true))]);
    let state = |index: usize| seen[index].request.as_ref().unwrap().state.clone();
    assert_eq!((state(0), state(1)), (State::Gap, State::Complete));
    assert_eq!(said(&seen[0]).subscription_id.as_deref(), Some(ID), "what came before the hole is read");
}

#[test]
fn the_next_message_is_found_after_a_hole() {
    let request = notify();
    let seen = Wire::new()
        .client(&request[..200])
        .gap(Dir::Orig, 300)
        .client(&request[500..])
        .client(notify())
        .server(jetty_with_length("500 A", ""))
        .end(Close::Open);
    let states: Vec<_> = seen.iter().map(|seen| seen.request.as_ref().unwrap().state.clone()).collect();
    assert_eq!(states, [State::Gap, State::Complete]);
}

#[test]
fn a_lost_reply_does_not_shift_the_others() {
    let reply = jetty_with_length("200 OK", RESULT);
    let seen = Wire::new()
        .client(notify())
        .gap(Dir::Resp, reply.len())
        .client(notify())
        .server(&reply)
        .end(Close::Open);
    let mut answered: Vec<_> =
        seen.iter().map(|seen| (seen.request.as_ref().unwrap().first, seen.reply.is_some())).collect();
    answered.sort();
    assert_eq!(answered, [(moment(1), false), (moment(3), true)]);
}

#[test]
fn snapped_heads_are_gaps_not_faults() {
    // 42 bytes of payload are left of a packet with TCP timestamps that was cut to 128 bytes.
    let request = notify();
    let seen = Wire::new().client(&request[..42]).gap(Dir::Orig, request.len() - 42).end(Close::Open);
    assert_eq!(seen[0].request.as_ref().unwrap().state, State::Gap);
}

#[test]
fn heads_that_break_the_rules_are_said() {
    let state = |request: String| {
        let seen = Wire::new().client(request).end(Close::Open);
        seen[0].request.as_ref().unwrap().state.clone()
    };
    assert_eq!(
        state(post("Content-Length: 4\r\nContent-Length: 5\r\n", "")),
        State::Malformed(Malformed::Head)
    );
    assert_eq!(state(post("Content-Length: -4\r\n", "")), State::Malformed(Malformed::Head));
    let bad = post(&format!("bad name: x\r\nContent-Length: {}\r\n", notification().len()), &notification());
    assert_eq!(state(bad), State::Malformed(Malformed::Head));
    assert_eq!(state(post("Transfer-Encoding: chunked\r\n", "xyz")), State::Malformed(Malformed::Chunk));
    let long = post(&format!("X: {}\r\n", "x".repeat(70_000)), "");
    assert_eq!(state(long), State::Malformed(Malformed::TooLong));
    let absurd = post("Content-Length: 18446744073709551615\r\n", "<a");
    assert_eq!(state(absurd), State::Cut);
}

#[test]
fn bodies_that_are_no_xml_are_said() {
    let state = |body: &str| {
        let request = post(&format!("Content-Length: {}\r\n", body.len()), body);
        let seen = Wire::new().client(request).end(Close::Open);
        seen[0].request.as_ref().unwrap().state.clone()
    };
    assert_eq!(state(&notification()), State::Complete);
    assert_eq!(state(&notification()[..700]), State::Malformed(Malformed::Xml));
    assert_eq!(state("<a></b>"), State::Malformed(Malformed::Soap));
    assert_eq!(state("plain"), State::Malformed(Malformed::Xml));
}

#[test]
fn a_tunnel_is_handed_on() {
    let wire = Wire::new()
        .client("CONNECT cuc:7443 HTTP/1.1\r\nHost: cuc\r\n\r\n")
        .server("HTTP/1.1 200 Established\r\n\r\n")
        .client(notify())
        .server(jetty_with_length("200 OK", RESULT));
    assert_eq!(wire.session.protocol(), Some("http"));
    assert_eq!(answers(&wire.end(Close::Open)), [Some((200, true))]);

    let wire = Wire::new()
        .client("CONNECT cuc:7443 HTTP/1.1\r\nHost: cuc\r\n\r\n")
        .server("HTTP/1.1 200 Established\r\n\r\n")
        .client([0x16; 80])
        .server([0x16; 80]);
    assert!(!wire.wanted, "what no protocol claims is refused");
}

#[test]
fn a_refused_connect_stays_http() {
    let seen = Wire::new()
        .client("CONNECT cuc:7443 HTTP/1.1\r\nHost: cuc\r\n\r\n")
        .server("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        .client(notify())
        .server(jetty_with_length("200 OK", RESULT))
        .end(Close::Open);
    assert_eq!(answers(&seen), [Some((200, true))]);
}

#[test]
fn other_protocols_are_refused_when_both_directions_are_known() {
    let wire = Wire::new().client("SSH-2.0-OpenSSH_6.6.1\r\n");
    assert!(wire.wanted);
    let wire = wire.server("SSH-2.0-OpenSSH_5.3\r\n");
    assert!(!wire.wanted);
    assert_eq!(wire.session.protocol(), None);
}

#[test]
fn a_capture_that_begins_inside_a_message_finds_the_next_one() {
    let seen = Wire::new()
        .client("a</t:Watermark></t:StatusEvent></m:Notification>")
        .server(jetty_with_length("200 OK", RESULT))
        .client(notify())
        .server(jetty_with_length("200 OK", RESULT))
        .end(Close::Open);
    // The reply without its request comes last: the request might have come late.
    assert_eq!(answers(&seen), [Some((200, true)), Some((200, true))]);
    assert!(seen[0].request.is_some() && seen[1].request.is_none());
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
