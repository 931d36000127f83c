//! Packets that no stack would send.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Odd {
    from: usize,
    to: usize,
    flags: u8,
    seq: u32,
    ack: u32,
    length: usize,
    cut: u32,
    is_copy: bool,
}

/// Few ends and few numbers, so that packets meet; now and then any number at all.
fn odd() -> impl Strategy<Value = Odd> {
    let number = || prop_oneof![4 => 0..40_u32, 2 => u32::MAX - 20..=u32::MAX, 1 => any::<u32>()];
    let cut = prop_oneof![6 => Just(0), 1 => 1..20_u32, 1 => any::<u32>().prop_map(|cut| cut >> 8)];
    let ends = (0..ENDS.len(), 0..ENDS.len());
    (ends, any::<u8>(), number(), number(), 0..30_usize, cut, any::<bool>()).prop_map(
        |((from, to), flags, seq, ack, length, cut, is_copy)| Odd {
            from,
            to,
            flags,
            seq,
            ack,
            length,
            cut,
            is_copy,
        },
    )
}

const ENDS: [&str; 3] = [CLIENT, SERVER, "[2001:db8::1]:40000"];

proptest! {
    #[test]
    fn every_packet_is_counted_and_no_byte_is_told_twice(
        packets in prop::collection::vec(odd(), 1..120),
        room in 0..2000_usize,
        patience in prop_oneof![Just(usize::MAX), 0..200_usize],
        digest: bool,
    ) {
        let limits = Limits { flows: 100, rows: 100, out_of_order_per_direction: room, out_of_order_total: 1500 };
        let mut wire = Wire::with(limits);
        wire.flows = Flows::new(limits, digest);
        wire.log.patience = patience;
        for odd in &packets {
            let payload = "x".repeat(odd.length);
            let ends = (ENDS[odd.from], ENDS[odd.to]);
            let send = if odd.is_copy { Wire::copy } else { Wire::send };
            send(&mut wire, ends, odd.flags, odd.seq, odd.ack, &payload, odd.cut);
        }
        let told = |calls: &[String]| {
            let data = |call: &String| call.split(' ').nth(1).filter(|what| what.starts_with('x')).map(str::len);
            calls.iter().filter_map(data).sum::<usize>() as u64
        };
        let (rows, calls, overflows) = wire.finish();
        prop_assert!(rows.is_sorted_by(|a, b| a.id < b.id), "no two are one");
        prop_assert_eq!(overflows.flows + overflows.rows, 0);
        let sides = || rows.iter().flat_map(|row| &row.sides);
        prop_assert_eq!(sides().map(|side| side.packets).sum::<u64>(), packets.len() as u64);
        prop_assert!(sides().all(|side| side.rare().cut <= side.missing));
        prop_assert!(told(&calls) <= sides().map(|side| side.bytes).sum());
        let count = |what: &str| calls.iter().filter(|call| call.starts_with(what)).count();
        prop_assert!(count("end") <= count("open"));
        if patience == usize::MAX {
            prop_assert_eq!(count("end"), count("open"));
        }
    }
}
