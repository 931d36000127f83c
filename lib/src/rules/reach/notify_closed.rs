//! `notify-port-closed`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// A host refuses connections to the port for push notifications.
    ///
    /// ## Meaning
    /// Exchange posts notifications to TCP 7080 of Unity Connection, or 50020 of IM and Presence. The host itself
    /// answers that nothing listens there: the service is stopped, or the URL of the subscription names another port
    /// or another host. No notification arrives, and new messages are not synchronised.
    ///
    /// ## Evidence
    /// A SYN that is answered by RST and ACK, acknowledging the SYN, with the TTL of the host's other packets.
    ///
    /// ## Traps
    /// A reset after the connection was open, or one that answers data, is another matter. A reset whose TTL differs
    /// from that of the host's other packets comes from a firewall: `notify-port-filtered`. Where Exchange posts to a
    /// proxy, the proxy's port is meant.
    ///
    /// ## Remedy
    /// On Unity Connection, `show open ports regexp 7080` must list jetty; if it does not, start "Connection Jetty"
    /// in Cisco Unity Connection Serviceability > Tools > Service Management. On IM and Presence restart the Cisco
    /// Presence Engine and check the service parameter "Microsoft Exchange Notification Port".
    ///
    /// ## References
    /// RFC 9293, 3.10.7.1; Cisco Unity Connection Security Guide, table of IP ports.
    pub(crate) struct NotifyPortClosed;
    id = "notify-port-closed";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::closed(cx, Service::Notify, out);
}
