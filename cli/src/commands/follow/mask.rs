//! Credentials in a stream, replaced by asterisks before it is shown.
//!
//! HTTP `Authorization` and `Proxy-Authorization`, the arguments of IMAP `LOGIN` and `AUTHENTICATE` and of SMTP `AUTH`,
//! and the lines of the SASL dialogue that follows (RFC 4954, RFC 9051 section 6.2.2). The protocol is not asked for:
//! a line that looks like a credential is treated as one. What was said in a SASL dialogue is a secret for the rest of the
//! connection: a client that is out of step says it again, and the server quotes it. An NTLM message that answers a
//! challenge stands as it is in DCE/RPC: from its fields on, all of it is a secret.

use sibtrace::flow::Dir;
use sibtrace::follow::{Content, Piece};

/// A line is judged by its first bytes; no command with its tag is longer.
const JUDGED: usize = 160;
/// Shorter words of a dialogue are not looked for afterwards: they may be anything.
const WORD: usize = 8;
/// Words that are looked for, and their longest part.
const WORDS: usize = 32;
const WORD_PART: usize = 64;
/// How an AUTHENTICATE_MESSAGE begins (MS-NLMP, 2.2.1.3).
const NTLM: &[u8] = b"NTLMSSP\0\x03\0\0\0";
/// Where lengths and offsets of its responses and of the session key stand.
const NTLM_FIELDS: [usize; 3] = [12, 20, 52];
/// How long it is taken to be where its fields are missing.
const NTLM_LENGTH: usize = 1 << 10;

/// Replaces the credentials in both directions of one connection.
pub(crate) fn credentials(pieces: &mut [Piece]) {
    let mut mask = Mask::default();
    for piece in pieces {
        match &mut piece.content {
            Content::Bytes(bytes) => *bytes = mask.bytes(piece.dir, bytes),
            Content::Gap(_) => mask.gap(piece.dir),
        }
    }
}

/// Masks both directions of one connection.
#[derive(Debug, Default)]
struct Mask {
    sides: [Side; 2],
    /// Who is in a SASL dialogue as the client.
    dialogue: Option<Dir>,
    /// What was said in a dialogue, up to [`WORD_PART`] bytes of each word.
    said: Vec<Vec<u8>>,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    /// The start of the current line.
    line: Vec<u8>,
    /// Its last byte but line ends.
    last: Option<u8>,
    /// How much of the current line may be shown.
    secret: Secret,
    /// The next line goes on with the credentials of this one.
    goes_on: bool,
    /// Bytes that an NTLM message still has.
    ntlm: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Secret {
    /// Nothing so far.
    #[default]
    No,
    /// The rest of the line, but for a word that names the mechanism.
    AfterWord,
    /// The rest of the line.
    Rest,
}

impl Mask {
    /// The bytes with asterisks in place of credentials.
    fn bytes(&mut self, dir: Dir, bytes: &[u8]) -> Vec<u8> {
        let mut masked: Vec<u8> = bytes.iter().map(|byte| self.byte(dir, *byte)).collect();
        for word in &self.said {
            let mut rest = masked.as_mut_slice();
            while let Some(at) = rest.windows(word.len()).position(|window| window == word) {
                let (repeated, after) = rest[at..].split_at_mut(word.len());
                repeated.fill(b'*');
                rest = after;
            }
        }
        self.sides[dir as usize].ntlm(&mut masked, bytes);
        masked
    }

    /// Bytes are missing. They may have begun a credential, so the rest of this line is one.
    fn gap(&mut self, dir: Dir) {
        self.sides[dir as usize].secret = Secret::Rest;
    }

    fn byte(&mut self, dir: Dir, byte: u8) -> u8 {
        if byte == b'\n' {
            self.end_of_line(dir);
            return byte;
        }
        let in_dialogue = self.dialogue == Some(dir);
        let side = &mut self.sides[dir as usize];
        let starts = side.line.is_empty();
        // A folded header line goes on with the value before it (RFC 9112, 5.2).
        if starts && (in_dialogue || side.goes_on && (byte == b' ' || byte == b'\t')) {
            side.secret = Secret::Rest;
        }
        let masked = match side.secret {
            _ if byte == b'\r' => byte,
            Secret::Rest => b'*',
            Secret::AfterWord if byte == b' ' && !matches!(side.last, Some(b' ' | b':')) => {
                side.secret = Secret::Rest;
                byte
            }
            Secret::AfterWord | Secret::No => byte,
        };
        if byte != b'\r' {
            side.last = Some(byte);
        }
        if side.line.len() < JUDGED {
            side.line.push(byte);
            if side.secret == Secret::No && (byte == b' ' || byte == b':') {
                side.secret = secret_after(&side.line);
            }
        }
        masked
    }

    fn end_of_line(&mut self, dir: Dir) {
        let side = &mut self.sides[dir as usize];
        let line = side.line.strip_suffix(b"\r").unwrap_or(&side.line);
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
        let begins = authenticates(&words);
        if begins || self.dialogue == Some(dir) {
            let response = words.last().and_then(|word| word.get(..word.len().min(WORD_PART)));
            let response = response.filter(|word| side.secret == Secret::Rest && word.len() >= WORD);
            if let Some(response) = response.filter(|_| self.said.len() < WORDS) {
                self.said.push(response.to_vec());
            }
        }
        if begins {
            self.dialogue = Some(dir);
        } else if line.starts_with(b"334 ") {
            // The beginning of the dialogue may not have been captured.
            self.dialogue = Some(dir.flip());
        } else if self.dialogue == Some(dir.flip()) && !is_challenge(line) {
            self.dialogue = None;
        }
        // An IMAP literal announces that the argument follows (RFC 9051, 4.3).
        let literal = side.secret == Secret::Rest && side.last == Some(b'}');
        side.goes_on = side.secret != Secret::No;
        side.secret = if literal { Secret::Rest } else { Secret::No };
        side.line.clear();
        side.last = None;
    }
}

impl Side {
    /// Masks the NTLM messages that are in `bytes`, or began before.
    fn ntlm(&mut self, mut masked: &mut [u8], mut bytes: &[u8]) {
        loop {
            let secret = self.ntlm.min(bytes.len());
            let (hidden, after) = masked.split_at_mut(secret);
            hidden.fill(b'*');
            self.ntlm -= secret;
            let rest = &bytes[secret..];
            let Some(at) = rest.windows(NTLM.len()).position(|window| window == NTLM) else { return };
            self.ntlm = ntlm_length(&rest[at..]) - NTLM.len();
            (masked, bytes) = (&mut after[at + NTLM.len()..], &rest[at + NTLM.len()..]);
        }
    }
}

/// How long an NTLM message is, up to the end of its secrets.
fn ntlm_length(message: &[u8]) -> usize {
    let end = |field: usize| {
        let [low, high, _, _, offset @ ..] = message.get(field..)?.first_chunk::<8>()?;
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        Some(length + u32::from_le_bytes(*offset) as usize)
    };
    let ends = NTLM_FIELDS.map(|field| end(field).unwrap_or(NTLM_LENGTH));
    ends.into_iter().fold(NTLM.len(), usize::max)
}

/// What is secret after the start of a line, which ends in a space or colon.
fn secret_after(start: &[u8]) -> Secret {
    let start = start.trim_ascii_end();
    let is = |name: &[u8]| start.eq_ignore_ascii_case(name);
    if is(b"authorization:") || is(b"proxy-authorization:") {
        return Secret::AfterWord;
    }
    let words: Vec<&[u8]> = start.split(|byte| *byte == b' ').collect();
    match words.as_slice() {
        [_tag, command] if command.eq_ignore_ascii_case(b"login") => Secret::Rest,
        words if authenticates(words) => Secret::AfterWord,
        _ => Secret::No,
    }
}

/// Whether a line begins a SASL dialogue.
fn authenticates(words: &[&[u8]]) -> bool {
    match words {
        [first, ..] if first.eq_ignore_ascii_case(b"auth") => true,
        [_tag, second, ..] => second.eq_ignore_ascii_case(b"authenticate"),
        _ => false,
    }
}

/// Whether a line of the server asks the client to go on: IMAP `+`, SMTP 334.
fn is_challenge(line: &[u8]) -> bool {
    line.starts_with(b"+") || line.starts_with(b"334")
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dir::{Orig, Resp};

    fn masked(pieces: &[(Dir, &str)]) -> String {
        let mut mask = Mask::default();
        let shown = pieces.iter().map(|(dir, text)| mask.bytes(*dir, text.as_bytes()));
        String::from_utf8(shown.collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn http_shows_the_scheme_and_not_the_credentials() {
        let head = "GET / HTTP/1.1\r\nauthorization: Basic c2VjcmV0\r\n\tc2VjcmV0\r\nHost: a\r\n\r\n";
        assert_eq!(
            masked(&[(Orig, head)]),
            "GET / HTTP/1.1\r\nauthorization: Basic ********\r\n*********\r\nHost: a\r\n\r\n"
        );
        assert_eq!(
            masked(&[(Orig, "Proxy-Authorization:NTLM c2VjcmV0\r\n")]),
            "Proxy-Authorization:NTLM ********\r\n"
        );
    }

    #[test]
    fn what_is_said_again_is_looked_for_once() {
        // Asterisks in place of asterisks leave as many to be found.
        for word in ["c2VjcmV0", "********"] {
            let again = format!("{word} ").repeat(20_000);
            let shown = masked(&[(Orig, &format!("AUTH PLAIN {word}\r\n")), (Resp, &again)]);
            assert_eq!(shown, format!("AUTH PLAIN ********\r\n{}", "******** ".repeat(20_000)));
        }
    }

    #[test]
    fn an_ntlm_message_in_binary_shows_no_response() {
        let mut message = NTLM.to_vec();
        for offset in [64u32, 88, 112, 112, 112, 112] {
            message.extend([24, 0, 24, 0]);
            message.extend(offset.to_le_bytes());
        }
        message.extend([1, 0, 0, 0]);
        message.extend([b'R'; 72]);
        let said = [b"bind", &message[..], b"call"].concat();
        let whole = Mask::default().bytes(Orig, &said);
        assert!(whole.starts_with(b"bindNTLMSSP") && whole.ends_with(b"*call"));
        for cut in b"bind".len() + NTLM.len()..=said.len() {
            let mut mask = Mask::default();
            let shown = [&said[..cut], &said[cut..]].map(|part| mask.bytes(Orig, part)).concat();
            assert!(!shown.contains(&b'R'), "cut at {cut}");
        }
    }

    #[test]
    fn imap_log_in_shows_no_argument() {
        assert_eq!(
            masked(&[(Orig, "a1 LOGIN joe secret\r\na2 NOOP\r\n")]),
            "a1 LOGIN **********\r\na2 NOOP\r\n"
        );
        let literals =
            [(Orig, "a1 login {3}\r\n"), (Resp, "+ go\r\n"), (Orig, "joe {6}\r\nsecret\r\na2 NOOP\r\n")];
        let shown = masked(&literals);
        assert!(
            !shown.contains("joe") && !shown.contains("secret") && shown.ends_with("a2 NOOP\r\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_sasl_dialogue_is_masked_to_its_end() {
        let shown = masked(&[
            (Orig, "a AUTHENTICATE PLAIN\r\n"),
            (Resp, "+ \r\n"),
            (Orig, "c2VjcmV0\r\n"),
            (Resp, "a OK done\r\n"),
            (Orig, "b NOOP\r\n"),
        ]);
        assert_eq!(shown, "a AUTHENTICATE PLAIN\r\n+ \r\n********\r\na OK done\r\nb NOOP\r\n");
        let shown = masked(&[
            (Orig, "AUTH LOGIN am9l\r\n"),
            (Resp, "334 UGFzc3dvcmQ6\r\n"),
            (Orig, "c2VjcmV0\r\n"),
            (Resp, "535 no\r\n"),
            (Orig, "QUIT\r\n"),
        ]);
        assert_eq!(shown, "AUTH LOGIN ****\r\n334 UGFzc3dvcmQ6\r\n********\r\n535 no\r\nQUIT\r\n");
    }

    #[test]
    fn what_was_said_in_a_dialogue_stays_a_secret() {
        let shown = masked(&[
            (Resp, "334 UGFzc3dvcmQ6\r\n"),
            (Orig, "c2VjcmV0c2VjcmV0\r\n"),
            (Resp, "535 no\r\n"),
            (Orig, "c2VjcmV0c2VjcmV0\r\n"),
            (Resp, "500 Unrecognized command 'c2VjcmV0c2VjcmV0'\r\n"),
        ]);
        assert!(!shown.contains("c2VjcmV0") && shown.contains("500 Unrecognized command '****"), "{shown}");
    }

    #[test]
    fn a_credential_is_masked_wherever_the_segments_are_cut() {
        let text = "POST / HTTP/1.1\r\nAuthorization: NTLM c2VjcmV0\r\n\r\na LOGIN joe secret\r\nAUTH PLAIN c2VjcmV0\r\n";
        let whole = masked(&[(Orig, text)]);
        assert!(!whole.contains("c2Vj") && !whole.contains("joe"));
        for cut in 0..text.len() {
            assert_eq!(masked(&[(Orig, &text[..cut]), (Orig, &text[cut..])]), whole, "{cut}");
        }
    }

    #[test]
    fn after_a_gap_the_rest_of_the_line_is_not_shown() {
        let mut mask = Mask::default();
        mask.bytes(Orig, b"Authoriz");
        mask.gap(Orig);
        assert_eq!(mask.bytes(Orig, b"sic c2VjcmV0\r\nHost: a\r\n"), b"************\r\nHost: a\r\n");
    }
}
