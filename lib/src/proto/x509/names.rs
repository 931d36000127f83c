//! Whether a certificate is for a server, by RFC 9525 (and RFC 6125 for the common name).

use std::fmt;
use std::net::IpAddr;

use super::Fields;

/// The name of a server as a client was told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerName {
    /// A DNS name, lower case, without the final dot.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

impl ServerName {
    /// Reads a name or an address, which may stand in brackets.
    pub fn new(text: &str) -> Self {
        let bare = text.trim().trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(ip) => ServerName::Ip(ip.to_canonical()),
            Err(_) => ServerName::Dns(bare.trim_end_matches('.').to_lowercase()),
        }
    }

    /// Whether one of the alternative names of the certificate is this one; `None` where it has none at all, not even
    /// the extension.
    pub fn is_among_alternatives(&self, fields: &Fields) -> Option<bool> {
        let names = fields.san.as_ref()?;
        Some(match self {
            ServerName::Dns(name) => names.dns.iter().any(|pattern| is_matched(name, pattern)),
            ServerName::Ip(ip) => names.ip.iter().any(|known| known.to_canonical() == *ip),
        })
    }

    /// Whether it is an address that stands among the DNS names.
    pub fn is_address_among_dns_names(&self, fields: &Fields) -> bool {
        matches!(self, ServerName::Ip(_))
            && fields.san.iter().flat_map(|names| &names.dns).any(|name| ServerName::new(name) == *self)
    }

    /// Whether the common name of the certificate is this one.
    pub fn is_common_name(&self, fields: &Fields) -> bool {
        let Some(pattern) = &fields.subject_cn else {
            return false;
        };
        match self {
            ServerName::Dns(name) => is_matched(name, pattern),
            ServerName::Ip(_) => ServerName::new(pattern) == *self,
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerName::Dns(name) => f.write_str(name),
            ServerName::Ip(ip) => fmt::Display::fmt(ip, f),
        }
    }
}

/// A wildcard stands for the whole left-most label, and for one label only (RFC 9525, 6.3).
fn is_matched(name: &str, pattern: &str) -> bool {
    let pattern = pattern.trim_end_matches('.').to_lowercase();
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            let below = name.split_once('.');
            below.is_some_and(|(label, rest)| !label.is_empty() && rest == parent && parent.contains('.'))
        }
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_left_most_label() {
        for (name, pattern, matches) in [
            ("ex01.example.com", "EX01.example.com", true),
            ("ex01.example.com", "*.example.com", true),
            ("example.com", "*.example.com", false),
            ("a.b.example.com", "*.example.com", false),
            ("ex01.example.com", "ex*.example.com", false),
            ("ex01.example.com", "*.com", false),
            ("localhost", "*", false),
            ("example.com", "*.com", false),
        ] {
            assert_eq!(is_matched(name, pattern), matches, "{name} {pattern}");
        }
    }

    #[test]
    fn a_server_is_named_by_name_or_address() {
        assert_eq!(ServerName::new("EX01.Example.com."), ServerName::Dns("ex01.example.com".into()));
        for text in ["10.0.0.1", "::ffff:10.0.0.1"] {
            assert_eq!(ServerName::new(text), ServerName::Ip("10.0.0.1".parse().unwrap()));
        }
        assert_eq!(ServerName::new("[fd00::1]"), ServerName::Ip("fd00::1".parse().unwrap()));
    }
}
