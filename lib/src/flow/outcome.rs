//! How a connection began and ended, judged when all of it has been seen.

use super::{Close, Connection, Dir, Handshake, Moment};

impl Connection {
    /// How it began. `is_talking`: the originator sent something that is neither SYN nor RST.
    pub(super) fn opening(&self, is_talking: bool) -> Handshake {
        let is_silent = !is_talking && self.side(Dir::Resp).packets == 0;
        match (&self.syn, &self.syn_ack) {
            (Some(_), Some(_)) => Handshake::Full,
            (Some(_), None) if self.reset.is_some_and(|reset| reset.answers_syn) => Handshake::Refused,
            (Some(_), None) if is_silent => Handshake::Unanswered,
            (None, None) => Handshake::None,
            _ => Handshake::Partial,
        }
    }

    /// How it ended, and when.
    pub(super) fn closing(&self) -> (Close, Moment) {
        let [orig, resp] = self.sides.each_ref().map(|side| side.fin);
        let is_closed = orig.is_some() && resp.is_some();
        match (orig.max(resp), self.reset) {
            (Some(fin), Some(reset)) if is_closed && fin < reset.at => (Close::Fin, fin),
            (_, Some(reset)) => (Close::Rst, reset.at),
            (Some(fin), None) => (Close::Fin, fin),
            (None, None) => (Close::Open, self.last()),
        }
    }
}
