//! `notifications`: one row per push notification.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Origin, origin};
use crate::facts::NotificationRow;
use crate::proto::State;
use crate::rules::View;
use crate::time::Timestamp;

/// One push notification and its reply.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
#[non_exhaustive]
pub struct NotificationRecord {
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub origin: Origin,
    pub src_ip: IpAddr,
    pub src_port: u16,
    pub dst_ip: IpAddr,
    pub dst_port: u16,
    pub http_method: String,
    pub target: String,
    pub request_id: Option<String>,
    pub pid: Option<String>,
    pub host: Option<String>,
    pub soap_action: Option<String>,
    pub proxy_headers: Vec<String>,
    /// `keep-alive` or `message`.
    pub kind: Option<&'static str>,
    /// Local names of the event elements, in order.
    pub events: Vec<&'static str>,
    pub subscription_id: Option<String>,
    /// Decoded from `subscription_id`.
    pub subscription_server: Option<String>,
    /// Decoded from `subscription_id`.
    pub subscription_created: Option<Timestamp>,
    pub previous_watermark: Option<String>,
    pub watermark: Option<String>,
    pub more_events: Option<bool>,
    pub response_class: Option<String>,
    pub response_code: Option<String>,
    pub reply_frame: Option<u64>,
    pub reply_time: Option<Timestamp>,
    pub latency_us: Option<i64>,
    pub status: Option<u16>,
    pub reply_server: Option<String>,
    pub subscription_status: Option<String>,
    /// Why the message could not be read to its end: `cut`, `gap`, `malformed …`.
    pub error: Option<String>,
}

pub(super) fn record(view: &View<'_>, row: &NotificationRow) -> NotificationRecord {
    let owned = |text: Option<&Arc<str>>| text.map(|text| text.to_string());
    let (said, reply) = (row.said.as_ref().map(|said| &*said.recurring), row.reply.as_ref());
    NotificationRecord {
        origin: origin(view, row.last, Some(row.flow)),
        src_ip: row.source.ip,
        src_port: row.source.port,
        dst_ip: row.listener.ip,
        dst_port: row.listener.port,
        http_method: row.head.method.to_string(),
        target: row.head.target.to_string(),
        request_id: owned(row.request_id()),
        pid: owned(row.pid()),
        host: row.head.host.as_deref().map(str::to_owned),
        soap_action: row.head.soap_action.as_deref().map(str::to_owned),
        proxy_headers: row
            .head
            .proxy_headers
            .iter()
            .map(|header| format!("{}: {}", header.name, header.value))
            .collect(),
        kind: row.is_keepalive().map(|keepalive| if keepalive { "keep-alive" } else { "message" }),
        events: row.events().iter().map(|event| event.name()).collect(),
        subscription_id: owned(row.subscription_id()),
        subscription_server: row.server().map(str::to_owned),
        subscription_created: row.created(),
        previous_watermark: row.previous_watermark().map(ToString::to_string),
        watermark: row.watermark().map(ToString::to_string),
        more_events: said.and_then(|said| said.more_events),
        response_class: owned(said.and_then(|said| said.response_class.as_ref())),
        response_code: owned(said.and_then(|said| said.response_code.as_ref())),
        reply_frame: reply.map(|reply| reply.last.frame.number()),
        reply_time: reply.map(|reply| reply.last.time),
        latency_us: reply.map(|reply| reply.first.time.since(row.last.time) / 1000),
        status: reply.map(|reply| reply.status),
        reply_server: reply.and_then(|reply| reply.head.server.as_deref().map(str::to_owned)),
        subscription_status: reply
            .and_then(|reply| reply.result.as_ref().map(|result| result.name().to_owned())),
        error: match &row.state {
            State::Complete => None,
            State::Cut => Some("cut".to_owned()),
            State::Gap => Some("gap".to_owned()),
            State::Malformed(cause) => Some(format!("malformed {cause:?}").to_lowercase()),
        },
    }
}
