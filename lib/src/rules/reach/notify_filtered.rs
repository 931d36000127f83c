//! `notify-port-filtered`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// Something keeps connections to the port for push notifications from being answered.
    ///
    /// ## Meaning
    /// Exchange posts notifications to TCP 7080 of Unity Connection, or 50020 of IM and Presence. Its SYNs are
    /// dropped or rejected by a firewall or router on the way, or by the host's own firewall. No notification
    /// arrives, and new messages are not synchronised.
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
    /// Permit TCP 7080 (50020 for IM and Presence) from every Exchange Client Access or Mailbox node to every Cisco
    /// node. Check the Cisco host's own rules with `utils firewall ipv4 list`. Test from each Exchange node with
    /// `Test-NetConnection <address> -Port 7080`.
    ///
    /// ## References
    /// RFC 9293, 3.8.3; RFC 1812, 5.2.7.1; RFC 4443, 3.1; Cisco Unity Connection Security Guide, table of IP ports.
    pub(crate) struct NotifyPortFiltered;
    id = "notify-port-filtered";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::filtered(cx, Service::Notify, out);
}
