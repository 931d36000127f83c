//! What happens beside the notifications: attempts that fail, and a host's other traffic.

use crate::cuc::Lab;
use crate::site::far;
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{MICROSECOND, MILLISECOND, Nanos};
use crate::trace::PacketId;
use crate::wire::{self, IpFields};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

impl Lab {
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
        let quoted = self.trace.packets.last().map(|packet| packet.ip.clone()).unwrap_or_default();
        let IpAddr::V4(sender) = from.ip else { panic!("this ICMP is IPv4's") };
        let fields = IpFields { ttl: 254, ident: self.trace.rng.short() };
        let packet = wire::icmp_unreachable(router, sender, fields, code, &quoted);
        self.trace.push(at + 400 * MICROSECOND, (to.mac, from.mac), packet, None);
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
            let mut fields = IpFields { ttl: host.ttl(), ident: self.trace.rng.short() };
            let query = wire::udp(ends.0, ends.1, fields, &dns(name, false));
            self.trace.push(next, (host.mac, resolver.mac), query, None);
            fields.ttl = resolver.ttl();
            let answer = wire::udp(ends.1, ends.0, fields, &dns(name, true));
            self.trace.push(next + MILLISECOND, (resolver.mac, host.mac), answer, None);
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
