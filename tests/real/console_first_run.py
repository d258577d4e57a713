"""The first run in Chromium: from nothing to the first tagged message that a mail program fetches, and what axe-core says of each page."""

import os
import poplib
import re
import time

import chromium
from console_probes import must
from gate import Popgate
from server import PASSWORD, Dovecot, free_ports

HOST, SPAM = "127.0.0.1", "12-sextortion.eml"


class Unconfigured(Popgate):
    """popgate before there are settings: it is ready when it has printed the address to open."""

    address = None

    def _read(self):
        for line in self.process.stderr:
            self.log_lines.append(line)
            found = re.search(r"listening (pop3s?|admin) \S+:(\d+)", line)
            if found:
                self.listening.append((found[1], int(found[2])))
            found = re.search(r"no settings yet: open (http\S+)", line)
            if found:
                self.address = found[1]
                self.ready.set()
        self.ready.set()


def first_run(playwright, program, folder, mail, axe, pictures, settings=None):
    """From nothing to the first tagged message that a mail program fetches. On Windows the settings go elsewhere than into the
    folder of the start, and who may read them is not a matter of their mode."""
    if os.path.exists("/etc/popgate/popgate.toml"):
        raise RuntimeError("there is a configuration in /etc/popgate: this needs a machine without one")
    os.mkdir(folder)
    path = settings or os.path.join(folder, "popgate.toml")
    os.mkdir(os.path.join(folder, "dovecot"))
    samples = os.path.join(os.path.dirname(__file__), "..", "..", "src", "demo", "mail")
    with open(os.path.join(samples, SPAM), "rb") as f:
        spam = f.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    dovecot = Dovecot(os.path.join(folder, "dovecot"))
    dovecot.fill("ann", [mail, spam])
    dovecot.start()
    [listen] = free_ports(1)
    popgate = Unconfigured.__new__(Unconfigured)
    popgate.start([program, "serve", "--admin", "127.0.0.1:0", "--data-dir", os.path.join(folder, "data")], folder, 0)
    begun = time.monotonic()
    browser = chromium.Chromium(playwright)
    try:
        must(popgate.address, "no address was printed:\n" + popgate.log())
        base = popgate.address.partition("/?")[0]
        person = chromium.Person(browser, base)
        page, found = person.page, []

        def look(name):
            for scheme, width, problems in chromium.looks(person, axe):
                found.extend(f"{name}, {scheme}, {width}: {one}" for one in problems)
                if pictures and (scheme, width) == ("light", 1280):
                    page.screenshot(path=os.path.join(pictures, f"first-run-{name}.png"), full_page=True)

        must(person.open("/") == 403 and person.open("/?token=guess") == 403, "a page without the token")
        must(person.open(popgate.address) == 200, "the address does not open")
        look("address")
        page.fill("input[name=address]", "ann")
        person.click("Go on")
        must(person.has("That is no mail address"), "a wrong address is taken")
        page.fill("input[name=address]", "ann@hotmail.com")
        person.click("Go on")
        must(person.has("Sign in at your provider") and page.input_value("input[name=user]") == "ann@hotmail.com", page.inner_text("main"))
        look("consent")
        german(browser, base, popgate.address, axe, found)
        person.open(popgate.address)
        person.clicks -= 1
        page.fill("input[name=address]", "ann@example.org")
        person.click("Go on")
        must(page.input_value("input[name=host]") == "pop.example.org", "no server is suggested")
        look("server")
        for password in ("wrong", PASSWORD):
            page.fill("input[name=host]", "127.0.0.1")
            page.fill("input[name=port]", str(dovecot.pop3))
            page.select_option("select[name=tls]", "off")
            page.fill("input[name=user]", "ann")
            page.fill("input[name=password]", password)
            page.fill("input[name=listen]", f"{HOST}:{listen}")
            person.click("Test, and write the settings")
            if password == "wrong":
                must(person.has("The test has failed"), f"a wrong password is taken: {page.content()}")
                must(not os.path.exists(path), "settings are written after a failed test")
                look("failed")
        must(person.has("popgate is set up"), f"not set up: {page.inner_text('main')}")
        with open(path) as f:
            text = f.read()
        must((settings or os.stat(path).st_mode & 0o777 == 0o600) and PASSWORD not in text, f"the file: {oct(os.stat(path).st_mode)} {text}")
        look("done")
        person.click("Go on to the settings for your mail program", role="link")
        person.click("Log in")
        must(person.has("Waiting for your mail program") and person.has(str(listen)), f"no settings: {page.inner_text('main')}")
        look("mail-program")
        client = poplib.POP3(HOST, listen, timeout=60)
        client.user("ann")
        client.pass_(PASSWORD)
        tagged = b"\r\n".join(client.retr(2)[1])
        client.quit()
        must(b"X-Spam-Flag: YES" in tagged, f"the first message is not tagged: {tagged[:600]}")
        # By itself: nobody reloads the page.
        page.get_by_text("Connected.").wait_for(timeout=30000)
        took = time.monotonic() - begun
        must(took < 120 and not found, f"{took:.0f} s; {found}")
        must(not person.elsewhere(), f"beyond the console: {person.elsewhere()}")
        print(f"  first run: from nothing to the first tagged message in {took:.0f} s and {person.clicks} clicks; axe-core: 0 violations", flush=True)
    finally:
        browser.close()
        code = popgate.stop()
        dovecot.stop()
    must(code == 0, f"popgate ended with {code}:\n{popgate.log()}")


def german(browser, base, address, axe, found):
    """The same pages, in German."""
    person = chromium.Person(browser, base, language="de")
    for mail, title in (("ann@example.org", "Der Mailserver Ihres Anbieters"), ("ann@gmail.com", "Der Mailserver Ihres Anbieters"), ("ann@hotmail.com", "Beim Anbieter anmelden")):
        person.open(address)
        person.page.fill("input[name=address]", mail)
        person.click("Weiter")
        must(person.has(title), person.page.inner_text("main"))
        for scheme, width, problems in chromium.looks(person, axe):
            found.extend(f"{mail}, German, {scheme}, {width}: {one}" for one in problems)
    person.close()
