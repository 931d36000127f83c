//! Log-ins over HTTP (RFC 9110, 11): Basic (RFC 7617), NTLM and Negotiate (RFC 4559, MS-NTHT).

use base64::Engine as _;

use super::head::{Fields, text};
use crate::proto::ntlm::Ntlm;
use crate::proto::subscription_id::BASE64;

/// Bytes of a name that are kept, and schemes of a challenge.
const NAME: usize = 256;
const SCHEMES: usize = 16;

/// What an `Authorization` field says, without what must stay secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Authorization {
    /// The scheme as sent.
    pub scheme: Box<str>,
    /// Whether the server can judge it. The first message of NTLM only begins the dialogue.
    pub is_final: bool,
    /// Name of the account, where it can be read.
    pub user: Option<Box<str>>,
    /// Its domain.
    pub domain: Option<Box<str>>,
    /// Name of the client.
    pub workstation: Option<Box<str>>,
}

/// The log-in of a request.
pub(super) fn authorization(fields: Fields<'_>) -> Option<Authorization> {
    let value = fields.value("Authorization")?.trim_ascii();
    let end = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, credentials) = value.split_at_checked(end)?;
    let mut said = Authorization {
        scheme: clip(&String::from_utf8_lossy(scheme)),
        is_final: true,
        user: None,
        domain: None,
        workstation: None,
    };
    if said.scheme.eq_ignore_ascii_case("Basic") {
        said.basic(credentials);
    } else if ["NTLM", "Negotiate"].iter().any(|one| said.scheme.eq_ignore_ascii_case(one)) {
        said.token(credentials);
    }
    Some(said)
}

/// The schemes that a reply asks for, in order.
pub(super) fn challenges(fields: Fields<'_>) -> Vec<Box<str>> {
    let asked = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"));
    let schemes = asked.map(|(_, value)| {
        let value = text(value);
        clip(value.split([' ', ',']).next().unwrap_or_default())
    });
    schemes.take(SCHEMES).collect()
}

impl Authorization {
    /// `user:password` in base64; of the password nothing is kept.
    fn basic(&mut self, credentials: &[u8]) {
        let Ok(pair) = BASE64.decode(credentials.trim_ascii()) else {
            return;
        };
        let user = pair.split(|byte| *byte == b':').next().unwrap_or_default();
        let user = String::from_utf8_lossy(user);
        match user.split_once('\\') {
            Some((domain, user)) => (self.domain, self.user) = (Some(clip(domain)), Some(clip(user))),
            None => self.user = Some(clip(&user)),
        }
    }

    /// A token that is NTLM, or holds it; any other is Kerberos, which needs no second one.
    fn token(&mut self, credentials: &[u8]) {
        let Ok(token) = BASE64.decode(credentials.trim_ascii()) else {
            return;
        };
        match Ntlm::find(&token).and_then(Ntlm::parse) {
            Some(Ntlm::Authenticate(message)) => {
                let name = |name: Option<Box<str>>| name.filter(|name| !name.is_empty());
                self.user = name(message.user);
                self.domain = name(message.domain);
                self.workstation = name(message.workstation);
                // Without a name it is nobody's log-in.
                self.is_final = self.user.is_some();
            }
            Some(Ntlm::Negotiate(_) | Ntlm::Challenge(_)) => self.is_final = false,
            None => {}
        }
    }
}

fn clip(text: &str) -> Box<str> {
    text.get(..text.floor_char_boundary(NAME)).unwrap_or(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::head;

    fn of(value: &str) -> Option<Authorization> {
        let head = format!("POST / HTTP/1.1\r\nAuthorization: {value}\r\n\r\n");
        head::request(head.as_bytes(), |head| authorization(head.fields)).unwrap()
    }

    #[test]
    fn of_basic_only_the_account_is_kept() {
        let said = of(&format!("Basic {}", BASE64.encode(r"CORP\svc:Sommer2014"))).unwrap();
        assert_eq!((said.domain.as_deref(), said.user.as_deref()), (Some("CORP"), Some("svc")));
        assert!(said.is_final && !format!("{said:?}").contains("Sommer"));
    }

    #[test]
    fn the_first_message_of_ntlm_decides_nothing() {
        let first = BASE64.encode([&b"NTLMSSP\0"[..], &1u32.to_le_bytes(), &[0; 20]].concat());
        assert!(!of(&format!("NTLM {first}")).unwrap().is_final);
        assert!(!of(&format!("Negotiate {first}")).unwrap().is_final);
        let kerberos = BASE64.encode([0x60, 0x82, 1, 2, 3, 4]);
        assert!(of(&format!("Negotiate {kerberos}")).unwrap().is_final);
    }

    #[test]
    fn nonsense_is_no_log_in() {
        assert_eq!(of("secretwithoutscheme"), None);
        assert_eq!(of("Basic !!!").unwrap().user, None);
    }
}
