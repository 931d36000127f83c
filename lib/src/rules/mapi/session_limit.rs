//! `mapi-session-limit`.

use std::collections::BTreeMap;

use super::{Rows, also, codes, life};
use crate::facts::mapi::{RpcConnection, RpcRow};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings, View};

rule! {
    /// The Exchange server refuses further MAPI sessions of a user.
    ///
    /// ## Meaning
    /// A mailbox server allows 32 sessions per user, and a throttling policy of the Client Access server fewer (20 on
    /// Exchange 2010, 40 on later versions). A service account that serves many users meets these limits first.
    ///
    /// ## Evidence
    /// A connect that is answered with MAPI_E_SESSION_LIMIT (0x80040112). A log-on failure, ecMaxObjsExceeded,
    /// ecServerOOM or `server too busy` points to it when 20 or more sessions of that user are open.
    ///
    /// ## Traps
    /// The same codes at few open sessions have other causes. Sessions that were opened before the capture began are not
    /// counted.
    ///
    /// ## Remedy
    /// Give the service account its own policy: `New-ThrottlingPolicy UnifiedMessaging`, `Set-ThrottlingPolicy
    /// UnifiedMessaging -RCAMaxConcurrency $null` (2013 and later: `Unlimited`), `Set-Mailbox <account>
    /// -ThrottlingPolicy UnifiedMessaging`. For the store's own limit set the DWORD `Maximum Allowed Sessions Per User`
    /// under `HKLM\SYSTEM\CurrentControlSet\Services\MSExchangeIS\ParametersSystem`, or grant the account the right
    /// `View Information Store status`.
    ///
    /// ## References
    /// MS-OXCRPC 3.1.4.1; Microsoft KB 842022 and 2299468.
    pub(crate) struct MapiSessionLimit;
    id = "mapi-session-limit";
    severity = Error;
    check = check;
}

/// Open sessions of one user from which on a limit is likely: RCAMaxConcurrency of Exchange 2010.
const MANY: usize = 20;

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (client, rows) in super::rows_by_client(view, may_be_limit) {
            let proven: Rows<'_> = rows.iter().copied().filter(|(_, row)| is_limit(row)).collect();
            let crowded: Rows<'_> =
                rows.iter().copied().filter(|(c, row)| is_limit(row) || open(view, c, row) >= MANY).collect();
            if crowded.is_empty() {
                continue;
            }
            let most = crowded.iter().map(|(connection, row)| open(view, connection, row)).max().unwrap_or(0);
            let mut answers: BTreeMap<String, usize> = BTreeMap::new();
            crowded.iter().for_each(|(_, row)| *answers.entry(answer(row)).or_default() += 1);
            let said: Vec<String> =
                answers.into_iter().map(|(name, count)| format!("{name} {count} times")).collect();
            let mut draft = also(
                super::about(client, format!("Exchange refuses further MAPI sessions of {client}")),
                &crowded,
            )
            .count(crowded.len())
            .value("refused", crowded.len())
            .value("open_sessions", most)
            .detail(format!(
                "The server answers {}, with up to {} of that user open in this capture.",
                said.join(", "),
                counted(most, "session")
            ));
            if proven.is_empty() {
                draft = draft.confidence(Confidence::Likely).caveat(
                    "The code has other causes too; so many open sessions make a limit the likeliest.",
                );
            }
            out.push(
                shown(&crowded, 2).fold(draft, |draft, (_, row)| super::show(draft, view, row, answer(row))),
            );
        }
    }
}

fn answer(row: &RpcRow) -> String {
    match super::fault(row) {
        Some(_) => "fault 0x1c010014 (server too busy)".to_owned(),
        None => super::code(row).map(codes::named).unwrap_or_default(),
    }
}

fn is_limit(row: &RpcRow) -> bool {
    row.is_connect() && super::code(row) == Some(codes::SESSION_LIMIT)
}

fn may_be_limit(row: &RpcRow) -> bool {
    let doubtful = super::code(row).is_some_and(|code| codes::MAY_BE_LIMIT.contains(&code));
    is_limit(row) || row.is_connect() && doubtful || super::fault(row) == Some(codes::TOO_BUSY)
}

/// Sessions of the same client and user that were open when a row was answered.
fn open(view: &View<'_>, connection: &RpcConnection, row: &RpcRow) -> usize {
    let mapi = &view.facts.mapi;
    let user =
        |connection: &RpcConnection, row: &RpcRow| row.user_dn.clone().or_else(|| connection.user.clone());
    let mine = user(connection, row);
    let at = row.last().time;
    let sessions = mapi
        .own()
        .filter(|other| other.client.ip == connection.client.ip)
        .flat_map(|other| mapi.rows_of(other).filter(|row| row.is_connect()).map(move |row| (other, row)));
    let is_open = |(other, row): &(&RpcConnection, &RpcRow)| {
        let began = row.reply.is_some_and(|reply| reply.last.time < at)
            && row.issued.is_none_or(|handle| !handle.is_null())
            && super::fault(row).is_none();
        let same = mine.is_none() || user(other, row).is_none_or(|theirs| Some(theirs) == mine);
        began && same && life::over(view, other).is_none_or(|over| over > at)
    };
    sessions.filter(is_open).count()
}
