//! Commands that wait for their replies.

use std::collections::VecDeque;

use super::Out;
use super::event::{Command, Fact, Reply};
use crate::proto::ntlm::Challenge;

/// Commands that may wait. Beyond, the oldest is taken to stay without a reply.
const WAITING: usize = 64;

/// Commands that wait for their replies, in the order in which they were sent.
#[derive(Default)]
pub(super) struct Pending(VecDeque<Command>);

impl Pending {
    pub(super) fn push(&mut self, command: Command, out: &mut Out<'_>) {
        if self.0.len() >= WAITING
            && let Some(oldest) = self.0.pop_front()
        {
            out.push(Fact::Command(oldest));
        }
        self.0.push_back(command);
    }

    /// Takes the command that a tag answers: the first one, as some clients use a tag again.
    pub(super) fn answered(&mut self, tag: &[u8]) -> Option<Command> {
        let place = self.0.iter().position(|command| command.tag.as_bytes() == tag)?;
        self.0.remove(place)
    }

    /// The command that was sent last.
    pub(super) fn latest(&mut self) -> Option<&mut Command> {
        self.0.back_mut()
    }

    /// Whether the next line of the client is a SASL response.
    pub(super) fn is_authenticating(&self) -> bool {
        self.0.back().is_some_and(|command| command.name == Some("AUTHENTICATE"))
    }

    /// Keeps how the server names itself in an NTLM exchange.
    pub(super) fn challenged(&mut self, challenge: Box<Challenge>) {
        if let Some(login) = self.0.back_mut().and_then(|command| command.login.as_mut()) {
            login.challenge = Some(challenge);
        }
    }

    /// Hands on all commands without a reply.
    pub(super) fn flush(&mut self, out: &mut Out<'_>) {
        self.0.drain(..).for_each(|command| out.push(Fact::Command(command)));
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
