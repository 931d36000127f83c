//! Conversations that real programs had, replayed between the lab's hosts. `record/tls.py` records them.

use crate::cuc::Lab;
use crate::tcp::{Conversation, Host, Side};
use crate::time::{MILLISECOND, Nanos};
use crate::trace::PacketId;

/// What one side did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// It sent bytes.
    Bytes(Vec<u8>),
    /// It ended its direction.
    Fin,
}

/// A conversation, step by step.
#[derive(Debug, Clone)]
pub struct Recording(pub Vec<(Side, Piece)>);

impl Recording {
    /// Reads the text that the recorder writes.
    ///
    /// # Panics
    /// When it is no such text.
    pub fn parse(text: &str) -> Self {
        let mut pieces: Vec<(Side, Piece)> = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (mark, rest) = line.split_at(2);
            let side = match mark {
                "> " => Side::Originator,
                "< " => Side::Responder,
                _ => {
                    let Some((_, Piece::Bytes(bytes))) = pieces.last_mut() else { panic!("{line} goes on") };
                    bytes.extend(hex(rest));
                    continue;
                }
            };
            pieces.push((side, if rest == "fin" { Piece::Fin } else { Piece::Bytes(hex(rest)) }));
        }
        Self(pieces)
    }

    /// The first so many pieces only.
    pub fn first(mut self, pieces: usize) -> Self {
        self.0.truncate(pieces);
        self
    }

    /// Replays it in an open connection. Gives the packets of each piece.
    pub fn play(&self, talk: &mut Conversation) -> Vec<Vec<PacketId>> {
        let mut sent = Vec::new();
        for (side, piece) in &self.0 {
            talk.wait(MILLISECOND);
            sent.push(match piece {
                Piece::Bytes(bytes) => talk.send(*side, bytes),
                Piece::Fin => vec![talk.fin(*side)],
            });
        }
        sent
    }

    /// Replays it in a connection of its own. Gives the packets of each piece.
    pub fn visit(&self, lab: &mut Lab, at: Nanos, from: Host, to: (Host, u16)) -> Vec<Vec<PacketId>> {
        let port = lab.next_port();
        let mut talk = Conversation::new(&mut lab.trace, at, (from, port), to);
        talk.handshake();
        let sent = self.play(&mut talk);
        talk.ack(Side::Originator);
        talk.ack(Side::Responder);
        sent
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.trim().chars().map(|digit| digit.to_digit(16).expect("a digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
