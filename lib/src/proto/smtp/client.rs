//! The client's direction: commands, SASL responses and messages.

use std::ops::ControlFlow;

use super::command::Command;
use super::event::Verb;
use super::message::Message;
use super::pending::{Answered, Asked, Pending};
use super::reply::Arriving;
use crate::flow::Moment;
use crate::proto::lines::{Line, Lines};
use crate::proto::sasl::Exchange;

/// Longest line that is read, in bytes: a response of SASL (RFC 4954, 4).
const LINE: usize = 12_288;

/// What the client sends.
pub(super) struct Client {
    lines: Lines,
    mode: Mode,
    has_commanded: bool,
    is_other_protocol: bool,
}

/// What its next bytes are.
enum Mode {
    /// Command lines.
    Commands,
    /// Not known, as the beginning or something in between was not captured: only what can hardly be anything else
    /// is taken for a command.
    Lost,
    /// Responses of a log-in.
    Login,
    /// A message after DATA.
    Message(Transfer),
}

/// A message on its way.
struct Transfer {
    text: Message,
    /// Some of it was sent.
    has_begun: bool,
    /// Some of it was not captured; its end may have been in that.
    has_gap: bool,
    /// The server has spoken its verdict before the end.
    is_answered: bool,
}

impl Transfer {
    fn new() -> Self {
        Transfer { text: Message::begin(), has_begun: false, has_gap: false, is_answered: false }
    }
}

impl Client {
    pub(super) fn new() -> Self {
        Client { lines: Lines::new(LINE), mode: Mode::Lost, has_commanded: false, is_other_protocol: false }
    }

    /// Whether the first command shows that the server only greeted as one of SMTP does.
    pub(super) fn is_other_protocol(&self) -> bool {
        self.is_other_protocol
    }

    /// Bytes that are kept of the line that is arriving.
    pub(super) fn held(&self) -> usize {
        self.lines.held()
    }

    /// Breaks where TLS begins although no reply announced it.
    pub(super) fn data(&mut self, bytes: &[u8], at: Moment, pending: &mut Pending) -> ControlFlow<usize> {
        let Client { lines, mode, has_commanded, is_other_protocol } = self;
        if !matches!(mode, Mode::Message(_)) && lines.is_between() && bytes.starts_with(TLS_HANDSHAKE) {
            return ControlFlow::Break(0);
        }
        let mut rest = bytes;
        loop {
            if let Mode::Message(transfer) = mode {
                transfer.has_begun |= !rest.is_empty();
                let Some(end) = transfer.text.feed(rest) else {
                    return ControlFlow::Continue(());
                };
                rest = rest.get(end..).unwrap_or_default();
                if !transfer.is_answered {
                    pending.push(Asked::message(at));
                }
                *mode = Mode::Commands;
            }
            let is_chunk = lines.to_skip() > 0;
            let line = lines.next(&mut rest, at);
            if is_chunk {
                pending.chunk_went_on(at);
            }
            let Some(line) = line else {
                return ControlFlow::Continue(());
            };
            let command = Command::parse(line.bytes);
            *is_other_protocol |= !*has_commanded && command.is_alien();
            *has_commanded = true;
            let chunk = take(mode, &command, &line, pending);
            lines.skip(chunk);
        }
    }

    /// `length` bytes were never captured.
    pub(super) fn gap(&mut self, length: u64, pending: &mut Pending) {
        self.has_commanded = true;
        if let Mode::Message(transfer) = &mut self.mode {
            (transfer.has_begun, transfer.has_gap) = (true, true);
            transfer.text.gap();
        } else if self.lines.gap(length) {
            self.mode = Mode::Lost;
            pending.commands_lost();
        }
    }

    /// Takes a reply that nobody asked for as the verdict on the message that is on its way.
    pub(super) fn message_answered(&mut self, reply: &Arriving) -> Option<Answered> {
        let Mode::Message(transfer) = &mut self.mode else {
            return None;
        };
        if reply.code == 354 || !transfer.has_begun || transfer.is_answered {
            return None;
        }
        match transfer.has_gap {
            true => self.mode = Mode::Lost,
            false => transfer.is_answered = true,
        }
        Some(Asked::message(reply.first).answered())
    }

    /// The server has greeted: the connection is seen from its beginning.
    pub(super) fn greeted(&mut self) {
        if !self.has_commanded {
            self.mode = Mode::Commands;
        }
    }

    /// What the client may do after a reply.
    pub(super) fn replied(&mut self, code: u16, answered: Option<&Answered>) {
        match (code, answered) {
            (334, _) if !matches!(self.mode, Mode::Message(_)) => self.mode = Mode::Login,
            (354, _) if !matches!(self.mode, Mode::Message(_)) => self.mode = Mode::Message(Transfer::new()),
            (334 | 354, _) => {}
            (_, Some(answered)) if answered.command.verb == Verb::Data && !answered.is_message => {
                if let Mode::Message(transfer) = &self.mode {
                    self.mode = if transfer.has_begun { Mode::Lost } else { Mode::Commands };
                }
            }
            _ if matches!(self.mode, Mode::Login) => self.mode = Mode::Commands,
            _ => {}
        }
    }
}

/// A TLS record of type handshake, whatever the version 3.x.
const TLS_HANDSHAKE: &[u8] = &[22, 3];

/// Takes a line. Returns how many bytes of a message follow it.
fn take(mode: &mut Mode, command: &Command<'_>, line: &Line<'_>, pending: &mut Pending) -> u64 {
    if !matches!(mode, Mode::Commands) && !command.is_certain() {
        if matches!(mode, Mode::Login) {
            pending.respond(line.bytes, line.last);
        }
        return 0;
    }
    *mode = Mode::Commands;
    match command.verb {
        verb if verb.is_login() => log_in(mode, command, line, pending),
        Verb::Data => {
            pending.push(Asked::new(command, line));
            *mode = Mode::Message(Transfer::new());
        }
        _ => pending.push(Asked::new(command, line)),
    }
    match command.verb {
        Verb::Bdat => command.chunk().unwrap_or(0),
        _ => 0,
    }
}

fn log_in(mode: &mut Mode, command: &Command<'_>, line: &Line<'_>, pending: &mut Pending) {
    let mut words = command.rest.splitn(2, u8::is_ascii_whitespace);
    let mut exchange = Exchange::new(words.next().unwrap_or_default());
    let mut asked = Asked::new(command, line);
    if let Some(initial) = words.next().map(<[u8]>::trim_ascii).filter(|response| !response.is_empty()) {
        exchange.response(initial);
        asked.said(initial);
    }
    asked.exchange = Some(exchange);
    pending.push(asked);
    *mode = Mode::Login;
}
