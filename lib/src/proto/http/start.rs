//! Request lines and status lines as they are told from other protocols and from the middle of a body.

use super::Probe;

/// Methods in use (IANA registry, RPC over HTTP). Others are believed only with the whole line at hand.
const METHODS: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"PATCH",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"NOTIFY",
    b"POLL",
    b"RPC_IN_DATA",
    b"RPC_OUT_DATA",
];

/// Whether `first` begins a request or a reply.
pub(super) fn message(first: &[u8], more: bool) -> Probe {
    match (request(first, more), reply(first, more)) {
        (Probe::No, reply) => reply,
        (request, _) => request,
    }
}

/// Whether `first`, of which the first [`Probe::LIMIT`] bytes are looked at, begins a request (RFC 9112, 3).
/// The judgement does not depend on how the bytes were cut into segments.
pub(super) fn request(first: &[u8], more: bool) -> Probe {
    // Most of what is not HTTP is told from it here.
    if first.first().is_some_and(|byte| !is_method(byte)) {
        return Probe::No;
    }
    let (line, is_whole, more) = line(first, more);
    let space = memchr::memchr(b' ', line);
    let (method, target) = line.split_at(space.unwrap_or(line.len()));
    let target = target.get(1..).unwrap_or_default();
    let is_one = match (is_whole, more) {
        _ if !method.iter().all(is_method) => false,
        (true, _) => target.rsplit(|&byte| byte == b' ').next().is_some_and(is_version),
        (false, true) => return Probe::More,
        // The line is longer than what is looked at, or breaks off.
        (false, false) => is_known(method) && target_begins(method, target),
    };
    if is_one { Probe::Yes } else { Probe::No }
}

/// Whether `first` begins a reply (RFC 9112, 4).
pub(super) fn reply(first: &[u8], more: bool) -> Probe {
    let matches = b"HTTP/1.d ddd"
        .iter()
        .zip(first)
        .all(|(want, byte)| if *want == b'd' { byte.is_ascii_digit() } else { want == byte });
    match (matches, first.len() >= b"HTTP/1.1 200".len()) {
        (true, true) => Probe::Yes,
        (true, false) if more => Probe::More,
        _ => Probe::No,
    }
}

/// The first line of what is looked at, whether its end is among it, and whether more can be looked at.
fn line(first: &[u8], more: bool) -> (&[u8], bool, bool) {
    let seen = first.get(..Probe::LIMIT).unwrap_or(first);
    match memchr::memchr(b'\n', seen) {
        Some(end) => {
            let line = seen.get(..end).unwrap_or_default();
            (line.trim_ascii_end(), true, false)
        }
        None => (seen, false, more && seen.len() < Probe::LIMIT),
    }
}

fn is_known(method: &[u8]) -> bool {
    METHODS.iter().any(|known| known.eq_ignore_ascii_case(method))
}

fn is_method(byte: &u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')
}

/// Origin form, absolute form or asterisk; for CONNECT an authority (RFC 9112, 3.2).
fn target_begins(method: &[u8], target: &[u8]) -> bool {
    if method.eq_ignore_ascii_case(b"CONNECT") {
        return target.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'[');
    }
    let scheme = |scheme: &[u8]| {
        let start = target.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    target.starts_with(b"/") || target.starts_with(b"* ") || scheme(b"http://") || scheme(b"https://")
}

fn is_version(word: &[u8]) -> bool {
    matches!(word, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', digit] if digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_other_protocols() {
        for yes in [
            "POST /NotificationService/services/NotificationService?id=2348c723-2466-4fc0-bda0-b9419fb0215e HTTP/1.1\r\n",
            "POST http://10.0.0.1:7080/NotificationService HTTP/1.1\r\n",
            "GET / HTTP/1.0\n",
            "OPTIONS * HTTP/1.1\r\n",
            "CONNECT cuc.example.com:443 HTTP/1.1\r\n",
            "X-CUSTOM /a HTTP/1.1\r\n",
            "GET odd:target HTTP/1.1\r\n",
        ] {
            assert_eq!(request(yes.as_bytes(), true), Probe::Yes, "{yes}");
        }
        for no in [
            "OPTIONS rtsp://10.0.0.1/ RTSP/1.0\r\n",
            "OPTIONS * RTSP/1.0\r\n",
            "NOTIFY sip:a@b SIP/2.0\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "EHLO example.com\r\n",
            "a1 LOGIN user pass\r\n",
            "MAIL FROM:<a@b>\r\n",
            "\r\n",
            "GET\r\n",
            "\u{16}\u{3}\u{1}",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert_eq!(request(no.as_bytes(), true), Probe::No, "{no}");
        }
    }

    #[test]
    fn replies_are_told_from_other_protocols() {
        assert_eq!(reply(b"HTTP/1.1 200 OK\r\n", true), Probe::Yes);
        assert_eq!(reply(b"HTTP/1.0 404\r\n", true), Probe::Yes);
        assert_eq!(reply(b"HTTP/1.1 2", true), Probe::More);
        assert_eq!(reply(b"HTTP/1.1 2", false), Probe::No);
        for no in ["HTTP/2 200\r\n", "HTTP/1.1 OK\r\n", "220 ready\r\n", "* OK IMAP4\r\n"] {
            assert_eq!(reply(no.as_bytes(), true), Probe::No, "{no}");
        }
    }

    #[test]
    fn every_prefix_allows_the_whole() {
        for line in [
            "POST /abc HTTP/1.1\r\n",
            "OPTIONS * HTTP/1.1\r\n",
            "get https://a/b HTTP/1.1\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            for end in 0..line.len() {
                let probe = message(&line.as_bytes()[..end], true);
                assert_ne!(probe, Probe::No, "{}", &line[..end]);
            }
        }
    }
}
