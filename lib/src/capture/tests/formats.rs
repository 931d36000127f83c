//! Every container variant is read, whatever the size of chunks.

use super::build::{Pcap, Pcapng, START};
use super::{frames, read, read_whole};
use crate::capture::LinkType;
use crate::capture::walk::Order::{self, Big, Little};
use crate::error::Error;
use crate::time::Timestamp;

const PACKETS: [&[u8]; 3] = [b"one", b"", b"three packets are enough"];

fn times(file: &[u8]) -> Vec<i64> {
    read_whole(file).0.iter().map(|seen| seen.head.time.nanos()).collect()
}

/// A file of every kind, with packets 1 to 3 being [`PACKETS`].
pub(super) fn every_kind() -> Vec<Vec<u8>> {
    let pcaps = [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34]
        .into_iter()
        .flat_map(|magic| [Little, Big].map(|order| Pcap { order, magic, ..Pcap::MICROS }));
    let pcaps = pcaps.chain([Pcap { version: (2, 2), ..Pcap::MICROS }]);
    let pcapngs = [Little, Big].map(Pcapng);
    pcaps.map(|pcap| pcap.file(&PACKETS)).chain(pcapngs.map(|pcapng| pcapng.file(&PACKETS))).collect()
}

#[test]
fn every_byte_order_precision_and_header_is_read() {
    for file in every_kind() {
        let (seen, info) = read_whole(&file);
        assert_eq!(frames(&seen), [(1, PACKETS[0]), (2, PACKETS[1]), (3, PACKETS[2])], "{info:?}");
        assert!(seen.iter().all(|seen| seen.head.link == LinkType(1) && seen.head.timed));
        assert_eq!((info.packets, info.bytes, info.last_frame), (3, 27, 3));
        assert_eq!((info.truncated, info.damaged_places, info.cut_packets), (None, 0, 0));
        let tick = if file[..4] == [0x4d, 0x3c, 0xb2, 0xa1] || file[..4] == [0xa1, 0xb2, 0x3c, 0x4d] {
            1
        } else {
            1000
        };
        assert_eq!(info.first, Some(Timestamp::new(i64::from(START), tick)));
        assert_eq!(info.last, Some(Timestamp::new(i64::from(START), 3 * tick)));
    }
}

#[test]
fn the_size_of_chunks_makes_no_difference() {
    for file in every_kind() {
        let (whole, _) = read_whole(&file);
        for size in 1..=file.len() {
            assert_eq!(read(&file, size).unwrap().0, whole, "chunks of {size}");
        }
    }
}

#[test]
fn the_bits_for_check_sequences_are_no_link_type() {
    let file = Pcap { link: 0x1400_0071, ..Pcap::MICROS }.file(&PACKETS);
    assert_eq!(read_whole(&file).1.link_types, [(LinkType(113), 3)].into());
}

#[test]
fn lengths_of_old_tcpdump_files_are_told_apart() {
    for version in [(2, 2), (2, 3), (2, 4)] {
        let pcap = Pcap { version, ..Pcap::MICROS };
        let file = [pcap.header(), pcap.record(1, b"cut", 1500), pcap.record(2, b"whole", 5)].concat();
        let (seen, info) = read_whole(&file);
        assert_eq!(frames(&seen), [(1, &b"cut"[..]), (2, &b"whole"[..])], "{version:?}");
        assert_eq!((info.cut_packets, info.cut_at, info.first_cut_frame), (1, Some(3), Some(1)));
    }
}

#[test]
fn sections_of_different_byte_order_and_interfaces_of_different_kind_are_read() {
    let start = u64::from(START);
    let section = |order: Order| {
        let file = Pcapng(order);
        let offset = file.number(1_000_000_000);
        [
            file.section(1),
            file.interface(1, 0, &[(9, &[9])]),
            file.interface(113, 0, &[(9, &[0x8a]), (14, &offset)]),
            file.interface(276, 0, &[(9, &[12])]),
            file.packet(0, start * 1_000_000_000 + 5, b"nano"),
            file.packet(1, ((start - 1_000_000_000) << 10) + 512, b"binary"),
            file.packet(2, 5_000_000_001_999, b"pico"),
        ]
        .concat()
    };
    let file = [section(Little), section(Big)].concat();
    let nanos = i64::from(START) * 1_000_000_000;
    let once = [nanos + 5, nanos + 500_000_000, 5_000_000_001];
    assert_eq!(times(&file), [once, once].concat());
    let heads: Vec<_> =
        read_whole(&file).0.iter().map(|seen| (seen.head.link.0, seen.head.interface)).collect();
    assert_eq!(heads, [(1, 0), (113, 1), (276, 2), (1, 3), (113, 4), (276, 5)]);
}

#[test]
fn simple_and_obsolete_packets_are_read() {
    for file in [Little, Big].map(Pcapng) {
        let bytes = [
            file.section(1),
            file.interface(1, 4, &[]),
            file.simple_packet(9, b"cuts"),
            file.obsolete_packet(0, 3, 7, b"old"),
            file.obsolete_packet(0, u16::MAX, 8, b"older"),
            file.simple_packet(2, b"no"),
        ]
        .concat();
        let (seen, info) = read_whole(&bytes);
        let expected: [(u64, &[u8]); 4] = [(1, b"cuts"), (2, b"old"), (3, b"older"), (4, b"no")];
        assert_eq!(frames(&seen), expected);
        assert_eq!(seen.iter().map(|seen| seen.head.timed).collect::<Vec<_>>(), [false, true, true, false]);
        assert_eq!(seen[3].head.time.nanos(), 8000, "the time of the packet before it");
        assert_eq!((info.first, info.drops, info.cut_packets), (Some(Timestamp::from_nanos(7000)), 3, 1));
    }
}

#[test]
fn drops_are_those_of_the_last_statistics_of_each_interface() {
    for file in [Little, Big].map(Pcapng) {
        let count = |drops| file.number(drops);
        let bytes = [
            file.section(1),
            file.interface(1, 0, &[]),
            file.interface(1, 0, &[]),
            file.packet_with(0, 1, b"x", &[(2, &[0; 4]), (4, &count(2))]),
            file.statistics(0, &[(4, &count(99)), (5, &count(10)), (7, &count(1))]),
            file.statistics(0, &[(5, &count(20)), (7, &count(1)), (0, &[]), (5, &count(1 << 40))]),
            file.statistics(1, &[(5, &count(4))]),
            file.statistics(9, &[(5, &count(1000))]),
        ]
        .concat();
        assert_eq!(read_whole(&bytes).1.drops, 25);
    }
}

#[test]
fn records_that_are_no_packets_take_a_frame_number_where_wireshark_gives_them_one() {
    let file = Pcapng(Little);
    let packet = file.packet(0, 1, b"packet");
    let listed = [0xbad, 0x4000_0bad, 9, 0x204, 0x216, 0x221];
    let passed_over = [4, 7, 8, 10, 0x205, 0x8000_0001];
    for (kinds, expected) in [(&listed, 8), (&passed_over, 2)] {
        let others = kinds.iter().flat_map(|&kind| file.block(kind, &[0; 40]));
        let bytes: Vec<u8> = [file.section(1), file.interface(1, 0, &[]), packet.clone()]
            .concat()
            .into_iter()
            .chain(others)
            .chain(packet.clone())
            .collect();
        let (seen, info) = read_whole(&bytes);
        assert_eq!(frames(&seen), [(1, &b"packet"[..]), (expected, &b"packet"[..])]);
        assert_eq!((info.packets, info.last_frame, info.damaged_places), (2, expected, 0));
    }
}

#[test]
fn blocks_that_do_not_count_their_padding_are_read() {
    let file = Pcapng(Little);
    let mut packet = file.packet(0, 1, b"odd");
    let length = packet.len();
    for at in [4, length - 4] {
        packet[at] -= 1;
    }
    let bytes = [file.section(1), file.interface(1, 0, &[]), packet, file.packet(0, 2, b"even")].concat();
    assert_eq!(frames(&read_whole(&bytes).0), [(1, &b"odd"[..]), (2, &b"even"[..])]);
}

#[test]
fn options_that_lie_about_their_length_do_no_harm() {
    let file = Pcapng(Little);
    let mut interface = file.interface(1, 0, &[(9, &[9]), (2, b"eth0")]);
    let name = interface.len() - 10;
    interface[name..][..2].copy_from_slice(&5000_u16.to_le_bytes());
    let mut packet = file.packet_with(0, 1, b"x", &[(1, b"note")]);
    let comment = packet.len() - 10;
    packet[comment..][..2].copy_from_slice(&5000_u16.to_le_bytes());
    let bytes = [file.section(1), interface, packet].concat();
    assert_eq!(times(&bytes), [1]);
}

#[test]
fn times_that_cannot_be_written_are_the_nearest_that_can() {
    let file = Pcapng(Little);
    let early = file.number(i64::MIN as u64);
    let bytes = [
        file.section(1),
        file.interface(1, 0, &[(9, &[0])]),
        file.interface(1, 0, &[(14, &early)]),
        file.interface(1, 0, &[(9, &[127])]),
        file.interface(1, 0, &[(9, &[255])]),
        file.packet(0, u64::MAX, b""),
        file.packet(1, 0, b""),
        file.packet(2, u64::MAX, b""),
        file.packet(3, u64::MAX, b""),
    ]
    .concat();
    assert_eq!(times(&bytes), [i64::MAX, i64::MIN, 1_000_000_000, 1_000_000_000]);
}

#[test]
fn what_is_no_capture_is_named() {
    let cause = |bytes: &[u8]| match read(bytes, 100) {
        Err(Error::NotACapture { cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    assert_eq!(cause(b""), "the file is empty");
    assert_eq!(cause(b"\xd4\xc3\xb2\xa1"), "the file has only 4 bytes");
    assert_eq!(cause(b"A letter of at least 24 bytes"), "it begins with \"A le\"");
    assert!(cause(b"GMBU\x01\x02").starts_with("a Microsoft Network Monitor capture"));
    assert_eq!(cause(&Pcapng(Little).section(2)), "a section of pcapng version 2.0, which is not known");
}

#[cfg(feature = "compress")]
#[test]
fn compressed_captures_are_read_as_if_they_were_not() {
    use std::io::Write;

    let file = Pcap::MICROS.file(&PACKETS);
    let (front, back) = file.split_at(50);
    let lz4 = |bytes: &[u8]| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let skippable = b"\x51\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    for (compression, packed) in [
        ("gzip", [gzip(front), gzip(back)].concat()),
        ("zstd", [skippable.clone(), zstd(front), skippable.clone(), zstd(back)].concat()),
        ("lz4", [skippable.clone(), lz4(front), skippable, lz4(back)].concat()),
    ] {
        let (seen, info) = read(&packed, 7).unwrap();
        assert_eq!(seen, read_whole(&file).0);
        assert_eq!((info.compression, info.truncated, info.damaged_places), (Some(compression), None, 0));
        cut_or_followed_by_garbage(compression, &packed, info.packets);
    }
}

#[cfg(feature = "compress")]
fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[cfg(feature = "compress")]
fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[cfg(feature = "compress")]
#[test]
fn captures_that_unpack_to_very_many_times_their_size_are_said_to() {
    let ordinary = Pcap::MICROS.file(&PACKETS);
    let record = Pcap::MICROS.record(1, &[0; 60_000], 60_000);
    let bomb = [Pcap::MICROS.header(), record.repeat(40)].concat();
    for pack in [gzip, zstd] {
        let notes = |file: &[u8]| read(&pack(file), 1 << 16).unwrap().1.notes;
        assert!(notes(&ordinary).is_empty());
        let (stored, unpacked) = (pack(&bomb).len(), bomb.len());
        let times = unpacked / stored;
        assert!(times > 100, "{times}");
        assert_eq!(
            notes(&bomb),
            [format!("unpacks to {times} times its size: {stored} bytes to {unpacked}")]
        );
    }
    assert!(read(&bomb, 1 << 16).unwrap().1.notes.is_empty());
}

#[cfg(feature = "compress")]
fn cut_or_followed_by_garbage(compression: &str, packed: &[u8], packets: u64) {
    let (_, info) = read(&packed[..packed.len() - 9], 7).unwrap();
    let crate::capture::FileInfo { truncated: Some(truncated), .. } = info else {
        panic!("{compression}: {info:?}")
    };
    assert_eq!(truncated.cause, "the compressed data ends early", "{compression}");

    let (_, info) = read(&[packed, b"garbage, and more of it"].concat(), 7).unwrap();
    assert_eq!((info.packets, info.damaged_places), (packets, 1), "{compression}");
    assert!(info.damaged[0].cause.contains("cannot be unpacked any further"), "{info:?}");

    let (whole, _) = read(packed, 7).unwrap();
    for length in 0..packed.len() {
        if let Ok((seen, _)) = read(&packed[..length], 7) {
            assert!(whole.starts_with(&seen), "{compression} cut at {length}");
        }
    }
}
