//! Findings: a rule's verdict about one subject, with the frames that show it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::time::Timestamp;

/// How much a finding hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// It degrades the integration, or will break it.
    Warning,
    /// It breaks the integration.
    Error,
}

impl Severity {
    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How sure the bytes make a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Confidence {
    /// The evidence allows another cause; the caveats name it.
    Possible,
    /// The evidence points here, but does not exclude everything else.
    Likely,
    /// The bytes show it.
    Proven,
}

impl Confidence {
    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Proven => "proven",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What kind of thing a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum SubjectKind {
    /// A push subscription, by the `id=` of the request target.
    Subscription,
    /// An address that notifications come from.
    Source,
    /// A server, by address.
    Server,
    /// A client, by address.
    Client,
    /// An account.
    User,
    /// A TCP connection, `ip:port->ip:port`.
    Connection,
    /// A DCE/RPC association.
    Association,
    /// A certificate.
    Certificate,
    /// A capture file, by path.
    Capture,
}

/// Whom or what a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subject {
    /// What kind of thing it is.
    pub kind: SubjectKind,
    /// Its name.
    pub id: String,
    /// Other names of the same thing, and the addresses on both ends.
    pub also: Vec<String>,
}

/// A frame that shows what a finding says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Index into the report's captures.
    pub capture: usize,
    /// Number of the frame in its file, from 1.
    pub frame: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// Number of its TCP connection in its vantage point, from 0.
    pub stream: Option<u64>,
    /// Community ID of its connection.
    pub community_id: Option<String>,
    /// What the frame shows.
    pub note: String,
}

/// A figure that a finding rests on. Units are in its name: `gap_s`, `latency_us`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(untagged))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Value {
    /// A count.
    Count(u64),
    /// A measure.
    Measure(f64),
    /// A word.
    Text(String),
    /// Several words.
    List(Vec<String>),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Value::Count(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Value::Count(count as u64)
    }
}

impl From<f64> for Value {
    fn from(measure: f64) -> Self {
        // Microseconds are what captures resolve; more digits are noise of the arithmetic.
        Value::Measure((measure * 1e6).round() / 1e6)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Value::List(list)
    }
}

/// A rule's verdict about one subject.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// Id of the rule.
    pub rule: Cow<'static, str>,
    /// How much it hurts.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// One sentence.
    pub title: String,
    /// What was seen, in sentences that can be pasted into a support case.
    pub detail: String,
    /// Whom it is about.
    pub subject: Subject,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it was last seen.
    pub last: Timestamp,
    /// How often it was seen.
    pub count: u64,
    /// The figures it rests on.
    pub values: BTreeMap<String, Value>,
    /// What else could explain the evidence, and what would decide.
    pub caveats: Vec<String>,
    /// The frames that show it, at most 16, the first and the last always.
    pub evidence: Vec<Evidence>,
    /// A Wireshark display filter for the evidence in the file of the first item.
    pub wireshark_filter: String,
    /// What to do about it.
    pub remedy: String,
}
