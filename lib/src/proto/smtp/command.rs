//! Command lines (RFC 5321, 4.1).

use super::event::Verb;
use crate::proto::Mechanism;

/// Longest argument that is kept, in bytes.
const ARGUMENT: usize = 256;

/// A command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command<'l> {
    pub(super) verb: Verb,
    /// Its first word, as sent.
    pub(super) word: &'l [u8],
    /// What follows the verb and its spaces.
    pub(super) rest: &'l [u8],
}

impl<'l> Command<'l> {
    pub(super) fn parse(line: &'l [u8]) -> Self {
        let end = line.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        let verb = Verb::ALL.into_iter().find(|verb| verb.name().as_bytes().eq_ignore_ascii_case(word));
        Command { verb: verb.unwrap_or(Verb::Other), word, rest: rest.trim_ascii() }
    }

    /// Whether the line can hardly be anything else: a known verb with the argument that it takes. Lines are held
    /// against this where it is not known whether they are commands.
    pub(super) fn is_certain(&self) -> bool {
        match self.verb {
            Verb::Mail => starts_with(self.rest, b"FROM:"),
            Verb::Rcpt => starts_with(self.rest, b"TO:"),
            Verb::Ehlo | Verb::Helo | Verb::Lhlo => is_one_word(self.rest),
            Verb::Bdat => self.chunk().is_some(),
            Verb::Data | Verb::Quit | Verb::Rset | Verb::StartTls => self.rest.is_empty(),
            verb if verb.is_login() => {
                self.rest.split(u8::is_ascii_whitespace).next().and_then(Mechanism::parse).is_some()
            }
            _ => false,
        }
    }

    /// Whether it logs in to an FTP server (RFC 959, RFC 4217), which greets as one of SMTP does.
    pub(super) fn is_alien(&self) -> bool {
        let is = |word: &[u8], name: &[u8]| word.eq_ignore_ascii_case(name);
        is(self.word, b"USER") || is(self.word, b"AUTH") && (is(self.rest, b"TLS") || is(self.rest, b"SSL"))
    }

    /// Bytes that follow a BDAT line (RFC 3030).
    pub(super) fn chunk(&self) -> Option<u64> {
        let size = self.rest.split(u8::is_ascii_whitespace).next()?;
        std::str::from_utf8(size).ok()?.parse().ok()
    }

    /// The argument that an event shows.
    pub(super) fn argument(&self) -> Option<Box<str>> {
        let argument = match self.verb {
            Verb::Ehlo | Verb::Helo | Verb::Lhlo => self.rest,
            Verb::Mail | Verb::Rcpt => address(self.rest)?,
            _ => return None,
        };
        let argument = argument.get(..ARGUMENT).unwrap_or(argument);
        (!argument.is_empty()).then(|| String::from_utf8_lossy(argument).into())
    }
}

/// The path of `FROM:<path> parameters`; brackets and a space after the colon are optional in the field.
fn address(rest: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', rest)?;
    let path = rest.get(colon + 1..)?.trim_ascii_start();
    match path.strip_prefix(b"<") {
        Some(path) => path.get(..memchr::memchr(b'>', path)?),
        None => path.split(u8::is_ascii_whitespace).next(),
    }
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

fn is_one_word(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_any_case_with_their_arguments() {
        for (line, verb, argument) in [
            ("EHLO uccx.lab.example", Verb::Ehlo, Some("uccx.lab.example")),
            ("mail from:<a@b.example> SIZE=100", Verb::Mail, Some("a@b.example")),
            ("MAIL FROM:<>", Verb::Mail, None),
            ("RCPT TO: <c@d.example>", Verb::Rcpt, Some("c@d.example")),
            ("Rcpt To:c@d.example NOTIFY=NEVER", Verb::Rcpt, Some("c@d.example")),
            ("data", Verb::Data, None),
            ("X-EXPS GSSAPI", Verb::Xexps, None),
            ("U29tbWVyMjAxNA==", Verb::Other, None),
            ("", Verb::Other, None),
        ] {
            let command = Command::parse(line.as_bytes());
            assert_eq!((command.verb, command.argument().as_deref()), (verb, argument), "{line}");
        }
        assert_eq!(Command::parse(b"BDAT 86 LAST").chunk(), Some(86));
        assert_eq!(Command::parse(b"BDAT x").chunk(), None);
    }

    #[test]
    fn lines_of_a_message_are_no_certain_commands() {
        for line in [
            "Mail from home",
            "Data follows",
            "Helo there, friend",
            "Quit smoking",
            "MAIL",
            "BDAT",
            "RCPT TO",
        ] {
            assert!(!Command::parse(line.as_bytes()).is_certain(), "{line}");
        }
        for line in ["MAIL FROM:<>", "rcpt to:<a@b>", "EHLO [10.0.0.1]", "BDAT 5", "QUIT"] {
            assert!(Command::parse(line.as_bytes()).is_certain(), "{line}");
        }
    }
}
