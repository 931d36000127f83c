//! The report: plain data in the shape of the JSON contract.

use std::borrow::Cow;

use crate::capture::Vantage;
use crate::rules::Finding;
use crate::time::Timestamp;

/// The `schema` of this version's reports.
pub const SCHEMA: &str = "sibtrace.report/1";

/// What an analysis says.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Report {
    /// Name and version of the shape, [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// Version of the program.
    pub sibtrace: Cow<'static, str>,
    /// The files that were read, in time order, the Exchange side first.
    pub captures: Vec<CaptureSummary>,
    /// Counts.
    pub summary: Summary,
    /// Findings: by severity, then first time, then rule, then subject.
    pub findings: Vec<Finding>,
    /// Findings that the configuration expects, and that are therefore not listed.
    pub known: u64,
    /// sibtrace's own limits.
    pub limits: Vec<Limit>,
    /// The matched path of two vantage points; `None` for one.
    pub path: Option<Path>,
    /// The analysis was interrupted.
    pub partial: bool,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CaptureSummary {
    /// The file as it was named.
    pub path: String,
    /// Where it was taken, given or inferred.
    pub vantage: Option<Vantage>,
    /// `pcap` or `pcapng`.
    pub format: String,
    /// Names of the link-layer types.
    pub link_types: Vec<String>,
    /// Packets.
    pub packets: u64,
    /// Captured bytes.
    pub bytes: u64,
    /// Earliest packet.
    pub first: Option<Timestamp>,
    /// Latest packet.
    pub last: Option<Timestamp>,
    /// The file ends inside a record.
    pub truncated: bool,
    /// Packets cut by the snapshot length.
    pub cut_packets: u64,
    /// TCP payload bytes that were acknowledged or skipped and never captured.
    pub lost_bytes: u64,
    /// Clock of this capture minus the clock of the Cisco side, in microseconds, when known.
    pub clock_offset_us: Option<i64>,
    /// Things worth saying that are no findings.
    pub notes: Vec<String>,
}

/// Counts over the Cisco side, or the only side.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Summary {
    /// TCP connections.
    pub connections: u64,
    /// Push notifications.
    pub notifications: NotificationSummary,
}

/// Counts of push notifications.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NotificationSummary {
    /// Complete POSTs.
    pub total: u64,
    /// Of these, keep-alives.
    pub keepalives: u64,
    /// Of these, messages with events.
    pub messages: u64,
    /// Complete POSTs answered with 200.
    pub replies_200: u64,
    /// Complete POSTs answered otherwise.
    pub other_replies: u64,
    /// Complete POSTs not answered.
    pub unanswered: u64,
    /// Distinct `id=`.
    pub subscriptions: u64,
    /// Addresses that complete notifications came from.
    pub sources: Vec<SourceSummary>,
    /// Names of the sending servers, decoded from SubscriptionIds.
    pub servers: Vec<String>,
}

/// An address that notifications came from.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SourceSummary {
    /// The address.
    pub ip: std::net::IpAddr,
    /// Complete notifications from it.
    pub notifications: u64,
}

/// A store of the analysis, its bound, and how often the bound was met.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Limit {
    /// What is stored.
    pub store: Cow<'static, str>,
    /// Its bound, in bytes or rows as the name says.
    pub limit: u64,
    /// How often something was dropped or folded because of it.
    pub hits: u64,
}

/// Two vantage points matched with each other.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Path {}
