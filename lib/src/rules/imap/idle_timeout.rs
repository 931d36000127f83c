//! `imap-idle-timeout`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::byes::{self, Bye, Cause};
use crate::rules::draft::shown;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

rule! {
    /// An IMAP server ended sessions in which nothing had happened for long.
    ///
    /// ## Meaning
    /// Exchange ends an authenticated session after 30 minutes without a command, and a connection on which nobody logs
    /// in after one minute, unless that was changed. A client that does not expect it reports a lost connection.
    ///
    /// ## Evidence
    /// `* BYE` after a silence as long as the time-out, without LOGOUT.
    ///
    /// ## Traps
    /// Many sessions that end at the same moment after different silences are a restart (`imap-server-bye`).
    ///
    /// ## Remedy
    /// Let the client send NOOP, or renew IDLE, more often than every 29 minutes; or lengthen the time-out:
    /// `Set-ImapSettings -Server <CAS> -AuthenticatedConnectionTimeout 01:00:00` (the maximum), then
    /// `Restart-Service MSExchangeIMAP4`.
    ///
    /// ## References
    /// RFC 9051, 5.4; RFC 2177; Set-ImapSettings.
    pub(crate) struct ImapIdleTimeout;
    id = "imap-idle-timeout";
    severity = Info;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_client: BTreeMap<IpAddr, Vec<Bye<'_>>> = BTreeMap::new();
        for bye in byes::unsolicited(view).into_iter().filter(|bye| bye.cause != Cause::Server) {
            by_client.entry(bye.row.client.ip).or_default().push(bye);
        }
        for (client, byes) in by_client {
            let Some(longest) = byes.iter().max_by(|a, b| a.silence.total_cmp(&b.silence)) else { continue };
            let without = byes.iter().filter(|bye| bye.cause == Cause::NoLogin).count();
            let title = format!("{} of {client} timed out", counted(byes.len(), "session"));
            let login = match without {
                0 => String::new(),
                _ => format!(" On {without} of them nobody had logged in."),
            };
            let draft = byes::draft(view, client, title, &byes).detail(format!(
                "The server ended {} after up to {:.0} s without a command ({:?}).{login}",
                counted(byes.len(), "session"),
                longest.silence,
                longest.row.text(),
            ));
            out.push(shown(&byes, 1).fold(draft, |draft, bye| {
                let note = format!("BYE after {:.0} s of silence", bye.silence);
                draft.evidence(view, Some(bye.row.flow), bye.row.last, note)
            }));
        }
    }
}
