//! `ews-http-error`.

use std::collections::BTreeSet;

use super::codes::Class;
use super::{about, by_server, calls, tally};
use crate::facts::EwsRow;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

rule! {
    /// The web server, or a device in front of it, refuses a call of Exchange Web Services.
    ///
    /// ## Meaning
    /// The call does not reach EWS: the virtual directory is missing or not allowed (403, 404), forms-based
    /// authentication takes over (440, or a redirect to the log-on page of OWA), IIS is overloaded or its application
    /// pool stopped (500, 503), or a proxy cannot pass it on (502, 504).
    ///
    /// ## Evidence
    /// The status of the reply, without a response code of EWS in its body.
    ///
    /// ## Traps
    /// 401 is the normal beginning of a log-in, or `ews-auth-rejected`. Where the body has a response code, that says
    /// more than the status: `ews-error`, `ews-mailbox-moved`.
    ///
    /// ## Remedy
    /// 403: require SSL, IP restrictions and client certificates on the EWS virtual directory; let the Cisco side use
    /// https. 404: the path /EWS/Exchange.asmx. 440 and redirects to OWA: switch forms-based authentication off on the
    /// EWS virtual directory. 500 and 503: the application pool MSExchangeServicesAppPool, and the Application log.
    ///
    /// ## References
    /// RFC 9110, 15; Microsoft, EWS throttling in Exchange.
    pub(crate) struct EwsHttpError;
    id = "ews-http-error";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (server, rows) in by_server(calls(view).filter(|row| is_refused(row))) {
            let words: Vec<String> = rows.iter().map(|row| word(row)).collect();
            let statuses: BTreeSet<&str> = words.iter().map(String::as_str).collect();
            let statuses: Vec<String> = statuses.into_iter().map(str::to_owned).collect();
            let writers: BTreeSet<&str> =
                rows.iter().filter_map(|row| row.reply.as_ref()?.server.as_deref()).collect();
            let errors: BTreeSet<&str> =
                rows.iter().filter_map(|row| row.reply.as_ref()?.cas_error.as_deref()).collect();
            let mut detail = format!(
                "{} failed: {}.",
                counted(rows.len(), "call"),
                tally(words.iter().map(String::as_str))
            );
            if !writers.is_empty() {
                detail += &format!(" The replies were written by {}.", join(&writers));
            }
            if !errors.is_empty() {
                detail += &format!(" The front end names the error {} (X-CasErrorCode).", join(&errors));
            }
            if let Some(wait) = rows.iter().find_map(|row| row.reply.as_ref()?.retry_after.as_deref()) {
                detail += &format!(" The client shall come again after {wait} (Retry-After).");
            }
            let title = format!("Exchange at {server} answers EWS calls with {}", statuses.join(", "));
            out.push(about(view, server, &rows, title).detail(detail).value("statuses", statuses));
        }
    }
}

fn is_refused(row: &EwsRow) -> bool {
    let Some(reply) = &row.reply else {
        return false;
    };
    let cas = reply.cas_error.as_deref().and_then(Class::of);
    if !reply.codes.is_empty() || cas.is_some() {
        return false;
    }
    match reply.status {
        401 | 407 => false,
        300..=399 => is_log_on_page(row),
        status => status >= 400,
    }
}

/// A redirect to where people log on in forms.
fn is_log_on_page(row: &EwsRow) -> bool {
    let location = row.reply.as_ref().and_then(|reply| reply.location.as_deref()).unwrap_or_default();
    let location = location.to_ascii_lowercase();
    location.contains("/owa/auth") || location.contains("logon.aspx")
}

fn word(row: &EwsRow) -> String {
    match row.status() {
        Some(status @ 300..=399) => format!("{status} to the log-on page of OWA"),
        Some(status) => status.to_string(),
        None => String::new(),
    }
}

fn join(words: &BTreeSet<&str>) -> String {
    words.iter().copied().collect::<Vec<_>>().join(", ")
}
