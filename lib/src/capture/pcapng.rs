//! pcapng: sections of typed blocks.
//!
//! <https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/>. Frames are numbered as Wireshark does, which
//! also lists some blocks that are no packets.

use pcap_parser::{
    PcapNGOption, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
    parse_interfacestatisticsblock_be, parse_interfacestatisticsblock_le, parse_sectionheaderblock,
};

use super::interface::{Interface, dropped, dropped_before};
use super::walk::{FILE_HEADER, Order, Probe, Stop, Walk, Window};
use super::{FileInfo, Head, LinkType};
use crate::time::Timestamp;

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const OBSOLETE_PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
pub(super) const ENHANCED_PACKET: u32 = 6;
const SYSTEMD_JOURNAL: u32 = 9;
const DECRYPTION_SECRETS: u32 = 10;
const SYSDIG_EVENT: u32 = 0x204;
const SYSDIG_EVENT_V2: u32 = 0x216;
const SYSDIG_EVENT_V2_LARGE: u32 = 0x221;
const CUSTOM: u32 = 0xbad;
const CUSTOM_NOT_TO_COPY: u32 = 0x4000_0bad;

/// Longest block. Packets are far shorter; name tables and secrets may be long.
const MAX_BLOCK: u32 = 16 << 20;

/// Longest block that is believed when the thread has been lost.
const MAX_PROBED: usize = 1 << 20;

/// Most interfaces of one section; a real capture has a handful.
const MAX_INTERFACES: usize = 65_536;

/// The obsolete packet block's way to say that it does not know how many packets were dropped before.
const DROPS_UNKNOWN: u16 = u16::MAX;

/// Where a walk through a pcapng file stands.
#[derive(Debug)]
pub(super) struct Pcapng {
    section: Section,
    /// Interfaces of all sections before this one.
    earlier_interfaces: u32,
    /// Time of the last packet that had one.
    time: Timestamp,
    /// Lost packets by the interface statistics.
    counted_drops: u64,
    /// Lost packets by what packets say of the time before them.
    mentioned_drops: u64,
}

/// What holds for the blocks of one section.
#[derive(Debug)]
struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    /// Why its blocks cannot be understood.
    unknown: Option<String>,
}

/// One block, its bounds checked.
pub(super) struct Block<'a> {
    pub(super) kind: u32,
    pub(super) order: Order,
    /// The whole block.
    pub(super) bytes: &'a [u8],
    /// Without type and lengths.
    pub(super) body: &'a [u8],
}

/// A packet as its block states it.
struct Packet<'a> {
    interface: u32,
    /// In units of the interface; `None` if the block has no time.
    ticks: Option<u64>,
    captured: u32,
    original: u32,
    /// The captured bytes, padding and options.
    rest: &'a [u8],
}

impl Pcapng {
    /// Reads the start of a file: `None` if it is another format, an error if it is a version that is not known.
    pub(super) fn open(start: &[u8; FILE_HEADER]) -> Option<Result<Self, String>> {
        if Order::Little.u32(start, 0) != SECTION_HEADER {
            return None;
        }
        let Some(order) = section_order(start) else {
            return Some(Err("a section header of pcapng without a byte-order magic".to_owned()));
        };
        let version = (order.u16(start, 12), order.u16(start, 14));
        Some(unknown_version(version).map_or(Ok(()), Err).map(|()| Pcapng {
            section: Section { order, interfaces: Vec::new(), unknown: None },
            earlier_interfaces: 0,
            time: Timestamp::default(),
            counted_drops: 0,
            mentioned_drops: 0,
        }))
    }

    /// Takes in one block. Says what is wrong with it, if it must be passed over.
    fn take(
        &mut self,
        block: &Block<'_>,
        at: usize,
        heads: &mut Vec<Head>,
        info: &mut FileInfo,
    ) -> Result<(), String> {
        if block.kind == SECTION_HEADER {
            return self.begin_section(block);
        }
        if let Some(cause) = &self.section.unknown {
            return Err(cause.clone());
        }
        let packet = match block.kind {
            ENHANCED_PACKET => self.enhanced_packet(block, info)?,
            SIMPLE_PACKET => self.simple_packet(block)?,
            OBSOLETE_PACKET => self.obsolete_packet(block, info)?,
            INTERFACE_DESCRIPTION => return self.describe_interface(block),
            INTERFACE_STATISTICS => return self.count_drops(block, info),
            // Wireshark lists these among the packets.
            CUSTOM
            | CUSTOM_NOT_TO_COPY
            | SYSTEMD_JOURNAL
            | SYSDIG_EVENT
            | SYSDIG_EVENT_V2
            | SYSDIG_EVENT_V2_LARGE => {
                info.last_frame += 1;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let interface = self.interface(packet.interface)?;
        if packet.captured as usize > packet.rest.len() {
            return Err(format!("a block too small for a packet of {} bytes", packet.captured));
        }
        let link = interface.link;
        if let Some(ticks) = packet.ticks {
            self.time = interface.time(ticks);
        }
        info.last_frame += 1;
        let head = Head {
            frame: info.last_frame,
            time: self.time,
            timed: packet.ticks.is_some(),
            glance: None,
            link,
            interface: self.earlier_interfaces.saturating_add(packet.interface),
            // The packet's bytes lie in the block, which begins at `at`: this is their distance from its end.
            offset: (at + block.bytes.len() - 4 - packet.rest.len()) as u32,
            captured: packet.captured,
            original: packet.original,
        };
        info.count(&head);
        heads.push(head);
        Ok(())
    }

    fn begin_section(&mut self, block: &Block<'_>) -> Result<(), String> {
        let (_, header) =
            parse_sectionheaderblock(block.bytes).map_err(|_| "a malformed section header".to_owned())?;
        let unknown = unknown_version((header.major_version, header.minor_version));
        self.earlier_interfaces =
            self.earlier_interfaces.saturating_add(self.section.interfaces.len() as u32);
        self.section = Section { order: block.order, interfaces: Vec::new(), unknown: unknown.clone() };
        unknown.map_or(Ok(()), Err)
    }

    fn describe_interface(&mut self, block: &Block<'_>) -> Result<(), String> {
        let parse = match block.order {
            Order::Little => parse_interfacedescriptionblock_le,
            Order::Big => parse_interfacedescriptionblock_be,
        };
        let (_, description) =
            parse(block.bytes).map_err(|_| "a malformed interface description".to_owned())?;
        if self.section.interfaces.len() == MAX_INTERFACES {
            return Err(format!("more than {MAX_INTERFACES} interfaces"));
        }
        let link = LinkType(u32::from(description.linktype.0 as u16));
        let options = until_end(&description.options);
        self.section.interfaces.push(Interface::new(link, description.snaplen, options, block.order));
        Ok(())
    }

    /// Interface statistics count from the start of the capture: the last ones hold.
    fn count_drops(&mut self, block: &Block<'_>, info: &mut FileInfo) -> Result<(), String> {
        let parse = match block.order {
            Order::Little => parse_interfacestatisticsblock_le,
            Order::Big => parse_interfacestatisticsblock_be,
        };
        let (_, statistics) = parse(block.bytes).map_err(|_| "malformed interface statistics".to_owned())?;
        let drops = dropped(until_end(&statistics.options), block.order);
        if let (Some(drops), Some(interface)) =
            (drops, self.section.interfaces.get_mut(statistics.if_id as usize))
        {
            self.counted_drops = (self.counted_drops - interface.drops).saturating_add(drops);
            interface.drops = drops;
            info.drops = self.counted_drops.max(self.mentioned_drops);
        }
        Ok(())
    }

    fn mention_drops(&mut self, drops: u64, info: &mut FileInfo) {
        self.mentioned_drops = self.mentioned_drops.saturating_add(drops);
        info.drops = self.counted_drops.max(self.mentioned_drops);
    }

    #[inline]
    fn enhanced_packet<'a>(&mut self, block: &Block<'a>, info: &mut FileInfo) -> Result<Packet<'a>, String> {
        let Some((fields, rest)) = block.body.split_first_chunk::<20>() else {
            return Err("a packet block without its fields".to_owned());
        };
        let order = block.order;
        let captured = order.u32(fields, 12);
        let options = (captured as usize).checked_next_multiple_of(4).and_then(|padded| rest.get(padded..));
        if let Some(options) = options.filter(|options| !options.is_empty()) {
            self.mention_drops(dropped_before(options, order), info);
        }
        Ok(Packet {
            interface: order.u32(fields, 0),
            ticks: Some(u64::from(order.u32(fields, 4)) << 32 | u64::from(order.u32(fields, 8))),
            captured,
            original: order.u32(fields, 16),
            rest,
        })
    }

    fn simple_packet<'a>(&self, block: &Block<'a>) -> Result<Packet<'a>, String> {
        let Some((fields, rest)) = block.body.split_first_chunk::<4>() else {
            return Err("a simple packet block without its length".to_owned());
        };
        let original = block.order.u32(fields, 0);
        let captured = match self.interface(0)?.snapshot_length {
            0 => original,
            limit => original.min(limit),
        };
        Ok(Packet { interface: 0, ticks: None, captured, original, rest })
    }

    fn obsolete_packet<'a>(&mut self, block: &Block<'a>, info: &mut FileInfo) -> Result<Packet<'a>, String> {
        let Some((fields, rest)) = block.body.split_first_chunk::<20>() else {
            return Err("a packet block without its fields".to_owned());
        };
        let order = block.order;
        match order.u16(fields, 2) {
            DROPS_UNKNOWN => {}
            drops => self.mention_drops(u64::from(drops), info),
        }
        Ok(Packet {
            interface: u32::from(order.u16(fields, 0)),
            ticks: Some(u64::from(order.u32(fields, 4)) << 32 | u64::from(order.u32(fields, 8))),
            captured: order.u32(fields, 12),
            original: order.u32(fields, 16),
            rest,
        })
    }

    fn interface(&self, number: u32) -> Result<&Interface, String> {
        self.section
            .interfaces
            .get(number as usize)
            .ok_or_else(|| format!("a packet of interface {number}, which is not described"))
    }
}

impl Walk for Pcapng {
    fn walk(
        &mut self,
        window: Window<'_>,
        mut at: usize,
        heads: &mut Vec<Head>,
        info: &mut FileInfo,
    ) -> (usize, Stop) {
        loop {
            let block = match Block::at_start(&window.bytes[at..], self.section.order) {
                Ok(block) => block,
                Err(stop) => return (at, stop),
            };
            if let Err(cause) = self.take(&block, at, heads, info) {
                info.damage(info.damage_here(window.offset_of(at), block.bytes.len() as u64, cause));
            }
            at += block.bytes.len();
        }
    }

    fn probe(&self, bytes: &[u8]) -> Probe {
        let Some(start) = bytes.first_chunk::<4>() else {
            return Probe::Short(4);
        };
        let usual = matches!(
            self.section.order.u32(start, 0),
            SECTION_HEADER
                | INTERFACE_DESCRIPTION
                | OBSOLETE_PACKET
                | SIMPLE_PACKET
                | NAME_RESOLUTION
                | INTERFACE_STATISTICS
                | ENHANCED_PACKET
                | SYSTEMD_JOURNAL
                | DECRYPTION_SECRETS
                | CUSTOM
                | CUSTOM_NOT_TO_COPY
        );
        if !usual {
            return Probe::No;
        }
        match Block::at_start(bytes, self.section.order) {
            Ok(block) if block.bytes.len() <= MAX_PROBED => {
                Probe::Record { length: block.bytes.len(), second: None }
            }
            Err(Stop::Short(bytes)) if bytes <= MAX_PROBED => Probe::Short(bytes),
            _ => Probe::No,
        }
    }
}

impl<'a> Block<'a> {
    /// The block at the start of `bytes`, in a section of the given byte order.
    #[inline]
    pub(super) fn at_start(bytes: &'a [u8], order: Order) -> Result<Self, Stop> {
        let Some(start) = bytes.first_chunk::<12>() else {
            return Err(Stop::Short(12));
        };
        let kind = order.u32(start, 0);
        let order = match kind {
            SECTION_HEADER => section_order(start)
                .ok_or_else(|| Stop::Corrupt("a section header without a byte-order magic".to_owned()))?,
            _ => order,
        };
        let length = order.u32(start, 4);
        if !(12..=MAX_BLOCK).contains(&length) {
            return Err(Stop::Corrupt(format!("a block of {length} bytes")));
        }
        // Blocks end at multiples of four; some programs do not count the padding.
        let size = length.next_multiple_of(4) as usize;
        let Some(bytes) = bytes.get(..size) else {
            return Err(Stop::Short(size));
        };
        let (content, end) = bytes.split_last_chunk::<4>().ok_or(Stop::Short(12))?;
        let again = order.u32(end, 0);
        if again.checked_next_multiple_of(4) != Some(size as u32) {
            return Err(Stop::Corrupt(format!(
                "a block of {length} bytes at its beginning and {again} at its end"
            )));
        }
        Ok(Block { kind, order, bytes, body: content.get(8..).unwrap_or_default() })
    }
}

/// The byte order of a section, from the start of its header block.
fn section_order<const N: usize>(start: &[u8; N]) -> Option<Order> {
    [Order::Little, Order::Big].into_iter().find(|order| order.u32(start, 8) == 0x1a2b_3c4d)
}

/// Minor versions add what readers may pass over; a major version changes the meaning.
pub(super) fn unknown_version((major, minor): (u16, u16)) -> Option<String> {
    (major != 1).then(|| format!("a section of pcapng version {major}.{minor}, which is not known"))
}

/// The options before the end marker; what stands after it is no option.
fn until_end<'a, 'b>(options: &'a [PcapNGOption<'b>]) -> impl Iterator<Item = &'a PcapNGOption<'b>> {
    options.iter().take_while(|option| option.code != pcap_parser::OptionCode::EndOfOpt)
}
