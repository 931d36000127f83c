//! The way from a server's certificate to a root, as far as the message and the user's trust anchors show it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config::Config;
use crate::facts::VantageFacts;
use crate::proto::x509::{Certificate, ServerName, Signature};

/// Longest way that is followed.
const STEPS: usize = 16;
/// Certificates of one name that are tried as issuers of another.
const TRIED: usize = 8;

/// The chains of all handshakes of a vantage point, each judged once.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    judged: Vec<Chain>,
    /// By handshake.
    places: Vec<Option<usize>>,
    /// A client asks for the gateway by its name.
    pub(super) gateway_is_asked_for: bool,
}

/// A server's certificate and the way from it.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    /// The certificate and its issuers, each signed by the next.
    pub(super) path: Vec<Arc<Certificate>>,
    /// Why it goes no further.
    pub(super) end: End,
    /// Those of the path that are sent by the server and not taken from the user's anchors.
    pub(super) sent: usize,
    /// Why a certificate that has the name of the missing one is none.
    pub(super) obstacle: Option<Obstacle>,
}

/// Why a CA may not issue a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It is no CA (RFC 5280, 4.2.1.9).
    NotCa,
    /// Its name constraints forbid this name of the server (RFC 5280, 4.2.1.10).
    Name(String),
}

/// Where a way ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// At a certificate that the user trusts.
    Trusted,
    /// At a self-signed certificate that the server sent.
    SelfSigned,
    /// At a certificate whose issuer is not at hand.
    Missing,
    /// At a certificate whose signature is not that of the issuer it names: this one has the name.
    Forged(Arc<Certificate>),
    /// At a certificate that cannot be read.
    Unreadable,
}

impl Chains {
    pub(crate) fn new(facts: &VantageFacts, config: &Config) -> Self {
        let anchors: Vec<Arc<Certificate>> =
            config.trust.iter().map(|der| Arc::new(Certificate::read(der))).collect();
        let mut known: HashMap<Vec<[u8; 32]>, usize> = HashMap::new();
        let gateway = config.gateway_name.as_deref().map(ServerName::new);
        let asked = facts.handshakes.iter().filter_map(|row| row.sni.as_deref());
        let mut chains = Chains {
            gateway_is_asked_for: gateway
                .is_some_and(|name| asked.map(ServerName::new).any(|one| one == name)),
            ..Chains::default()
        };
        for row in &facts.handshakes {
            let sent = row.chain();
            let place = (!sent.is_empty()).then(|| {
                let key = sent.iter().map(|certificate| certificate.sha256).collect();
                *known.entry(key).or_insert_with(|| {
                    chains.judged.push(Chain::build(sent, &anchors));
                    chains.judged.len() - 1
                })
            });
            chains.places.push(place);
        }
        chains
    }

    /// The chain that a handshake shows, with its number.
    pub(super) fn of(&self, handshake: usize) -> Option<(usize, &Chain)> {
        let place = (*self.places.get(handshake)?)?;
        Some((place, self.judged.get(place)?))
    }
}

impl Chain {
    /// Goes from the first of the certificates that were sent, however the others are ordered.
    fn build(sent: &[Arc<Certificate>], anchors: &[Arc<Certificate>]) -> Self {
        let mut path: Vec<Arc<Certificate>> = sent.first().cloned().into_iter().collect();
        let mut used: HashSet<[u8; 32]> = path.iter().map(|certificate| certificate.sha256).collect();
        let leaf = path.first().cloned();
        let leaf = leaf.as_deref();
        let mut obstacle = None;
        let end = loop {
            let Some(last) = path.last() else {
                break End::Missing;
            };
            if last.fields.is_none() {
                break End::Unreadable;
            }
            if anchors.iter().any(|anchor| anchor.sha256 == last.sha256) {
                break End::Trusted;
            }
            let trusted = issuer(last, leaf, anchors.iter().filter(|anchor| !used.contains(&anchor.sha256)));
            match trusted {
                Some((anchor, Signature::Verified | Signature::NotCheckable)) => {
                    path.push(anchor);
                    let sent = path.len() - 1;
                    return Chain { path, end: End::Trusted, sent, obstacle: None };
                }
                // The CA was issued anew under its name, and the old one is trusted.
                Some((anchor, Signature::Bad)) if is_own_root(last) => break End::Forged(anchor),
                Some((_, Signature::Bad)) | None => {}
            }
            if is_own_root(last) {
                break End::SelfSigned;
            }
            let others = sent.iter().chain(anchors).filter(|other| !used.contains(&other.sha256));
            match issuer(last, leaf, others.clone()) {
                Some((found, Signature::Bad)) => break End::Forged(found),
                Some((found, _)) => {
                    used.insert(found.sha256);
                    path.push(found);
                }
                None if is_forged_root(last) => break End::Forged(Arc::clone(last)),
                None => {
                    obstacle = others
                        .filter(|other| last.names_issuer(other))
                        .find_map(|other| Obstacle::of(other, leaf));
                    break End::Missing;
                }
            }
            if path.len() > STEPS {
                break End::Missing;
            }
        };
        let sent = path.len();
        Chain { path, end, sent, obstacle }
    }

    /// The server's own certificate.
    pub(super) fn leaf(&self) -> Option<&Certificate> {
        self.path.first().map(|leaf| &**leaf)
    }

    /// The certificates that the server sent, with whether each one is a root.
    pub(super) fn sent_by_server(&self) -> impl Iterator<Item = (&Certificate, bool)> {
        self.path.iter().take(self.sent).map(|certificate| (&**certificate, is_own_root(certificate)))
    }

    /// The name of the certificate that is missing, and of the one that it would have signed.
    pub(super) fn missing(&self) -> Option<(&str, &str)> {
        let last = self.path.last()?.fields.as_ref()?;
        let issuer = if last.issuer.is_empty() { "an issuer without a name" } else { last.issuer.as_str() };
        matches!(self.end, End::Missing).then_some((issuer, last.name()))
    }
}

/// The best of the certificates that have the name of the issuer of `of`: one whose key made its signature, else one
/// for which that cannot be checked.
fn issuer<'c>(
    of: &Certificate,
    leaf: Option<&Certificate>,
    among: impl Iterator<Item = &'c Arc<Certificate>>,
) -> Option<(Arc<Certificate>, Signature)> {
    let mut named: Vec<&Arc<Certificate>> = among
        .filter(|other| of.names_issuer(other) && Obstacle::of(other, leaf).is_none())
        .take(TRIED)
        .collect();
    named.sort_by_key(|other| !of.names_key_of(other));
    let mut best: Option<(&Arc<Certificate>, Signature)> = None;
    for other in named {
        let signature = of.signed_by(other);
        match (signature, &best) {
            (Signature::Verified, _) => return Some((Arc::clone(other), signature)),
            (Signature::NotCheckable, Some((_, Signature::Bad))) | (_, None) => {
                best = Some((other, signature));
            }
            _ => {}
        }
    }
    best.map(|(other, signature)| (Arc::clone(other), signature))
}

impl Obstacle {
    /// What keeps `ca` from standing above `leaf`; `None` where nothing does. Old roots say nothing.
    fn of(ca: &Certificate, leaf: Option<&Certificate>) -> Option<Self> {
        let fields = ca.fields.as_ref().filter(|fields| fields.is_ca != Some(false));
        let Some(fields) = fields else {
            return Some(Obstacle::NotCa);
        };
        let names = leaf?.fields.as_ref()?.san.as_ref()?;
        fields.constraints.as_ref()?.forbidden(names).map(Obstacle::Name)
    }
}

/// Whether a certificate is signed with its own key.
fn is_own_root(certificate: &Certificate) -> bool {
    certificate.is_self_issued()
        && match certificate.signed_by(certificate) {
            Signature::Verified => true,
            Signature::NotCheckable => certificate.names_key_of(certificate),
            Signature::Bad => false,
        }
}

/// Whether it says that it is signed with its own key, and is not.
fn is_forged_root(certificate: &Certificate) -> bool {
    certificate.is_self_issued()
        && certificate.names_key_of(certificate)
        && certificate.signed_by(certificate) == Signature::Bad
}
