"""Plays the agents and servers of a contact centre that read and send mail: agents.py SCENARIO.

Each function is the client's part of the scenario of that name in mail.py or ends.py, and fails when it is not answered
as the scenario says.
"""

import contextlib
import imaplib
import random
import smtplib
import socket
import ssl
import subprocess
import sys
import time

SERVER, VIRTUAL = "10.10.20.15", "10.10.40.200"
NAME = "uccx.corp.example.com"
DESK, OTHER_DESK = "10.10.30.61", "10.10.30.62"
ACCOUNT, PASSWORD = "uccxmail", "Kestrel-4471-uccx"
OTHER_ACCOUNT, OTHER_PASSWORD = "uccxarchive", "Bittern-9035-archive"
OLD_PASSWORD = "Dunlin-1188-lastyear"
CUSTOMER = "Subject: Where is my order?\r\nFrom: customer@example.net\r\n\r\n"
QUOTED = "A001 NO LOGIN failed.\r\n* BYE Connection is closed. 14\r\n421 4.3.2 Service not available\r\n.\r\n"


class Imap(imaplib.IMAP4):
    """A session in clear text from one of the desks."""

    def __init__(self, source=DESK):
        self.source = source
        super().__init__(SERVER, 143)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), source_address=(self.source, 0))

    def idle(self, seconds):
        self.send(b"I1 IDLE\r\n")
        assert self.readline().startswith(b"+")
        time.sleep(seconds)
        self.send(b"DONE\r\n")
        while not self.readline().startswith(b"I1 OK"):
            pass


def imap_limit():
    """Four sessions are open when a fifth and a sixth try; when one has ended there is room again."""
    sessions = [logged_in(ACCOUNT, PASSWORD) for _ in range(4)]
    refused(ACCOUNT, PASSWORD)
    refused(ACCOUNT, PASSWORD)
    leave(sessions.pop())
    sessions.append(logged_in(ACCOUNT, PASSWORD))
    for session in sessions:
        session.select()
        leave(session)


def imap_wrong_password():
    """One account is refused whatever it does; another from the same desk gets in."""
    for _ in range(3):
        refused(ACCOUNT, OLD_PASSWORD)
    leave(logged_in(OTHER_ACCOUNT, OTHER_PASSWORD))


def imap_old_password():
    """The account works at one desk, while the other still has last year's password."""
    working = logged_in(ACCOUNT, PASSWORD)
    for _ in range(3):
        refused(ACCOUNT, OLD_PASSWORD, OTHER_DESK)
        working.noop()
    leave(working)


def imap_healthy():
    """LOGIN with literals, SASL-IR, APPEND with both literals, FETCH of text that looks like replies, IDLE."""
    session = Imap()
    session.send(f"L1 LOGIN {{{len(ACCOUNT)}}}\r\n".encode())
    assert session.readline().startswith(b"+")
    session.send(f"{ACCOUNT} {{{len(PASSWORD)}+}}\r\n{PASSWORD}\r\n".encode())
    while not session.readline().startswith(b"L1 OK"):
        pass
    session.state = "AUTH"
    session.append("INBOX", None, None, (CUSTOMER + QUOTED).encode())
    length = len(CUSTOMER + QUOTED)
    session.send(f"L2 APPEND INBOX {{{length}+}}\r\n{CUSTOMER}{QUOTED}\r\n".encode())
    while not session.readline().startswith(b"L2 OK"):
        pass
    session.select()
    assert QUOTED.encode() in session.fetch("1:*", "(UID FLAGS BODY[])")[1][0][1]
    session.idle(3)
    leave(session)
    login = ["--user", f"{OTHER_ACCOUNT}:{OTHER_PASSWORD}", "--sasl-ir", "--login-options", "AUTH=PLAIN"]
    curl(f"imap://{SERVER}/INBOX", *login)


def imap_starttls():
    """The password goes through TLS, by STARTTLS on 143 and at once on 993."""
    context = ssl._create_unverified_context()
    for session in [Imap(), imaplib.IMAP4_SSL(SERVER, 993, ssl_context=context)]:
        if session.port == 143:
            session.starttls(context)
        session.login(ACCOUNT, PASSWORD)
        session.select()
        leave(session)


def imap_login_disabled():
    """The client logs in in clear although LOGINDISABLED says that this is in vain."""
    for _ in range(2):
        refused(ACCOUNT, PASSWORD)


def imap_server_bye():
    """The server goes away beneath a session that works and one that is idle."""
    working, idle = logged_in(ACCOUNT, PASSWORD), logged_in(ACCOUNT, PASSWORD, OTHER_DESK)
    idle.select()
    idle.send(b"I1 IDLE\r\n")
    try:
        while working.noop():
            time.sleep(0.5)
    except imaplib.IMAP4.abort:
        pass
    assert b"BYE" in idle.file.read()


def imap_never_logs_in():
    """The client connects and says nothing until the server loses patience."""
    with socket.create_connection((SERVER, 143)) as connection:
        assert b"BYE" in b"".join(iter(lambda: connection.recv(4096), b""))
    leave(logged_in(ACCOUNT, PASSWORD))


def imap_long_command():
    """A FETCH that names 3000 messages one by one."""
    session = logged_in(ACCOUNT, PASSWORD)
    session.select()
    try:
        session.uid("FETCH", ",".join(str(2 * number + 1000) for number in range(3000)), "FLAGS")
        raise AssertionError("accepted")
    except imaplib.IMAP4.error:
        pass
    leave(session)


def mail_ports():
    """143 refuses, 25 is silent."""
    for _ in range(3):
        try:
            Imap()
            raise AssertionError("connected")
        except ConnectionRefusedError:
            time.sleep(1)
    for _ in range(2):
        try:
            socket.create_connection((SERVER, 25), timeout=8)
            raise AssertionError("connected")
        except TimeoutError:
            pass


def smtp_healthy():
    """A message by each client: in clear, with AUTH under STARTTLS, with AUTH in clear."""
    with connect() as session:
        send(session)
    swaks = f"swaks --silent 2 --helo {NAME} --server {SERVER} --port 587 --tls"
    login = f"--auth PLAIN --auth-user {ACCOUNT} --auth-password {PASSWORD}"
    envelope = f"--from {ACCOUNT}@corp.example.com --to agent1@corp.example.com"
    subprocess.run(f"{swaks} {login} {envelope}".split(), check=True)
    envelope = ["--mail-from", f"{ACCOUNT}@corp.example.com", "--mail-rcpt", "agent2@corp.example.com"]
    login = ["--user", f"{OTHER_ACCOUNT}:{OTHER_PASSWORD}", "--upload-file", "-"]
    curl(f"smtp://{SERVER}:587/{NAME}", *envelope, *login, input=(CUSTOMER + "Hello\r\n").encode())


def smtp_too_many_connections():
    """Four connections a minute are welcome, the fifth to seventh are not."""
    for _ in range(4):
        with connect() as session:
            send(session)
    for _ in range(3):
        greeted_with(421)


def smtp_concurrent_connections():
    """Two connections at once are welcome, a third and fourth are not until one ends."""
    sessions = [connect(), connect()]
    greeted_with(421)
    greeted_with(421)
    sessions.pop().quit()
    time.sleep(0.5)
    sessions.append(connect())
    for session in sessions:
        send(session)
        session.quit()


def smtp_too_much_mail():
    """Three messages a minute are welcome; a fourth and fifth are refused at MAIL."""
    with connect() as session:
        for _ in range(3):
            send(session)
        for _ in range(2):
            assert session.mail("uccx@corp.example.com")[0] == 450
            session.rset()


def smtp_auth_failed():
    """A wrong password twice, then the right one of another account."""
    for _ in range(2):
        with connect(587) as session:
            try:
                session.login(ACCOUNT, OLD_PASSWORD)
                raise AssertionError("accepted")
            except smtplib.SMTPAuthenticationError as error:
                assert error.smtp_code == 535
    with connect(587) as session:
        session.login(OTHER_ACCOUNT, OTHER_PASSWORD)
        send(session)


def smtp_relay_denied():
    """An address elsewhere, and one that nobody has."""
    with connect() as session:
        session.mail("uccx@corp.example.com")
        assert session.rcpt("customer@example.net")[0] == 554
        assert session.rcpt("nobody@corp.example.com")[0] == 550
        session.rset()


def imap_source_nat():
    """Two sessions side by side that say the same, then one of another account."""
    sessions = [logged_in(ACCOUNT, PASSWORD) for _ in range(2)]
    for session in [*sessions, logged_in(OTHER_ACCOUNT, OTHER_PASSWORD)]:
        session.select()
        leave(session)


def imap_haproxy():
    """Six sessions that say the same at uneven times, two of them at once, and one of another account."""
    for pause in [2, 6, 4, 9]:
        leave(alike())
        time.sleep(pause)
    sessions = [alike(), alike()]
    for session in [*sessions, logged_in(OTHER_ACCOUNT, OTHER_PASSWORD)]:
        leave(session)


def imap_reset():
    """Two sessions work; one is reset beneath its client, the other goes on."""
    doomed, other = logged_in(ACCOUNT, PASSWORD), logged_in(ACCOUNT, PASSWORD, OTHER_DESK)
    try:
        while doomed.noop():
            time.sleep(1)
    except (imaplib.IMAP4.abort, ConnectionResetError):
        pass
    for _ in range(4):
        other.noop()
        time.sleep(2)
    leave(other)


def smtp_destination_nat():
    """Three messages to the address that stands for the server, each in a connection of its own."""
    for pause in [1, 3, 0]:
        with connect(server=VIRTUAL) as session:
            send(session)
        time.sleep(pause)


def smtp_haproxy():
    """Three messages that say the same, each in a connection of its own, and one that stays in MAIL."""
    for pause in [1, 4, 2]:
        with connect() as session:
            send(session)
        time.sleep(pause)
    with connect() as session:
        assert session.mail("uccx@corp.example.com")[0] == 250


def mail_filtered():
    """25 is open before 143 is silent and 587 refuses, and after."""
    for port in [25, 143, 25, 587, 25]:
        knock(port)


def mail_answers_lost():
    """143 is silent, 25 is open."""
    for port in [25, 143, 25]:
        knock(port)


def tls_direct():
    """Two handshakes, a few bytes, and an orderly end."""
    for pause in [3, 0]:
        shake_hands()
        time.sleep(pause)


tls_source_nat = tls_haproxy = tls_direct


def tls_reset():
    """A handshake by a name that something on the way does not like, between two by another; s_server on 443 waits on."""
    shake_hands()
    try:
        shake_hands("calendar.corp.example.com")
        raise AssertionError("connected")
    except ConnectionResetError:
        pass
    time.sleep(6)
    shake_hands(port=8443)


def knock(port):
    """Only 25 answers; 587 refuses at once, 143 never."""
    try:
        with socket.create_connection((SERVER, port), timeout=8) as connection:
            assert port == 25 and connection.recv(512)
    except TimeoutError:
        assert port == 143
    except ConnectionRefusedError:
        assert port == 587
    time.sleep(6)


def shake_hands(name="ex01.corp.example.com", port=443):
    context = ssl._create_unverified_context()
    with socket.create_connection((SERVER, port)) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while tls.recv(4096):
            pass


def logged_in(account, password, source=DESK):
    session = Imap(source)
    session.login(account, password)
    return session


def refused(account, password, source=DESK):
    session = Imap(source)
    try:
        session.login(account, password)
        raise AssertionError("accepted")
    except imaplib.IMAP4.error:
        pass
    leave(session)


def alike():
    """A session with the same tags as any other of this kind, as JavaMail's are."""
    random.seed(4)
    return logged_in(ACCOUNT, PASSWORD)


def leave(session):
    """Ends a session, if the server has not, and lets the connection close before another one opens."""
    with contextlib.suppress(imaplib.IMAP4.abort):
        session.logout()
    time.sleep(0.3)


def connect(port=25, server=SERVER):
    session = smtplib.SMTP(server, port, local_hostname=NAME)
    session.ehlo()
    return session


def greeted_with(code):
    try:
        connect()
        raise AssertionError("welcome")
    except smtplib.SMTPConnectError as error:
        assert error.smtp_code == code
    time.sleep(0.3)


def send(session):
    session.sendmail("uccx@corp.example.com", ["agent1@corp.example.com"], (CUSTOMER + QUOTED).encode())


def curl(*words, **options):
    subprocess.run(["curl", "--silent", *words], check=True, stdout=subprocess.DEVNULL, **options)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
