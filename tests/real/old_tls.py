#!/usr/bin/env python3
"""Servers and mail programs whose TLS or certificates are old or wrong, on both sides of popgate.

OpenSSL plays them: servers with one kind of cipher suites or one version each, servers with certificates that are
trusted by the system's roots, by `ca_file` or by `pin`, and clients (`openssl s_client`) like those of Windows 7. In
each case popgate has one plain sentence for the client, the log and `popgate doctor`, none of them with a word of a
library or a program, and /metrics counts it once. What doctor offers as a pin works, and what works is offered. Exit 0
if all that holds.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import warnings

from gate import Popgate
from old_tls_peers import CERTIFICATES, OLD_SERVERS, Certificates, Garbage, PATIENCE, Server, permissive, s_client

FAILURE = "-ERR [SYS/TEMP] popgate cannot reach the mail server: "
# What belongs to programs: addresses, types, numbers of objects. A log line's own `popgate::room` is taken off before.
FOREIGN = re.compile(r"://|docs\.rs|rustls|webpki|\bOID|\[\d+, |::|\w \{|\b[A-Za-z]+\([A-Z]\w+\)|\b(?!ChaCha)(?:[A-Z][a-z0-9]+){2,}\b"
                     r"|1\.2\.840|TLSv1|Some\(|None\b")
PACE = 0.06  # the log has at most 20 lines of a kind in a second
UPDATE = "update it, or put stunnel or haproxy between (popgate doctor shows what it offers)"
BY_PIN = "trust its key with pin (popgate doctor shows it)"
UNKNOWN = f"its certificate is from no authority that is trusted here; set ca_file to its authority, or {BY_PIN}"
NO_SUITE = r"the server has no cipher suite in common with popgate, .* it may have only older ones .*" + re.escape(UPDATE)
OLD_VERSION = r"the server (does not support TLS 1\.2 or 1\.3|offers only TLS 1\.1 or older).*" + re.escape(UPDATE)
SERVERS = {  # kind: (what popgate says, what doctor finds that it offers, the label)
    "rsa": (NO_SUITE, r"TLS 1\.2, RSA key exchange and AES-GCM \(TLS_RSA_WITH_AES_128_GCM_SHA256\)", "tls"),
    "rsa-cbc": (NO_SUITE, r"TLS 1\.2, RSA key exchange and CBC \(TLS_RSA_WITH_AES_128_CBC_SHA\)", "tls"),
    "ecdhe-cbc": (NO_SUITE, r"TLS 1\.2, ECDHE and CBC \(TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\)", "tls"),
    "ecdhe-cbc-stls": (NO_SUITE, r"TLS 1\.2, ECDHE and CBC \(TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\)", "tls"),
    "dhe": (NO_SUITE, r"TLS 1\.2, DHE and AES-GCM \(TLS_DHE_RSA_WITH_AES_128_GCM_SHA256\)", "tls"),
    "tls1.0": (OLD_VERSION, r"TLS 1\.0, ECDHE and CBC \(TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA\)", "tls"),
    "tls1.1": (OLD_VERSION, r"TLS 1\.1, ECDHE and CBC \(TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA\)", "tls"),
    "tls1.0-stls": (OLD_VERSION, r"TLS 1\.0, ECDHE and CBC \(TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA\)", "tls"),
    "ssl2": (r"what the server sent is not TLS; this port does not start with TLS: .*", None, "tls"),
    "ssl3": (OLD_VERSION, r"SSL 3\.0, RSA key exchange and RC4 \(TLS_RSA_WITH_RC4_128_SHA\)", "tls"),
    "plain": (r'what the server sent is not TLS; this port does not start with TLS: try tls = "starttls"', None, "tls"),
    "web": (r"what the server sent is not TLS; .*", None, "tls"),
    "garbage": (r"what the server sent is not TLS; .*", None, "tls"),
    "cut": (r"the server closed the connection during the TLS handshake", None, "tls"),
}
SHORT = r"its key is RSA of 1024 bits, which is too short to be trusted; the server needs one of at least 2048 bits"
FORM = rf"its certificate has an old form \(X\.509 v1\) that no authority may issue; .*{re.escape(BY_PIN)}"
OWN = rf"its certificate is self-signed, as an authority; .*{re.escape(BY_PIN)}"
EXPIRED = r"its certificate expired \d+ days ago; compare the clocks, and ask .* renew it"
TRUSTED = {  # certificate: what popgate says with the system's roots, with ca_file, and with its pin; None: it connects
    "good": (re.escape(UNKNOWN), None, None),
    "x509-v1": (FORM, FORM, None),
    "rsa-1024": (SHORT, SHORT, SHORT),
    "sha1": (re.escape(UNKNOWN), rf"its certificate has an old kind of signature or key .*{re.escape(BY_PIN)}", None),
    "expired": (EXPIRED, EXPIRED, None),
    "wrong-name": (re.escape(UNKNOWN), r"its certificate is not for localhost, but for elsewhere\.example; set host .*", None),
    "self-signed": (OWN, OWN, None),
    "self-signed-leaf": (re.escape(UNKNOWN), None, None),
    "other-key": (re.escape(UNKNOWN), None, r"its key is none of those that are pinned; .* set pin to the new one .*"),
}
CLIENT_OLD = r"the mail program offers only TLS 1\.1 or older.*: update it, or the system that it runs on"
CLIENT_SUITES = r"the mail program offers only old cipher suites \(RSA key exchange, DHE or CBC\): update it, .*"
WINDOWS_7 = ("ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:DHE-RSA-AES256-GCM-SHA384:"
             "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES128-SHA:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
             "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA")
CLIENTS = {  # kind: (s_client's options, what the log says of it where the certificate is RSA)
    "Windows 7": (["-tls1_2", "-cipher", WINDOWS_7], r".* as Windows 7 and 8\.1 do, .*: use an ECDSA certificate \(P-256\)"),
    "ECDHE-RSA with CBC": (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA384"], CLIENT_SUITES),
    "RSA key exchange": (["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES128-SHA"], CLIENT_SUITES),
    "DHE": (["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"], CLIENT_SUITES),
    "TLS 1.0": (["-tls1"], CLIENT_OLD),
    "TLS 1.1": (["-tls1_1"], CLIENT_OLD),
}
NOT_TLS = r"what the mail program sent is not TLS, or is SSL 2: it must be set to SSL/TLS for this port, .*"
BYTES = {  # what comes in place of a hello of TLS
    "SSL 2": (b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x03\x00\x80\x07\x00\xc0\x06\x00\x40\x02\x00\x80\x04\x00\x80"
              + b"\x00" * 19, NOT_TLS),
    "SSL 3": (b"\x16\x03\x00\x00\x31\x01\x00\x00\x2d\x03\x00" + b"\x07" * 32 + b"\x00\x00\x06\x00\x05\x00\x04\x00\x0a\x01\x00", CLIENT_OLD),
    "plain text": (b"USER ann\r\n", NOT_TLS),
}


class Wrong(Exception):
    pass


def must(true, what):
    if not true:
        raise Wrong(what)


def plain(text, what):
    """Nothing in it is a library's or a program's."""
    found = FOREIGN.search(re.sub(r"sha256/[\w+/=]+", "", text))
    must(not found, f"{what}: `{found and found[0]}` is in: {text}")


class Gate(Popgate):
    """One popgate for all cases: a listener for each upstream, then those for old clients."""

    def __init__(self, program, folder, upstreams, certificates):
        self.program, self.config, listeners = program, os.path.join(folder, "popgate.toml"), []
        with open(self.config, "w") as f:
            for name, port, settings in upstreams:
                f.write(f'[[listen]]\naddress = "127.0.0.1:0"\nname = "{name}"\nupstream = "{name}"\n'
                        f'[[upstream]]\nname = "{name}"\nhost = "localhost"\nport = {port}\n{settings}\n')
                listeners.append(name)
            for name, tls, pair in (("RSA", "implicit", "good"), ("RSA, STLS", "starttls", "good"), ("ECDSA", "implicit", "ecdsa")):
                f.write(f'[[listen]]\naddress = "127.0.0.1:0"\nname = "{name}"\nupstream = "modern"\ntls = "{tls}"\n'
                        f'certificate = "{certificates.path(pair)}"\nkey = "{certificates.key(pair)}"\n')
                listeners.append(name)
            # With a store, popgate asks the server for UIDL, too.
            f.write('[admin]\naddress = "127.0.0.1:0"\n[data]\ndir = "data"\nstore = "off"\n')
        damaged = os.path.join(folder, "damaged")
        os.mkdir(damaged)
        self.cut = os.path.join(damaged, "cut.pem")
        with open(self.cut, "w") as f:
            f.write("-----BEGIN CERTIFICATE-----\nMIIB\n")
        self.environment = {**os.environ, "SSL_CERT_FILE": certificates.path("platform"), "SSL_CERT_DIR": damaged}
        os.environ.update(self.environment)
        self.start([program, "serve", "--config", self.config], folder, len(listeners) + 1)
        self.ports = dict(zip(listeners, (port for kind, port in self.listening if kind != "admin")))

    def lines(self, since, *words):
        """Waits for log lines with all these words, and a little for others; without time and module."""
        limit = time.monotonic() + PATIENCE
        while True:
            found = [line for line in self.log_lines[since:] if all(word in line for word in words)]
            if found or time.monotonic() > limit:
                return [re.sub(r"^\S+ +", "", re.sub(r"popgate(::\w+)+: ", "", line)).strip() for line in found]
            self.reader.join(0.01)

    def run(self, *args):
        done = subprocess.run([self.program, *args], capture_output=True, text=True, timeout=120, env=self.environment, check=False)
        return done.returncode, done.stdout + done.stderr


class Suite:
    def __init__(self):
        self.failed, self.passed = 0, 0

    def check(self, name, function, *args):
        try:
            function(*args)
            self.passed += 1
        except Exception as trouble:  # any: the other checks still run
            self.failed += 1
            print(f"FAILED  {name}\n        {type(trouble).__name__}: {trouble}", flush=True)

    def roots(self, gate):
        """A damaged file among those of the system is named once, and the others are used."""
        lines = gate.lines(0, "trusted certificates of this system cannot be read: ")
        must(len(lines) == 1 and f"{gate.cut}: a certificate in it is damaged" in lines[0], f"{lines}")
        plain(lines[0], "log")

    # The server's side.

    def server(self, gate, name, expected, label):
        """What the client gets, the log says and the metrics count where it must connect (None) or must not."""
        time.sleep(PACE)
        since, counted = len(gate.log_lines), f'popgate_upstream_errors_total{{kind="{label}",upstream="{name}"}}'
        with socket.create_connection(("127.0.0.1", gate.ports[name]), PATIENCE) as client:
            if expected is None:
                must(client.recv(99).startswith(b"+OK"), f"no greeting:\n{gate.log()}")
                return
            got = b"".join(iter(lambda: client.recv(4096), b"")).decode()
        must(got.startswith(FAILURE + "TLS failed: ") and got.count("\n") == 1 and got.endswith("\r\n"), f"the client got {got!r}")
        must(len(got) <= 512, f"RFC 1939 section 3: {len(got)} octets")
        plain(got, "client")
        sentence = got[len(FAILURE + "TLS failed: "):-2]
        must(re.fullmatch(expected, sentence), f"`{sentence}` is not `{expected}`")
        lines = gate.lines(since, f'upstream="{name}"')
        must(len(lines) == 1 and lines[0].startswith("WARN "), f"in the log: {lines or gate.log()}")
        must(f"TLS failed: {sentence}" in lines[0] and "client=127.0.0.1:" in lines[0], f"in the log: {lines[0]}")
        plain(lines[0], "log")
        must(gate.metrics().get(counted) == 1, f"{counted} is not 1")

    def doctor(self, gate, expected, offers, pins):
        """What doctor says of each upstream, and that it offers the pins that work, and those alone."""
        code, text = gate.run("doctor", "--config", gate.config)
        must(code == 1, f"doctor ended with {code}: {text}")
        text = "\n".join(line for line in text.splitlines() if not line.startswith("# ") and "nft" not in line)
        said = {name: [] for name in expected}
        for line in text.splitlines():
            found = re.match(r"(ok|note|WRONG) +upstream (\S+): (.*)", line)
            if found:
                said[found[2]].append((found[1], found[3]))
            elif line.startswith("      ") and said.get(current := found_last):
                said[current].append(("to do", line.strip()))
            found_last = found[2] if found else None if not line.startswith("      ") else found_last
        for name, one in expected.items():
            self.check(f"doctor: {name}", self.diagnosed, said[name], one, offers.get(name), pins.get(name))

    @staticmethod
    def diagnosed(said, expected, offer, pin):
        for _, text in said:
            plain(text, "doctor")
        wrong = [text for kind, text in said if kind == "WRONG"]
        noted = [text for kind, text in said if kind == "note"]
        if expected is None:
            must(not wrong, f"{said}")
            return
        must(len(wrong) == 1 and re.fullmatch(f"TLS failed: {expected}", wrong[0]), f"{said}")
        if offer:
            must(len(noted) == 1 and re.fullmatch(f"to an old mail program it offers {offer}", noted[0]), f"{said}")
        elif pin:
            must(noted == [f'pin = ["{pin}"]'], f"{said}, not {pin}")
            must(any("pin it only if" in text for kind, text in said if kind == "to do"), f"{said}")
        else:
            must(not any(text.startswith("pin = ") for text in noted), f"a pin that cannot work: {said}")
            must(not any("see below" in text for _, text in said), f"{said}")

    # The client's side.

    def client(self, gate, listener, options, expected):
        """`openssl s_client`: an alert, one line in the log, counted once; without `expected` it is served."""
        time.sleep(PACE)
        since, before = len(gate.log_lines), gate.metrics().get('popgate_refused_total{reason="handshake"}', 0)
        text = s_client(gate.ports[listener], *options, *(["-starttls", "pop3"] if "STLS" in listener else []))
        if expected is None:
            must("+OK modern" in text, text)
            return
        must(re.search(r"alert (handshake failure|protocol version)", text), f"no alert: {text}")
        self.refused(gate, since, before, expected)

    def octets(self, gate, sent, expected):
        """Something else than TLS: an alert or the end, and the same in the log."""
        time.sleep(PACE)
        since, before = len(gate.log_lines), gate.metrics().get('popgate_refused_total{reason="handshake"}', 0)
        with socket.create_connection(("127.0.0.1", gate.ports["RSA"]), PATIENCE) as client:
            client.sendall(sent)
            got = b"".join(iter(lambda: client.recv(4096), b""))
        must(got[:1] == b"\x15" and len(got) == 7, f"no TLS alert: {got}")
        self.refused(gate, since, before, expected)

    @staticmethod
    def refused(gate, since, before, expected):
        lines = gate.lines(since, "refused: TLS with the client failed: ")
        must(len(lines) == 1 and lines[0].startswith("WARN "), f"in the log: {lines or gate.log()}")
        sentence = re.fullmatch(r"WARN refused: TLS with the client failed: (.*?) client=127\.0\.0\.1:\d+ reason=\"handshake\"", lines[0])
        must(sentence and re.fullmatch(expected, sentence[1]), f"`{lines[0]}` is not `{expected}`")
        plain(lines[0], "log")
        must(gate.metrics().get('popgate_refused_total{reason="handshake"}', 0) == before + 1, "not counted, or not once")

    # The end of TLS.

    def ends(self, gate, modern):
        """popgate ends TLS on both sides (RFC 8446 section 6.1) after QUIT, and when a server just closes."""
        context = permissive()
        for way in ("QUIT", "STAT", "RETR 1"):
            since, modern.closes = len(gate.log_lines), way.encode() if way != "QUIT" else None
            with socket.create_connection(("127.0.0.1", gate.ports["RSA"]), PATIENCE) as tcp:
                with context.wrap_socket(tcp, suppress_ragged_eofs=False, server_hostname="localhost") as client, client.makefile("rb") as file:
                    got = [file.readline()]
                    for command in ("USER ann", "PASS secret", way):
                        client.sendall(command.encode() + b"\r\n")
                        got.append(file.readline())
                    rest = file.read()  # raises where close_notify is missing
            text = b"".join(got).decode() + rest.decode()
            plain(text, way)
            must(rest == b"", f"{way}: more than one answer: {text}")
            if way == "QUIT":
                must(modern.ended.get(timeout=PATIENCE), "no close_notify to the server")
            if way == "RETR 1":
                # Nothing of the message has been sent on yet.
                must(got[-1] == b"-ERR [SYS/TEMP] the mail server closed the connection\r\n", f"{way}: {text}")
                lines = gate.lines(since, "WARN", 'upstream="modern"')
                must(len(lines) == 1 and "closed while a response was pending" in lines[0], f"in the log: {lines}")
            else:
                must(got[-1].startswith(b"+OK"), f"{way}: {text}")
            for line in gate.log_lines[since:]:
                plain(re.sub(r"popgate(::\w+)+: ", "", line), "log")
        modern.closes = None


def checks(gate, folder, certificates, suite):
    """`popgate check` with certificates that cannot be used."""
    cut, empty = gate.cut, os.path.join(folder, "empty")
    os.mkdir(empty)
    code, text = gate.run("check", "--config", gate.config)
    suite.check("check: all these upstreams", lambda: (must(code == 0, text), plain(text, "check")))
    cases = {
        "an X.509 v1 certificate for a listener": (("listen", "x509-v1"), {}, r"x509-v1\.pem: .*old form \(X\.509 v1\)"),
        "an RSA key of 1024 bits for a listener": (("listen", "rsa-1024"), {}, r"rsa-1024\.key: the key is .*RSA .*2048"),
        "a damaged ca_file": (("ca_file", cut), {}, r"cut\.pem: contains no certificate; PEM is expected"),
        "a damaged file of the system's": ((), {"SSL_CERT_FILE": cut, "SSL_CERT_DIR": ""}, r"cut\.pem: a certificate in it is damaged; .*set ca_file"),
        "a file of the system's that is not there": ((), {"SSL_CERT_FILE": cut + "x", "SSL_CERT_DIR": ""}, r"cut\.pemx: No such file .*set ca_file"),
        "no certificates of the system's": ((), {"SSL_CERT_FILE": empty, "SSL_CERT_DIR": ""}, r"this system has no trusted certificates"),
    }
    for what, (how, environment, expected) in cases.items():
        path = os.path.join(folder, "checked.toml")
        with open(path, "w") as f:
            f.write('[[upstream]]\nhost = "localhost"\n' + (f'ca_file = "{how[1]}"\n' if how[:1] == ("ca_file",) else ""))
            if how[:1] == ("listen",):
                f.write(f'[[listen]]\naddress = "127.0.0.1:0"\ntls = "implicit"\ncertificate = "{certificates.path(how[1])}"\n'
                        f'key = "{certificates.key(how[1])}"\n')
            f.write('[data]\ndir = "data"\nstore = "off"\n')
        kept, gate.environment = gate.environment, {**gate.environment, **environment}
        for verb in ("check", "doctor"):
            code, text = gate.run(verb, "--config", path)
            said = "\n".join(line for line in text.splitlines() if re.search(expected, line))
            suite.check(f"{verb}: {what}", lambda: (must(code != 0 and said, text), plain(said, verb)))
        gate.environment = kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to test")
    program = os.path.abspath(parser.parse_args().popgate)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.0
    folder, gate, suite = tempfile.mkdtemp(prefix="popgate-old-tls-"), None, Suite()
    try:
        certificates = Certificates(folder)
        modern = Server(certificates, "good", None, greeting=b"+OK modern\r\n")
        upstreams = [("modern", modern.port, f'ca_file = "{certificates.ca}"')]
        expected, offers, pins, labels = {"modern": None}, {}, {}, {}
        for name, (sentence, offer, label) in SERVERS.items():
            server = Garbage(name) if name in Garbage.KINDS else Server(certificates, "good", name)
            tls = "starttls" if name.endswith("-stls") else "implicit"
            if not isinstance(server, Garbage):
                suite.check(f"{name} is what it is called", server.proven)
            upstreams.append((name, server.port, f'tls = "{tls}"\nca_file = "{certificates.ca}"'))
            expected[name], offers[name], labels[name] = sentence, offer, label
        for certificate in CERTIFICATES:
            server, pin = Server(certificates, certificate, None), certificates.pin(certificate)
            shown = certificates.pin("good") if certificate == "other-key" else pin
            ca = certificates.path(certificate) if certificate.startswith("self-signed") else certificates.ca
            trust = {"roots": "", "ca": f'ca_file = "{ca}"', "pin": f'pin = ["{shown}"]'}
            for (way, settings), sentence in zip(trust.items(), TRUSTED[certificate]):
                name = f"{certificate}-{way}"
                upstreams.append((name, server.port, settings))
                expected[name], labels[name] = sentence, "certificate"
                if sentence is not None and (TRUSTED[certificate][2] is None or certificate == "other-key"):
                    pins[name] = pin
        gate = Gate(program, folder, upstreams, certificates)
        suite.check("a damaged file of the system's beside others", suite.roots, gate)
        for name, sentence in expected.items():
            suite.check(f"server: {name}", suite.server, gate, name, sentence, labels.get(name))
        for name, (options, sentence) in CLIENTS.items():
            for listener in ("RSA", "RSA, STLS", "ECDSA"):
                says = None if (name, listener) == ("Windows 7", "ECDSA") else sentence
                suite.check(f"client: {name}, {listener}", suite.client, gate, listener, options, says)
        for name, (sent, sentence) in BYTES.items():
            suite.check(f"client: {name}", suite.octets, gate, sent, sentence)
        suite.check("the end of TLS", suite.ends, gate, modern)
        suite.check("doctor", suite.doctor, gate, expected, offers, pins)
        checks(gate, folder, certificates, suite)
        suite.check("popgate ends well", lambda: must(gate.stop() == 0, gate.log()))
    finally:
        if gate and gate.process.poll() is None:
            gate.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{suite.passed} passed, {suite.failed} failed")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
