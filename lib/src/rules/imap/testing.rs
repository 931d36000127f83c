//! A hand-made site for the tests of these rules.

use crate::config::{Config, Ports};
use crate::facts::Imap;
use crate::facts::testing::{connection, endpoint, moment};
use crate::flow::{Close, Connection, Dir, FlowId, Handshake};
use crate::proto::Secret;
use crate::proto::imap::{Capabilities, Command, Fact, Login, Reply, Status};
use crate::rules::{Finding, Rule, testing};

const SERVER: &str = "10.0.0.1:143";
const READY: &str = "The Microsoft Exchange IMAP4 service is ready.";

/// One server and what happens to it. Connection and second have the same number.
#[derive(Clone, Default)]
pub(super) struct Site {
    facts: Vec<(u64, Fact)>,
    connections: Vec<Connection>,
    greeting: &'static str,
    offers: Vec<&'static str>,
}

impl Site {
    /// Exchange 2010.
    pub(super) fn exchange_2010() -> Self {
        Self::offering(&["IMAP4", "IMAP4REV1", "AUTH=NTLM", "AUTH=PLAIN"])
    }

    /// Exchange with these capabilities.
    pub(super) fn offering(names: &[&'static str]) -> Self {
        Site { greeting: READY, offers: names.to_vec(), ..Site::default() }
    }

    /// A server whose limits are not known.
    pub(super) fn unknown() -> Self {
        Site { greeting: "ready", ..Site::default() }
    }

    /// A log-in that is accepted at a second, on a connection that stays open.
    pub(super) fn accepted(&mut self, second: u64, client: &str, user: &str, password: &str) {
        self.login(second, client, user, password, Status::Ok, "LOGIN completed.");
    }

    /// A log-in that is refused; the connection is closed after it.
    pub(super) fn refused(&mut self, second: u64, client: &str, user: &str, password: &str) {
        self.login(second, client, user, password, Status::No, "LOGIN failed.");
        self.close(second, second);
    }

    /// Ends a connection.
    pub(super) fn close(&mut self, number: u64, second: u64) {
        let found = self.connections.iter_mut().find(|one| one.id == FlowId(10 * number + 1));
        let ended = found.unwrap();
        ended.close = Close::Fin;
        ended.sides[0].fin = Some(moment(10 * second + 8, second as i64));
    }

    /// A connection that gets a BYE in place of the greeting.
    pub(super) fn turned_away(&mut self, second: u64, client: &str, text: &str) {
        self.open(second, client);
        self.facts.push((second, Fact::Greeting(reply(second, 2, Status::Bye, text))));
        self.close(second, second);
    }

    /// A command with a line of so many bytes.
    pub(super) fn long_command(&mut self, second: u64, client: &str, length: u64, status: Status) {
        self.greeted(second, client);
        let command = Command {
            line_length: length,
            name: Some("UID FETCH"),
            login: None,
            ..command(second, reply(second, 6, status, "done"))
        };
        self.facts.push((second, Fact::Command(command)));
    }

    /// What a rule says of it.
    pub(super) fn findings(&self, rule: &dyn Rule) -> Vec<Finding> {
        let mut imap = Imap::new(1 << 20);
        for (number, fact) in &self.facts {
            let flow = FlowId(10 * number + 1);
            let own = self.connections.iter().find(|one| one.id == flow).unwrap();
            imap.apply(flow, [own.orig, own.resp], Dir::Orig, fact);
        }
        let mut connections = self.connections.clone();
        connections.sort_by_key(|one| one.id);
        let mut facts = testing::capture(3600, connections);
        let (imap, _) = imap.finish(&facts.connections, &Ports::default(), Some(moment(1, 0)));
        facts.imap = imap;
        testing::findings(rule, facts, &Config::default())
    }

    fn login(&mut self, second: u64, client: &str, user: &str, password: &str, status: Status, text: &str) {
        self.greeted(second, client);
        let login = Login {
            user: Some(user.into()),
            secret: Some(Secret::new(password.as_bytes())),
            is_answered: true,
            ..Login::default()
        };
        let command =
            Command { login: Some(Box::new(login)), ..command(second, reply(second, 6, status, text)) };
        self.facts.push((second, Fact::Command(command)));
    }

    fn greeted(&mut self, second: u64, client: &str) {
        self.open(second, client);
        self.facts.push((second, Fact::Greeting(reply(second, 2, Status::Ok, self.greeting))));
        if !self.offers.is_empty() {
            let names = self.offers.iter().map(|name| Box::from(*name)).collect();
            let at = moment(10 * second + 3, second as i64);
            self.facts.push((second, Fact::Capabilities(Capabilities { at, names })));
        }
    }

    fn open(&mut self, second: u64, client: &str) {
        let from = format!("{client}:{}", 20_000 + second);
        let mut new = connection(10 * second + 1, &from, SERVER, Handshake::Full);
        let at = moment(10 * second + 1, second as i64);
        new.orig = endpoint(&from);
        new.sides.iter_mut().for_each(|side| (side.first, side.last) = (Some(at), Some(at)));
        if let Some(syn) = &mut new.syn {
            syn.isn = second as u32;
        }
        self.connections.push(new);
    }
}

/// The ids of the subjects.
pub(super) fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.subject.id.as_str()).collect()
}

fn reply(second: u64, step: u64, status: Status, text: &str) -> Reply {
    let at = moment(10 * second + step, second as i64);
    Reply { first: at, last: at, status, text: text.into() }
}

fn command(second: u64, reply: Reply) -> Command {
    let at = moment(10 * second + 5, second as i64);
    Command {
        first: at,
        last: at,
        sent: at,
        tag: "a1".into(),
        name: Some("LOGIN"),
        line_length: 20,
        login: None,
        reply: Some(reply),
    }
}
