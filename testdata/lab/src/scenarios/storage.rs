//! The same conversation on every link type and in every file format, and broken files.

use super::{cuc_at_work, neighbour};
use crate::container::{Compression, Container, MICRO, Order};
use crate::cuc::{Lab, at};
use crate::damage::{self, FileDamage};
use crate::link::Link;
use crate::scenario::Scenario;
use crate::site::{CUC, CUC_PORT, Delivery, EXCHANGE, far, near};
use crate::tcp::Stack;
use crate::time::SECOND;
use std::net::{IpAddr, Ipv6Addr};

pub(super) fn scenarios() -> Vec<Scenario> {
    let links = LINKS.iter().map(|(name, link)| conversation(name, false).link(*link));
    let six = [("ipv6", Link::Ipv6), ("6in4", Link::SixInFour), ("ethernet-ipv6", Link::Ethernet)];
    let six = six.map(|(name, link)| conversation(name, true).link(link));
    let containers =
        CONTAINERS.iter().map(|(name, container)| conversation(name, false).container(*container));
    let packed = [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("lz4", Compression::Lz4)];
    let packed = packed.map(|(name, compression)| conversation(name, false).compressed(compression));
    let untimed = conversation("pcapng-simple", false)
        .container(Container::NgSimple)
        .open(&["span_s"])
        .allow("capture-clock-step");
    let rotated = conversation("rotated", false).rotated(3);
    links.chain(six).chain(containers).chain(packed).chain([untimed, rotated]).chain(broken()).collect()
}

const LINKS: [(&str, Link); 18] = [
    ("ethernet", Link::Ethernet),
    ("vlan", Link::Vlan),
    ("qinq", Link::QinQ),
    ("sll", Link::Sll),
    ("sll2", Link::Sll2),
    ("raw", Link::Raw),
    ("ipv4", Link::Ipv4),
    ("null-little", Link::NullLittle),
    ("null-big", Link::NullBig),
    ("loop", Link::Loop),
    ("ppp", Link::Ppp),
    ("pppoe", Link::Pppoe),
    ("gre", Link::Gre),
    ("erspan-1", Link::Erspan1),
    ("erspan-2", Link::Erspan2),
    ("erspan-3", Link::Erspan3),
    ("vxlan", Link::Vxlan),
    ("ipip", Link::IpIp),
];

const CONTAINERS: [(&str, Container); 13] = [
    ("pcap-big", Container::PcapMicro(Order::Big)),
    ("pcap-nano", Container::PcapNano(Order::Little)),
    ("pcap-nano-big", Container::PcapNano(Order::Big)),
    ("pcap-modified", Container::PcapModified(Order::Little)),
    ("pcap-modified-big", Container::PcapModified(Order::Big)),
    ("pcapng", Container::NgEnhanced { order: Order::Little, resolution: MICRO }),
    ("pcapng-big", Container::NgEnhanced { order: Order::Big, resolution: MICRO }),
    ("pcapng-nano", Container::NgEnhanced { order: Order::Little, resolution: 9 }),
    ("pcapng-binary-time", Container::NgEnhanced { order: Order::Little, resolution: 0x80 | 20 }),
    ("pcapng-obsolete", Container::NgObsolete),
    ("pcapng-interfaces", Container::NgInterfaces),
    ("pcapng-sections", Container::NgSections),
    ("pcapng-decorated", Container::NgDecorated { drops: 0 }),
];

/// Two notifications, five minutes apart: the same packets whatever the link and the file.
fn conversation(name: &str, six: bool) -> Scenario {
    let mut lab = Lab::new(if six { "links/six" } else { "links/four" });
    let address = |group, last| IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, group, 0, 0, 0, last));
    let (exchange, cuc) = if six { (address(20, 0x11), address(30, 0x44)) } else { (EXCHANGE, CUC) };
    let how = Delivery::direct(far(exchange, Stack::Windows), near(cuc, Stack::Linux), CUC_PORT);
    let mut subscription = lab.subscribe(at(0, 0) - 90_000 * SECOND, &how);
    lab.keep_alive(&mut subscription, at(0, 5));
    lab.message(&mut subscription, at(5, 5));
    let text = format!("A keep-alive and a message, stored as `{name}`.");
    Scenario::new(&format!("links/{name}"), &text, lab).told(&[exchange], &[cuc], &[])
}

fn broken() -> [Scenario; 6] {
    let base = |name: &str, text: &str| {
        let path = format!("broken/{name}");
        let mut lab = cuc_at_work(&path, 13);
        neighbour(&mut lab, 12);
        Scenario::new(&path, text, lab)
    };
    [
        base("truncated", "Ends inside a record.")
            .file_damaged(FileDamage::CutLast)
            .expect_somewhere("capture-truncated"),
        base("snapped", "96 bytes of each frame.").snaplen(96).expect_somewhere("capture-snaplen").open(&[
            "notifications",
            "keepalives",
            "messages",
            "replies_200",
            "unanswered",
            "subscriptions",
            "sources",
        ]),
        base("out-of-order", "Neighbouring packets of a connection have changed places.")
            .damaged(|trace| damage::shuffle(trace, 7)),
        base("duplicated", "Every packet twice.")
            .damaged(damage::double)
            .expect_somewhere("capture-duplicates"),
        base("mid-stream", "Begins in the middle of a notification.").damaged(|trace| {
            let first = trace.packets.iter().position(|packet| packet.ip.len() > 1000).unwrap_or(0);
            trace.packets.drain(..first);
        }),
        dropped(),
    ]
}

fn dropped() -> Scenario {
    let path = "broken/dropped";
    let mut lab = cuc_at_work(path, 13);
    neighbour(&mut lab, 12);
    lab.trace.sort();
    let bodies = lab.trace.packets.iter().filter(|packet| packet.ip.len() > 1000);
    let lost: Vec<_> = bodies.skip(1).step_by(2).map(|packet| packet.id).collect();
    Scenario::new(path, "Every other notification has lost its body.", lab)
        .damaged(|trace| damage::lose(trace, &lost))
        .expect_somewhere("capture-drops")
        .allow("notify-watermark-gap")
        .forbid("notify-malformed")
        .forbid("keepalive-missing")
}
