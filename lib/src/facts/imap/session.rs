//! Connections to IMAP servers as intervals: from when to when each was open, and whose session it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::told::Told;
use super::{ImapKind, ImapReply, ImapRow};
use crate::config::Ports;
use crate::facts::Connections;
use crate::flow::{Close, Connection, Dir, Endpoint, FlowId, FrameId, Handshake, Moment};
use crate::proto::imap::Status;

/// IMAP inside TLS from the first byte on (RFC 8314, 3.2).
pub(crate) const TLS_PORT: u16 = 993;
/// Both copies of a packet are captured within this time of each other (nanoseconds).
const NEAR: i64 = 1_000_000_000;

/// A connection to an IMAP server that was established.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImapSession {
    /// Its connection.
    pub flow: FlowId,
    /// Client.
    pub client: Endpoint,
    /// Server.
    pub server: Endpoint,
    /// When it was opened; for one that is older than the capture, the capture's begin.
    pub opened: Moment,
    /// It began before the capture.
    pub is_earlier: bool,
    /// The first FIN or reset; `None` when it was open at the end.
    pub closed: Option<Moment>,
    /// It is encrypted, or becomes so: who logs in is not seen.
    pub is_encrypted: bool,
    /// The server did not want it.
    pub turned_away: Option<TurnedAway>,
    /// Since when somebody is logged in.
    pub authenticated: Option<Moment>,
    /// Who is logged in: the bare user name in lower case.
    pub account: Option<Arc<str>>,
    /// The log-in was not captured; the account is the only one that this client, or all clients, use here.
    pub is_assumed: bool,
    /// When the client said LOGOUT, or the server answered a command after its BYE.
    pub logout: Option<Moment>,
}

/// How a server refuses a connection that it has accepted.
#[derive(Clone, Debug)]
pub enum TurnedAway {
    /// With a BYE in place of the greeting.
    Bye(ImapReply),
    /// It closes without a word.
    Silently(Moment),
}

impl ImapSession {
    /// Whether somebody is logged in at `at`.
    pub fn is_authenticated_at(&self, at: Moment) -> bool {
        self.authenticated.is_some_and(|from| from <= at)
    }
}

/// The account of a user name: bare and in lower case. `None` where there is no name.
pub(super) fn account(user: &str) -> Option<String> {
    let bare = user.split('@').next().unwrap_or_default().trim();
    (!bare.is_empty()).then(|| bare.to_lowercase())
}

/// The sessions behind `connections`, without second copies. `rows` are in order.
pub(super) fn sessions(
    connections: &Connections,
    told: &BTreeMap<FlowId, Told>,
    rows: &[ImapRow],
    ports: &Ports,
    begin: Option<Moment>,
) -> Vec<ImapSession> {
    let mut by_flow: HashMap<FlowId, Vec<&ImapRow>, ahash::RandomState> = HashMap::default();
    rows.iter().for_each(|row| by_flow.entry(row.flow).or_default().push(row));
    let begin = begin.map_or(0, |begin| begin.time.nanos());
    let begin = Moment { frame: FrameId::default(), time: crate::time::Timestamp::from_nanos(begin) };
    let mut first_copies: HashMap<u32, Vec<&Connection>, ahash::RandomState> = HashMap::default();
    let mut sessions = Vec::new();
    let mut numbers: Vec<usize> = connections.numbers_on(ports.imap.iter().copied()).collect();
    numbers.extend(told.keys().filter_map(|flow| connections.number(*flow)));
    numbers.sort_unstable();
    numbers.dedup();
    for connection in numbers.into_iter().map(|number| &connections[number]) {
        let told = told.get(&connection.id);
        let Some(client) = told.map(|told| told.client).or_else(|| client(connection, ports)) else {
            continue;
        };
        if !is_established(connection) || is_copy(connection, &mut first_copies) {
            continue;
        }
        let rows = by_flow.get(&connection.id).map(Vec::as_slice).unwrap_or_default();
        let is_handed_on = told.is_some_and(|told| told.is_encrypted);
        sessions.push(session(connection, client, is_handed_on, rows, begin));
    }
    assume_accounts(&mut sessions, rows);
    sessions
}

/// Which end is the client of a connection that shows no IMAP, on one of the ports of IMAP.
fn client(connection: &Connection, ports: &Ports) -> Option<Dir> {
    if ports.imap.contains(&connection.resp.port) {
        return Some(Dir::Orig);
    }
    (connection.handshake == Handshake::None && ports.imap.contains(&connection.orig.port))
        .then_some(Dir::Resp)
}

fn is_established(connection: &Connection) -> bool {
    let carries = connection.sides.iter().any(|side| side.bytes > 0 || side.missing > 0);
    match connection.handshake {
        Handshake::Full => true,
        Handshake::Partial => carries,
        Handshake::None => carries || connection.sides.iter().any(|side| side.rare().keepalives > 0),
        Handshake::Refused | Handshake::Unanswered => false,
    }
}

/// Whether the same packets were captured before, on the other side of a translator: the client's initial sequence
/// number is the same.
fn is_copy<'c>(
    connection: &'c Connection,
    seen: &mut HashMap<u32, Vec<&'c Connection>, ahash::RandomState>,
) -> bool {
    let Some(syn) = &connection.syn else {
        return false;
    };
    let same = seen.entry(syn.isn).or_default();
    same.retain(|other| connection.first().time.since(other.first().time) <= NEAR);
    let is_copy = same.iter().any(|other| (other.orig, other.resp) != (connection.orig, connection.resp));
    if !is_copy {
        same.push(connection);
    }
    is_copy
}

fn session(
    connection: &Connection,
    client: Dir,
    is_handed_on: bool,
    rows: &[&ImapRow],
    begin: Moment,
) -> ImapSession {
    let (client_end, server_end) = client.ends([connection.orig, connection.resp]);
    let is_earlier = connection.handshake == Handshake::None;
    let is_encrypted = is_handed_on || rows.is_empty() && server_end.port == TLS_PORT;
    let fins = connection.sides.iter().filter_map(|side| side.fin);
    let closed = fins.chain(connection.reset.map(|reset| reset.at)).min();
    let closed = closed.or((connection.close != Close::Open).then_some(connection.last()));
    let opened = if is_earlier { begin } else { connection.first() };
    let bye = rows.iter().find(|row| row.kind == ImapKind::Bye).map(|row| row.last);
    let mut session = ImapSession {
        flow: connection.id,
        client: client_end,
        server: server_end,
        opened,
        is_earlier,
        closed,
        is_encrypted,
        turned_away: turned_away(connection, client, rows),
        authenticated: None,
        account: None,
        is_assumed: false,
        logout: logout(rows, bye),
    };
    let login = rows.iter().find(|row| row.is_accepted_login());
    session.account = login.and_then(|row| row.login.as_ref()?.account.clone());
    session.authenticated = login.map(|row| row.settled()).or_else(|| logged_in_unseen(&session, rows));
    session
}

/// Since when somebody is logged in where the log-in itself was not captured.
fn logged_in_unseen(session: &ImapSession, rows: &[&ImapRow]) -> Option<Moment> {
    if session.is_encrypted || session.turned_away.is_some() {
        return None;
    }
    let greeted = rows.first().filter(|row| row.kind == ImapKind::Greeting);
    if let Some(greeting) = greeted.filter(|row| row.status() == Some(Status::Preauth)) {
        return Some(greeting.last);
    }
    let tries = |row: &&&ImapRow| row.login.is_some();
    if session.is_earlier && greeted.is_none() && !rows.iter().any(|row| tries(&row)) {
        return Some(session.opened);
    }
    // Commands that the server only carries out for somebody.
    let open_to_all = ["CAPABILITY", "NOOP", "LOGOUT", "ID", "STARTTLS", "AUTHENTICATE", "LOGIN", "COMPRESS"];
    let does = |row: &&&ImapRow| row.command.is_some_and(|name| !open_to_all.contains(&name));
    let done = rows.iter().find(|row| row.status() == Some(Status::Ok) && does(row));
    done.map(|row| row.first)
}

fn turned_away(connection: &Connection, client: Dir, rows: &[&ImapRow]) -> Option<TurnedAway> {
    if connection.handshake == Handshake::None {
        return None;
    }
    if let Some(greeting) = rows.first().filter(|row| row.kind == ImapKind::Greeting) {
        let bye = greeting.reply.clone().filter(|reply| reply.status == Status::Bye);
        return bye.map(TurnedAway::Bye);
    }
    let (ours, theirs) = (connection.side(client), connection.side(client.flip()));
    let is_mute =
        [ours, theirs].iter().all(|side| side.bytes == 0 && side.missing == 0 && !side.acked_unseen);
    if !is_mute || connection.handshake != Handshake::Full {
        return None;
    }
    let reset = connection.reset.filter(|reset| reset.from != client).map(|reset| reset.at);
    let by_server = theirs.fin.into_iter().chain(reset).min()?;
    let by_client = connection.reset.filter(|reset| reset.from == client).map(|reset| reset.at);
    let by_client = ours.fin.into_iter().chain(by_client).min();
    by_client.is_none_or(|at| by_server < at).then_some(TurnedAway::Silently(by_server))
}

/// When the client said that it goes: its LOGOUT, or a command that the server answers after its BYE, where that comes
/// first: the LOGOUT was not captured, or only after its answer.
fn logout(rows: &[&ImapRow], bye: Option<Moment>) -> Option<Moment> {
    let said = rows.iter().find(|row| row.command == Some("LOGOUT")).map(|row| row.first);
    let answered = |row: &&&ImapRow| {
        row.kind == ImapKind::Command
            && row.command.is_none()
            && row.status() == Some(Status::Ok)
            && bye.is_some_and(|bye| row.settled() >= bye)
    };
    let shown = rows.iter().find(answered).and(bye);
    said.into_iter().chain(shown).min()
}

/// Gives sessions whose log-in was not captured the account that they can only belong to: the one that the same
/// client uses here, or the one that several clients share where nobody uses another.
fn assume_accounts(sessions: &mut [ImapSession], rows: &[ImapRow]) {
    let mut by_client: BTreeMap<(IpAddr, IpAddr), BTreeSet<&Arc<str>>> = BTreeMap::new();
    let mut by_server: BTreeMap<IpAddr, (BTreeSet<&Arc<str>>, BTreeSet<IpAddr>)> = BTreeMap::new();
    for row in rows {
        if let Some(account) = row.login.as_ref().and_then(|login| login.account.as_ref()) {
            by_client.entry((row.server.ip, row.client.ip)).or_default().insert(account);
            let (accounts, clients) = by_server.entry(row.server.ip).or_default();
            accounts.insert(account);
            clients.insert(row.client.ip);
        }
    }
    let only = |accounts: &BTreeSet<&Arc<str>>| match accounts.len() {
        1 => accounts.first().map(|account| Arc::clone(account)),
        _ => None,
    };
    for session in sessions.iter_mut().filter(|s| s.authenticated.is_some() && s.account.is_none()) {
        let own = by_client.get(&(session.server.ip, session.client.ip));
        let account = match own {
            Some(accounts) => only(accounts),
            None => by_server
                .get(&session.server.ip)
                .filter(|(_, clients)| clients.len() > 1)
                .and_then(|(accounts, _)| only(accounts)),
        };
        (session.is_assumed, session.account) = (account.is_some(), account);
    }
}
