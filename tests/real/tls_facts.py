#!/usr/bin/env python3
"""What popgate's TLS listeners offer, according to sslyze, and how they handle misuse.

sslyze scans the implicit and the STLS listener. Plain sockets then try commands after STLS (the injection of
CVE-2011-0411), other protocols' ALPN names, plain text on the implicit port, and names without a certificate.
sslyze comes from PyPI into a folder that ends with the test. Exit 0 if everything passed, 1 if not, 77 without sslyze.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import threading

from gate import Popgate
from server import make_certificates

SSLYZE = "sslyze>=6,<7"
GREETING = b"+OK upstream"
PATIENCE = 20  # seconds for any one answer
OLD = {"ssl_2_0": "SSL 2.0", "ssl_3_0": "SSL 3.0", "tls_1_0": "TLS 1.0", "tls_1_1": "TLS 1.1"}
NEW = {"tls_1_2": "TLS 1.2", "tls_1_3": "TLS 1.3"}
# RFC 8446 section 4.2.7, by OpenSSL's names, too.
CURVES = {"X25519", "X448", "secp256r1", "prime256v1", "secp384r1", "secp521r1"}


class Wrong(Exception):
    pass


def must(true, what):
    if not true:
        raise Wrong(what)


class Upstream:
    """A POP3 server that records every line that it gets."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port, self.got = self.socket.getsockname()[1], []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._session, args=(client,), daemon=True).start()

    def _session(self, client):
        answers = {b"CAPA": b"+OK\r\nUSER\r\nUIDL\r\n.\r\n", b"STAT": b"+OK 0 0\r\n", b"USER": b"+OK\r\n",
                   b"PASS": b"+OK\r\n", b"NOOP": b"+OK\r\n", b"QUIT": b"+OK bye\r\n"}
        try:
            with client, client.makefile("rwb") as file:
                file.write(GREETING + b"\r\n")
                file.flush()
                for line in file:
                    self.got.append(line.rstrip())
                    file.write(answers.get(line[:4].upper().rstrip(), b"-ERR what?\r\n"))
                    file.flush()
        except OSError:
            pass  # popgate closed


class Gate(Popgate):
    """popgate with an implicit, an STLS, and an implicit listener that has a certificate for one name only."""

    def __init__(self, program, folder, upstream):
        pair = 'certificate = "server.pem"\nkey = "server.key"\n'
        path = os.path.join(folder, "popgate.toml")
        with open(path, "w") as f:
            f.write(f'[[listen]]\naddress = "127.0.0.1:0"\ntls = "implicit"\n{pair}'
                    f'[[listen]]\naddress = "127.0.0.1:0"\ntls = "starttls"\n{pair}'
                    f'[[listen]]\naddress = "127.0.0.1:0"\ntls = "implicit"\n[[listen.sni]]\nname = "localhost"\n{pair}'
                    f'[[upstream]]\nhost = "127.0.0.1"\nport = {upstream.port}\ntls = "off"\n'
                    # With a store, popgate asks the server for UIDL, too.
                    '[admin]\naddress = "127.0.0.1:0"\n[data]\ndir = "data"\nstore = "off"\n')
        self.start([program, "serve", "--config", path], folder, 4)
        self.implicit, self.starttls, self.named = [port for kind, port in self.listening if kind != "admin"]

    def logged(self, words):
        """Waits until the log has these words; in how many lines."""
        for _ in range(400):
            found = sum(words in line for line in self.log_lines)
            if found:
                return found
            self.reader.join(0.05)
        raise Wrong(f"`{words}` is not in the log:\n{self.log()}")

    def refused(self, reason):
        return self.metrics().get(f'popgate_refused_total{{reason="{reason}"}}', 0)


class Client:
    """A connection, its lines, and TLS over it when it is time."""

    def __init__(self, port, ca):
        self.tcp = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file, self.ca = self.tcp.makefile("rb"), ca

    def encrypt(self, name="localhost", alpn=()):
        context = ssl.create_default_context(cafile=self.ca)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if name is None:
            context.check_hostname = False
        self.file.close()
        self.tcp = context.wrap_socket(self.tcp, server_hostname=name)
        self.file = self.tcp.makefile("rb")
        return self

    def send(self, text):
        self.tcp.sendall(text)

    def line(self):
        return self.file.readline().rstrip()

    def ask(self, command):
        self.send(command + b"\r\n")
        return self.line()

    def rest(self):
        """What comes until the end, however it ends."""
        got = b""
        try:
            while piece := self.tcp.recv(4096):
                got += piece
        except OSError as trouble:
            must(not isinstance(trouble, TimeoutError), "the connection stays open")
        return got

    def listing(self):
        lines = []
        while (line := self.line()) != b".":
            must(line, "a list without an end")
            lines.append(line)
        return lines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.tcp.close()


class Suite:
    def __init__(self, program, folder):
        self.folder, self.failed = folder, 0
        make_certificates(folder)
        os.chmod(os.path.join(folder, "server.key"), 0o600)
        self.ca = os.path.join(folder, "ca.pem")
        self.upstream = Upstream()
        self.gate = Gate(program, folder, self.upstream)

    def check(self, name, function, *args):
        try:
            function(*args)
            print(f"ok      {name}", flush=True)
        except Exception as trouble:  # any: the other checks still run
            self.failed += 1
            print(f"FAILED  {name}\n        {type(trouble).__name__}: {trouble}", flush=True)

    def client(self, port):
        return Client(port, self.ca)

    def serves(self, client):
        must(client.line() == GREETING, "no greeting")
        must(client.ask(b"QUIT").startswith(b"+OK"), "no response to QUIT")

    # Checks with sslyze.

    def facts(self, python, what, port, *flags):
        path = os.path.join(self.folder, f"{port}.json")
        done = subprocess.run(
            [python, "-m", "sslyze", "--quiet", "--mozilla_config", "disable", "--json_out", path, "--sslv2", "--sslv3",
             "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--certinfo", "--compression", "--reneg", "--elliptic_curves",
             "--heartbleed", "--openssl_ccs", "--robot", "--early_data", "--ems", *flags,
             f"localhost:{port}{{127.0.0.1}}"],
            capture_output=True, text=True, timeout=300)
        try:
            with open(path) as f:
                scanned = json.load(f)["server_scan_results"][0]
            found = scanned["scan_result"]
        except (OSError, ValueError, LookupError) as trouble:
            raise Wrong(f"sslyze ended with {done.returncode} ({trouble}): {done.stderr[-800:]}")
        must(found, f"sslyze could not connect: {scanned['connectivity_error_trace']}")

        def result(name):
            one = found[name]
            must(one["status"] == "COMPLETED", f"{name}: {one['status']} {one['error_reason']} {one['error_trace']}")
            return one["result"]

        def accepted(version):
            return [one["cipher_suite"]["name"] for one in result(f"{version}_cipher_suites")["accepted_cipher_suites"]]

        def no(name, key):
            must(result(name)[key] is False, f"{key}: {result(name)[key]}")

        def yes(name, key):
            must(result(name)[key] is True, f"{key}: {result(name)[key]}")

        for version, name in NEW.items():
            self.check(f"{what}: {name} is offered", lambda: must(accepted(version), "not at all"))
        for version, name in OLD.items():
            self.check(f"{what}: {name} is refused", lambda: must(not accepted(version), accepted(version)))
        self.check(f"{what}: all ciphers of TLS 1.2 are AEAD with forward secrecy", lambda: weak(accepted("tls_1_2")))
        self.check(f"{what}: only TLS 1.3's own ciphers in TLS 1.3", lambda: odd(accepted("tls_1_3")))
        self.check(f"{what}: only secure curves", lambda: curves(result("elliptic_curves")))
        self.check(f"{what}: no compression (CRIME)", no, "tls_compression", "supports_compression")
        self.check(f"{what}: secure renegotiation is signalled (RFC 5746)", yes, "session_renegotiation",
                   "supports_secure_renegotiation")
        self.check(f"{what}: clients cannot renegotiate", no, "session_renegotiation", "is_vulnerable_to_client_renegotiation_dos")
        self.check(f"{what}: extended master secret (RFC 7627)", yes, "tls_extended_master_secret", "supports_ems_extension")
        self.check(f"{what}: no early data, which could be replayed", no, "tls_1_3_early_data", "supports_early_data")
        self.check(f"{what}: not Heartbleed", no, "heartbleed", "is_vulnerable_to_heartbleed")
        self.check(f"{what}: not CCS injection", no, "openssl_ccs_injection", "is_vulnerable_to_ccs_injection")
        self.check(f"{what}: not ROBOT", lambda: robot(result("robot")))
        self.check(f"{what}: the certificate is ours", lambda: self.shown(result("certificate_info")))

    def shown(self, info):
        with open(os.path.join(self.folder, "server.pem")) as f:
            ours = f.read().strip()
        chains = [one["received_certificate_chain"] for one in info["certificate_deployments"]]
        must(len(chains) == 1 and len(chains[0]) == 1, f"{list(map(len, chains))} certificates")
        must(chains[0][0]["as_pem"].strip() == ours, "another certificate")

    # Checks with plain sockets.

    def injected(self, behind):
        """Commands in the segment of STLS: unanswered, not sent to the server, and the session continues."""
        seen = len(self.upstream.got)
        with self.client(self.gate.starttls) as client:
            must(client.line() == GREETING, "no greeting")
            client.send(b"STLS\r\n" + behind)
            must(client.line().startswith(b"+OK"), "STLS was refused")
            client.encrypt()
            client.send(b"CAPA\r\n")
            # If anything from before TLS had been kept, another response would come first, or an additional one.
            must(client.line() == b"+OK", "no response to CAPA under TLS")
            offered = client.listing()
            must(b"UIDL" in offered and b"STLS" not in offered, f"another list than CAPA's under TLS: {offered}")
            must(client.ask(b"USER alice").startswith(b"+OK") and client.ask(b"PASS secret").startswith(b"+OK"), "no login")
            must(client.ask(b"STAT") == b"+OK 0 0", "not the response to STAT")
            must(client.ask(b"QUIT") == b"+OK bye", "not the response to QUIT")
        self.reached(seen, [b"CAPA", b"USER alice", b"PASS secret", b"STAT", b"QUIT"])

    def reached(self, seen, expected):
        got = self.upstream.got[seen:]
        must(got == expected, f"the server got {got}, not {expected}")

    def before_tls(self):
        """Commands in plain text where TLS has to begin: the connection ends, and the server receives none of them."""
        seen = len(self.upstream.got)
        with self.client(self.gate.starttls) as client:
            client.line()
            must(client.ask(b"STLS").startswith(b"+OK"), "STLS was refused")
            client.send(b"USER eve\r\nPASS stolen\r\nDELE 1\r\nQUIT\r\n")
            must(b"+OK" not in client.rest(), "commands before TLS were answered")
        self.reached(seen, [])

    def owed_first(self):
        """Commands before STLS are answered before it, in plain text; those after it are discarded."""
        seen = len(self.upstream.got)
        with self.client(self.gate.starttls) as client:
            client.line()
            client.send(b"NOOP\r\nSTLS\r\nUSER eve\r\n")
            must(client.line() == b"+OK" and client.line().startswith(b"+OK"), "no responses to NOOP and STLS")
            client.encrypt()
            must(client.ask(b"QUIT") == b"+OK bye", "not the response to QUIT")
        self.reached(seen, [b"NOOP", b"QUIT"])

    def twice(self):
        """RFC 2595 section 4: not under TLS, and not after the login."""
        with self.client(self.gate.starttls) as client:
            client.line()
            client.ask(b"STLS")
            client.encrypt()
            must(client.ask(b"STLS").startswith(b"-ERR"), "STLS under TLS")
            client.ask(b"QUIT")
        with self.client(self.gate.starttls) as client:
            client.line()
            client.ask(b"USER alice")
            must(client.ask(b"PASS secret").startswith(b"+OK"), "no login")
            must(client.ask(b"STLS").startswith(b"-ERR"), "STLS after the login")
            must(client.ask(b"STAT") == b"+OK 0 0", "the session does not continue")

    def alpn(self, start):
        with start() as client:
            client.encrypt(alpn=["pop3"])
            must(client.tcp.selected_alpn_protocol() == "pop3", "pop3 was not chosen")
        with start() as client:
            client.encrypt(alpn=["h2", "pop3"])
            must(client.tcp.selected_alpn_protocol() == "pop3", "pop3 was not chosen among others")
        for other in (["http/1.1"], ["imap"]):
            with start() as client:
                try:
                    client.encrypt(alpn=other)
                except ssl.SSLError as refusal:
                    must("application protocol" in str(refusal).lower().replace("_", " "), f"another refusal: {refusal}")
                else:
                    raise Wrong(f"{other} was taken")
        with start() as client:
            client.encrypt()
            must(client.tcp.selected_alpn_protocol() is None, "a protocol for a client that named none")

    def at_implicit(self):
        return self.client(self.gate.implicit)

    def at_starttls(self):
        client = self.client(self.gate.starttls)
        client.line()
        must(client.ask(b"STLS").startswith(b"+OK"), "STLS was refused")
        return client

    def plain_text(self):
        """Other clients' sessions continue, and nothing reaches the server."""
        seen, before = len(self.upstream.got), self.gate.refused("handshake")
        with self.at_implicit() as other:
            other.encrypt()
            must(other.line() == GREETING, "no greeting")
            texts = (b"CAPA\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 64, b"\x00" * 400)
            for text in texts:
                with self.at_implicit() as client:
                    client.send(text)
                    must(b"+OK" not in client.rest(), f"{text[:10]} was answered")
            # The last one is counted a moment after its connection has ended.
            until = time.monotonic() + PATIENCE
            while self.gate.refused("handshake") < before + len(texts) and time.monotonic() < until:
                time.sleep(0.02)
            must(self.gate.refused("handshake") == before + len(texts), "not counted, each once")
            must(other.ask(b"QUIT") == b"+OK bye", "another client's session ended")
        self.reached(seen, [b"QUIT"])

    def names(self):
        """A name without a certificate, and no name, where each certificate is for a name."""
        with self.client(self.gate.named) as client:
            self.serves(client.encrypt("localhost"))
        before = self.gate.refused("unknown_sni")
        try:
            with self.client(self.gate.named) as client:
                client.encrypt("unknown.example")
        except ssl.SSLCertVerificationError:
            raise Wrong("it showed a certificate of another name")
        except OSError:
            pass
        else:
            raise Wrong("it was served")
        must(self.gate.logged("no certificate for the name unknown.example") == 1, "more than one line in the log")
        must(self.gate.refused("unknown_sni") == before + 1, "not counted, or not once")
        before = self.gate.refused("handshake")
        try:
            with self.client(self.gate.named) as client:
                client.encrypt(None)
        except OSError:
            pass
        else:
            raise Wrong("a client without SNI was served")
        must(self.gate.refused("handshake") == before + 1, "a client without SNI is not counted, or not once")


def weak(suites):
    bad = [name for name in suites
           if not name.startswith("TLS_ECDHE_") or not ("_GCM_" in name or name.endswith("_CHACHA20_POLY1305_SHA256"))]
    must(suites and not bad, f"{bad or 'no ciphers at all'}")


def odd(suites):
    known = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
    must(suites and set(suites) <= known, f"{suites}")


def curves(result):
    found = {one["name"] for one in result["supported_curves"] or []}
    must(found and found <= CURVES, f"{sorted(found)}")


def robot(result):
    must(result["robot_result"].startswith("NOT_VULNERABLE"), result["robot_result"])


def install(folder):
    """The Python that has sslyze, or why there is none (exit 77)."""
    python = os.path.join(folder, "bin/python3")
    for command in ([sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", "-q", "--no-input",
                                                             "--disable-pip-version-check", SSLYZE]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            output = (done.stdout + done.stderr).strip()
            print(output[-1500:])
            print(f"{SSLYZE} cannot be installed (`{' '.join(command[1:4])}` failed): needs the network, and python3-venv")
            sys.exit(77)
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to test")
    program = os.path.abspath(parser.parse_args().popgate)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="popgate-tls-")
    gate = None
    try:
        python = install(os.path.join(folder, "venv"))
        suite = Suite(program, folder)
        gate = suite.gate
        suite.check("implicit: sslyze scans it", suite.facts, python, "implicit", gate.implicit)
        suite.check("STLS: sslyze scans it", suite.facts, python, "STLS", gate.starttls, "--starttls", "pop3")
        suite.check("a command in the segment of STLS gets no answer under TLS", suite.injected, b"CAPA\r\n")
        suite.check("nor does a login", suite.injected, b"USER eve\r\nPASS stolen\r\nSTAT\r\n")
        suite.check("nor the beginning of a command, which the client's first line would complete", suite.injected, b"XEVE ")
        suite.check("commands in plain text where TLS must begin reach no server", suite.before_tls)
        suite.check("commands before STLS are answered before TLS", suite.owed_first)
        suite.check("no STLS under TLS nor after the login", suite.twice)
        suite.check("implicit: ALPN is pop3 or nothing", suite.alpn, suite.at_implicit)
        suite.check("STLS: ALPN is pop3 or nothing", suite.alpn, suite.at_starttls)
        suite.check("plain text to the implicit port harms no other session", suite.plain_text)
        suite.check("a name without a certificate is refused with one line in the log", suite.names)
        suite.check("popgate ends well", lambda: must(gate.stop() == 0, gate.log()))
    finally:
        if gate and gate.process.poll() is None:
            gate.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{suite.failed} failed" if suite.failed else "\nall is well")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
