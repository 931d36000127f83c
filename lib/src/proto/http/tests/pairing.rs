//! Which reply answers which request.

use super::*;

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
