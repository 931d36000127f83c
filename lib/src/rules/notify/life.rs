//! The life of a subscription: its notifications in time, the gaps between them, and how it ended.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::changes::Changes;
use super::retries::{self, Tries};
use crate::config::IMP_NOTIFY_PORT;
use crate::facts::{NotificationRow, Subscription};
use crate::flow::{FlowId, Moment};
use crate::parallel;
use crate::proto::{Guid, NotificationResult};
use crate::rules::{Confidence, Context, Draft, Findings, View};
use crate::time::{Timestamp, nanos};

/// A new subscription seen this long after the last notification of another took over from it: Unity
/// Connection's limit of 15 minutes and its scan every 2 minutes, with some time to subscribe.
const TAKE_OVER: (Duration, Duration) = (Duration::from_secs(15 * 60), Duration::from_secs(20 * 60));

/// A pause between two notifications of one subscription.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gap {
    /// The notification before it.
    pub from: Moment,
    /// Its connection.
    pub from_flow: FlowId,
    /// The notification after it, or the last packet of the capture.
    pub to: Moment,
    /// The connection of what ends it.
    pub to_flow: Option<FlowId>,
    /// Its length, holes of the capture taken out.
    pub seconds: f64,
    /// What ends it.
    pub until: Until,
    /// How sure it is.
    pub confidence: Confidence,
    /// Packets on the same port were lost to the capture meanwhile.
    pub lossy: bool,
}

/// What ends a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Until {
    /// The next notification.
    Next,
    /// The first notification of the subscription that took over.
    Successor,
    /// The end of the capture.
    End,
    /// The first notification of whatever subscription that found no room: what comes later is not known.
    Full,
}

/// The life of one subscription.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Life {
    /// The port that is notified.
    pub port: u16,
    /// Time after which a keep-alive is due, in seconds.
    pub interval_s: f64,
    /// How much later it may come, in seconds.
    pub tolerance_s: f64,
    /// Pauses between neighbouring notifications, in time order, the open one at the end included.
    pub gaps: Vec<Gap>,
    /// The listener ended it with `Unsubscribe`.
    pub ended: bool,
    /// The subscription that took over.
    pub successor: Option<usize>,
    pub(crate) tries: Vec<Tries>,
    pub(crate) changes: Changes,
}

/// Subscriptions that a thread looks at before it takes others.
const AT_ONCE: usize = 64;

/// The lives of all subscriptions of a vantage point.
pub(crate) fn lives(view: &View<'_>) -> Vec<Life> {
    let threads = view.facts.threads(view.config);
    let parts: Vec<_> = view.facts.subscriptions.chunks(AT_ONCE).collect();
    let lives = parallel::map(threads, &parts, |part| {
        part.iter().map(|subscription| life(view, subscription)).collect::<Vec<_>>()
    });
    let mut lives: Vec<Life> = lives.into_iter().flatten().collect();
    let going_on = &view.census.heard.last;
    let successors = successors(view, &lives);
    for ((subscription, life), successor) in view.facts.subscriptions.iter().zip(&mut lives).zip(successors) {
        life.successor = successor;
        // A retry is no new sign of life.
        let Some(last) = life.tries.last().filter(|_| !life.ended) else {
            continue;
        };
        let last = &view.facts.notifications[subscription.rows[last.first]];
        let pause = Pause { view, subscription, after: last };
        let next = successor.and_then(|next| view.facts.subscriptions[next].first(view.facts));
        let gap = match (next, view.facts.notified_until()) {
            (Some(first), _) => {
                pause.until(first.last, Some(first.flow), Until::Successor, Confidence::Proven)
            }
            (None, Some(end)) => {
                let quiet = |at: &Timestamp| at.seconds_since(last.last.time) <= life.deadline();
                let alone = going_on.get(&last.source.ip).is_none_or(quiet);
                let confidence = if alone { Confidence::Likely } else { Confidence::Proven };
                let until = if Some(end) == view.end() { Until::End } else { Until::Full };
                pause.until(end, None, until, confidence)
            }
            (None, None) => None,
        };
        life.gaps.extend(gap);
    }
    excuse_counted_drops(view, &mut lives);
    lives
}

/// Fewer failed tries do not show that Exchange has given up.
const ABANDONED: usize = 3;

/// Packets of the shortest connection that carries a notification.
const PACKETS: u64 = 8;

/// Takes one interval out of the gaps in which one keep-alive is missing, where the packets that the capturing
/// program counted as lost would suffice for all of these.
fn excuse_counted_drops(view: &View<'_>, lives: &mut [Life]) {
    let drops = view.counted_drops();
    if drops == 0 {
        return;
    }
    let mut missed: Vec<(&mut Gap, f64)> = Vec::new();
    for life in lives {
        let (interval, deadline) = (life.interval_s, life.deadline());
        let one_missing = |gap: &&mut Gap| {
            gap.until == Until::Next && gap.seconds > deadline && gap.seconds <= interval + deadline
        };
        missed.extend(life.gaps.iter_mut().filter(one_missing).map(|gap| (gap, interval)));
    }
    if PACKETS.saturating_mul(missed.len() as u64) <= drops {
        missed.into_iter().for_each(|(gap, interval)| gap.seconds -= interval);
    }
}

fn life(view: &View<'_>, subscription: &Subscription) -> Life {
    let interval = subscription.interval.unwrap_or_else(|| view.config.interval_on(subscription.port));
    let interval_s = nanos(interval) as f64 / 1e9;
    let rows: Vec<&NotificationRow> =
        subscription.rows.iter().map(|row| &view.facts.notifications[*row]).collect();
    let tries = retries::tries(&rows, interval_s);
    // One more may be open at the end.
    let mut gaps = Vec::with_capacity(tries.len());
    gaps.extend(tries.windows(2).filter_map(|pair| {
        let (before, next) = (rows[pair[0].first], rows[pair[1].first]);
        let pause = Pause { view, subscription, after: before };
        pause.until(next.last, Some(next.flow), Until::Next, Confidence::Proven)
    }));
    let reply = rows.last().and_then(|row| row.reply.as_ref());
    Life {
        port: subscription.port,
        interval_s,
        tolerance_s: nanos(view.config.tolerance_for(interval)) as f64 / 1e9,
        gaps,
        ended: reply.is_some_and(|reply| reply.result == Some(NotificationResult::Unsubscribe)),
        successor: None,
        changes: Changes::new(&rows, &tries),
        tries,
    }
}

/// What follows one notification.
struct Pause<'v> {
    view: &'v View<'v>,
    subscription: &'v Subscription,
    after: &'v NotificationRow,
}

impl Pause<'_> {
    /// The gap up to `to`; `None` where the capture cannot tell its length.
    fn until(
        &self,
        to: Moment,
        to_flow: Option<FlowId>,
        until: Until,
        confidence: Confidence,
    ) -> Option<Gap> {
        let (sight, from) = (&self.view.sight, self.after.last);
        if !self.view.facts.has_notifications_of(to.time)
            || sight.clock_jumped(from, to)
            || to.time <= from.time
        {
            return None;
        }
        let (port, sources) = (self.subscription.port, &self.subscription.sources);
        let mut longest = 0.0_f64;
        for (start, end) in sight.seen(from.time, to.time) {
            let mut at = start;
            for blind in sight.blind_moments(sources, port, start, end) {
                longest = longest.max(blind.seconds_since(at));
                at = blind;
            }
            longest = longest.max(end.seconds_since(at));
        }
        let lossy = sight.lost_something(port, from.time, to.time);
        let confidence = if lossy { confidence.min(Confidence::Likely) } else { confidence };
        Some(Gap {
            from,
            from_flow: self.after.flow,
            to,
            to_flow,
            seconds: longest,
            until,
            confidence,
            lossy,
        })
    }
}

/// For each subscription the one that took over from it. One successor ends at most one gap.
fn successors(view: &View<'_>, lives: &[Life]) -> Vec<Option<usize>> {
    let subscriptions = &view.facts.subscriptions;
    let mut by_mailbox: HashMap<Guid, BTreeSet<(Timestamp, usize)>> = HashMap::new();
    let mut by_server: HashMap<String, BTreeSet<(Timestamp, usize)>> = HashMap::new();
    let begin = view.facts.coverage.first.map(|first| first.time);
    for (index, (subscription, life)) in subscriptions.iter().zip(lives).enumerate() {
        let Some(first) = subscription.first(view.facts) else {
            continue;
        };
        let start = (first.last.time, index);
        if let Some(mailbox) = first.mailbox() {
            by_mailbox.entry(mailbox).or_default().insert(start);
        }
        // One that was there from the beginning is not new.
        if begin.is_some_and(|begin| start.0.seconds_since(begin) > life.deadline()) {
            by_server.entry(server(first)).or_default().insert(start);
        }
    }
    let mut in_order_of_end: Vec<(&NotificationRow, usize)> =
        subscriptions.iter().enumerate().filter_map(|(i, s)| Some((s.last(view.facts)?, i))).collect();
    in_order_of_end.sort_by_key(|(last, index)| (last.last.time, *index));
    let mut found = vec![None; subscriptions.len()];
    for (last, old) in in_order_of_end {
        let end = last.last.time;
        let candidates = match last.mailbox() {
            Some(mailbox) => {
                by_mailbox.get(&mailbox).map(|starts| starts.range((end.after(Duration::from_nanos(1)), 0)..))
            }
            None => by_server.get(&server(last)).map(|starts| {
                starts.range((end.after(TAKE_OVER.0), 0)..=(end.after(TAKE_OVER.1), usize::MAX))
            }),
        };
        let Some(&(start, new)) = candidates.and_then(|mut starts| starts.find(|start| start.1 != old))
        else {
            continue;
        };
        let Some(first) = subscriptions[new].first(view.facts) else {
            continue;
        };
        if let Some(starts) = by_server.get_mut(&server(first)) {
            starts.remove(&(start, new));
        }
        if let Some(starts) = first.mailbox().and_then(|mailbox| by_mailbox.get_mut(&mailbox)) {
            starts.remove(&(start, new));
        }
        found[old] = Some(new);
    }
    found
}

/// The server that owns a subscription: its decoded name, else the address.
fn server(row: &NotificationRow) -> String {
    row.server().map_or_else(|| row.source.ip.to_string(), str::to_ascii_lowercase)
}

impl Gap {
    /// The sentence that says what ended it, for a detail.
    pub(crate) fn ending(&self) -> &'static str {
        match self.until {
            Until::Next => "",
            Until::Successor => " It ends with the first notification of the subscription that took over.",
            Until::End => " It is still open at the end of the capture.",
            Until::Full => " It is still open where notifications found no more room in memory.",
        }
    }

    fn caveat(&self) -> Option<String> {
        if self.lossy {
            return Some(
                "The capture lost packets on the same port in that time; a notification may be among them."
                    .into(),
            );
        }
        let nobody = matches!(self.until, Until::End | Until::Full) && self.confidence < Confidence::Proven;
        nobody.then(|| {
            let what = if self.until == Until::Full { "More memory (`--memory`)" } else { "A longer capture" };
            format!(
                "No notification of this source was captured after it: the subscription may have ended, or the source \
                 may have stopped as a whole. {what} would tell."
            )
        })
    }
}

impl Life {
    /// Seconds after a notification at which the next one is overdue.
    pub fn deadline(&self) -> f64 {
        self.interval_s + self.tolerance_s
    }

    /// Seconds without a notification after which the listener calls it stale; IM and Presence never does.
    pub fn stale_after(&self, limit: f64) -> f64 {
        if self.port == IMP_NOTIFY_PORT { f64::INFINITY } else { limit }
    }

    /// The longest pause.
    pub fn longest(&self) -> Option<&Gap> {
        self.gaps.iter().reduce(|longest, gap| if gap.seconds > longest.seconds { gap } else { longest })
    }

    /// The tries of each notification that failed every time and after which Exchange fell silent: at least
    /// [`ABANDONED`] tries, the last so late that the next would lie beyond the interval, then nothing for two intervals.
    pub(crate) fn abandoned<'v>(
        &self,
        subscription: &Subscription,
        view: &'v View<'_>,
    ) -> Vec<Vec<&'v NotificationRow>> {
        let row = |place: &usize| &view.facts.notifications[subscription.rows[*place]];
        let given_up = |(number, series): (usize, &Tries)| {
            if series.again.len() + 1 < ABANDONED {
                return None;
            }
            let tries: Vec<_> = std::iter::once(&series.first).chain(&series.again).map(row).collect();
            let (first, last) = (tries.first()?, tries.last()?);
            let next = self
                .tries
                .get(number + 1)
                .map(|next| row(&next.first).first)
                .or(view.facts.notified_until())?;
            let finished = last.first.time.seconds_since(first.first.time) >= self.interval_s * 0.5;
            let silent = next.time.seconds_since(last.last.time) >= 2.0 * self.interval_s;
            let failed = tries.iter().all(|row| retries::failed(row));
            (failed && finished && silent).then_some(tries)
        };
        self.tries.iter().enumerate().filter_map(given_up).collect()
    }

    /// States gaps with the frames on both sides of each.
    pub(crate) fn with_gaps(&self, mut draft: Draft, view: &View<'_>, gaps: &[&Gap]) -> Draft {
        let surest = gaps.iter().map(|gap| gap.confidence).max().unwrap_or(Confidence::Possible);
        draft = draft.count(gaps.len()).confidence(surest);
        let mut caveats: Vec<String> = gaps.iter().filter_map(|gap| gap.caveat()).collect();
        caveats.dedup();
        for gap in gaps {
            let after = match gap.until {
                Until::Next => "first notification after the gap",
                Until::Successor => "first notification of the subscription that took over",
                Until::End => "last packet of the capture",
                Until::Full => "the first notification that found no room in memory",
            };
            draft = draft
                .evidence(view, Some(gap.from_flow), gap.from, "last notification before the gap")
                .evidence(view, gap.to_flow, gap.to, after);
        }
        draft.caveats(caveats)
    }
}

/// For every subscription with gaps longer than `limit` seconds, states the longest of them and how many there are.
pub(crate) fn each_gap_over(
    cx: &Context<'_>,
    view: &View<'_>,
    limit: impl Fn(&Life) -> f64,
    out: &mut Findings<'_>,
    state: impl Fn(&Subscription, &Life, &Gap, usize) -> Draft,
) {
    for (subscription, life) in view.facts.subscriptions.iter().zip(&view.lives) {
        let limit = limit(life);
        let remains = |gap: &&Gap| cx.remains(view, &subscription.request_id, gap) > limit;
        let gaps: Vec<&Gap> = life.gaps.iter().filter(|gap| gap.seconds > limit).filter(remains).collect();
        let Some(longest) = gaps.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds)) else {
            continue;
        };
        let draft = state(subscription, life, longest, gaps.len());
        out.push(life.with_gaps(draft, view, &gaps));
    }
}
