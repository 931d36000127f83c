//! Commands that wait for their replies. The server answers in order (RFC 2920), so the oldest one is answered next.

use std::collections::VecDeque;

use super::command::Command;
use super::event::{SmtpCommand, Verb};
use crate::flow::{FrameId, Moment};
use crate::proto::lines::Line;
use crate::proto::sasl::Exchange;

/// Commands that may wait at once. Clients pipeline one per recipient.
const WAITING: usize = 1024;

/// Bytes of secrets that are kept of a command until its reply is there.
const SAID: usize = 1024;

/// The commands of a connection that wait.
#[derive(Default)]
pub(super) struct Pending {
    queue: VecDeque<Entry>,
    /// The frame with the latest reply.
    replied: FrameId,
}

enum Entry {
    Asked(Asked),
    /// Commands that were not captured, any number of them; `true` when a reply came since that answers none other.
    Lost(bool),
}

/// A command that waits for its reply.
pub(super) struct Asked {
    verb: Verb,
    argument: Option<Box<str>>,
    is_message: bool,
    last: Moment,
    /// What it said that may be secret, as sent.
    said: Vec<u8>,
    pub(super) exchange: Option<Exchange>,
}

/// A command with its reply.
pub(super) struct Answered {
    pub(super) command: SmtpCommand,
    /// It is no command but the end of a message.
    pub(super) is_message: bool,
    /// What it said that may be secret.
    pub(super) said: Vec<u8>,
}

impl Asked {
    pub(super) fn new(command: &Command<'_>, line: &Line<'_>) -> Self {
        let mut asked = Asked {
            verb: command.verb,
            argument: command.argument(),
            is_message: false,
            last: line.last,
            said: Vec::new(),
            exchange: None,
        };
        if command.verb == Verb::Other {
            asked.said(line.bytes);
        }
        asked
    }

    /// The end of a message after DATA.
    pub(super) fn message(last: Moment) -> Self {
        let verb = Verb::Data;
        Asked { verb, argument: None, is_message: true, last, said: Vec::new(), exchange: None }
    }

    /// Remembers what must not be repeated by the reply.
    pub(super) fn said(&mut self, secret: &[u8]) {
        let room = SAID.saturating_sub(self.said.len());
        self.said.extend_from_slice(secret.get(..room).unwrap_or(secret));
        self.said.push(b' ');
    }

    pub(super) fn answered(self) -> Answered {
        let command = SmtpCommand {
            verb: self.verb,
            argument: self.argument,
            credentials: self.exchange.map(|exchange| Box::new(exchange.finish())),
            last: self.last,
        };
        Answered { command, is_message: self.is_message, said: self.said }
    }

    /// As answered by a question back: it goes on waiting.
    fn asked_back(&self) -> Answered {
        let command = SmtpCommand { verb: self.verb, argument: None, credentials: None, last: self.last };
        Answered { command, is_message: false, said: Vec::new() }
    }
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn push(&mut self, asked: Asked) {
        if asked.last.frame < self.replied {
            // It was held back behind a gap of its direction; its reply has come and gone.
            return;
        }
        if matches!(self.queue.back(), Some(Entry::Lost(true))) {
            self.queue.pop_back();
        }
        if self.queue.len() >= WAITING {
            self.queue.clear();
            self.queue.push_back(Entry::Lost(false));
        }
        self.queue.push_back(Entry::Asked(asked));
    }

    /// The client's response in the log-in that waits.
    pub(super) fn respond(&mut self, response: &[u8], at: Moment) {
        let Some(Entry::Asked(asked)) = self.queue.back_mut() else {
            return;
        };
        if let Some(exchange) = &mut asked.exchange {
            exchange.response(response);
            asked.said(response);
            asked.last = at;
        }
    }

    /// More of the chunk after BDAT has come.
    pub(super) fn chunk_went_on(&mut self, at: Moment) {
        if let Some(Entry::Asked(asked)) = self.queue.back_mut().filter(|_| at.frame > self.replied)
            && asked.verb == Verb::Bdat
        {
            asked.last = at;
        }
    }

    /// What a reply that began with `first` answers.
    pub(super) fn answer(&mut self, code: u16, first: Moment) -> Option<Answered> {
        self.replied = first.frame;
        if matches!(self.queue.front(), Some(Entry::Lost(_))) && self.queue.len() > 1 {
            self.queue.pop_front();
        }
        match self.queue.front_mut()? {
            Entry::Lost(is_answered) => {
                *is_answered = true;
                None
            }
            Entry::Asked(asked) if asked.last.frame > first.frame => None,
            Entry::Asked(asked) if code == 334 && asked.verb.is_login() => Some(asked.asked_back()),
            Entry::Asked(_) => match self.queue.pop_front() {
                Some(Entry::Asked(asked)) => Some(asked.answered()),
                _ => None,
            },
        }
    }

    /// Commands may not have been captured.
    pub(super) fn commands_lost(&mut self) {
        if let Some(Entry::Asked(Asked { exchange: Some(exchange), .. })) = self.queue.back_mut() {
            exchange.lost();
        }
        self.queue.push_back(Entry::Lost(false));
    }

    /// Replies may not have been captured: but for the latest command, all may have been answered by them.
    pub(super) fn replies_lost(&mut self) {
        let answered = self.queue.len().saturating_sub(1);
        self.queue.drain(..answered);
    }
}
