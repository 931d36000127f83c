//! `mapi-port-closed`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// A server refuses connections to the RPC endpoint mapper.
    ///
    /// ## Meaning
    /// MAPI clients such as Unity ask TCP 135 for the ports of the mailbox and address book services. The host is up
    /// and answers that nothing listens there, so no MAPI session can begin. A load balancer without a virtual
    /// service on 135 does the same.
    ///
    /// ## Evidence
    /// A SYN that is answered by RST and ACK, acknowledging the SYN, with the TTL of the host's other packets.
    ///
    /// ## Traps
    /// A reset after the connection was open, or one that answers data, is another matter. A reset whose TTL differs
    /// from that of the host's other packets comes from a firewall: `mapi-port-filtered`. The ports that the endpoint
    /// mapper names are judged by `mapi-endpoint-unreachable`.
    ///
    /// ## Remedy
    /// Check that the address is that of a Client Access server or array: `Get-ClientAccessArray | fl
    /// Name,Fqdn,Members`. On the server run `Get-Service RpcEptMapper,RpcSs,MSExchangeRPC` and start what is
    /// stopped. On a load balancer publish 135 together with the static ports of RPC Client Access and the address
    /// book, with one persistence.
    ///
    /// ## References
    /// RFC 9293, 3.10.7.1; MS-RPCE 2.1.1.1; TechNet ff625248, "Load Balancing Requirements of Exchange Protocols".
    pub(crate) struct MapiPortClosed;
    id = "mapi-port-closed";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::closed(cx, Service::Epm, out);
}
