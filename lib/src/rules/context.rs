//! What a rule may look at.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::OnceLock;

use super::by_id::{ById, Change};
use super::census::Census;
use super::notify::{self, Gap, Life, Source};
use super::reach::attempts::{self, Server};
use super::tls::Chains;
use super::{Blame, Evidence, Meta, Path, Resetter, Sight, Try};
use crate::capture::Vantage;
use crate::config::{Config, any_contains};
use crate::facts::{Facts, NotificationRow, Service, VantageFacts};
use crate::flow::{Connection, FlowId, Moment};
use crate::parallel;

/// The facts of all vantage points and the settings to judge them by.
#[derive(Debug)]
pub struct Context<'a> {
    /// Settings.
    pub config: &'a Config,
    /// One view per vantage point, the Exchange side first.
    pub views: Vec<View<'a>>,
    /// What lies between two vantage points; `None` for one.
    pub path: Option<Path>,
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
    /// Where notifications come from, by address.
    pub(crate) sources: Vec<Source<'a>>,
    /// What is looked for in all connections.
    pub(crate) census: Census<'a>,
    chains: OnceLock<Chains>,
    starved: OnceLock<HashSet<IpAddr>>,
    by_id: OnceLock<ById>,
    /// The servers to which attempts failed, by service.
    servers: Vec<Vec<Server<'a>>>,
}

impl<'a> Context<'a> {
    /// What rules look at, for those who draw or list more than the rules say.
    pub fn new(facts: &'a Facts, config: &'a Config) -> Self {
        let mut first_capture = 0;
        let mut views = Vec::with_capacity(facts.vantages.len());
        for facts in &facts.vantages {
            let census = Census::new(facts, config);
            let mut view = View {
                facts,
                config,
                first_capture,
                sight: Sight::new(facts, &census, config),
                lives: Vec::new(),
                sources: Vec::new(),
                census,
                chains: OnceLock::new(),
                starved: OnceLock::new(),
                by_id: OnceLock::new(),
                servers: Vec::new(),
            };
            (view.lives, view.sources) =
                parallel::join(facts.threads(config), || notify::lives(&view), || notify::seen(&view));
            view.servers = parallel::map(facts.threads(config), &Service::OVER_TCP, |service| {
                attempts::servers(&view, *service)
            });
            views.push(view);
            first_capture += facts.files.len();
        }
        let path = Path::new(facts, &views);
        Context { config, views, path }
    }

    /// Who is to blame for a gap that `of` shows, where a second vantage point tells.
    pub(crate) fn blame(&self, of: &View<'_>, id: &str, gap: &Gap) -> Option<Blame> {
        self.path.as_ref()?.blame(&self.views, of, id, (gap.from, gap.to))
    }

    /// What remains of a gap that the Cisco side shows when notifications are put in that only its capture missed:
    /// the seconds of its longest part.
    pub(crate) fn remains(&self, of: &View<'_>, id: &str, gap: &Gap) -> f64 {
        let path = self.path.as_ref().filter(|_| self.is_far_end(of));
        let missed =
            path.map(|path| path.unseen_arrivals(&self.views, id, (gap.from, gap.to))).unwrap_or_default();
        if missed.is_empty() {
            return gap.seconds;
        }
        let mut times = missed;
        times.extend([gap.from.time, gap.to.time]);
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1].seconds_since(pair[0])).fold(0.0, f64::max).min(gap.seconds)
    }

    /// Whether a notification reached the Cisco side between two frames of `of`, and only its capture missed it.
    pub(crate) fn was_missed(&self, of: &View<'_>, id: &str, from: Moment, to: Moment) -> bool {
        let path = self.path.as_ref().filter(|_| self.is_far_end(of));
        path.is_some_and(|path| !path.unseen_arrivals(&self.views, id, (from, to)).is_empty())
    }

    /// What became of a connection that `view` shows as failed, where a second vantage point tells.
    pub(crate) fn try_of(&self, view: &View<'_>, connection: &Connection) -> Option<Try> {
        self.path.as_ref()?.try_of(view.vantage(), connection.id)
    }

    /// Who reset a connection of `view`, where a second vantage point tells.
    pub(crate) fn resetter(&self, view: &View<'_>, flow: FlowId) -> Option<Resetter> {
        self.path.as_ref()?.resetter(view.vantage(), view.facts.connections.number(flow)?)
    }

    /// Whether `view` is the Cisco side of two.
    pub(crate) fn is_far_end(&self, view: &View<'_>) -> bool {
        self.path.is_some() && view.first_capture > 0
    }

    /// Whether the settings let a rule run.
    pub(crate) fn wants(&self, meta: &Meta) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == meta.id || name == meta.family());
        (self.config.select.is_empty() || named(&self.config.select)) && !named(&self.config.ignore)
    }
}

impl<'a> View<'a> {
    /// Which of the vantage points it is.
    fn vantage(&self) -> usize {
        usize::from(self.first_capture > 0)
    }

    /// The frame at `at` as evidence.
    pub(crate) fn evidence(&self, flow: Option<FlowId>, at: Moment, note: String) -> Evidence {
        let connection = flow.and_then(|flow| self.facts.connection(flow));
        Evidence {
            capture: self.first_capture + at.frame.file(),
            frame: at.frame.number(),
            time: at.time,
            stream: flow.and_then(|flow| self.facts.connections.stream(flow)),
            community_id: connection.map(|connection| connection.key().community_id().to_string()),
            note,
        }
    }

    /// The chains of certificates of the handshakes, built when they are first asked for.
    pub(crate) fn chains(&self) -> &Chains {
        self.chains.get_or_init(|| Chains::new(self.facts, self.config))
    }

    /// The sources of subscriptions that lack keep-alives, found when they are first asked for.
    pub(crate) fn starved(&self) -> &HashSet<IpAddr> {
        self.starved.get_or_init(|| {
            let lives = self.facts.subscriptions.iter().zip(&self.lives);
            let late = lives.filter(|(_, life)| life.gaps.iter().any(|gap| gap.seconds > life.deadline()));
            late.flat_map(|(subscription, _)| subscription.sources.iter().copied()).collect()
        })
    }

    /// The servers to whose `service` an attempt failed, by address.
    pub(crate) fn servers(&self, service: Service) -> &[Server<'a>] {
        let place = Service::OVER_TCP.iter().position(|other| *other == service);
        place.and_then(|place| self.servers.get(place)).map_or(&[], Vec::as_slice)
    }

    /// The row of a connection.
    pub fn connection(&self, flow: FlowId) -> Option<&'a Connection> {
        self.facts.connection(flow)
    }

    /// Notifications that count: complete, no second copies.
    pub fn notifications(&self) -> impl Iterator<Item = &'a NotificationRow> {
        self.facts.notifications.iter().filter(|row| row.counts())
    }

    /// Those of them about which anything is out of the ordinary.
    pub(crate) fn odd(&self) -> impl Iterator<Item = &'a NotificationRow> {
        self.census.heard.odd.iter().map(|(_, row)| *row).filter(|row| row.counts())
    }

    /// Notifications that count with one of Exchange's SubscriptionIds, where their `source` or the `database` of their
    /// watermarks changes; grouped when they are first asked for.
    pub(crate) fn changing(&self, what: Change) -> impl Iterator<Item = Vec<&'a NotificationRow>> {
        let groups = self.by_id.get_or_init(|| ById::new(self.facts)).changing(what);
        groups.map(|rows| rows.iter().map(|row| &self.facts.notifications[*row]).collect())
    }

    /// Packets that the capturing program itself says it lost.
    pub(crate) fn counted_drops(&self) -> u64 {
        self.facts.files.iter().fold(0, |drops, file| drops.saturating_add(file.drops))
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
        self.census.is_one_way()
    }
}
