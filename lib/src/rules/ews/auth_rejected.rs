//! `ews-auth-rejected`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{about, calls};
use crate::facts::EwsRow;
use crate::proto::Authorization;
use crate::rules::words::counted;
use crate::rules::{Confidence, Context, Findings};

/// Log-ins that are begun and never accepted, in a row, that make up for one that was judged.
const ROUNDS: usize = 3;
/// A client that is accepted so soon after with another scheme was only trying (seconds).
const AT_ONCE: f64 = 10.0;

rule! {
    /// Exchange rejects the credentials of a client of its web services.
    ///
    /// ## Meaning
    /// The account or password that is configured on the Cisco side is wrong, locked or not allowed to use EWS, or the
    /// authentication method of the virtual directory does not suit.
    ///
    /// ## Evidence
    /// Status 401 in answer to a request that carried final credentials: Basic, the last message of NTLM, or Kerberos.
    /// Or three log-ins in a row that were begun and never accepted.
    ///
    /// ## Traps
    /// A 401 in answer to a request without credentials, or to the first message of NTLM, is the normal beginning. A
    /// client that succeeds at once with another scheme was only trying.
    ///
    /// ## Remedy
    /// Check account and password in the unified messaging service or the Presence Gateway, `DOMAIN\user` against
    /// `user@domain`. On Exchange check `Get-WebServicesVirtualDirectory | fl *Authentication*`,
    /// `Get-CASMailbox <account> | fl Ews*`, and the Security log for events 4625 and 4740.
    ///
    /// ## References
    /// RFC 9110, 11.6 and 15.5.2; MS-NTHT; RFC 4559.
    pub(crate) struct EwsAuthRejected;
    id = "ews-auth-rejected";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut pairs: BTreeMap<(IpAddr, IpAddr), Vec<&EwsRow>> = BTreeMap::new();
        for row in calls(view).filter(|row| row.reply.is_some()) {
            pairs.entry((row.server.ip, row.client.ip)).or_default().push(row);
        }
        for ((server, client), rows) in pairs {
            let rejected: Vec<&EwsRow> = rows
                .iter()
                .enumerate()
                .filter(|(at, row)| is_rejected(row, &rows[*at + 1..]))
                .map(|(_, row)| *row)
                .collect();
            let unfinished = if rejected.is_empty() { unfinished(&rows) } else { Vec::new() };
            let seen = if rejected.is_empty() { &unfinished } else { &rejected };
            if seen.is_empty() {
                continue;
            }
            let accounts: BTreeSet<String> = seen.iter().filter_map(|row| account(row)).collect();
            let accounts: Vec<String> = accounts.into_iter().collect();
            let who = if accounts.is_empty() { client.to_string() } else { accounts.join(", ") };
            let accepted = rows.iter().filter(|row| row.status().is_some_and(|status| status < 400)).count();
            let schemes: BTreeSet<&str> =
                seen.iter().filter_map(|row| row.authorization.as_ref()).map(|said| &*said.scheme).collect();
            let mut draft = about(
                view,
                server,
                seen,
                format!("Exchange at {server} rejects the log-in of {who}"),
            )
            .also_all(&accounts)
            .detail(format!(
                "{} of {client} ended with 401. Calls of the same client that were accepted: {accepted}.",
                counted(seen.len(), "log-in"),
            ))
            .value("accounts", accounts)
            .value("schemes", schemes.into_iter().map(str::to_owned).collect::<Vec<_>>())
            .value("accepted", accepted);
            if rejected.is_empty() {
                draft = draft.confidence(Confidence::Likely).caveat(
                    "The last messages of the log-ins were not seen; the client may have given up by itself.",
                );
            }
            out.push(draft);
        }
    }
}

/// Whether final credentials were refused, and the client was not accepted at once with another scheme.
fn is_rejected(row: &EwsRow, later: &[&EwsRow]) -> bool {
    let Some(said) = row.authorization.as_ref().filter(|said| said.is_final && row.status() == Some(401))
    else {
        return false;
    };
    let soon =
        later.iter().take_while(|next| next.first.time.seconds_since(row.last.time) <= AT_ONCE).take(64);
    let mut others = soon.filter(|next| {
        next.status().is_some_and(|status| status != 401)
            && next.authorization.as_ref().is_some_and(|next| !is_alike(next, said))
    });
    others.next().is_none()
}

/// Whether two log-ins have the same mechanism: under Negotiate, NTLM names the account and Kerberos does not.
fn is_alike(one: &Authorization, two: &Authorization) -> bool {
    one.scheme.eq_ignore_ascii_case(&two.scheme) && one.user.is_some() == two.user.is_some()
}

/// Log-ins that were begun at least three times in a row, of which none was accepted.
fn unfinished<'v>(rows: &[&'v EwsRow]) -> Vec<&'v EwsRow> {
    let mut row_of = Vec::new();
    for row in rows {
        match (row.status(), &row.authorization) {
            (Some(401), Some(said)) if !said.is_final => row_of.push(*row),
            // The normal first request, without credentials.
            (Some(401), None) => {}
            _ if row_of.len() >= ROUNDS => break,
            _ => row_of.clear(),
        }
    }
    if row_of.len() >= ROUNDS { row_of } else { Vec::new() }
}

fn account(row: &EwsRow) -> Option<String> {
    let said = row.authorization.as_ref()?;
    let user = said.user.as_deref()?.to_lowercase();
    Some(match &said.domain {
        Some(domain) => format!("{domain}\\{user}"),
        None => user,
    })
}
