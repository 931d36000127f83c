#!/usr/bin/env python3
"""Records push notifications between real TCP stacks, proxies and firewalls, at both ends at once.

Usage, as root: notifications.py OUTPUT_FOLDER [SCENARIO...]. All scenarios run side by side, in real time: 25 minutes.
Needs what network.py needs, and nftables, haproxy, nginx, squid, ping and editcap.
"""

import concurrent.futures
import inspect
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import label
from label import findings
from network import Network, shift_clock

HERE = pathlib.Path(__file__).parent
HEALTHY, FAULT_AT, FAULTY = 700, 320, 1500
EXCHANGE, CUC, PROXY, ROUTER, VIRTUAL = (
    "10.10.20.11",
    "10.10.30.44",
    "10.10.30.8",
    "10.10.30.1",
    "10.10.40.200",
)
HOSTS = {"exchange": (f"{EXCHANGE}/24", "10.10.20.1/24"), "cisco": (f"{CUC}/24", f"{ROUTER}/24")}


def direct(site):
    """Two subscriptions through a router; all is well."""
    site.network.record("router", site.file("router.pcap"), "-i", "any")
    site.network.record("cisco", site.file("short-snaplen.pcap"), "-s", "128")
    site.notify()
    site.label("exchange")
    site.label("cisco")
    site.label("router")
    snaplen = findings("capture-snaplen", site.file("short-snaplen.pcap").name)
    unread = {
        "notifications": None,
        "keepalives": None,
        "messages": None,
        "subscriptions": None,
        "sources": None,
    }
    site.label(
        "short-snaplen",
        snaplen,
        facts=unread | {"replies_200": None, "other_replies": None, "unanswered": None},
    )
    site.label_pair("direct")


def haproxy_http(site):
    """HAProxy in HTTP mode intercepts the notifications and adds X-Forwarded-For."""
    site.intercept()
    site.haproxy("mode http", "option forwardfor")
    site.through_proxy("proven")


def haproxy_tcp(site):
    """HAProxy in TCP mode intercepts the notifications: no header tells of it, only its TCP stack."""
    site.intercept()
    site.haproxy("mode tcp")
    site.through_proxy()


def nginx(site):
    """nginx as it comes intercepts the notifications: it passes them on in HTTP/1.0 and names neither itself nor them."""
    site.intercept()
    server = f"listen 17080; location / {{ proxy_pass http://{CUC}:7080; proxy_bind {PROXY}; }}"
    files = f"pid {site.work}/pid; error_log {site.work}/error.log;"
    config = site.configure(
        f"daemon off; {files} events {{}} http {{ access_log off; server {{ {server} }} }}\n"
    )
    site.network.start("router", "nginx", "-c", config)
    site.through_proxy()


def squid_reverse(site):
    """Squid as a reverse proxy intercepts the notifications and adds Via and X-Forwarded-For."""
    site.intercept()
    peer = f"cache_peer {CUC} parent 7080 0 no-query originserver"
    site.squid(f"http_port 17080 accel defaultsite={CUC}:7080 no-vhost", peer)
    site.through_proxy("proven")


def squid_forward(site):
    """Exchange's web.config names a proxy, a Squid: absolute form before it, Via and X-Forwarded-For after it."""
    site.squid("http_port 3128")
    site.through_proxy("proven", "10.10.20.1:3128", exchange=findings("notify-source-proxy"))


def chunked(site):
    """A proxy that sends every body on in chunks and adds no header that names it."""
    site.intercept()
    site.network.start("router", sys.executable, HERE / "chunking.py", 17080, PROXY, CUC, 7080)
    site.through_proxy()


def source_nat(site):
    """A router's nftables rewrites the source address, which from Unity Connection's side is one nobody expected."""
    site.network.nft(f'postrouting oifname "cisco" snat to {ROUTER}')
    site.network.record("router", site.file("router.pcap"), "-i", "any")
    site.notify()
    translated = findings("notify-source-nat", ROUTER)
    site.label("exchange")
    unexpected = findings("notify-source-unexpected", ROUTER)
    site.label("cisco", unexpected, forbid=["notify-source-proxy"], facts={"sources": [ROUTER]})
    twice = {"sources": None, "connections": 2 * len(site.account)}
    site.label("router", translated, unexpected, ["notify-source-proxy"], facts=twice)
    site.label_pair("source-nat", translated, unexpected, ["notify-source-proxy", "notify-lost-in-path"])


def destination_nat(site):
    """Exchange sends to a virtual address, and a router's nftables rewrites it to Unity Connection's own."""
    site.network.nft(f"prerouting ip daddr {VIRTUAL} dnat to {CUC}")
    site.notify(url=f"http://{VIRTUAL}:7080")
    translated = findings("notify-source-nat", EXCHANGE)
    site.label("exchange", cuc=[VIRTUAL])
    site.label("cisco", translated, forbid=["notify-source-proxy"])
    site.label_pair("destination-nat", translated, forbid=["notify-source-proxy", "notify-lost-in-path"])


def loss(site):
    """One packet in eight is lost on the path; TCP repairs it. Unity Connection's clock is 37.25 s behind."""
    site.network.nft("forward numgen random mod 8 == 0 drop")
    site.start_jetty(-37.25)
    site.notify()
    shift_clock(site.file("cisco.pcap"), -37.25)
    site.label("exchange")
    site.label("cisco")
    site.label_pair("direct", forbid=["notify-lost-in-path"], clock_offset_us=37_250_000)


def firewall_drop(site):
    """After five minutes a firewall drops what goes to port 7080. Both hosts still ping each other."""
    site.break_path("forward tcp dport 7080 drop")
    site.label_broken(findings("notify-port-filtered", CUC))


def firewall_reject(site):
    """After five minutes a firewall answers SYNs to port 7080 with ICMP. Both hosts still ping each other."""
    site.break_path("forward tcp dport 7080 reject with icmp type admin-prohibited")
    site.label_broken(findings("notify-port-filtered", CUC))


def jetty_stopped(site):
    """After five minutes Jetty stops, and Unity Connection refuses connections to port 7080."""
    site.ping()
    site.after_a_while(lambda: site.jetty.kill())
    site.notify(FAULTY)
    site.label_broken(
        findings("notify-port-closed", CUC), findings("notify-port-closed", CUC), tries_arrive=True
    )


def haproxy_503(site):
    """After five minutes Jetty stops, and the HAProxy before it answers Exchange with 503."""
    site.intercept()
    site.haproxy("mode http", "option forwardfor")
    site.ping()
    site.after_a_while(lambda: site.jetty.kill())
    site.notify(FAULTY)
    rejected = findings("notify-rejected", *site.ids) + findings("notify-retry", *site.ids)
    gone = findings("subscription-abandoned", *site.ids) + findings("keepalive-missing", *site.ids)
    stale = findings("subscription-stale", *site.ids)
    proxy = findings("notify-source-proxy", PROXY, confidence="proven")
    refused = len(site.account) - site.answered
    sent = {"notifications": len(site.account), "keepalives": len(site.account) - 1, "other_replies": refused}
    site.label("exchange", rejected + gone, stale + findings("notify-source-proxy"), facts=sent)
    missing = findings("notify-port-closed", CUC) + findings("keepalive-missing", *site.ids) + stale
    site.label("cisco", missing + proxy, facts={"sources": [PROXY], "connections": None})


def black_hole(site):
    """After five minutes packets over 600 bytes vanish on the path: connections are made, but no body arrives."""
    site.break_path("forward ip length > 600 drop")
    unanswered = [*findings("notify-unanswered", *site.ids), *findings("notify-retry", *site.ids)]
    gone = findings("subscription-abandoned", *site.ids) + findings("keepalive-missing", *site.ids)
    stale = findings("subscription-stale", *site.ids)
    sent = {"notifications": len(site.account), "unanswered": len(site.account) - site.answered}
    site.label("exchange", unanswered + gone, stale, facts=sent | {"keepalives": len(site.account) - 1})
    site.label("cisco", findings("keepalive-missing", *site.ids) + stale, forbid=["capture-drops"])
    site.label_pair("direct", findings("notify-lost-in-path", *site.ids), unanswered + gone + stale)


class Site:
    """Exchange and Unity Connection in a network, recorded at both."""

    def __init__(self, scenario, network, work, output):
        self.name, self.description = label.kebab(scenario), inspect.getdoc(scenario)
        self.network, self.work, self.output = network, work, output
        self.jetty = None
        # As Windows does, more or less: its TTL, no timestamps, few and slow retransmissions.
        network.run("exchange", "sysctl", "-qw", "net.ipv4.ip_default_ttl=128", "net.ipv4.tcp_timestamps=0")
        network.run(
            "exchange", "sysctl", "-qw", "net.ipv4.tcp_syn_retries=3", "net.ipv4.tcp_orphan_retries=1"
        )
        network.run("exchange", *"ip route change default via 10.10.20.1 rto_min 1s".split())
        network.run("router", "ip", "address", "add", f"{PROXY}/24", "dev", "cisco")

    def file(self, end):
        return self.work / f"{self.name}-{end}"

    def configure(self, *lines):
        path = self.work / "configuration"
        path.write_text("\n".join(lines) + "\n")
        return path

    def start_jetty(self, clock_offset=0):
        self.jetty = self.network.start("cisco", sys.executable, HERE / "jetty.py", clock_offset)
        time.sleep(1)

    def intercept(self):
        """Exchange knows nothing of the proxy: its connections to Unity Connection end there."""
        self.network.nft('prerouting iifname "exchange" tcp dport 7080 redirect to :17080')

    def haproxy(self, *lines):
        times = "timeout connect 5s", "timeout client 60s", "timeout server 60s"
        listen = "listen notifications", "bind :17080", f"source {PROXY}", f"server cuc {CUC}:7080"
        self.network.start(
            "router", "haproxy", "-q", "-db", "-f", self.configure("defaults", *times, *lines, *listen)
        )

    def squid(self, *lines):
        files = "pid_filename none", "access_log none", f"cache_log {self.work}/cache.log", "cache deny all"
        common = (
            f"tcp_outgoing_address {PROXY}",
            "http_access allow all",
            "visible_hostname proxy.corp.example.com",
        )
        config = self.configure(*files, *common, "shutdown_lifetime 0 seconds", *lines)
        self.start_jetty()  # Squid calls a peer dead that is not there when it starts.
        self.network.start("router", "squid", "-N", "-n", self.name.replace("-", ""), "-f", config)

    def ping(self):
        quiet = {"stdout": subprocess.DEVNULL}
        self.network.start("cisco", "ping", "-q", "-i", "30", EXCHANGE, **quiet)

    def after_a_while(self, action):
        timer = threading.Timer(FAULT_AT, action)
        timer.daemon = True
        timer.start()

    def break_path(self, rule):
        self.ping()
        self.after_a_while(lambda: self.network.nft(rule))
        self.notify(FAULTY)

    def notify(self, seconds=None, url=f"http://{CUC}:7080", proxy=None):
        """Records both ends while Exchange runs; then `account`, `ids` and `answered` tell what it did."""
        self.network.record("exchange", self.file("exchange.pcapng"))
        self.network.record("cisco", self.file("cisco.pcap"))
        if not self.jetty:
            self.start_jetty()
        account = self.work / "account.json"
        service = "/NotificationService/services/NotificationService"
        words = [sys.executable, HERE / "exchange.py", seconds or HEALTHY, account, url + service]
        self.network.run("exchange", *words, *([proxy] if proxy else []))
        self.network.stop_recording()
        self.account = json.loads(account.read_text())
        self.ids = sorted({a_try["subscription"] for a_try in self.account})
        self.answered = sum(a_try["status"] == 200 for a_try in self.account)

    def through_proxy(self, confidence=None, proxy=None, exchange=()):
        self.notify(proxy=proxy)
        found = findings("notify-source-proxy", PROXY, confidence=confidence)
        forbid = ["notify-source-unexpected", "notify-source-nat"]
        self.label("exchange", exchange, findings("notify-source-proxy"))
        self.label("cisco", found, forbid=forbid, facts={"sources": [PROXY], "connections": None})
        self.label_pair(
            "proxy", findings("notify-source-proxy", PROXY), forbid=[*forbid, "notify-lost-in-path"]
        )

    def label_broken(self, at_exchange, at_cisco=(), tries_arrive=False):
        """No connection was made from a moment on: both subscriptions end."""
        stale = findings("keepalive-missing", *self.ids) + findings("subscription-stale", *self.ids)
        abandoned = findings("subscription-abandoned", *self.ids)
        self.label("exchange", [*at_exchange, *stale], abandoned)
        connections = len(self.account) if tries_arrive else self.answered
        self.label("cisco", [*at_cisco, *stale], abandoned, facts={"connections": connections})
        self.label_pair("direct", [*at_exchange, *stale], abandoned, ["notify-lost-in-path"])

    def label(self, end, expect=(), allow=(), forbid=(), cuc=(CUC,), facts=None):
        """Stores the capture of one end with its label. Without `facts` what Exchange sent is what is seen there."""
        [capture] = [path for path in self.work.glob(f"{self.name}-{end}.*") if path.suffix != ".log"]
        keepalives = sum(a_try["status"] == 200 and a_try["keepalive"] for a_try in self.account)
        told = {
            "notifications": self.answered,
            "keepalives": keepalives,
            "messages": self.answered - keepalives,
            "replies_200": self.answered,
            "other_replies": 0,
            "unanswered": 0,
            "subscriptions": len(self.ids),
            "sources": [EXCHANGE],
            "packets": label.count_packets(capture),
            "connections": len(self.account),
        }
        known = dict.fromkeys(label.FACTS) | told | (facts or {})
        config = {"exchange_addrs": [EXCHANGE], "cuc_addrs": list(cuc)}
        output = self.output / capture.name
        output.write_bytes(capture.read_bytes())
        path = output.with_suffix(".label.json")
        label.write(path, self.description, [output.name], config, known, expect, allow, forbid)

    def label_pair(self, kind, expect=(), allow=(), forbid=(), clock_offset_us=0):
        """What `sibtrace compare` must say: `kind` is that of every answered notification."""
        files = {"exchange": [f"{self.name}-exchange.pcapng"], "cuc": [f"{self.name}-cisco.pcap"]}
        config = {"exchange_addrs": [EXCHANGE], "cuc_addrs": [CUC]}
        facts = {
            "pairs": {kind: self.answered},
            "answered": self.answered,
            "clock_offset_us": clock_offset_us,
        }
        path = self.output / f"{self.name}.compare.json"
        label.write(path, self.description, files, config, facts, expect, allow, forbid)


def record(scenario, output):
    with tempfile.TemporaryDirectory() as work, Network(label.kebab(scenario), HOSTS) as network:
        pathlib.Path(work).chmod(0o777)
        scenario(Site(scenario, network, pathlib.Path(work), output))


SCENARIOS = [
    direct, haproxy_http, haproxy_tcp, nginx, chunked, squid_reverse, squid_forward, source_nat, destination_nat, loss,
    firewall_drop, firewall_reject, jetty_stopped, haproxy_503, black_hole,
]  # fmt: skip


def main():
    output, *names = sys.argv[1:]
    chosen = [scenario for scenario in SCENARIOS if not names or scenario.__name__ in names]
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
        for done in [pool.submit(record, scenario, pathlib.Path(output)) for scenario in chosen]:
            done.result()


if __name__ == "__main__":
    main()
