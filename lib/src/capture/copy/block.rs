//! Blocks of pcapng as they are written. What is made new is little-endian, with times in nanoseconds.

use std::io::{self, Write};

use crate::capture::pcapng::{Block, ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER};
use crate::capture::walk::{MAX_PACKET, Order};
use crate::capture::{Head, LinkType};

const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const TIME_RESOLUTION: u16 = 9;
/// Longest value of an option that is written; its length field has 16 bits.
const LONGEST: usize = 60_000;

/// A copy of a section header with a comment. The length of the section becomes unknown.
pub(super) fn section(out: &mut dyn Write, block: &Block<'_>, comment: &str) -> io::Result<()> {
    let (fields, options) = block.body.split_at(block.body.len().min(16));
    let mut body = fields.get(..8).unwrap_or_default().to_vec();
    body.extend([0xff; 8]);
    comments(&mut body, block.order, &[comment.to_owned()], options);
    write(out, block.order, block.kind, &body)
}

/// A copy of a block, with comments if its body has a place for options.
pub(super) fn with_comments(
    out: &mut dyn Write,
    block: &Block<'_>,
    options: Option<usize>,
    added: &[String],
) -> io::Result<()> {
    let parts = options.filter(|_| !added.is_empty()).and_then(|at| block.body.split_at_checked(at));
    let Some((packet, options)) = parts else {
        return write(out, block.order, block.kind, block.body);
    };
    let mut body = packet.to_vec();
    comments(&mut body, block.order, added, options);
    write(out, block.order, block.kind, &body)
}

/// The header of a section that has just this program's comment.
pub(super) fn new_section(out: &mut dyn Write, comment: &str) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend([1, 0, 0, 0]);
    body.extend([0xff; 8]);
    option(
        &mut body,
        Order::Little,
        USER_APPLICATION,
        concat!("sibtrace ", env!("CARGO_PKG_VERSION")).as_bytes(),
    );
    comments(&mut body, Order::Little, &[comment.to_owned()], &[]);
    write(out, Order::Little, SECTION_HEADER, &body)
}

/// The description of an interface that is known by its link type only.
pub(super) fn new_interface(out: &mut dyn Write, link: LinkType) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend((link.0 as u16).to_le_bytes());
    body.extend([0, 0]);
    body.extend(MAX_PACKET.to_le_bytes());
    option(&mut body, Order::Little, TIME_RESOLUTION, &[9]);
    option(&mut body, Order::Little, END_OF_OPTIONS, &[]);
    write(out, Order::Little, INTERFACE_DESCRIPTION, &body)
}

/// A packet with comments.
pub(super) fn new_packet(
    out: &mut dyn Write,
    interface: u32,
    head: &Head,
    bytes: &[u8],
    added: &[String],
) -> io::Result<()> {
    // Classic files count seconds without a sign.
    let ticks = head.time.nanos().max(0) as u64;
    let mut body = Vec::with_capacity(bytes.len() + 32);
    for field in [interface, (ticks >> 32) as u32, ticks as u32, head.captured, head.original] {
        body.extend(field.to_le_bytes());
    }
    body.extend_from_slice(bytes);
    pad(&mut body);
    if !added.is_empty() {
        comments(&mut body, Order::Little, added, &[]);
    }
    write(out, Order::Little, ENHANCED_PACKET, &body)
}

/// Comments, then the options that were there.
fn comments(body: &mut Vec<u8>, order: Order, added: &[String], options: &[u8]) {
    for comment in added {
        let end = comment.floor_char_boundary(LONGEST);
        option(body, order, COMMENT, &comment.as_bytes()[..end]);
    }
    match options.is_empty() {
        true => option(body, order, END_OF_OPTIONS, &[]),
        false => body.extend_from_slice(options),
    }
}

fn option(body: &mut Vec<u8>, order: Order, code: u16, value: &[u8]) {
    body.extend(order.bytes_u16(code));
    body.extend(order.bytes_u16(value.len() as u16));
    body.extend_from_slice(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn write(out: &mut dyn Write, order: Order, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = order.bytes_u32((body.len() + 12) as u32);
    out.write_all(&order.bytes_u32(kind))?;
    out.write_all(&length)?;
    out.write_all(body)?;
    out.write_all(&length)
}
