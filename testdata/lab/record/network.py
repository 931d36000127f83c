"""Network namespaces to record in: hosts, each behind an interface of one router, and what runs on them.

No packet leaves them. Checksums and segments are not offloaded, so that captures show what a wire would carry.
Needs root, iproute2, ethtool, tcpdump, dumpcap and editcap.
"""

import pathlib
import signal
import subprocess
import time


class Network:
    """Hosts by name with address and gateway, as in `{"exchange": ("10.10.20.11/24", "10.10.20.1/24")}`."""

    def __init__(self, name, hosts):
        self.name = name
        self.hosts = hosts
        self.running = []
        self.captures = []

    def __enter__(self):
        for host in [*self.hosts, "router"]:
            call("ip", "netns", "add", self.space(host))
            self.run(host, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            self.run(host, "ip", "link", "set", "lo", "up")
        for host, (address, gateway) in self.hosts.items():
            self.connect(host, address, gateway)
        self.run("router", "sysctl", "-qw", "net.ipv4.ip_forward=1")
        return self

    def __exit__(self, *_):
        for process in self.running + self.captures:
            process.kill()
            process.wait()
        for host in [*self.hosts, "router"]:
            left = subprocess.run(["ip", "netns", "pids", self.space(host)], capture_output=True, text=True)
            subprocess.run(["kill", *left.stdout.split()], stderr=subprocess.DEVNULL)
            call("ip", "netns", "delete", self.space(host))

    def space(self, host):
        return f"sib-{self.name}-{host}"

    def connect(self, host, address, gateway):
        """A wire from eth0 of the host to an interface of the router that bears the host's name."""
        peer = ["peer", "name", host, "netns", self.space("router")]
        call("ip", "link", "add", "eth0", "netns", self.space(host), "type", "veth", *peer)
        for place, device, ip in [(host, "eth0", address), ("router", host, gateway)]:
            self.run(place, "ip", "address", "add", ip, "dev", device)
            self.run(place, "ip", "link", "set", device, "up")
            self.run(place, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        self.run(host, "ip", "route", "add", "default", "via", gateway.split("/")[0])

    def command(self, host, words):
        return ["ip", "netns", "exec", self.space(host), *map(str, words)]

    def run(self, host, *words):
        """The output of a command that must succeed."""
        return call(*self.command(host, words))

    def start(self, host, *words, **options):
        """Runs a command in the background until the network goes away."""
        process = subprocess.Popen(self.command(host, words), **options)
        self.running.append(process)
        return process

    def nft(self, *rules):
        """Adds rules to the router's firewall, with a chain for each hook that they may use."""
        self.run("router", "nft", "add table ip lab")
        for hook, kind, priority in [
            ("prerouting", "nat", -100),
            ("postrouting", "nat", 100),
            ("forward", "filter", 0),
        ]:
            chain = f"{{ type {kind} hook {hook} priority {priority}; }}"
            self.run("router", "nft", f"add chain ip lab {hook} {chain}")
        for rule in rules:
            self.run("router", "nft", f"add rule ip lab {rule}")

    def record(self, host, path, *options):
        """Records eth0 of a host: with dumpcap if the file is a pcapng, with tcpdump if not."""
        program = "dumpcap -q" if path.suffix == ".pcapng" else "tcpdump -U"
        device = [] if "-i" in options else ["-i", "eth0"]
        log = pathlib.Path(f"{path}.log")
        words = [*program.split(), *device, *options, "-w", path]
        with log.open("wb") as output:
            self.captures.append(subprocess.Popen(self.command(host, words), stdout=output, stderr=output))
        while not any(mark in log.read_text() for mark in ("listening on", "File: ")):
            time.sleep(0.05)

    def stop_recording(self):
        time.sleep(1)
        for process in self.captures:
            process.send_signal(signal.SIGINT)
            process.wait()


def shift_clock(capture, seconds):
    """Puts the clock of the host that recorded it ahead."""
    shifted = capture.with_suffix(".shifted")
    call("editcap", "-F", capture.suffix[1:], "-t", seconds, capture, shifted)
    shifted.rename(capture)


def call(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout
