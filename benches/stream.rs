//! Reassembly: the same connections in order, shuffled, with losses and with copies. Their bytes are of no protocol
//! that is known, and digests are asked for, so that every byte is handed on and none is dissected.

use criterion::{Criterion, criterion_group, criterion_main};
use sibtrace::{Analyzer, Capture, Config, Facts};
use sibtrace_benches::measure;
use sibtrace_lab::container::{Container, Order, Record};
use sibtrace_lab::cuc::at;
use sibtrace_lab::damage;
use sibtrace_lab::link::Link;
use sibtrace_lab::rng::Rng;
use sibtrace_lab::site::{CUC, EXCHANGE, far, near};
use sibtrace_lab::tcp::{Conversation, Side, Stack};
use sibtrace_lab::time::SECOND;
use sibtrace_lab::trace::Trace;

criterion_group!(benches, reassembly);
criterion_main!(benches);

fn reassembly(c: &mut Criterion) {
    let in_order = connections();
    let mut shuffled = in_order.clone();
    damage::shuffle(&mut shuffled, 3);
    let mut lossy = in_order.clone();
    let lost: Vec<_> = lossy.packets.iter().step_by(50).map(|packet| packet.id).collect();
    damage::lose(&mut lossy, &lost);
    let mut doubled = in_order.clone();
    damage::double(&mut doubled);

    let mut group = c.benchmark_group("stream");
    for (name, trace) in
        [("in order", in_order), ("shuffled", shuffled), ("lossy", lossy), ("duplicated", doubled)]
    {
        measure(&mut group, name, &stored(&trace), reassemble);
    }
    group.finish();
}

/// One hundred connections of 64 KiB, one after the other.
fn connections() -> Trace {
    let mut trace = Trace::new(Rng::new(1));
    let noise = trace.rng.bytes(1 << 16);
    let (client, server) = (near(CUC, Stack::Linux), far(EXCHANGE, Stack::Windows));
    for number in 0..100_u16 {
        let moment = at(0, 0) + u64::from(number) * SECOND;
        let mut talk = Conversation::new(&mut trace, moment, (client, 40_000 + number), (server, 9100));
        talk.handshake();
        for part in noise.chunks(8192) {
            talk.send(Side::Responder, part);
            talk.ack(Side::Originator);
        }
        talk.fin(Side::Responder);
        talk.fin(Side::Originator);
        talk.ack(Side::Responder);
    }
    trace.sort();
    trace
}

fn stored(trace: &Trace) -> Vec<u8> {
    let record = |packet| Link::Ethernet.wrap(packet, 0);
    let records: Vec<_> =
        trace.packets.iter().map(|packet| Record::new(packet.time, record(packet), usize::MAX)).collect();
    Container::PcapMicro(Order::Little).write(&records, 1)
}

fn reassemble(capture: Capture) -> Facts {
    let mut config = Config::default();
    config.payload_digest = true;
    let analyzer = Analyzer::new(config).expect("the settings are valid");
    analyzer.facts([capture], &mut ()).0
}
