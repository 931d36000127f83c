//! `imap-mailbox-unavailable`.

use super::reason::is_unavailable;
use super::{by_account, tally};
use crate::facts::{ImapRow, Level};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

/// Sessions of one account for which the information store has room, by default.
const STORE: u64 = 16;

rule! {
    /// The log-in is accepted, but Exchange cannot open the mailbox.
    ///
    /// ## Meaning
    /// The information store refuses one more session: by default it allows 16 for each user and client type (event
    /// 9646). Or the mailbox is being moved, is disabled for IMAP, or its server is not there.
    ///
    /// ## Evidence
    /// `NO Server Unavailable. 15`, or `BAD User is authenticated but not connected.`
    ///
    /// ## Traps
    /// BAD with other texts is an error of the client. `NO … failed.` refuses the log-in itself (`imap-auth-throttled`,
    /// `imap-auth-rejected`).
    ///
    /// ## Remedy
    /// Look for event 9646 of MSExchangeIS. Raise the store's limit on every mailbox server (every member of the DAG):
    /// DWORD `Maximum Allowed Service Sessions Per User` = 64 (and `Maximum Allowed Sessions Per User`) under
    /// `HKLM\SYSTEM\CurrentControlSet\Services\MSExchangeIS\ParametersSystem`, then `Restart-Service MSExchangeIS`. Or
    /// exempt the account from it with the right to view the information store's status:
    /// `Get-OrganizationConfig | Add-ADPermission -User <account> -ExtendedRights "View Information Store status"`.
    /// Check the mailbox: `Get-CASMailbox <account> | fl ImapEnabled`, `Get-MoveRequest <account>`.
    ///
    /// ## References
    /// Exchange store limits; Cisco TechNote 117589.
    pub(crate) struct ImapMailboxUnavailable;
    id = "imap-mailbox-unavailable";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let is_one = |row: &&ImapRow| row.tag.is_some() && is_unavailable(&row.text().to_ascii_lowercase());
        for (who, rows) in by_account(view, view.facts.imap.rows.iter().filter(is_one)) {
            let open = rows.iter().filter_map(|row| row.open_for_user).max().unwrap_or(0);
            let last = rows.last().map_or("", |row| row.text());
            let peak = rows.first().and_then(|row| {
                let account = row.login.as_ref()?.account.as_ref()?;
                view.facts.imap.open.user(row.server.ip, account)
            });
            let peak = peak.and_then(Level::peak).map_or(open, |peak| peak.1);
            let store = match peak >= STORE {
                true => {
                    format!(" {peak} of its sessions were open at once: the store allows {STORE} by default.")
                }
                false => String::new(),
            };
            let draft = who
                .draft(
                    format!("The mailbox of {who} could not be opened: {}", counted(rows.len(), "answer")),
                    rows.iter().copied(),
                )
                .count(rows.len())
                .value("replies", rows.len())
                .value("open_sessions", peak)
                .detail(format!(
                    "The server answered {last:?} to {} of {}.{store}",
                    counted(rows.len(), "command"),
                    tally(rows.iter().map(|row| row.client.ip)),
                ));
            out.push(shown(&rows, 1).fold(draft, |draft, row| {
                let name = row.command.unwrap_or("a command");
                draft.evidence(view, Some(row.flow), row.settled(), format!("answer to {name}"))
            }));
        }
    }
}
