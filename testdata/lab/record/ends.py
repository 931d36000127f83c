#!/usr/bin/env python3
"""Records mail and TLS at both ends at once: the mail server's and the desk's, with something on the path between.

Usage, as root: ends.py OUTPUT_FOLDER [SCENARIO...]. All scenarios run side by side, in a minute.
Needs what mail.py needs, and haproxy.
"""

import subprocess
import sys

import agents
import label
import mail
from label import findings
from network import shift_clock

PROXY = "10.10.20.8"
CLEAR = findings("imap-plaintext-credentials", agents.ACCOUNT)
OTHER_CLEAR = findings("imap-plaintext-credentials", agents.OTHER_ACCOUNT)
# s_server's certificate signs itself.
OWN_CERTIFICATE = findings("tls-chain-incomplete") + findings("tls-cn-mismatch") + findings("tls-san-mismatch")


def imap_source_nat(site):
    """IMAP through a router that hides the desk behind its own address and other ports."""
    site.network.nft('postrouting oifname "server" tcp dport 143 masquerade to :40000-40999')
    site.dovecot()
    site.play()
    site.label_pair({"source-nat": 3}, CLEAR + OTHER_CLEAR)


def imap_haproxy(site):
    """IMAP through HAProxy in TCP mode. Most sessions say the same, byte for byte; the server's clock is ahead."""
    site.haproxy(143)
    site.dovecot()
    site.play(clock_offset=4217.5)
    site.label_pair({"proxy": 7}, CLEAR + OTHER_CLEAR)


def imap_reset(site):
    """After five seconds a firewall resets one of two IMAP sessions towards the desk, which ends the other."""
    site.dovecot()
    rule = f"forward ip saddr {agents.DESK} tcp dport 143 reject with tcp reset"
    site.after(5, lambda: site.network.nft(rule))
    site.play()
    site.label_pair({"direct": 2}, CLEAR, resets={"exchange": 0, "cuc": 0, "between": 1})


def smtp_destination_nat(site):
    """SMTP to an address that a router rewrites to the server's."""
    site.network.nft(f"prerouting ip daddr {agents.VIRTUAL} dnat to {agents.SERVER}")
    site.postfix()
    site.play()
    site.label_pair({"destination-nat": 3})


def smtp_haproxy(site):
    """SMTP through HAProxy in TCP mode; the server's clock is half a day behind."""
    site.haproxy(25)
    site.postfix()
    site.play(clock_offset=-43_200.25)
    site.label_pair({"proxy": 4})


def mail_filtered(site):
    """On the way to the server a firewall drops SYNs to 143, and answers those to 587 with a reset of its own."""
    site.network.nft("forward tcp dport 143 drop", "forward tcp dport 587 reject with tcp reset")
    site.ping()
    site.postfix()
    site.play()
    filtered = findings("imap-port-filtered", agents.SERVER) + findings("smtp-port-filtered", agents.SERVER)
    site.label_pair({"direct": 3}, filtered, forbid=["smtp-port-closed", "imap-port-closed"])


def mail_answers_lost(site):
    """SYNs to 143 arrive at the server, and a firewall drops its answers on the way back."""
    site.network.nft("forward tcp sport 143 drop")
    site.postfix()
    site.play()
    site.label_pair({"direct": 3}, findings("imap-port-filtered", agents.SERVER))


def tls_direct(site):
    """TLS through a router that changes nothing."""
    site.tls()
    site.play()
    site.label_pair({"direct": 2}, allow=OWN_CERTIFICATE)


def tls_source_nat(site):
    """TLS through a router that hides the desk behind its own address and other ports."""
    site.network.nft('postrouting oifname "server" tcp dport 443 masquerade to :40000-40999')
    site.tls()
    site.play(clock_offset=-90)
    site.label_pair({"source-nat": 2}, allow=OWN_CERTIFICATE)


def tls_haproxy(site):
    """TLS through HAProxy in TCP mode: what it passes on it cannot read."""
    site.haproxy(443)
    site.tls()
    site.play(clock_offset=61_200)
    site.label_pair({"proxy": 2}, allow=OWN_CERTIFICATE)


def tls_reset(site):
    """A box on the path resets the connection towards the desk when it reads a server name of its list."""
    # 32 bytes of TCP header and 127 of the ClientHello lie before the name.
    site.network.nft(f"forward @th,1272,64 {int.from_bytes(b'calendar'):#x} reject with tcp reset")
    site.tls()
    site.tls(8443)
    site.play()
    reset = findings("tls-network-error", agents.SERVER)
    site.label_pair({"direct": 3}, reset, OWN_CERTIFICATE, resets={"exchange": 0, "cuc": 0, "between": 1})


class Site(mail.Site):
    """A mail server and a desk, recorded at both."""

    def haproxy(self, port):
        """The desk knows nothing of it: its connections to the server end there."""
        self.network.run("router", "ip", "address", "add", f"{PROXY}/24", "dev", "server")
        self.network.nft(f'prerouting iifname "desk" tcp dport {port} redirect to :1{port}')
        config = self.work / "haproxy.cfg"
        config.write_text(HAPROXY.format(port=port, proxy=PROXY, server=agents.SERVER))
        self.network.start("router", "haproxy", "-q", "-db", "-f", config)

    def ping(self):
        """What shows that neither capture is limited to a port."""
        quiet = {"stdout": subprocess.DEVNULL}
        self.network.start("desk", "ping", "-q", "-i", "5", agents.SERVER, **quiet)

    def tls(self, port=443):
        serve = f"openssl s_server -quiet -www -accept {port} -key {self.work}/key.pem -cert {self.work}/cert.pem"
        self.network.start("server", *serve.split())
        self.wait_for(port)

    def play(self, clock_offset=0):
        """Records both ends; then the server's clock is ahead by so many seconds."""
        self.ends = [self.work / f"{self.name}-exchange.pcapng", self.work / f"{self.name}-cisco.pcap"]
        self.network.record("server", self.ends[0])
        self.network.record("desk", self.ends[1])
        self.network.run("desk", sys.executable, mail.HERE / "agents.py", self.scenario)
        self.network.stop_recording()
        self.clock_offset = clock_offset
        if clock_offset:
            shift_clock(self.ends[0], clock_offset)

    def label_pair(self, connections, expect=(), allow=(), forbid=(), resets=None):
        """What `sibtrace compare` must say: how many connections of each kind were seen at both ends."""
        for end in self.ends:
            (self.output / end.name).write_bytes(end.read_bytes())
        files = {"exchange": [self.ends[0].name], "cuc": [self.ends[1].name]}
        facts = {
            "connections": connections,
            "resets": resets or {"exchange": 0, "cuc": 0, "between": 0},
            "clock_offset_us": round(self.clock_offset * 1e6),
        }
        path = self.output / f"{self.name}.compare.json"
        label.write(path, self.description, files, {}, facts, expect, allow, forbid, mail.SECRETS)


HAPROXY = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen mail
  bind :1{port}
  source {proxy}
  server exchange {server}:{port}
"""

SCENARIOS = [
    imap_source_nat, imap_haproxy, imap_reset, smtp_destination_nat, smtp_haproxy, mail_filtered, mail_answers_lost,
    tls_direct, tls_source_nat, tls_haproxy, tls_reset,
]  # fmt: skip

if __name__ == "__main__":
    mail.record_all(SCENARIOS, Site, *sys.argv[1:])
