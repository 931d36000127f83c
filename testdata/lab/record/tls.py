#!/usr/bin/env python3
"""Records TLS conversations between real clients and servers, for the scenarios of `sibtrace-lab`.

Makes throw-away CAs and certificates, lets `openssl s_server` and `openssl s_client` (and GnuTLS) talk to each other through
a relay that writes down who said what, and stores each conversation as text in the folder `tls` beside this script:

    > 160301…     bytes of the client, in hexadecimal, going on in indented lines
    < 160303…     bytes of the server
    > fin, < fin  the end of a direction

No private key leaves the temporary folder. Keys and times differ in every run, so a new recording of all changes the captures:
run `cargo run -p sibtrace-lab -- write testdata` afterwards.

Needs openssl 3, gnutls-bin, and Python with `cryptography`. Usage: tls.py [NAME...]
"""
import datetime, ipaddress, os, pathlib, shutil, socket, subprocess, sys, tempfile, threading, time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

HERE = pathlib.Path(__file__).parent / "tls"
NAME = "mail.corp.example.com"
LONG = (datetime.datetime(2010, 1, 1), datetime.datetime(2040, 1, 1))


class Authority:
    """Issues certificates."""

    def __init__(self, cn, issuer=None, key=None, digest=hashes.SHA256(), **more):
        self.key = key or rsa.generate_private_key(65537, 2048)
        self.cn = cn
        self.cert = (issuer or self).issue(cn, self.key, digest=digest, ca=True, **more)

    def issue(self, cn, key, san=(NAME,), digest=hashes.SHA256(), ca=False, valid=LONG, permitted=()):
        issuer = getattr(self, "cert", None)
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Corp"), x509.NameAttribute(NameOID.COMMON_NAME, cn)])
        made = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject if issuer else name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(valid[0]).not_valid_after(valid[1])
                .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False))
        if not ca and san:
            made = made.add_extension(x509.SubjectAlternativeName([general_name(one) for one in san]), critical=False)
        if permitted:
            made = made.add_extension(x509.NameConstraints([general_name(one) for one in permitted], None), critical=True)
        if isinstance(digest, str):
            return self.sign_by_openssl(cn, key, digest, ca)
        return made.sign(self.key, digest)

    def sign_by_openssl(self, cn, key, digest, ca):
        """Digests that `cryptography` refuses. The certificate is valid from now on."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "key.pem").write_bytes(private(key))
            (folder / "ext").write_text(f"basicConstraints=critical,CA:{str(ca).upper()}\nsubjectKeyIdentifier=hash\n" + ("" if ca else f"subjectAltName=DNS:{NAME}\n"))
            run = lambda *command: subprocess.run(command, cwd=folder, check=True, capture_output=True)
            run("openssl", "req", "-new", "-key", "key.pem", "-subj", f"/O=Example Corp/CN={cn}", "-out", "csr.pem")
            if hasattr(self, "cert"):
                (folder / "ca.key").write_bytes(private(self.key))
                (folder / "ca.pem").write_bytes(pem(self.cert))
                by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
            else:
                by = ["-signkey", "key.pem"]
            run("openssl", "x509", "-req", "-in", "csr.pem", *by, f"-{digest}", "-days", "5000", "-extfile", "ext", "-out", "cert.pem")
            return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())


def general_name(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def private(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())


def pem(*certs):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certs)


class Server:
    """A certificate with its key and what is sent with it."""

    def __init__(self, issuer, *others, cn=NAME, bits=2048, **more):
        self.key = rsa.generate_private_key(65537, bits)
        self.chain = [issuer.issue(cn, self.key, **more), *others]

    def files(self, folder):
        (folder / "key.pem").write_bytes(private(self.key))
        (folder / "leaf.pem").write_bytes(pem(self.chain[0]))
        (folder / "others.pem").write_bytes(pem(*self.chain[1:]))
        (folder / "all.pem").write_bytes(pem(*self.chain))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Relay:
    """Passes one connection on and writes down what it sees."""

    def __init__(self, to):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen, self.lock, self.to = [], threading.Lock(), to
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(("127.0.0.1", self.to))
        back = threading.Thread(target=self.pump, args=(server, client, "<"), daemon=True)
        back.start()
        self.pump(client, server, ">")
        back.join(3)

    def pump(self, source, sink, mark):
        while True:
            try:
                data = source.recv(65536)
            except OSError:
                data = b""
            with self.lock:
                self.seen.append((mark, data))
            try:
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return

    def text(self):
        lines = []
        for mark, data in self.seen:
            text = data.hex() or "fin"
            lines += [f"{mark} {text[:120]}"] + [f"  {text[i:i + 120]}" for i in range(120, len(text), 120)]
        return "\n".join(lines) + "\n"


def wait_for(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("the server did not start")


def talk(name, server, *, serve=(), ask=(), says=b"GET / HTTP/1.0\r\n\r\n", gnutls_server=False, gnutls_client=False, verify=False, sni=NAME, twice=False):
    """Records a conversation; with `twice` that of the second connection, which goes on with the session of the first."""
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server.files(folder)
        port = free_port()
        if gnutls_server:
            command = ["gnutls-serv", "--echo", "-p", str(port), "--x509certfile", "all.pem", "--x509keyfile", "key.pem", *serve]
        else:
            command = ["openssl", "s_server", "-accept", str(port), "-cert", "leaf.pem", "-key", "key.pem", "-quiet", *serve]
            if len(server.chain) > 1:
                command += ["-cert_chain", "others.pem"]
        running = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            for turn in range(2 if twice else 1):
                relay = Relay(port)
                if gnutls_client:
                    client = ["gnutls-cli", *([] if verify else ["--no-ca-verification"]), "--sni-hostname", sni, "-p", str(relay.port), *ask, "127.0.0.1"]
                else:
                    client = ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", *(["-servername", sni] if sni else ["-noservername"]),
                              *ask]
                    client += ["-sess_out" if turn == 0 else "-sess_in", "session.pem"] if twice else []
                subprocess.run(client, cwd=folder, input=says, timeout=20, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                relay.thread.join(5)
        finally:
            running.kill()
            running.wait()
        (HERE / f"{name}.txt").write_text(f"# {' '.join(client[:2])} to {' '.join(command[:2])}\n" + relay.text())
        print(name, len(relay.seen), "pieces")


def main():
    HERE.mkdir(exist_ok=True)
    root = Authority("Example Root CA")
    inter = Authority("Example Issuing CA", root)
    old = ["-cipher", "DEFAULT@SECLEVEL=0"]
    tls12 = ["-tls1_2"]
    usual = Server(inter, inter.cert)

    talk("tls12", usual, ask=tls12)
    talk("tls12-no-sni", usual, ask=tls12, sni=None)
    talk("tls10", usual, serve=[*old, "-tls1"], ask=[*old, "-tls1"])
    talk("tls11", usual, serve=[*old, "-tls1_1"], ask=[*old, "-tls1_1"])
    talk("tls13", usual, ask=["-tls1_3"])
    talk("tls13-retry", usual, serve=["-groups", "P-384"], ask=["-tls1_3", "-groups", "X25519:P-384"])
    talk("tls12-resumed", usual, serve=tls12, ask=tls12, twice=True)
    talk("tls12-client-certificate", usual, serve=["-Verify", "1"], ask=[*tls12, "-cert", "leaf.pem", "-key", "key.pem"])
    talk("gnutls", usual, gnutls_server=True, gnutls_client=True, serve=["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"], says=b"hello\n")

    talk("alone", Server(inter), ask=tls12)
    talk("misordered", Server(inter, Authority("Unrelated CA").cert, root.cert, inter.cert), ask=tls12)
    talk("self-signed", self_signed(), ask=tls12)
    talk("unknown-ca", Server(inter, inter.cert), ask=[*tls12, "-verify_return_error", "-no-CAfile", "-no-CApath", "-no-CAstore"])
    talk("unknown-ca-tls13", usual, ask=["-tls1_3", "-verify_return_error", "-no-CAfile", "-no-CApath", "-no-CAstore"])
    talk("unknown-ca-tls13-gnutls", usual, serve=["-tls1_3"], gnutls_client=True, verify=True)
    talk("old-client", usual, serve=tls12, ask=[*old, "-tls1_1"])

    talk("cn-other", Server(inter, inter.cert, cn="exch01.corp.example.com", san=()), ask=tls12)
    talk("cn-case", Server(inter, inter.cert, cn="MAIL.Corp.Example.com", san=()), ask=tls12)
    talk("san-other", Server(inter, inter.cert, san=("exch01.corp.example.com", "autodiscover.corp.example.com")), ask=tls12)
    talk("san-wildcard", Server(inter, inter.cert, cn="Exchange", san=("*.corp.example.com", "10.10.20.11")), ask=tls12)

    web = Authority("Example Web CA", Authority("Example Web Root CA"))
    talk("other-server", Server(web, web.cert, cn="www.example.org", san=("www.example.org",)), ask=tls12, sni="www.example.org")
    talk("expired", Server(inter, inter.cert, valid=(datetime.datetime(2012, 1, 1), datetime.datetime(2014, 1, 1))), ask=tls12)
    talk("not-yet", Server(inter, inter.cert, valid=(datetime.datetime(2035, 1, 1), datetime.datetime(2037, 1, 1))), ask=tls12)
    late = Authority("Example Dated CA", root, valid=(datetime.datetime(2010, 1, 1), datetime.datetime(2014, 2, 1)))
    talk("issuer-expired", Server(late, late.cert), ask=tls12)

    talk("weak-key", Server(inter, inter.cert, bits=1024), serve=old, ask=[*old, *tls12])
    talk("weak-signature", Server(inter, inter.cert, digest="sha1"), serve=old, ask=[*old, *tls12])
    aged = Authority("Example Aged Root CA", digest="sha1")
    talk("weak-root", Server(aged, aged.cert), serve=old, ask=[*old, *tls12])

    renewed = Authority("Example Issuing CA", root)
    talk("bad-signature", Server(inter, renewed.cert), ask=tls12)
    talk("md5", Server(inter, renewed.cert, digest="md5"), serve=old, ask=[*old, *tls12])
    odd = Authority("Example Odd CA", root, key=ec.generate_private_key(ec.SECP521R1()))
    talk("odd-curve", Server(odd, odd.cert, digest=hashes.SHA512()), ask=tls12)

    own = Authority("Example Web CA", root, permitted=("web.example.com", "corp.example.com"))
    talk("constrained", Server(own, own.cert, root.cert), ask=tls12)
    foreign = Authority("Example Web CA", root, permitted=("web.example.com",))
    talk("constrained-elsewhere", Server(foreign, foreign.cert, root.cert), ask=tls12)

    if len(sys.argv) > 1:
        return
    (HERE / "root.pem").write_bytes(pem(root.cert))
    (HERE / "other-root.pem").write_bytes(pem(Authority("Another Root CA").cert))
    (HERE / "outdated-root.pem").write_bytes(pem(Authority("Example Aged Root CA").cert))
    (HERE / "renewed.pem").write_bytes(pem(renewed.cert))


def self_signed():
    made = Server.__new__(Server)
    authority = Authority(NAME)
    made.key, made.chain = authority.key, [authority.issue(NAME, authority.key)]
    return made


if __name__ == "__main__":
    main()
