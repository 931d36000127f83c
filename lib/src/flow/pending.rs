//! Bytes of one direction that came before their turn, in a bounded store.

use std::collections::VecDeque;

use super::Moment;

/// More pieces than this are not kept per direction, so that inserting one stays cheap.
const MAX_PIECES: usize = 4096;

/// What all directions of all flows together may hold, and do.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) per_direction: usize,
    pub(super) total: usize,
    pub(super) held: usize,
    /// Times that bytes were skipped, or not kept, because the store was full.
    pub(super) overflows: u64,
}

/// A range of the stream beyond what has been handed on. Pieces never overlap.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) at: Moment,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Captured and kept.
    Bytes(Box<[u8]>),
    /// Captured, but nobody wants the bytes.
    Seen,
    /// Sent, but cut off by the snapshot length.
    Cut,
}

impl Piece {
    fn cost(&self) -> usize {
        size_of::<Piece>() + self.bytes().len()
    }

    /// The bytes, where they are kept.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Seen | Content::Cut => &[],
        }
    }

    pub(super) fn is_cut(&self) -> bool {
        matches!(self.content, Content::Cut)
    }

    fn continues(&self, earlier: &Piece) -> bool {
        let alike = matches!(
            (&earlier.content, &self.content),
            (Content::Seen, Content::Seen) | (Content::Cut, Content::Cut)
        );
        alike && earlier.end == self.start
    }
}

/// The pieces of one direction, in stream order.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pieces: VecDeque<Piece>,
    held: usize,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn front(&self) -> Option<&Piece> {
        self.pieces.front()
    }

    /// The first piece that ends beyond `offset`, and its index.
    pub(super) fn beyond(&self, offset: u64) -> (usize, Option<&Piece>) {
        let index = self.pieces.partition_point(|piece| piece.end <= offset);
        (index, self.pieces.get(index))
    }

    /// Whether `bytes` more of them can be kept.
    pub(super) fn has_room(&self, bytes: usize, store: &Store) -> bool {
        let cost = size_of::<Piece>() + bytes;
        self.pieces.len() < MAX_PIECES
            && self.held + cost <= store.per_direction
            && store.held + cost <= store.total
    }

    /// Puts a piece at the index that [`Pending::beyond`] gave for its start.
    pub(super) fn insert(&mut self, index: usize, mut piece: Piece, store: &mut Store) {
        if let Some(before) = index.checked_sub(1)
            && self.pieces.get(before).is_some_and(|earlier| piece.continues(earlier))
            && let Some(earlier) = self.remove(before, store)
        {
            piece.start = earlier.start;
            piece.at = piece.at.max(earlier.at);
            return self.insert_before(before, piece, store);
        }
        self.insert_before(index, piece, store);
    }

    fn insert_before(&mut self, index: usize, mut piece: Piece, store: &mut Store) {
        if self.pieces.get(index).is_some_and(|later| later.continues(&piece))
            && let Some(later) = self.remove(index, store)
        {
            piece.end = later.end;
            piece.at = piece.at.max(later.at);
        }
        self.held += piece.cost();
        store.held += piece.cost();
        self.pieces.insert(index, piece);
    }

    pub(super) fn pop_front(&mut self, store: &mut Store) -> Option<Piece> {
        self.remove(0, store)
    }

    fn remove(&mut self, index: usize, store: &mut Store) -> Option<Piece> {
        let piece = self.pieces.remove(index)?;
        self.held -= piece.cost();
        store.held -= piece.cost();
        Some(piece)
    }

    /// Takes `from..to` out of the cut piece at `index`, because another copy has those bytes.
    pub(super) fn carve(&mut self, index: usize, from: u64, to: u64, store: &mut Store) {
        let Some(Piece { start, end, at, content }) = self.remove(index, store) else {
            return;
        };
        if to < end {
            self.insert_before(index, Piece { start: to, end, at, content: Content::Cut }, store);
        }
        if start < from {
            self.insert_before(index, Piece { start, end: from, at, content }, store);
        }
    }

    /// Drops the bytes and keeps the ranges.
    pub(super) fn forget_bytes(&mut self, store: &mut Store) {
        if self.pieces.is_empty() {
            return;
        }
        for mut piece in std::mem::take(&mut self.pieces) {
            self.held -= piece.cost();
            store.held -= piece.cost();
            if !piece.is_cut() {
                piece.content = Content::Seen;
            }
            self.insert(self.pieces.len(), piece, store);
        }
    }
}
