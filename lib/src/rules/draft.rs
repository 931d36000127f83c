//! From what a rule says to a finding: joins what is said twice, counts, keeps the evidence short.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::{Confidence, Evidence, Finding, Meta, Severity, Subject, SubjectKind, Value, View};
use crate::flow::{FlowId, Moment};
use crate::time::Timestamp;

/// Items of evidence that a finding lists.
const LISTED: usize = 16;
/// Frames that a Wireshark filter names.
const FILTERED: usize = 16;

/// Those of many things that evidence can show when each takes `frames` frames: the first ones and the last.
pub(crate) fn shown<T>(all: &[T], frames: usize) -> impl Iterator<Item = &T> {
    let most = LISTED / frames.max(1);
    let (head, tail) = all.split_at(all.len().min(most.saturating_sub(1)));
    head.iter().chain(tail.last())
}

/// A finding as a rule states it.
#[derive(Clone, Debug)]
pub struct Draft {
    subject: Subject,
    title: String,
    detail: String,
    severity: Option<Severity>,
    confidence: Confidence,
    span: Option<(Timestamp, Timestamp)>,
    count: u64,
    values: BTreeMap<String, Value>,
    caveats: Vec<String>,
    evidence: Vec<Evidence>,
    remedy: Option<String>,
    /// The vantage point that shows it: the index of its first file.
    seen_at: Option<usize>,
}

impl Draft {
    /// A proven finding of the rule's own severity, seen once.
    pub fn new(kind: SubjectKind, id: impl Into<String>, title: impl Into<String>) -> Self {
        Draft {
            subject: Subject { kind, id: id.into(), also: Vec::new() },
            title: title.into(),
            detail: String::new(),
            severity: None,
            confidence: Confidence::Proven,
            span: None,
            count: 1,
            values: BTreeMap::new(),
            caveats: Vec::new(),
            evidence: Vec::new(),
            remedy: None,
            seen_at: None,
        }
    }

    /// Another name of the subject, or an address on either end. Said twice, it is kept once.
    pub fn also(mut self, name: impl ToString) -> Self {
        self.subject.also.push(name.to_string());
        self
    }

    /// Several of these.
    pub fn also_all<T: ToString>(self, names: impl IntoIterator<Item = T>) -> Self {
        names.into_iter().fold(self, Draft::also)
    }

    /// What was seen, in whole sentences.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Another severity than the rule's own.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// How sure it is.
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// How often it was seen.
    pub fn count(mut self, count: usize) -> Self {
        self.count = count as u64;
        self
    }

    /// When it was seen first and last, where the evidence does not say it.
    pub fn span(mut self, first: Timestamp, last: Timestamp) -> Self {
        self.span = Some((first, last));
        self
    }

    /// A figure that it rests on.
    pub fn value(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// What else could explain the evidence.
    pub fn caveat(mut self, caveat: impl Into<String>) -> Self {
        self.caveats.push(caveat.into());
        self
    }

    /// The same, when there is one.
    pub fn caveats(mut self, caveats: impl IntoIterator<Item = String>) -> Self {
        self.caveats.extend(caveats);
        self
    }

    /// A frame that shows it.
    pub fn evidence(
        mut self,
        view: &View<'_>,
        flow: Option<FlowId>,
        at: Moment,
        note: impl Into<String>,
    ) -> Self {
        self.seen_at.get_or_insert(view.first_capture);
        self.evidence.push(view.evidence(flow, at, note.into()));
        self
    }

    /// Another remedy than the rule's own.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Collects the findings of one rule.
#[derive(Debug)]
pub struct Findings<'a> {
    meta: &'a Meta,
    drafts: Vec<Draft>,
}

impl Extend<Draft> for Findings<'_> {
    fn extend<I: IntoIterator<Item = Draft>>(&mut self, drafts: I) {
        self.drafts.extend(drafts);
    }
}

impl<'a> Findings<'a> {
    pub(crate) fn new(meta: &'a Meta) -> Self {
        Findings { meta, drafts: Vec::new() }
    }

    /// States a finding. What is said of one subject several times becomes one finding.
    pub fn push(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    pub(crate) fn finish(self) -> Vec<Finding> {
        let by_place = |draft: &Draft| (draft.subject.kind, draft.subject.id.clone(), draft.seen_at);
        let here = joined(self.drafts, by_place, |one, two| one + two);
        // What two vantage points show is the same thing twice.
        let by_subject = |draft: &Draft| (draft.subject.kind, draft.subject.id.clone());
        let all = joined(here, by_subject, u64::max);
        all.into_iter().map(|draft| finding(self.meta, draft)).collect()
    }
}

fn joined<K: Ord>(drafts: Vec<Draft>, key: impl Fn(&Draft) -> K, count: fn(u64, u64) -> u64) -> Vec<Draft> {
    let mut joined: BTreeMap<K, Draft> = BTreeMap::new();
    for draft in drafts {
        let key = key(&draft);
        match joined.remove(&key) {
            Some(known) => joined.insert(key, join(known, draft, count)),
            None => joined.insert(key, draft),
        };
    }
    joined.into_values().collect()
}

/// The surer and worse of the two speaks; evidence adds up.
fn join(one: Draft, two: Draft, count: fn(u64, u64) -> u64) -> Draft {
    // Of two vantage points the Cisco side speaks: what does not arrive there is the trouble.
    let weight = |draft: &Draft| (draft.confidence, draft.severity, draft.count, draft.seen_at);
    let (mut main, other) = if weight(&two) > weight(&one) { (two, one) } else { (one, two) };
    main.count = count(main.count, other.count);
    main.evidence.extend(other.evidence);
    main.span = match (main.span, other.span) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    };
    for caveat in other.caveats {
        if !main.caveats.contains(&caveat) {
            main.caveats.push(caveat);
        }
    }
    for (name, value) in other.values {
        main.values.entry(name).or_insert(value);
    }
    main.subject.also.extend(other.subject.also);
    main
}

fn finding(meta: &Meta, mut draft: Draft) -> Finding {
    let mut named = HashSet::from([draft.subject.id.clone()]);
    draft.subject.also.retain(|name| named.insert(name.clone()));
    draft.evidence.sort_by_key(|item| (item.capture, item.frame));
    draft.evidence.dedup_by_key(|item| (item.capture, item.frame));
    let times = || draft.evidence.iter().map(|item| item.time);
    let (first, last) =
        draft.span.unwrap_or_else(|| (times().min().unwrap_or_default(), times().max().unwrap_or_default()));
    let wireshark_filter = filter(&draft.evidence);
    if draft.evidence.len() > LISTED {
        let last = draft.evidence.pop();
        draft.evidence.truncate(LISTED - 1);
        draft.evidence.extend(last);
    }
    Finding {
        rule: Cow::Borrowed(meta.id),
        severity: draft.severity.unwrap_or(meta.severity),
        confidence: draft.confidence,
        title: draft.title,
        detail: draft.detail,
        subject: draft.subject,
        first,
        last,
        count: draft.count,
        values: draft.values,
        caveats: draft.caveats,
        evidence: draft.evidence,
        wireshark_filter,
        remedy: draft.remedy.unwrap_or_else(|| meta.remedy()),
    }
}

/// The frames of the first item's file. A few frames are named; of many, their connections are.
fn filter(evidence: &[Evidence]) -> String {
    let Some(first) = evidence.first() else {
        return String::new();
    };
    let here = || evidence.iter().filter(|item| item.capture == first.capture);
    let mut frames: Vec<u64> = here().map(|item| item.frame).collect();
    frames.truncate(FILTERED);
    let frames: Vec<String> = frames.iter().map(u64::to_string).collect();
    format!("frame.number in {{{}}}", frames.join(", "))
}
