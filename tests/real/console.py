#!/usr/bin/env python3
"""The console as people use it: Chromium in front of popgate in front of a real Dovecot, and poplib beside it.

A first run goes from nothing to the first tagged message. Two users and an administrator log in. A message that was tagged,
missed or held is corrected with the page's own buttons, and the next fetch by poplib must have what the page promised, octet for
octet; each is undone. The same with JavaScript off. Every page that anybody finds is asked for by everybody: nobody sees another's
mail. axe-core looks at each page, light and dark, wide and narrow, in English and German, and no text may be cut. Hostile mail is
shown, in processes beside this one; the network log of the browser must not have anything beyond the console. Then attacks over
plain sockets, alone. `--pictures DIR` writes a picture of every page. Exit 0 if all is well, 77 without Chromium.
"""

import argparse
import os
import poplib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import chromium
import console_hostile
import console_probes as probes
import console_tasks as tasks
import hostile_mail
from console_first_run import first_run
from console_probes import must
from gate import Popgate
from server import PASSWORD, Dovecot, find

PARTS = ["first", "people", "looks", "attacks", "hostile"]
HOST, ADMINISTRATOR = "127.0.0.1", "a long password for tests"
RULES = """[[rule]]
id = "TAGGED"
description = "The message has the word for spam"
score = 10.0
where = "body"
phrases = ["zzspamzz"]

[[rule]]
id = "HELD"
description = "The message has the word for what is held back"
score = 30.0
where = "body"
phrases = ["zzheldzz"]
"""
GATE = """[[listen]]
address = "127.0.0.1:0"

[[upstream]]
name = "test"
host = "127.0.0.1"
port = {port}
tls = "off"

[filter]
rules = "{folder}/rules"
drop_at = 20.0

[admin]
address = "127.0.0.1:0"

[data]
dir = "{folder}/data"
digest = "off"
"""


def message(number, subject, sender, text):
    return (f"Authentication-Results: mx.example.com; dmarc=pass header.from=example.org\r\n"
            f"From: {sender.title()} <{sender}@example.org>\r\nTo: ann@example.net\r\nSubject: {subject}\r\n"
            f"Date: Sat, 28 Nov 2026 10:00:{number:02} +0000\r\nMessage-ID: <{number}@example.org>\r\n\r\n{text}\r\n"
            f"Kind regards from the allotment society, number {number}\r\n").encode()


def mailbox(user):
    """Subjects name their owner, so that a leak is seen."""
    return [message(1, f"lunch for {user}", "bob", "Shall we meet at noon in the canteen?"),
            message(2, f"bargain for {user}", "shop", "zzspamzz Our catalogue of garden tools has arrived."),
            message(3, f"held for {user}", "press", "zzheldzz The next issue is being printed."),
            message(4, f"missed for {user}", "club", "The village fair begins on the first Sunday in May.")]


class Gate:
    """A Dovecot with these mailboxes, and popgate with a console in front of it."""

    def __init__(self, program, folder, mailboxes):
        self.folder, self.number, self.password = folder, 50, PASSWORD
        os.makedirs(os.path.join(folder, "rules"))
        os.makedirs(os.path.join(folder, "data"), mode=0o700)
        with open(os.path.join(folder, "rules", "test.toml"), "w") as f:
            f.write(RULES)
        os.mkdir(os.path.join(folder, "dovecot"))
        self.dovecot = Dovecot(os.path.join(folder, "dovecot"))
        for user, mail in mailboxes.items():
            self.dovecot.fill(user, mail)
        self.dovecot.start()
        self.config = os.path.join(folder, "popgate.toml")
        with open(self.config, "w") as f:
            f.write(GATE.format(port=self.dovecot.pop3, folder=folder))
        self.program = program
        self.popgate = Popgate.__new__(Popgate)
        self.popgate.start([program, "serve", "--config", self.config], folder, 2)
        self.port, self.admin = self.popgate.port, dict(self.popgate.listening)["admin"]
        self.base = f"http://{HOST}:{self.admin}"

    def token(self):
        """The address that `serve` prints."""
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            found = re.search(r"console (http\S+)", self.popgate.log())
            if found:
                return found[1]
            time.sleep(0.05)
        raise AssertionError("no address with a token:\n" + self.popgate.log())

    def set_password(self):
        done = subprocess.run([self.program, "passwd", "--config", self.config], input=f"{ADMINISTRATOR}\n", capture_output=True, text=True)
        must(done.returncode == 0, f"passwd: {done.stdout}{done.stderr}")

    def session(self, user):
        client = poplib.POP3(HOST, self.port, timeout=60)
        client.user(user)
        client.pass_(PASSWORD)
        return client

    def fetch(self, user):
        client = self.session(user)
        count = len(client.list()[1])
        got = [b"".join(line + b"\r\n" for line in client.retr(number)[1]) for number in range(1, count + 1)]
        client.quit()
        return got

    def deliver(self, user, subject, sender, text):
        """One more message; what the next fetch has of it."""
        self.number += 1
        mail = message(self.number % 60, f"{subject} {self.number}", sender, text)
        stored = mail.replace(b"\r\n", b"\n")
        path = os.path.join(self.dovecot.folder, "mail", user, "cur", f"{1700000000 + self.number}.M{self.number:06}.test,S={len(stored)},W={len(mail)}:2,S")
        with open(path, "wb") as f:
            f.write(stored)
        os.chown(path, self.dovecot.uid, self.dovecot.gid)
        got = [text for text in self.fetch(user) if f"{subject} {self.number}".encode() in text]
        must(len(got) == 1, f"{subject} {self.number} came {len(got)} times")
        return got[0] == mail

    def stop(self):
        code = self.popgate.stop()
        self.dovecot.stop()
        must(code == 0, f"popgate ended with {code}:\n{self.popgate.log()}")


def until(what, happened, seconds=20):
    limit = time.monotonic() + seconds
    while not happened():
        must(time.monotonic() < limit, f"not yet: {what}")
        time.sleep(0.1)


def find_row(person, subject):
    """Opens the page of a message from the list."""
    def listed():
        person.open("/messages")
        return person.page.get_by_role("link", name=subject, exact=True).count()
    until(f"{subject} is in the list", listed)
    person.clicks = 0
    person.click(subject, role="link")


def walk(browser, gate, user, javascript):
    """All that a user does; returns the clicks of each task."""
    person = chromium.Person(browser, gate.base, javascript)
    originals, clicks, begun = mailbox(user), {}, time.monotonic()
    first = gate.fetch(user)
    must(first[0] == originals[0] and first[3] == originals[3], f"mail that passes is not the original: {first}")
    must(b"X-Spam-Flag: YES" in first[1] and b"zzheldzz" not in first[2], f"not tagged, or not held: {first}")
    person.log_in(user, PASSWORD)
    must(person.page.url == gate.base + "/", f"the login leads to {person.page.url}")

    find_row(person, f"bargain for {user}")
    for text in ("The message has the word for spam", "What the filter has learned"):
        must(person.has(text), f"the page does not say why: {text}")
    clicks["see why"] = person.clicks
    person.click("Not spam")
    clicks["correct"] = person.clicks
    must(gate.fetch(user)[1] == originals[1], "Not spam: the next fetch does not have the original")
    person.click("Undo")
    until("the correction is undone", lambda: b"X-Spam-Flag: YES" in gate.fetch(user)[1])

    find_row(person, f"missed for {user}")
    person.click("Spam")
    until("Spam: it is tagged", lambda: b"X-Spam-Flag: YES" in gate.fetch(user)[3])
    person.click("Undo")
    until("Spam is undone", lambda: gate.fetch(user)[3] == originals[3])

    find_row(person, f"held for {user}")
    person.click("Release")
    clicks["release"] = person.clicks
    got = gate.fetch(user)
    must(originals[2] in got, f"Release: it does not arrive: {[text[:300] for text in got]}")
    person.click("Undo")
    until("it is held again", lambda: not any(b"zzheldzz" in text for text in gate.fetch(user)))

    find_row(person, f"bargain for {user}")
    must(not gate.deliver(user, f"more for {user}", "shop", "zzspamzz more tools"), "it passes before it is allowed")
    person.click("Always allow the sender")
    clicks["allow"] = person.clicks
    until("what is allowed passes", lambda: gate.deliver(user, f"more for {user}", "shop", "zzspamzz more tools"))
    person.click("Undo")
    until("what is no longer allowed is tagged", lambda: not gate.deliver(user, f"more for {user}", "shop", "zzspamzz more tools"))

    find_row(person, f"lunch for {user}")
    person.click("Block the sender")
    until("what is blocked is tagged", lambda: not gate.deliver(user, f"more for {user}", "bob", "See you at noon."))
    person.click("Undo")
    until("what is no longer blocked passes", lambda: gate.deliver(user, f"more for {user}", "bob", "See you at noon."))
    tasks.selection(gate, person, user)
    tasks.held_message(gate, person, user, javascript)
    must(not person.elsewhere() and not person.ran, f"beyond the console: {person.elsewhere()} {person.ran}")
    for task, most in (("see why", 2), ("correct", 2), ("allow", 2), ("release", 3)):
        must(clicks[task] <= most, f"{task} takes {clicks[task]} clicks")
    print(f"  {user}, JavaScript {'on' if javascript else 'off'}: all corrected and undone in {time.monotonic() - begun:.0f} s; clicks {clicks}", flush=True)
    return person


def administrator(browser, gate):
    """By the one-time address, which works once; then by the password."""
    address = gate.token()
    first = chromium.Person(browser, gate.base)
    first.open(address)
    first.page.locator("form", has=first.page.locator("input[value=token]")).locator("button").click()
    first.page.wait_for_load_state()
    must(first.page.url == gate.base + "/" and first.has("Administrator"), f"the token leads to {first.page.url}")
    second = chromium.Person(browser, gate.base)
    second.open(address)
    second.page.locator("form", has=second.page.locator("input[value=token]")).locator("button").click()
    second.page.wait_for_load_state()
    must("/login" in second.page.url, "the token works twice")
    gate.set_password()
    second.log_in_as_administrator(ADMINISTRATOR)
    must(second.page.url == gate.base + "/", f"the password leads to {second.page.url}")
    first.close()
    print("  the administrator logs in by the one-time address and by the password", flush=True)
    return second


def crawl(person, most=150):
    """Every path that links lead a person to."""
    seen, to_do = {}, ["/", "/login"]
    while to_do and len(seen) < most:
        path = to_do.pop(0)
        if path in seen:
            continue
        if path.endswith("/raw"):  # a download
            seen[path] = person.context.request.get(person.base + path).status
            continue
        seen[path] = person.open(path)
        if path != "/login":
            to_do += sorted(person.links() - set(seen))
    return seen


def everybody_everywhere(people, secrets):
    """What anybody finds is asked for by everybody: who sees what is another's?"""
    found = {name: crawl(person) for name, person in people.items() if person.cookies()}
    paths = sorted({path for pages in found.values() for path in pages})
    leaks, seen = [], 0
    for path in paths:
        for name, person in people.items():
            answer = person.context.request.get(person.base + path, max_redirects=0)
            text = answer.text()
            for owner in secrets:
                shows = re.search(rf"\bfor {owner}\b", text) is not None
                seen += shows
                if shows and name not in (owner, "administrator"):
                    leaks.append(f"{name} sees mail of {owner} at {path}")
            if name == "nobody" and answer.status == 200 and path not in ("/login", "/style.css", "/console.js"):
                leaks.append(f"nobody sees {path}")
    must(not leaks, f"leaks: {leaks}")
    must(seen > 10, "nobody sees anything: this would show no leak")
    print(f"  {len(paths)} pages x {len(people)} people: 0 leaks", flush=True)
    return found


def pages_of(person):
    """One page of each kind that a person can reach: path by name."""
    kinds = {}
    for path in crawl(person):
        if path.endswith(("/raw", "/page", "/source")):  # not the console's own words
            continue
        kind = re.sub(r"[^a-z]+", "-", re.sub(r"^/m/[^/?]+", "/message", path.split("?")[0])).strip("-") or "overview"
        kinds.setdefault(kind, path)
    return kinds


def looked_at(browser, gate, axe, people, pictures):
    """axe-core on every page, and pictures of it."""
    found, count, begun = [], 0, time.monotonic()
    for name, (person, extra) in people.items():
        pages = {**pages_of(person), **extra}
        for language in ("en", "de"):
            viewer = chromium.Person(browser, gate.base, language=language, cookies=person.cookies())
            for kind, path in sorted(pages.items()):
                if (kind == "login") != (name == "nobody") or (language == "de" and name == "empty"):
                    continue
                viewer.open(path)
                must(viewer.page.locator("html").get_attribute("lang") == language, f"{path} is not in {language}")
                must(len(viewer.page.locator("main").inner_text().strip()) > 20, f"{path} says nothing")
                for scheme, width, problems in chromium.looks(viewer, axe):
                    count += 1
                    found += [f"{path}, {name}, {language}, {scheme}, {width}: {one}" for one in problems]
                    if pictures and name != "empty":
                        picture(viewer, pictures, kind, name, language, scheme, width)
            viewer.close()
    must(not found, "\n".join([f"{len(found)} violations"] + sorted(set(found))[:40]))
    print(f"  axe-core on {count} views, English and German, in {time.monotonic() - begun:.0f} s: 0 violations, no text is cut", flush=True)


# What is drawn beside the light and wide page in English.
MORE_PICTURES = [("message", "user", "en", "light", 360), ("messages", "user", "en", "light", 360), ("overview", "user", "en", "dark", 1280),
                 ("message", "user", "en", "dark", 1280), ("overview", "user", "de", "light", 1280)]


def picture(viewer, folder, kind, name, language, scheme, width):
    view = (kind, name, language, scheme, width)
    if view[2:] != ("en", "light", 1280) and view not in MORE_PICTURES:
        return
    which = [kind, name] + ["dark"] * (scheme == "dark") + ["narrow"] * (width == 360) + ["german"] * (language == "de")
    path = os.path.join(folder, "-".join(which) + ".png")
    if kind == "rules":
        viewer.page.screenshot(path=path)
        return
    # What is in a frame is drawn only where the window shows it.
    viewer.page.set_viewport_size({"width": width, "height": viewer.page.evaluate("Math.max(900, document.documentElement.scrollHeight)")})
    viewer.page.wait_for_timeout(200)
    viewer.page.screenshot(path=path)
    viewer.page.set_viewport_size({"width": width, "height": 900})


class Sink:
    """Where hostile mail wants browsers to go: it counts who comes."""

    def __init__(self):
        self.socket, self.came = socket.create_server((HOST, 0)), 0
        self.address = f"{HOST}:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.socket.accept()
            self.came += 1
            client.close()


def hostile(playwright, program, folder, environment):
    """Every page that shows hostile mail, with the console's policy and without, where only the escaping is left."""
    sink, begun = Sink(), time.monotonic()
    attacks = hostile_mail.messages(sink.address)
    must(len(attacks) >= 300, f"{len(attacks)} attacks")
    os.mkdir(folder)
    gate = Gate(program, folder, {"ann": attacks})
    try:
        gate.fetch("ann")
        shown = console_hostile.show(playwright, gate, sink, attacks, environment)
        console_hostile.self_test(playwright, gate.base, folder, sink)
    finally:
        gate.stop()
    print(f"  {len(attacks)} attacks in each of {len(hostile_mail.FIELDS)} fields, {shown} pages, with and without the policy, in "
          f"{time.monotonic() - begun:.0f} s: 0 scripts, 0 requests beyond the console", flush=True)


def attacked(gate, person):
    """Over plain sockets."""
    raw = probes.Raw(gate.admin)
    ident = re.search(r"/m/(\w+)", next(path for path in crawl(person) if path.startswith("/m/")))[1]
    cookie = probes.cookie_flags(raw, ADMINISTRATOR)
    probes.other_origins(raw, cookie, ident)
    probes.rebinding(raw, cookie)
    probes.framing(raw, cookie)
    probes.odd_paths(raw, cookie)
    probes.large_forms(raw, cookie)
    client = gate.session("ann")
    probes.slow_clients(raw, cookie, client.noop)
    rate, half, most = probes.flooded(raw, cookie, client.noop)
    client.quit()
    probes.throttled(raw, ADMINISTRATOR)
    print(f"  attacks are refused; at {rate:.0f} requests/s NOOP takes {half:.1f} ms, p99 {most:.1f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--popgate", required=True)
    parser.add_argument("--browser", required=True, metavar="DIR", help="Playwright and axe-core are installed here")
    parser.add_argument("--pictures", metavar="DIR")
    parser.add_argument("--settings", metavar="FILE", help="the first run writes them there [default: where popgate is started]")
    parser.add_argument("--only", default=",".join(PARTS), help="separated by commas; all without it")
    options = parser.parse_args()
    if not find("dovecot"):
        print("dovecot not installed")
        return 77
    axe = chromium.install(options.browser)
    if axe is None:
        return 77
    from playwright.sync_api import sync_playwright
    parts, beside = options.only.split(","), None
    folder = tempfile.mkdtemp(prefix="console-")
    os.chmod(folder, 0o755)
    begun = time.monotonic()
    try:
        with sync_playwright() as playwright:
            if "first" in parts:
                first_run(playwright, options.popgate, os.path.join(folder, "first"), mailbox("ann")[0], axe, options.pictures, options.settings)
            if parts == PARTS:
                parts.remove("hostile")

                def begin():
                    nonlocal beside
                    beside = subprocess.Popen([sys.executable, __file__, "--popgate", options.popgate, "--browser", options.browser, "--only", "hostile"],
                                              start_new_session=True)
            else:
                def begin():
                    """Nothing runs beside a part."""
            if {"people", "looks", "attacks"} & set(parts):
                part = os.path.join(folder, "people")
                os.mkdir(part)
                gate = Gate(options.popgate, part, {"ann": mailbox("ann"), "ben": mailbox("ben"), "new": []})
                try:
                    with_people(playwright, gate, parts, axe, options.pictures, begin, lambda: wait_for(beside))
                finally:
                    gate.stop()
            if "hostile" in parts:
                hostile(playwright, options.popgate, os.path.join(folder, "hostile"), options.browser)
        wait_for(beside)
        print(f"the console holds, in {time.monotonic() - begun:.0f} s")
        return 0
    finally:
        if beside and beside.poll() is None:
            os.killpg(beside.pid, signal.SIGTERM)  # with its own processes
            beside.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(beside):
    must(beside is None or beside.wait(600) == 0, "what ran beside it has failed")


def with_people(playwright, gate, parts, axe, pictures, begin, alone):
    """`begin` starts what runs beside the rest, which is most of the work: the people's fetches depend on answers of the store within
    milliseconds, and run before it. `alone` returns when nothing else runs."""
    browser = chromium.Chromium(playwright)
    admin = administrator(browser, gate)
    nobody, new = chromium.Person(browser, gate.base), chromium.Person(browser, gate.base)
    gate.fetch("new")
    new.log_in("new", PASSWORD)
    if "people" in parts:
        ann = walk(browser, gate, "ann", True)
        ben = walk(browser, gate, "ben", False)
        begin()
        people = {"administrator": admin, "ann": ann, "ben": ben, "nobody": nobody}
        everybody_everywhere(people, ("ann", "ben"))
        tasks.rules_and_pause(gate, admin)
    else:
        ann = chromium.Person(browser, gate.base)
        gate.fetch("ann")
        ann.log_in("ann", PASSWORD)
        find_row(ann, "bargain for ann")
    if "looks" in parts:
        extra = {"missing": "/m/nothing"}
        looked_at(browser, gate, axe, {"administrator": (admin, extra), "user": (ann, {}), "empty": (new, {}), "nobody": (nobody, {"login": "/login"})}, pictures)
    if "attacks" in parts:
        alone()
        attacked(gate, ann)
    browser.close()


if __name__ == "__main__":
    sys.exit(main())
