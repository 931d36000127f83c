//! `smtp-port-closed`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// A server refuses connections to its SMTP ports.
    ///
    /// ## Meaning
    /// The host is up and answers that nothing listens on TCP 25 or 587. The transport service is stopped, or no
    /// receive connector is bound to that address and port. Mail of the Cisco server is not accepted.
    ///
    /// ## Evidence
    /// A SYN that is answered by RST and ACK, acknowledging the SYN, with the TTL of the host's other packets.
    ///
    /// ## Traps
    /// A reset after the connection was open, or one that answers data, is another matter. A reset whose TTL differs
    /// from that of the host's other packets comes from a firewall: `smtp-port-filtered`.
    ///
    /// ## Remedy
    /// On Exchange run `Get-Service MSExchangeTransport,MSExchangeFrontEndTransport` and start what is stopped with
    /// `Start-Service`. Check the connectors: `Get-ReceiveConnector | fl Identity,Enabled,Bindings`.
    ///
    /// ## References
    /// RFC 9293, 3.10.7.1; Microsoft cmdlet reference, `Set-ReceiveConnector`.
    pub(crate) struct SmtpPortClosed;
    id = "smtp-port-closed";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::closed(cx, Service::Smtp, out);
}
