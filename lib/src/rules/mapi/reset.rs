//! `mapi-reset`, and what a reset or a silent drop interrupted.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::operation;
use crate::facts::mapi::{Answer, Leg, RpcConnection, RpcRow};
use crate::flow::{Dir, FlowId, Moment, Reset};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings, View};

rule! {
    /// A MAPI connection was reset from the server's side while a call was outstanding.
    ///
    /// ## Meaning
    /// The server, the load balancer, or a firewall in its name cut the connection in the middle of a call. The client
    /// sees MAPI_E_NETWORK_ERROR.
    ///
    /// ## Evidence
    /// RST from the server's side on a connection with a request that is not answered.
    ///
    /// ## Traps
    /// A reset after an orderly close means nothing. One on an idle connection, also while only EcDoAsyncWaitEx is
    /// parked, is `mapi-idle-reset`.
    ///
    /// ## Remedy
    /// Compare the TTL of the reset with that of the server's other packets, which the finding names: where they differ,
    /// look at the balancer and firewalls between. Else look for restarts of MSExchangeRPC and for health checks that
    /// took the server out of service at that time.
    ///
    /// ## References
    /// RFC 9293, 3.5.2; MS-OXCRPC 3.3.4.1.
    pub(crate) struct MapiReset;
    id = "mapi-reset";
    severity = Error;
    check = check;
}

/// A connection without a word for so long is idle (nanoseconds).
const IDLE: i64 = 30_000_000_000;
/// What was sent after so long a silence met a connection that somebody had forgotten (nanoseconds).
const FORGOTTEN: i64 = 120_000_000_000;
/// So soon after it the reset answers the request (nanoseconds).
const AT_ONCE: i64 = 5_000_000_000;
/// Copies of a request that were not answered either.
const COPIES: u32 = 3;

/// A connection that was cut.
pub(super) struct Cut<'v> {
    pub(super) client: IpAddr,
    pub(super) connection: &'v RpcConnection,
    pub(super) at: Moment,
    pub(super) by: By,
    /// How long nothing was said before (nanoseconds).
    pub(super) idle: i64,
    pub(super) is_idle: bool,
    /// The calls that were outstanding.
    pub(super) open: Vec<&'v RpcRow>,
    /// Bytes of the server's direction are missing from the capture: an answer may be among them.
    pub(super) blind: bool,
}

/// What cut a connection from the server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// RST.
    Reset(Reset),
    /// FIN beneath a parked call: a balancer closes so what it forgets, and may send RST right after it.
    Fin,
    /// Nothing: the server's side fell silent.
    Silence,
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_client: BTreeMap<IpAddr, Vec<Cut<'_>>> = BTreeMap::new();
        for cut in cuts(view).into_iter().filter(|cut| !cut.is_idle) {
            by_client.entry(cut.client).or_default().push(cut);
        }
        for (client, cuts) in by_client {
            out.push(state(view, client, &cuts));
        }
    }
}

fn state(view: &View<'_>, client: IpAddr, cuts: &[Cut<'_>]) -> crate::rules::Draft {
    let calls: usize = cuts.iter().map(|cut| cut.open.len()).sum();
    let first = &cuts[0];
    let what = first.open.first().map_or_else(|| "a call".to_owned(), |row| operation(row));
    let title =
        format!("{} of {client} reset with a call outstanding", counted(cuts.len(), "MAPI connection"));
    let mut draft = super::about(client, title)
        .count(cuts.len())
        .value("connections", cuts.len())
        .value("calls", calls)
        .detail(format!(
            "{} sends RST while {what} waits for its answer.{}",
            first.connection.identity.name(),
            whose(view, first)
        ));
    for cut in cuts {
        draft = draft.also(cut.connection.server.ip).also(super::name(cut.connection));
    }
    if cuts.iter().all(|cut| cut.blind) {
        draft = draft.confidence(Confidence::Likely).caveat(
            "Packets of the server are missing from the capture; the answer may have been among them.",
        );
    }
    shown(cuts, 2).fold(draft, |draft, cut| show(draft, view, cut))
}

/// Whether the server itself sent the reset, as far as the TTL says it.
fn whose(view: &View<'_>, cut: &Cut<'_>) -> String {
    let (By::Reset(reset), Some(row)) = (cut.by, view.connection(cut.connection.flow)) else {
        return String::new();
    };
    let (low, high) = row.side(reset.from).ttl_range;
    match high {
        0 => String::new(),
        _ if (low..=high).contains(&reset.ttl) => {
            format!(" Its TTL of {} is that of the server's other packets.", reset.ttl)
        }
        _ => format!(
            " Its TTL of {} is not that of the server's other packets ({low}): somebody else sent it.",
            reset.ttl
        ),
    }
}

/// The last request and the reset as evidence.
pub(super) fn show(draft: crate::rules::Draft, view: &View<'_>, cut: &Cut<'_>) -> crate::rules::Draft {
    let flow = Some(cut.connection.flow);
    let draft = match cut.open.first().and_then(|row| Some((row, row.request?))) {
        Some((row, request)) => {
            draft.evidence(view, flow, request.last, format!("{}, not answered", operation(row)))
        }
        None => draft,
    };
    let note = match cut.by {
        By::Reset(_) => "RST",
        By::Fin => "FIN",
        By::Silence => "not answered from here on",
    };
    draft.evidence(view, flow, cut.at, note)
}

/// The connections that were cut from the server's side, once for both legs of a balancer.
pub(super) fn cuts<'v>(view: &View<'v>) -> Vec<Cut<'v>> {
    let mapi = &view.facts.mapi;
    let mut cuts: Vec<Cut<'v>> = Vec::new();
    let mut told: Vec<FlowId> = Vec::new();
    // The client's leg is told first; the server's leg only where that one shows nothing.
    let (own, copies): (Vec<_>, Vec<_>) =
        mapi.connections.iter().partition(|connection| !connection.is_copy());
    for connection in own.into_iter().chain(copies) {
        let outer = match connection.leg {
            Some(Leg::Inner(outer)) => mapi.connections.get(outer),
            _ => None,
        };
        if outer.is_some_and(|outer| told.contains(&outer.flow)) || !connection.is_mapi() {
            continue;
        }
        if let Some(mut cut) = cut(view, connection) {
            cut.client = outer.unwrap_or(connection).client.ip;
            told.push(connection.flow);
            cuts.push(cut);
        }
    }
    cuts.sort_by_key(|cut| cut.at);
    cuts
}

fn cut<'v>(view: &View<'v>, connection: &'v RpcConnection) -> Option<Cut<'v>> {
    let row = view.connection(connection.flow)?;
    let server = if row.resp == connection.server { Dir::Resp } else { Dir::Orig };
    let rows = || view.facts.mapi.rows_of(connection);
    let open: Vec<&RpcRow> =
        rows().filter(|row| row.answer == Answer::None && row.request.is_some() && !row.given_up).collect();
    let fin = row.sides.iter().filter_map(|side| side.fin).min_by_key(|fin| fin.time);
    let (at, by) = match (row.reset.filter(|reset| reset.from == server), fin) {
        (_, Some(fin)) if row.side(server).fin == Some(fin) && is_waiting(connection, &open) => {
            (fin, By::Fin)
        }
        (Some(reset), _) => (reset.at, By::Reset(reset)),
        (None, _) => (dropped(row, server, &open)?, By::Silence),
    };
    if by != By::Fin && fin.is_some_and(|fin| fin.time <= at.time) {
        return None;
    }
    let busy: Vec<&RpcRow> = open.iter().copied().filter(|row| !row.is_parked()).collect();
    // What was said before the calls that are open.
    let first_open = busy.iter().filter_map(|row| row.request).map(|request| request.first).min();
    let said = rows().flat_map(|row| row.request.into_iter().chain(row.reply)).map(|span| span.last);
    let before = said.filter(|said| first_open.is_none_or(|open| *said < open)).max();
    let quiet_until = first_open.unwrap_or(at);
    let idle = before.map_or(0, |before| quiet_until.time.since(before.time));
    let is_idle = match first_open {
        Some(open) => idle >= FORGOTTEN && (by == By::Silence || at.time.since(open.time) <= AT_ONCE),
        None => idle >= IDLE,
    };
    let is_nothing = open.is_empty() && before.is_none();
    if is_nothing || !is_idle && (open.is_empty() || !matches!(by, By::Reset(_))) {
        return None;
    }
    let blind = row.side(server).missing > 0 || row.side(server).acked_unseen;
    Some(Cut { client: connection.client.ip, connection, at, by, idle, is_idle, open, blind })
}

/// Whether nothing is outstanding on a connection but calls that the server parks. A channel of RPC over HTTP may close
/// beneath them: another one takes its place.
fn is_waiting(connection: &RpcConnection, open: &[&RpcRow]) -> bool {
    connection.channel.is_none() && !open.is_empty() && open.iter().all(|row| row.is_parked())
}

/// The request from which on the server is silent, although it was sent again and again.
fn dropped(row: &crate::flow::Connection, server: Dir, open: &[&RpcRow]) -> Option<Moment> {
    let asked = open
        .iter()
        .filter(|row| !row.is_parked())
        .filter_map(|row| row.request)
        .map(|span| span.first)
        .min()?;
    let silent = row.side(server).last.is_none_or(|last| last.time < asked.time);
    (silent && row.reset.is_none() && row.side(server.flip()).retransmitted >= COPIES).then_some(asked)
}
