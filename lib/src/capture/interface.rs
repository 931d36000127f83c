//! What a pcapng file says of an interface: link type, clock, and packets that were dropped.

use pcap_parser::{OptionCode, PcapError, PcapNGOption, parse_option_be, parse_option_le};

use super::LinkType;
use super::walk::Order;
use crate::time::Timestamp;

const NANOS: i128 = 1_000_000_000;

/// `epb_dropcount`: packets lost between this one and the one before it on the same interface.
const PACKET_DROP_COUNT: OptionCode = OptionCode(4);

/// An interface of a section.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Most bytes of a packet that are captured; 0 when there is no limit.
    pub(super) snapshot_length: u32,
    /// Packets that it lost, by its latest statistics.
    pub(super) drops: u64,
    unit: Unit,
    /// What must be added to every time, in nanoseconds (`if_tsoffset`).
    offset: i128,
}

/// The unit of timestamps (`if_tsresol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanos(u64),
    /// So small a part of a second.
    Fraction(u64),
}

impl Interface {
    pub(super) fn new<'a>(
        link: LinkType,
        snapshot_length: u32,
        options: impl Iterator<Item = &'a PcapNGOption<'a>>,
        order: Order,
    ) -> Self {
        let mut interface = Interface { link, snapshot_length, drops: 0, unit: Unit::Nanos(1000), offset: 0 };
        for option in options {
            match (option.code, option.value()) {
                (OptionCode::IfTsresol, &[resolution, ..]) => interface.unit = Unit::from_option(resolution),
                (OptionCode::IfTsoffset, value) => {
                    let seconds = value.first_chunk().map_or(0, |value| order.u64(*value) as i64);
                    interface.offset = i128::from(seconds) * NANOS;
                }
                _ => {}
            }
        }
        interface
    }

    /// The moment of a timestamp in units of this interface.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Nanos(nanos) => i128::from(ticks) * i128::from(nanos),
            Unit::Fraction(parts) => i128::from(ticks) * NANOS / i128::from(parts),
        };
        let nanos = (nanos + self.offset).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp::from_nanos(nanos as i64)
    }
}

impl Unit {
    /// The top bit tells powers of 2 from powers of 10. Units too small to count in 64 bits are taken for the
    /// smallest that are not.
    fn from_option(resolution: u8) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
        match base.checked_pow(exponent).unwrap_or(u64::MAX) {
            parts if 1_000_000_000 % parts == 0 => Unit::Nanos(1_000_000_000 / parts),
            parts => Unit::Fraction(parts),
        }
    }
}

/// The packets that interface statistics call dropped, by the interface and by the operating system.
pub(super) fn dropped<'a>(options: impl Iterator<Item = &'a PcapNGOption<'a>>, order: Order) -> Option<u64> {
    options
        .filter(|option| matches!(option.code, OptionCode::IsbIfDrop | OptionCode::IsbOsDrop))
        .filter_map(|option| Some(order.u64(*option.value().first_chunk()?)))
        .reduce(u64::saturating_add)
}

/// The packets that were dropped before a packet, by the options of its block.
#[cold]
pub(super) fn dropped_before(mut options: &[u8], order: Order) -> u64 {
    let parse = match order {
        Order::Little => parse_option_le::<PcapError<&[u8]>>,
        Order::Big => parse_option_be::<PcapError<&[u8]>>,
    };
    while let Ok((rest, option)) = parse(options) {
        match option.code {
            OptionCode::EndOfOpt => break,
            PACKET_DROP_COUNT => return option.value().first_chunk().map_or(0, |value| order.u64(*value)),
            _ => options = rest,
        }
    }
    0
}
