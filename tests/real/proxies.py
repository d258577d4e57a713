#!/usr/bin/env python3
"""Upstreams behind real proxies: microsocks and Dante (SOCKS5) and tinyproxy (HTTP CONNECT).

Through each, with and without a password, a client fetches all mail from a Dovecot without TLS and with it; only the
proxy knows the server's name. Then each way to fail, with those proxies and with played ones: the client gets one line
of POP3, the log one line with upstream, proxy and what to do, and one error is counted. The questions of
`popgate oauth add` go through the proxies, too. Exit 77 if a proxy is missing, or without root.
"""

import argparse
import http.server
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import played
from fetch import Wire
from gate import Popgate
from played import Played
from proxy_programs import PASSWORD, SERVER, USER, Dante, Microsocks, Tinyproxy, needs
from server import Dovecot

HOST = "127.0.0.1"
CONNECT = 2  # seconds that a proxy has
WORDS = "popgate cannot reach the mail server: "
MAIL = [b"From: a@example.org\r\nSubject: %d\r\n\r\n" % n + b"line %d\r\n..\r\n" % n * size
        for n, size in ((1, 1), (2, 100), (3, 40_000))]


class Case(NamedTuple):
    """An upstream behind a proxy; `expected` is what the log and the client say, None if it is reached."""

    name: str
    url: str        # of the proxy, without a user name
    expected: str | None = None
    password: str | None = None
    host: str = SERVER
    port: int = 0
    tls: str = "off"
    kind: str = "proxy"


class Gate(Popgate):
    """popgate with a listener for each case; `ports` has them by name."""

    def __init__(self, program, folder, cases, ca):
        text = f'[admin]\naddress = "{HOST}:0"\n[data]\ndir = "{folder}/data"\n'
        for case in cases:
            url = case.url
            text += f'[[listen]]\naddress = "{HOST}:0"\nupstream = "{case.name}"\n'
            text += f'[[upstream]]\nname = "{case.name}"\nhost = "{case.host}"\nport = {case.port}\ntls = "{case.tls}"\n'
            if case.tls != "off":
                text += f'ca_file = "{ca}"\n'
            if case.password is not None:
                secret = os.path.join(folder, f"{case.name}.secret")
                with open(secret, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
                    f.write(case.password + "\n")
                url = url.replace("://", f"://{USER}@")
                text += f'proxy_password_file = "{secret}"\n'
            text += f'proxy = "{url}"\n[upstream.timeouts]\nconnect = "{CONNECT}s"\n'
        path = os.path.join(folder, "popgate.toml")
        with open(path, "w") as f:
            f.write(text)
        self.start([program, "serve", "--config", path], folder, len(cases) + 1)
        ports = [port for kind, port in self.listening if kind == "pop3"]
        self.ports = {case.name: port for case, port in zip(cases, ports, strict=True)}

    def lines_of(self, name):
        """The lines of the log about an upstream."""
        return [line for line in list(self.log_lines) if re.search(rf'\bupstream="?{re.escape(name)}"?(\s|$)', line)]


def reached(programs, dovecot):
    """Each proxy, with and without TLS to the server."""
    for name, program in programs.items():
        for tls, port in (("off", dovecot.pop3), ("starttls", dovecot.pop3), ("implicit", dovecot.pop3s)):
            password = PASSWORD if program.login else None
            yield Case(f"{name}-{tls}", f"{program.scheme}://{HOST}:{program.port}", None, password, port=port, tls=tls)


def failing(programs, players, dovecot, closed, blocked, unused):
    """Each way to fail."""
    wants = "it wants a user name and password; write USER@ before its host in proxy, and proxy_password_file"
    wrong = "it does not accept the user name and password; correct them in proxy and proxy_password_file"
    for name, program in programs.items():
        url, is_http = f"{program.scheme}://{HOST}:{program.port}", program.scheme == "http"
        case = Case(name, url, port=dovecot.pop3)
        if program.login:
            yield case._replace(name=f"{name}-wrong", password="guess", expected=wrong)
            yield case._replace(name=f"{name}-none", expected=wants)
            continue
        cannot = f"it cannot reach {SERVER}, port {closed}"
        yield case._replace(name=f"{name}-closed", port=closed, expected=cannot)
        yield case._replace(name=f"{name}-unknown", host="nowhere.beyond.test",
                            expected=f"it cannot reach nowhere.beyond.test, port {dovecot.pop3}")
        if not isinstance(program, Microsocks):
            expected = f"it does not allow connections to {SERVER}, port {blocked}"
            yield case._replace(name=f"{name}-blocked", port=blocked, expected=expected)
        other = ("socks5://" if is_http else "http://") + f"{HOST}:{program.port}"
        yield case._replace(name=f"{name}-other-kind", url=other, expected="; ")
    for scheme in ("socks5", "http"):
        down = "cannot connect: Connection refused"
        yield Case(f"{scheme}-down", f"{scheme}://{HOST}:{unused}", down, port=dovecot.pop3)
        yield Case(f"{scheme}-no-host", f"{scheme}://proxy.beyond.test:1", "cannot resolve its name", port=dovecot.pop3)
    for name, (scheme, player, expected, kind, tls) in players.items():
        port = dovecot.pop3s if tls == "implicit" else dovecot.pop3
        yield Case(name, f"{scheme}://{HOST}:{player.port}", expected, port=port, kind=kind, tls=tls)


def play():
    """The played proxies."""
    def one(scheme, answer, expected, kind="proxy", tls="off"):
        return scheme, Played(answer), expected, kind, tls

    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in here</html>\r\n"
    return {
        "socks5-hangs": one("socks5", played.hang, f"no connection within {CONNECT}s"),
        "socks5-hangs-later": one("socks5", played.socks_greets, f"no connection within {CONNECT}s"),
        "socks5-closes": one("socks5", played.close, "it closed the connection; is it a SOCKS5 proxy"),
        "http-hangs": one("http", played.hang, f"no connection within {CONNECT}s"),
        "http-closes": one("http", played.close, "it closed the connection; is it an HTTP proxy"),
        "http-407": one("http", played.status(b"407 Proxy Authentication Required"), "it wants a user name and password"),
        "http-403": one("http", played.status(b"403 Forbidden"), "it does not allow connections"),
        "http-502": one("http", played.status(b"502 Bad Gateway"), "it cannot reach"),
        "http-page": one("http", played.says(page[page.index(b"<"):]), "its answer is not that of an HTTP proxy"),
        "http-page-200": one("http", played.says(page), "that is a web server", "not_pop3"),
        "http-page-200-tls": one("http", played.says(page), "that is a web server", "not_pop3", "implicit"),
        "http-endless": one("http", played.endless, "its answer has a header of more than 16384 octets"),
    }


def fetch(gate, case):
    """What is wrong with a session through a proxy that works."""
    box = Wire(gate.ports[case.name], "ann")
    found = [b"".join(box.listing(f"RETR {n}")) for n in range(1, len(MAIL) + 1)]
    box.say("QUIT")
    stuffed = [mail.replace(b"\r\n.", b"\r\n..") for mail in MAIL]
    if found != stuffed:
        return f"{case.name}: the mail differs"
    return None


def fail(gate, case):
    """What is wrong with a session that cannot be."""
    began = time.monotonic()
    with socket.create_connection((HOST, gate.ports[case.name]), 10) as client:
        said = b""
        while more := client.recv(4096):
            said += more
    seconds = time.monotonic() - began
    said = said.decode()
    proxy = re.sub(r"^\w+://(.*):(\d+)$", r"the proxy \1, port \2", case.url)
    if not re.fullmatch(r"-ERR \[SYS/TEMP\] [ -~]+\r\n", said) or WORDS not in said or case.expected not in said:
        return f"{case.name}: the client gets {said!r}"
    if PASSWORD in said or "guess" in said or seconds > CONNECT + 2:
        return f"{case.name}: after {seconds:.1f} s the client gets {said!r}"
    limit = time.monotonic() + 5
    while not (lines := gate.lines_of(case.name)) and time.monotonic() < limit:
        time.sleep(0.02)
    why = said.partition(WORDS)[2].strip()
    if len(lines) != 1 or why not in lines[0] or proxy not in lines[0] or "WARN" not in lines[0]:
        return f"{case.name}: the log says {lines}, the client gets {said!r}"
    counted = {key: value for key, value in gate.metrics().items()
               if key.startswith("popgate_upstream_errors_total{") and f'upstream="{case.name}"' in key and value}
    if [(f'kind="{case.kind}"' in key, value) for key, value in counted.items()] != [(True, 1)]:
        return f"{case.name}: counted as {counted}"
    return None


def token_service(folder):
    """An HTTPS server that issues access tokens; and what it was asked."""
    asked = []

    class Service(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            answer = b'{"access_token":"a","expires_in":3600}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((HOST, 0), Service)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


def add(program, folder, name, proxy, port, ca):
    """`popgate oauth add` through a proxy: its exit code and what it prints."""
    os.makedirs(folder)
    secret = os.path.join(folder, "secret")
    with open(secret, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write(PASSWORD + "\n")
    login, more = (f"{USER}@", f'proxy_password_file = "{secret}"\n') if proxy.login else ("", "")
    path = os.path.join(folder, "popgate.toml")
    with open(path, "w") as f:
        f.write(f'[[upstream]]\nname = "{name}"\nhost = "{SERVER}"\nproxy = "{proxy.scheme}://{login}{HOST}:{proxy.port}"\n'
                f'{more}[upstream.oauth]\nflow = "client_credentials"\ntoken_url = "https://{SERVER}:{port}/token"\n'
                f'client_id = "x"\nclient_secret_file = "{secret}"\nscope = "x"\nca_file = "{ca}"\n'
                f'[data]\ndir = "{folder}/data"\n')
    done = subprocess.run([program, "oauth", "add", "--account", "ann", "--config", path], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, env={**os.environ, "POPGATE_PASSWORD": "x"})
    return done.returncode, done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--popgate", required=True)
    program = os.path.abspath(parser.parse_args().popgate)
    missing = needs() if os.geteuid() == 0 else ["root"]
    if missing:
        print("needs " + ", ".join(missing))
        return 77
    wrong, running = [], []
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        try:
            wrong = run(program, folder, running)
        finally:
            for one in reversed(running):
                one.stop()
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def run(program, folder, running):
    def started(one):
        running.append(one)
        return one

    dovecot = Dovecot(os.path.join(folder, "dovecot"), names=f"DNS:{SERVER},IP:{HOST}")
    dovecot.fill("ann", MAIL)
    dovecot.start()
    started(dovecot)
    service, asked = token_service(dovecot.folder)
    # Bound, so that nobody else gets them, and not listening.
    silent = [socket.socket() for _ in range(3)]
    for it in silent:
        it.bind((HOST, 0))
    closed, blocked, unused = (it.getsockname()[1] for it in silent)
    allowed = [dovecot.pop3, dovecot.pop3s, closed, service.server_port]
    programs = {f"{kind.__name__.lower()}{'-login' if login else ''}":
                started(kind(os.path.join(folder, f"{kind.__name__}{login}"), login, allowed, [blocked]))
                for kind in (Microsocks, Dante, Tinyproxy) for login in (False, True)}
    players = play()
    for _, player, *_ in players.values():
        started(player)
    good = list(reached(programs, dovecot))
    bad = list(failing(programs, players, dovecot, closed, blocked, unused))
    place = os.path.join(folder, "popgate")
    os.makedirs(os.path.join(place, "data"))
    gate = started(Gate(program, place, good + bad, dovecot.ca))
    with ThreadPoolExecutor(12) as pool:
        wrong = list(pool.map(lambda case: attempt(fetch, gate, case), good))
    # More than 20 lines of one kind in a second would not be logged.
    with ThreadPoolExecutor(6) as pool:
        results = []
        for case in bad:
            results.append(pool.submit(attempt, fail, gate, case))
            time.sleep(0.1)
        wrong += [result.result() for result in results]
    for name, proxy in programs.items():
        code, text = add(program, os.path.join(folder, f"add-{name}"), name, proxy, service.server_port, dovecot.ca)
        if code or len(asked) != 1 or "client_credentials" not in asked.pop():
            wrong.append(f"oauth add through {name}: {code}, {text}")
    service.shutdown()
    for it in silent:
        it.close()
    print(f"{len(good)} ways through {len(programs)} proxies, {len(bad)} failures")
    return [text for text in wrong if text]


def attempt(check, gate, case):
    """What a check finds wrong, as text."""
    try:
        return check(gate, case)
    except (OSError, RuntimeError) as error:
        return f"{case.name}: {error}; {gate.lines_of(case.name)}"


if __name__ == "__main__":
    sys.exit(main())
