#!/usr/bin/env python3
"""Records IMAP with Dovecot and SMTP with Postfix, as agents and servers of a contact centre speak it.

Usage, as root: mail.py OUTPUT_FOLDER [SCENARIO...]. All scenarios run side by side, in four minutes.
Needs what network.py needs, and nftables, dovecot, postfix, openssl, curl, swaks and capinfos.
"""

import concurrent.futures
import inspect
import pathlib
import shutil
import sys
import tempfile
import threading
import time

import agents
import label
from label import findings
from network import Network

HERE = pathlib.Path(__file__).parent
HOSTS = {
    "server": (f"{agents.SERVER}/24", "10.10.20.1/24"),
    "desk": (f"{agents.DESK}/24", "10.10.30.1/24"),
}
CLEAR = findings("imap-plaintext-credentials", agents.ACCOUNT)
OTHER_CLEAR = findings("imap-plaintext-credentials", agents.OTHER_ACCOUNT)


def imap_limit(site):
    """Dovecot allows one user four sessions from one address: a fifth and sixth are refused until one ends."""
    site.dovecot("mail_max_userip_connections = 4")
    site.play()
    throttled = findings("imap-auth-throttled", agents.ACCOUNT)
    full = findings("imap-connection-limit", agents.ACCOUNT)
    forbid = ["imap-auth-rejected", "imap-account-lockout"]
    site.label(throttled + full + CLEAR, forbid=forbid, imap_limit=["user=4"], imap=imap(7, 5, 2, 2, 4, 5))


def imap_wrong_password(site):
    """One account is refused three times for its password; another gets in from the same address."""
    site.dovecot()
    site.play()
    forbid = ["imap-auth-throttled", "imap-connection-limit", "imap-account-lockout"]
    site.label(
        findings("imap-auth-rejected", agents.ACCOUNT) + CLEAR + OTHER_CLEAR,
        forbid=forbid,
        imap=imap(4, 1, 3, 3, 1, 1),
    )


def imap_old_password(site):
    """An account works at one desk; another desk still sends its old password and is refused."""
    site.dovecot()
    site.play()
    forbid = ["imap-auth-throttled", "imap-connection-limit", "imap-account-lockout"]
    site.label(
        findings("imap-auth-rejected", agents.ACCOUNT) + CLEAR, forbid=forbid, imap=imap(4, 1, 3, 3, 1, 1)
    )


def imap_healthy(site):
    """LOGIN with literals, SASL-IR, APPEND with both kinds of literal, FETCH of text that looks like refusals, IDLE."""
    site.dovecot()
    site.play()
    site.label(CLEAR + OTHER_CLEAR, imap=imap(2, 2, 0, 0, 1, 1))


def imap_starttls(site):
    """The password goes through TLS, by STARTTLS on 143 and at once on 993; the certificate signs itself."""
    site.dovecot()
    site.play()
    unseen = {
        "sessions": None,
        "authenticated": None,
        "max_concurrent_per_user": None,
        "max_concurrent_per_ip": None,
    }
    tls = findings("tls-chain-incomplete") + findings("tls-cn-mismatch") + findings("tls-san-mismatch")
    site.label(allow=tls, forbid=["imap-plaintext-credentials"], imap=imap(0, 0, 0, 0, 0, 0) | unseen)


def imap_login_disabled(site):
    """Dovecot says LOGINDISABLED before TLS, and the client sends its password in clear all the same."""
    site.dovecot("disable_plaintext_auth = yes")
    site.play()
    disabled = findings("imap-login-disabled", agents.ACCOUNT)
    site.label(disabled, CLEAR, ["imap-auth-rejected", "imap-auth-throttled"], imap=imap(2, 0, 2, 2, 0, 1))


def imap_server_bye(site):
    """Dovecot is stopped beneath a session that works and one that is idle."""
    dovecot = site.dovecot()
    site.after(10, dovecot.terminate)
    site.play()
    site.label(
        findings("imap-server-bye", agents.DESK) + CLEAR,
        findings("imap-server-bye"),
        imap=imap(2, 2, 0, 0, 2, 1),
    )


def imap_never_logs_in(site):
    """A client connects and says nothing for three minutes, until Dovecot closes with BYE; another one works."""
    site.dovecot()
    site.play()
    forbid = ["imap-server-bye", "imap-connection-limit", "imap-auth-rejected"]
    site.label(CLEAR, forbid=forbid, imap=imap(2, 1, 0, 0, 1, 1))


def imap_long_command(site):
    """A UID FETCH of 15 000 bytes, where Dovecot takes 10 240."""
    site.dovecot("imap_max_line_length = 10240")
    site.play()
    site.label(findings("imap-command-too-long", agents.DESK) + CLEAR, imap=imap(1, 1, 0, 0, 1, 1))


def mail_ports(site):
    """Nothing listens on 143, and a firewall drops what goes to 25."""
    site.network.nft("forward tcp dport 25 drop")
    site.play()
    site.label(findings("imap-port-closed", agents.SERVER) + findings("smtp-port-filtered", agents.SERVER))


def smtp_healthy(site):
    """Mail in clear on 25, with AUTH under STARTTLS by swaks and with AUTH in clear by curl on 587."""
    site.postfix()
    site.play()
    tls = findings("tls-chain-incomplete") + findings("tls-cn-mismatch") + findings("tls-san-mismatch")
    site.label(allow=tls, smtp=smtp(3))


def smtp_too_many_connections(site):
    """Postfix takes four connections a minute from one client, and greets three more with 421."""
    site.postfix("smtpd_client_connection_rate_limit = 4")
    site.play()
    # Its words are those of the other limit: nothing says which one was met.
    either = findings("smtp-connection-limit") + findings("smtp-rate-limit") + findings("smtp-rejected")
    site.label(allow=either, smtp=smtp(7))


def smtp_concurrent_connections(site):
    """Postfix takes two connections at once from one client, and greets others with 421 until one ends."""
    site.postfix("smtpd_client_connection_count_limit = 2")
    site.play()
    site.label(findings("smtp-connection-limit", agents.DESK), smtp=smtp(5))


def smtp_too_much_mail(site):
    """Postfix takes three messages a minute from one client, and answers MAIL with 450 then."""
    site.postfix("smtpd_client_message_rate_limit = 3")
    site.play()
    site.label(findings("smtp-rate-limit", agents.DESK), smtp=smtp(1))


def smtp_auth_failed(site):
    """Dovecot, which Postfix asks, refuses a password twice with 535; another account gets in."""
    site.postfix()
    site.play()
    forbid = ["smtp-connection-limit", "smtp-rate-limit", "smtp-backpressure"]
    site.label(findings("smtp-rejected", agents.DESK), forbid=forbid, smtp=smtp(3))


def smtp_relay_denied(site):
    """Postfix refuses a recipient elsewhere with 554 and one it does not know with 550."""
    site.postfix()
    site.play()
    forbid = ["smtp-connection-limit", "smtp-rate-limit", "smtp-backpressure"]
    site.label(findings("smtp-rejected", agents.DESK), forbid=forbid, smtp=smtp(1))


def imap(sessions, authenticated, rejected, replies_no, per_user, per_ip):
    counts = {
        "sessions": sessions,
        "authenticated": authenticated,
        "rejected": rejected,
        "replies_no": replies_no,
    }
    return counts | {"max_concurrent_per_user": per_user, "max_concurrent_per_ip": per_ip}


def smtp(sessions):
    return {"sessions": sessions, "rejected": None}


class Site:
    """A mail server and a desk, recorded at the desk."""

    def __init__(self, scenario, network, work, output):
        self.name, self.scenario, self.description = (
            label.kebab(scenario),
            scenario.__name__,
            inspect.getdoc(scenario),
        )
        self.network, self.work, self.output = network, work, output
        network.run("desk", "ip", "address", "add", f"{agents.OTHER_DESK}/24", "dev", "eth0")
        names = "-subj /CN=ex01.corp.example.com -addext subjectAltName=DNS:ex01.corp.example.com"
        files = f"-keyout {work}/key.pem -out {work}/cert.pem"
        network.run(
            "server", *f"openssl req -x509 -newkey rsa:2048 -nodes -days 3650 {names} {files}".split()
        )

    def dovecot(self, *settings):
        users = {agents.ACCOUNT: agents.PASSWORD, agents.OTHER_ACCOUNT: agents.OTHER_PASSWORD}
        lines = [f"{account}:{{PLAIN}}{password}\n" for account, password in users.items()]
        (self.work / "users").write_text("".join(lines))
        config = self.work / "dovecot.conf"
        config.write_text(DOVECOT.format(work=self.work) + "".join(f"{line}\n" for line in settings))
        process = self.network.start("server", "dovecot", "-F", "-c", config)
        self.wait_for(143)
        return process

    def postfix(self, *settings):
        self.dovecot()
        for name in ["postfix", "queue", "data"]:
            (self.work / name).mkdir()
        shutil.chown(self.work / "data", "postfix")
        (self.work / "postfix/main.cf").write_text(
            POSTFIX.format(work=self.work) + "".join(f"{line}\n" for line in settings)
        )
        (self.work / "postfix/master.cf").write_text(SERVICES)
        self.network.start("server", "postfix", "-c", self.work / "postfix", "start-fg")
        self.wait_for(25)

    def wait_for(self, port):
        while f":{port} " not in self.network.run("server", "ss", "-ltn"):
            time.sleep(0.1)

    def after(self, seconds, action):
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()

    def play(self):
        self.capture = self.work / f"{self.name}.pcap"
        self.network.record("desk", self.capture)
        self.network.run("desk", sys.executable, HERE / "agents.py", self.scenario)
        self.network.stop_recording()

    def label(self, expect=(), allow=(), forbid=(), imap_limit=(), **protocols):
        output = self.output / self.capture.name
        output.write_bytes(self.capture.read_bytes())
        facts = (
            dict.fromkeys(label.FACTS)
            | {"notifications": 0, "packets": label.count_packets(output)}
            | protocols
        )
        config = {"imap_limit": list(imap_limit)} if imap_limit else {}
        path = output.with_suffix(".label.json")
        label.write(path, self.description, [output.name], config, facts, expect, allow, forbid, SECRETS)


SECRETS = [agents.PASSWORD, agents.OTHER_PASSWORD, agents.OLD_PASSWORD]

DOVECOT = """
base_dir = {work}/run
state_dir = {work}/state
log_path = {work}/dovecot.log
protocols = imap
ssl = yes
ssl_cert = <{work}/cert.pem
ssl_key = <{work}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{work}/mail/%u
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = {work}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={work}/mail/%u
}}
service auth {{
  unix_listener {work}/auth {{
    mode = 0666
  }}
}}
"""

POSTFIX = """
compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
maillog_file = {work}/mail.log
maillog_file_prefixes = {work}
inet_protocols = ipv4
myhostname = ex01.corp.example.com
mydestination =
mynetworks =
virtual_mailbox_domains = corp.example.com
virtual_mailbox_maps = inline:{{ agent1@corp.example.com=1, agent2@corp.example.com=1 }}
virtual_transport = discard
smtpd_peername_lookup = no
disable_dns_lookups = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {work}/auth
smtpd_tls_security_level = may
smtpd_tls_cert_file = {work}/cert.pem
smtpd_tls_key_file = {work}/key.pem
"""

SERVICES = """
smtp       inet  n - n - - smtpd
submission inet  n - n - - smtpd
cleanup    unix  n - n - 0 cleanup
qmgr       unix  n - n 300 1 qmgr
rewrite    unix  - - n - - trivial-rewrite
bounce     unix  - - n - 0 bounce
defer      unix  - - n - 0 bounce
discard    unix  - - n - - discard
proxymap   unix  - - n - - proxymap
anvil      unix  - - n - 1 anvil
tlsmgr     unix  - - n 1000? 1 tlsmgr
postlog    unix-dgram n - n - 1 postlogd
"""


def record(scenario, kind, output):
    name = label.kebab(scenario)
    with tempfile.TemporaryDirectory() as work, Network(name, HOSTS) as network:
        pathlib.Path(work).chmod(0o755)
        (pathlib.Path(work) / "mail").mkdir(mode=0o777)
        (pathlib.Path(work) / "mail").chmod(0o777)
        scenario(kind(scenario, network, pathlib.Path(work), output))


def record_all(scenarios, kind, output, *names):
    """Records those of the names, or all, each at a site of this kind."""
    chosen = [scenario for scenario in scenarios if not names or scenario.__name__ in names]
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
        jobs = {scenario.__name__: pool.submit(record, scenario, kind, pathlib.Path(output)) for scenario in chosen}
        for name, job in jobs.items():
            if error := job.exception():
                print(f"{name}: {error} {getattr(error, 'stderr', '')}", file=sys.stderr)


SCENARIOS = [
    imap_limit, imap_wrong_password, imap_old_password, imap_healthy, imap_starttls, imap_login_disabled,
    imap_server_bye, imap_never_logs_in, imap_long_command, mail_ports,
    smtp_healthy, smtp_too_many_connections, smtp_concurrent_connections, smtp_too_much_mail, smtp_auth_failed,
    smtp_relay_denied,
]  # fmt: skip


if __name__ == "__main__":
    record_all(SCENARIOS, Site, *sys.argv[1:])
