//! What an IMAP connection begins with, in either direction, also in mid-stream.

use crate::proto::Probe;

/// Commands of RFC 9051 and of its extensions. What is not in the list is no command.
const COMMANDS: &[&str] = &[
    "APPEND",
    "AUTHENTICATE",
    "CAPABILITY",
    "CHECK",
    "CLOSE",
    "COMPRESS",
    "COPY",
    "CREATE",
    "DELETE",
    "ENABLE",
    "EXAMINE",
    "EXPUNGE",
    "FETCH",
    "GETACL",
    "GETMETADATA",
    "GETQUOTA",
    "GETQUOTAROOT",
    "ID",
    "IDLE",
    "LIST",
    "LOGIN",
    "LOGOUT",
    "LSUB",
    "MOVE",
    "MYRIGHTS",
    "NAMESPACE",
    "NOOP",
    "NOTIFY",
    "RENAME",
    "SEARCH",
    "SELECT",
    "SETACL",
    "SETMETADATA",
    "SETQUOTA",
    "SORT",
    "STARTTLS",
    "STATUS",
    "STORE",
    "SUBSCRIBE",
    "THREAD",
    "UNAUTHENTICATE",
    "UNSELECT",
    "UNSUBSCRIBE",
    "XLIST",
    "UID COPY",
    "UID EXPUNGE",
    "UID FETCH",
    "UID MOVE",
    "UID SEARCH",
    "UID SORT",
    "UID STORE",
    "UID THREAD",
];

/// What untagged lines begin with that only an IMAP server sends.
const UNTAGGED: &[&str] = &[
    "* OK ",
    "* PREAUTH ",
    "* BYE ",
    "* CAPABILITY ",
    "* FLAGS ",
    "* LIST ",
    "* LSUB ",
    "* SEARCH",
    "* STATUS ",
];

/// Bytes of the longest tag that is believed.
const TAG: usize = 32;

/// Judges the first bytes of a direction, of whichever end.
pub(super) fn message(first: &[u8], more: bool) -> Probe {
    match (server(first, more), client(first, more)) {
        (Probe::Yes, _) | (_, Probe::Yes) => Probe::Yes,
        (Probe::No, Probe::No) => Probe::No,
        _ => Probe::More,
    }
}

/// Whether a server speaks.
pub(super) fn server(first: &[u8], more: bool) -> Probe {
    if first.first().is_some_and(|byte| *byte != b'*') {
        return Probe::No;
    }
    let begins = |line: &&str| {
        let length = line.len().min(first.len());
        first[..length].eq_ignore_ascii_case(&line.as_bytes()[..length])
    };
    match UNTAGGED.iter().find(|line| begins(line)) {
        Some(line) if first.len() >= line.len() => Probe::Yes,
        Some(_) if more => Probe::More,
        _ => numbered(first, more),
    }
}

/// `* 12 EXISTS` and its like.
fn numbered(first: &[u8], more: bool) -> Probe {
    let Some(rest) = first.strip_prefix(b"* ") else {
        return Probe::No;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 10 {
        return Probe::No;
    }
    let word = &rest[digits..];
    let is = |name: &&[u8]| word.len() >= name.len() && word[..name.len()].eq_ignore_ascii_case(name);
    let names: [&[u8]; 4] = [b" EXISTS", b" RECENT", b" EXPUNGE", b" FETCH ("];
    match names.iter().any(is) {
        true => Probe::Yes,
        false if more && word.len() < 8 => Probe::More,
        false => Probe::No,
    }
}

/// Whether a client speaks: a tag that no other protocol begins a line with, and a command.
fn client(first: &[u8], more: bool) -> Probe {
    if first.first().is_some_and(|byte| !is_tag(*byte)) {
        return Probe::No;
    }
    let line = memchr::memchr(b'\n', first).map(|end| &first[..end]);
    let is_whole = line.is_some() || !more;
    let line = line.unwrap_or(first);
    let Some((tag, after)) = tag(line) else {
        let may_be = line.len() <= TAG && line.iter().all(|byte| is_tag(*byte));
        return if may_be && !is_whole { Probe::More } else { Probe::No };
    };
    if !is_clients(tag) {
        return Probe::No;
    }
    match command(after) {
        Some((_, rest)) if is_whole || !rest.is_empty() => Probe::Yes,
        _ if !is_whole && after.len() < 16 => Probe::More,
        _ => Probe::No,
    }
}

/// Tags of clients have a digit or are very short. Three digits alone are a reply code of SMTP or FTP.
pub(super) fn is_clients(tag: &[u8]) -> bool {
    let is_code = matches!(tag, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    !is_code && (tag.len() <= 2 || tag.iter().any(u8::is_ascii_digit))
}

/// The tag of a line (RFC 9051, 9) and what follows the space after it.
pub(super) fn tag(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    let (tag, after) = line.split_at(space);
    let is_one = !tag.is_empty() && tag.len() <= TAG && tag.iter().all(|byte| is_tag(*byte));
    is_one.then(|| (tag, after.get(1..).unwrap_or_default()))
}

fn is_tag(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"(){%*"\+"#.contains(&byte)
}

/// The command at the start of what follows a tag, and its arguments with the space before them.
pub(super) fn command(after: &[u8]) -> Option<(&'static str, &[u8])> {
    let (word, rest) = word(after);
    if !word.eq_ignore_ascii_case(b"UID") {
        return Some((known(word)?, rest));
    }
    let (second, rest) = self::word(rest.strip_prefix(b" ")?);
    let name = COMMANDS.iter().find(|name| {
        name.strip_prefix("UID ").is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(second))
    });
    Some((name?, rest))
}

fn known(word: &[u8]) -> Option<&'static str> {
    COMMANDS.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(word)).copied()
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    text.split_at(memchr::memchr(b' ', text).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_known_by_their_first_line() {
        for line in [
            "* OK The Microsoft Exchange IMAP4 service is ready.\r\n",
            "* BYE Connection is closed. 10\r\n",
            "* 12 EXISTS\r\n",
            "* 3 FETCH (FLAGS (\\Seen))\r\n",
            "a003 SELECT \"INBOX\"\r\n",
            "1 CAPABILITY\r\n",
            ". uid fetch 1:* (FLAGS)\r\n",
        ] {
            assert_eq!(message(line.as_bytes(), true), Probe::Yes, "{line}");
            for cut in 1..line.len().min(6) {
                assert_ne!(message(&line.as_bytes()[..cut], true), Probe::No, "{line} cut at {cut}");
            }
        }
    }

    #[test]
    fn other_protocols_are_refused() {
        for line in [
            "220 mail.example.com ESMTP ready\r\n",
            "250 CHECK\r\n",
            "EHLO list\r\n",
            "USER login\r\n",
            "+OK POP3 ready\r\n",
            "GET / HTTP/1.1\r\n",
            "HTTP/1.1 200 OK\r\n",
            "* a bullet\r\n",
            "\x16\x03\x01\x02\0\x01\0\x01\u{fc}",
        ] {
            assert_eq!(message(line.as_bytes(), true), Probe::No, "{line}");
        }
    }
}
