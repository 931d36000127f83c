//! Attempts to reach a service, by pair of hosts.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Connections;
use crate::config::Ports;
use crate::flow::{Connection, Endpoint, FlowId, FlowKey, Handshake, Moment, Unreachable};

/// A service whose silence, refusal and filtering are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Push notifications.
    Notify,
    /// IMAP.
    Imap,
    /// SMTP.
    Smtp,
    /// The DCE/RPC endpoint mapper.
    Epm,
    /// EWS over TLS.
    Tls,
    /// ICMP echo.
    Ping,
}

impl Service {
    /// The services that are reached over TCP. Where two share a port, the first one has it.
    pub(crate) const OVER_TCP: [Service; 5] =
        [Service::Notify, Service::Imap, Service::Smtp, Service::Epm, Service::Tls];

    /// The name that records use.
    pub const fn name(self) -> &'static str {
        match self {
            Service::Notify => "notify",
            Service::Imap => "imap",
            Service::Smtp => "smtp",
            Service::Epm => "epm",
            Service::Tls => "tls",
            Service::Ping => "ping",
        }
    }

    /// The ports on which it is expected; none for ICMP echo.
    pub fn ports(self, ports: &Ports) -> &[u16] {
        match self {
            Service::Notify => &ports.notify,
            Service::Imap => &ports.imap,
            Service::Smtp => &ports.smtp,
            Service::Epm => &ports.epm,
            Service::Tls => &ports.tls,
            Service::Ping => &[],
        }
    }
}

/// How one client fared with one service of one host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reach {
    /// Who tried.
    pub client: IpAddr,
    /// Who should have answered.
    pub server: IpAddr,
    /// Which service.
    pub service: Service,
    /// Its port; 0 for ICMP echo.
    pub port: u16,
    /// First packet.
    pub first: Moment,
    /// First connection; `None` for ICMP echo.
    pub flow: Option<FlowId>,
    /// Connections that were tried.
    pub attempts: u64,
    /// Of these, those that were opened.
    pub connected: u64,
    /// Those that were answered with a reset.
    pub refused: Vec<FlowId>,
    /// Those that were not answered.
    pub unanswered: Vec<FlowId>,
    /// Those that an ICMP error answered; they are not among the unanswered.
    pub icmp: Vec<FlowId>,
    /// ICMP echo requests.
    pub echo_requests: u64,
    /// ICMP echo replies.
    pub echo_replies: u64,
    /// The longest row of echo requests without any reply.
    pub silent_pings: Option<SilentPings>,
    /// ICMP errors that quote echo requests.
    pub echo_errors: Option<EchoErrors>,
}

/// ICMP errors in answer to echo requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoErrors {
    /// How many.
    pub count: u64,
    /// The first one.
    pub first: Unreachable,
}

/// Echo requests between two hosts without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SilentPings {
    /// How many.
    pub count: u64,
    /// The first one.
    pub first: Moment,
    /// The last one.
    pub last: Moment,
}

/// How an attempt to open a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server accepted it.
    Connected,
    /// A reset answered the SYN.
    Refused,
    /// Nothing answered the SYN.
    Unanswered,
    /// An ICMP error answered the SYN.
    Unreachable(Unreachable),
}

/// How a connection that began with a SYN fared; `None` when its beginning was not captured, or its end is unclear.
pub(crate) fn outcome(connection: &Connection) -> Option<Outcome> {
    let icmp = connection.rare().unreachable.filter(is_final);
    match (connection.handshake, icmp) {
        (Handshake::Full, _) => Some(Outcome::Connected),
        (Handshake::Refused, _) => Some(Outcome::Refused),
        (Handshake::Unanswered, Some(icmp)) => Some(Outcome::Unreachable(icmp)),
        (Handshake::Unanswered, None) => Some(Outcome::Unanswered),
        (Handshake::Partial, _) if connection.sides.iter().any(|side| side.bytes > 0) => {
            Some(Outcome::Connected)
        }
        _ => None,
    }
}

/// Whether an ICMP error says that the SYN was not delivered (RFC 792, RFC 1812 5.2.7.1); every code of ICMPv6
/// type 1 does (RFC 4443, 3.1).
fn is_final(icmp: &Unreachable) -> bool {
    icmp.v6 || matches!(icmp.code, 0 | 1 | 3 | 9 | 10 | 13)
}

/// Who tried to reach the services of Exchange and the Cisco hosts, in the order of first packets.
pub(super) fn rows(connections: &Connections, pings: &[Reach], ports: &Ports) -> Vec<Reach> {
    let mut attempts = Attempts::new(ports);
    connections.on(ports.all()).for_each(|connection| attempts.add(connection));
    let mut rows = attempts.rows;
    rows.extend(pings.iter().cloned());
    rows.sort_by_key(|row| (row.first.frame, row.flow));
    rows
}

/// Attempts, by client and service.
struct Attempts {
    services: HashMap<u16, Service, ahash::RandomState>,
    rows: Vec<Reach>,
    /// By client and service, the client's port left out.
    places: HashMap<(FlowKey, bool), usize, ahash::RandomState>,
}

impl Attempts {
    /// None yet. The services have these ports.
    fn new(ports: &Ports) -> Self {
        let on = |service: Service| service.ports(ports).iter().map(move |port| (*port, service));
        Attempts {
            services: Service::OVER_TCP.into_iter().rev().flat_map(on).collect(),
            rows: Vec::new(),
            places: HashMap::default(),
        }
    }

    /// Counts a connection, if it is to one of them. They come in the order of their first packets.
    fn add(&mut self, connection: &Connection) {
        let (client, server) = (connection.orig.ip, connection.resp);
        let service = self.services.get(&server.port).copied();
        let Some((service, outcome)) = service.zip(outcome(connection)) else {
            return;
        };
        let ends = FlowKey::new(Endpoint { ip: client, port: 0 }, server);
        let place = *self.places.entry(ends).or_insert_with(|| {
            let mut row = Reach::new(client, server.ip, service, connection.first());
            (row.port, row.flow) = (server.port, Some(connection.id));
            self.rows.push(row);
            self.rows.len() - 1
        });
        self.rows[place].count(connection.id, outcome);
    }
}

impl Reach {
    pub(super) fn new(client: IpAddr, server: IpAddr, service: Service, first: Moment) -> Self {
        Reach {
            client,
            server,
            service,
            port: 0,
            first,
            flow: None,
            attempts: 0,
            connected: 0,
            refused: Vec::new(),
            unanswered: Vec::new(),
            icmp: Vec::new(),
            echo_requests: 0,
            echo_replies: 0,
            silent_pings: None,
            echo_errors: None,
        }
    }

    fn count(&mut self, flow: FlowId, outcome: Outcome) {
        self.attempts += 1;
        match outcome {
            Outcome::Connected => self.connected += 1,
            Outcome::Refused => self.refused.push(flow),
            Outcome::Unanswered => self.unanswered.push(flow),
            Outcome::Unreachable(_) => self.icmp.push(flow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Pings;
    use crate::facts::testing::{connection, icmp, ip};
    use crate::flow::FrameId;

    fn rows(connections: Vec<Connection>, pings: Pings) -> Vec<Reach> {
        super::rows(&connections.into(), &pings.rows(), &Ports::default())
    }

    #[test]
    fn attempts_are_counted_by_pair_of_hosts_and_port() {
        let mut connections = vec![
            connection(1, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Refused),
            connection(2, "10.0.0.2:5002", "10.0.0.9:7080", Handshake::Full),
            connection(3, "10.0.0.1:5003", "10.0.0.9:7080", Handshake::Unanswered),
            connection(4, "10.0.0.1:5004", "10.0.0.9:7080", Handshake::Unanswered),
            connection(5, "10.0.0.1:5005", "10.0.0.9:7080", Handshake::None),
            connection(6, "10.0.0.1:5006", "10.0.0.9:9999", Handshake::Refused),
        ];
        connections[3].rare_mut().unreachable = Some(icmp(13));
        let rows = rows(connections, Pings::default());
        assert_eq!(rows.len(), 2);
        let row = &rows[0];
        assert_eq!((row.client, row.service, row.port), (ip("10.0.0.1"), Service::Notify, 7080));
        assert_eq!((row.attempts, row.connected), (3, 0));
        assert_eq!(row.refused, [FlowId(1)]);
        assert_eq!(row.unanswered, [FlowId(3)]);
        assert_eq!(row.icmp, [FlowId(4)]);
        assert_eq!((rows[1].attempts, rows[1].connected), (1, 1));
    }

    #[test]
    fn an_icmp_error_that_asks_for_smaller_packets_answers_no_syn() {
        let mut tried = connection(1, "10.0.0.1:5001", "10.0.0.9:7080", Handshake::Unanswered);
        tried.rare_mut().unreachable = Some(icmp(4));
        assert_eq!(outcome(&tried), Some(Outcome::Unanswered));
        tried.handshake = Handshake::Full;
        tried.rare_mut().unreachable = Some(icmp(3));
        assert_eq!(outcome(&tried), Some(Outcome::Connected));
    }

    #[test]
    fn a_connection_without_syn_ack_counts_when_it_went_on() {
        let mut tried = connection(1, "10.0.0.1:5001", "10.0.0.9:25", Handshake::Partial);
        assert_eq!(outcome(&tried), None);
        tried.sides[0].bytes = 1;
        assert_eq!(outcome(&tried), Some(Outcome::Connected));
    }

    #[test]
    fn echo_requests_and_replies_make_one_row_in_its_place() {
        let mut pings = Pings::default();
        let at = |number| Moment { frame: FrameId::new(0, number), ..Moment::default() };
        pings.echo(ip("10.0.0.1"), ip("10.0.0.9"), true, at(2));
        pings.echo(ip("10.0.0.9"), ip("10.0.0.1"), false, at(3));
        pings.echo(ip("10.0.0.1"), ip("10.0.0.9"), true, at(9));
        let connections = vec![
            connection(1, "10.0.0.1:5001", "10.0.0.9:443", Handshake::Full),
            connection(5, "10.0.0.2:5001", "10.0.0.9:443", Handshake::Full),
        ];
        let rows = rows(connections, pings);
        let services: Vec<Service> = rows.iter().map(|row| row.service).collect();
        assert_eq!(services, [Service::Tls, Service::Ping, Service::Tls]);
        assert_eq!((rows[1].echo_requests, rows[1].echo_replies), (2, 1));
        assert_eq!((rows[1].client, rows[1].flow), (ip("10.0.0.1"), None));
    }
}
