//! `ews-error`.

use std::collections::BTreeSet;

use super::codes::Class;
use super::{about, by_server, calls, tally};
use crate::facts::EwsRow;
use crate::rules::words::counted;
use crate::rules::{Context, Findings};

rule! {
    /// Exchange answers a call with an error that keeps the integration from working.
    ///
    /// ## Meaning
    /// The response code tells what: throttling (`ErrorServerBusy` and its like), missing rights of the service
    /// account, a subscription that is lost or that another server holds, a callback address that is refused, trouble
    /// between Client Access servers or with the directory.
    ///
    /// ## Evidence
    /// The ResponseCode of an answer, or of a SOAP fault, in clear HTTP. An inner code in an
    /// `ErrorInternalServerError` counts as well.
    ///
    /// ## Traps
    /// Codes of normal work, such as `ErrorItemNotFound`, are not reported. Mailboxes on the move are
    /// `ews-mailbox-moved`. Over TLS nothing of this is visible.
    ///
    /// ## Remedy
    /// By the code; each finding says it.
    ///
    /// ## References
    /// Microsoft, EWS ResponseCode; EWS throttling in Exchange; Cisco TechNotes 116488 and 118883.
    pub(crate) struct EwsError;
    id = "ews-error";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        for (server, rows) in by_server(calls(view).filter(|row| !failures(row).is_empty())) {
            let all = || rows.iter().flat_map(|row| failures(row));
            let classes: BTreeSet<Class> = all().map(|(_, class)| class).collect();
            let Some(worst) =
                classes.iter().max_by_key(|class| (class.severity(), std::cmp::Reverse(**class)))
            else {
                continue;
            };
            let codes: BTreeSet<&str> = all().map(|(code, _)| code).collect();
            let meanings: Vec<&str> = classes.iter().map(|class| class.meaning()).collect();
            let remedies: Vec<&str> = classes.iter().map(|class| class.remedy()).collect();
            let back_off = rows.iter().filter_map(|row| row.reply.as_ref()?.back_off_ms).max();
            let wait =
                back_off.map(|ms| format!(" It asks the client to wait up to {ms} ms.")).unwrap_or_default();
            let codes: Vec<String> = codes.into_iter().map(str::to_owned).collect();
            let title = format!("Exchange at {server} answers with {}", codes.join(", "));
            let mut draft = about(view, server, &rows, title)
                .severity(worst.severity())
                .detail(format!(
                    "{} failed: {}. {}{wait}",
                    counted(rows.len(), "call"),
                    tally(all().map(|(code, _)| code)),
                    meanings.join(" ")
                ))
                .value("codes", codes)
                .remedy(remedies.join(" "));
            if let Some(ms) = back_off {
                draft = draft.value("back_off_ms", ms);
            }
            out.push(draft);
        }
    }
}

/// The codes of an answer that are this rule's business. Of an internal error with an inner code the inner one is.
fn failures(row: &EwsRow) -> Vec<(&str, Class)> {
    let cas = row.reply.as_ref().and_then(|reply| reply.cas_error.as_deref());
    let codes = row.codes().iter().map(|code| &**code).chain(cas);
    let mut all: Vec<(&str, Class)> = codes.filter_map(|code| Some((code, Class::of(code)?))).collect();
    if all.iter().any(|(_, class)| *class != Class::Internal) {
        all.retain(|(_, class)| *class != Class::Internal);
    }
    all.retain(|(_, class)| *class != Class::Moved);
    all
}
