//! `imap-port-closed`.

use crate::facts::Service;
use crate::rules::{Context, Findings};

rule! {
    /// A server refuses connections to its IMAP ports.
    ///
    /// ## Meaning
    /// The host is up and answers that nothing listens on TCP 143 or 993. The IMAP services of Exchange are installed
    /// but not started by default. Agents cannot read mail, and text-to-speech finds no messages.
    ///
    /// ## Evidence
    /// A SYN that is answered by RST and ACK, acknowledging the SYN, with the TTL of the host's other packets.
    ///
    /// ## Traps
    /// A reset after the connection was open, or one that answers data, is another matter. A reset whose TTL differs
    /// from that of the host's other packets comes from a firewall: `imap-port-filtered`.
    ///
    /// ## Remedy
    /// On Exchange run `Set-Service MSExchangeIMAP4 -StartupType Automatic; Start-Service MSExchangeIMAP4`; from
    /// Exchange 2013 on the same for `MSExchangeIMAP4BE`. Check which ports are bound: `Get-ImapSettings | fl
    /// Server,*Bindings`.
    ///
    /// ## References
    /// RFC 9293, 3.10.7.1; Cisco TechNote 117589.
    pub(crate) struct ImapPortClosed;
    id = "imap-port-closed";
    severity = Error;
    check = check;
}

fn check(cx: &Context<'_>, out: &mut Findings<'_>) {
    super::closed(cx, Service::Imap, out);
}
