//! What a SYN shows of the stack that made it.

use std::ops::Deref;

use super::{Moment, Syn};
use crate::packet::{Ip, Tcp, raw_options};

const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const TIMESTAMP: u8 = 8;

impl Syn {
    pub(super) fn new(at: Moment, ip: &Ip, tcp: &Tcp<'_>) -> Self {
        let mut syn = Syn {
            at,
            isn: tcp.seq,
            ttl: ip.ttl,
            df: ip.df,
            ip_id: ip.id,
            window: tcp.window,
            mss: None,
            scale: None,
            options: OptionKinds::default(),
            timestamp: None,
        };
        for (kind, value) in raw_options(tcp.options) {
            syn.options.push(kind);
            match (kind, value) {
                (MSS, &[a, b]) => syn.mss = Some(u16::from_be_bytes([a, b])),
                (WINDOW_SCALE, &[shift]) => syn.scale = Some(shift),
                (TIMESTAMP, &[a, b, c, d, ..]) => syn.timestamp = Some(u32::from_be_bytes([a, b, c, d])),
                _ => {}
            }
        }
        syn
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
}
