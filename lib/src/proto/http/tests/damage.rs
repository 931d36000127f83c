//! Messages that are cut, have holes or break the rules.

use super::*;

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
    assert_eq!(
        said(&seen[0]).recurring.subscription_id.as_deref(),
        Some(ID),
        "what came before the hole is read"
    );
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
