"""Writes labels, in the format that the README of testdata describes."""

import json
import subprocess

OPTIONS = {
    "exchange_addrs": "--exchange-addr",
    "cuc_addrs": "--cuc-addr",
    "proxy_addrs": "--proxy-addr",
    "imap_limit": "--imap-limit",
}
NOTIFICATION_FACTS = (
    "notifications keepalives messages replies_200 other_replies unanswered subscriptions sources"
)
FACTS = [*NOTIFICATION_FACTS.split(), "packets", "connections", "span_s"]


def findings(rule, *subjects, severity=None, confidence=None):
    """An expectation for each subject, or one for any."""
    common = {"severity": severity, "confidence": confidence, "frames": []}
    return [{"rule": rule, "subject": subject} | common for subject in subjects or [None]]


def write(path, description, files, config, facts, expect=(), allow=(), forbid=(), secrets=()):
    """`files` is a list, or lists by vantage point for a label of `sibtrace compare`."""
    base = {"exchange_addrs": [], "cuc_addrs": [], "proxy_addrs": [], "keepalive_interval_s": None}
    label = {
        "description": description,
        "files": files,
        "args": [word for key in config for value in config[key] for word in (OPTIONS[key], value)],
        "config": base | config,
        "expect": list(expect),
        "allow": list(allow),
        "forbid": list(forbid),
        "forbid_others": True,
        "facts": facts,
    }
    if secrets:
        label["secrets"] = secrets
    path.write_text(json.dumps(label, indent=2, ensure_ascii=False) + "\n")


def kebab(scenario):
    return scenario.__name__.replace("_", "-")


def count_packets(capture):
    line = subprocess.run(["capinfos", "-TMrc", capture], check=True, capture_output=True, text=True).stdout
    return int(line.split()[-1])
