//! Both sides of one TCP connection, with frames and gaps.

use crate::capture::Capture;
use crate::error::Result;
use crate::flow::{
    Arriving, Close, Dir, Endpoint, FlowId, FlowKey, FlowRef, Flows, FrameId, Interest, Limits, Moment,
    Receiver,
};
use crate::packet::Slicer;
use crate::sink::Sink;

/// Bytes of one connection that are kept; what comes after is only counted.
const KEPT: usize = 256 << 20;
/// Bytes that may wait for an earlier one, in the connection that is followed and in all others.
const WAITING: usize = 64 << 20;
/// Bytes that IP fragments may take.
const FRAGMENTS: usize = 8 << 20;

/// Both sides of one connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Follow {
    /// Sender of the first SYN, else of the first frame.
    pub orig: Endpoint,
    /// The other end.
    pub resp: Endpoint,
    /// What both sides sent, in the order in which it became complete.
    pub pieces: Vec<Piece>,
    /// Bytes at the end that were not kept because there are too many.
    pub left_out: u64,
}

/// Neighbouring bytes of one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// Which direction.
    pub dir: Dir,
    /// The frame that completed it.
    pub at: Moment,
    /// What it is.
    pub content: Content,
}

/// What a piece of a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes.
    Bytes(Vec<u8>),
    /// So many bytes were never captured.
    Gap(u64),
}

impl Capture {
    /// Both sides of connection `stream`, numbered as in the records; `None` when there are fewer connections.
    /// The sink may end it early; then what was read so far is followed.
    pub fn follow(self, stream: u64, sink: &mut dyn Sink) -> Result<Option<Follow>> {
        let limits = Limits {
            flows: 1 << 20,
            rows: 1 << 20,
            out_of_order_per_direction: WAITING,
            out_of_order_total: WAITING,
        };
        let mut flows = Flows::new(limits, false);
        let mut slicer = Slicer::new(FRAGMENTS);
        let mut reader = self.into_reader();
        let mut book = Book::default();
        let mut ordinal = 0;
        while let Some(run) = reader.next()? {
            for head in &run.chunk.heads[run.heads.clone()] {
                ordinal += 1;
                let packet = slicer.slice(head.link, run.chunk.packet(head), head.original, head.time);
                let (Some(ip), Some(tcp)) = (&packet.ip, packet.tcp()) else { continue };
                let wanted = flows.begun() == stream;
                if wanted {
                    book.flow = Some(FlowId(ordinal));
                }
                let at = Moment { frame: FrameId::new(run.file, head.frame), time: head.time };
                let [src, dst] =
                    [(ip.src, tcp.src_port), (ip.dst, tcp.dst_port)].map(|(ip, port)| Endpoint { ip, port });
                let (key, from_low) = FlowKey::new(src, dst);
                let segment = Arriving::new(at, (&key, from_low), packet.source_mac(), ip, tcp);
                flows.segment(ordinal, &segment, &mut book);
                if wanted && flows.begun() > stream && book.ends.is_none() {
                    book.ends = Some((src, dst));
                }
            }
            let (read, total) = reader.progress();
            if !sink.progress(read, total) {
                break;
            }
        }
        let found = flows.begun() > stream;
        let (connections, _) = flows.finish(&mut book);
        let row = found.then(|| connections.iter().find(|row| Some(row.id) == book.flow)).flatten();
        let Some((orig, resp)) = row.map(|row| (row.orig, row.resp)).or(book.ends.filter(|_| found)) else {
            return Ok(None);
        };
        book.pieces.sort_by_key(|piece| piece.at);
        Ok(Some(Follow { orig, resp, pieces: book.pieces, left_out: book.left_out }))
    }
}

/// Writes down one connection.
#[derive(Default)]
struct Book {
    flow: Option<FlowId>,
    ends: Option<(Endpoint, Endpoint)>,
    pieces: Vec<Piece>,
    kept: usize,
    left_out: u64,
}

impl Receiver for Book {
    type State = ();

    fn open(&mut self, flow: &FlowRef) -> Option<()> {
        (Some(flow.id) == self.flow).then_some(())
    }

    fn data(&mut self, _: &FlowRef, (): &mut (), dir: Dir, bytes: &[u8], at: Moment) -> Interest {
        let kept = bytes.len().min(KEPT - self.kept);
        self.kept += kept;
        self.left_out += (bytes.len() - kept) as u64;
        if kept > 0 {
            self.pieces.push(Piece { dir, at, content: Content::Bytes(bytes[..kept].to_vec()) });
        }
        Interest::GoOn
    }

    fn gap(&mut self, _: &FlowRef, (): &mut (), dir: Dir, length: u64, at: Moment) -> Interest {
        self.pieces.push(Piece { dir, at, content: Content::Gap(length) });
        Interest::GoOn
    }

    fn fin(&mut self, _: &FlowRef, (): &mut (), _: Dir, _: Moment) {}

    fn end(&mut self, _: &FlowRef, (): (), _: Close, _: Moment) {}
}
