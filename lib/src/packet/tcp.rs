//! TCP and UDP headers, and TCP options.

use super::span::Span;
use super::{Tcp, Udp};

/// Reads a TCP segment.
///
/// A header that the snapshot length cut is read when all fields up to the window are there; without the flags a
/// segment says too little, and with a made-up window it would say something wrong. A data offset that points into
/// the fixed header is a segment no receiver takes: it has neither options nor payload.
pub(super) fn tcp(span: Span<'_>) -> Option<Tcp<'_>> {
    let head: &[u8; 16] = span.bytes.first_chunk()?;
    let header = usize::from(head[12] >> 4) * 4;
    let (options, payload, payload_len) = if header < 20 {
        (&[][..], &[][..], 0)
    } else {
        let (header_bytes, payload) = span.bytes.split_at_checked(header).unwrap_or((span.bytes, &[]));
        (header_bytes.get(20..).unwrap_or_default(), payload, span.wire_len().saturating_sub(header as u32))
    };
    Some(Tcp {
        src_port: u16::from_be_bytes([head[0], head[1]]),
        dst_port: u16::from_be_bytes([head[2], head[3]]),
        seq: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ack: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        flags: head[13],
        window: u16::from_be_bytes([head[14], head[15]]),
        options,
        payload,
        payload_len,
    })
}

/// Reads a UDP datagram (RFC 768); of a header that was cut, the ports are enough.
pub(super) fn udp(span: Span<'_>) -> Option<Udp<'_>> {
    let &[s0, s1, d0, d1] = span.bytes.first_chunk()?;
    let payload = match span.split() {
        // A length of 0 is a jumbogram's or left to the network card.
        Some((&[_, _, _, _, l0, l1, _, _], rest)) => {
            match usize::from(u16::from_be_bytes([l0, l1])).checked_sub(8) {
                Some(len) => rest.limit(len).bytes,
                None => rest.bytes,
            }
        }
        None => &[],
    };
    Some(Udp { src_port: u16::from_be_bytes([s0, s1]), dst_port: u16::from_be_bytes([d0, d1]), payload })
}

/// A TCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// Padding (RFC 9293, 3.2).
    Nop,
    /// Maximum segment size (RFC 9293, 3.7.1).
    Mss(u16),
    /// Window scale: by how many bits the window field is shifted (RFC 7323, 2).
    WindowScale(u8),
    /// Selective acknowledgments are welcome (RFC 2018, 2).
    SackPermitted,
    /// Value and echo reply of the timestamp option (RFC 7323, 3).
    Timestamps(u32, u32),
    /// Any other option, and those above when their length is wrong: the kind and what follows the length byte.
    Other(u8, &'a [u8]),
}

impl TcpOption<'_> {
    /// The option's number
    /// (<https://www.iana.org/assignments/tcp-parameters/tcp-parameters.xhtml#tcp-parameters-1>).
    pub fn kind(&self) -> u8 {
        match self {
            TcpOption::Nop => 1,
            TcpOption::Mss(_) => 2,
            TcpOption::WindowScale(_) => 3,
            TcpOption::SackPermitted => 4,
            TcpOption::Timestamps(..) => 8,
            TcpOption::Other(kind, _) => *kind,
        }
    }
}

/// The options of a TCP header, up to the end-of-list option or the first one whose length cannot be.
pub fn tcp_options(options: &[u8]) -> impl Iterator<Item = TcpOption<'_>> {
    raw_options(options).map(|option| match option {
        (1, _) => TcpOption::Nop,
        (2, &[a, b]) => TcpOption::Mss(u16::from_be_bytes([a, b])),
        (3, &[shift]) => TcpOption::WindowScale(shift),
        (4, []) => TcpOption::SackPermitted,
        (8, &[a, b, c, d, e, f, g, h]) => {
            TcpOption::Timestamps(u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        }
        (kind, value) => TcpOption::Other(kind, value),
    })
}

/// The same as kinds, and what follows the length byte.
pub(crate) fn raw_options(options: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = options;
    std::iter::from_fn(move || {
        let (&kind, after) = rest.split_first()?;
        match kind {
            0 => return None,
            1 => {
                rest = after;
                return Some((kind, &[][..]));
            }
            _ => {}
        }
        let (&len, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(usize::from(len).checked_sub(2)?)?;
        rest = after;
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::sample;

    #[test]
    fn a_segment_is_read_field_by_field() {
        let bytes = sample::tcp(b"hello");
        let expected = Tcp {
            src_port: 50_000,
            dst_port: 80,
            seq: 1000,
            ack: 2000,
            flags: 0x18,
            window: 3000,
            options: &[2, 4, 5, 0xb4],
            payload: b"hello",
            payload_len: 5,
        };
        assert_eq!(tcp(Span::whole(&bytes)), Some(expected));
    }

    #[test]
    fn a_data_offset_inside_the_header_gives_no_payload() {
        let mut bytes = sample::tcp(b"hello");
        bytes[12] = 0x40;
        let segment = tcp(Span::whole(&bytes)).unwrap();
        assert_eq!((segment.options, segment.payload, segment.payload_len), (&[][..], &[][..], 0));
    }

    #[test]
    fn a_data_offset_beyond_the_packet_gives_what_options_there_are() {
        let mut bytes = sample::tcp(b"hello");
        bytes[12] = 0xf0;
        let segment = tcp(Span::whole(&bytes)).unwrap();
        assert_eq!((segment.options.len(), segment.payload, segment.payload_len), (9, &[][..], 0));
    }

    #[test]
    fn a_udp_length_bounds_the_payload_unless_it_cannot_be() {
        let mut bytes = sample::udp(53, 54, b"hello");
        bytes[5] = 8 + 3;
        assert_eq!(udp(Span::whole(&bytes)).unwrap().payload, b"hel");
        bytes[5] = 0;
        assert_eq!(udp(Span::whole(&bytes)).unwrap().payload, b"hello");
        let ports = Udp { src_port: 53, dst_port: 54, payload: &[] };
        assert_eq!(udp(Span::whole(&bytes[..5])), Some(ports));
    }

    #[test]
    fn options_are_read_until_one_cannot_be() {
        use TcpOption::*;
        let known = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7, 34, 4, 9, 9, 0, 2];
        let expected = [Mss(1460), SackPermitted, Timestamps(1, 2), Nop, WindowScale(7), Other(34, &[9, 9])];
        assert_eq!(tcp_options(&known).collect::<Vec<_>>(), expected);
        assert_eq!(tcp_options(&known).map(|o| o.kind()).collect::<Vec<_>>(), [2, 4, 8, 1, 3, 34]);
        for bad in [&[1, 2, 0, 1][..], &[1, 2, 1, 1], &[1, 2, 5, 1], &[1, 2]] {
            assert_eq!(tcp_options(bad).collect::<Vec<_>>(), [Nop], "{bad:?}");
        }
        assert_eq!(tcp_options(&[2, 3, 5]).collect::<Vec<_>>(), [Other(2, &[5])]);
    }

    proptest! {
        #[test]
        fn there_are_never_more_options_than_bytes(bytes in prop::collection::vec(0..12_u8, 0..40)) {
            prop_assert!(tcp_options(&bytes).count() <= bytes.len());
        }
    }
}
