//! Once reading is under way, a packet costs no allocation and no memory: only facts do.

use allocation_counter::{AllocationInfo, measure};
use sibtrace::{Analyzer, Config, Facts};
use sibtrace_benches::{MIB, open, traffic};
use sibtrace_lab::bulk::Kind;
use sibtrace_lab::container::{Container, Order, Record};
use sibtrace_lab::cuc::at;
use sibtrace_lab::link::Link;
use sibtrace_lab::rng::Rng;
use sibtrace_lab::site::{CUC, EXCHANGE, far, near};
use sibtrace_lab::tcp::{Conversation, Side, Stack};
use sibtrace_lab::trace::Trace;

/// Everything that is learnt from a capture, and what that allocates.
fn gather(capture: Vec<u8>) -> (Facts, AllocationInfo) {
    let capture = open(capture);
    let mut config = Config::default();
    config.threads = 1;
    let analyzer = Analyzer::new(config).expect("the default settings are valid");
    let mut facts = None;
    let allocated = measure(|| facts = Some(analyzer.facts([capture], &mut ()).0));
    (facts.expect("the closure has run"), allocated)
}

/// One connection that moves `rounds` times 16 KiB of a protocol that is not known.
fn refused(rounds: usize) -> Vec<u8> {
    let mut trace = Trace::new(Rng::new(1));
    let noise = trace.rng.bytes(1 << 14);
    let (client, server) = (near(CUC, Stack::Linux), far(EXCHANGE, Stack::Windows));
    let mut talk = Conversation::new(&mut trace, at(0, 0), (client, 40_000), (server, 9100));
    talk.handshake();
    for _ in 0..rounds {
        talk.send(Side::Originator, &noise[..300]);
        talk.send(Side::Responder, &noise);
        talk.ack(Side::Originator);
    }
    trace.sort();
    let records: Vec<_> = trace
        .packets
        .iter()
        .map(|packet| Record::new(packet.time, Link::Ethernet.wrap(packet, 0), usize::MAX))
        .collect();
    Container::PcapMicro(Order::Little).write(&records, 1)
}

#[test]
fn traffic_that_nobody_asked_for_allocates_nothing_however_long_it_is() {
    // What the first run of a program sets up once is no cost of a packet.
    gather(refused(1));
    let (short, few) = gather(refused(500));
    let (long, many) = gather(refused(1500));
    assert_eq!((short.vantages[0].connections.len(), long.vantages[0].connections.len()), (1, 1));
    assert!(long.vantages[0].coverage.packets > short.vantages[0].coverage.packets + 10_000);
    assert_eq!(few.count_total, many.count_total, "allocations");
    assert_eq!(few.bytes_max, many.bytes_max, "bytes at the worst moment");
}

#[test]
fn in_mixed_traffic_allocations_grow_with_facts_and_not_with_packets() {
    /// A connection's row and what is remembered of it, amortised growth of the tables included.
    const PER_CONNECTION: u64 = 3;
    /// A notification's row with its texts, and its dissection.
    const PER_NOTIFICATION: u64 = 10;
    // Heads and bodies that a thread remembers are no cost of a packet either.
    gather(traffic(Kind::Mixed, 32 * MIB));
    let (half, before) = gather(traffic(Kind::Mixed, 16 * MIB));
    let (whole, after) = gather(traffic(Kind::Mixed, 32 * MIB));
    let grown = |count: fn(&Facts) -> usize| (count(&whole) - count(&half)) as u64;
    let packets = whole.vantages[0].coverage.packets - half.vantages[0].coverage.packets;
    let connections = grown(|facts| facts.vantages[0].connections.len());
    let notifications = grown(|facts| facts.vantages[0].notifications.len());
    let allocations = after.count_total - before.count_total;
    println!(
        "{packets} more packets, {connections} connections, {notifications} notifications: {allocations} more \
         allocations, {} more bytes at the worst moment",
        after.bytes_max - before.bytes_max
    );
    assert!(allocations <= connections * PER_CONNECTION + notifications * PER_NOTIFICATION);
}
