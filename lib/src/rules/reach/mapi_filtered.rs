//! `mapi-port-filtered`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// Something keeps connections to the RPC endpoint mapper from being answered.
    ///
    /// ## Meaning
    /// MAPI clients such as Unity ask TCP 135 for the ports of the mailbox and address book services. The SYNs are
    /// dropped or rejected by a firewall or router on the way, or by the host's own firewall, so no MAPI session can
    /// begin.
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
    /// Permit TCP 135 from the Cisco server to every Client Access server and to the array's virtual address, and
    /// with it the RPC ports: the static ones where they are set, else TCP 6005-65535. On the server check
    /// `Get-NetFirewallRule -DisplayName *RPC*`. Test with `Test-NetConnection <address> -Port 135`.
    ///
    /// ## References
    /// RFC 9293, 3.8.3; RFC 1812, 5.2.7.1; RFC 4443, 3.1; MS-RPCE 2.1.1.1; TechNet ff625248, "Load Balancing
    /// Requirements of Exchange Protocols".
    pub(crate) struct MapiPortFiltered;
    id = "mapi-port-filtered";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::filtered(cx, Service::Epm, out);
}
