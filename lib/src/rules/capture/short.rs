//! `capture-short`.

use std::collections::BTreeSet;

use crate::config::IMP_NOTIFY_PORT;
use crate::flow::Handshake;
use crate::rules::{Context, Findings, View};
use crate::time::{nanos, spoken};

rule! {
    /// The capture is too short to tell whether keep-alives come in time.
    ///
    /// ## Meaning
    /// An idle subscription is notified once in an interval: every 5 minutes for Unity Connection, every 60 for IM
    /// and Presence. A missing keep-alive can only be seen in a capture of at least two intervals, 10 minutes or 2
    /// hours. That no keep-alive is reported missing here says little.
    ///
    /// ## Evidence
    /// The first and the last packet of the capture.
    ///
    /// ## Traps
    /// Refused connections, error replies, proxies and translated addresses are found in short captures as well.
    ///
    /// ## Remedy
    /// Capture for at least 20 minutes on Unity Connection, which also shows subscriptions that go stale, or for
    /// more than 2 hours on IM and Presence:
    /// `utils network capture-rotate file <name> sizePerFile 25 maxFiles 10`. sibtrace reads all files of the set as
    /// one capture. Where StatusFrequency was changed, say so with `--keepalive-interval`.
    ///
    /// ## References
    /// MS-OXWSNTIF 3.1.4.3.3.6 (StatusFrequency); Cisco TechNote 118883.
    pub(crate) struct CaptureShort;
    id = "capture-short";
    severity = Info;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    for view in &cx.views {
        let (Some(first), Some(last)) = (view.facts.coverage.first, view.end()) else {
            continue;
        };
        let span = view.facts.coverage.span();
        let interval = |port: &u16| nanos(cx.config.interval_on(*port)) as f64 / 1e9;
        let too_short = ports(view).into_iter().filter(|port| span < 2.0 * interval(port));
        let Some(port) = too_short.max_by(|a, b| interval(a).total_cmp(&interval(b))) else {
            continue;
        };
        let (lasts, needed) = (spoken(span), spoken(2.0 * interval(&port)));
        let title = format!("The capture lasts {lasts}; keep-alives can be judged from {needed} on");
        let mut detail = format!(
            "Subscriptions that are notified on port {port} get a keep-alive every {}; two intervals, {needed}, are \
             needed to see one missing. The capture lasts {lasts}.",
            spoken(interval(&port)),
        );
        if port != IMP_NOTIFY_PORT {
            detail += " A subscription that goes stale shows only after 17 min.";
        }
        out.push(
            super::about_all(view, title)
                .detail(detail)
                .value("span_s", span)
                .value("needed_s", 2.0 * interval(&port))
                .evidence(view, None, first, "first packet of the capture")
                .evidence(view, None, last, "last packet of the capture"),
        );
    }
}

/// The ports whose intervals matter here. Where only the Cisco side is named, that of the first port: Unity
/// Connection's.
fn ports(view: &View<'_>) -> BTreeSet<u16> {
    let configured = &view.config.ports.notify;
    let connections = &view.facts.connections;
    let is_tried = |port: &u16| {
        // Who opened a connection is not known when its beginning is not.
        connections.on([*port]).any(|row| row.resp.port == *port || row.handshake == Handshake::None)
    };
    let mut ports: BTreeSet<u16> = configured.iter().copied().filter(is_tried).collect();
    ports.extend(&view.census.heard.ports);
    if ports.is_empty() && !view.config.cuc_addrs.is_empty() {
        ports.extend(configured.first());
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::facts::testing::{connection, ip};
    use crate::rules::testing::{capture, findings};
    use crate::rules::{Finding, Value};

    fn found(end: i64, server: &str, config: &Config) -> Vec<Finding> {
        let opened = connection(7, "10.0.0.1:5001", server, Handshake::Full);
        findings(&CaptureShort, capture(end, vec![opened]), config)
    }

    #[test]
    fn two_intervals_of_the_port_are_enough() {
        let config = Config::default();
        let short = found(599, "10.0.0.9:7080", &config);
        assert_eq!(short[0].values["needed_s"], Value::Measure(600.0));
        assert_eq!(short[0].evidence.len(), 2);
        assert_eq!(found(600, "10.0.0.9:7080", &config), []);
        let presence = found(3000, "10.0.0.9:50020", &config);
        assert_eq!(presence[0].values["needed_s"], Value::Measure(7200.0));
        assert_eq!(found(7200, "10.0.0.9:50020", &config), []);
    }

    #[test]
    fn other_traffic_needs_no_time_unless_a_cisco_host_is_named() {
        let mut config = Config::default();
        assert_eq!(found(20, "10.0.0.9:143", &config), []);
        config.cuc_addrs.push(ip("10.0.0.9").into());
        assert_eq!(found(20, "10.0.0.9:143", &config).len(), 1);
    }
}
