//! What a SASL exchange says of who logs in (RFC 4422): names in clear, passwords as digests.

use base64::Engine as _;

use super::subscription_id::BASE64;
use super::{Ntlm, Secret};

/// Longest name that is kept, in bytes.
const NAME: usize = 256;

/// A SASL mechanism. Others have no name here: what stands in the place of one may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Mechanism {
    Anonymous,
    CramMd5,
    DigestMd5,
    External,
    GssSpnego,
    Gssapi,
    Login,
    Ntlm,
    OauthBearer,
    Plain,
    ScramSha1,
    ScramSha256,
    Xoauth2,
}

impl Mechanism {
    const ALL: [Mechanism; 13] = [
        Mechanism::Anonymous,
        Mechanism::CramMd5,
        Mechanism::DigestMd5,
        Mechanism::External,
        Mechanism::GssSpnego,
        Mechanism::Gssapi,
        Mechanism::Login,
        Mechanism::Ntlm,
        Mechanism::OauthBearer,
        Mechanism::Plain,
        Mechanism::ScramSha1,
        Mechanism::ScramSha256,
        Mechanism::Xoauth2,
    ];

    /// By its name in any case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::Anonymous => "ANONYMOUS",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::DigestMd5 => "DIGEST-MD5",
            Mechanism::External => "EXTERNAL",
            Mechanism::GssSpnego => "GSS-SPNEGO",
            Mechanism::Gssapi => "GSSAPI",
            Mechanism::Login => "LOGIN",
            Mechanism::Ntlm => "NTLM",
            Mechanism::OauthBearer => "OAUTHBEARER",
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Xoauth2 => "XOAUTH2",
        }
    }
}

/// Who tries to log in, as far as the exchange shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The mechanism, when it is a known one.
    pub mechanism: Option<Mechanism>,
    /// Domain, where it is given beside the user or as `DOMAIN\user`.
    pub domain: Option<Box<str>>,
    /// User, possibly as `user@domain`.
    pub user: Option<Box<str>>,
    /// Name of the client (NTLM).
    pub workstation: Option<Box<str>>,
    /// The password, token or response.
    pub secret: Option<Secret>,
}

/// An exchange in progress.
#[derive(Debug)]
pub(crate) struct Exchange {
    credentials: Credentials,
    /// Responses so far; `None` when some were lost, so that a password could be taken for a name.
    responses: Option<u32>,
}

impl Exchange {
    pub(crate) fn new(mechanism: &[u8]) -> Self {
        let credentials = Credentials { mechanism: Mechanism::parse(mechanism), ..Credentials::default() };
        Exchange { credentials, responses: Some(0) }
    }

    /// The client's next response, or its initial one, in base64.
    pub(crate) fn response(&mut self, line: &[u8]) {
        let Some(number) = self.responses else {
            return;
        };
        self.responses = Some(number.saturating_add(1));
        let line = line.trim_ascii();
        if self.credentials.mechanism == Some(Mechanism::Ntlm) {
            self.ntlm(line);
        } else if let Ok(bytes) = BASE64.decode(line) {
            self.clear(number, &bytes);
        }
    }

    /// Responses may have been lost.
    pub(crate) fn lost(&mut self) {
        self.responses = None;
    }

    /// What is known so far.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn finish(self) -> Credentials {
        self.credentials
    }

    fn ntlm(&mut self, line: &[u8]) {
        if let Some(Ntlm::Authenticate(message)) = Ntlm::parse_base64(line) {
            self.credentials.domain = message.domain.filter(|name| !name.is_empty());
            self.credentials.user = message.user.filter(|name| !name.is_empty());
            self.credentials.workstation = message.workstation.filter(|name| !name.is_empty());
            self.credentials.secret = message.response;
        }
    }

    fn clear(&mut self, number: u32, bytes: &[u8]) {
        match (self.credentials.mechanism, number) {
            (Some(Mechanism::Login), 0) => self.name(bytes),
            (Some(Mechanism::Login), 1) => self.credentials.secret = Some(Secret::new(bytes)),
            // RFC 4616: authorization identity, user, password.
            (Some(Mechanism::Plain), 0) => {
                let mut parts = bytes.splitn(3, |&byte| byte == 0).skip(1);
                if let (Some(user), Some(password)) = (parts.next(), parts.next()) {
                    self.name(user);
                    self.credentials.secret = Some(Secret::new(password));
                }
            }
            // RFC 2195: user, space, digest.
            (Some(Mechanism::CramMd5), 0) => {
                if let Some(space) = memchr::memrchr(b' ', bytes) {
                    let (user, digest) = bytes.split_at(space);
                    self.name(user);
                    self.credentials.secret = Some(Secret::new(digest));
                }
            }
            // `user=…`, Ctrl-A, `auth=Bearer …`, Ctrl-A twice.
            (Some(Mechanism::Xoauth2), 0) => {
                let mut parts = bytes.split(|&byte| byte == 1);
                if let Some(user) = parts.next().and_then(|part| part.strip_prefix(b"user=")) {
                    self.name(user);
                }
                let token = parts.next().and_then(|part| part.strip_prefix(b"auth="));
                self.credentials.secret = token.map(Secret::new);
            }
            _ => {}
        }
    }

    fn name(&mut self, bytes: &[u8]) {
        (self.credentials.domain, self.credentials.user) = names(bytes);
    }
}

/// The domain and the user of a name: `user`, `user@domain`, `DOMAIN\\user`, or Exchange's `domain/user/mailbox`.
pub(crate) fn names(bytes: &[u8]) -> (Option<Box<str>>, Option<Box<str>>) {
    let text = String::from_utf8_lossy(bytes.get(..NAME).unwrap_or(bytes));
    let (domain, user) = match (text.split_once('\\'), text.split_once('/')) {
        (Some((domain, user)), _) => (domain, user),
        (None, Some((domain, rest))) => (domain, rest.split('/').next().unwrap_or(rest)),
        (None, None) => ("", &*text),
    };
    let known = |name: &str| (!name.is_empty()).then(|| name.into());
    (known(domain), known(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(mechanism: &str, responses: &[&str]) -> Credentials {
        let mut exchange = Exchange::new(mechanism.as_bytes());
        responses.iter().for_each(|response| exchange.response(BASE64.encode(response).as_bytes()));
        exchange.finish()
    }

    fn names(credentials: &Credentials) -> (Option<&str>, Option<&str>) {
        (credentials.domain.as_deref(), credentials.user.as_deref())
    }

    #[test]
    fn every_clear_mechanism_names_the_user_and_hides_the_password() {
        let password = Some(Secret::new(b"Sommer2014"));
        for (mechanism, responses) in [
            ("login", &["LAB\\uccx", "Sommer2014"][..]),
            ("PLAIN", &["\0LAB\\uccx\0Sommer2014"]),
            ("Plain", &["other\0LAB\\uccx\0Sommer2014"]),
        ] {
            let credentials = said(mechanism, responses);
            assert_eq!(names(&credentials), (Some("LAB"), Some("uccx")), "{mechanism}");
            assert_eq!(credentials.secret, password, "{mechanism}");
        }
        let token = said("XOAUTH2", &["user=uccx@lab.example\u{1}auth=Bearer ya29.vF9\u{1}\u{1}"]);
        assert_eq!(names(&token), (None, Some("uccx@lab.example")));
        assert_eq!(token.secret, Some(Secret::new(b"Bearer ya29.vF9")));
        assert_eq!(
            names(&said("CRAM-MD5", &["uccx b913a602c7eda7a495b4e6e7334d3890"])),
            (None, Some("uccx"))
        );
    }

    #[test]
    fn what_cannot_be_told_from_a_password_is_no_name() {
        let mut exchange = Exchange::new(b"LOGIN");
        exchange.lost();
        exchange.response(BASE64.encode("Sommer2014").as_bytes());
        assert_eq!(exchange.finish().user, None);
        assert_eq!(said("PLAIN", &["Sommer2014"]).user, None);
        assert_eq!(said("U29tbWVyMjAxNA==", &["Sommer2014"]), Credentials::default());
        assert_eq!(said("CRAM-MD5", &["Sommer2014"]).user, None);
        assert_eq!(said("XOAUTH2", &["auth=Bearer x"]).user, None);
    }
}
