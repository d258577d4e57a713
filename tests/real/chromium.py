"""Debian's Chromium, driven by Playwright: people with their own cookies, what they ask for, and what axe-core says.

Playwright comes from PyPI into a folder, axe-core from npm; neither brings a browser. Every request of a page, every dialog
and every call of `zzran()` (what a hostile message would do first) is recorded.
"""

import json
import os
import shutil
import subprocess
import sys

PLAYWRIGHT, AXE = "playwright>=1.50,<2", "axe-core@4.14"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def install(folder):
    """Makes Playwright importable; returns the source of axe-core, or None with a line that says what is missing."""
    if not (shutil.which("chromium") and shutil.which("npm")):
        print("chromium or npm not installed")
        return None
    python = os.path.join(folder, "bin", "python")
    axe = os.path.join(folder, "node_modules", "axe-core", "axe.min.js")
    steps = []
    if not os.path.exists(os.path.join(folder, "installed")):
        steps += [[sys.executable, "-m", "venv", folder], [python, "-m", "pip", "install", "-q", "--no-input", PLAYWRIGHT]]
    if not os.path.exists(axe):
        steps += [["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, AXE]]
    for command in steps:
        if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
            print(f"`{' '.join(command)}` failed: it needs the network, and python3-venv")
            return None
    open(os.path.join(folder, "installed"), "w").close()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.insert(0, os.path.join(folder, "lib", version, "site-packages"))
    with open(axe) as f:
        return f.read()


class Person:
    """Somebody with a browser window of their own."""

    def __init__(self, chromium, base, javascript=True, scheme="light", width=1280, language="en", cookies=(), csp=True):
        self.base, self.requests, self.ran = base, [], []
        self.context = chromium.browser.new_context(
            java_script_enabled=javascript, color_scheme=scheme, viewport={"width": width, "height": 900}, locale=language,
            bypass_csp=not csp)
        self.context.set_default_timeout(30000)
        if cookies:
            self.context.add_cookies(cookies)
        self.context.on("request", lambda request: self.requests.append(request.url))
        if javascript:
            self.context.expose_function("zzran", lambda *what: self.ran.append(str(what)))
        self.page = self.context.new_page()
        self.page.on("dialog", self._dialog)
        self.clicks = 0

    def _dialog(self, dialog):
        self.ran.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def open(self, path):
        """The status of a page."""
        return self.page.goto(path if "://" in path else self.base + path).status

    def click(self, name, role="button"):
        self.clicks += 1
        self.page.get_by_role(role, name=name, exact=True).first.click()
        self.page.wait_for_load_state()

    def has(self, text):
        return text in self.page.content()

    def cookies(self):
        return self.context.cookies()

    def links(self):
        """Paths of the console that the page leads to."""
        found = self.page.locator("a[href]").evaluate_all("all => all.map(it => it.href)")
        return {link[len(self.base):].partition("#")[0] or "/" for link in found if link.startswith(self.base + "/")}

    def elsewhere(self):
        """Requests beyond the console."""
        return [url for url in self.requests if not url.startswith(self.base + "/")]

    def log_in(self, user, password):
        self.open("/login")
        form = self.page.locator("form", has=self.page.locator("input[name=user]"))
        form.locator("input[name=user]").fill(user)
        form.locator("input[name=password]").fill(password)
        form.locator("button").click()
        self.page.wait_for_load_state()

    def log_in_as_administrator(self, password):
        self.open("/login")
        form = self.page.locator("form", has=self.page.locator("input[value=administrator]"))
        form.locator("input[name=password]").fill(password)
        form.locator("button").click()
        self.page.wait_for_load_state()

    def close(self):
        self.context.close()


class Chromium:
    """A browser process; with a file for its network log, it writes there what it asks of any network."""

    def __init__(self, playwright, network_log=None):
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        # Without a process for each sandboxed frame: it is sandboxed all the same, and half of the time goes.
        flags += ["--disable-features=IsolateSandboxedIframes"]
        flags += ["--disable-background-networking", "--disable-component-update", "--no-proxy-server"]
        if network_log:
            flags += [f"--log-net-log={network_log}"]
        self.network_log = network_log
        self.browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)

    def close(self):
        self.browser.close()

    def networked(self):
        """Every address that the closed browser has asked for, and every name that it has looked up."""
        with open(self.network_log, errors="replace") as f:
            text = f.read()
        try:
            log = json.loads(text)
        except ValueError:
            log = json.loads(text.rstrip().rstrip(",") + "]}")
        found = set()
        for event in log["events"]:
            params = event.get("params", {})
            for key in ("url", "host", "destination"):
                if isinstance(params.get(key), str) and params[key]:
                    found.add(params[key])
        return found


# Texts that are not seen to their end: cut by an element around them, or beyond the window. What scrolls can be read.
CUT = """() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = walker.nextNode());) {
    if (!text.data.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) {
      if (!box.width || !box.height) continue;
      let [left, top, right, bottom, hidden] = [0, -Infinity, document.documentElement.clientWidth, Infinity, false];
      for (let it = text.parentElement; it && it !== document.body; it = it.parentElement) {
        const style = getComputedStyle(it);
        hidden ||= style.clipPath !== "none" || style.visibility === "hidden";
        if (style.overflowX === "auto" || style.overflowX === "scroll") hidden = true;
        if (style.overflowX === "hidden" || style.overflowX === "clip") {
          const around = it.getBoundingClientRect();
          [left, right] = [Math.max(left, around.left), Math.min(right, around.right)];
          [top, bottom] = [Math.max(top, around.top), Math.min(bottom, around.bottom)];
        }
      }
      if (!hidden && (box.left < left - 1 || box.right > right + 1 || box.top < top - 3 || box.bottom > bottom + 3)) {
        found.push(text.data.trim().slice(0, 80));
        break;
      }
    }
  }
  for (const it of document.querySelectorAll("button, select")) {
    if (it.scrollWidth > it.clientWidth + 1) found.push(it.innerText.slice(0, 80));
  }
  return found;
}"""


def violations(person, axe):
    """What axe-core finds on the page, and whether something is cut."""
    if not person.page.evaluate("'axe' in window"):
        person.page.evaluate(axe)
    result = person.page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(RULES)}}})")
    found = [f"{one['id']}: {node['html'][:160]}" for one in result["violations"] for node in one["nodes"]]
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 0:
        found.append(f"the page is {wide} px wider than the window")
    return found + [f"cut: {text}" for text in person.page.evaluate(CUT)]


def without_refresh(route):
    answer = route.fetch()
    route.fulfill(response=answer, headers={name: value for name, value in answer.headers.items() if name != "refresh"})


def looks(person, axe):
    """The same on the page that is open, light and dark, wide and narrow; yields how it looks, and what was found."""
    waits = person.page.url.endswith("/mail-program")
    if waits:  # It asks again by itself, and would be gone while it is looked at.
        person.page.route("**/mail-program", without_refresh)
        person.page.reload()
    for width in (1280, 360):
        person.page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("dark", "light"):
            person.page.emulate_media(color_scheme=scheme)
            yield scheme, width, violations(person, axe)
    person.page.set_viewport_size({"width": 1280, "height": 900})
    if waits:
        person.page.unroute("**/mail-program")
        person.page.reload()


if __name__ == "__main__":  # With the network, before a suite without one.
    sys.exit(77 if install(sys.argv[1]) is None else 0)
