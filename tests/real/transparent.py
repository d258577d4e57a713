#!/usr/bin/env python3
"""Mail through a transparent gateway: network namespaces, real nft rules, a real Dovecot.

A client, a gateway with popgate and a server, each in a network namespace of its own. The rules are those of
deploy/transparent.nft and deploy/tproxy.nft with only their defines changed. In each setup a mailbox is fetched over
IPv4 and over IPv6 and compared with what the client got without rules. Exit 0 if everything passed, 1 if not, 77 without
network namespaces.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile

import mail
import shipped
from network import CLIENT, OUTSIDE, Network, Unavailable
from office import NAME, POP3, POP3S, USER, Gate, Provider
from server import find, make_certificates
from ways import Ways, Wrong

AS_USER = f'[process]\nuser = "{USER}"'
AS_ROOT = "[process]\nallow_root = true"  # for addresses of others, and to read a key again


class Suite:
    def __init__(self, options, folder, network):
        self.options, self.folder, self.network = options, folder, network
        self.done, self.failed = 0, 0

    def check(self, name, function, *arguments):
        self.done += 1
        try:
            function(*arguments)
            print(f"ok      {name}", flush=True)
        except Exception as trouble:  # any: the other checks still run
            self.failed += 1
            kind = "" if isinstance(trouble, (Wrong, RuntimeError)) else type(trouble).__name__ + ": "
            print(f"FAILED  {name}\n        " + f"{kind}{trouble}".replace("\n", "\n        "), flush=True)

    def each(self, name, function, *arguments):
        for family in (4, 6):
            self.check(f"{name}, IPv{family}", function, family, *arguments)

    def phase(self, name, checks, pop3s='tls = "passthrough"', rest=AS_USER, tproxy=False):
        """Runs the checks of one configuration. That popgate serves, and exits with 0, is one more of them."""
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        gate, before = Gate(self.options.popgate, folder, self.network, pop3s, rest, tproxy), self.failed

        def serve():
            with gate:
                checks(gate)
            if gate.code != 0:
                raise Wrong(f"it ended with {gate.code} after SIGTERM")

        self.check(f"popgate served the configuration for {name}", serve)
        self.network.no_rules()
        if self.failed > before:
            print("popgate's log ends with:\n" + gate.log(), flush=True)

    def redirected(self, gate):
        here, ways = self.network, self.ways
        here.rules(shipped.rules("transparent.nft"))
        self.each("port 110 by REDIRECT is filtered, the server sees the gateway", ways.filtered, gate, here.client, OUTSIDE)
        self.each("port 995 by REDIRECT passes untouched", ways.passed, gate, OUTSIDE)
        self.each("connections to popgate's own port are refused", ways.unredirected, gate, POP3)
        self.each("connections to popgate's own port for 995 are refused", ways.unredirected, gate, POP3S)
        here.rules(shipped.turned_on(shipped.rules("transparent.nft", user=f'"{USER}"')))
        self.each("port 110 from the gateway itself is filtered", ways.filtered, gate, here.gateway, OUTSIDE)
        self.check("popgate doctor prints rules that nft accepts", ways.doctor, gate)

    def with_certificate(self, gate, office):
        self.network.rules(shipped.rules("transparent.nft"))
        self.each("port 995 with the office's certificate is filtered, TLS on both sides", self.ways.terminated, gate, office)
        self.each("port 995 for a name that the server has no certificate for is refused", self.ways.unverified)

    def by_tproxy(self, gate):
        here, ways, text = self.network, self.ways, shipped.rules("tproxy.nft")
        routes = shipped.routes(text)
        here.routes(routes)
        here.rules(text)
        self.each("port 110 by TPROXY is filtered, the server sees the client", ways.filtered, gate, here.client, CLIENT)
        self.each("port 995 by TPROXY passes untouched, the server sees the client", ways.passed, gate, CLIENT)
        self.each("connections to popgate's own port for TPROXY are refused", ways.unredirected, gate, POP3)
        here.routes([["del" if word == "add" else word for word in line] for line in routes])

    def looping(self, gate):
        # The file as shipped, but with another user as popgate's.
        self.network.rules(shipped.turned_on(shipped.rules("transparent.nft", user='"root"')))
        self.each("rules that send popgate to itself end in one error", self.ways.looped, gate, 110)
        self.each("rules that send popgate to itself for port 995 end at once", self.ways.looped, gate, 995)

    def run(self):
        office = os.path.join(self.folder, "office")
        os.mkdir(office)
        make_certificates(office, f"DNS:{NAME}")
        provider = Provider(os.path.join(self.folder, "dovecot"), self.network)
        self.ways = Ways(self.network, provider, mail.messages()[:20])
        upstream = f'[[upstream]]\nname = "provider"\nhost = "{NAME}"\nca_file = "{provider.ca}"\n\n'
        try:
            print(f"Dovecot {provider.start()}", flush=True)
            self.each("directly to the server, which sees the client", self.ways.straight)
            self.check("the mailbox has ham and spam", self.ways.scanned, self.options.popgate, os.path.join(self.folder, "scanned"))
            self.phase("REDIRECT", self.redirected)
            self.phase("TLS of its own", lambda gate: self.with_certificate(gate, office), rest=upstream + AS_ROOT,
                       pop3s=f'tls = "implicit"\ncertificate = "{office}/server.pem"\nkey = "{office}/server.key"')
            self.phase("TPROXY", self.by_tproxy, rest=AS_ROOT, tproxy=True)
            self.phase("a loop", self.looping)
        finally:
            provider.stop()
            if self.failed:
                print("\nDovecot's log ends with:\n" + provider.log()[-1500:])


def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the namespaces are being removed now
    sys.exit(143)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--popgate", required=True, help="the program to test")
    options = parser.parse_args()
    options.popgate = os.path.abspath(options.popgate)
    if not find("dovecot"):
        print("dovecot not installed")
        sys.exit(77)
    signal.signal(signal.SIGTERM, stop)
    folder = tempfile.mkdtemp(prefix="popgate-transparent-")
    os.chmod(folder, 0o755)  # Dovecot and popgate run as other users
    try:
        with Network() as network:
            suite = Suite(options, folder, network)
            suite.run()
    except Unavailable as reason:
        print(reason)
        sys.exit(77)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{suite.done} checks, {suite.failed} failed")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
