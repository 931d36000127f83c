//! Hand-made connections for tests.

use std::net::{IpAddr, SocketAddr};

use crate::flow::{
    Close, Connection, Dir, Endpoint, FlowId, FrameId, Handshake, Moment, Reset, Side, Syn, Unreachable,
};
use crate::time::Timestamp;

/// When the second 0 of a test is: a moment that no default can be taken for.
const BEGIN: i64 = 1_600_000_000;

/// An address as written.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An address and port as written.
pub(crate) fn endpoint(text: &str) -> Endpoint {
    let address: SocketAddr = text.parse().unwrap();
    Endpoint { ip: address.ip(), port: address.port() }
}

/// A frame of the first file.
pub(crate) fn moment(frame: u64, second: i64) -> Moment {
    Moment { frame: FrameId::new(0, frame), time: Timestamp::new(BEGIN + second, 0) }
}

/// An ICMP error of a router.
pub(crate) fn icmp(code: u8) -> Unreachable {
    Unreachable { at: Moment::default(), from: ip("10.0.0.254"), v6: false, code }
}

/// A connection whose first frame and first second are both `number`, with what its handshake implies: three SYNs
/// when unanswered, a reset with TTL 60 when refused, a request and a reply when opened.
pub(crate) fn connection(number: u64, orig: &str, resp: &str, handshake: Handshake) -> Connection {
    let at = moment(number, number as i64);
    let syn = Syn {
        at,
        isn: 1,
        ttl: 128,
        df: true,
        ip_id: 1,
        window: 8192,
        mss: Some(1460),
        scale: Some(8),
        options: [2, 1, 3, 1, 1, 4].into_iter().collect(),
        timestamp: None,
    };
    let side = |packets: u64, bytes: u64, ttl: u8| Side {
        packets,
        bytes,
        first: (packets > 0).then_some(at),
        last: (packets > 0).then_some(at),
        ttl,
        ttl_range: (ttl, ttl),
        ..Side::default()
    };
    let mut made = Connection {
        id: FlowId(number),
        orig: endpoint(orig),
        resp: endpoint(resp),
        handshake,
        close: Close::Open,
        sides: [side(4, 300, 128), side(3, 100, 64)],
        syn: (handshake != Handshake::None).then_some(syn),
        syn_ack: None,
        syn_count: 1,
        reset: None,
        duplicates: 0,
        outermost: [Dir::Orig; 2],
        rare: None,
    };
    match handshake {
        Handshake::Full => made.syn_ack = made.syn,
        Handshake::Refused => {
            made.sides = [side(1, 0, 128), side(1, 0, 0)];
            made.reset = Some(Reset { at, from: Dir::Resp, ttl: 60, answers_syn: true });
        }
        Handshake::Unanswered => {
            made.sides = [side(3, 0, 128), side(0, 0, 0)];
            made.syn_count = 3;
            made.rare_mut().last_syn = Some(moment(number, number as i64 + 9));
        }
        Handshake::Partial => made.sides = [side(2, 0, 128), side(0, 0, 0)],
        Handshake::None => {}
    }
    made
}
