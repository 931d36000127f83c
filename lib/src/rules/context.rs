//! What a rule may look at.

use std::net::IpAddr;

use super::notify::{self, Life};
use super::{Evidence, Meta, Sight};
use crate::capture::Vantage;
use crate::config::{Config, any_contains};
use crate::facts::{Facts, NotificationRow, VantageFacts};
use crate::flow::{Connection, FlowId, Moment};

/// The facts of all vantage points and the settings to judge them by.
#[derive(Debug)]
pub struct Context<'a> {
    /// Settings.
    pub config: &'a Config,
    /// One view per vantage point, the Exchange side first.
    pub views: Vec<View<'a>>,
}

/// One vantage point, with what several rules ask of it.
#[derive(Debug)]
pub struct View<'a> {
    /// Its facts.
    pub facts: &'a VantageFacts,
    /// Settings.
    pub config: &'a Config,
    /// Index of its first file among the report's captures.
    pub first_capture: usize,
    /// Where the capture was blind.
    pub sight: Sight,
    /// The subscriptions with their gaps, in the order of `facts.subscriptions`.
    pub lives: Vec<Life>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(facts: &'a Facts, config: &'a Config) -> Self {
        let mut first_capture = 0;
        let mut views = Vec::with_capacity(facts.vantages.len());
        for facts in &facts.vantages {
            let mut view = View { facts, config, first_capture, sight: Sight::new(facts), lives: Vec::new() };
            view.lives = notify::lives(&view);
            views.push(view);
            first_capture += facts.files.len();
        }
        Context { config, views }
    }

    /// Whether the settings let a rule run.
    pub(crate) fn wants(&self, meta: &Meta) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == meta.id || name == meta.family());
        (self.config.select.is_empty() || named(&self.config.select)) && !named(&self.config.ignore)
    }
}

impl<'a> View<'a> {
    /// The frame at `at` as evidence.
    pub(crate) fn evidence(&self, flow: Option<FlowId>, at: Moment, note: String) -> Evidence {
        let stream = flow.and_then(|flow| self.facts.stream(flow));
        Evidence {
            capture: self.first_capture + at.frame.file(),
            frame: at.frame.number(),
            time: at.time,
            stream: stream.map(|stream| stream as u64),
            community_id: stream
                .map(|stream| self.facts.connections[stream].key().community_id().to_string()),
            note,
        }
    }

    /// The row of a connection.
    pub fn connection(&self, flow: FlowId) -> Option<&'a Connection> {
        self.facts.connection(flow)
    }

    /// Notifications that count: complete, no second copies.
    pub fn notifications(&self) -> impl Iterator<Item = &'a NotificationRow> {
        self.facts.notifications.iter().filter(|row| row.counts())
    }

    /// Whether `ip` is a declared proxy or load balancer.
    pub fn is_proxy(&self, ip: IpAddr) -> bool {
        any_contains(&self.config.proxy_addrs, ip)
    }

    /// Whether `ip` is a declared Cisco host.
    pub fn is_cuc(&self, ip: IpAddr) -> bool {
        any_contains(&self.config.cuc_addrs, ip)
    }

    /// Whether `ip` is an expected source of notifications.
    pub fn is_exchange(&self, ip: IpAddr) -> bool {
        any_contains(&self.config.exchange_addrs, ip)
    }

    /// Whether the capture was taken at `vantage`, as far as that is known.
    pub fn is_at(&self, vantage: Vantage) -> bool {
        self.facts.vantage == Some(vantage)
    }

    /// The latest packet of the capture.
    pub fn end(&self) -> Option<Moment> {
        self.facts.coverage.last
    }

    /// Whether the capture shows only one direction of most connections that carried anything.
    pub fn is_one_way(&self) -> bool {
        let (mut one_way, mut both) = (0usize, 0usize);
        for connection in self.facts.connections.iter().filter(|c| !is_attempt(c)) {
            let silent = connection.sides.iter().any(|side| side.packets == 0);
            let talks = connection.sides.iter().any(|side| side.packets > 1);
            one_way += usize::from(silent && talks);
            both += usize::from(!silent);
        }
        one_way > both
    }
}

/// Whether a connection is no more than an attempt to open one.
pub(crate) fn is_attempt(connection: &Connection) -> bool {
    use crate::flow::Handshake::{Refused, Unanswered};
    matches!(connection.handshake, Refused | Unanswered)
}
