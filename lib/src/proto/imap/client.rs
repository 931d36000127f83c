//! The client's direction: commands, their literals, SASL responses.

use super::Out;
use super::event::{Command, Fact, Login, Reply};
use super::lane::{Lane, Literal};
use super::login::{self, Arguments};
use super::pending::Pending;
use super::start;
use crate::flow::Moment;
use crate::proto::lines::Line;

/// Bytes of a literal argument of LOGIN that are read.
const ARGUMENT: u64 = 1024;

/// The client's direction.
pub(super) struct Client {
    lane: Lane,
    /// The command of which more is to come after a literal.
    arriving: Option<Arriving>,
    /// The literal that is read: an argument of LOGIN. All others are passed over.
    argument: Option<Argument>,
    /// Lines were lost: only what is certainly a command is taken for one.
    is_lost: bool,
    /// The reply to a command whose line has not come to its end.
    early: Option<(Box<[u8]>, Reply)>,
    /// The last frame with bytes of it.
    latest: Moment,
}

/// A command that is not complete.
struct Arriving {
    command: Command,
    /// For LOGIN.
    arguments: Option<Arguments>,
    /// The literal that it waits for leave to send.
    waits: Option<Literal>,
}

struct Argument {
    left: u64,
    value: Vec<u8>,
}

impl Client {
    pub(super) fn new() -> Self {
        Client {
            lane: Lane::new(),
            arriving: None,
            argument: None,
            is_lost: false,
            early: None,
            latest: Moment::default(),
        }
    }

    /// Bytes that are kept of the line that is arriving.
    pub(super) fn held(&self) -> usize {
        self.lane.held()
    }

    /// Bytes of a literal that are still to be passed over.
    pub(super) fn to_skip(&self) -> u64 {
        self.lane.to_skip()
    }

    pub(super) fn data(&mut self, mut rest: &[u8], at: Moment, pending: &mut Pending, out: &mut Out<'_>) {
        self.latest = at;
        loop {
            self.read_argument(&mut rest);
            let Some((line, literal)) = self.lane.next(&mut rest, at) else {
                return;
            };
            let arriving = match self.arriving.take() {
                Some(mut arriving) => {
                    arriving.go_on(&line);
                    Some(arriving)
                }
                // A gap mostly ends where a segment and a line do: what is certainly a command is one.
                None => begin(&line, self.is_lost || !line.is_whole, pending),
            };
            let Some(mut arriving) = arriving else {
                continue;
            };
            self.is_lost = false;
            let Some(literal) = literal else {
                self.complete(arriving, pending, out);
                continue;
            };
            match arriving.arguments {
                Some(_) if literal.length <= ARGUMENT => {
                    self.argument = Some(Argument { left: literal.length, value: Vec::new() })
                }
                _ => self.lane.skip(literal.length),
            }
            arriving.waits = literal.waits.then_some(literal);
            self.arriving = Some(arriving);
        }
    }

    /// Takes the reply to a command whose line is still arriving: a server need not read all of one that is too long.
    /// Gives it back when there is no such command.
    pub(super) fn answer_early(&mut self, tag: &[u8], reply: Reply) -> Option<Reply> {
        let line = self.lane.arriving(reply.first).filter(|_| self.lane.is_long());
        let is_its = line.and_then(|line| start::tag(line.bytes)).is_some_and(|(own, _)| own == tag);
        if !is_its {
            return Some(reply);
        }
        self.early = Some((tag.into(), reply));
        None
    }

    /// The server answered `tag`. A command that still waits for leave to send its literal ends with that.
    pub(super) fn refused(&mut self, tag: &[u8], pending: &mut Pending, out: &mut Out<'_>) {
        let unsent = self.argument.as_ref().map_or(self.lane.to_skip(), |argument| argument.left);
        let is_refused = self.arriving.as_ref().is_some_and(|arriving| {
            arriving.command.tag.as_bytes() == tag
                && arriving.waits.is_some_and(|literal| literal.length == unsent)
        });
        if !is_refused {
            return;
        }
        self.argument = None;
        // The literal never comes.
        self.lane.gap(self.lane.to_skip());
        if let Some(arriving) = self.arriving.take() {
            pending.push(arriving.complete(), out);
        }
    }

    pub(super) fn gap(&mut self, mut length: u64, pending: &mut Pending, out: &mut Out<'_>) {
        if let Some(argument) = self.argument.take() {
            // Of an argument with a hole nothing is known.
            if let Some(arriving) = &mut self.arriving {
                arriving.arguments = None;
            }
            let inside = length.min(argument.left);
            self.lane.skip(argument.left - inside);
            length -= inside;
        }
        if length > 0 && self.lane.gap(length) {
            self.is_lost = true;
            self.break_off(pending, out);
        }
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, pending: &mut Pending, out: &mut Out<'_>) {
        let is_long = self.lane.is_long() && self.arriving.is_none() && self.argument.is_none();
        let unfinished = self.lane.arriving(self.latest).filter(|line| is_long && line.is_whole);
        let begun = unfinished.and_then(|line| begin(&line, self.is_lost, pending));
        if let Some(begun) = begun {
            self.complete(begun, pending, out);
            self.lane = Lane::new();
        }
        self.break_off(pending, out);
    }

    /// What is arriving comes to no end.
    fn break_off(&mut self, pending: &mut Pending, out: &mut Out<'_>) {
        self.argument = None;
        if let Some(arriving) = self.arriving.take() {
            self.complete(arriving, pending, out);
        }
    }

    fn complete(&mut self, arriving: Arriving, pending: &mut Pending, out: &mut Out<'_>) {
        let mut command = arriving.complete();
        let is_answered = |(tag, _): &mut (Box<[u8]>, Reply)| **tag == *command.tag.as_bytes();
        match self.early.take_if(is_answered) {
            Some((_, reply)) => {
                command.reply = Some(reply);
                out.push(Fact::Command(command));
            }
            None => pending.push(command, out),
        }
    }

    fn read_argument(&mut self, rest: &mut &[u8]) {
        let Some(argument) = &mut self.argument else {
            return;
        };
        let taken = usize::try_from(argument.left).unwrap_or(usize::MAX).min(rest.len());
        let (piece, after) = rest.split_at(taken);
        argument.value.extend_from_slice(piece);
        argument.left -= taken as u64;
        *rest = after;
        if argument.left > 0 {
            return;
        }
        let value = self.argument.take().map(|argument| argument.value).unwrap_or_default();
        if let Some(arguments) = self.arriving.as_mut().and_then(|arriving| arriving.arguments.as_mut()) {
            arguments.push(value);
        }
    }
}

impl Arriving {
    /// Takes the line that follows a literal.
    fn go_on(&mut self, line: &Line<'_>) {
        self.waits = None;
        self.command.line_length += line.length;
        (self.command.last, self.command.sent) = (line.last, line.last);
        if let Some(arguments) = &mut self.arguments {
            arguments.line(line.bytes);
        }
    }

    fn complete(self) -> Command {
        let mut command = self.command;
        if let Some(arguments) = &self.arguments {
            command.login = Some(Box::new(arguments.login()));
        }
        command
    }
}

/// Takes a line that begins something: a command, or what a command before it waits for.
fn begin(line: &Line<'_>, is_lost: bool, pending: &mut Pending) -> Option<Arriving> {
    let Some((tag, after)) = start::tag(line.bytes) else {
        if !is_lost {
            answer(line, pending);
        }
        return None;
    };
    let known = start::command(after);
    // The first word of a line that is out of step may be part of a password.
    if known.is_none() && (is_lost || pending.is_authenticating() || !start::is_clients(tag)) {
        return None;
    }
    let (name, rest) = known.unzip();
    let rest = rest.unwrap_or_default();
    let mut arguments = (name == Some("LOGIN")).then(Arguments::default);
    if let Some(arguments) = &mut arguments {
        arguments.line(rest);
    }
    let login: Option<Login> = (name == Some("AUTHENTICATE")).then(|| {
        let (login, exchange) = login::begin(rest);
        pending.begin(exchange);
        login
    });
    let command = Command {
        first: line.first,
        last: line.last,
        sent: line.last,
        tag: String::from_utf8_lossy(tag).into(),
        name,
        line_length: line.length,
        login: login.map(Box::new),
        reply: None,
    };
    Some(Arriving { command, arguments, waits: None })
}

/// Takes a line that is no command: a SASL response, or the end of IDLE (RFC 2177).
fn answer(line: &Line<'_>, pending: &mut Pending) {
    let Some((command, exchange)) = pending.latest() else {
        return;
    };
    match (&mut command.login, exchange) {
        (Some(login), Some(exchange)) => login::respond(login, exchange, line.bytes),
        _ if command.name == Some("IDLE") && line.bytes.eq_ignore_ascii_case(b"DONE") => {}
        _ => return,
    }
    command.sent = line.last;
}
