//! The names for which a CA may issue certificates (RFC 5280, 4.2.1.10), for DNS names and addresses.

use std::net::IpAddr;

use x509_parser::extensions::{self, GeneralName, GeneralSubtree};

use super::{AlternativeNames, NAMES, address, clip};

/// The name constraints of a CA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameConstraints {
    /// Where one is given of a kind, a name of that kind must lie in one of them.
    permitted: Subtrees,
    /// A name must lie in none of them.
    excluded: Subtrees,
}

/// Subtrees by kind of name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Subtrees {
    /// Domains, in lower case.
    dns: Vec<String>,
    /// Networks: address and mask.
    ip: Vec<(IpAddr, IpAddr)>,
}

impl NameConstraints {
    pub(super) fn of(read: &extensions::NameConstraints<'_>) -> Self {
        let subtrees =
            |read: &Option<Vec<GeneralSubtree<'_>>>| Subtrees::of(read.as_deref().unwrap_or_default());
        NameConstraints {
            permitted: subtrees(&read.permitted_subtrees),
            excluded: subtrees(&read.excluded_subtrees),
        }
    }

    /// The first of the names for which the CA may issue no certificate.
    pub fn forbidden(&self, names: &AlternativeNames) -> Option<String> {
        let dns = names.dns.iter().find(|name| {
            let permitted = self.permitted.dns.is_empty() || self.permitted.has_dns(name);
            !permitted || self.excluded.has_dns(name)
        });
        let ip = || {
            names.ip.iter().find(|ip| {
                let permitted = self.permitted.ip.is_empty() || self.permitted.has_ip(**ip);
                !permitted || self.excluded.has_ip(**ip)
            })
        };
        dns.cloned().or_else(|| ip().map(IpAddr::to_string))
    }
}

impl Subtrees {
    fn of(read: &[GeneralSubtree<'_>]) -> Self {
        let mut found = Subtrees::default();
        for subtree in read.iter().take(NAMES) {
            match &subtree.base {
                GeneralName::DNSName(name) => found.dns.push(clip(&name.to_ascii_lowercase())),
                GeneralName::IPAddress(bytes) => {
                    let (ip, mask) = bytes.split_at(bytes.len() / 2);
                    found.ip.extend(address(ip).zip(address(mask)));
                }
                _ => {}
            }
        }
        found
    }

    /// Whether a name is one of the domains or lies below it.
    fn has_dns(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.dns.iter().any(|domain| {
            let below = name.strip_suffix(domain.as_str());
            below.is_some_and(|below| {
                below.is_empty() || domain.is_empty() || domain.starts_with('.') || below.ends_with('.')
            })
        })
    }

    fn has_ip(&self, ip: IpAddr) -> bool {
        self.ip.iter().any(|(network, mask)| match (ip, network, mask) {
            (IpAddr::V4(ip), IpAddr::V4(network), IpAddr::V4(mask)) => ip & *mask == network & mask,
            (IpAddr::V6(ip), IpAddr::V6(network), IpAddr::V6(mask)) => ip & *mask == network & mask,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dns: &[&str], ip: &[&str]) -> AlternativeNames {
        AlternativeNames {
            dns: dns.iter().map(|&name| name.to_owned()).collect(),
            ip: ip.iter().map(|ip| ip.parse().unwrap()).collect(),
            others: 0,
        }
    }

    fn subtrees(dns: &[&str], ip: &[(&str, &str)]) -> Subtrees {
        Subtrees {
            dns: dns.iter().map(|&name| name.to_owned()).collect(),
            ip: ip.iter().map(|(ip, mask)| (ip.parse().unwrap(), mask.parse().unwrap())).collect(),
        }
    }

    #[test]
    fn a_name_lies_in_a_domain_label_by_label() {
        let permitted = NameConstraints {
            permitted: subtrees(&["example.com", ".example.org"], &[]),
            excluded: Subtrees::default(),
        };
        for name in ["example.com", "EX01.Example.com.", "*.example.com", "a.example.org"] {
            assert_eq!(permitted.forbidden(&names(&[name], &["10.0.0.1"])), None, "{name}");
        }
        for name in ["badexample.com", "example.org", "example.net", "com"] {
            assert_eq!(permitted.forbidden(&names(&["example.com", name], &[])).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_excluded_is_forbidden_although_it_is_permitted() {
        let both = NameConstraints {
            permitted: subtrees(&["example.com"], &[("10.0.0.0", "255.0.0.0")]),
            excluded: subtrees(&["dmz.example.com"], &[("10.9.0.0", "255.255.0.0")]),
        };
        assert_eq!(both.forbidden(&names(&["a.example.com"], &["10.1.2.3"])), None);
        assert_eq!(both.forbidden(&names(&["a.dmz.example.com"], &[])).as_deref(), Some("a.dmz.example.com"));
        assert_eq!(both.forbidden(&names(&[], &["10.9.2.3"])).as_deref(), Some("10.9.2.3"));
        assert_eq!(both.forbidden(&names(&[], &["fd00::1"])).as_deref(), Some("fd00::1"));
    }

    #[test]
    fn no_constraint_forbids_nothing() {
        assert_eq!(NameConstraints::default().forbidden(&names(&["a.b"], &["10.0.0.1"])), None);
    }
}
