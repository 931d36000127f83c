//! Attempts to reach a service, by pair of hosts.

use std::net::IpAddr;

use crate::flow::{FlowId, Moment};

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
    /// Another TCP service.
    Other,
}

impl Service {
    /// The name that records use.
    pub const fn name(self) -> &'static str {
        match self {
            Service::Notify => "notify",
            Service::Imap => "imap",
            Service::Smtp => "smtp",
            Service::Epm => "epm",
            Service::Tls => "tls",
            Service::Ping => "ping",
            Service::Other => "tcp",
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
    /// Those that an ICMP error answered.
    pub icmp: Vec<FlowId>,
    /// ICMP echo requests.
    pub echo_requests: u64,
    /// ICMP echo replies.
    pub echo_replies: u64,
}
