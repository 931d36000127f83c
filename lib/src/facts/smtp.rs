//! SMTP replies with the commands that they answer.

use std::collections::HashMap;
use std::sync::Arc;

use super::intern::Interner;
use super::rows::{Row, Rows};
use super::{Connections, LimitHits};
use crate::flow::{Endpoint, FlowId, Moment};
use crate::proto::Credentials;
use crate::proto::smtp::{Enhanced, SmtpReply, Verb};

/// Both copies of a packet are captured within this time of each other (nanoseconds).
const NEAR: i64 = 1_000_000_000;

/// One reply, all its lines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SmtpRow {
    /// Its connection.
    pub flow: FlowId,
    /// Who sends commands.
    pub client: Endpoint,
    /// Who answers.
    pub server: Endpoint,
    /// What it answers; `None` for the greeting, a reply nobody asked for, or a command that was not captured.
    pub command: Option<Verb>,
    /// Name of the client for a greeting, address for MAIL and RCPT.
    pub argument: Option<Arc<str>>,
    /// Who logs in, in the final reply to AUTH.
    pub credentials: Option<Arc<Credentials>>,
    /// Frame with the last byte that asked for it.
    pub asked: Option<Moment>,
    /// Whether it is the first reply of the connection, sent before any command.
    pub is_greeting: bool,
    /// Code.
    pub code: u16,
    /// Enhanced status code.
    pub enhanced: Option<Enhanced>,
    /// Text without codes, lines joined by a line feed.
    pub text: Arc<str>,
    /// Frame with its first byte.
    pub first: Moment,
    /// Frame that completed it.
    pub last: Moment,
}

impl SmtpRow {
    /// Whether it refuses something, for now or for good.
    pub fn is_refusal(&self) -> bool {
        self.code >= 400
    }

    /// The account of a log-in, as `DOMAIN\\user` where the domain is given.
    pub fn account(&self) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        let user = credentials.user.as_deref()?;
        Some(match credentials.domain.as_deref() {
            Some(domain) => format!("{domain}\\{user}"),
            None => user.to_owned(),
        })
    }

    /// The command as far as it may be shown: verb, address or name, mechanism and account.
    pub fn asked_for(&self) -> Option<String> {
        let verb = self.command?;
        let mechanism = self.credentials.as_ref().and_then(|credentials| credentials.mechanism);
        let words = [
            Some(verb.name().to_owned()),
            mechanism.map(|mechanism| mechanism.name().to_owned()),
            self.account(),
            self.argument.as_deref().map(|argument| match verb {
                Verb::Mail => format!("FROM:<{argument}>"),
                Verb::Rcpt => format!("TO:<{argument}>"),
                _ => argument.to_owned(),
            }),
        ];
        Some(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    /// The reply in one line, without lines that say the same again.
    pub fn said(&self) -> String {
        let enhanced = self.enhanced.map(|code| format!(" {code}")).unwrap_or_default();
        let mut lines: Vec<&str> = self.text.split('\n').collect();
        lines.dedup();
        format!("{}{enhanced} {}", self.code, lines.join(" ")).trim_end().to_owned()
    }
}

/// The replies of one shard while the capture is read.
#[derive(Debug)]
pub(crate) struct SmtpReplies {
    rows: Rows<SmtpRow>,
    strings: Interner,
}

impl Row for SmtpRow {
    fn completed(&self) -> Moment {
        self.last
    }

    fn flow(&self) -> FlowId {
        self.flow
    }
}

/// What a row costs with the strings that are its own.
const ROW_BYTES: u64 = 512;

impl SmtpReplies {
    /// A table that may take so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let rows = Rows::new(bytes, ROW_BYTES);
        SmtpReplies { strings: Interner::new(rows.limit()), rows }
    }

    /// Keeps a reply.
    pub(crate) fn apply(&mut self, flow: FlowId, ends: [Endpoint; 2], reply: SmtpReply) {
        if !self.rows.has_room(self.strings.bytes(), reply.last) {
            return;
        }
        let (client, server) = reply.client.ends(ends);
        let command = reply.command;
        self.rows.push(SmtpRow {
            flow,
            client,
            server,
            command: command.as_ref().map(|command| command.verb),
            argument: self
                .strings
                .intern_some(command.as_ref().and_then(|command| command.argument.as_deref())),
            asked: command.as_ref().map(|command| command.last),
            credentials: command.and_then(|command| command.credentials).map(Arc::from),
            is_greeting: reply.is_greeting,
            code: reply.code,
            enhanced: reply.enhanced,
            text: self.strings.intern(&reply.text),
            first: reply.first,
            last: reply.last,
        });
    }

    /// Takes in what another shard has learnt.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.rows.absorb(other.rows);
    }

    /// The rows in order, without those of second copies, and how many did not fit.
    pub(crate) fn finish(self, connections: &Connections) -> (Vec<SmtpRow>, LimitHits) {
        let (mut rows, full) = self.rows.into_sorted("SMTP rows");
        let copies = copies(&rows, connections);
        rows.retain(|row| copies.binary_search(&row.flow).is_err());
        (rows, full)
    }
}

/// Connections whose packets are those of another one, behind a translator that the capture shows both sides of. No
/// translator changes the initial sequence number, and no two connections begin with the same one at once.
fn copies(rows: &[SmtpRow], connections: &Connections) -> Vec<FlowId> {
    let mut flows: Vec<FlowId> = rows.iter().map(|row| row.flow).collect();
    flows.sort_unstable();
    flows.dedup();
    let mut begun: HashMap<u32, Moment, ahash::RandomState> = HashMap::default();
    let mut is_copy = |flow: &FlowId| {
        let row = connections.of(*flow);
        let Some(syn) = row.and_then(|row| row.syn.as_ref()) else {
            return false;
        };
        let first = *begun.entry(syn.isn).or_insert(syn.at);
        if first.frame != syn.at.frame && syn.at.time.since(first.time).abs() <= NEAR {
            return true;
        }
        begun.insert(syn.isn, syn.at);
        false
    };
    flows.retain(|flow| is_copy(flow));
    flows
}
