//! `smtp-backpressure`.

use super::class::{Class, class};
use crate::rules::{Confidence, Context, Findings};

rule! {
    /// The SMTP server takes no mail because it is short of resources.
    ///
    /// ## Meaning
    /// Exchange watches disk space, memory and its queues. Under pressure the transport service first refuses mail
    /// from outside and then all mail, until the pressure is gone.
    ///
    /// ## Evidence
    /// `452 4.3.1 Insufficient system resources` or `421 4.3.2 System not accepting network messages`. `421 4.3.2
    /// Service not available` is only a hint.
    ///
    /// ## Traps
    /// `Service not available` also comes from a transport service that is paused, or whose component is inactive
    /// (`Get-ServerComponentState`). None of these is a connection limit, whatever the code.
    ///
    /// ## Remedy
    /// Free disk space and memory on the transport server, above all on the volume of the queue database; event 15006
    /// names the resource. `Get-ExchangeDiagnosticInfo -Process EdgeTransport -Component ResourceThrottling` shows the
    /// state. Where nothing is short, look for a paused service: `Get-Service MSExchangeTransport` and
    /// `Get-ServerComponentState <server>`.
    ///
    /// ## References
    /// Microsoft, "Understanding back pressure"; Exchange events 15004 to 15007.
    pub(crate) struct SmtpBackpressure;
    id = "smtp-backpressure";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::state(cx, out, Class::Backpressure, "The server accepts no mail from", |draft, _, rows| {
        let is_hint = rows
            .iter()
            .all(|row| class(row).is_some_and(|(_, confidence)| confidence == Confidence::Possible));
        match is_hint {
            true => draft.caveat(
                "A transport service that is paused or inactive says the same; the events of the server and \
                 `Get-ServerComponentState` decide.",
            ),
            false => draft,
        }
    });
}
