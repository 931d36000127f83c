//! Names of connections: end points, the order-free key, the Community ID.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The two ends of a connection in an order that does not depend on who sent.
///
/// Kept as words: copying and comparing addresses byte by byte took a tenth of the time of a whole capture.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FlowKey {
    low: u128,
    high: u128,
    /// Ports of the smaller and the larger end.
    ports: [u16; 2],
    is_ipv6: bool,
}

impl FlowKey {
    /// The key of a packet from `src` to `dst`, and whether the packet goes from the smaller end to the larger.
    pub fn new(src: Endpoint, dst: Endpoint) -> (Self, bool) {
        Self::between((&src.ip, src.port), (&dst.ip, dst.port))
    }

    /// The same from addresses and ports.
    #[inline]
    pub(crate) fn between(src: (&IpAddr, u16), dst: (&IpAddr, u16)) -> (Self, bool) {
        let is_ipv6 = src.0.is_ipv6();
        let (a, b) = ((bits(src.0), src.1), (bits(dst.0), dst.1));
        let is_ordered = match (src.0, dst.0) {
            // Nearly all are: address and port fit a word.
            (IpAddr::V4(src_ip), IpAddr::V4(dst_ip)) => {
                let word = |ip: &Ipv4Addr, port: u16| u64::from(ip.to_bits()) << 16 | u64::from(port);
                word(src_ip, src.1) <= word(dst_ip, dst.1)
            }
            _ => a <= b,
        };
        let (low, high) = if is_ordered { (a, b) } else { (b, a) };
        (FlowKey { low: low.0, high: high.0, ports: [low.1, high.1], is_ipv6 }, is_ordered)
    }

    /// The smaller end.
    pub fn low(&self) -> Endpoint {
        Endpoint { ip: self.address(self.low), port: self.ports[0] }
    }

    /// The larger end.
    pub fn high(&self) -> Endpoint {
        Endpoint { ip: self.address(self.high), port: self.ports[1] }
    }

    fn address(&self, bits: u128) -> IpAddr {
        if self.is_ipv6 {
            IpAddr::from(bits.to_be_bytes())
        } else {
            IpAddr::from((bits as u32).to_be_bytes())
        }
    }

    /// Which of `shares` equal shares of all connections this one belongs to. The same in every run.
    #[inline]
    pub(crate) fn share(&self, shares: usize) -> usize {
        let addrs = self.low ^ self.high;
        let addrs = (addrs >> 64) as u64 ^ addrs as u64;
        let mixed =
            (addrs << 16 ^ u64::from(self.ports[0] ^ self.ports[1])).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize % shares
    }

    /// The Community ID of the TCP connections with this key, with seed 0.
    pub fn community_id(&self) -> CommunityId {
        const SEED: [u8; 2] = [0; 2];
        const TCP_AND_PADDING: [u8; 2] = [6, 0];
        let mut digest = Sha1::new_with_prefix(SEED);
        for end in [self.low(), self.high()] {
            match end.ip {
                IpAddr::V4(ip) => digest.update(ip.octets()),
                IpAddr::V6(ip) => digest.update(ip.octets()),
            }
        }
        digest.update(TCP_AND_PADDING);
        digest.update(self.ports[0].to_be_bytes());
        digest.update(self.ports[1].to_be_bytes());
        CommunityId(digest.finalize().into())
    }
}

#[inline]
fn bits(ip: &IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// An IPv4 pair is one word to the hasher: every packet is looked up by it.
impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u32::from(self.ports[0]) << 16 | u32::from(self.ports[1]);
        if self.is_ipv6 {
            state.write_u128(self.low);
            state.write_u128(self.high);
            state.write_u32(ports);
        } else {
            state.write_u128(self.low << 64 | self.high << 32 | u128::from(ports));
        }
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} - {}", self.low(), self.high())
    }
}

/// A Community ID v1 (<https://github.com/corelight/community-id-spec>), as Zeek and Suricata write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommunityId(pub [u8; 20]);

impl fmt::Display for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1:{}", STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(ip: &str, port: u16) -> Endpoint {
        Endpoint { ip: ip.parse().unwrap(), port }
    }

    #[test]
    fn community_ids_are_those_of_the_specification_in_both_directions() {
        let vectors = [
            (endpoint("1.2.3.4", 1122), endpoint("5.6.7.8", 3344), "1:wCb3OG7yAFWelaUydu0D+125CLM="),
            (
                endpoint("128.232.110.120", 34855),
                endpoint("66.35.250.204", 80),
                "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            ),
            (
                endpoint("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943),
                endpoint("2607:f8b0:400c:c03::1a", 25),
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            ),
        ];
        for (a, b, id) in vectors {
            assert_eq!(FlowKey::new(a, b).0.community_id().to_string(), id);
            assert_eq!(FlowKey::new(b, a).0.community_id().to_string(), id);
        }
    }

    #[test]
    fn shares_are_about_equal_and_the_same_in_both_directions() {
        for (near, far) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
            let mut sizes = [0; 4];
            for port in 1024..2024 {
                let (a, b) = (endpoint(near, port), endpoint(far, 7080));
                sizes[FlowKey::new(a, b).0.share(4)] += 1;
                assert_eq!(FlowKey::new(a, b).0.share(4), FlowKey::new(b, a).0.share(4));
            }
            assert!(sizes.iter().all(|size| (150..350).contains(size)), "{sizes:?}");
        }
    }

    #[test]
    fn the_ends_come_back_as_they_were() {
        for (a, b) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "::ffff:10.0.0.2")] {
            let (a, b) = (endpoint(a, 5001), endpoint(b, 7080));
            let key = FlowKey::new(b, a).0;
            assert_eq!([key.low(), key.high()], [a.min(b), a.max(b)]);
        }
        let (v4, v6) = (endpoint("0.0.0.1", 9), endpoint("::1", 9));
        assert_ne!(FlowKey::new(v4, v4).0, FlowKey::new(v6, v6).0);
    }

    #[test]
    fn the_key_forgets_who_sent_and_says_it() {
        let (a, b) = (endpoint("10.0.0.1", 9), endpoint("10.0.0.1", 10));
        assert_eq!(FlowKey::new(a, b).0, FlowKey::new(b, a).0);
        assert!(FlowKey::new(a, b).1);
        assert!(!FlowKey::new(b, a).1);
        assert!(FlowKey::new(a, a).1);
    }
}
