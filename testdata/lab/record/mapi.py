#!/usr/bin/env python3
"""Records MAPI over RPC between Unity Connection and two Client Access servers behind a HAProxy in TCP mode.

Usage, as root: mapi.py OUTPUT_FOLDER [SCENARIO...]. All scenarios run side by side, in one minute.
Needs what network.py needs, and haproxy, capinfos and, for the Python that runs it, impacket 0.13 from PyPI; Debian's
0.10 is too old.
"""

import concurrent.futures
import inspect
import pathlib
import sys
import tempfile
import time

import client_access
import label
import unity
from label import findings
from network import Network

HERE = pathlib.Path(__file__).parent
UNITY, SECOND_UNITY = "10.10.30.12", "10.10.31.12"
BALANCER = unity.ARRAY
CAS1, CAS2 = "10.10.21.11", "10.10.22.12"
HOSTS = {
    "unity": (f"{UNITY}/24", "10.10.30.1/24"),
    "unity2": (f"{SECOND_UNITY}/24", "10.10.31.1/24"),
    "balancer": (f"{BALANCER}/24", "10.10.20.1/24"),
    "cas1": (f"{CAS1}/24", "10.10.21.1/24"),
    "cas2": (f"{CAS2}/24", "10.10.22.1/24"),
}
SERVERS = {"cas1": CAS1, "cas2": CAS2}
ENDS = ["unity", "balancer", *SERVERS]
MAPPER, MAILBOX, OTHER_MAILBOX, BOOK = 135, 59531, 59532, 59533
RULES = """
mapi-affinity-break mapi-context-fault mapi-connect-failed mapi-session-limit mapi-encryption-mismatch mapi-server-busy
mapi-reset mapi-idle-reset mapi-endpoint-unreachable mapi-port-closed mapi-port-filtered
""".split()


def bind(*ports):
    return f"bind {BALANCER}:{'-'.join(map(str, ports))}"


RPC_PORTS = [bind(MAILBOX, BOOK)]
ALL_PORTS = [bind(MAPPER), *RPC_PORTS]
TURNS = ["balance roundrobin"]
BY_SOURCE = ["stick-table type ip size 1k expire 1h", "stick on src"]
BOTH = [f"server {name} {address}" for name, address in SERVERS.items()]
ROUND_ROBIN = TURNS + BOTH
STICKY = BY_SOURCE + ROUND_ROBIN
STICKY_ELSEWHERE = BY_SOURCE + TURNS + BOTH[::-1]


def mapi_round_robin(site):
    """Round robin: the second connection of a session goes to the other server, which refuses to let it join."""
    site.haproxy(listen("array", ALL_PORTS, ROUND_ROBIN))
    site.play()
    refused = findings("mapi-context-fault", UNITY, severity="error")
    # One address and a refusal without a name: who refused can be seen on the balancer only.
    site.label("unity", findings("mapi-affinity-break", UNITY) + refused, mapi(1, 3, 9, 0))
    broken = findings("mapi-affinity-break", UNITY, confidence="proven")
    site.label("balancer", broken + refused, mapi(1, 3, 9, 0))
    refused = findings("mapi-context-fault", BALANCER, severity="error")
    site.label("cas1", refused, mapi(0, 1, 0, 0), findings("mapi-affinity-break"))
    site.label("cas2", [], mapi(1, 2, 9, 0))


def mapi_round_robin_handle(site):
    """Round robin: the context handle of one server is used on the other, which does not know it."""
    site.haproxy(listen("array", ALL_PORTS, ROUND_ROBIN))
    site.play()
    broken = findings("mapi-affinity-break", UNITY, confidence="proven")
    unknown = findings("mapi-context-fault", UNITY, severity="error")
    site.label("unity", broken + unknown, mapi(2, 2, 5, 1))
    site.label("balancer", broken + unknown, mapi(2, 2, 5, 1))
    unknown = findings("mapi-context-fault", BALANCER, severity="error")
    site.label("cas1", unknown, mapi(1, 1, 1, 1), findings("mapi-affinity-break"))
    site.label("cas2", [], mapi(1, 1, 4, 0))


def mapi_round_robin_sealed(site):
    """Round robin with sealed stubs: the other server refuses a connection of the session, and then its handle."""
    site.haproxy(listen("array", ALL_PORTS, ROUND_ROBIN))
    site.play()
    unknown = findings("mapi-context-fault", UNITY, severity="error")
    site.label("unity", findings("mapi-affinity-break", UNITY) + unknown, mapi(2, 4, 6, 1))
    broken = findings("mapi-affinity-break", UNITY, confidence="proven")
    site.label("balancer", broken + unknown, mapi(2, 4, 6, 1))
    unknown = findings("mapi-context-fault", BALANCER, severity="error")
    site.label("cas1", unknown, mapi(1, 2, 1, 1), findings("mapi-affinity-break"))
    site.label("cas2", [], mapi(1, 2, 5, 0))


def mapi_sticky(site):
    """Persistence by source address on all ports: two clients, each on its own server; all is well."""
    site.haproxy(listen("array", ALL_PORTS, STICKY))
    site.play("unity", "unity2")
    site.label("unity", [], mapi(3, 4, 10, 0))
    site.label("balancer", [], mapi(6, 8, 20, 0))
    site.label("cas1", [], mapi(3, 4, 10, 0))
    site.label("cas2", [], mapi(3, 4, 10, 0))


def mapi_sticky_per_port(site):
    """Persistence by port: mapper and address book on one server, the mailbox on the other, all on the same ports."""
    site.haproxy(
        listen("mapper", [bind(MAPPER)], STICKY),
        listen("mailbox", [bind(MAILBOX)], STICKY_ELSEWHERE),
        listen("book", [bind(BOOK)], STICKY),
    )
    site.play()
    site.label("unity", [], mapi(3, 4, 10, 0))
    site.label("balancer", [], mapi(3, 4, 10, 0))
    site.label("cas1", [], mapi(2, 2, 3, 0))
    site.label("cas2", [], mapi(1, 2, 7, 0))


def mapi_dynamic_ports(site):
    """Persistence by port, and each server has a port of its own: what one names is closed on the other."""
    site.haproxy(listen("mapper", [bind(MAPPER)], STICKY), listen("rpc", RPC_PORTS, STICKY_ELSEWHERE))
    site.mailbox_ports["cas2"] = OTHER_MAILBOX
    site.play()
    # The balancer accepts what it cannot pass on: the client's bind is never answered.
    site.label("unity", findings("mapi-endpoint-unreachable", BALANCER), mapi(3, None, 10, 0))
    site.label("balancer", findings("mapi-endpoint-unreachable", CAS2), mapi(3, None, 10, 0))
    site.label("cas1", [], mapi(3, 4, 10, 0))
    site.label("cas2", [], mapi(0, 0, 0, 0))


def mapi_idle_reset(site):
    """HAProxy forgets connections after 40 s of silence, FIN and RST at once, while a call waits for news."""
    site.seconds_to_news = 300
    site.haproxy(listen("array", ALL_PORTS, STICKY, ["option nolinger"]), idle=40)
    site.play()
    forgotten = findings("mapi-idle-reset", UNITY)
    site.label("unity", forgotten, mapi(2, 3, 7, 0))
    site.label("balancer", forgotten, mapi(2, 3, 7, 0))
    site.label("cas1", [], mapi(2, 3, 7, 0))


def mapi_idle_close(site):
    """HAProxy closes connections after 40 s of silence; the client tries the old group once, and begins anew."""
    site.seconds_to_news = 300
    site.haproxy(listen("array", ALL_PORTS, STICKY), idle=40)
    site.play()
    forgotten = findings("mapi-idle-reset", UNITY)
    refused = findings("mapi-context-fault", UNITY, severity="info")
    site.label("unity", forgotten + refused, mapi(2, 4, 7, 0))
    site.label("balancer", forgotten + refused, mapi(2, 4, 7, 0))
    site.label("cas1", findings("mapi-context-fault", BALANCER, severity="info"), mapi(2, 4, 7, 0))


def mapi(associations, connections, calls, faults):
    """Counts of what goes to the mailbox, the address book and referral."""
    return {"associations": associations, "connections": connections, "calls": calls, "faults": faults}


def listen(name, *sections):
    """A part of HAProxy's configuration; servers without a port keep that which the client called."""
    return "\n".join([f"listen {name}", *(line for section in sections for line in section)])


class Site:
    """Unity Connection, a balancer and two Client Access servers, recorded at each."""

    def __init__(self, scenario, network, work, output):
        self.name, self.scenario = label.kebab(scenario), scenario.__name__
        self.description = inspect.getdoc(scenario)
        self.network, self.work, self.output = network, work, output
        self.mailbox_ports = {"cas1": MAILBOX, "cas2": MAILBOX}
        self.seconds_to_news = 6
        for server in SERVERS:
            # As Windows does, more or less: its TTL, no timestamps.
            network.run(server, "sysctl", "-qw", "net.ipv4.ip_default_ttl=128", "net.ipv4.tcp_timestamps=0")

    def haproxy(self, *sections, idle=7200):
        times = f"timeout connect 2s\ntimeout client {idle}s\ntimeout server {idle}s"
        config = self.work / "configuration"
        config.write_text("\n".join(["defaults", "mode tcp", times, *sections]) + "\n")
        self.network.start("balancer", "haproxy", "-q", "-db", "-f", config)
        self.wait_for("balancer", MAPPER)

    def wait_for(self, host, port):
        while f":{port} " not in self.network.run(host, "ss", "-ltn"):
            time.sleep(0.1)

    def play(self, *clients):
        for server, address in SERVERS.items():
            words = server.upper(), address, self.mailbox_ports[server], BOOK, self.seconds_to_news
            self.network.start(server, sys.executable, HERE / "client_access.py", *words)
            self.wait_for(server, MAPPER)
        for end in ENDS:
            self.network.record(end, self.file(end))
        for client in clients or ["unity"]:
            self.network.run(client, sys.executable, HERE / "unity.py", self.scenario)
        self.network.stop_recording()

    def file(self, end):
        return self.work / f"{self.name}-{end}.pcap"

    def label(self, end, expect, mapi, allow=()):
        output = self.output / self.file(end).name
        output.write_bytes(self.file(end).read_bytes())
        told = {"notifications": 0, "packets": label.count_packets(output), "mapi": mapi}
        facts = dict.fromkeys(label.FACTS) | told
        named = {finding["rule"] for finding in [*expect, *allow]}
        forbid = [rule for rule in RULES if rule not in named]
        path = output.with_suffix(".label.json")
        label.write(
            path, self.description, [output.name], {}, facts, expect, allow, forbid, [client_access.PASSWORD]
        )


def record(scenario, output):
    with tempfile.TemporaryDirectory() as work, Network(label.kebab(scenario), HOSTS) as network:
        pathlib.Path(work).chmod(0o777)
        scenario(Site(scenario, network, pathlib.Path(work), output))


SCENARIOS = [
    mapi_round_robin, mapi_round_robin_handle, mapi_round_robin_sealed, mapi_sticky, mapi_sticky_per_port,
    mapi_dynamic_ports, mapi_idle_reset, mapi_idle_close,
]  # fmt: skip


def main():
    output, *names = sys.argv[1:]
    chosen = [scenario for scenario in SCENARIOS if not names or scenario.__name__ in names]
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
        jobs = {scenario.__name__: pool.submit(record, scenario, pathlib.Path(output)) for scenario in chosen}
        for name, job in jobs.items():
            if error := job.exception():
                print(f"{name}: {error} {getattr(error, 'stderr', '')}", file=sys.stderr)


main()
