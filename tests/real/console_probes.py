"""What an attacker on this machine's network or on another web site tries against the console, over plain sockets."""

import http.client
import socket
import threading
import time
from urllib.parse import urlencode

HOST = "127.0.0.1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def must(holds, text):
    if not holds:
        raise AssertionError(text)


class Raw:
    """Requests with any header; nothing is followed, encoded or repeated."""

    def __init__(self, port):
        self.port, self.origin = port, f"http://{HOST}:{port}"

    def send(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=40)
        try:
            connection.putrequest(method, path, skip_host=headers is not None and "Host" in headers, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def log_in(self, cookie=None, **fields):
        headers = {**FORM, "Origin": self.origin, **({"Cookie": cookie} if cookie else {})}
        status, headers, _ = self.send("POST", "/login", headers, urlencode(fields).encode())
        return status, headers.get("set-cookie", "")


def cookie_flags(raw, password):
    fixed = "popgate_session=" + "a" * 43
    status, flags = raw.log_in(cookie=fixed, **{"as": "administrator", "password": password})
    must(status == 303 and "HttpOnly" in flags and "SameSite=Strict" in flags and "Path=/" in flags, f"cookie {status} {flags}")
    pair = flags.split(";")[0]
    must(pair != fixed and len(pair) > 30, f"session fixation: {pair}")
    must(raw.send("GET", "/", {"Cookie": fixed})[0] == 303, "a session that an attacker chose is one")
    must(raw.send("GET", "/", {"Cookie": pair})[0] == 200, "the session is none")
    return pair


def other_origins(raw, cookie, message):
    _, _, page = raw.send("GET", f"/m/{message}", {"Cookie": cookie})
    form = page.split(b'name="form" value="')[1].split(b'"')[0].decode()
    body = urlencode({"form": form, "do": "block"}).encode()
    for origin in (None, "null", "http://evil.example", f"http://{HOST}:{raw.port + 1}", f"https://{HOST}", f"http://{HOST}.evil.example:{raw.port}"):
        headers = {**FORM, "Cookie": cookie, **({"Origin": origin} if origin else {})}
        status, _, _ = raw.send("POST", f"/m/{message}", headers, body)
        must(status == 403, f"a form from {origin} was taken: {status}")
    for wrong in ("", "x" * len(form), form[:-1]):
        headers = {**FORM, "Cookie": cookie, "Origin": raw.origin}
        status, _, _ = raw.send("POST", f"/m/{message}", headers, urlencode({"form": wrong, "do": "block"}).encode())
        must(status == 403, f"a form with the token {wrong!r} was taken: {status}")
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        must(raw.send(method, f"/m/{message}", {"Cookie": cookie, "Origin": raw.origin})[0] in (403, 405), f"{method} is accepted")


def rebinding(raw, cookie):
    for host in ("evil.example", f"evil.example:{raw.port}", f"{HOST}.evil.example", "localhost.evil.example", f"x@{HOST}", "", "[::1", "127.0.0.1, evil.example"):
        for path in ("/", "/login", "/messages", "/metrics", "/style.css"):
            status, _, body = raw.send("GET", path, {"Host": host, "Cookie": cookie})
            must(status in (400, 421), f"Host {host!r} got {status} for {path}: {body[:80]}")


def framing(raw, cookie):
    for path in ("/", "/login", "/messages", "/nothing", "/m/x"):
        _, headers, _ = raw.send("GET", path, {"Cookie": cookie})
        policy = headers.get("content-security-policy", "")
        must("frame-ancestors 'none'" in policy and headers.get("x-frame-options") == "DENY", f"{path} can be framed: {headers}")
        must("default-src 'none'" in policy and "unsafe" not in policy, f"{path}: {policy}")
        scripts = ["script-src 'self'"] if path == "/messages" else []  # new rows
        must([one.strip() for one in policy.split(";") if "script" in one] == scripts, f"{path}: {policy}")
        must(headers.get("x-content-type-options") == "nosniff" and headers.get("cache-control") == "no-store", f"{path}: {headers}")


def odd_paths(raw, cookie):
    for path in ("/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/m/..%2f..%2fpopgate.toml", "/m/%2fetc%2fpasswd", "/style.css/../../popgate.toml",
                 "/m/%00", "/m/" + "a" * 8000, "/messages?after=9999999999999999999999.x", "/messages?days=99999999999999999999&q=%ff%fe", "/m/%ff",
                 "/messages?mailbox=%27%20OR%201=1--", "/messages?q=%25%25%25%27%22;drop%20table%20history--", "//evil.example/", "/login?to=//evil.example/"):
        status, headers, body = raw.send("GET", path, {"Cookie": cookie})
        must(status in (200, 400, 404, 414), f"{path[:60]}: {status}")
        must(b"root:" not in body and b"[upstream]" not in body, f"{path} shows a file")
        must("evil" not in headers.get("location", ""), f"{path} leads to {headers.get('location')}")


def large_forms(raw, cookie):
    """10 MB with a length, and 10 MB in chunks without one: refused before they are read to the end."""
    for path in ("/login", "/logout", "/m/x"):
        connection = http.client.HTTPConnection(HOST, raw.port, timeout=40)
        try:
            connection.request("POST", path, body=b"a" * (10 << 20), headers={**FORM, "Origin": raw.origin, "Cookie": cookie})
            status = connection.getresponse().status
            must(status in (413, 422, 400, 404), f"a form of 10 MB to {path}: {status}")
        except (BrokenPipeError, ConnectionResetError):
            pass  # It hung up.
        finally:
            connection.close()
    connection = http.client.HTTPConnection(HOST, raw.port, timeout=40)
    try:
        connection.request("POST", "/login", body=(b"a" * 65536 for _ in range(160)), encode_chunked=True,
                           headers={**FORM, "Origin": raw.origin, "Transfer-Encoding": "chunked"})
        must(connection.getresponse().status in (413, 422, 400), "a chunked form of 10 MB was taken")
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        connection.close()


def throttled(raw, right):
    """Ten wrong passwords, then a pause, also for the right one."""
    for _ in range(10):
        status, _ = raw.log_in(**{"as": "administrator", "password": "wrong"})
        must(status == 403, f"a wrong password: {status}")
    status, _ = raw.log_in(**{"as": "administrator", "password": right})
    must(status == 429, f"after ten wrong passwords: {status}")


def slow_clients(raw, cookie, noop):
    """Clients that send a byte now and then, and some that read nothing, while a page and a POP3 session are served."""
    slow = []
    for number in range(150):
        client = socket.create_connection((HOST, raw.port), 10)
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " if number % 2 else b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999\r\n\r\na")
        slow.append(client)
    took = []
    for _ in range(20):
        begun = time.monotonic()
        must(raw.send("GET", "/messages", {"Cookie": cookie})[0] == 200, "no page beside slow clients")
        took.append(time.monotonic() - begun)
        noop()
    for client in slow:
        client.close()
    must(max(took) < 5, f"a page took {max(took):.1f} s beside slow clients")


def flooded(raw, cookie, noop, seconds=5):
    """As many requests as four clients can send: a POP3 session that is open answers all the while. Returns figures."""
    until, count, failed = time.monotonic() + seconds, [0] * 4, []

    def ask(place):
        connection = http.client.HTTPConnection(HOST, raw.port, timeout=20)
        while time.monotonic() < until:
            try:
                connection.request("GET", ("/style.css", "/login", "/messages", "/healthz")[count[place] % 4], headers={"Cookie": cookie})
                answer = connection.getresponse()
                answer.read()
                must(answer.status == 200, f"{answer.status} in the flood")
                count[place] += 1
            except Exception as trouble:
                failed.append(trouble)
                return

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(count))]
    for thread in threads:
        thread.start()
    took = []
    while time.monotonic() < until:
        begun = time.monotonic()
        noop()
        took.append(time.monotonic() - begun)
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    must(not failed, f"requests failed: {failed[:2]}")
    took.sort()
    return sum(count) / seconds, took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000
