//! `notify-error`.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::NotificationRow;
use crate::rules::words::counted;
use crate::rules::{Context, Findings, Severity, SubjectKind};

/// After these the server has no subscription, or events are lost for good.
const FATAL: [&str; 2] = ["ErrorReadEventsFailed", "ErrorMissedNotificationEvents"];

rule! {
    /// Exchange reported an error in a notification.
    ///
    /// ## Meaning
    /// The server could not read the events of the mailbox, is moving it, or has lost it. After
    /// `ErrorReadEventsFailed` it has deleted the subscription; after `ErrorMissedNotificationEvents` events are
    /// missing.
    ///
    /// ## Evidence
    /// `ResponseClass` other than `Success`, or `ResponseCode` other than `NoError`. The text beside it is in the
    /// server's language and is not judged.
    ///
    /// ## Traps
    /// An error notification has no events and no watermark; that is its form, not damage.
    ///
    /// ## Remedy
    /// Look at the health of the mailbox database and at moves (`Get-MailboxDatabaseCopyStatus`,
    /// `Get-MoveRequest`). Unity Connection subscribes again after about 16 minutes; if the user was moved, update the
    /// server of the unified messaging account.
    ///
    /// ## References
    /// Microsoft, EWS reference, ResponseCode; "Handling notification-related errors in EWS in Exchange".
    pub(crate) struct NotifyError;
    id = "notify-error";
    severity = Warning;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let mut by_subject: BTreeMap<(SubjectKind, String), Vec<(&NotificationRow, &str)>> = BTreeMap::new();
        for row in view.odd() {
            if let Some(code) = row.error() {
                by_subject.entry(super::subject(row)).or_default().push((row, code));
            }
        }
        for errors in by_subject.values() {
            let (first, code) = errors[0];
            let codes: BTreeSet<&str> = errors.iter().map(|(_, code)| *code).collect();
            let listed: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
            let title = format!("Exchange reports {code} for {}", super::name(first));
            let mut draft = super::about_row(first, title)
                .count(errors.len())
                .detail(format!(
                    "Instead of events, {} of it carried an error: {}.",
                    counted(errors.len(), "notification"),
                    listed.join(", ")
                ))
                .value("codes", listed);
            if codes.iter().any(|code| FATAL.contains(code)) {
                draft = draft.severity(Severity::Error);
            }
            for (row, code) in errors {
                draft = draft.evidence(view, Some(row.flow), row.last, format!("ResponseCode {code}"));
            }
            out.push(draft);
        }
    }
}
