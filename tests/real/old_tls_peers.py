"""Certificates, servers and clients with old TLS, of OpenSSL, for old_tls.py."""

import base64
import hashlib
import os
import queue
import socket
import ssl
import subprocess
import threading

PATIENCE = 20  # seconds for any one answer
CERTIFICATES = ("good", "x509-v1", "rsa-1024", "sha1", "expired", "wrong-name", "self-signed", "self-signed-leaf", "other-key")
OLD_SERVERS = {  # kind: (least version, last version, ciphers, what a client that takes all gets)
    "rsa": ("TLSv1_2", "TLSv1_2", "AES128-GCM-SHA256", ("TLSv1.2", "AES128-GCM-SHA256")),
    "rsa-cbc": ("TLSv1_2", "TLSv1_2", "AES128-SHA", ("TLSv1.2", "AES128-SHA")),
    "ecdhe-cbc": ("TLSv1_2", "TLSv1_2", "ECDHE-RSA-AES128-SHA", ("TLSv1.2", "ECDHE-RSA-AES128-SHA")),
    "dhe": ("TLSv1_2", "TLSv1_2", "DHE-RSA-AES128-GCM-SHA256", ("TLSv1.2", "DHE-RSA-AES128-GCM-SHA256")),
    "tls1.0": ("TLSv1", "TLSv1", "ALL", ("TLSv1", "ECDHE-RSA-AES256-SHA")),
    "tls1.1": ("TLSv1_1", "TLSv1_1", "ALL", ("TLSv1.1", "ECDHE-RSA-AES256-SHA")),
}
ANYTHING = "ALL:@SECLEVEL=0"


def permissive():
    """A client that takes whatever there is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(ANYTHING)
    return context


def s_client(port, *options):
    """What `openssl s_client` with these options shows."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-quiet"]
    if "-cipher" in options:
        at = options.index("-cipher") + 1
        options = (*options[:at], options[at] + ":@SECLEVEL=0", *options[at + 1:])
    else:
        options = (*options, "-cipher", ANYTHING)
    done = subprocess.run([*command, *options], input=b"QUIT\r\n", capture_output=True, timeout=PATIENCE, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


class Certificates:
    """An authority, what it certifies, and what certifies itself; each with a key of its own."""

    def __init__(self, folder):
        self.folder, self.ca = os.path.join(folder, "certificates"), os.path.join(folder, "certificates/ca.pem")
        os.mkdir(self.folder)
        rsa = ["-newkey", "rsa:2048", "-nodes"]
        for name in ("ca", "platform"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                         "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        self.openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", "dh.pem")
        self.certified("good", rsa)
        self.certified("other-key", rsa)
        self.certified("ecdsa", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        self.certified("x509-v1", rsa, names=None)
        self.certified("rsa-1024", ["-newkey", "rsa:1024", "-nodes"])
        self.certified("sha1", rsa, "-sha1")
        self.certified("expired", rsa, dates=("20200101000000Z", "20210101000000Z"))
        self.certified("wrong-name", rsa, names="elsewhere.example")
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "30"]
        for name, extra in (("self-signed", []), ("self-signed-leaf", ["-addext", "basicConstraints=critical,CA:FALSE"])):
            self.openssl("req", "-x509", *rsa, *subject, *extra, "-keyout", f"{name}.key", "-out", f"{name}.pem")
        for name in os.listdir(self.folder):
            os.chmod(os.path.join(self.folder, name), 0o600)

    def certified(self, name, key, *options, names="localhost", dates=None):
        self.openssl("req", *key, "-subj", f"/CN={names or 'localhost'}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        if names:
            with open(os.path.join(self.folder, f"{name}.ext"), "w") as f:
                f.write(f"basicConstraints=CA:FALSE\nsubjectAltName=DNS:{names}\n")
        # Without extensions it is one of X.509 v1.
        extensions = ["-extfile", f"{name}.ext"] if names else []
        if not dates:
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                         *options, *extensions, "-out", f"{name}.pem")
            return
        # Only this command takes dates of the past.
        with open(os.path.join(self.folder, "ca.cnf"), "w") as f:
            f.write("[a]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha256\npolicy = p\n"
                    "[p]\ncommonName = supplied\n")
        open(os.path.join(self.folder, "index"), "w").close()
        self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-name", "a", "-cert", "ca.pem", "-keyfile", "ca.key",
                     "-startdate", dates[0], "-enddate", dates[1], *extensions, "-in", f"{name}.csr", "-out", f"{name}.pem")

    def openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.folder, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def path(self, name):
        return os.path.join(self.folder, f"{name}.pem")

    def key(self, name):
        return os.path.join(self.folder, f"{name}.key")

    def pin(self, name):
        """RFC 7469 section 2.4, by OpenSSL."""
        der = self.openssl("pkey", "-in", f"{name}.key", "-pubout", "-outform", "DER")
        return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class Peer:
    """A server with a thread for each connection."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.socket.accept()
            client.settimeout(PATIENCE)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client:
                self.serve(client)
        except (OSError, ValueError):
            pass  # popgate refused it


class Server(Peer):
    """POP3 over TLS of one kind; `None` is any. It closes without close_notify at the command `closes`."""

    def __init__(self, certificates, certificate, kind, greeting=b"+OK ready\r\n"):
        self.kind, self.stls, self.greeting = (kind or "").removesuffix("-stls"), (kind or "").endswith("-stls"), greeting
        self.closes, self.ended = None, queue.Queue()
        self.context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(ANYTHING)
        context.load_cert_chain(certificates.path(certificate), certificates.key(certificate))
        if self.kind:
            least, last, ciphers, _ = OLD_SERVERS[self.kind]
            context.minimum_version, context.maximum_version = ssl.TLSVersion[least], ssl.TLSVersion[last]
            context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
            context.load_dh_params(os.path.join(certificates.folder, "dh.pem"))
        super().__init__()

    def proven(self):
        """A client that takes all gets what the kind is named after."""
        expected = OLD_SERVERS[self.kind][3]
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as tcp:
            if self.stls:
                tcp.recv(99)
                tcp.sendall(b"STLS\r\n")
                tcp.recv(99)
            with permissive().wrap_socket(tcp) as client:
                got = client.version(), client.cipher()[0]
        if got != expected:
            raise RuntimeError(f"{got}, not {expected}")

    def serve(self, client):
        if self.stls:
            client.sendall(self.greeting)
            with client.makefile("rb") as file:
                if file.readline().strip() != b"STLS":
                    return
            client.sendall(b"+OK go on\r\n")
        with self.context.wrap_socket(client, server_side=True, suppress_ragged_eofs=False) as tls:
            if not self.stls:
                tls.sendall(self.greeting)
            with tls.makefile("rb") as file:
                self.session(tls, file)

    def session(self, tls, file):
        answers = {b"CAPA": b"+OK\r\nUSER\r\nUIDL\r\n.\r\n", b"STAT": b"+OK 1 20\r\n",
                   b"RETR": b"+OK\r\nSubject: a\r\n\r\nHello\r\n" + b"x\r\n" * 99}
        for line in file:
            command = line.rstrip()
            tls.sendall(answers.get(command[:4], b"+OK\r\n"))
            if command == self.closes:
                return
            if command == b"QUIT":
                try:
                    tls.unwrap()  # raises where the other side's close_notify is missing
                    self.ended.put(True)
                except OSError:
                    self.ended.put(False)
                return


class Garbage(Peer):
    """A server that answers a TLS hello with something else."""

    KINDS = {
        # An SSL 2 server's hello, with a certificate of no octets.
        "ssl2": b"\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00",
        # A ServerHello of SSL 3 with RSA and RC4.
        "ssl3": b"\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" + b"\x07" * 32 + b"\x00\x00\x05\x00",
        "plain": b"+OK plain POP3 ready\r\n",
        "web": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        "garbage": bytes(range(200, 256)) * 4,
        "cut": b"",
    }

    def __init__(self, kind):
        self.kind = kind
        super().__init__()

    def serve(self, client):
        if self.kind != "plain":  # it waits for nothing
            client.recv(4096)
        client.sendall(self.KINDS[self.kind])
        if self.kind != "cut":
            client.recv(4096)
