//! `smtp-port-filtered`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// Something keeps connections to a server's SMTP ports from being answered.
    ///
    /// ## Meaning
    /// SYNs to TCP 25 or 587 are dropped or rejected by a firewall or router on the way, or by the host's own
    /// firewall. Mail of the Cisco server is not accepted.
    ///
    /// ## Evidence
    /// At least two copies of a SYN without SYN/ACK or RST, three unanswered attempts in a row, an ICMP error that
    /// quotes the SYN, or a reset whose TTL is not the host's.
    ///
    /// ## Traps
    /// A first SYN in the last seconds of the capture, and a capture that shows only one direction, prove nothing and
    /// are not reported. Where a SYN/ACK is visible the port is open, whatever came of it. A host that is switched
    /// off looks the same as a filter.
    ///
    /// ## Remedy
    /// Permit TCP 25 and 587 from the Cisco server to the Exchange server or its load balancer; many networks block
    /// 25 except for known mail hosts. On Exchange check the host's own rules with `Get-NetFirewallRule -DisplayName
    /// *SMTP*`. Test with `Test-NetConnection <address> -Port 25`.
    ///
    /// ## References
    /// RFC 9293, 3.8.3; RFC 1812, 5.2.7.1; RFC 4443, 3.1; Microsoft cmdlet reference, `Set-ReceiveConnector`.
    pub(crate) struct SmtpPortFiltered;
    id = "smtp-port-filtered";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::filtered(cx, Service::Smtp, out);
}
