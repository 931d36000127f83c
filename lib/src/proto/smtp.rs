//! SMTP (RFC 5321): every reply with the command that it answers.
//!
//! Messages are passed over and never read as protocol, whether they follow DATA or BDAT (RFC 3030). Log-ins are named
//! and their secrets digested (RFC 4954). After STARTTLS the connection speaks TLS and is handed on.

mod client;
mod command;
mod event;
mod mask;
mod message;
mod pending;
mod reply;
mod start;

pub use event::{Enhanced, SmtpCommand, SmtpReply, Verb};

use std::ops::ControlFlow;

use self::client::Client;
use self::pending::{Answered, Pending};
use self::reply::{Arriving, ReplyLine};
use super::lines::Lines;
use super::{Dissector, Event, Probe, Protocol};
use crate::flow::{Close, Dir, Moment};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "smtp",
    ports: &[25, 465, 587],
    probe: start::message,
    start: |_, dir, first| {
        let is_server = start::server(first, false) == Probe::Yes;
        Box::new(Smtp::new(if is_server { dir.flip() } else { dir }))
    },
};

/// Longest line of a reply that is read, in bytes. RFC 5321, 4.5.3.1.5 allows 512.
const REPLY_LINE: usize = 2048;

/// One connection.
struct Smtp {
    client: Dir,
    commands: Client,
    pending: Pending,
    lines: Lines,
    /// The reply whose lines arrive.
    arriving: Option<Arriving>,
    /// A reply was read before.
    has_replied: bool,
}

impl Smtp {
    fn new(client: Dir) -> Self {
        Smtp {
            client,
            commands: Client::new(),
            pending: Pending::default(),
            lines: Lines::new(REPLY_LINE),
            arriving: None,
            has_replied: false,
        }
    }

    fn replies(&mut self, bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> ControlFlow<usize> {
        let mut rest = bytes;
        loop {
            let Some(line) = self.lines.next(&mut rest, at) else {
                return ControlFlow::Continue(());
            };
            // After a gap a segment begins with a line as a rule; the end of one hardly looks like a reply.
            let Some(read) = ReplyLine::parse(line.bytes) else {
                self.arriving = None;
                continue;
            };
            let mut reply = match self.arriving.take() {
                Some(mut reply) if reply.code == read.code => {
                    reply.add(&read, &line);
                    reply
                }
                _ => Arriving::new(&read, &line),
            };
            if !read.is_last {
                self.arriving = Some(reply);
                continue;
            }
            reply.text.shrink_to_fit();
            if self.reply(reply, out) {
                return ControlFlow::Break(bytes.len() - rest.len());
            }
        }
    }

    /// Takes a whole reply. Returns whether TLS follows it.
    fn reply(&mut self, reply: Arriving, out: &mut Vec<Event>) -> bool {
        let is_first = !std::mem::replace(&mut self.has_replied, true);
        let is_greeting = is_first
            && match reply.code {
                220 => true,
                421 | 554 => self.pending.is_empty(),
                _ => false,
            };
        let answered = match is_greeting {
            true => None,
            false => self
                .pending
                .answer(reply.code, reply.first)
                .or_else(|| self.commands.message_answered(&reply)),
        };
        match is_greeting {
            true => self.commands.greeted(),
            false => self.commands.replied(reply.code, answered.as_ref()),
        }
        let verb = answered.as_ref().map(|answered| answered.command.verb);
        let begins_tls = reply.code == 220 && matches!(verb, Some(Verb::StartTls | Verb::XanonymousTls));
        let text = mask::echo(&reply, answered.as_ref());
        out.push(Event::Smtp(Box::new(SmtpReply {
            client: self.client,
            command: answered.map(|answered: Answered| answered.command),
            is_greeting,
            code: reply.code,
            enhanced: reply.enhanced,
            text,
            first: reply.first,
            last: reply.last,
        })));
        begins_tls
    }
}

impl Dissector for Smtp {
    fn data(&mut self, dir: Dir, bytes: &[u8], at: Moment, out: &mut Vec<Event>) -> ControlFlow<usize> {
        match dir == self.client {
            true => self.commands.data(bytes, at, &mut self.pending),
            false => self.replies(bytes, at, out),
        }
    }

    fn gap(&mut self, dir: Dir, length: u64, _: Moment, _: &mut Vec<Event>) {
        if dir == self.client {
            self.commands.gap(length, &mut self.pending);
        } else {
            self.lines.gap(length);
            self.arriving = None;
            self.has_replied = true;
            self.pending.replies_lost();
        }
    }

    fn fin(&mut self, _: Dir, _: Moment, _: &mut Vec<Event>) {}

    fn end(&mut self, _: Close, _: Moment, _: &mut Vec<Event>) {}

    fn held(&self) -> usize {
        self.lines.held() + self.commands.held()
    }

    fn done(&self) -> bool {
        self.commands.is_other_protocol()
    }
}

#[cfg(test)]
mod tests;
