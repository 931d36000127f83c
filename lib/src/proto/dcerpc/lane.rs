//! One direction of a connection: from bytes to PDUs. After missing bytes it goes on with the next plausible header.

use super::pdu::{Header, probe};
use crate::flow::Moment;
use crate::proto::Probe;

/// A PDU.
pub(super) struct Pdu<'a> {
    pub(super) header: Header,
    /// From its first byte on; shorter than the header says where bytes of it were not captured.
    pub(super) bytes: &'a [u8],
    /// Frame with its first byte.
    pub(super) first: Moment,
    /// Frame that completed it.
    pub(super) last: Moment,
}

impl Pdu<'_> {
    /// Whether all of it was captured.
    pub(super) fn is_whole(&self) -> bool {
        self.bytes.len() == usize::from(self.header.length)
    }
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The beginning of the PDU that is arriving; never more than one PDU.
    held: Vec<u8>,
    /// Bytes of it that are missing, and those after them.
    holed: usize,
    first: Moment,
    /// Nothing is known of where a PDU begins.
    lost: bool,
}

impl Lane {
    /// Bytes that are kept of the PDU that is arriving.
    pub(super) fn held(&self) -> usize {
        self.held.capacity()
    }

    /// Takes the next bytes and gives each PDU that they complete.
    pub(super) fn data(&mut self, bytes: &[u8], at: Moment, mut take: impl FnMut(Pdu<'_>)) {
        let joined;
        let mut rest = bytes;
        if self.lost && !self.held.is_empty() {
            // A header may be spread over two segments: its beginning was held.
            self.held.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.held);
            rest = &joined;
        }
        while !rest.is_empty() {
            if self.lost {
                let start = seek(rest);
                rest = rest.get(start..).unwrap_or_default();
                if Header::read(rest).is_none() {
                    self.held.extend_from_slice(rest);
                    return;
                }
                self.lost = false;
            }
            if self.held.is_empty() {
                self.first = at;
                if let Some(header) = Header::read(rest)
                    && let Some((pdu, after)) = rest.split_at_checked(usize::from(header.length))
                {
                    take(Pdu { header, bytes: pdu, first: at, last: at });
                    rest = after;
                    continue;
                }
            }
            self.collect(&mut rest, at, &mut take);
        }
    }

    /// `length` bytes come next that were never captured.
    pub(super) fn gap(&mut self, length: u64, at: Moment, take: impl FnOnce(Pdu<'_>)) {
        if length == 0 {
            return;
        }
        let missing = self.header().map(|header| self.missing(&header));
        match missing {
            Some(missing) if length <= missing as u64 => {
                self.holed += usize::try_from(length).unwrap_or(missing);
                if length == missing as u64 {
                    self.finish(at, take);
                }
            }
            Some(_) => {
                self.finish(at, take);
                self.lost = true;
            }
            None => {
                self.held.clear();
                self.lost = true;
            }
        }
    }

    /// The header of the PDU that is arriving; `None` while it is not known.
    fn header(&self) -> Option<Header> {
        Header::read(&self.held)
    }

    fn missing(&self, header: &Header) -> usize {
        usize::from(header.length).saturating_sub(self.held.len() + self.holed)
    }

    /// Adds to the PDU that is arriving.
    fn collect(&mut self, bytes: &mut &[u8], at: Moment, take: &mut impl FnMut(Pdu<'_>)) {
        if self.held.len() < Header::LENGTH {
            self.hold(bytes, Header::LENGTH - self.held.len());
            if probe(&self.held, true) == Probe::No
                || self.held.len() == Header::LENGTH && self.header().is_none()
            {
                self.held.clear();
                self.lost = true;
                return;
            }
        }
        let Some(header) = self.header() else { return };
        let missing = self.missing(&header);
        if self.holed > 0 {
            // What follows a hole is no stub any more.
            let passed = missing.min(bytes.len());
            self.holed += passed;
            *bytes = bytes.get(passed..).unwrap_or_default();
        } else {
            self.hold(bytes, missing);
        }
        if self.missing(&header) == 0 {
            self.finish(at, take);
        }
    }

    fn hold(&mut self, bytes: &mut &[u8], most: usize) {
        let (taken, rest) = bytes.split_at(most.min(bytes.len()));
        self.held.extend_from_slice(taken);
        *bytes = rest;
    }

    fn finish(&mut self, at: Moment, take: impl FnOnce(Pdu<'_>)) {
        if let Some(header) = self.header() {
            take(Pdu { header, bytes: &self.held, first: self.first, last: at });
        }
        self.held.clear();
        self.holed = 0;
    }
}

/// Where the first plausible header begins in `bytes`, or what may be the beginning of one at their end.
fn seek(bytes: &[u8]) -> usize {
    let is_start = |start: &usize| {
        let rest = bytes.get(*start..).unwrap_or_default();
        Header::read(rest).is_some() || rest.len() < Header::LENGTH && probe(rest, true) != Probe::No
    };
    memchr::memchr_iter(5, bytes).find(is_start).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flow::FrameId;
    use crate::time::Timestamp;

    fn at(frame: u64) -> Moment {
        Moment { frame: FrameId::new(0, frame), time: Timestamp::new(frame as i64, 0) }
    }

    fn pdu(call_id: u8, body: usize) -> Vec<u8> {
        let length = (16 + body) as u16;
        let mut made = vec![5, 0, 0, 3, 0x10, 0, 0, 0];
        made.extend(length.to_le_bytes());
        made.extend([0, 0, call_id, 0, 0, 0]);
        made.resize(usize::from(length), 0xee);
        made
    }

    /// Call id, captured bytes, first and last frame of each PDU.
    fn read(lane: &mut Lane, pieces: &[&[u8]], start: u64) -> Vec<(u32, usize, u64, u64)> {
        let mut all = Vec::new();
        for (number, piece) in (start..).zip(pieces) {
            lane.data(piece, at(number), |pdu| {
                let frames = (pdu.first.frame.number(), pdu.last.frame.number());
                all.push((pdu.header.call_id, pdu.bytes.len(), frames.0, frames.1));
            });
        }
        all
    }

    #[test]
    fn several_pdus_come_in_one_segment_and_one_in_several() {
        let (one, two) = (pdu(1, 8), pdu(2, 100));
        let all = [one, two].concat();
        let pdus = read(&mut Lane::default(), &[&all[..30], &all[30..40], &all[40..]], 1);
        assert_eq!(pdus, [(1, 24, 1, 1), (2, 116, 1, 3)]);
    }

    #[test]
    fn after_a_hole_it_goes_on_with_the_next_header() {
        let mut lane = Lane::default();
        assert_eq!(read(&mut lane, &[&pdu(1, 100)[..50]], 1), []);
        let mut cut = Vec::new();
        lane.gap(500, at(2), |pdu| cut.push(pdu.bytes.len()));
        assert_eq!(cut, [50]);
        let rest = [vec![5, 0, 9, 5, 5, 0], pdu(2, 10), pdu(3, 0)].concat();
        for cut in 0..rest.len() {
            let mut lane = Lane { lost: true, ..Lane::default() };
            let ids: Vec<u32> =
                read(&mut lane, &[&rest[..cut], &rest[cut..]], 3).iter().map(|p| p.0).collect();
            assert_eq!(ids, [2, 3], "{cut}");
        }
    }

    #[test]
    fn a_hole_inside_of_a_pdu_loses_only_its_rest() {
        let mut lane = Lane::default();
        let one = pdu(1, 100);
        read(&mut lane, &[&one[..50]], 1);
        lane.gap(20, at(2), |_| panic!("it is not over"));
        let pdus = read(&mut lane, &[&[&one[70..], &pdu(2, 0)[..]].concat()], 3);
        assert_eq!(pdus, [(1, 50, 1, 3), (2, 16, 3, 3)]);
        read(&mut lane, &[&one[..50]], 4);
        let mut cut = 0;
        lane.gap(66, at(5), |pdu| cut = pdu.bytes.len());
        assert_eq!((cut, read(&mut lane, &[&pdu(3, 0)], 6).len()), (50, 1));
    }

    proptest! {
        #[test]
        fn pdus_do_not_depend_on_how_the_stream_is_cut(
            bodies in proptest::collection::vec(0usize..80, 1..6),
            cuts in proptest::collection::vec(0usize..400, 0..8),
        ) {
            let all: Vec<u8> = bodies.iter().zip(1..).flat_map(|(body, id)| pdu(id, *body)).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(all.len())).collect();
            cuts.extend([0, all.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &all[cut[0]..cut[1]]).collect();
            let got: Vec<_> = read(&mut Lane::default(), &pieces, 1).iter().map(|pdu| (pdu.0, pdu.1)).collect();
            let wanted: Vec<_> = bodies.iter().zip(1u32..).map(|(body, id)| (id, body + 16)).collect();
            prop_assert_eq!(got, wanted);
        }

        #[test]
        fn no_bytes_make_it_panic_or_keep_more_than_a_pdu(
            pieces in proptest::collection::vec(
                (proptest::collection::vec(prop_oneof![Just(5u8), Just(0), Just(0x10), any::<u8>()], 0..60), 0u64..300),
                0..12,
            ),
        ) {
            let mut lane = Lane::default();
            for (bytes, hole) in &pieces {
                lane.data(bytes, at(1), |_| {});
                lane.gap(*hole, at(1), |_| {});
                prop_assert!(lane.held.len() <= usize::from(u16::MAX));
            }
        }
    }
}
