//! `smtp-rate-limit`.

use super::class::Class;
use crate::rules::{Context, Findings};

rule! {
    /// The SMTP server refuses mail because the client sends too many messages a minute.
    ///
    /// ## Meaning
    /// A receive connector limits messages per minute: 5 on client connectors (port 587), none on the default
    /// connectors of the transport service, 600 on an Edge server. `MessageRateSource` says what is counted: an
    /// address, a user, or both. A contact centre that answers mail passes 5 a minute easily.
    ///
    /// ## Evidence
    /// `421 4.4.2 Message submission rate for this client has exceeded the configured limit`.
    ///
    /// ## Traps
    /// `421 4.4.2 Connection dropped` has the same code and is an idle connection being closed.
    ///
    /// ## Remedy
    /// `Set-ReceiveConnector -Identity <name> -MessageRateLimit 250` (or `unlimited`) on the connector that the
    /// client uses, and check `MessageRateSource` there.
    ///
    /// ## References
    /// Microsoft, "Message rate limits and throttling"; cmdlet reference, `Set-ReceiveConnector`.
    pub(crate) struct SmtpRateLimit;
    id = "smtp-rate-limit";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::state(cx, out, Class::RateLimit, "The server limits the rate of messages from", |draft, _, _| {
        draft
    });
}
