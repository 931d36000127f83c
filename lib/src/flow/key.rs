//! Names of connections: end points, the order-free key, the Community ID.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FlowKey(Ends);

/// The smaller end and the larger one.
#[derive(Clone, Copy, Eq)]
enum Ends {
    /// Address and port of each as one word: comparing and hashing addresses byte by byte took a tenth of the time of a
    /// whole capture.
    V4([u64; 2]),
    /// Each address as two words, the upper one first. As bytes they would stand where the words of the other kind do not,
    /// and the processor reads both before it knows which it is: behind a word that is just being written, that waits.
    V6([[u64; 2]; 2], [u16; 2]),
}

impl PartialEq for Ends {
    /// Word by word: read as one, two words that were just written are waited for.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Ends::V4(a), Ends::V4(b)) => (a[0] ^ b[0]) | (a[1] ^ b[1]) == 0,
            (Ends::V6(a, a_ports), Ends::V6(b, b_ports)) => a == b && a_ports == b_ports,
            _ => false,
        }
    }
}

impl FlowKey {
    /// The key of a packet from `src` to `dst`, and whether the packet goes from the smaller end to the larger.
    pub fn new(src: Endpoint, dst: Endpoint) -> (Self, bool) {
        Self::between((&src.ip, src.port), (&dst.ip, dst.port))
    }

    /// The same from addresses and ports.
    #[inline(always)]
    pub(crate) fn between(src: (&IpAddr, u16), dst: (&IpAddr, u16)) -> (Self, bool) {
        if let (IpAddr::V4(a), IpAddr::V4(b)) = (src.0, dst.0) {
            return Self::v4((a.to_bits(), src.1), (b.to_bits(), dst.1));
        }
        let (a, b) = ((v6(src.0), src.1), (v6(dst.0), dst.1));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        (FlowKey(Ends::V6([words(low.0), words(high.0)], [low.1, high.1])), a <= b)
    }

    /// The same from IPv4 addresses as numbers: an address is four bytes to the compiler, each in a place of its own.
    #[inline(always)]
    pub(crate) fn v4(src: (u32, u16), dst: (u32, u16)) -> (Self, bool) {
        // As a word that orders as both do.
        let [a, b] = [src, dst].map(|(ip, port)| u64::from(ip) << 16 | u64::from(port));
        (FlowKey(Ends::V4([a.min(b), a.max(b)])), a <= b)
    }

    /// The smaller end.
    pub fn low(&self) -> Endpoint {
        self.end(0)
    }

    /// The larger end.
    pub fn high(&self) -> Endpoint {
        self.end(1)
    }

    /// Both ends, the smaller one first or last.
    pub(super) fn ends(&self, from_low: bool) -> (Endpoint, Endpoint) {
        if from_low { (self.low(), self.high()) } else { (self.high(), self.low()) }
    }

    fn end(&self, which: usize) -> Endpoint {
        match &self.0 {
            Ends::V4(words) => {
                let word = words[which];
                Endpoint { ip: Ipv4Addr::from_bits((word >> 16) as u32).into(), port: word as u16 }
            }
            Ends::V6(addrs, ports) => {
                Endpoint { ip: Ipv6Addr::from_bits(bits(addrs[which])).into(), port: ports[which] }
            }
        }
    }

    /// Which of `shares` equal shares of all connections this one belongs to. The same in every run.
    #[inline(always)]
    pub(crate) fn share(&self, shares: usize) -> usize {
        (self.scattered() >> 32) as usize % shares
    }

    /// Which of so many buckets of a share. Who makes a capture can have all connections in one.
    #[inline(always)]
    pub(super) fn bucket(&self, buckets: usize) -> usize {
        (self.scattered() >> 40) as usize % buckets
    }

    #[inline(always)]
    fn scattered(&self) -> u64 {
        let mixed = match &self.0 {
            Ends::V4([low, high]) => low ^ high,
            Ends::V6([low, high], ports) => {
                (low[0] ^ high[0] ^ low[1] ^ high[1]) << 16 ^ u64::from(ports[0] ^ ports[1])
            }
        };
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
        digest.update(self.low().port.to_be_bytes());
        digest.update(self.high().port.to_be_bytes());
        CommunityId(digest.finalize().into())
    }
}

fn v6(ip: &IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => *ip,
    }
}

fn words(ip: Ipv6Addr) -> [u64; 2] {
    let bits = ip.to_bits();
    [(bits >> 64) as u64, bits as u64]
}

fn bits([upper, lower]: [u64; 2]) -> u128 {
    u128::from(upper) << 64 | u128::from(lower)
}

/// An IPv4 pair is one word to the hasher: every packet is looked up by it.
impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Ends::V4([low, high]) => state.write_u128(u128::from(*low) << 64 | u128::from(*high)),
            Ends::V6([low, high], [low_port, high_port]) => {
                state.write_u128(bits(*low));
                state.write_u128(bits(*high));
                state.write_u32(u32::from(*low_port) << 16 | u32::from(*high_port));
            }
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
