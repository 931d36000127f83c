//! What a SYN shows of the stack that made it.

use std::ops::Deref;

use super::{Arriving, Syn};
use crate::packet::{Tcp, raw_options};

const NOP: u8 = 1;
const MSS: u8 = 2;
const SCALE: u8 = 3;
const SACK: u8 = 4;
const TIMESTAMP: u8 = 8;

impl Syn {
    pub(super) fn new(packet: &Arriving<'_>) -> Self {
        let Arriving { at, ttl, ip_id, df, tcp, .. } = *packet;
        let Options { mss, scale, timestamp, kinds } =
            Options::usual(tcp.options).unwrap_or_else(|| Options::any(tcp.options));
        let Tcp { seq: isn, window, .. } = *tcp;
        Syn { at, isn, ttl, df, ip_id, window, mss, scale, options: kinds, timestamp }
    }
}

/// What the options of a SYN say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    mss: Option<u16>,
    scale: Option<u8>,
    timestamp: Option<u32>,
    kinds: OptionKinds,
}

impl Options {
    /// The lists that Linux and Windows send. To look for them saves a flood a tenth of its instructions.
    fn usual(options: &[u8]) -> Option<Self> {
        let (mss, scale, timestamp, kinds) = match options.as_chunks() {
            (&[[MSS, 4, a, b], [SACK, 2, TIMESTAMP, 10], value, _, [NOP, SCALE, 3, shift]], []) => {
                ([a, b], shift, Some(value), OptionKinds::of([MSS, SACK, TIMESTAMP, NOP, SCALE]))
            }
            (&[[MSS, 4, a, b], [NOP, SCALE, 3, shift], [NOP, NOP, SACK, 2]], []) => {
                ([a, b], shift, None, OptionKinds::of([MSS, NOP, SCALE, NOP, NOP, SACK]))
            }
            _ => return None,
        };
        let mss = Some(u16::from_be_bytes(mss));
        Some(Options { mss, scale: Some(scale), timestamp: timestamp.map(u32::from_be_bytes), kinds })
    }

    fn any(options: &[u8]) -> Self {
        let mut said = Options::default();
        for (kind, value) in raw_options(options) {
            said.kinds.push(kind);
            match (kind, value) {
                (MSS, &[a, b]) => said.mss = Some(u16::from_be_bytes([a, b])),
                (SCALE, &[shift]) => said.scale = Some(shift),
                (TIMESTAMP, &[a, b, c, d, ..]) => said.timestamp = Some(u32::from_be_bytes([a, b, c, d])),
                _ => {}
            }
        }
        said
    }
}

/// The kinds of the TCP options of one segment (RFC 9293, 3.1) in their order: the first fifteen, of which stacks use
/// half. Every connection has two such lists, so they stand in its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OptionKinds {
    kinds: [u8; 15],
    count: u8,
}

impl OptionKinds {
    /// At most fifteen of them.
    const fn of<const N: usize>(some: [u8; N]) -> Self {
        let mut kinds = [0; 15];
        kinds.split_at_mut(N).0.copy_from_slice(&some);
        OptionKinds { kinds, count: N as u8 }
    }

    fn push(&mut self, kind: u8) {
        if let Some(place) = self.kinds.get_mut(usize::from(self.count)) {
            *place = kind;
            self.count += 1;
        }
    }
}

impl FromIterator<u8> for OptionKinds {
    fn from_iter<I: IntoIterator<Item = u8>>(kinds: I) -> Self {
        let mut list = OptionKinds::default();
        kinds.into_iter().for_each(|kind| list.push(kind));
        list
    }
}

impl Deref for OptionKinds {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.kinds[..usize::from(self.count)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(options: &[u8]) -> Vec<u8> {
        raw_options(options).map(|(kind, _)| kind).collect()
    }

    #[test]
    fn options_are_read_up_to_the_end_of_the_list_or_the_damage() {
        let windows = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
        assert_eq!(kinds(&windows), [2, 1, 3, 1, 1, 4]);
        assert_eq!(kinds(&[1, 0, 1]), [1]);
        assert_eq!(kinds(&[1, 3, 9, 1]), [1], "a length beyond the header");
        assert_eq!(kinds(&[1, 3, 1, 1]), [1], "a length that does not cover itself");
        assert_eq!(kinds(&[1, 3]), [1], "no length");
        let list: OptionKinds = kinds(&[1; 40]).into_iter().collect();
        assert_eq!(list[..], [1; 15], "no stack sends as many");
    }

    proptest! {
        #[test]
        fn the_short_way_says_what_the_long_one_does(
            list in prop::sample::select(vec![
                vec![2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 0, 1, 3, 3, 7],
                vec![2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2],
            ]),
            change in prop::option::of((0..20_usize, any::<u8>())),
            length in prop_oneof![3 => Just(20), 1 => 0..20_usize],
        ) {
            let mut list = list;
            let is_usual = change.is_none() && length >= list.len();
            list.truncate(length);
            if let Some((at, byte)) = change
                && let Some(place) = list.get_mut(at)
            {
                *place = byte;
            }
            match Options::usual(&list) {
                Some(usual) => prop_assert_eq!(usual, Options::any(&list)),
                None => prop_assert!(!is_usual),
            }
        }
    }
}
