//! Fields that middleboxes write, or that clients write for them.

use super::head::{Fields, text};
use crate::proto::Header;

/// Bytes of a value that are kept, and fields of a message.
const VALUE: usize = 256;
const FIELDS: usize = 32;

/// In lower case, in alphabetical order; `X-Forwarded-*` besides.
const NAMES: &[&str] = &[
    "cdn-loop",
    "cf-connecting-ip",
    "cf-ray",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
    "true-client-ip",
    "via",
    "x-bluecoat-via",
    "x-cache",
    "x-cache-lookup",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-iwproxy",
    "x-original-forwarded-for",
    "x-proxy-id",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-squid-error",
    "x-varnish",
];

/// The fields of a head that say something about a middlebox. Of credentials only the scheme is kept.
pub(super) fn headers(fields: Fields<'_>) -> Vec<Header> {
    fields
        .iter()
        .filter(|field| is_proxy_field(field.0))
        .take(FIELDS)
        .map(|(name, value)| Header {
            name: name.into(),
            value: if name.eq_ignore_ascii_case("Proxy-Authorization") {
                scheme(value)
            } else {
                let value = text(value);
                value.get(..value.floor_char_boundary(VALUE)).unwrap_or(&value).into()
            },
        })
        .collect()
}

fn is_proxy_field(name: &str) -> bool {
    const FORWARDED: &str = "x-forwarded-";
    // The first letter tells most fields apart: without it, this took a third of reading a head.
    let first = name.as_bytes().first().map(u8::to_ascii_lowercase);
    if !matches!(first, Some(b'c' | b'f' | b'm' | b'p' | b't' | b'v' | b'x')) {
        return false;
    }
    let start = name.get(..FORWARDED.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(FORWARDED))
        || NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The authentication scheme (RFC 9110, 11.1). A value without a space could be the secret itself.
fn scheme(credentials: &[u8]) -> Box<str> {
    let scheme = credentials.split(|&byte| byte == b' ').next().unwrap_or_default();
    if scheme.len() == credentials.len() {
        return Box::default();
    }
    let value = text(scheme);
    value.get(..value.floor_char_boundary(VALUE)).unwrap_or(&value).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::head;

    fn of(fields: &str) -> Vec<(String, String)> {
        let head = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
        head::request(head.as_bytes(), |head| headers(head.fields))
            .unwrap()
            .into_iter()
            .map(|header| (header.name.into(), header.value.into()))
            .collect()
    }

    #[test]
    fn names_are_kept_as_sent_and_matched_in_any_case() {
        let found = of("Host: a\r\nVIA: 1.1 squid\r\nx-forwarded-For: 10.0.0.1\r\nConnection: close");
        let wanted = [("VIA", "1.1 squid"), ("x-forwarded-For", "10.0.0.1")];
        assert_eq!(found, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn no_name_is_left_out_for_its_first_letter() {
        assert!(NAMES.iter().all(|name| is_proxy_field(name)));
        assert!(is_proxy_field("X-Forwarded-Proto"));
        assert!(!is_proxy_field("") && !is_proxy_field("Content-Type"));
    }

    #[test]
    fn credentials_are_never_kept() {
        for (sent, kept) in [("Basic dXNlcjpwYXNz", "Basic"), ("dXNlcjpwYXNz", ""), ("", "")] {
            let found = of(&format!("Proxy-Authorization: {sent}"));
            assert_eq!(found, [("Proxy-Authorization".to_owned(), kept.to_owned())]);
        }
        assert!(of("Authorization: Basic dXNlcjpwYXNz\r\nCookie: via=1").is_empty());
    }

    #[test]
    fn long_values_are_clipped_between_characters() {
        let found = of(&format!("Via: {}", "é".repeat(200)));
        assert_eq!(found[0].1.len(), VALUE);
    }
}
