//! Who logs in: the arguments of LOGIN, and the SASL responses of AUTHENTICATE (RFC 4422). Names are read, secrets
//! become digests here and are not kept otherwise.

use super::event::{Login, Way};
use crate::proto::Secret;
use crate::proto::sasl::{Exchange, Mechanism, names};

/// Arguments of LOGIN.
const ARGUMENTS: usize = 2;

/// The arguments of a LOGIN command while it arrives (RFC 9051, 6.2.3).
#[derive(Default)]
pub(super) struct Arguments(Vec<Vec<u8>>);

impl Arguments {
    /// Takes those of a piece of the command line. A literal's announcement at its end is left out.
    pub(super) fn line(&mut self, mut rest: &[u8]) {
        loop {
            rest = rest.trim_ascii_start();
            match rest {
                [] | [b'{', ..] => return,
                [b'"', quoted @ ..] => {
                    let (argument, after) = unquoted(quoted);
                    self.push(argument);
                    rest = after;
                }
                _ => {
                    let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
                    self.push(rest[..end].to_vec());
                    rest = &rest[end..];
                }
            }
        }
    }

    /// Takes one that came as a literal.
    pub(super) fn push(&mut self, argument: Vec<u8>) {
        if self.0.len() < ARGUMENTS {
            self.0.push(argument);
        }
    }

    /// Who logs in by them.
    pub(super) fn login(&self) -> Login {
        let mut login = Login::default();
        if let Some(user) = self.0.first() {
            (login.domain, login.user) = names(user);
        }
        if let Some(password) = self.0.get(1) {
            (login.secret, login.is_answered) = (Some(Secret::new(password)), true);
        }
        login
    }
}

/// A quoted string up to its end. Clients write `DOMAIN\user` without doubling the backslash: only a backslash
/// before a quote or another one is taken for an escape.
fn unquoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    loop {
        match text.get(at..).unwrap_or_default() {
            [] => return (value, &[]),
            [b'"', after @ ..] => return (value, after),
            [b'\\', escaped @ (b'"' | b'\\'), ..] => {
                value.push(*escaped);
                at += 2;
            }
            [byte, ..] => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

/// The log-in that an AUTHENTICATE command begins, and the exchange that goes on with it. `arguments` are the mechanism
/// and, perhaps, the initial response (RFC 9051, 6.2.2).
pub(super) fn begin(arguments: &[u8]) -> (Login, Exchange) {
    let mut words = arguments.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let mut exchange = Exchange::new(words.next().unwrap_or_default());
    let mechanism = exchange.credentials().mechanism;
    let mut login = Login { way: Way::Authenticate(mechanism), ..Login::default() };
    // A single `=` is an empty response (RFC 4959, 3).
    if let Some(response) = words.next().filter(|response| *response != b"=") {
        respond(&mut login, &mut exchange, response);
    }
    (login, exchange)
}

/// Takes a response of the client: `*`, or base64.
pub(super) fn respond(login: &mut Login, exchange: &mut Exchange, response: &[u8]) {
    let response = response.trim_ascii();
    if response == b"*" {
        login.is_cancelled = true;
        return;
    }
    exchange.response(response);
    let known = exchange.credentials();
    login.domain.clone_from(&known.domain);
    login.user.clone_from(&known.user);
    login.workstation.clone_from(&known.workstation);
    login.is_answered = match known.mechanism {
        Some(Mechanism::Plain | Mechanism::Login | Mechanism::Ntlm) => known.secret.is_some(),
        _ => login.is_answered || !response.is_empty(),
    };
    // What else is secret depends on a challenge, or on the time: that two differ says nothing of the password.
    login.secret =
        known.secret.filter(|_| matches!(known.mechanism, Some(Mechanism::Plain | Mechanism::Login)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::subscription_id::BASE64;
    use base64::Engine as _;

    fn login(line: &[u8]) -> Login {
        let mut arguments = Arguments::default();
        arguments.line(line);
        arguments.login()
    }

    fn base64(text: &[u8]) -> Vec<u8> {
        BASE64.encode(text).into_bytes()
    }

    #[test]
    fn login_takes_atoms_and_quoted_strings() {
        for line in
            [&b" uccx pass1"[..], b" \"uccx\" \"pass1\"", b" \"LAB\\uccx\" pass1", b" \"LAB\\\\uccx\" pass1"]
        {
            let login = login(line);
            assert_eq!((login.user.as_deref(), login.secret), (Some("uccx"), Some(Secret::new(b"pass1"))));
            assert_eq!(login.domain.is_some(), line.contains(&b'L'));
        }
        assert_eq!(login(b" u \"a \\\"quote\\\"\"").secret, Some(Secret::new(b"a \"quote\"")));
        assert!(!login(b" uccx {5}").is_answered);
    }

    #[test]
    fn names_come_in_four_forms() {
        let parts = |line: &[u8]| {
            let login = login(line);
            (login.domain, login.user)
        };
        let some = |text: &str| Some(Box::from(text));
        assert_eq!(parts(b"uccx p"), (None, some("uccx")));
        assert_eq!(parts(b"uccx@lab.example p"), (None, some("uccx@lab.example")));
        assert_eq!(parts(b"LAB\\uccx p"), (some("LAB"), some("uccx")));
        assert_eq!(parts(b"LAB/uccx/mailbox p"), (some("LAB"), some("uccx")));
    }

    #[test]
    fn plain_and_login_name_the_user_and_hide_the_password() {
        let (mut plain, mut exchange) = begin(b" PLAIN");
        respond(&mut plain, &mut exchange, &base64(b"\0LAB\\uccx\0pass1"));
        let (initial, _) = begin(&[b" plain ".to_vec(), base64(b"\0LAB\\uccx\0pass1")].concat());
        let (mut login, mut exchange) = begin(b" LOGIN");
        respond(&mut login, &mut exchange, &base64(b"LAB\\uccx"));
        assert!(!login.is_answered);
        respond(&mut login, &mut exchange, &base64(b"pass1"));
        for login in [plain, initial, login] {
            assert_eq!((login.domain.as_deref(), login.user.as_deref()), (Some("LAB"), Some("uccx")));
            assert_eq!((login.secret, login.is_answered), (Some(Secret::new(b"pass1")), true));
        }
    }

    #[test]
    fn a_cancelled_exchange_answers_nothing() {
        let (mut login, mut exchange) = begin(b" PLAIN");
        respond(&mut login, &mut exchange, b"*");
        assert!(login.is_cancelled && !login.is_answered);
    }

    #[test]
    fn gssapi_names_nobody() {
        let (mut login, mut exchange) = begin(b" GSSAPI");
        respond(&mut login, &mut exchange, b"YIICZQYJKoZIhvcSAQICAQBuggJU");
        assert_eq!((login.user, login.secret, login.is_answered), (None, None, true));
    }
}
