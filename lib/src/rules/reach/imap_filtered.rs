//! `imap-port-filtered`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// Something keeps connections to a server's IMAP ports from being answered.
    ///
    /// ## Meaning
    /// SYNs to TCP 143 or 993 are dropped or rejected by a firewall or router on the way, or by the host's own
    /// firewall. Agents cannot read mail, and text-to-speech finds no messages.
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
    /// Permit TCP 143 and 993 from the Cisco server, and from every agent's PC, to the Exchange server or its load
    /// balancer. On Exchange check the host's own rules with `Get-NetFirewallRule -DisplayName *IMAP4*`. Test with
    /// `Test-NetConnection <address> -Port 993`.
    ///
    /// ## References
    /// RFC 9293, 3.8.3; RFC 1812, 5.2.7.1; RFC 4443, 3.1; Cisco TechNote 117589.
    pub(crate) struct ImapPortFiltered;
    id = "imap-port-filtered";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::filtered(cx, Service::Imap, out);
}
