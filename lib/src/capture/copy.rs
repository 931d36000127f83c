//! A capture written again as pcapng, with comments on packets.

mod block;

use std::io::Write;
use std::sync::Arc;

use super::pcapng::{
    Block, ENHANCED_PACKET, OBSOLETE_PACKET, SECTION_HEADER, SIMPLE_PACKET, unknown_version,
};
use super::pool::Pool;
use super::set::Member;
use super::walk::Order;
use super::{Chunk, Head, LinkType};
use crate::error::Result;
use crate::time::Timestamp;

/// Decides what becomes of each packet of a copy.
pub trait Editor {
    /// The comments to add to a packet; `None` leaves it out.
    fn packet(&mut self, packet: &Original<'_>) -> Option<Vec<String>>;
}

/// A packet that is about to be copied.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Original<'a> {
    /// Which file of the capture it comes from, counted from 0 in the order of first timestamps.
    pub file: usize,
    /// Number of the frame in its file, from 1.
    pub frame: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// The kind of link it was captured on.
    pub link_type: LinkType,
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// Bytes that the packet had on the wire.
    pub original_len: u32,
}

/// Copies `members`, which are in order.
pub(super) fn copy(
    members: Vec<Member>,
    out: &mut dyn Write,
    comment: &str,
    editor: &mut dyn Editor,
) -> Result<()> {
    let mut pool = Pool::default();
    for (file, member) in members.into_iter().enumerate() {
        let (mut reader, mut info, mut begun) = member.reopen()?;
        let target = Target { file, out: &mut *out, comment, editor: &mut *editor };
        let mut copier: Box<dyn Copier + '_> = match info.format {
            "pcapng" => Box::new(Sections { target, order: Order::Little, known: true }),
            _ => Box::new(Made::begin(target)?),
        };
        while let Some(chunk) = next(&mut begun, || reader.next_of_any_kind(&mut pool, &mut info))? {
            copier.chunk(&chunk)?;
        }
    }
    Ok(())
}

fn next(
    begun: &mut Option<Arc<Chunk>>,
    read: impl FnOnce() -> Result<Option<Arc<Chunk>>>,
) -> Result<Option<Arc<Chunk>>> {
    match begun.take() {
        Some(chunk) => Ok(Some(chunk)),
        None => read(),
    }
}

/// Where the copy of one file goes.
struct Target<'a> {
    file: usize,
    out: &'a mut dyn Write,
    comment: &'a str,
    editor: &'a mut dyn Editor,
}

impl Target<'_> {
    fn edit(&mut self, chunk: &Chunk, head: &Head) -> Option<Vec<String>> {
        self.editor.packet(&Original {
            file: self.file,
            frame: head.frame,
            time: head.time,
            link_type: head.link,
            bytes: chunk.packet(head),
            original_len: head.original,
        })
    }
}

/// Copies the chunks of one file.
trait Copier {
    fn chunk(&mut self, chunk: &Chunk) -> Result<()>;
}

/// The sections of a pcapng file, copied block by block.
struct Sections<'a> {
    target: Target<'a>,
    order: Order,
    /// Whether the blocks of the section can be understood; otherwise they are left out.
    known: bool,
}

impl Copier for Sections<'_> {
    fn chunk(&mut self, chunk: &Chunk) -> Result<()> {
        let mut heads = chunk.heads.iter().peekable();
        for stretch in &chunk.intact {
            let mut at = stretch.start;
            while at < stretch.end {
                let Ok(block) = Block::at_start(&chunk.bytes[at..stretch.end], self.order) else {
                    // Walked before with the same eyes, so this does not happen; and if it did, nothing is written
                    // that could not be read.
                    break;
                };
                at += block.bytes.len();
                let head = heads.next_if(|head| (head.offset as usize) < at);
                self.block(&block, chunk, head)?;
            }
        }
        Ok(())
    }
}

impl Sections<'_> {
    fn block(&mut self, block: &Block<'_>, chunk: &Chunk, head: Option<&Head>) -> Result<()> {
        if block.kind == SECTION_HEADER {
            self.order = block.order;
            let version = block.body.get(4..8).and_then(|version| version.first_chunk::<4>());
            self.known = version.is_some_and(|version| {
                unknown_version((block.order.u16(version, 0), block.order.u16(version, 2))).is_none()
            });
        }
        if !self.known {
            return Ok(());
        }
        let comments = match (block.kind, head) {
            (SECTION_HEADER, _) => {
                return Ok(block::section(self.target.out, block, self.target.comment)?);
            }
            (ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET, Some(head)) => {
                let Some(comments) = self.target.edit(chunk, head) else { return Ok(()) };
                comments
            }
            // A packet that could not be read.
            (ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET, None) => return Ok(()),
            _ => Vec::new(),
        };
        // A simple packet has no room for a comment; the other two have their options in the same place.
        let packet_end = |head: &Head| 20 + (head.captured as usize).next_multiple_of(4);
        let options = head.filter(|_| block.kind != SIMPLE_PACKET).map(packet_end);
        Ok(block::with_comments(self.target.out, block, options, &comments)?)
    }
}

/// A section made from a classic pcap file.
struct Made<'a> {
    target: Target<'a>,
    /// The interface descriptions that were written, by their place.
    links: Vec<LinkType>,
}

impl<'a> Made<'a> {
    fn begin(target: Target<'a>) -> Result<Self> {
        block::new_section(target.out, target.comment)?;
        Ok(Made { target, links: Vec::new() })
    }
}

impl Copier for Made<'_> {
    fn chunk(&mut self, chunk: &Chunk) -> Result<()> {
        for head in &chunk.heads {
            let Some(comments) = self.target.edit(chunk, head) else { continue };
            let interface = match self.links.iter().position(|link| *link == head.link) {
                Some(interface) => interface,
                None => {
                    block::new_interface(self.target.out, head.link)?;
                    self.links.push(head.link);
                    self.links.len() - 1
                }
            };
            block::new_packet(self.target.out, interface as u32, head, chunk.packet(head), &comments)?;
        }
        Ok(())
    }
}
