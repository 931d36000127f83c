//! What an SMTP connection begins with, in either direction, also in mid-stream.

use super::reply::ReplyLine;
use crate::proto::Probe;

/// What a client's line begins with that no other protocol's does.
const COMMANDS: &[&[u8]] =
    &[b"EHLO ", b"EHLO\r", b"EHLO\n", b"HELO ", b"LHLO ", b"MAIL FROM:", b"RCPT TO:", b"BDAT ", b"DATA\r\n"];

/// Extensions that the reply to EHLO lists.
const EXTENSIONS: &[&[u8]] = &[
    b"SIZE",
    b"PIPELINING",
    b"8BITMIME",
    b"STARTTLS",
    b"AUTH",
    b"ENHANCEDSTATUSCODES",
    b"CHUNKING",
    b"DSN",
    b"VRFY",
    b"ETRN",
];

/// Judges the first bytes of a direction, of whichever end.
pub(super) fn message(first: &[u8], more: bool) -> Probe {
    match (server(first, more), client(first, more)) {
        (Probe::No, client) => client,
        (server, _) => server,
    }
}

/// Whether a server speaks. FTP greets with the same codes.
pub(super) fn server(first: &[u8], more: bool) -> Probe {
    let digits = first.len().min(3);
    if !matches!(&first[..digits], [] | [b'2'..=b'5', ..]) || !first[..digits].iter().all(u8::is_ascii_digit)
    {
        return Probe::No;
    }
    let undecided = if more { Probe::More } else { Probe::No };
    let mut lines = first.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let Some(line) = lines.next().filter(|line| line.len() >= 3) else {
        return undecided;
    };
    let Some(reply) = ReplyLine::parse(line) else {
        return Probe::No;
    };
    let is_certain = reply.enhanced.is_some()
        || contains(line, b"SMTP")
        || contains(line, b"LMTP")
        || (reply.code == 354 && contains(line, b"CRLF"));
    let mut following = lines.filter_map(ReplyLine::parse);
    if is_certain || following.clone().any(|next| is_extension(reply.code, &next)) {
        return Probe::Yes;
    }
    if contains(line, b"FTP") || following.any(|next| matches!(next.code, 331 | 230 | 215)) {
        return Probe::No;
    }
    let host = reply.text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let is_host = host.contains(&b'.') && host.first().is_some_and(u8::is_ascii_alphanumeric);
    match undecided {
        Probe::No if matches!(reply.code, 220 | 421 | 554) && is_host => Probe::Yes,
        undecided => undecided,
    }
}

/// Whether a client speaks.
fn client(first: &[u8], more: bool) -> Probe {
    let begins = |start: &&&[u8]| {
        let length = start.len().min(first.len());
        first[..length].eq_ignore_ascii_case(&start[..length])
    };
    match COMMANDS.iter().find(begins) {
        Some(start) if first.len() >= start.len() => Probe::Yes,
        Some(_) if more => Probe::More,
        _ => Probe::No,
    }
}

fn is_extension(code: u16, line: &ReplyLine<'_>) -> bool {
    let starts =
        |name: &&[u8]| line.text.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name));
    code == 250 && line.code == 250 && EXTENSIONS.iter().any(starts)
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_from_those_of_other_protocols() {
        for yes in [
            "220 ex01.lab.example Microsoft ESMTP MAIL Service ready\r\n",
            "421 4.3.2 The maximum number of concurrent connections has exceeded a limit\r\n",
            "220-mail.lab.example\r\n220 go on",
            "250 2.1.5 Recipient OK\r\n",
            "250-odd\r\n250-PIPELINING\r\n",
            "354 Start mail input; end with <CRLF>.<CRLF>\r\n",
        ] {
            assert_eq!(message(yes.as_bytes(), false), Probe::Yes, "{yes}");
        }
        for no in [
            "220 (vsFTPd 3.0.3)\r\n",
            "220 ftp.lab.example FTP server ready\r\n",
            "220 files.lab.example ready\r\n331 Password required\r\n",
            "HTTP/1.1 200 OK\r\n",
            "200 news.lab.example InterNetNews NNRP\r\n",
            "421 Too many users\r\n",
            "2200",
            "* OK IMAP",
            "+OK POP3",
        ] {
            assert_eq!(message(no.as_bytes(), false), Probe::No, "{no}");
        }
        for more in ["2", "220", "220 Ready\r\n", "220 mail.lab.example ready\r\n"] {
            assert_eq!(message(more.as_bytes(), true), Probe::More, "{more}");
        }
    }

    #[test]
    fn clients_are_known_by_commands_of_no_other_protocol() {
        for yes in ["EHLO x", "helo x", "mail from:<a@b>", "RCPT TO:<c@d>", "BDAT 5 LAST", "DATA\r\n"] {
            assert_eq!(message(yes.as_bytes(), true), Probe::Yes, "{yes}");
        }
        for no in ["QUIT\r\n", "USER anonymous\r\n", "AUTH LOGIN\r\n", "DATABASE", "GET / HTTP/1.1"] {
            assert_eq!(message(no.as_bytes(), true), Probe::No, "{no}");
        }
        assert_eq!(message(b"EH", true), Probe::More);
    }
}
