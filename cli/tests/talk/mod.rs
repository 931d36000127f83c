//! Captures of what two ends say to each other.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use sibtrace_lab::container::{Container, Order, Record};
use sibtrace_lab::cuc::{Lab, at};
use sibtrace_lab::link::Link;
use sibtrace_lab::site::{far, near};
use sibtrace_lab::tcp::{Conversation, Side, Stack};

/// A connection to `port`, on which this is said in turn.
pub(crate) fn connection(lab: &mut Lab, second: u64, port: u16, said: &[(Side, Vec<u8>)]) {
    let client = near(IpAddr::V4(Ipv4Addr::new(10, 10, 50, 21)), Stack::Linux);
    let server = far(IpAddr::V4(Ipv4Addr::new(10, 10, 20, 11)), Stack::Windows);
    let source = lab.next_port();
    let mut talk = Conversation::new(&mut lab.trace, at(0, second), (client, source), (server, port));
    talk.handshake();
    for (side, bytes) in said {
        talk.send(*side, bytes);
    }
    talk.fin(Side::Responder);
    talk.fin(Side::Originator);
    talk.ack(Side::Responder);
}

/// Lines as what is said: those that begin with `C: ` by the client, with `S: ` by the server.
pub(crate) fn lines(lines: &[String]) -> Vec<(Side, Vec<u8>)> {
    let said = |line: &String| {
        let (who, text) = line.split_at(3);
        let side = if who == "C: " { Side::Originator } else { Side::Responder };
        (side, format!("{text}\r\n").into_bytes())
    };
    lines.iter().map(said).collect()
}

/// Writes all that was said as a capture.
pub(crate) fn write(mut lab: Lab, path: &Path) {
    lab.trace.sort();
    let packets = lab.trace.packets.iter().zip(1..);
    let records: Vec<Record> = packets
        .map(|(packet, number)| Record::new(packet.time, Link::Ethernet.wrap(packet, number), usize::MAX))
        .collect();
    let file = Container::PcapMicro(Order::Little).write(&records, Link::Ethernet.number());
    std::fs::write(path, file).expect("the folder takes a file");
}
