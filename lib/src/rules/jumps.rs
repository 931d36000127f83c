//! Jumps of the capture's clock into the future.
//!
//! A silence of everyone alone does not tell a jump from an idle network. It is a jump when TCP did not live through
//! it: a packet that demands an answer at once was captured before it, the answer after it, and in between nobody
//! sent again; or others' clocks show how little time passed: the timestamps of a sender, or the `Date` of replies. No stack waits that long: the first retransmission is due after 1 to 3 seconds (RFC 6298, 2.1), an
//! acknowledgment after half a second (RFC 9293, 3.8.6.3).

use std::collections::HashSet;

use crate::facts::{ClockStep, NotificationRow, Silence, Table, VantageFacts};
use crate::flow::{ClockJump, Connection, FrameId, Moment};

/// The silences through which time jumped, in the order of time.
pub(super) fn forward_jumps(facts: &VantageFacts) -> Vec<ClockStep> {
    let mut silences: Vec<Silence> = facts.coverage.silences.clone();
    if silences.is_empty() {
        return Vec::new();
    }
    silences.sort_by_key(|silence| silence.from.time);
    let handshakes = facts.connections.iter().filter_map(|connection| split_handshake(connection, &silences));
    let posts = facts.notifications.iter().filter_map(|row| split_post(row, facts, &silences));
    let senders = facts.connections.iter().filter_map(|connection| connection.rare().clock_jump);
    let senders = senders.filter_map(|jump| holding(jump, &silences));
    let dated = silences.iter().filter(|silence| is_disputed(silence, &facts.notifications));
    let jumped: HashSet<FrameId> =
        handshakes.chain(posts).chain(senders).chain(dated).map(|silence| silence.from.frame).collect();
    silences
        .iter()
        .filter(|silence| jumped.contains(&silence.from.frame))
        .map(|silence| ClockStep { before: silence.from, after: silence.to })
        .collect()
}

/// Less than this between two clocks is no jump of one of them (nanoseconds).
const DISPUTE: i64 = 30_000_000_000;
/// Notifications that are looked at on each side of a silence.
const LOOKED_AT: usize = 16;

/// Whether the `Date` of the replies on both sides of a silence says that most of it did not pass.
fn is_disputed(silence: &Silence, rows: &Table<NotificationRow>) -> bool {
    let (before, after) = rows.split(|row| row.last.time <= silence.from.time);
    let dated = |row: &NotificationRow| {
        let reply = row.reply.as_ref().filter(|reply| reply.status == 200)?;
        Some((reply.first.time, reply.date?))
    };
    let before = before.rev().take(LOOKED_AT).filter_map(|row| Some((row, dated(row)?)));
    let before = before.filter(|(_, (at, _))| *at <= silence.from.time);
    let after = || after.clone().take(LOOKED_AT).filter_map(|row| Some((row, dated(row)?)));
    let same = |one: &NotificationRow, two: &NotificationRow| {
        let server = |row: &NotificationRow| row.reply.as_ref().and_then(|reply| reply.head.server.clone());
        one.listener == two.listener && server(one) == server(two)
    };
    let mut pairs =
        before.filter_map(|(one, from)| after().find(|(two, _)| same(one, two)).map(|(_, to)| (from, to)));
    pairs.next().is_some_and(|(from, to)| {
        let ahead = to.0.since(from.0).saturating_sub(to.1.since(from.1));
        ahead > DISPUTE && silence.length() >= ahead / 10 * 9
    })
}

/// The silence between a SYN and its SYN/ACK, when the SYN was not sent again.
fn split_handshake<'a>(connection: &Connection, silences: &'a [Silence]) -> Option<&'a Silence> {
    let (syn, syn_ack) = (connection.syn.as_ref()?, connection.syn_ack.as_ref()?);
    if connection.syn_count > 1 {
        return None;
    }
    between(syn.at, syn_ack.at, silences)
}

/// The silence between the last segment of a POST and the first of its reply, when nothing at all lies between them:
/// the receiver would have acknowledged the POST long before.
fn split_post<'a>(
    row: &NotificationRow,
    facts: &VantageFacts,
    silences: &'a [Silence],
) -> Option<&'a Silence> {
    let reply = row.reply.as_ref()?;
    split_answer(row.last, reply.first, facts.connection(row.flow)?, silences)
}

fn split_answer<'a>(
    asked: Moment,
    answered: Moment,
    connection: &Connection,
    silences: &'a [Silence],
) -> Option<&'a Silence> {
    let sides = &connection.sides;
    let is_whole = sides.iter().all(|side| side.missing == 0 && side.retransmitted == 0);
    between(asked, answered, silences)
        .filter(|silence| is_whole && silence.from.frame == asked.frame && silence.to.frame == answered.frame)
}

/// The one silence that is long enough for a jump that a sender's clock shows. Where others were heard again and
/// again in the meantime, it is the sender's clock that stood still.
fn holding(jump: ClockJump, silences: &[Silence]) -> Option<&Silence> {
    let longest = within(jump.before, jump.after, silences).max_by_key(|silence| silence.length())?;
    (longest.length() >= jump.by / 10 * 9).then_some(longest)
}

fn between(from: Moment, to: Moment, silences: &[Silence]) -> Option<&Silence> {
    within(from, to, silences).next()
}

/// The silences between two moments. Times tell, since frames of several files that overlap are in no order.
fn within(from: Moment, to: Moment, silences: &[Silence]) -> impl Iterator<Item = &Silence> {
    let next = silences.partition_point(|silence| silence.from.time < from.time);
    silences[next..].iter().take_while(move |silence| silence.to.time <= to.time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{connection, moment};
    use crate::flow::Handshake;

    fn facts(syn_ack: Moment, syn_count: u32) -> VantageFacts {
        let mut opened = connection(7, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Full);
        let mut answer = opened.syn.unwrap();
        answer.at = syn_ack;
        (opened.syn_ack, opened.syn_count) = (Some(answer), syn_count);
        let mut facts = VantageFacts { connections: vec![opened].into(), ..VantageFacts::default() };
        for (from, to) in [(moment(3, 3), moment(4, 40)), (moment(7, 47), moment(8, 3647))] {
            facts.coverage.silences.push(Silence { from, to });
        }
        facts
    }

    #[test]
    fn a_handshake_cannot_outlast_a_silence() {
        let jumps = forward_jumps(&facts(moment(8, 3647), 1));
        assert_eq!(jumps.len(), 1);
        assert_eq!((jumps[0].before, jumps[0].after), (moment(7, 47), moment(8, 3647)));
    }

    #[test]
    fn a_syn_that_was_sent_again_did_live_through_the_silence() {
        assert_eq!(forward_jumps(&facts(moment(8, 3647), 2)), []);
    }

    #[test]
    fn a_silence_beside_a_handshake_is_an_idle_network() {
        let mut facts = facts(moment(7, 8), 1);
        facts.coverage.silences.pop();
        assert_eq!(forward_jumps(&facts), []);
    }

    #[test]
    fn a_reply_after_a_silence_is_late_only_if_the_request_was_acknowledged_before() {
        let silence = Silence { from: moment(7, 7), to: moment(8, 3607) };
        let mut opened = connection(5, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Full);
        let split = |asked, connection: &Connection| {
            split_answer(moment(asked, 7), moment(8, 3607), connection, &[silence]).is_some()
        };
        assert!(split(7, &opened));
        assert!(!split(6, &opened), "frame 7 is the acknowledgment");
        opened.sides[0].retransmitted = 1;
        assert!(!split(7, &opened));
    }

    #[test]
    fn a_senders_clock_that_stands_still_while_others_are_heard_is_no_jump() {
        let silence = |from, to| Silence { from, to };
        let heard = [silence(moment(3, 0), moment(4, 300)), silence(moment(5, 301), moment(6, 600))];
        let jump = ClockJump { before: moment(2, 0), after: moment(7, 600), by: 590_000_000_000 };
        assert_eq!(holding(jump, &heard), None);
        assert!(holding(jump, &[silence(moment(2, 0), moment(7, 600))]).is_some());
    }

    #[test]
    fn a_silence_of_another_file_that_overlaps_is_beside_a_handshake() {
        let of = |file, at: Moment| Moment { frame: FrameId::new(file, at.frame.number()), ..at };
        let silence = Silence { from: of(0, moment(90, 400)), to: of(1, moment(2, 700)) };
        let mut facts = facts(of(1, moment(60, 900)), 1);
        facts.coverage.silences = vec![silence];
        let mut opened = facts.connections[0].clone();
        opened.syn.as_mut().unwrap().at = of(0, moment(7, 899));
        facts.connections = vec![opened].into();
        assert_eq!(forward_jumps(&facts), []);
    }
}
