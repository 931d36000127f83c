//! What is known to have been sent in one direction, whether or not it was captured: by the peer's acknowledgments, and
//! by where the sender itself goes on.

use super::segment::FARTHEST;

/// Numbers up to which one direction was sent and acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acks {
    sent: Option<Sent>,
    /// The highest number that the peer itself acknowledged.
    answered: Option<u32>,
}

/// The first and the highest number up to which everything is known to have been sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    first: u32,
    last: u32,
}

impl Acks {
    /// The peer acknowledges everything before `ack`.
    pub(super) fn answered(&mut self, ack: u32) {
        // Who sends much has little to acknowledge.
        if self.answered == Some(ack) {
            return;
        }
        self.answered =
            Some(self.answered.map_or(ack, |known| if is_after(ack, known) { ack } else { known }));
        self.sent_up_to(ack);
    }

    /// Everything before `seq` was sent.
    pub(super) fn sent_up_to(&mut self, seq: u32) {
        let sent = self.sent.get_or_insert(Sent { first: seq, last: seq });
        if (1..=FARTHEST).contains(&u64::from(seq.wrapping_sub(sent.last))) {
            sent.last = seq;
        }
    }

    /// The highest number up to which everything was sent.
    pub(super) fn end(&self) -> Option<u32> {
        self.sent.map(|sent| sent.last)
    }

    /// Whether the peer has acknowledged everything before `seq`.
    pub(super) fn cover(&self, seq: u32) -> bool {
        self.answered.is_some_and(|acked| !is_after(seq, acked))
    }

    /// Whether the peer has acknowledged what lies at `seq`.
    pub(super) fn reach_beyond(&self, seq: u32) -> bool {
        self.answered.is_some_and(|acked| (1..=FARTHEST).contains(&u64::from(acked.wrapping_sub(seq))))
    }

    /// How many numbers were used beyond `top`, the highest one seen; without any, beyond the first that was
    /// acknowledged. One may be a FIN that was not captured, and does not count.
    pub(super) fn beyond(&self, top: Option<u32>) -> u64 {
        let Some(sent) = self.sent else { return 0 };
        match u64::from(sent.last.wrapping_sub(top.unwrap_or(sent.first))) {
            0 | 1 => 0,
            beyond if beyond > FARTHEST => 0,
            beyond => beyond,
        }
    }
}

/// Whether sequence number `one` lies after `two` (RFC 9293, 3.4).
fn is_after(one: u32, two: u32) -> bool {
    (one.wrapping_sub(two) as i32) > 0
}
