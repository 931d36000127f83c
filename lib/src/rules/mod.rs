//! Rules judge and never remember: facts and configuration in, findings out. One file per rule.

#[macro_use]
mod meta;
mod by_id;
mod capture;
mod census;
mod context;
mod draft;
mod ews;
mod finding;
mod imap;
mod jumps;
mod mapi;
mod notify;
mod path;
mod reach;
mod sight;
mod smtp;
mod stalls;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod words;

pub use context::{Context, View};
pub use draft::{Draft, Findings};
pub use finding::{Confidence, Evidence, Finding, Severity, Subject, SubjectKind, Value};
pub use meta::Meta;
pub use notify::{Gap, Life, Until};
pub use path::{Blame, Fate, Loss, Path, Resetter, Try};
pub use sight::Sight;
pub use tls::Verdict;
pub(crate) use tls::verdict;

use std::sync::OnceLock;

/// One way of being wrong, and how it is recognised.
pub trait Rule: Send + Sync {
    /// Its identity and its text.
    fn meta(&self) -> Meta;

    /// Judges the facts. A pure function: the same facts and settings give the same findings.
    fn check(&self, cx: &Context<'_>, out: &mut Findings<'_>);
}

/// The one list of rules, by family and then in the order in which they are explained.
pub(crate) const RULES: &[&dyn Rule] = &[
    &notify::NotifySilent,
    &notify::NotifySourceProxy,
    &notify::NotifySourceNat,
    &notify::NotifySourceUnexpected,
    &notify::NotifySourceFlapping,
    &notify::KeepaliveMissing,
    &notify::SubscriptionStale,
    &notify::SubscriptionAbandoned,
    &notify::SubscriptionLoop,
    &notify::NotifyRejected,
    &notify::NotifyUnanswered,
    &notify::NotifySlow,
    &notify::NotifyUnsubscribed,
    &notify::NotifyError,
    &notify::NotifyMalformed,
    &notify::NotifyWatermarkGap,
    &notify::NotifyRetry,
    &notify::NotifyLostInPath,
    &reach::notify_closed::NotifyPortClosed,
    &reach::notify_filtered::NotifyPortFiltered,
    &imap::ImapAuthThrottled,
    &imap::ImapAuthRejected,
    &imap::ImapAccountLockout,
    &imap::ImapConnectionLimit,
    &imap::ImapLoginDisabled,
    &imap::ImapMailboxUnavailable,
    &imap::ImapServerBye,
    &imap::ImapIdleTimeout,
    &imap::ImapCommandTooLong,
    &imap::ImapTlsUnavailable,
    &imap::ImapPlaintextCredentials,
    &reach::imap_closed::ImapPortClosed,
    &reach::imap_filtered::ImapPortFiltered,
    &smtp::SmtpConnectionLimit,
    &smtp::SmtpRateLimit,
    &smtp::SmtpBackpressure,
    &smtp::SmtpRejected,
    &reach::smtp_closed::SmtpPortClosed,
    &reach::smtp_filtered::SmtpPortFiltered,
    &mapi::affinity_break::MapiAffinityBreak,
    &mapi::context_fault::MapiContextFault,
    &mapi::connect_failed::MapiConnectFailed,
    &mapi::session_limit::MapiSessionLimit,
    &mapi::encryption_mismatch::MapiEncryptionMismatch,
    &mapi::server_busy::MapiServerBusy,
    &mapi::reset::MapiReset,
    &mapi::idle_reset::MapiIdleReset,
    &mapi::endpoint_unreachable::MapiEndpointUnreachable,
    &reach::mapi_closed::MapiPortClosed,
    &reach::mapi_filtered::MapiPortFiltered,
    &reach::exchange_unreachable::ExchangeUnreachable,
    &ews::error::EwsError,
    &ews::auth_rejected::EwsAuthRejected,
    &ews::http_error::EwsHttpError,
    &ews::mailbox_moved::EwsMailboxMoved,
    &ews::locale_calendar::LocaleCalendarMismatch,
    &tls::chain_incomplete::TlsChainIncomplete,
    &tls::cn_mismatch::TlsCnMismatch,
    &tls::san_mismatch::TlsSanMismatch,
    &tls::cert_expired::TlsCertExpired,
    &tls::cert_weak::TlsCertWeak,
    &tls::cert_bad_signature::TlsCertBadSignature,
    &tls::handshake_failed::TlsHandshakeFailed,
    &tls::network_error::TlsNetworkError,
    &capture::truncated::CaptureTruncated,
    &capture::damaged::CaptureDamaged,
    &capture::snaplen::CaptureSnaplen,
    &capture::drops::CaptureDrops,
    &capture::short::CaptureShort,
    &capture::limit_reached::CaptureLimitReached,
    &capture::one_way::CaptureOneWay,
    &capture::clock_step::CaptureClockStep,
    &capture::duplicates::CaptureDuplicates,
];

/// The identities and texts of all rules, in the order in which they are explained.
pub fn all() -> &'static [Meta] {
    static ALL: OnceLock<Vec<Meta>> = OnceLock::new();
    ALL.get_or_init(|| RULES.iter().map(|rule| rule.meta()).collect())
}
