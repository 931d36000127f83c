//! `mapi-connect-failed`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Rows, also, codes};
use crate::facts::mapi::{RpcConnection, RpcKind, RpcRow};
use crate::proto::Interface;
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings, View};

rule! {
    /// The Exchange server refused to open a MAPI session.
    ///
    /// ## Meaning
    /// The network and RPC work; the server itself answers EcDoConnectEx with an error and gives no session.
    ///
    /// ## Evidence
    /// A response to EcDoConnectEx with a return code and a context handle of zero. With encrypted stubs, a connection
    /// that does nothing after its connect and is given up at once, three times or more, points to it.
    ///
    /// ## Traps
    /// MAPI_E_SESSION_LIMIT is reported as `mapi-session-limit`.
    ///
    /// ## Remedy
    /// Look up the return code that the finding names in MS-OXCRPC 3.1.4.1, and search the server's application log for
    /// the user at that time.
    ///
    /// ## References
    /// MS-OXCRPC 3.1.4.1; MS-OXCDATA 2.4.
    pub(crate) struct MapiConnectFailed;
    id = "mapi-connect-failed";
    severity = Error;
    check = check;
}

/// Connections that were given up right after their connect, from which on this is no chance.
const REPEATED: usize = 3;
/// So soon after it (nanoseconds).
const AT_ONCE: i64 = 1_000_000_000;

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (client, rows) in super::rows_by_client(view, is_refusal) {
            out.push(refused(view, client, &rows));
        }
        for (client, rows) in given_up(view) {
            let title = format!("{client} gives up its encrypted MAPI sessions right after the connect");
            let draft = also(super::about(client, title), &rows)
                .confidence(Confidence::Likely)
                .count(rows.len())
                .value("attempts", rows.len())
                .detail(format!(
                    "On {} nothing follows EcDoConnectEx but the disconnect or the close, within a second. The stubs are \
                     encrypted, so the return code is out of reach.",
                    counted(rows.len(), "connection")
                ))
                .caveat("A client that only tests its connection looks the same.");
            out.push(shown(&rows, 2).fold(draft, |draft, (_, row)| {
                super::show(draft, view, row, "response to EcDoConnectEx, encrypted".to_owned())
            }));
        }
    }
}

fn is_refusal(row: &RpcRow) -> bool {
    let failed = super::code(row).is_some_and(|code| code != 0 && code != codes::SESSION_LIMIT);
    row.is_connect() && failed && row.issued.is_none_or(|handle| handle.is_null())
}

fn refused(view: &View<'_>, client: IpAddr, rows: &Rows<'_>) -> crate::rules::Draft {
    let all: BTreeSet<u32> = rows.iter().filter_map(|(_, row)| super::code(row)).collect();
    let names: Vec<String> = all.iter().map(|code| codes::named(*code)).collect();
    let users: BTreeSet<&str> = rows.iter().filter_map(|(_, row)| row.user_dn.as_deref()).collect();
    let whose = match users.len() {
        0 => String::new(),
        _ => format!(" for {}", users.into_iter().collect::<Vec<_>>().join(", ")),
    };
    let servers: BTreeSet<String> = rows.iter().map(|(connection, _)| connection.identity.name()).collect();
    let servers = servers.into_iter().collect::<Vec<_>>().join(" and ");
    let mut draft =
        also(super::about(client, format!("MAPI sessions of {client} refused: {}", names.join(", "))), rows)
            .count(rows.len())
            .value("codes", names.clone())
            .detail(format!(
                "{servers} answers {}{whose} with {}, without a session.",
                counted(rows.len(), "connect"),
                names.join(", "),
            ));
    let remedies: Vec<&str> = all.iter().filter_map(|code| codes::remedy(*code)).collect();
    if !remedies.is_empty() {
        draft = draft.remedy(remedies.join(" "));
    }
    shown(rows, 2).fold(draft, |draft, (_, row)| {
        let code = super::code(row).map(codes::named).unwrap_or_default();
        super::show(draft, view, row, format!("return code {code}"))
    })
}

/// The connects with encrypted stubs after which nothing came, of clients that tried often.
fn given_up<'v>(view: &View<'v>) -> BTreeMap<IpAddr, Rows<'v>> {
    let mapi = &view.facts.mapi;
    let mut by_client: BTreeMap<IpAddr, Rows<'v>> = BTreeMap::new();
    for connection in mapi.own() {
        if let Some(row) = only_connect(view, connection) {
            by_client.entry(connection.client.ip).or_default().push((connection, row));
        }
    }
    by_client.retain(|_, rows| rows.len() >= REPEATED);
    by_client
}

fn only_connect<'v>(view: &View<'v>, connection: &'v RpcConnection) -> Option<&'v RpcRow> {
    let mapi = &view.facts.mapi;
    let mut calls = mapi.rows_of(connection).filter(|row| row.kind == RpcKind::Call);
    let connect = calls.next().filter(|row| row.is_connect() && row.sealed && row.reply.is_some())?;
    let is_disconnect = |row: &RpcRow| row.interface == Interface::Emsmdb && row.opnum == Some(1);
    if !calls.all(is_disconnect) {
        return None;
    }
    let over = super::life::over(view, connection)?;
    (over.since(connect.last().time) <= AT_ONCE).then_some(connect)
}
