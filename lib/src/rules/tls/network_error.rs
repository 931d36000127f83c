//! `tls-network-error`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::about;
use crate::facts::{HandshakeRow, NO_ANSWER_AFTER, Service};
use crate::flow::{Connection, Dir, Moment};
use crate::proto::tls::HandshakeEnd;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings, Resetter, View, reach};

rule! {
    /// The server does not answer on the TLS port, or does not answer the client's first TLS message.
    ///
    /// ## Meaning
    /// The troubleshooter of IM and Presence calls it "Network Error". Either the port is closed or filtered, or it
    /// accepts connections and nothing behind it speaks TLS: no certificate is bound in IIS, a load balancer has no
    /// server left, or a middlebox drops what it does not like.
    ///
    /// ## Evidence
    /// SYNs that are refused, rejected or not answered. Or a ClientHello without a ServerHello or alert for ten seconds,
    /// or followed by a reset or by the server's FIN.
    ///
    /// ## Traps
    /// A capture that ends too early, that shows only one direction or that lost packets proves nothing. The dialogue
    /// with a proxy before TLS begins does not count.
    ///
    /// ## Remedy
    /// Test with `openssl s_client -connect <server>:443` from a host beside the Cisco server. On Exchange check the
    /// binding of the Default Web Site (`Get-WebBinding -Protocol https`, `netsh http show sslcert`), on a load balancer
    /// the health of its members, on firewalls between TCP 443.
    ///
    /// ## References
    /// RFC 8446, 4.1; RFC 9293, 3.10.7.1; Cisco, Troubleshooting Exchange Calendaring Integrations.
    pub(crate) struct TlsNetworkError;
    id = "tls-network-error";
    severity = Error;
    check = check;
}

/// How a server did not answer a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It said nothing for long.
    Mute,
    /// A reset answered.
    Reset(Moment),
    /// It closed the connection without a word.
    Closed(Moment),
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    reach::closed(cx, Service::Tls, out);
    reach::filtered(cx, Service::Tls, out);
    for view in &cx.views {
        let mut servers: BTreeMap<IpAddr, Vec<(&HandshakeRow, Silence)>> = BTreeMap::new();
        for row in &view.facts.handshakes {
            if let Some(silence) = silence(view, row) {
                servers.entry(row.server.ip).or_default().push((row, silence));
            }
        }
        for (server, seen) in servers {
            let title = format!("{server} does not answer a ClientHello");
            let count = |is: fn(&Silence) -> bool| seen.iter().filter(|(_, silence)| is(silence)).count();
            let (mute, reset) =
                (count(|how| *how == Silence::Mute), count(|how| matches!(how, Silence::Reset(_))));
            let others = view.facts.handshakes.iter();
            let answered = others.filter(|row| row.server.ip == server && row.is_answered()).count();
            let forged = forged(cx, view, &seen);
            let mut draft = about(view, server, seen.iter().map(|(row, _)| *row), title)
                .detail(format!(
                    "Network Error: {} got no ServerHello and no alert; of these {mute} met silence, {reset} a reset, {} \
                     the server's FIN. Handshakes with the same server that it answered: {answered}.",
                    counted(seen.len(), "ClientHello"),
                    seen.len() - mute - reset,
                ) + &made_between(forged))
                .value("silent", mute)
                .value("reset", reset)
                .value("closed", seen.len() - mute - reset)
                .value("answered", answered);
            if answered > 0 && forged < seen.len() {
                draft = draft.confidence(Confidence::Likely).caveat(
                    "The same server answered other handshakes: one node behind the address, or an overload.",
                );
            }
            out.push(shown(&seen, 2).fold(draft, |draft, (row, silence)| {
                let draft =
                    draft.evidence(view, Some(row.flow), row.hello.unwrap_or(row.first), "ClientHello");
                match silence {
                    Silence::Mute => draft,
                    Silence::Reset(at) => {
                        draft.evidence(view, Some(row.flow), *at, "reset in place of an answer")
                    }
                    Silence::Closed(at) => {
                        draft.evidence(view, Some(row.flow), *at, "FIN in place of an answer")
                    }
                }
            }));
        }
    }
}

/// How many of the resets the other end of the path does not know of.
fn forged(cx: &Context<'_>, view: &View<'_>, seen: &[(&HandshakeRow, Silence)]) -> usize {
    let resets = seen.iter().filter(|(_, how)| matches!(how, Silence::Reset(_)));
    resets.filter(|(row, _)| cx.resetter(view, row.flow) == Some(Resetter::Between)).count()
}

fn made_between(forged: usize) -> String {
    match forged {
        0 => String::new(),
        _ => format!(
            " The capture at the other end shows that {forged} of the resets did not come from the server: something \
             between made them."
        ),
    }
}

/// How the server did not answer the ClientHello of a handshake; `None` where it did, or where the capture does not
/// show that it did not.
pub(super) fn silence(view: &View<'_>, row: &HandshakeRow) -> Option<Silence> {
    let hello = row.hello.filter(|_| !row.is_answered() && !row.has_gap && row.alerts.is_empty())?;
    let connection = view.connection(row.flow)?;
    let server = if connection.orig == row.client { Dir::Resp } else { Dir::Orig };
    let side = connection.side(server);
    if side.packets == 0 || side.missing > 0 || side.acked_unseen || view.is_one_way() {
        return None;
    }
    let after = |at: &Moment| at.frame > hello.frame;
    let ended = match row.outcome {
        HandshakeEnd::Reset => {
            connection.reset.map(|reset| (reset.at, reset.from == server, Silence::Reset(reset.at)))
        }
        HandshakeEnd::NoAnswer | HandshakeEnd::Open => {
            first_fin(connection).map(|(dir, at)| (at, dir == server, Silence::Closed(at)))
        }
        _ => return None,
    };
    // Before TLS somebody else may have spoken: a proxy, or the server itself (STARTTLS).
    let is_bare = view.facts.protocol(row.flow).is_none_or(|name| name == "tls");
    if is_bare && side.bytes > 0 {
        // It did answer, in clear.
        return None;
    }
    match ended {
        Some((at, true, how)) if after(&at) && is_bare && row.outcome != HandshakeEnd::Open => Some(how),
        Some((at, ..)) => (after(&at) && is_long(hello, at)).then_some(Silence::Mute),
        None => (row.outcome == HandshakeEnd::NoAnswer).then_some(Silence::Mute),
    }
}

fn is_long(hello: Moment, until: Moment) -> bool {
    until.time.seconds_since(hello.time) >= NO_ANSWER_AFTER
}

fn first_fin(connection: &Connection) -> Option<(Dir, Moment)> {
    let fins = [Dir::Orig, Dir::Resp].into_iter().filter_map(|dir| Some((dir, connection.side(dir).fin?)));
    fins.min_by_key(|(_, at)| at.frame)
}
