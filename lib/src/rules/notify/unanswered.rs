//! `notify-unanswered`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::facts::NotificationRow;
use crate::flow::{Close, Connection, Dir};
use crate::rules::words::counted;
use crate::rules::{Context, Fate, Findings, SubjectKind, View};
use crate::time::spoken;

/// A reply usually comes within milliseconds; after this time without one nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(30);

rule! {
    /// A complete notification never got a reply.
    ///
    /// ## Meaning
    /// Exchange counts it as a failed send and tries again, up to about 4 minutes; then it deletes the subscription.
    /// Either the listener took the message and kept silent, or the message or its reply was lost on the way.
    ///
    /// ## Evidence
    /// All bytes of the POST, then no byte of a reply until the connection was closed or reset, or for 30 seconds
    /// while the capture went on.
    ///
    /// ## Traps
    /// A reply that was cut by the snapshot length, lost to the capture, or not over when the capture ended is no
    /// missing reply. Neither is one in a capture that shows only one direction.
    ///
    /// ## Remedy
    /// On Unity Connection, look at the health of "Connection Jetty" (its request log has one line per notification
    /// that it took) and at CPU and disk load. If Jetty logged the message, something on the way swallows the reply;
    /// if not, the POST did not arrive. A capture at the other end decides.
    ///
    /// ## References
    /// Microsoft, EWS reference, StatusFrequency (push).
    pub(crate) struct NotifyUnanswered;
    id = "notify-unanswered";
    severity = Error;
    check = check;
}

/// A notification by its place in the table, and its connection.
type Unanswered<'v> = (usize, &'v NotificationRow, &'v Connection);

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in cx.views.iter().filter(|view| !view.is_one_way()) {
        let mut by_subject: BTreeMap<(SubjectKind, String), Vec<Unanswered<'_>>> = BTreeMap::new();
        for &(place, row) in
            view.census.heard.odd.iter().filter(|(_, row)| row.is_post() && row.reply.is_none())
        {
            let Some(connection) = view.connection(row.flow) else {
                continue;
            };
            if is_unanswered(view, row, connection) {
                by_subject.entry(super::subject(row)).or_default().push((place, row, connection));
            }
        }
        for unanswered in by_subject.values() {
            let (_, first, connection) = unanswered[0];
            let waited = connection.last().time.seconds_since(first.last.time);
            let fate = match connection.close {
                Close::Rst => format!("then the connection was reset after {}", spoken(waited)),
                Close::Fin => format!("then the connection was closed after {}", spoken(waited)),
                Close::Open => "and the connection just fell silent".to_owned(),
            };
            let title = format!(
                "{} of {} got no reply",
                counted(unanswered.len(), "notification"),
                super::name(first)
            );
            let mut draft = super::about_row(first, title)
                .count(unanswered.len())
                .value("unanswered", unanswered.len())
                .detail(format!(
                    "The whole request was captured, no byte of a reply came, {fate}.{}",
                    beyond(cx, view, unanswered)
                ));
            for (_, row, connection) in unanswered {
                draft = draft
                    .evidence(view, Some(row.flow), row.last, "request complete, no reply follows")
                    .evidence(view, Some(row.flow), connection.last(), "last packet of its connection");
            }
            out.push(draft);
        }
    }
}

/// What the other end of the path shows of these notifications of Exchange.
fn beyond(cx: &Context<'_>, view: &View<'_>, unanswered: &[Unanswered<'_>]) -> String {
    let (Some(path), [exchange, cuc]) = (&cx.path, cx.views.as_slice()) else {
        return String::new();
    };
    if view.first_capture != exchange.first_capture {
        return String::new();
    }
    let replied = |row: usize| cuc.facts.notifications[row].reply.is_some();
    let count =
        |what: &dyn Fn(Fate) -> bool| unanswered.iter().filter(|(row, ..)| what(path.fate(*row))).count();
    let sayings = [
        (count(&|fate| matches!(fate, Fate::Lost(_))), "never arrived"),
        (
            count(&|fate| matches!(fate, Fate::Arrived(row) if replied(row))),
            "arrived, and the reply was lost on the way back",
        ),
        (
            count(&|fate| matches!(fate, Fate::Arrived(row) if !replied(row))),
            "arrived, and got no reply there",
        ),
    ];
    let said = sayings.iter().filter(|(number, _)| *number > 0);
    said.map(|(number, saying)| {
        format!(" The capture at the Cisco side shows that {number} of them {saying}.")
    })
    .collect()
}

fn is_unanswered(view: &View<'_>, row: &NotificationRow, connection: &Connection) -> bool {
    let (sender, listener) = match connection.orig == row.source {
        true => (connection.side(Dir::Orig), connection.side(Dir::Resp)),
        false => (connection.side(Dir::Resp), connection.side(Dir::Orig)),
    };
    if listener.missing > 0 || listener.acked_unseen || listener.packets == 0 {
        return false;
    }
    if connection.close != Close::Open {
        return true;
    }
    // TCP sends again what is not acknowledged: where it did neither, the capture lost the end of the connection.
    let went_on = !sender.unanswered || sender.retransmitted > 0;
    let (asked, port) = (row.last.time, row.listener.port);
    let lossy = view.counted_drops() > 0 || view.sight.lost_something(port, asked, asked.after(PATIENCE));
    went_on && !lossy && view.end().is_some_and(|end| end.time > connection.last().time.after(PATIENCE))
}
