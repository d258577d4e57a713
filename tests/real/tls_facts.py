#!/usr/bin/env python3
"""What a TLS scanner finds at popgate's listeners, and what happens to those who try to cheat.

sslyze from PyPI looks at a listener with implicit TLS and at one with STLS. Then plain sockets put commands behind
STLS, ask for other protocols and other names. Exit 0 if all is as it should be, 1 if not, 77 without sslyze.
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
import threading

from gate import Popgate
from server import make_certificates

OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
NEW = ("tls_1_2", "tls_1_3")


class Upstream:
    """A POP3 server that writes down what it is told."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heard = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client):
        try:
            with client, client.makefile("rwb") as file:
                file.write(b"+OK upstream\r\n")
                file.flush()
                for line in file:
                    self.heard.append(line)
                    verb = line.split()[0].upper()
                    file.write(b"+OK\r\nTOP\r\nUSER\r\n.\r\n" if verb == b"CAPA" else b"+OK fine\r\n")
                    file.flush()
        except OSError:
            pass  # the client is gone


class Gate(Popgate):
    def __init__(self, program, folder, upstream):
        text = "".join(f'[[listen]]\naddress = "127.0.0.1:0"\ntls = "{tls}"\ncertificate = "server.pem"\nkey = "server.key"\n'
                       for tls in ("implicit", "starttls"))
        # And one that knows a single name, and nobody else.
        text += ('[[listen]]\naddress = "127.0.0.1:0"\ntls = "implicit"\n[[listen.sni]]\nname = "pop.example.org"\n'
                 'certificate = "server.pem"\nkey = "server.key"\n')
        path = os.path.join(folder, "popgate.toml")
        with open(path, "w") as f:
            f.write(f'{text}[[upstream]]\nhost = "127.0.0.1"\nport = {upstream}\ntls = "off"\n'
                    f'[admin]\naddress = "127.0.0.1:0"\n[data]\ndir = "data"\n')
        self.start([program, "serve", "--config", path], folder, 4)
        self.implicit, self.starttls, self.named = (port for _, port in self.heard[:3])


class Suite:
    def __init__(self, gate, upstream, folder):
        self.gate, self.upstream, self.folder, self.failed = gate, upstream, folder, 0

    def fact(self, name, true, seen=""):
        print(f"{'ok     ' if true else 'FAILED '} {name}{'' if true else f': {seen}'}", flush=True)
        self.failed += not true

    def scanned(self, python, title, port, *options):
        report = os.path.join(self.folder, f"{port}.json")
        tests = ["--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--compression", "--reneg",
                 "--elliptic_curves", "--certinfo", "--heartbleed", "--openssl_ccs", "--robot", "--early_data"]
        done = subprocess.run([python, "-m", "sslyze", "--mozilla_config=disable", f"--json_out={report}", *tests, *options,
                               f"localhost:{port}"], capture_output=True, text=True, timeout=300)
        if not os.path.exists(report):
            raise SystemExit(f"sslyze left no report:\n{done.stdout[-800:]}{done.stderr[-800:]}")
        with open(report) as f:
            target = json.load(f)["server_scan_results"][0]
        if not target["scan_result"]:
            raise SystemExit(f"sslyze could not connect to {title}: {target['connectivity_error_trace']}")
        found = {name: it["result"] for name, it in target["scan_result"].items() if it["status"] == "COMPLETED"}
        accepted = {version: [it["cipher_suite"]["name"] for it in found[f"{version}_cipher_suites"]["accepted_cipher_suites"]]
                    for version in OLD + NEW}
        for version in OLD:
            self.fact(f"{title}: no {version}", not accepted[version], accepted[version])
        for version in NEW:
            self.fact(f"{title}: {version}", accepted[version], "no cipher suite")
        suites = accepted["tls_1_2"]
        forward = [name for name in suites if "_ECDHE_" in name and ("_GCM_" in name or "CHACHA20" in name)]
        self.fact(f"{title}: TLS 1.2 only with ECDHE and AEAD ({len(suites)} suites)", suites == forward, suites)
        self.fact(f"{title}: no compression", not found["tls_compression"]["supports_compression"])
        again = found["session_renegotiation"]
        self.fact(f"{title}: no renegotiation by the client", not again["is_vulnerable_to_client_renegotiation_dos"], again)
        self.fact(f"{title}: no heartbleed", not found["heartbleed"]["is_vulnerable_to_heartbleed"])
        self.fact(f"{title}: no CCS injection", not found["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"])
        self.fact(f"{title}: no ROBOT", found["robot"]["robot_result"].startswith("NOT_VULNERABLE"), found["robot"])
        self.fact(f"{title}: no early data", not found["tls_1_3_early_data"]["supports_early_data"])
        curves = {it["name"] for it in found["elliptic_curves"]["supported_curves"]}
        self.fact(f"{title}: curves are X25519, P-256, P-384", curves <= {"X25519", "secp256r1", "prime256v1", "secp384r1"}, curves)
        chain = found["certificate_info"]["certificate_deployments"][0]["received_certificate_chain"]
        with open(os.path.join(self.folder, "server.pem")) as f:
            self.fact(f"{title}: the certificate is ours", chain[0]["as_pem"].strip() == f.read().strip())

    def context(self, *protocols):
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "ca.pem"))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    def injection(self):
        """Commands behind STLS, in one write: whoever sits on the line could have put them there."""
        self.upstream.heard.clear()
        with socket.create_connection(("127.0.0.1", self.gate.starttls), 20) as s:
            file = s.makefile("rb", 0)
            file.readline()
            s.sendall(b"STLS\r\nUSER mallory\r\nCAPA\r\n")
            self.fact("STLS is answered", file.readline().startswith(b"+OK"))
            with self.context().wrap_socket(s, server_hostname="localhost") as tls:
                tls.settimeout(20)
                tls.sendall(b"NOOP\r\n")
                # Were CAPA still there, its answer would come first.
                answer = tls.recv(100)
                self.fact("what stood behind STLS gets no answer in TLS", answer == b"+OK fine\r\n", answer)
        told = [line for line in self.upstream.heard if not line.startswith(b"NOOP")]
        self.fact("what stood behind STLS never reaches the server", not told, told)

    def cheats(self):
        for protocol, served in (("pop3", True), ("http/1.1", False)):
            try:
                with socket.create_connection(("127.0.0.1", self.gate.implicit), 20) as s, \
                        self.context(protocol).wrap_socket(s, server_hostname="localhost") as tls:
                    got = tls.recv(100).startswith(b"+OK")
            except ssl.SSLError:
                got = False
            self.fact(f"ALPN {protocol} is {'served' if served else 'refused'}", got == served)
        with socket.create_connection(("127.0.0.1", self.gate.implicit), 20) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            s.settimeout(20)
            answer = b"".join(iter(lambda: s.recv(100), b""))
            self.fact("plain text to a TLS port gets no text back", not answer.startswith((b"+OK", b"-ERR")), answer)
        try:
            with socket.create_connection(("127.0.0.1", self.gate.named), 20) as s, \
                    self.context().wrap_socket(s, server_hostname="unknown.example"):
                refused = False
        except ssl.SSLError as error:
            refused = "certificate verify" not in str(error)
        said = "no certificate for the name unknown.example"
        for _ in range(200):
            if any(said in line for line in self.gate.said):
                break
            self.gate.reader.join(0.05)
        lines = [line for line in self.gate.said if said in line]
        self.fact("an unknown name is refused, with one line in the log", refused and len(lines) == 1, lines)
        counted = self.gate.metrics()
        self.fact("and counted", counted.get('popgate_refused_total{reason="unknown_name"}') == 1.0)


def scanner(folder):
    """A Python that has sslyze, made here."""
    place = os.path.join(folder, "sslyze")
    python = os.path.join(place, "bin", "python")
    for command in ([sys.executable, "-m", "venv", place], [python, "-m", "pip", "install", "--quiet", "sslyze"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print((done.stdout + done.stderr)[-600:])
            print("sslyze cannot be installed")
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
        python = scanner(folder)
        make_certificates(folder)
        os.chmod(os.path.join(folder, "server.key"), 0o600)
        upstream = Upstream()
        gate = Gate(program, folder, upstream.port)
        suite = Suite(gate, upstream, folder)
        suite.scanned(python, "TLS", gate.implicit)
        suite.scanned(python, "STLS", gate.starttls, "--starttls=pop3")
        suite.injection()
        suite.cheats()
    finally:
        code = gate.stop() if gate else 0
        shutil.rmtree(folder, ignore_errors=True)
    suite.fact("popgate ended well", code == 0, code)
    print(f"\n{suite.failed} failed" if suite.failed else "\nall is as it should be")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
