"""popgate in front of two test servers, with clients that fetch mail, and every kind of failure once."""

import contextlib
import os
import poplib
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import mail
from gate import Popgate
from name_servers import Listing
from server import PASSWORD, make_certificates
from staged import Staged, on_the_wire

PATIENCE = 90  # seconds to wait for any one condition
HELD = 1       # seconds that a message is held
FAULTY = {"late": 1, "endless": 2}  # indexes of the faulty messages


class Wrong(Exception):
    """A failed check."""


def until(true, what, seconds=PATIENCE):
    """Waits for a condition, and returns its value."""
    limit = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > limit:
            raise Wrong(f"waited {seconds} s in vain: {what() if callable(what) else what}")
        time.sleep(0.1)
    return found


class Load:
    """Mail clients that connect and quit until `stop()`."""

    def __init__(self, clients):
        self.over, self.failed, self.sessions = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self._fetch, args=(client,), daemon=True) for client in clients]
        for thread in self.threads:
            thread.start()

    def _fetch(self, client):
        while not self.over.is_set():
            try:
                # Another mailbox each time: what is remembered is not judged again.
                box = client(f"reader-{threading.get_ident()}-{self.sessions}-{len(self.failed)}")
                for number in range(len(FAULTY) + 1, box.stat()[0] + 1):
                    if number % 7 == 0:
                        box.top(number, 1_000_000)
                    box.retr(number)
                    # Not as fast as it can: others use this machine, too.
                    self.over.wait(0.02)
                box.quit()
                self.sessions += 1
            except (OSError, poplib.error_proto) as error:
                self.failed.append(error)
                self.over.wait(0.2)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


class Configured(Popgate):
    """popgate by a configuration file with two listeners."""

    def __init__(self, program, folder, path):
        self.start([program, "serve", "--config", path], folder, 3)


class Stage:
    """popgate with two listeners in front of two servers."""

    def __init__(self, program, folder):
        samples = [data for name, data in mail.messages() if name.startswith(("ham-plain", "ham-alternative", "ham-list", "spam-"))]
        whole = on_the_wire(samples[0])
        middle = whole.index(b"\r\n", 40) + 2
        # Popgate does not judge a partial header, and holds a message no longer than filter.hold_seconds.
        late = [whole[:middle], 3 * HELD, whole[middle:]]
        endless = [whole[:-3], 3 * HELD, whole[-3:]]
        mailbox = [late, endless, *([on_the_wire(sample)] for sample in samples)]
        self.servers = {name: Staged(mailbox) for name in ("isp", "office")}
        self.listing = Listing()
        self.program, self.folder, self.path = program, folder, os.path.join(folder, "popgate.toml")
        self.certificate()
        with open(self.path, "w") as f:
            f.write(self.configuration())
        os.makedirs(os.path.join(folder, "data"))
        self.gate = Configured(program, folder, self.path)
        self.ports = dict(self.gate.listening)

    def certificate(self):
        """Valid for 90 days: one that expires sooner would raise an alert."""
        make_certificates(self.folder)
        subprocess.run(["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "90",
                        "-extfile", "server.ext", "-out", "server.pem"], cwd=self.folder, check=True, capture_output=True)
        os.chmod(os.path.join(self.folder, "server.key"), 0o600)

    def configuration(self):
        upstreams = "".join(f'[[upstream]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {server.port}\ntls = "off"\n\n'
                            for name, server in self.servers.items())
        return (f'[[listen]]\naddress = "127.0.0.1:0"\nupstream = "isp"\n\n'
                f'[[listen]]\naddress = "127.0.0.1:0"\ntls = "implicit"\ncertificate = "server.pem"\nkey = "server.key"\nupstream = "office"\n\n'
                f'{upstreams}[filter]\ndrop_at = 12.0\nhold_seconds = "{HELD}s"\n\n[admin]\naddress = "127.0.0.1:0"\n\n'
                f'[network]\ndns = ["{self.listing.address}"]\n\n[[dns_list]]\nname = "listing"\nzone = "list.example"\n'
                'kind = "domain"\nof = ["from"]\n'
                'codes = { "127.0.0.2" = { fact = "LISTED", score = 0.01, text = "The sender is listed" } }\n\n'
                f'[data]\ndir = "{self.folder}/data"\n')

    def isp(self, user="joe", password=PASSWORD):
        return self._in(poplib.POP3("127.0.0.1", self.ports["pop3"], 30), user, password)

    def office(self, user="ann", password=PASSWORD):
        trust = ssl.create_default_context(cafile=os.path.join(self.folder, "ca.pem"))
        return self._in(poplib.POP3_SSL("127.0.0.1", self.ports["pop3s"], timeout=30, context=trust), user, password)

    @staticmethod
    def _in(box, user, password):
        box.user(user)
        box.pass_(password)
        return box

    def counted(self, family, **labels):
        chosen = [f'{name}="{value}"' for name, value in labels.items()]
        return sum(value for name, value in self.gate.metrics().items()
                   if re.split(r"[{]", name)[0] == family and all(one in name for one in chosen))

    def hide_mode(self):
        """A mailbox whose first answer waits for the verdicts on its messages."""
        user = "hiding"
        done = subprocess.run([self.program, "set", f"{user}@isp", "drop_mode=hide", "--config", self.path], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Wrong(f"`popgate set` ended with {done.returncode}: {done.stdout}{done.stderr}")
        box = self.isp(user=user)
        if not 0 < box.stat()[0] < len(self.servers["isp"].mailbox):
            raise Wrong(f"in hide mode {box.stat()[0]} of {len(self.servers['isp'].mailbox)} messages are listed")
        box.quit()

    # What goes wrong.

    def wrong_passwords(self):
        """Some users with a wrong password, and one who repeats it until popgate throttles the logins."""
        for number in range(24):
            with contextlib.suppress(poplib.error_proto):
                self.isp(user=f"user{number}" if number < 12 else "guess", password="wrong")
        until(lambda: self.counted("popgate_refused_total", reason="login_throttled"), "a guesser is refused")

    def list_refuses(self):
        self.listing.refuses = True
        until(lambda: self.counted("popgate_external_errors_total", kind="list_refuses"), "a list refuses")

    def slow_headers(self):
        boxes = [self.isp(user=f"patient{number}") for number in range(4)]
        threads = [threading.Thread(target=box.retr, args=(FAULTY["late"],)) for box in boxes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for box in boxes:
            box.quit()
        if self.counted("popgate_unscanned_total") < len(boxes):
            raise Wrong("messages with a slow header were judged")

    def leave_while_held(self):
        """On a busy machine some disconnect a moment too early or too late; four in time are enough."""
        server = self.servers["isp"]
        for number in range(20):
            before = self.counted("popgate_client_aborts_total")
            while server.pausing.acquire(blocking=False):
                pass
            box = self.isp(user=f"hasty{number}")
            box._putcmd(f"RETR {FAULTY['endless']}")
            server.pausing.acquire(timeout=PATIENCE)
            # A reset ends the connection at once, as if the mail program's machine had crashed.
            box.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            box.file.close()
            box.sock.close()
            until(lambda: self.counted("popgate_client_aborts_total") > before, "a client that left is counted")
            if self.counted("popgate_client_aborts_total", state="held") >= 4:
                return
        raise Wrong("clients that disconnect while a message is held are counted in another state")

    def server_gone(self):
        self.servers["office"].close()
        for _ in range(12):
            with contextlib.suppress(poplib.error_proto, OSError):
                self.office()
        until(lambda: self.counted("popgate_upstream_errors_total", upstream="office", kind="connect"), "a server that is down is counted")

    def reloads(self):
        for text, outcome in ((self.configuration(), "ok"), (self.configuration() + "[no such thing]\n", "refused")):
            with open(self.path, "w") as f:
                f.write(text)
            self.gate.process.send_signal(signal.SIGHUP)
            until(lambda: self.counted("popgate_reloads_total", outcome=outcome), f"a reload that is {outcome}")

    def stop(self):
        self.gate.stop()
        self.listing.stop()
        self.servers["isp"].close()
        with contextlib.suppress(OSError):
            self.servers["office"].close()
