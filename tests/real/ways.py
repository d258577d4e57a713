"""The setups of the gateway, each with its checks. A method that returns has passed."""

import os
import re
import ssl
import time

import edits
from gate import scan
from network import CLIENT, INSIDE, OUTSIDE, SERVER
from office import NAME, POP3, POP3S, call, certificate, messages

LOOP = 8  # connections that one client may cause where it, or a rule, sends popgate to itself
LISTENER = {110: "pop3", POP3: "pop3", 995: "passthrough", POP3S: "passthrough"}  # what metrics call it


class Wrong(Exception):
    """A failed check."""


class Ways:
    """One mailbox, fetched repeatedly. Each time it is another user's, so that the server's log shows which login came
    from where."""

    def __init__(self, network, provider, mailbox):
        self.network, self.provider = network, provider
        self.names, self.sources = [name for name, _ in mailbox], [data for _, data in mailbox]
        self.direct, self.verdicts = [], []
        self.fetched = 0

    def fetch(self, place, family, port, *tls):
        """(answer of caller.py, line in the server's log)."""
        self.fetched += 1
        user = f"user{self.fetched}"
        self.provider.fill(user, self.sources)
        answer = call(self.network, place, "fetch", SERVER[family], port, user, len(self.sources), *tls)
        return answer, self.provider.login(user)

    def straight(self, family):
        """Without rules: the reference for all comparisons."""
        answer, login = self.fetch(self.network.client, family, 110)
        seen_by_server(login, CLIENT[family])
        got = [edits.tidy(message) for message in messages(answer)]
        if self.direct and got != self.direct:
            raise Wrong("another mailbox than over IPv4")
        self.direct = got

    def scanned(self, program, folder):
        """What `popgate scan` says of it: spam that must come tagged, and ham that must not."""
        self.verdicts = [verdict for verdict, _ in scan(program, folder, self.direct)]
        if set(self.verdicts) != {"ham", "spam"}:
            raise Wrong(f"a mailbox of {set(self.verdicts)} only: the test needs ham and spam")

    def filtered(self, family, gate, place, seen):
        before = gate.connections("pop3", "accepted")
        answer, login = self.fetch(place, family, 110)
        self._judged(answer)
        seen_by_server(login, seen[family])
        counted(gate.connections("pop3", "accepted") - before)

    def passed(self, family, gate, seen):
        before = gate.connections("passthrough", "proxied_away")
        answer, login = self.fetch(self.network.client, family, 995, NAME, self.provider.ca)
        if certificate(answer) != der(self.provider.folder):
            raise Wrong("the client saw another certificate than the server's")
        if [edits.tidy(message) for message in messages(answer)] != self.direct:
            raise Wrong("messages came changed, or others came")
        seen_by_server(login, seen[family])
        counted(gate.connections("passthrough", "proxied_away") - before)

    def terminated(self, family, gate, office):
        before = gate.connections("pop3s", "accepted")
        answer, login = self.fetch(self.network.client, family, 995, NAME, os.path.join(office, "ca.pem"))
        if certificate(answer) != der(office):
            raise Wrong("the client saw another certificate than the office's")
        self._judged(answer)
        seen_by_server(login, OUTSIDE[family])
        if ", TLS" not in login:
            raise Wrong(f"popgate came without TLS: {login}")
        counted(gate.connections("pop3s", "accepted") - before)

    def unverified(self, family):
        """The server's certificate does not fit the client's SNI: no password may reach it."""
        try:
            self.fetch(self.network.client, family, 995, "other.example.test")
        except RuntimeError as refusal:
            if "-ERR" not in str(refusal):
                raise Wrong(f"not refused with -ERR: {refusal}") from None
        else:
            raise Wrong("logged in to a server whose certificate has another name")
        if self.provider.login(f"user{self.fetched}", seconds=0):
            raise Wrong("the server saw a login")

    def unredirected(self, family, gate, port):
        """A client that connects to popgate's own port, as if popgate were the server."""
        self._refused(gate, INSIDE[family], port)

    def looped(self, family, gate, port):
        """Rules that send popgate's own connections to popgate."""
        self._refused(gate, SERVER[family], port)

    def doctor(self, gate):
        code, output = gate.doctor()
        if code not in (0, 1):
            raise Wrong(f"exit {code}:\n{output}")
        rules = re.search(r"(?ms)^# nft begin\n(.*)^# nft end$", output)
        if not rules or "table" not in rules[1]:
            raise Wrong(f"no rules between '# nft begin' and '# nft end':\n{output}")
        self.network.rules(rules[1], check=True)

    def _judged(self, answer):
        """The messages are those of the mailbox; the spam among them, and only that, is tagged."""
        outcomes = [edits.judge(*pair) for pair in zip(self.direct, map(edits.tidy, messages(answer)), strict=True)]
        wrong = [f"{name}: came as {outcome.kind}, is {verdict}\n{outcome.reason}"
                 for name, outcome, verdict in zip(self.names, outcomes, self.verdicts, strict=True) if outcome.kind != verdict]
        if wrong:
            raise Wrong(f"{len(wrong)} messages are wrong\n" + "\n".join(wrong[:3]))

    def _refused(self, gate, address, port):
        """One clear error, and the session is over, for the client and inside popgate. On a TLS port the connection is
        just closed."""
        listener = LISTENER[port]
        before = gate.connections(listener)
        lines = call(self.network, self.network.client, "read_lines", address, port)["lines"]
        if listener == "passthrough":
            if lines:
                raise Wrong(f"no TLS, but: {lines}")
        elif len(lines) != 1 or not lines[0].startswith("-ERR") or not lines[0].endswith("\r\n"):
            raise Wrong(f"not one -ERR line and the end, but: {lines}")
        limit = time.monotonic() + 20
        while gate.metric("popgate_sessions_active{"):
            if time.monotonic() > limit:
                raise Wrong("sessions continue")
            time.sleep(0.05)
        made = gate.connections(listener) - before
        if not 1 <= made <= LOOP:
            raise Wrong(f"{made} connections caused by one client")


def seen_by_server(login, address):
    if f"rip={address}," not in login:
        raise Wrong(f"the server did not see {address}, but: {login.strip() or 'no login'}")


def counted(number):
    if number != 1:
        raise Wrong(f"the metrics count {number} connections for this one")


def der(folder):
    with open(os.path.join(folder, "server.pem")) as f:
        return ssl.PEM_cert_to_DER_cert(f.read())
