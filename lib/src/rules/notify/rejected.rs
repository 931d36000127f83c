//! `notify-rejected`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::facts::{NotificationRow, ReplyRow};
use crate::flow::Endpoint;
use crate::rules::words::counted;
use crate::rules::{Context, Findings, Severity, SubjectKind, View};

/// A demand for authentication is a first leg when the same message is accepted within this time (seconds).
const LEG: f64 = 60.0;

rule! {
    /// A notification was answered with another status than 200.
    ///
    /// ## Meaning
    /// Exchange counts every other status as a failed send: it tries again for a while and then deletes the
    /// subscription.
    ///
    /// ## Evidence
    /// The final status of the reply to a complete notification, and the `Server` field that says who wrote it.
    ///
    /// ## Traps
    /// Interim replies (1xx) are no answer. 401 and 407 are a first leg when the same message is accepted afterwards.
    ///
    /// ## Remedy
    /// 404, 500 or 503 from Jetty: restart "Connection Jetty" in Cisco Unity Connection Serviceability (Tools >
    /// Service Management) and look at its log. 407, 502, 503 or 504 from another server: a proxy answers; exempt Unity
    /// Connection from it (see `notify-source-proxy`).
    ///
    /// ## References
    /// RFC 9110 15; Cisco TechNote 116001.
    pub(crate) struct NotifyRejected;
    id = "notify-rejected";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let is_refused = |row: &NotificationRow| row.reply.as_ref().is_some_and(|reply| reply.status != 200);
        if !view.odd().any(is_refused) {
            continue;
        }
        let accepted = accepted(view.notifications());
        let jetties = jetties(view);
        let mut by_subject: BTreeMap<(SubjectKind, String), Vec<(&NotificationRow, &ReplyRow)>> =
            BTreeMap::new();
        for row in view.odd() {
            let Some(reply) = row.reply.as_ref().filter(|reply| reply.status != 200) else {
                continue;
            };
            let leg = matches!(reply.status, 401 | 407)
                && accepted.get(&content(row)).is_some_and(|times| {
                    let next = times.partition_point(|time| *time < reply.last.time);
                    times.get(next).is_some_and(|time| time.seconds_since(reply.last.time) <= LEG)
                });
            if !leg {
                by_subject.entry(super::subject(row)).or_default().push((row, reply));
            }
        }
        for refused in by_subject.values() {
            let (first, reply) = refused[0];
            let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
            refused.iter().for_each(|(_, reply)| *statuses.entry(reply.status).or_default() += 1);
            let listed: Vec<String> = statuses.keys().map(u16::to_string).collect();
            let who = match &reply.head.server {
                Some(server) => server.to_string(),
                None if jetties.contains(&first.listener) => {
                    "something before Jetty, which gives its name at the same address".to_owned()
                }
                None => "a server that does not name itself".to_owned(),
            };
            let mut draft = super::about_row(
                first,
                format!(
                    "{} of {} answered with {}",
                    counted(refused.len(), "notification"),
                    super::name(first),
                    listed.join(", ")
                ),
            )
            .count(refused.len())
            .value("statuses", listed)
            .value("replies", refused.len())
            .detail(format!(
                "{} got another answer than 200, written by {who}.",
                counted(refused.len(), "notification")
            ));
            if statuses.keys().all(|status| (201..300).contains(status)) {
                draft = draft.severity(Severity::Warning);
            }
            for (row, reply) in refused {
                draft = draft.evidence(view, Some(row.flow), row.last, "the notification").evidence(
                    view,
                    Some(row.flow),
                    reply.last,
                    format!("reply with status {}", reply.status),
                );
            }
            out.push(draft);
        }
    }
}

/// Where Jetty answers under its name.
fn jetties(view: &View<'_>) -> HashSet<Endpoint> {
    let names_jetty = |row: &&NotificationRow| {
        let server = row.reply.as_ref().and_then(|reply| reply.head.server.as_deref());
        server.is_some_and(|server| server.to_ascii_lowercase().contains("jetty"))
    };
    view.notifications().filter(names_jetty).map(|row| row.listener).collect()
}

type Content<'v> = (Option<&'v Arc<str>>, u64);

fn content(row: &NotificationRow) -> Content<'_> {
    (row.request_id(), row.body_digest)
}

/// When each message was accepted.
fn accepted<'v>(
    rows: impl Iterator<Item = &'v NotificationRow>,
) -> HashMap<Content<'v>, Vec<crate::time::Timestamp>> {
    let mut times: HashMap<Content<'v>, Vec<_>> = HashMap::new();
    for row in rows {
        if let Some(reply) = row.reply.as_ref().filter(|reply| reply.status == 200) {
            times.entry(content(row)).or_default().push(reply.last.time);
        }
    }
    times.values_mut().for_each(|times| times.sort_unstable());
    times
}
