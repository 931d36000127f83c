//! Captures that try to make their reader remember without end, of any size.

use std::net::{IpAddr, Ipv4Addr};

use clap::ValueEnum;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::container::{Container, Order, Record};
use crate::cuc::{Lab, at};
use crate::ews;
use crate::link::Link;
use crate::rng::Rng;
use crate::rpc::{self, Bound, Line};
use crate::site::{CUC, CUC_PORT, Delivery, EXCHANGE, far, near};
use crate::tcp::{Conversation, Host, Side, Stack};
use crate::time::{MICROSECOND, Nanos, SECOND};
use crate::trace::{Packet, Trace};
use crate::wire::{self, IpFields, protocol};

/// What is driven to excess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Attack {
    /// SYNs, each of another connection.
    Syns,
    /// SYNs of connections whose addresses, and whose ports, differ by the same bits, so that a hash that folds the
    /// ends together takes them for one.
    Collisions,
    /// Streams of one byte a segment, last byte first, and the first one never comes.
    Backwards,
    /// Streams of which every other segment is missing.
    Holes,
    /// Header fields that never end, each on its own connection.
    Heads,
    /// Bodies of notifications that never end.
    Bodies,
    /// Handshake messages of TLS that never end.
    Handshakes,
    /// Commands of IMAP that never end.
    Commands,
    /// IMAP literals of 4 GiB.
    Literals,
    /// Notifications, each of another subscription.
    Subscriptions,
    /// Notifications whose request targets are as long as can be.
    Targets,
    /// Log-ins, each of another account.
    Accounts,
    /// Notifications whose elements are nested without end.
    Depth,
    /// Notifications with entities that stand for entities.
    Entities,
    /// Replies of Exchange that unpack to a thousand times their size.
    Bombs,
    /// Calls of DCE/RPC whose last fragment never comes.
    Calls,
    /// IP datagrams whose last fragment never comes.
    Fragments,
    /// Packets at any time, forwards and backwards.
    Jumps,
}

impl Attack {
    /// A capture `times` as large as one that fills a store of an analysis with 16 MiB of memory, if it can fill one.
    pub fn capture(self, times: usize) -> Vec<u8> {
        let mut lab = Lab::new("adversary");
        for number in 0..times * self.size() {
            self.strike(&mut lab, number as u32);
        }
        let mut rng = Rng::new(1);
        let time = |number: usize| match self {
            Attack::Jumps => rng.between(0, 1 << 31) * SECOND,
            _ => at(0, 0) + number as Nanos * 100 * MICROSECOND,
        };
        write(&lab.trace.packets, time)
    }

    /// In connections, or packets where there are none.
    fn size(self) -> usize {
        match self {
            Attack::Syns | Attack::Collisions => 6_000,
            Attack::Jumps => 5_000,
            Attack::Commands | Attack::Accounts => 1_500,
            Attack::Subscriptions => 1_200,
            Attack::Fragments => 1_000,
            Attack::Heads => 150,
            Attack::Backwards | Attack::Targets | Attack::Entities => 100,
            Attack::Literals => 50,
            Attack::Handshakes => 40,
            Attack::Holes => 20,
            Attack::Bodies => 10,
            Attack::Depth | Attack::Calls => 8,
            Attack::Bombs => 4,
        }
    }

    fn strike(self, lab: &mut Lab, number: u32) {
        match self {
            Attack::Syns | Attack::Jumps => _ = talk(&mut lab.trace, number, CUC_PORT).syn(0),
            Attack::Collisions => {
                let server = Host { ip: mirrored(address(number)), ..near(CUC, Stack::Linux) };
                let client = far(address(number), Stack::Windows);
                let ports = (40_000, CUC_PORT);
                _ = Conversation::new(&mut lab.trace, at(0, 0), (client, ports.0), (server, ports.1)).syn(0);
            }
            Attack::Backwards => disorder(&mut lab.trace, number, 1, |packets| packets.reverse()),
            Attack::Holes => disorder(&mut lab.trace, number, 700, |packets| {
                let mut turn = 0;
                packets.retain(|_| {
                    turn += 1;
                    turn % 2 == 0
                });
            }),
            Attack::Heads => say(
                &mut lab.trace,
                number,
                80,
                &[
                    (Side::Originator, b"GET /EWS/Exchange.asmx HTTP/1.1\r\nX-Long: "),
                    (Side::Originator, &[b'x'; 60_000]),
                ],
            ),
            Attack::Bodies => {
                let head = ews::post("/NotificationService?id=1", "cuc", 3 << 20, &[]);
                let body = [b"<?xml version=\"1.0\"?><a>", &[b' '; 1 << 20][..]].concat();
                say(
                    &mut lab.trace,
                    number,
                    CUC_PORT,
                    &[(Side::Originator, &head), (Side::Originator, &body)],
                );
            }
            Attack::Handshakes => {
                let mut bytes = Vec::new();
                for record in 0..12 {
                    bytes.extend([22, 3, 1, 0x3f, 0xff]);
                    // A ClientHello of 250,000 bytes.
                    let header: &[u8] = if record == 0 { &[1, 3, 0xd0, 0x90] } else { &[] };
                    bytes.extend(header);
                    bytes.resize(bytes.len() + 0x3fff - header.len(), 0);
                }
                say(&mut lab.trace, number, 443, &[(Side::Originator, &bytes)]);
            }
            Attack::Commands => say(
                &mut lab.trace,
                number,
                143,
                &[
                    (Side::Responder, b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n"),
                    (Side::Originator, b"a1 LOGIN user "),
                    (Side::Originator, &[b'x'; 10_000]),
                ],
            ),
            Attack::Literals => say(
                &mut lab.trace,
                number,
                143,
                &[
                    (Side::Responder, b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n"),
                    (Side::Originator, b"a1 LOGIN {4294967295}\r\n"),
                    (Side::Responder, b"+ Ready for additional command text.\r\n"),
                    (Side::Originator, &[b'x'; 100_000]),
                ],
            ),
            Attack::Subscriptions => {
                let how =
                    Delivery::direct(far(address(number), Stack::Windows), near(CUC, Stack::Linux), CUC_PORT);
                let mut subscription = lab.subscribe(at(0, 0), &how);
                lab.keep_alive(&mut subscription, at(0, 0));
            }
            Attack::Targets => {
                let target = format!("/NotificationService?id={number}{}", "0".repeat(50_000));
                notify(&mut lab.trace, number, &target, &ews::soap("<m:SendNotification/>"));
            }
            Attack::Accounts => {
                let command = format!("a1 LOGIN user{number}@{}.example.com secret\r\n", "x".repeat(900));
                say(
                    &mut lab.trace,
                    number,
                    143,
                    &[
                        (Side::Responder, b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n"),
                        (Side::Originator, command.as_bytes()),
                        (Side::Responder, b"a1 OK LOGIN completed.\r\n"),
                    ],
                );
            }
            Attack::Depth => {
                notify(&mut lab.trace, number, "/NotificationService?id=1", &"<a>".repeat(100_000))
            }
            Attack::Entities => notify(&mut lab.trace, number, "/NotificationService?id=1", &entities()),
            Attack::Bombs => bomb(&mut lab.trace, number),
            Attack::Calls => calls(lab, number),
            Attack::Fragments => fragment(&mut lab.trace, number),
        }
    }
}

/// A client that nobody has seen before.
fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + number))
}

/// The address that differs from this one by bits that are the same for all.
fn mirrored(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ 0x0700_0000)),
        IpAddr::V6(ip) => IpAddr::V6(ip),
    }
}

/// A host that takes segments as long as IP allows, so that much is said in few packets.
fn wide(host: Host) -> Host {
    Host { mss: 60_000, ..host }
}

fn talk(trace: &mut Trace, number: u32, port: u16) -> Conversation<'_> {
    let client = wide(far(address(number), Stack::Windows));
    Conversation::new(trace, at(0, 0), (client, 40_000), (wide(near(CUC, Stack::Linux)), port))
}

/// A connection on which all that is said stays without an end.
fn say(trace: &mut Trace, number: u32, port: u16, said: &[(Side, &[u8])]) {
    let mut talk = talk(trace, number, port);
    talk.handshake();
    for (side, bytes) in said {
        talk.send(*side, bytes);
    }
}

fn notify(trace: &mut Trace, number: u32, target: &str, body: &str) {
    let head = ews::post(target, "cuc", body.len(), &[]);
    say(trace, number, CUC_PORT, &[(Side::Originator, &head), (Side::Originator, body.as_bytes())]);
}

/// A stream in segments of so many bytes, of which `spoil` changes the order.
fn disorder(trace: &mut Trace, number: u32, step: usize, spoil: impl FnOnce(&mut Vec<Packet>)) {
    let text = [b"POST /NotificationService?id=1 HTTP/1.1\r\nHost: cuc\r\n", &[b'x'; 200 * 700][..]].concat();
    let mut talk = talk(trace, number, CUC_PORT);
    talk.handshake();
    talk.send(Side::Originator, b"P");
    let sent = text[1..].chunks(step).take(200).map(|part| talk.send(Side::Originator, part)).count();
    let mut packets = trace.packets.split_off(trace.packets.len() - sent);
    // The first byte is missing.
    trace.packets.pop();
    spoil(&mut packets);
    trace.packets.extend(packets);
}

/// Ten entities of which each but the first stands for ten of the one before it.
fn entities() -> String {
    let define = |number: u32| match number {
        0 => "<!ENTITY e0 \"a long text that is meant to be repeated\">".to_owned(),
        number => format!("<!ENTITY e{number} \"{}\">", format!("&e{};", number - 1).repeat(10)),
    };
    let definitions: String = (0..10).map(define).collect();
    format!("<?xml version=\"1.0\"?><!DOCTYPE a [{definitions}]><a>{}</a>", "&e9;".repeat(1000))
}

fn bomb(trace: &mut Trace, number: u32) {
    let request = ews::soap("<m:GetItem/>");
    let head = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail\r\nContent-Type: text/xml; charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n",
        request.len()
    );
    let mut text = ews::soap("<m:GetItemResponse/>").into_bytes();
    text.resize(16 << 20, b' ');
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packed, &text).expect("memory takes every byte");
    let packed = packed.finish().expect("memory takes every byte");
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Encoding: gzip\r\n\
         Content-Length: {}\r\n\r\n",
        packed.len()
    );
    say(
        trace,
        number,
        80,
        &[
            (Side::Originator, head.as_bytes()),
            (Side::Originator, request.as_bytes()),
            (Side::Responder, reply.as_bytes()),
            (Side::Responder, &packed),
        ],
    );
}

/// As many calls as wait on one connection, each with more than is kept of it.
fn calls(lab: &mut Lab, number: u32) {
    let client = far(address(number), Stack::Windows);
    let line = Line::new(at(0, 0), None).bind(&[rpc::EMSMDB], 0, Bound::Group(number + 1));
    line.play(lab, client, (near(EXCHANGE, Stack::Windows), 6001));
    let mut pdus = Vec::new();
    for call in 0..64_u32 {
        let length = 16 + 8 + 17_000_u16;
        // Version 5.0, a request, its first fragment, little-endian.
        pdus.extend([5, 0, 0, 1, 0x10, 0, 0, 0]);
        pdus.extend(length.to_le_bytes());
        pdus.extend([0, 0]);
        pdus.extend((call + 9).to_le_bytes());
        pdus.extend([0; 8]);
        pdus.resize(pdus.len() + 17_000, 7);
    }
    say(&mut lab.trace, number + (1 << 20), 6001, &[(Side::Originator, &pdus)]);
}

fn fragment(trace: &mut Trace, number: u32) {
    let fields = IpFields { ttl: 64, ident: number as u16 };
    let source = address(number >> 8);
    let mut packet = wire::ip(source, CUC, fields, protocol::UDP, &[0; 1400]);
    // More fragments follow (RFC 791, 3.1).
    packet[6] = 0x20;
    trace.push(at(0, 0), ([2; 6], [4; 6]), packet, None);
}

fn write(packets: &[Packet], mut time: impl FnMut(usize) -> Nanos) -> Vec<u8> {
    let record = |(number, packet)| Record::new(time(number), Link::Ethernet.wrap(packet, 0), usize::MAX);
    let records: Vec<Record> = packets.iter().enumerate().map(record).collect();
    Container::PcapMicro(Order::Little).write(&records, 1)
}
