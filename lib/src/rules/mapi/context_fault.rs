//! `mapi-context-fault`.

use std::collections::BTreeMap;

use super::{Rows, also, codes, group, life, operation};
use crate::facts::mapi::{Answer, RpcConnection, RpcKind, RpcRow};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings, Severity, View};

rule! {
    /// An Exchange server does not know the session that a MAPI client refers to.
    ///
    /// ## Meaning
    /// The server answers that the context handle or the association group was not issued by it, or no longer is
    /// good. The client's session is lost, and it sees MAPI_E_NETWORK_ERROR.
    ///
    /// ## Evidence
    /// A fault with status nca_s_fault_context_mismatch (0x1C00001A), or a bind_nak, on the mailbox, address book or
    /// referral interface; `X-ResponseCode: 10` of MAPI over HTTP.
    ///
    /// ## Traps
    /// A bind_nak with reason 0 for a group whose last connection closed, with a good bind after it, is how a client
    /// finds out that it must begin anew, and is only worth knowing. Reasons 8 and 9 are about authentication. A
    /// presentation context that is refused for NDR64 alone is negotiation.
    ///
    /// ## Remedy
    /// Look for `mapi-affinity-break` in this report: the usual cause is a load balancer without persistence. Else see
    /// whether the server's services were restarted at that time (`Get-EventLog System -Source "Service Control Manager"`),
    /// or an idle session was removed.
    ///
    /// ## References
    /// MS-RPCE 3.3.1.4.1; C706 12.6.4.3 and appendix E; MS-OXCMAPIHTTP 2.2.3.3.3.
    pub(crate) struct MapiContextFault;
    id = "mapi-context-fault";
    severity = Error;
    check = check;
}

/// Reasons of a bind_nak that are about authentication.
const AUTHENTICATION: [u16; 2] = [8, 9];

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (client, rows) in super::rows_by_client(view, is_one) {
            let naks: Vec<_> = rows.iter().filter(|(_, row)| nak(row).is_some()).collect();
            let faults = rows.len() - naks.len();
            let harmless =
                faults == 0 && naks.iter().all(|(connection, row)| is_dead_group(view, connection, row));
            let title = match (faults, harmless) {
                (0, true) => format!("{client} tried to join an association group that was over"),
                (0, false) => format!("{} of {client} refused", counted(naks.len(), "bind")),
                _ => {
                    format!("{} of {client} failed because its session is not known", counted(faults, "call"))
                }
            };
            let mut draft = also(super::about(client, title), &rows)
                .detail(detail(&rows))
                .count(rows.len())
                .value("faults", faults)
                .value("naks", naks.len());
            for (_, row) in rows.iter().filter(|(_, row)| row.presented != 0) {
                draft = draft.also(group(row.presented));
            }
            if harmless {
                draft = draft.severity(Severity::Info);
            } else if faults == 0 {
                draft = draft.confidence(Confidence::Likely).caveat(
                    "A bind_nak does not say why. A server that lost its associations in a restart looks the same as one \
                     that never had them.",
                );
            }
            draft = shown(&rows, 2).fold(draft, |draft, (_, row)| super::show(draft, view, row, note(row)));
            out.push(draft);
        }
    }
}

fn is_one(row: &RpcRow) -> bool {
    let of_http = row.request_type.is_some() && super::code(row) == Some(codes::CONTEXT_NOT_FOUND);
    let refused = nak(row).is_some_and(|reason| !AUTHENTICATION.contains(&reason));
    super::fault(row) == Some(codes::CONTEXT_MISMATCH) || of_http || refused
}

fn nak(row: &RpcRow) -> Option<u16> {
    match row.answer {
        Answer::Nak(reason) => Some(reason),
        _ => None,
    }
}

/// Whether a refusal is the normal end of a group: it was presented after all of its connections closed, or was never
/// seen, and the client's next bind is accepted. Where the capture ends before that bind, the connections must be seen
/// to have closed.
fn is_dead_group(view: &View<'_>, connection: &RpcConnection, row: &RpcRow) -> bool {
    if row.answer != Answer::Nak(0) || row.presented == 0 {
        return false;
    }
    let mapi = &view.facts.mapi;
    let same = |other: &&crate::facts::mapi::Association| {
        other.client == connection.client.ip && other.group == Some(row.presented)
    };
    let number =
        mapi.connections.iter().position(|other| other.flow == connection.flow).unwrap_or(usize::MAX);
    let mut groups = mapi.associations.iter().filter(same);
    if groups.clone().any(|group| life::alive(view, group, number, row.last()).is_some()) {
        return false;
    }
    let others = mapi
        .own()
        .filter(|other| (other.client.ip, other.server.ip) == (connection.client.ip, connection.server.ip));
    let mut binds: Vec<&RpcRow> = others
        .flat_map(|other| mapi.rows_of(other))
        .filter(|bind| bind.kind == RpcKind::Bind && bind.interface.is_mapi() && bind.first() > row.last())
        .collect();
    binds.sort_by_key(|bind| bind.first());
    match binds.first() {
        Some(bind) => bind.answer == Answer::Accepted,
        None => groups.any(|group| life::is_over(view, group, row.last())),
    }
}

fn note(row: &RpcRow) -> String {
    match row.answer {
        Answer::Nak(reason) => format!("bind_nak, reason {reason} ({})", codes::nak(reason)),
        Answer::Fault(_) => format!("fault 0x{:08x}: context mismatch", codes::CONTEXT_MISMATCH),
        _ => "X-ResponseCode 10: context not found".to_owned(),
    }
}

fn detail(rows: &Rows<'_>) -> String {
    let mut faults: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut naks: BTreeMap<(u16, u32, String), usize> = BTreeMap::new();
    for (connection, row) in rows {
        let server = connection.identity.name();
        match nak(row) {
            Some(reason) => *naks.entry((reason, row.presented, server)).or_default() += 1,
            None => *faults.entry((operation(row), server)).or_default() += 1,
        }
    }
    let mut parts = Vec::new();
    for ((operation, server), count) in faults {
        parts.push(format!(
            "{server} answers {} of {operation} with a context mismatch.",
            counted(count, "call")
        ));
    }
    for ((reason, presented, server), count) in naks {
        let joining = match presented {
            0 => String::new(),
            id => format!(" to association group {}", group(id)),
        };
        parts.push(format!(
            "{server} refuses {}{joining} with reason {reason} ({}).",
            counted(count, "bind"),
            codes::nak(reason)
        ));
    }
    if rows.iter().any(|(_, row)| row.sealed) {
        parts.push("The stubs are encrypted: which handle was presented is out of reach.".to_owned());
    }
    parts.join(" ")
}
