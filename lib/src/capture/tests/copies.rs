//! A copy as pcapng holds the same packets, and the comments that were added.

use super::build::{Pcap, Pcapng};
use super::formats::every_kind;
use super::{Seen, read_whole};
use crate::capture::walk::Order::{Big, Little};
use crate::capture::{Capture, Editor, Original};

/// Notes on every packet its number, and leaves out one.
struct Numbers {
    without: u64,
}

impl Editor for Numbers {
    fn packet(&mut self, packet: &Original<'_>) -> Option<Vec<String>> {
        (packet.frame != self.without).then(|| vec![format!("number {}", packet.frame), "again".to_owned()])
    }
}

fn copy(file: &[u8], without: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let capture = Capture::from_bytes("test", file.to_vec()).unwrap();
    capture.copy_to(&mut out, "of the section", &mut Numbers { without }).unwrap();
    out
}

/// Everything that must survive.
fn essence(seen: &[Seen]) -> Vec<(u64, i64, u32, u32, Vec<u8>)> {
    let essence = |Seen { head, bytes }: &Seen| {
        (head.frame, head.time.nanos(), head.link.0, head.original, bytes.clone())
    };
    seen.iter().map(essence).collect()
}

fn holds(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_copy_of_every_kind_holds_the_same_packets_and_the_comments() {
    for file in every_kind() {
        let copied = copy(&file, 0);
        let ((before, _), (after, info)) = (read_whole(&file), read_whole(&copied));
        assert_eq!(essence(&after), essence(&before));
        assert_eq!((info.format, info.damaged_places, info.truncated), ("pcapng", 0, None));
        for text in ["of the section", "number 1", "number 3", "again"] {
            assert!(holds(&copied, text), "{text}");
        }
    }
}

#[test]
fn what_is_left_out_is_not_there() {
    let copied = copy(&Pcap::MICROS.file(&[b"one", b"two", b"three"]), 2);
    assert_eq!(essence(&read_whole(&copied).0).len(), 2);
    assert!(!holds(&copied, "two") && !holds(&copied, "number 2"));
}

#[test]
fn other_blocks_and_options_stay_and_frames_keep_their_numbers() {
    for order in [Little, Big] {
        let made = Pcapng(order);
        let file = [
            made.section(1),
            made.interface(1, 4, &[(2, b"eth7"), (0, b"")]),
            made.block(0xbad, b"\0\0\0\0custom"),
            made.packet_with(0, 7, b"data", &[(1, b"said before"), (0, b"")]),
            made.simple_packet(9, b"fore"),
            made.obsolete_packet(0, 3, 8, b"aged!"),
            made.statistics(0, &[]),
        ]
        .concat();
        let copied = copy(&file, 0);
        let ((before, old), (after, new)) = (read_whole(&file), read_whole(&copied));
        assert_eq!(essence(&after), essence(&before));
        assert_eq!(after.iter().map(|seen| seen.head.frame).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!((new.last_frame, new.drops, new.damaged_places), (old.last_frame, old.drops, 0));
        for (text, kept) in [
            ("eth7", true),
            ("custom", true),
            ("said before", true),
            ("number 2", true),
            ("number 3", false),
            ("number 4", true),
        ] {
            assert_eq!(holds(&copied, text), kept, "{text}");
        }
    }
}

#[test]
fn what_is_damaged_is_left_out() {
    let made = Pcapng(Little);
    let file = [
        made.section(1),
        made.interface(1, 0, &[]),
        made.packet(0, 1, b"one"),
        vec![0xaa; 40],
        made.packet(0, 2, b"two"),
        made.packet(9, 3, b"of no interface"),
        made.packet(0, 4, b"cut off")[..30].to_vec(),
    ]
    .concat();
    let (after, info) = read_whole(&copy(&file, 0));
    assert_eq!(essence(&after), essence(&read_whole(&file).0));
    assert_eq!((after.len(), info.damaged_places, info.truncated), (2, 0, None));
}
