//! Damaged files: what is there is read, what is lost is said, nothing panics.

use proptest::prelude::*;

use super::build::{Pcap, Pcapng};
use super::{frames, read, read_whole};
use crate::capture::Damage;
use crate::capture::walk::Order::{Big, Little};

/// Packets with all sorts of content, and enough of them to find the way again.
fn packets() -> Vec<Vec<u8>> {
    (0..40_usize).map(|at| (0..60 + 7 * at).map(|byte| (byte * at) as u8).collect()).collect()
}

fn files() -> [Vec<u8>; 3] {
    let packets = packets();
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    [
        Pcap::MICROS.file(&packets),
        Pcap { order: Big, magic: 0xa1b2_cd34, ..Pcap::MICROS }.file(&packets),
        Pcapng(Big).file(&packets),
    ]
}

/// Where the records of a file begin, and where it ends.
fn bounds(file: &[u8]) -> Vec<usize> {
    let (seen, info) = read_whole(file);
    let (first, header) = match (info.format, file[3]) {
        ("pcapng", _) => (28 + 20, 32),
        (_, 0x34) => (24, 24),
        _ => (24, 16),
    };
    let mut at = first;
    let mut bounds = vec![at];
    for seen in seen {
        at += header + seen.bytes.len();
        if info.format == "pcapng" {
            at = at.next_multiple_of(4);
        }
        bounds.push(at);
    }
    assert_eq!(at, file.len());
    bounds
}

#[test]
fn a_file_that_is_cut_anywhere_yields_the_records_before_the_cut() {
    for file in files() {
        let (whole, _) = read_whole(&file);
        let bounds = bounds(&file);
        for length in (bounds[0]..file.len()).step_by(3) {
            let (seen, info) = read(&file[..length], 1000).unwrap();
            let complete = bounds.iter().filter(|bound| **bound <= length).count() - 1;
            assert_eq!(seen, whole[..complete], "cut at {length}");
            let left = (length - bounds[complete]) as u64;
            let truncated = info
                .truncated
                .map(|Damage { offset, after_frame, skipped, .. }| (offset, after_frame, skipped));
            let expected = (left > 0).then_some((bounds[complete] as u64, complete as u64, left));
            assert_eq!((truncated, info.damaged_places), (expected, 0), "cut at {length}");
        }
    }
}

#[test]
fn a_file_without_even_a_header_is_refused() {
    for file in files() {
        for length in 0..24 {
            assert!(read(&file[..length], 10).is_err());
        }
    }
}

#[test]
fn reading_goes_on_after_a_length_that_cannot_be() {
    for file in files() {
        let bounds = bounds(&file);
        let (whole, info) = read_whole(&file);
        // The captured length, or the length of the block.
        let field = if info.format == "pcapng" { 4 } else { 8 };
        for broken in [0, 17, 38, 39] {
            let mut file = file.clone();
            file[bounds[broken] + field..][..4].copy_from_slice(&[0xee; 4]);
            for size in [1, 100, 5000, 1 << 20] {
                let (seen, info) = read(&file, size).unwrap();
                let contents: Vec<_> = seen.iter().map(|seen| &seen.bytes).collect();
                let expected: Vec<_> =
                    whole[..broken].iter().chain(&whole[broken + 1..]).map(|seen| &seen.bytes).collect();
                assert!(contents == expected, "record {broken} in chunks of {size}: {} packets", seen.len());
                let [damage] = &info.damaged[..] else { panic!("{info:?}") };
                assert_eq!(damage.offset, bounds[broken] as u64);
                assert_eq!(damage.after_frame, broken as u64);
                assert_eq!(damage.skipped, (bounds[broken + 1] - bounds[broken]) as u64);
                assert_eq!(info.truncated, None);
            }
        }
    }
}

#[test]
fn a_length_beyond_the_end_of_the_file_is_damage_if_records_follow() {
    let [file, ..] = files();
    let bounds = bounds(&file);
    let mut file = file;
    file[bounds[20] + 8..][..4].copy_from_slice(&200_000_u32.to_le_bytes());
    let (seen, info) = read_whole(&file);
    assert_eq!((seen.len(), info.damaged_places, info.truncated), (39, 1, None));
}

#[test]
fn a_record_that_is_cut_off_behind_something_like_a_record_is_cut_off() {
    let pcap = Pcap::MICROS;
    let mut record = pcap.record(2, &pcap.record(3, b"inner", 5), 60);
    record[8..12].copy_from_slice(&60_u32.to_le_bytes());
    let (seen, info) = read_whole(&[pcap.header(), pcap.record(1, b"one", 3), record].concat());
    assert_eq!(frames(&seen), [(1, &b"one"[..])]);
    assert_eq!((info.damaged_places, info.truncated.map(|cut| cut.skipped)), (0, Some(37)));
}

#[test]
fn bytes_that_hold_no_records_are_passed_over_to_the_end() {
    for file in files() {
        let (whole, info) = read_whole(&file);
        let garbage = vec![0xee; 5000];
        let (seen, after) = read(&[&file[..], &garbage].concat(), 512).unwrap();
        assert_eq!(seen, whole);
        assert_eq!(
            (after.damaged[0].offset, after.damaged[0].skipped),
            (file.len() as u64, 5000),
            "{}",
            info.format
        );
    }
}

#[test]
fn blocks_that_were_never_written_are_frames_but_no_packets() {
    let pcap = Pcap::MICROS;
    let file =
        [pcap.header(), pcap.record(1, b"one", 3), vec![0; 16 * 100], pcap.record(2, b"two", 3)].concat();
    for size in [1, 100, 1 << 20] {
        let (seen, info) = read(&file, size).unwrap();
        assert_eq!(frames(&seen), [(1, &b"one"[..]), (102, &b"two"[..])]);
        assert_eq!((info.damaged_places, info.damaged[0].offset, info.damaged[0].skipped), (1, 43, 1600));
    }
}

#[test]
fn packets_of_interfaces_that_are_not_described_are_passed_over() {
    let file = Pcapng(Little);
    let bytes = [
        file.section(1),
        file.packet(0, 1, b"early"),
        file.interface(1, 0, &[]),
        file.packet(7, 1, b"stray"),
        file.simple_packet(400, b"too short"),
        file.packet(0, 2, b"right"),
    ]
    .concat();
    let (seen, info) = read_whole(&bytes);
    assert_eq!(frames(&seen), [(1, &b"right"[..])]);
    assert_eq!(info.damaged_places, 3);
    assert_eq!(info.damaged[1].cause, "a packet of interface 7, which is not described");
}

#[test]
fn sections_of_an_unknown_version_are_passed_over_as_one_place() {
    let file = Pcapng(Big);
    let unknown = [file.section(2), file.interface(1, 0, &[]), file.packet(0, 1, b"future")].concat();
    let bytes = [file.file(&[b"one"]), unknown.clone(), Pcapng(Little).file(&[b"two"])].concat();
    let (seen, info) = read_whole(&bytes);
    assert_eq!(frames(&seen), [(1, &b"one"[..]), (2, &b"two"[..])]);
    assert_eq!((info.damaged_places, info.damaged[0].skipped), (1, unknown.len() as u64));
}

proptest! {
    #[test]
    fn flipped_bits_do_no_harm(
        kind in 0..3_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..20),
    ) {
        let mut file = files()[kind].clone();
        for (at, bit) in flips {
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
        }
        if let Ok((seen, info)) = read(&file, 1 << 20) {
            prop_assert_eq!(seen.len() as u64, info.packets);
            let (small, small_info) = read(&file, 300).unwrap();
            prop_assert_eq!(seen, small);
            prop_assert_eq!(info.damaged, small_info.damaged);
        }
    }

    #[test]
    fn any_bytes_after_a_header_do_no_harm(kind in 0..3_usize, bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut file = files()[kind][..48].to_vec();
        file.extend(bytes);
        let read = read(&file, 64);
        prop_assert!(read.is_ok());
    }
}
