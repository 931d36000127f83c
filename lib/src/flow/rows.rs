//! The rows of connections, which have their places from the beginning: a row that is moved when its connection ends
//! is memory touched twice, and that was a tenth of the time of a capture of many short connections.

use super::Connection;
use super::tcp::{Flow, Live};

/// Rows of connections that go on and of those that have ended, in no order.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Connection>,
    /// Places of rows that were given up.
    free: Vec<u32>,
    ended: usize,
    /// How many may have ended.
    limit: usize,
}

impl Rows {
    pub(super) fn new(limit: usize) -> Self {
        Rows { rows: Vec::new(), free: Vec::new(), ended: 0, limit }
    }

    /// Takes a row and says where it stands. It is made there, and not moved.
    #[inline(always)]
    pub(super) fn push(&mut self, row: impl FnOnce() -> Connection) -> u32 {
        if let Some(place) = self.free.pop() {
            self.rows[place as usize] = row();
            return place;
        }
        self.rows.push(row());
        (self.rows.len() - 1) as u32
    }

    pub(super) fn row(&self, place: u32) -> &Connection {
        &self.rows[place as usize]
    }

    /// A flow together with its row.
    pub(super) fn live<'f, S>(&'f mut self, place: u32, flow: &'f mut Flow<S>) -> Live<'f, S> {
        Live { connection: &mut self.rows[place as usize], flow }
    }

    /// Whether there is no room for another one that has ended.
    pub(super) fn is_full(&self) -> bool {
        self.ended >= self.limit
    }

    /// The connection of a row has ended. Without room for it, the row is given up.
    pub(super) fn end(&mut self, place: u32) -> bool {
        let has_room = !self.is_full();
        if has_room {
            self.ended += 1;
        } else {
            self.free.push(place);
        }
        has_room
    }

    /// All that were not given up.
    pub(super) fn into_vec(mut self) -> Vec<Connection> {
        self.free.sort_unstable();
        for place in self.free.into_iter().rev() {
            self.rows.swap_remove(place as usize);
        }
        self.rows
    }
}
