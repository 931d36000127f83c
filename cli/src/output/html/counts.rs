//! The counts of the report, a group of tiles per protocol.

use super::Story;
use super::markup::Markup;
use crate::output::text::header::grouped;

/// Writes the groups that have something to count.
pub(super) fn write(html: &mut Markup, story: &Story<'_>) {
    let summary = &story.report.summary;
    let seen = &summary.notifications;
    let groups: [(&str, Vec<(&str, u64)>); 6] = [
        ("Traffic", vec![("TCP connections", summary.connections)]),
        (
            "Push notifications",
            vec![
                ("complete", seen.total),
                ("keep-alives", seen.keepalives),
                ("with events", seen.messages),
                ("answered 200", seen.replies_200),
                ("answered otherwise", seen.other_replies),
                ("unanswered", seen.unanswered),
                ("subscriptions", seen.subscriptions),
            ],
        ),
        (
            "IMAP",
            vec![
                ("IMAP connections", summary.imap.sessions),
                ("logged in", summary.imap.authenticated),
                ("log-ins refused", summary.imap.rejected),
                ("most at once per user", summary.imap.max_concurrent_per_user),
                ("per client", summary.imap.max_concurrent_per_ip),
            ],
        ),
        ("SMTP", vec![("SMTP sessions", summary.smtp.sessions), ("refusals", summary.smtp.rejected)]),
        (
            "MAPI",
            vec![
                ("MAPI associations", summary.mapi.associations),
                ("calls", summary.mapi.calls),
                ("faults", summary.mapi.faults),
            ],
        ),
        (
            "TLS",
            vec![
                ("TLS handshakes", summary.tls.handshakes),
                ("with certificates", summary.tls.certificates_seen),
            ],
        ),
    ];
    html.element("div", &[("class", "counts")], |html| {
        for (name, counts) in groups.iter().filter(|(_, counts)| counts.iter().any(|(_, count)| *count > 0)) {
            html.element("dl", &[("aria-label", name)], |html| {
                for (label, count) in counts {
                    html.element("div", &[], |html| {
                        html.leaf("dt", &[], label);
                        html.leaf("dd", &[], &grouped(*count));
                    });
                }
            });
        }
    });
}
