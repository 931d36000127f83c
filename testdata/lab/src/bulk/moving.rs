//! What moves on from one repetition of a block to the next, with checksums kept right by RFC 1624.

use crate::wire::{flags, protocol};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How far sequence numbers move from one repetition to the next.
const SEQUENCE_STEP: u32 = 0x1357_9bdf;

/// How far the watermark of a busy mailbox moves on with each keep-alive.
pub(super) const WATERMARK_STEP: u64 = 7;

/// Where the headers of IPv4 and TCP begin in an Ethernet frame.
pub(super) const IP: usize = 14;
const TCP: usize = IP + 20;
const TCP_CHECKSUM: usize = TCP + 16;

/// Digits of a watermark of version 1.
pub(super) const MARK: usize = 40;

/// Where those that a frame holds whole begin.
pub(super) fn watermarks(frame: &[u8]) -> Vec<usize> {
    const BEFORE: &[u8] = b"Watermark>";
    let places = frame.windows(BEFORE.len() + MARK + 1).enumerate();
    places
        .filter(|(_, part)| part.starts_with(BEFORE) && part.ends_with(b"<"))
        .map(|(place, _)| place + BEFORE.len())
        .collect()
}

/// Moves the counter of a watermark on and corrects the checksum.
pub(super) fn watermark(frame: &mut [u8], mark: usize) {
    let digits = frame[mark..mark + MARK].to_vec();
    let mut bytes = STANDARD.decode(&digits).expect("a watermark");
    let (counter, _) = bytes[20..].split_first_chunk_mut().expect("one of version 1");
    *counter = (u64::from_le_bytes(*counter) + WATERMARK_STEP).to_le_bytes();
    // Pairs of digits as the checksum counts them: from an even place on.
    let even = mark & !1;
    let old = frame[even..(mark + MARK + 1) & !1].to_vec();
    frame[mark..mark + MARK].copy_from_slice(STANDARD.encode(bytes).as_bytes());
    for place in (0..old.len()).step_by(2) {
        let new = [frame[even + place], frame[even + place + 1]];
        correct(frame, TCP_CHECKSUM, [old[place], old[place + 1]], new);
    }
}

/// Moves the time of a record on.
pub(super) fn time(record: &mut [u8], span_us: u64) {
    let field = |at: usize| {
        u64::from(u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]))
    };
    let moment = field(0) * 1_000_000 + field(4) + span_us;
    record[0..4].copy_from_slice(&((moment / 1_000_000) as u32).to_le_bytes());
    record[4..8].copy_from_slice(&((moment % 1_000_000) as u32).to_le_bytes());
}

/// Shifts sequence and acknowledgment numbers of a TCP segment in an Ethernet frame, and its source.
pub(super) fn segment(frame: &mut [u8], source_step: u32) {
    if frame[IP] != 0x45 || frame[IP + 9] != protocol::TCP {
        return;
    }
    shift(frame, TCP + 4, SEQUENCE_STEP, &[TCP_CHECKSUM]);
    if frame[TCP + 13] & flags::ACK != 0 {
        shift(frame, TCP + 8, SEQUENCE_STEP, &[TCP_CHECKSUM]);
    }
    shift(frame, IP + 12, source_step, &[IP + 10, TCP_CHECKSUM]);
}

/// Adds the step to the number at `at` and corrects the checksums.
fn shift(frame: &mut [u8], at: usize, step: u32, checksums: &[usize]) {
    let old = [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]];
    let new = u32::from_be_bytes(old).wrapping_add(step).to_be_bytes();
    frame[at..at + 4].copy_from_slice(&new);
    for &checksum in checksums {
        for index in [0, 2] {
            correct(frame, checksum, [old[index], old[index + 1]], [new[index], new[index + 1]]);
        }
    }
}

/// Corrects a checksum for two bytes that changed (RFC 1624, equation 3).
fn correct(frame: &mut [u8], checksum: usize, old: [u8; 2], new: [u8; 2]) {
    let before = u16::from_be_bytes([frame[checksum], frame[checksum + 1]]);
    let sum = u32::from(!before) + u32::from(!u16::from_be_bytes(old)) + u32::from(u16::from_be_bytes(new));
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    frame[checksum..checksum + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
