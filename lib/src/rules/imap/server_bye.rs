//! `imap-server-bye`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::byes::{self, Bye, Cause};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

rule! {
    /// An IMAP server ended sessions that were in use.
    ///
    /// ## Meaning
    /// The IMAP service was restarted, the mailbox moved to another server, or a limit of time or budget was reached.
    /// Clients log in again, all at once.
    ///
    /// ## Evidence
    /// `* BYE` in a session that is authenticated, not silent for long, and in which the client did not say LOGOUT.
    ///
    /// ## Traps
    /// The BYE after LOGOUT is normal. After a long silence it is a time-out (`imap-idle-timeout`). After refused log-ins
    /// it belongs to them. In place of a greeting it is a limit (`imap-connection-limit`). The numbers in Exchange's
    /// text are not documented.
    ///
    /// ## Remedy
    /// Look for restarts of MSExchangeIMAP4 (Exchange 2013 and later: and MSExchangeIMAP4BE) and for database fail-overs
    /// at these times in the event log: `Get-EventLog System -Source "Service Control Manager"`,
    /// `Get-MailboxDatabaseCopyStatus *`. Protocol log: `Set-ImapSettings -ProtocolLogEnabled $true`.
    ///
    /// ## References
    /// RFC 9051, 7.1.5; Set-ImapSettings.
    pub(crate) struct ImapServerBye;
    id = "imap-server-bye";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_client: BTreeMap<IpAddr, Vec<Bye<'_>>> = BTreeMap::new();
        for bye in byes::unsolicited(view).into_iter().filter(|bye| bye.cause == Cause::Server) {
            by_client.entry(bye.row.client.ip).or_default().push(bye);
        }
        for (client, byes) in by_client {
            let Some(last) = byes.last() else { continue };
            let title = format!("The server ended {} of {client}", counted(byes.len(), "session"));
            let draft = byes::draft(view, client, title, &byes).detail(format!(
                "{} of {client} ended with a BYE that the client had not asked for; the last one said {:?}, {:.0} s after \
                 the client's last command.",
                counted(byes.len(), "session"),
                last.row.text(),
                last.silence,
            ));
            out.push(shown(&byes, 1).fold(draft, |draft, bye| {
                draft.evidence(view, Some(bye.row.flow), bye.row.last, "BYE, not asked for")
            }));
        }
    }
}
