//! The authentication verifier at the end of a PDU (MS-RPCE 2.2.2.11), and whom its token names.

use super::event::Auth;
use super::pdu::Header;
use crate::proto::Ntlm;

/// Bytes of a verifier before its token.
const HEAD: usize = 8;

/// A verifier.
pub(super) struct Verifier<'a> {
    pub(super) auth: Auth,
    /// Bytes between the end of the stub and the verifier.
    pub(super) padding: usize,
    /// Where it begins in the PDU.
    pub(super) start: usize,
    pub(super) token: &'a [u8],
}

impl<'a> Verifier<'a> {
    /// The verifier of a PDU that was captured whole; `None` without one.
    pub(super) fn read(pdu: &'a [u8], header: &Header) -> Option<Self> {
        if header.auth_length == 0 || pdu.len() != usize::from(header.length) {
            return None;
        }
        let start = pdu.len().checked_sub(usize::from(header.auth_length) + HEAD)?;
        let &[provider, level, padding, ..] = pdu.get(start..)? else { return None };
        let token = pdu.get(start + HEAD..)?;
        Some(Verifier { auth: Auth { provider, level }, padding: usize::from(padding), start, token })
    }

    /// The server's own name, from an NTLM challenge.
    pub(super) fn server_name(&self) -> Option<Box<str>> {
        match Ntlm::parse(Ntlm::find(self.token)?)? {
            Ntlm::Challenge(challenge) => challenge.dns_computer.or(challenge.netbios_computer),
            _ => None,
        }
    }

    /// Domain and account, from the last message of an NTLM log-in.
    pub(super) fn account(&self) -> Option<(Option<Box<str>>, Box<str>)> {
        match Ntlm::parse(Ntlm::find(self.token)?)? {
            Ntlm::Authenticate(message) => {
                let user = message.user.filter(|user| !user.is_empty())?;
                Some((message.domain.filter(|domain| !domain.is_empty()), user))
            }
            _ => None,
        }
    }
}
