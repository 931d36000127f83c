//! RPC over HTTP in clear text (MS-RPCH): `RPC_IN_DATA` carries the calls, `RPC_OUT_DATA` their answers, each in the
//! body of an HTTP message that hardly ends.

use std::ops::ControlFlow;

use super::DceRpc;
use super::cursor::Cursor;
use super::event::{Rpc, RpcChannel};
use super::lane::Pdu;
use super::pdu::Header;
use crate::flow::{Close, Dir, Moment};
use crate::proto::{Dissector, Event, Guid, Probe, Protocol};

pub(in crate::proto) const PROTOCOL: Protocol = Protocol {
    name: "rpc-http",
    // Those of HTTP too, so that it is asked before it.
    ports: &[80, 593, 3128, 7080, 8080, 50020],
    probe,
    start: |_, dir, _| Box::new(RpcHttp::new(dir)),
};

const METHODS: [&[u8]; 2] = [b"RPC_IN_DATA ", b"RPC_OUT_DATA "];
/// Longest head of an HTTP message.
const HEAD: usize = 16 << 10;
/// Longest request target that is kept.
const TARGET: usize = 512;
/// Commands that one RTS PDU may have.
const COMMANDS: u16 = 32;

fn probe(first: &[u8], more: bool) -> Probe {
    if METHODS.iter().any(|method| first.starts_with(method)) {
        return Probe::Yes;
    }
    let may = !first.is_empty() && METHODS.iter().any(|method| method.starts_with(first));
    if may && more { Probe::More } else { Probe::No }
}

/// One connection of a channel.
struct RpcHttp {
    client: Dir,
    sides: [Side; 2],
    inner: DceRpc,
}

/// One direction.
#[derive(Debug)]
enum Side {
    /// In the head of a message.
    Head(Vec<u8>),
    /// In its body; whether that consists of PDUs.
    Body { left: u64, pdus: bool },
    /// The head cannot be read; whatever looks like a PDU is one.
    Lost,
}

impl RpcHttp {
    fn new(client: Dir) -> Self {
        RpcHttp { client, sides: [(); 2].map(|()| Side::Head(Vec::new())), inner: DceRpc::channel(client) }
    }

    /// A head is complete: what follows it.
    fn head(&mut self, dir: Dir, head: &[u8], at: Moment, out: &mut Vec<Event>) -> Side {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.lines();
        let start = lines.next().unwrap_or_default();
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("Content-Length").then(|| value.trim().parse::<u64>().ok()).flatten()
        });
        if dir != self.client {
            let pdus = start.split(' ').nth(1) == Some("200");
            // An OUT channel without a length lasts as long as its connection (RFC 9112, 6.3).
            return Side::Body { left: length.unwrap_or(if pdus { u64::MAX } else { 0 }), pdus };
        }
        let left = length.unwrap_or(0);
        let mut words = start.split(' ');
        let method = words.next().unwrap_or_default();
        // `/rpc/rpcproxy.dll?server:port`.
        let target = words.next().and_then(|target| target.split_once('?')).map(|(_, server)| server);
        let target = target.map(|target| target.chars().take(TARGET).collect::<String>().into_boxed_str());
        let is_in = method == "RPC_IN_DATA";
        self.inner.is_in = is_in;
        if left > 0 {
            let channel = RpcChannel { at, client: self.client, is_in, cookie: None, target };
            out.push(Event::Rpc(Box::new(Rpc::Channel(channel))));
        }
        Side::Body { left, pdus: true }
    }
}

impl Dissector for RpcHttp {
    fn data(&mut self, dir: Dir, mut bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> ControlFlow<usize> {
        while !bytes.is_empty() {
            match &mut self.sides[dir as usize] {
                Side::Head(held) => {
                    let before = held.len();
                    held.extend_from_slice(bytes.get(..HEAD.saturating_sub(before)).unwrap_or(bytes));
                    let from = before.saturating_sub(3);
                    let end = memchr::memmem::find(held.get(from..).unwrap_or_default(), b"\r\n\r\n");
                    let Some(end) = end.map(|end| from + end + 4) else {
                        if held.len() >= HEAD {
                            self.sides[dir as usize] = Side::Lost;
                        }
                        return ControlFlow::Continue(());
                    };
                    let mut head = std::mem::take(held);
                    head.truncate(end);
                    self.sides[dir as usize] = self.head(dir, &head, at, out);
                    bytes = bytes.get(end.saturating_sub(before)..).unwrap_or_default();
                }
                Side::Body { left: 0, .. } => self.sides[dir as usize] = Side::Head(Vec::new()),
                Side::Body { left, pdus } => {
                    let room = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (body, rest) = bytes.split_at(room);
                    *left -= room as u64;
                    if *pdus {
                        let _ = self.inner.data(dir, body, at, out);
                    }
                    bytes = rest;
                }
                Side::Lost => return self.inner.data(dir, bytes, at, out),
            }
        }
        ControlFlow::Continue(())
    }

    fn gap(&mut self, dir: Dir, length: u64, at: Moment, out: &mut Vec<Event>) {
        match &mut self.sides[dir as usize] {
            Side::Body { left, .. } if *left > length => *left -= length,
            side => *side = Side::Lost,
        }
        self.inner.gap(dir, length, at, out);
    }

    fn fin(&mut self, dir: Dir, at: Moment, out: &mut Vec<Event>) {
        self.inner.fin(dir, at, out);
    }

    fn held(&self) -> usize {
        let heads = self.sides.iter().map(|side| match side {
            Side::Head(held) => held.capacity(),
            Side::Body { .. } | Side::Lost => 0,
        });
        heads.sum::<usize>() + self.inner.held()
    }

    fn end(&mut self, close: Close, at: Moment, out: &mut Vec<Event>) {
        self.inner.end(close, at, out);
    }
}

/// The virtual connection that an RTS PDU of a client names: the first cookie of CONN/A1 and CONN/B1
/// (MS-RPCH 2.2.4.2 and 2.2.4.5), which also declare the version.
pub(super) fn virtual_connection(pdu: &Pdu<'_>) -> Option<Guid> {
    let mut cursor = Cursor::new(pdu.bytes, Header::LENGTH + 2, pdu.header.order);
    let count = cursor.u16()?.min(COMMANDS);
    let mut declares = false;
    for _ in 0..count {
        // MS-RPCH 2.2.3.5.
        match cursor.u32()? {
            0 | 2 | 4 | 5 | 0xd | 0xe => cursor.skip(4)?,
            1 => cursor.skip(24)?,
            3 if declares => return cursor.guid(),
            3 | 0xc => cursor.skip(16)?,
            6 => {
                cursor.skip(4)?;
                declares = true;
            }
            7 | 9 | 0xa => {}
            8 => {
                let length = cursor.u32()?;
                cursor.skip(usize::try_from(length).ok()?)?;
            }
            0xb => {
                let length = if cursor.u32()? == 0 { 4 } else { 16 };
                cursor.skip(length + 12)?;
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn_a1() -> Vec<u8> {
        let mut made = vec![5, 0, 0x14, 3, 0x10, 0, 0, 0, 76, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
        made.extend([6, 0, 0, 0, 1, 0, 0, 0]);
        for cookie in [7u8, 8] {
            made.extend([3, 0, 0, 0]);
            made.extend([cookie; 16]);
        }
        made.extend([0, 0, 0, 0, 0, 0, 1, 0]);
        made
    }

    fn rpcs(out: Vec<Event>) -> Vec<Rpc> {
        out.into_iter()
            .filter_map(|event| match event {
                Event::Rpc(rpc) => Some(*rpc),
                _ => None,
            })
            .collect()
    }

    /// A response with four bytes of stub to call 2.
    const RESPONSE: [u8; 28] =
        [5, 0, 2, 3, 0x10, 0, 0, 0, 28, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn answers_are_read_from_an_accepted_out_channel_only() {
        let request = b"RPC_OUT_DATA /rpc/rpcproxy.dll?ex1:6001 HTTP/1.1\r\nContent-Length: 76\r\n\r\n";
        let answers = |head: &str| {
            let mut http = RpcHttp::new(Dir::Orig);
            let mut out = Vec::new();
            let _ = http.data(Dir::Orig, &[&request[..], &conn_a1()].concat(), Moment::default(), &mut out);
            let asked = out.len();
            let reply = [head.as_bytes(), &RESPONSE].concat();
            let _ = http.data(Dir::Resp, &reply, Moment::default(), &mut out);
            http.end(Close::Fin, Moment::default(), &mut out);
            rpcs(out.split_off(asked)).len()
        };
        assert_eq!(answers("HTTP/1.1 200 Success\r\nContent-Length: 1073741824\r\n\r\n"), 1);
        assert_eq!(answers("HTTP/1.1 200 Success\r\n\r\n"), 1, "without a length it lasts");
        assert_eq!(answers("HTTP/1.1 503 RPC Error: 6ba\r\nContent-Length: 28\r\n\r\n"), 0);
    }

    #[test]
    fn a_refused_log_in_leaves_the_connection_to_the_next_request() {
        let mut http = RpcHttp::new(Dir::Orig);
        let mut out = Vec::new();
        let first = b"RPC_IN_DATA /rpc/rpcproxy.dll?ex1:6001 HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        let _ = http.data(Dir::Orig, first, Moment::default(), &mut out);
        let refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nno no";
        let _ = http.data(Dir::Resp, refusal, Moment::default(), &mut out);
        assert!(out.is_empty(), "nothing was opened");
        let second = b"RPC_IN_DATA /rpc/rpcproxy.dll?ex1:6001 HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n";
        let _ = http.data(Dir::Orig, &[&second[..], &conn_a1()].concat(), Moment::default(), &mut out);
        let channels = rpcs(out);
        assert!(matches!(&channels[..], [Rpc::Channel(one), Rpc::Channel(two)]
            if one.is_in && two.cookie == Some(Guid([7; 16]))));
    }

    #[test]
    fn a_channel_names_its_target_and_its_virtual_connection_however_it_is_cut() {
        let head =
            b"RPC_OUT_DATA /rpc/rpcproxy.dll?ex1.example.com:6001 HTTP/1.1\r\nContent-Length: 76\r\n\r\n";
        let all = [&head[..], &conn_a1()].concat();
        for cut in 0..all.len() {
            let mut http = RpcHttp::new(Dir::Orig);
            let mut out = Vec::new();
            for piece in [&all[..cut], &all[cut..]] {
                let _ = http.data(Dir::Orig, piece, Moment::default(), &mut out);
            }
            let channels = rpcs(out);
            let [Rpc::Channel(first), Rpc::Channel(second)] = &channels[..] else {
                panic!("{cut}: {channels:?}")
            };
            assert_eq!((first.target.as_deref(), first.is_in), (Some("ex1.example.com:6001"), false));
            assert_eq!(second.cookie, Some(Guid([7; 16])));
        }
    }
}
