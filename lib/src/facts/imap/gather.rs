//! What one shard learns of IMAP, and how it is put in order at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::open::Counts;
use super::session::{account, sessions};
use super::told::{Offer, Told};
use super::{ImapFacts, ImapKind, ImapLogin, ImapReply, ImapRow, ServerHints};
use crate::config::Ports;
use crate::facts::intern::Interner;
use crate::facts::rows::{Row, Rows};
use crate::facts::{Connections, LimitHits};
use crate::flow::{Dir, Endpoint, FlowId, Moment};
use crate::proto::imap::{Capabilities, Command, Fact, Login, Reply, Status, Way};
use crate::proto::sasl::Mechanism;

/// What a row costs with the strings that are its own.
const ROW_BYTES: u64 = 1024;
/// Servers whose versions are remembered.
const SERVERS: usize = 4096;

impl Row for ImapRow {
    fn completed(&self) -> Moment {
        self.last
    }

    fn flow(&self) -> FlowId {
        self.flow
    }
}

/// IMAP as one shard sees it while the capture is read.
#[derive(Debug)]
pub(crate) struct Imap {
    rows: Rows<ImapRow>,
    told: BTreeMap<FlowId, Told>,
    /// What servers offer before a log-in, where they said so first.
    offers: BTreeMap<Endpoint, Arc<Offer>>,
    servers: BTreeMap<IpAddr, ServerHints>,
    strings: Interner,
}

impl Imap {
    /// A table that may take so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let rows = Rows::new(bytes, ROW_BYTES);
        Imap {
            told: BTreeMap::new(),
            offers: BTreeMap::new(),
            servers: BTreeMap::new(),
            strings: Interner::new(rows.limit().saturating_mul(4)),
            rows,
        }
    }

    /// Files a fact of one connection.
    pub(crate) fn apply(&mut self, flow: FlowId, ends: [Endpoint; 2], client: Dir, fact: &Fact) {
        let (client_end, server) = client.ends(ends);
        if self.told.len() >= self.rows.limit() && !self.told.contains_key(&flow) {
            self.rows.drop_one(fact.completed());
            return;
        }
        let new = Told { client, is_encrypted: false, is_authenticated: false, offer: None };
        self.told.entry(flow).or_insert(new);
        match fact {
            Fact::Greeting(reply) => {
                let text = self.strings.intern(&reply.text);
                self.hint(server.ip, |hints| hints.greeted(&text, reply.last));
                self.status(flow, client_end, server, ImapKind::Greeting, reply);
            }
            Fact::Bye(reply) => self.status(flow, client_end, server, ImapKind::Bye, reply),
            Fact::Capabilities(capabilities) => self.offered(flow, server, capabilities),
            Fact::Command(command) => self.command(flow, client_end, server, command),
        }
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.rows.absorb(other.rows);
        self.told.extend(other.told);
        for (server, offer) in other.offers {
            let first = self.offers.entry(server).or_insert_with(|| Arc::clone(&offer));
            if offer.at < first.at {
                *first = offer;
            }
        }
        for (server, hints) in other.servers {
            self.servers.entry(server).or_default().absorb(hints);
        }
    }

    /// The facts, and how many rows did not fit. `connections` are in order; `begin` is the capture's first packet.
    pub(crate) fn finish(
        self,
        connections: &Connections,
        ports: &Ports,
        begin: Option<Moment>,
    ) -> (ImapFacts, LimitHits) {
        let (mut rows, full) = self.rows.into_sorted("IMAP rows");
        judge_offers(&mut rows, &self.offers);
        let sessions = sessions(connections, &self.told, &rows, ports, begin);
        rows.retain(|row| sessions.binary_search_by_key(&row.flow, |session| session.flow).is_ok());
        let open = Counts::new(&sessions);
        let mut facts = ImapFacts { rows, sessions, servers: self.servers, open };
        facts.count_open();
        (facts, full)
    }

    fn status(&mut self, flow: FlowId, client: Endpoint, server: Endpoint, kind: ImapKind, reply: &Reply) {
        let row = ImapRow {
            flow,
            client,
            server,
            kind,
            first: reply.first,
            last: reply.last,
            sent: reply.last,
            tag: None,
            command: None,
            line_length: 0,
            login: None,
            reply: Some(self.reply(reply)),
            open_for_user: None,
            open_for_ip: 0,
        };
        self.push(row);
    }

    fn command(&mut self, flow: FlowId, client: Endpoint, server: Endpoint, command: &Command) {
        let status = command.reply.as_ref().map(|reply| reply.status);
        let mut offer = None;
        if let Some(told) = self.told.get_mut(&flow) {
            offer.clone_from(&told.offer);
            told.is_authenticated |= command.login.is_some() && status == Some(Status::Ok);
            told.is_encrypted |= command.name == Some("STARTTLS") && status == Some(Status::Ok);
        }
        if let Some(challenge) = command.login.as_ref().and_then(|login| login.challenge.as_deref()) {
            self.hint(server.ip, |hints| hints.challenged(challenge, command.last));
        }
        let row = ImapRow {
            flow,
            client,
            server,
            kind: ImapKind::Command,
            first: command.first,
            last: command.last,
            sent: command.sent,
            tag: Some(self.strings.intern(&command.tag)),
            command: command.name,
            line_length: command.line_length,
            login: command.login.as_deref().map(|login| Box::new(self.login(login, offer.as_deref()))),
            reply: command.reply.as_ref().map(|reply| self.reply(reply)),
            open_for_user: None,
            open_for_ip: 0,
        };
        self.push(row);
    }

    fn push(&mut self, row: ImapRow) {
        if !self.rows.has_room(self.strings.bytes(), row.last) {
            return;
        }
        self.rows.push(row);
    }

    fn offered(&mut self, flow: FlowId, server: Endpoint, capabilities: &Capabilities) {
        self.hint(server.ip, |hints| hints.offered(capabilities));
        let Some(told) = self.told.get_mut(&flow).filter(|told| !told.is_authenticated) else {
            return;
        };
        let names = || capabilities.names.iter();
        let offer = Arc::new(Offer {
            at: capabilities.at,
            is_login_disabled: capabilities.has("LOGINDISABLED"),
            mechanisms: names()
                .filter_map(|name| Mechanism::parse(name.strip_prefix("AUTH=")?.as_bytes()))
                .collect(),
        });
        told.offer = Some(Arc::clone(&offer));
        if self.offers.len() < SERVERS {
            self.offers.entry(server).or_insert(offer);
        }
    }

    fn hint(&mut self, server: IpAddr, tell: impl FnOnce(&mut ServerHints)) {
        if self.servers.len() < SERVERS || self.servers.contains_key(&server) {
            tell(self.servers.entry(server).or_default());
        }
    }

    fn login(&mut self, login: &Login, offer: Option<&Offer>) -> ImapLogin {
        let strings = &mut self.strings;
        let account = login.user.as_deref().and_then(account);
        ImapLogin {
            way: login.way,
            domain: strings.intern_some(login.domain.as_deref()),
            user: strings.intern_some(login.user.as_deref()),
            account: strings.intern_some(account.as_deref()),
            workstation: strings.intern_some(login.workstation.as_deref()),
            secret: login.secret,
            is_answered: login.is_answered,
            is_cancelled: login.is_cancelled,
            is_offered: offer.map(|offer| offer.has(login.way)),
        }
    }

    fn reply(&mut self, reply: &Reply) -> ImapReply {
        ImapReply {
            first: reply.first,
            last: reply.last,
            status: reply.status,
            text: self.strings.intern(&reply.text),
        }
    }
}

/// Says of the log-ins before which the server offered nothing what it offers at other times. A way in which
/// anybody was let in is allowed, whatever the list says.
fn judge_offers(rows: &mut [ImapRow], offers: &BTreeMap<Endpoint, Arc<Offer>>) {
    let taken: BTreeSet<(Endpoint, Way)> = rows
        .iter()
        .filter(|row| row.is_accepted_login())
        .filter_map(|row| Some((row.server, row.login.as_ref()?.way)))
        .collect();
    for row in rows {
        let Some(login) = &mut row.login else { continue };
        let offer = || offers.get(&row.server).map(|offer| offer.has(login.way));
        login.is_offered = match taken.contains(&(row.server, login.way)) {
            true => Some(true),
            false => login.is_offered.or_else(offer),
        };
    }
}

impl ImapFacts {
    /// Notes with each row how much was open after it.
    fn count_open(&mut self) {
        let ImapFacts { rows, sessions, open, .. } = self;
        for row in rows {
            let at = row.settled();
            let session = sessions.binary_search_by_key(&row.flow, |session| session.flow).ok();
            let session = session.map(|place| &sessions[place]);
            let named = row.login.as_ref().and_then(|login| login.account.as_ref());
            let account = named.or_else(|| {
                session.filter(|session| session.is_authenticated_at(at)).and_then(|s| s.account.as_ref())
            });
            let level = account.map(|account| open.user(row.server.ip, account));
            row.open_for_user = level.map(|level| level.map_or(0, |level| level.at(at)));
            row.open_for_ip = open.ip(row.server.ip, row.client.ip).map_or(0, |level| level.at(at));
        }
    }
}
