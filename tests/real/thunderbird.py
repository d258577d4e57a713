"""Thunderbird under Xvfb with a prepared profile: it fetches POP3 accounts, and its mbox files are read.

It is driven through Marionette (Mozilla's remote control: JSON over TCP, each packet with its length and a colon before it), in
the context of the program itself, because no window has to be clicked to fetch mail. What Thunderbird adds on top of a message
is taken off: the `From ` line of the mbox and its fields X-Account-Key, X-UIDL, X-Mozilla-*.
"""

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import time

from server import PASSWORD, end

HOST = "127.0.0.1"
SECONDS = 120  # for the start, and for one fetch
ADDED = re.compile(rb"(?:X-Account-Key|X-UIDL|X-Mozilla-Status2?|X-Mozilla-Keys):[^\n]*\n", re.I)
UIDL = re.compile(rb"^X-UIDL: *([^\r\n]*)", re.M)
# Nothing is fetched unasked, nothing asked of the network, no page of welcome.
PREFERENCES = {
    "app.donation.eoy.version.viewed": 999, "app.update.enabled": False, "browser.safebrowsing.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False, "datareporting.healthreport.uploadEnabled": False,
    "extensions.getAddons.cache.enabled": False, "extensions.update.enabled": False, "mail.biff.show_alert": False,
    "mail.instrumentation.askUser": False, "mail.provider.suppress_dialog_on_startup": True, "mail.rights.version": 1,
    "mail.server.default.check_new_mail": False, "mail.server.default.login_at_startup": False, "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True, "mail.winsearch.firstRunDone": True, "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore", "mailnews.database.global.indexer.enabled": False,
    "mail.prompt_purge_threshhold": False, "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
    "network.proxy.type": 0, "places.history.enabled": False, "marionette.port": 0, "mail.close_message_window.on_delete": False,
    "mailnews.headers.showUserAgent": False, "mail.e2ee.auto_enable": False, "mail.openpgp.enable": False,
}
REMEMBER = """
const [user, host, password, done] = arguments;
const login = Components.Constructor("@mozilla.org/login-manager/loginInfo;1", Ci.nsILoginInfo, "init");
const origin = "mailbox://" + host;
Services.logins.addLoginAsync(new login(origin, null, origin, user, password, "", "")).then(() => done(""), error => done(String(error)));
"""
FETCH = """
const [key, port, done] = arguments;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
try {
  const server = MailServices.accounts.getIncomingServer(key);
  server.port = port;
  const inbox = server.rootFolder.getChildNamed("Inbox");
  MailServices.pop3.GetNewMail(null, {
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]),
    OnStartRunningUrl() {},
    OnStopRunningUrl(url, status) { done(status ? "it ended with 0x" + (status >>> 0).toString(16) : ""); },
  }, inbox, server);
} catch (error) { done(String(error)); }
"""


class Thunderbird:
    """One process with an account for each of `accounts`: name → (user, whether it leaves mail on the server)."""

    def __init__(self, folder, accounts):
        self.folder, self.accounts = folder, list(accounts)
        self.profile = os.path.join(folder, "profile")
        os.makedirs(self.profile)
        self.process = self.screen = self.socket = None
        self.number = 0
        values = dict(PREFERENCES)
        self.logins = set()
        for place, (name, (user, keeps)) in enumerate(accounts.items(), 1):
            # It has one account for each user of a host: a second one of the same user needs another name of the host.
            host = HOST if (HOST, user) not in self.logins else "localhost"
            self.logins.add((host, user))
            box = os.path.join(self.profile, "Mail", name)
            os.makedirs(box)
            open(os.path.join(box, "Inbox"), "w").close()
            values |= {f"mail.account.account{place}.server": f"server{place}",
                       f"mail.account.account{place}.identities": f"id{place}",
                       f"mail.identity.id{place}.useremail": f"{user}@example.net",
                       f"mail.server.server{place}.type": "pop3", f"mail.server.server{place}.hostname": host,
                       f"mail.server.server{place}.userName": user, f"mail.server.server{place}.name": name,
                       f"mail.server.server{place}.authMethod": 3, f"mail.server.server{place}.socketType": 0,
                       f"mail.server.server{place}.directory": box, f"mail.server.server{place}.storeContractID":
                       "@mozilla.org/msgstore/berkeleystore;1", f"mail.server.server{place}.leave_on_server": keeps,
                       f"mail.server.server{place}.delete_mail_left_on_server": False,
                       f"mail.server.server{place}.check_new_mail": False, f"mail.server.server{place}.login_at_startup": False,
                       f"mail.server.server{place}.downloadOnBiff": False, f"mail.server.server{place}.port": 1}
        values["mail.accountmanager.accounts"] = ",".join(f"account{place}" for place in range(1, len(accounts) + 1))
        values["mail.accountmanager.defaultaccount"] = "account1"
        with open(os.path.join(self.profile, "user.js"), "w") as f:
            f.writelines(f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in values.items())
        self.read_up_to = dict.fromkeys(accounts, 0)

    def start(self):
        env = {**os.environ, "HOME": self.folder, "LC_ALL": "C.UTF-8", "MOZ_CRASHREPORTER_DISABLE": "1",
               "XDG_RUNTIME_DIR": self.folder, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        for name in [n for n in env if n.lower().endswith("_proxy")]:
            del env[name]
        other = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("mail")
            other = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            for place, _, files in os.walk(self.folder):
                for path in [place, *(os.path.join(place, f) for f in files)]:
                    os.chown(path, owner.pw_uid, owner.pw_gid)
        log = open(os.path.join(self.folder, "thunderbird.log"), "wb")
        reader, writer = os.pipe()
        self.screen = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
                                       pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        os.close(writer)
        with os.fdopen(reader) as f:
            display = f.readline().strip()
        if not display:
            raise RuntimeError(f"Xvfb does not start:\n{self.log()}")
        env["DISPLAY"] = f":{display}"
        self.process = subprocess.Popen(["thunderbird", "--profile", self.profile, "--no-remote", "--marionette",
                                         "--remote-allow-system-access"], cwd=self.folder, env=env, stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, **other)
        log.close()
        path, limit = os.path.join(self.profile, "MarionetteActivePort"), time.monotonic() + SECONDS
        while not os.path.exists(path) or not os.path.getsize(path):
            if time.monotonic() > limit or self.process.poll() is not None:
                raise RuntimeError(f"Thunderbird does not start:\n{self.log()}")
            time.sleep(0.05)
        with open(path) as f:
            self.socket = socket.create_connection((HOST, int(f.read())), SECONDS)
        self.packet()  # its greeting
        self.ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"timeouts": {"script": SECONDS * 1000}}}})
        self.ask("Marionette:SetContext", {"value": "chrome"})
        for host, user in sorted(self.logins):
            self.script(f"the password of {user}", REMEMBER, user, host, PASSWORD)

    def packet(self):
        """The next packet: `LENGTH:JSON`."""
        length = b""
        while not length.endswith(b":"):
            one = self.socket.recv(1)
            if not one:
                raise RuntimeError(f"Thunderbird ended:\n{self.log()}")
            length += one
        data = b""
        while len(data) < int(length[:-1]):
            data += self.socket.recv(int(length[:-1]) - len(data)) or b"\0" * 99
        return json.loads(data)

    def ask(self, command, parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        kind, number, error, result = self.packet()
        if (kind, number) != (1, self.number) or error:
            raise RuntimeError(f"Thunderbird answers {command} with {error}")
        return result.get("value")

    def script(self, what, text, *arguments):
        said = self.ask("WebDriver:ExecuteAsyncScript", {"script": text, "args": arguments, "newSandbox": True, "sandbox": "system"})
        if said:
            raise RuntimeError(f"Thunderbird, {what}: {said}")

    def fetch(self, name, port):
        """The messages that this account got now: pairs of UIDL (empty if it keeps none) and text."""
        self.script(f"fetching {name}", FETCH, f"server{self.accounts.index(name) + 1}", port)
        with open(os.path.join(self.profile, "Mail", name, "Inbox"), "rb") as f:
            f.seek(self.read_up_to[name])
            data = f.read()
        self.read_up_to[name] += len(data)
        return [taken_off(text) for text in re.split(rb"^From [^\n]*\n", data, flags=re.M)[1:]]

    def log(self):
        with open(os.path.join(self.folder, "thunderbird.log"), errors="replace") as f:
            return f.read()[-2000:]

    def stop(self):
        if self.socket:
            self.socket.close()
        for process in (self.process, self.screen):
            if process:
                end(process)
        shutil.rmtree(self.profile, ignore_errors=True)


def taken_off(text):
    """A message of an mbox as it came, with LF, and its UIDL."""
    uidl = UIDL.search(text.partition(b"\n\n")[0])
    text = text.replace(b"\r\n", b"\n")
    while ADDED.match(text):
        text = ADDED.sub(b"", text, count=1)
    # One empty line parts it from the next.
    text = re.sub(rb"^>(>*From )", rb"\1", text.removesuffix(b"\n"), flags=re.M)
    return uidl[1].decode() if uidl else "", text
