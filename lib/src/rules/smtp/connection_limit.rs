//! `smtp-connection-limit`.

use std::collections::BTreeSet;

use super::class::{Class, class};
use crate::facts::SmtpRow;
use crate::flow::{Close, Connection, FlowId, Handshake};
use crate::rules::{Confidence, Context, Draft, Findings, View};

rule! {
    /// The SMTP server turns connections away because too many are open.
    ///
    /// ## Meaning
    /// A receive connector limits how many connections it takes in all (5000 by default), from one source (20) and as
    /// a part of those that are still free (2 %). The part shrinks under load: a client may be refused below the other
    /// limits. Mail waits until a connection is closed.
    ///
    /// ## Evidence
    /// `421 4.3.2 The maximum number of concurrent connections has exceeded a limit`, in place of the greeting or
    /// later. The number of connections that were open at that moment is counted in the capture.
    ///
    /// ## Traps
    /// `421 4.3.2 Service not available` and `System not accepting network messages` have the same code and are no
    /// limit: see `smtp-backpressure`. Behind a translator or balancer many clients share one address.
    ///
    /// ## Remedy
    /// Raise the limits on every receive connector that the client's address matches: `Set-ReceiveConnector -Identity
    /// <name> -MaxInboundConnection 5000 -MaxInboundConnectionPerSource 250
    /// -MaxInboundConnectionPercentagePerSource 5`. See which ones these are with `Get-ReceiveConnector | fl
    /// Identity,Bindings,RemoteIPRanges,MaxInboundConnection*`.
    ///
    /// ## References
    /// Microsoft cmdlet reference, `Set-ReceiveConnector`; Exchange event 1021; RFC 5321, 3.8.
    pub(crate) struct SmtpConnectionLimit;
    id = "smtp-connection-limit";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::state(cx, out, Class::ConnectionLimit, "The server takes no more connections from", complete);
}

fn complete(draft: Draft, view: &View<'_>, rows: &[&SmtpRow]) -> Draft {
    let Some(first) = rows.first() else {
        return draft;
    };
    let (from_client, of_all) = open(view, first);
    let mut draft = draft.value("open_from_client", from_client).value("open_to_server", of_all);
    if rows.iter().all(|row| class(row).is_some_and(|(_, confidence)| confidence < Confidence::Proven)) {
        draft = draft.caveat(
            "The text is not Exchange's: a server before it answers, and its own limit of connections, or of new \
             connections per minute, must be raised.",
        );
    }
    draft
}

/// Other connections that were open when one was turned away: from the same client, and from all.
fn open(view: &View<'_>, refused: &SmtpRow) -> (usize, usize) {
    let turned_away: BTreeSet<FlowId> = view
        .facts
        .smtp
        .iter()
        .filter(|row| row.is_greeting && row.is_refusal())
        .map(|row| row.flow)
        .collect();
    let is_open = |connection: &&Connection| {
        connection.resp == refused.server
            && matches!(connection.handshake, Handshake::Full | Handshake::None)
            && connection.first().time <= refused.first.time
            && (connection.close == Close::Open || connection.last().time >= refused.first.time)
            && connection.id != refused.flow
            && !turned_away.contains(&connection.id)
    };
    let open = || view.facts.connections.iter().filter(is_open);
    (open().filter(|connection| connection.orig.ip == refused.client.ip).count(), open().count())
}
