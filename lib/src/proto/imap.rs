//! IMAP (RFC 3501, RFC 9051): commands paired with their replies, log-ins, greetings and BYEs of one connection.
//!
//! What a literal holds is passed over and never read as protocol, but for the arguments of LOGIN. After STARTTLS and
//! COMPRESS the connection speaks something else and is handed on.

mod client;
mod event;
mod lane;
mod login;
mod pending;
mod server;
mod start;

pub use event::{Capabilities, Command, Fact, Login, Reply, Status, Way};

use std::ops::ControlFlow;

use self::client::Client;
use self::pending::{Pending, replied};
use self::server::{Response, Server, State};
use super::{Dissector, Event, Ntlm, Probe, Protocol};
use crate::flow::{Close, Dir, Moment};

pub(super) const PROTOCOL: Protocol = Protocol {
    name: "imap",
    ports: &[143, 993],
    probe: start::message,
    start: |_, dir, first| {
        let is_server = start::server(first, false) == Probe::Yes;
        Box::new(Imap::new(if is_server { dir.flip() } else { dir }, is_server))
    },
};

/// One connection.
struct Imap {
    client: Dir,
    requests: Client,
    replies: Server,
    pending: Pending,
    /// The client has sent something.
    has_client_spoken: bool,
}

/// Where facts go.
struct Out<'o> {
    client: Dir,
    events: &'o mut Vec<Event>,
}

impl Out<'_> {
    fn push(&mut self, fact: Fact) {
        self.events.push(Event::Imap(self.client, Box::new(fact)));
    }

    fn capabilities(&mut self, capabilities: Option<Capabilities>) {
        if let Some(capabilities) = capabilities {
            self.push(Fact::Capabilities(capabilities));
        }
    }
}

impl Imap {
    /// `is_greeted`: the connection was recognised by the server's first line, so nothing of it came before.
    fn new(client: Dir, is_greeted: bool) -> Self {
        Imap {
            client,
            requests: Client::new(),
            replies: Server::new(!is_greeted),
            pending: Pending::default(),
            has_client_spoken: false,
        }
    }

    /// Takes bytes of the server; breaks where another protocol begins.
    fn replies(&mut self, rest: &mut &[u8], at: Moment, out: &mut Out<'_>) -> ControlFlow<()> {
        let Imap { requests, replies, pending, has_client_spoken, .. } = self;
        replies.data(rest, at, &mut |response, state| match response {
            Response::Tagged(tag, reply, capabilities) => {
                requests.refused(tag, pending, out);
                let command = pending.answered(tag);
                if command.is_none() && state.is_lost {
                    return ControlFlow::Continue(());
                }
                state.is_lost = false;
                let reply = match &command {
                    Some(_) => reply,
                    None => match requests.answer_early(tag, reply) {
                        Some(reply) => reply,
                        None => return ControlFlow::Continue(()),
                    },
                };
                let command = replied(command, tag, reply);
                let hands_on = hands_on(&command);
                out.push(Fact::Command(command));
                out.capabilities(capabilities);
                if hands_on { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            response => {
                untagged(response, state, *has_client_spoken, pending, out);
                ControlFlow::Continue(())
            }
        })
    }
}

fn untagged(
    response: Response<'_>,
    state: &State,
    has_client_spoken: bool,
    pending: &mut Pending,
    out: &mut Out<'_>,
) {
    match response {
        Response::Continue(data) if pending.is_authenticating() => {
            if let Some(Ntlm::Challenge(challenge)) = Ntlm::parse_base64(data) {
                pending.challenged(challenge);
            }
        }
        _ if state.is_lost => {}
        Response::Greeting(reply, capabilities) if !has_client_spoken => {
            out.push(Fact::Greeting(reply));
            out.capabilities(capabilities);
        }
        Response::Greeting(reply, capabilities) | Response::Status(reply, capabilities) => {
            if reply.status == Status::Bye {
                out.push(Fact::Bye(reply));
            }
            out.capabilities(capabilities);
        }
        Response::Capabilities(capabilities) => out.capabilities(Some(capabilities)),
        Response::Continue(_) | Response::Tagged(..) => {}
    }
}

/// Whether another protocol begins after the reply to a command: TLS, or compressed IMAP (RFC 4978).
fn hands_on(command: &Command) -> bool {
    let is_accepted = command.reply.as_ref().is_some_and(|reply| reply.status == Status::Ok);
    is_accepted && matches!(command.name, Some("STARTTLS" | "COMPRESS"))
}

impl Dissector for Imap {
    fn data(&mut self, dir: Dir, bytes: &[u8], at: Moment, events: &mut Vec<Event>) -> ControlFlow<usize> {
        let mut out = Out { client: self.client, events };
        if dir == self.client {
            self.has_client_spoken = true;
            self.requests.data(bytes, at, &mut self.pending, &mut out);
            return ControlFlow::Continue(());
        }
        let mut rest = bytes;
        if self.replies(&mut rest, at, &mut out).is_continue() {
            return ControlFlow::Continue(());
        }
        self.pending.flush(&mut out);
        ControlFlow::Break(bytes.len() - rest.len())
    }

    fn gap(&mut self, dir: Dir, length: u64, _: Moment, events: &mut Vec<Event>) {
        let mut out = Out { client: self.client, events };
        match dir == self.client {
            true => self.requests.gap(length, &mut self.pending, &mut out),
            false => self.replies.gap(length),
        }
    }

    fn passes_over(&self, dir: Dir) -> u64 {
        if dir == self.client { self.requests.to_skip() } else { self.replies.to_skip() }
    }

    fn held(&self) -> usize {
        self.requests.held() + self.replies.held()
    }

    fn fin(&mut self, dir: Dir, _: Moment, events: &mut Vec<Event>) {
        if dir == self.client {
            self.requests.end(&mut self.pending, &mut Out { client: self.client, events });
        }
    }

    fn end(&mut self, _: Close, _: Moment, events: &mut Vec<Event>) {
        let mut out = Out { client: self.client, events };
        self.requests.end(&mut self.pending, &mut out);
        self.pending.flush(&mut out);
    }
}

#[cfg(test)]
mod tests;
