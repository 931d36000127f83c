//! Tunnels that mirror sessions and address translation make: what an IP packet carries that is a frame or an IP
//! packet again.

use super::ip::protocol;
use super::link::{self, Frame};
use super::span::{Span, be16};

/// The frame inside an IP packet of this protocol, when it is a tunnel's.
pub(super) fn inner(protocol: u8, span: Span<'_>) -> Option<Frame<'_>> {
    match protocol {
        protocol::IPV4 | protocol::IPV6 => Some(bare(span)),
        protocol::GRE => gre(span),
        protocol::UDP => {
            let payload = span.skip(8)?;
            match be16(span.bytes, 2)? {
                4789 => vxlan(payload),
                3544 => teredo(payload),
                _ if be16(span.bytes, 0)? == 3544 => teredo(payload),
                _ => None,
            }
        }
        _ => None,
    }
}

fn bare(span: Span<'_>) -> Frame<'_> {
    Frame {
        macs: None,
        ip: Some(span),
    }
}

/// Generic routing encapsulation with checksum, key and sequence number (RFC 2784, RFC 2890).
fn gre(span: Span<'_>) -> Option<Frame<'_>> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const VERSION: u16 = 0x0007;

    let (flags, kind) = (be16(span.bytes, 0)?, be16(span.bytes, 2)?);
    if flags & (ROUTING | VERSION) != 0 {
        return None;
    }
    let options = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    let payload = span.skip(4 + 4 * options)?;
    match kind {
        0x6558 => Some(link::ethernet(payload)),
        // ERSPAN I has no header of its own and no sequence number; ERSPAN II has both.
        0x88be if flags & SEQUENCE == 0 => Some(link::ethernet(payload)),
        0x88be => Some(link::ethernet(payload.skip(8)?)),
        0x22eb => erspan3(payload),
        _ => Some(Frame {
            macs: None,
            ip: link::ethertype(kind, payload),
        }),
    }
}

/// ERSPAN III (draft-foschiano-erspan-03, 4.3): a header, a platform's part of it, and a frame or an IP packet.
fn erspan3(span: Span<'_>) -> Option<Frame<'_>> {
    let (header, rest) = span.split::<12>()?;
    let rest = if header[11] & 1 == 1 { rest.skip(8)? } else { rest };
    match header[10] >> 2 & 0x1f {
        0 => Some(link::ethernet(rest)),
        2 => Some(bare(rest)),
        _ => None,
    }
}

/// VXLAN (RFC 7348, 5): the network identifier must be marked valid.
fn vxlan(span: Span<'_>) -> Option<Frame<'_>> {
    let (header, rest) = span.split::<8>()?;
    (header[0] & 0x08 != 0).then(|| link::ethernet(rest))
}

/// IPv6 over UDP through NATs (RFC 4380, 5.1.1), behind an authentication header or an origin indication.
fn teredo(mut span: Span<'_>) -> Option<Frame<'_>> {
    if let &[0, 1, client, auth, ..] = span.bytes {
        span = span.skip(13 + usize::from(client) + usize::from(auth))?;
    }
    if let [0, 0, ..] = span.bytes {
        span = span.skip(8)?;
    }
    (span.bytes.first()? >> 4 == 6).then(|| bare(span))
}
