//! Commands that wait for their replies.

use std::collections::VecDeque;

use super::Out;
use super::event::{Command, Fact, Reply};
use crate::proto::ntlm::Challenge;
use crate::proto::sasl::Exchange;

/// Commands that may wait. Beyond, the oldest is taken to stay without a reply.
const WAITING: usize = 64;

/// Commands that wait for their replies, in the order in which they were sent.
#[derive(Default)]
pub(super) struct Pending {
    waiting: VecDeque<Command>,
    /// The SASL exchange of the last AUTHENTICATE.
    exchange: Option<Exchange>,
}

impl Pending {
    pub(super) fn push(&mut self, command: Command, out: &mut Out<'_>) {
        if self.waiting.len() >= WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            out.push(Fact::Command(oldest));
        }
        self.waiting.push_back(command);
    }

    /// Takes the command that a tag answers: the first one, as some clients use a tag again.
    pub(super) fn answered(&mut self, tag: &[u8]) -> Option<Command> {
        let place = self.waiting.iter().position(|command| command.tag.as_bytes() == tag)?;
        self.waiting.remove(place)
    }

    /// A SASL exchange has begun.
    pub(super) fn begin(&mut self, exchange: Exchange) {
        self.exchange = Some(exchange);
    }

    /// The command that was sent last, and the SASL exchange if it is one.
    pub(super) fn latest(&mut self) -> Option<(&mut Command, Option<&mut Exchange>)> {
        let command = self.waiting.back_mut()?;
        let exchange = self.exchange.as_mut().filter(|_| command.name == Some("AUTHENTICATE"));
        Some((command, exchange))
    }

    /// Whether the next line of the client is a SASL response.
    pub(super) fn is_authenticating(&self) -> bool {
        self.waiting.back().is_some_and(|command| command.name == Some("AUTHENTICATE"))
    }

    /// Keeps how the server names itself in an NTLM exchange.
    pub(super) fn challenged(&mut self, challenge: Box<Challenge>) {
        if let Some(login) = self.waiting.back_mut().and_then(|command| command.login.as_mut()) {
            login.challenge = Some(challenge);
        }
    }

    /// Hands on all commands without a reply.
    pub(super) fn flush(&mut self, out: &mut Out<'_>) {
        self.waiting.drain(..).for_each(|command| out.push(Fact::Command(command)));
    }
}

/// A reply with the command that it answers; of a command that was not captured, no more than the tag is known.
pub(super) fn replied(command: Option<Command>, tag: &[u8], reply: Reply) -> Command {
    match command {
        Some(command) => Command { reply: Some(reply), ..command },
        None => Command {
            first: reply.first,
            last: reply.last,
            sent: reply.last,
            tag: String::from_utf8_lossy(tag).into(),
            name: None,
            line_length: 0,
            login: None,
            reply: Some(reply),
        },
    }
}
