//! Whole connections, packet by packet.

mod hostile;
mod life;
mod payload;

use super::*;
use crate::packet::{Ip, Tcp};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:7080";
const LIMITS: Limits =
    Limits { flows: 100, rows: 100, out_of_order_per_direction: 1 << 16, out_of_order_total: 1 << 16 };

const SYN: u8 = Tcp::SYN;
const SYN_ACK: u8 = Tcp::SYN | Tcp::ACK;
const ACK: u8 = Tcp::ACK;
const FIN: u8 = Tcp::FIN | Tcp::ACK;
const RST: u8 = Tcp::RST;
const RST_ACK: u8 = Tcp::RST | Tcp::ACK;

/// Writes down what it is told, and refuses after so many bytes.
struct Log {
    interested: bool,
    patience: usize,
    calls: Vec<String>,
}

impl Log {
    fn tell(&mut self, dir: Dir, what: String, at: Moment) {
        self.calls.push(format!("{dir:?} {what} @{}", at.frame.number()));
    }
}

impl Receiver for Log {
    type State = usize;

    fn open(&mut self, flow: &FlowRef) -> Option<usize> {
        self.calls.push(format!("open {} {}", flow.id.0, flow.orig));
        self.interested.then_some(0)
    }

    fn data(&mut self, _: &FlowRef, seen: &mut usize, dir: Dir, bytes: &[u8], at: Moment) -> Interest {
        self.tell(dir, String::from_utf8_lossy(bytes).into_owned(), at);
        *seen += bytes.len();
        if *seen < self.patience { Interest::GoOn } else { Interest::Refused }
    }

    fn gap(&mut self, _: &FlowRef, _: &mut usize, dir: Dir, length: u64, at: Moment) -> Interest {
        self.tell(dir, format!("gap {length}"), at);
        Interest::GoOn
    }

    fn fin(&mut self, _: &FlowRef, _: &mut usize, dir: Dir, at: Moment) {
        self.tell(dir, "fin".to_owned(), at);
    }

    fn end(&mut self, flow: &FlowRef, _: usize, close: Close, at: Moment) {
        self.calls.push(format!("end {} {close:?} @{}", flow.id.0, at.frame.number()));
    }
}

/// A capture in the making: one packet a second.
struct Wire {
    flows: Flows<usize>,
    log: Log,
    frames: u64,
    nanos: i64,
    ip_id: u16,
    ttl: u8,
    window: u16,
}

impl Wire {
    fn new() -> Self {
        Wire::with(LIMITS)
    }

    fn with(limits: Limits) -> Self {
        Wire {
            flows: Flows::new(limits, false),
            log: Log { interested: true, patience: usize::MAX, calls: Vec::new() },
            frames: 0,
            nanos: 0,
            ip_id: 0,
            ttl: 64,
            window: 1000,
        }
    }

    fn up(&mut self, flags: u8, seq: u32, ack: u32, payload: &str) {
        self.send((CLIENT, SERVER), flags, seq, ack, payload, 0);
    }

    fn down(&mut self, flags: u8, seq: u32, ack: u32, payload: &str) {
        self.send((SERVER, CLIENT), flags, seq, ack, payload, 0);
    }

    fn shake(&mut self) {
        self.up(SYN, 100, 0, "");
        self.down(SYN_ACK, 500, 101, "");
        self.up(ACK, 101, 501, "");
    }

    fn send(&mut self, (from, to): (&str, &str), flags: u8, seq: u32, ack: u32, payload: &str, cut: u32) {
        self.nanos += 1_000_000_000;
        self.ip_id += 1;
        self.copy((from, to), flags, seq, ack, payload, cut);
    }

    /// The same IP packet again.
    fn copy(&mut self, (from, to): (&str, &str), flags: u8, seq: u32, ack: u32, payload: &str, cut: u32) {
        self.frames += 1;
        let (src, dst) = (endpoint(from), endpoint(to));
        let tcp = Tcp {
            src_port: src.port,
            dst_port: dst.port,
            seq,
            ack,
            flags,
            window: self.window,
            options: &[],
            payload: payload.as_bytes(),
            payload_len: payload.len() as u32 + cut,
        };
        let ip = Ip { src: src.ip, dst: dst.ip, ttl: self.ttl, id: self.ip_id, df: true };
        let at = Moment { frame: FrameId::new(0, self.frames), time: Timestamp::from_nanos(self.nanos) };
        let (key, from_low) = FlowKey::new(src, dst);
        let segment = Arriving::new(at, (&key, from_low), None, &ip, &tcp);
        self.flows.segment(self.frames, &segment, &mut self.log);
    }

    fn finish(mut self) -> (Vec<Connection>, Vec<String>, Overflows) {
        let (mut rows, overflows) = self.flows.finish(&mut self.log);
        rows.sort_unstable_by_key(|row| row.id);
        (rows, self.log.calls, overflows)
    }

    fn only(self) -> Connection {
        let (mut rows, ..) = self.finish();
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }
}

fn endpoint(text: &str) -> Endpoint {
    let addr: std::net::SocketAddr = text.parse().unwrap();
    Endpoint { ip: addr.ip(), port: addr.port() }
}
