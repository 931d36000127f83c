//! Every setting, with its default and the reason for it.

use std::net::IpAddr;
use std::time::Duration;

use crate::time::Timestamp;

/// The port on which IM and Presence takes push notifications by default.
pub const IMP_NOTIFY_PORT: u16 = 50020;

/// Bytes of captures for which several threads are worth it: below, the machine takes longer to begin them (16 MiB of ordinary
/// traffic take twenty milliseconds).
const WORTH_THREADS: u64 = 16 << 20;

/// How a capture is read and judged. Plain data: start from [`Config::default`] and change fields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Addresses from which notifications are expected. Empty: learn from the traffic.
    pub exchange_addrs: Vec<Network>,
    /// Addresses of the Cisco side.
    pub cuc_addrs: Vec<Network>,
    /// Addresses known to be proxies or load balancers.
    pub proxy_addrs: Vec<Network>,
    /// The ports whose silence, refusal and filtering are judged.
    pub ports: Ports,
    /// Exchange's StatusFrequency where no Subscribe call shows it. `None`: the port's own default, which is
    /// 60 minutes on 50020 (IM and Presence) and 5 minutes elsewhere (Unity Connection).
    pub keepalive_interval: Option<Duration>,
    /// The same for one port only; it wins over `keepalive_interval`.
    pub keepalive_interval_by_port: Vec<(u16, Duration)>,
    /// How much later than the interval is in time. `None`: the larger of 1 minute and 20 % of the interval.
    pub keepalive_tolerance: Option<Duration>,
    /// When Unity Connection calls a subscription stale: 15 minutes without a notification.
    pub stale_after: Duration,
    /// A reply that takes longer than this is worth a finding. A healthy reply takes about 5 ms.
    pub slow_reply: Duration,
    /// The IMAP server's configured limits, where they are known.
    pub imap_limits: ImapLimits,
    /// The name configured as the Presence Gateway, to hold certificates against.
    pub gateway_name: Option<String>,
    /// Certificates that are trusted, in DER.
    pub trust: Vec<Vec<u8>>,
    /// The moment at which the validity of certificates is judged. `None`: the handshake's own time.
    pub now: Option<Timestamp>,
    /// The worst that the stores of one analysis may hold in bytes; every store's limit follows from it.
    pub memory: u64,
    /// Worker threads; 0 means the machine's cores, and one for captures of less than 16 MiB.
    pub threads: usize,
    /// Compute digests of the reassembled payload of every connection.
    pub payload_digest: bool,
    /// Rules or families that run; empty means all.
    pub select: Vec<String>,
    /// Rules or families that do not run.
    pub ignore: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            exchange_addrs: Vec::new(),
            cuc_addrs: Vec::new(),
            proxy_addrs: Vec::new(),
            ports: Ports::default(),
            keepalive_interval: None,
            keepalive_interval_by_port: Vec::new(),
            keepalive_tolerance: None,
            stale_after: Duration::from_secs(15 * 60),
            slow_reply: Duration::from_secs(5),
            imap_limits: ImapLimits::default(),
            gateway_name: None,
            trust: Vec::new(),
            now: None,
            memory: 512 << 20,
            threads: 0,
            payload_digest: false,
            select: Vec::new(),
            ignore: Vec::new(),
        }
    }
}

impl Config {
    /// The keep-alive interval of a subscription that is notified on `port`, where no Subscribe call shows it.
    pub fn interval_on(&self, port: u16) -> Duration {
        let on_port = self.keepalive_interval_by_port.iter().rev().find(|(p, _)| *p == port);
        let default = Duration::from_secs(if port == IMP_NOTIFY_PORT { 3600 } else { 300 });
        on_port.map(|(_, interval)| *interval).or(self.keepalive_interval).unwrap_or(default)
    }

    /// Worker threads for large captures, the machine's cores where none are set.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            threads => threads,
        }
    }

    /// Worker threads for so many bytes of captures: to begin them costs more than one thread takes for a small one.
    pub(crate) fn threads_for(&self, bytes: u64) -> usize {
        match self.threads {
            0 if bytes < WORTH_THREADS => 1,
            _ => self.threads(),
        }
    }

    /// How much later than `interval` a keep-alive may come.
    pub fn tolerance_for(&self, interval: Duration) -> Duration {
        self.keepalive_tolerance.unwrap_or_else(|| Duration::from_secs(60).max(interval.mul_f64(0.2)))
    }
}

/// The ports of the services that are judged. Protocols are recognised by content on any port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ports {
    /// Push notifications: 7080 for Unity Connection, 50020 for IM and Presence.
    pub notify: Vec<u16>,
    /// IMAP: 143 and 993.
    pub imap: Vec<u16>,
    /// SMTP: 25 and 587.
    pub smtp: Vec<u16>,
    /// The DCE/RPC endpoint mapper: 135.
    pub epm: Vec<u16>,
    /// EWS over TLS: 443.
    pub tls: Vec<u16>,
}

impl Ports {
    /// The ports of all services.
    pub(crate) fn all(&self) -> impl Iterator<Item = u16> {
        let Ports { notify, imap, smtp, epm, tls } = self;
        [notify, imap, smtp, epm, tls].into_iter().flatten().copied()
    }
}

impl Default for Ports {
    fn default() -> Self {
        Ports {
            notify: vec![7080, IMP_NOTIFY_PORT],
            imap: vec![143, 993],
            smtp: vec![25, 587],
            epm: vec![135],
            tls: vec![443],
        }
    }
}

/// Limits of an IMAP server as configured (Set-ImapSettings). `None`: the default of the Exchange version that shows
/// itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImapLimits {
    /// MaxConnectionsPerUser: sessions of one account.
    pub user: Option<u64>,
    /// MaxConnectionFromSingleIP: connections of one client address.
    pub ip: Option<u64>,
    /// MaxConnections: connections in total.
    pub total: Option<u64>,
    /// MaxCommandSize: bytes of a command line.
    pub command: Option<u64>,
}

impl std::str::FromStr for ImapLimits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut limits = ImapLimits::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, number) = part.split_once('=').ok_or("write user=N,ip=N,total=N,command=N")?;
            let limit = match name.trim() {
                "user" => &mut limits.user,
                "ip" => &mut limits.ip,
                "total" => &mut limits.total,
                "command" => &mut limits.command,
                other => return Err(format!("{other:?} is no limit: there are user, ip, total and command")),
            };
            let number = number.trim();
            *limit = Some(number.parse().map_err(|_| format!("{number:?} is no number"))?);
        }
        Ok(limits)
    }
}

/// An address with the number of leading bits that count: `10.1.0.0/16`, or one host without a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    addr: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `addr` lies in this network. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.addr, addr.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(addr)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(net).checked_shr(shift) == u32::from(addr).checked_shr(shift)
            }
            (IpAddr::V6(net), IpAddr::V6(addr)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(net).checked_shr(shift) == u128::from(addr).checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(addr: IpAddr) -> Self {
        let addr = addr.to_canonical();
        Network { addr, bits: if addr.is_ipv4() { 32 } else { 128 } }
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is no address; write 10.1.2.3, 10.1.0.0/16 or 2001:db8::/32");
        let (addr, bits) = text.split_once('/').map_or((text, None), |(addr, bits)| (addr, Some(bits)));
        let mut network = Network::from(addr.parse::<IpAddr>().map_err(|_| wrong())?);
        if let Some(bits) = bits {
            let bits = bits.parse::<u8>().map_err(|_| wrong())?;
            if bits > network.bits {
                return Err(wrong());
            }
            network.bits = bits;
        }
        Ok(network)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.addr, self.bits) {
            (IpAddr::V4(addr), 32) => write!(f, "{addr}"),
            (IpAddr::V6(addr), 128) => write!(f, "{addr}"),
            (addr, bits) => write!(f, "{addr}/{bits}"),
        }
    }
}

/// Whether one of `networks` contains `addr`.
pub fn any_contains(networks: &[Network], addr: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(addr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses_only() {
        let net: Network = "10.1.0.0/16".parse().unwrap();
        assert!(net.contains("10.1.255.3".parse().unwrap()));
        assert!(net.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!net.contains("10.2.0.1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("192.0.2.1".parse().unwrap()));
        assert!("10.1.2.3/33".parse::<Network>().is_err());
        assert!("exchange".parse::<Network>().is_err());
    }

    #[test]
    fn limits_are_given_by_name() {
        let limits: ImapLimits = "user=16, total=2400".parse().unwrap();
        assert_eq!((limits.user, limits.ip, limits.total), (Some(16), None, Some(2400)));
        assert_eq!("".parse(), Ok(ImapLimits::default()));
        for wrong in ["user", "agents=3", "user=many", "user=-1"] {
            assert!(wrong.parse::<ImapLimits>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_interval_is_the_options_then_the_ports() {
        let mut config = Config::default();
        assert_eq!(config.interval_on(7080), Duration::from_secs(300));
        assert_eq!(config.interval_on(50020), Duration::from_secs(3600));
        config.keepalive_interval = Some(Duration::from_secs(600));
        assert_eq!(config.interval_on(7080), Duration::from_secs(600));
        assert_eq!(config.interval_on(50020), Duration::from_secs(600));
        config.keepalive_interval_by_port.push((50020, Duration::from_secs(1200)));
        assert_eq!(config.interval_on(50020), Duration::from_secs(1200));
        assert_eq!(config.tolerance_for(Duration::from_secs(3600)), Duration::from_secs(720));
    }
}
