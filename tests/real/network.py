"""An office in three network namespaces: client - gateway - server, over IPv4 and IPv6.

Their names contain this process's number. The interfaces are created inside, so that nothing outside changes.
"""

import os
import subprocess

from server import find

# By family: the client's, the server's and the gateway's addresses, these on the side of each of the two.
CLIENT = {4: "192.0.2.2", 6: "fd00:77:1::2"}
INSIDE = {4: "192.0.2.1", 6: "fd00:77:1::1"}
OUTSIDE = {4: "198.51.100.1", 6: "fd00:77:2::1"}
SERVER = {4: "198.51.100.2", 6: "fd00:77:2::2"}
LAN, WAN = "lan0", "wan0"

# Duplicate address detection delays the first packets, and no address can be duplicated here. Strict checks of
# source addresses are the default of many distributions.
EVERYWHERE = {"ipv6/conf/default/accept_dad": "0", "ipv4/conf/default/rp_filter": "1", "ipv4/conf/all/rp_filter": "1"}
FORWARDING = {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"}


class Unavailable(Exception):
    """This machine or this user has no network namespaces, or not what they need."""


class Network:
    """`with Network() as network:`; afterwards the namespaces are gone; all programs in them must have ended."""

    def __init__(self):
        self.client, self.gateway, self.server = (f"popgate-{os.getpid()}-{role}" for role in ("client", "gateway", "server"))
        self.made = []

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unavailable("network namespaces need root")
        missing = [program for program in ("ip", "nft") if not find(program)]
        if missing:
            raise Unavailable(f"{', '.join(missing)} not installed")
        try:
            self.permitted()
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def permitted(self):
        try:
            for name in (self.client, self.gateway, self.server):
                self.made.append(name)
                run("ip", "netns", "add", name)
                self.set(name, EVERYWHERE)
                run("ip", "-n", name, "link", "set", "lo", "up")
            self.set(self.gateway, FORWARDING)
            run(*self.within(self.gateway), "nft", "add table inet permitted; delete table inet permitted")
        except RuntimeError as trouble:
            raise Unavailable(f"no network namespaces with nftables here: {' '.join(str(trouble).split())}") from None

    def set(self, name, settings):
        """Settings of the kernel's network, of this namespace alone."""
        for key, value in settings.items():
            run(*self.within(name), "tee", f"/proc/sys/net/{key}", given=value)

    def connect(self):
        for name, link, far, near in ((self.client, LAN, CLIENT, INSIDE), (self.server, WAN, SERVER, OUTSIDE)):
            run("ip", "-n", self.gateway, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
            for place, interface, addresses in ((self.gateway, link, near), (name, "eth0", far)):
                run("ip", "-n", place, "address", "add", f"{addresses[4]}/24", "dev", interface)
                run("ip", "-n", place, "address", "add", f"{addresses[6]}/64", "dev", interface, "nodad")
                run("ip", "-n", place, "link", "set", interface, "up")
            for family in (4, 6):
                run("ip", f"-{family}", "-n", name, "route", "add", "default", "via", near[family])

    def within(self, name):
        """What to put before a command for it to run in this namespace. It becomes that command: same process."""
        return [find("ip"), "netns", "exec", name]

    def rules(self, text, check=False):
        """Loads nftables rules in the gateway."""
        run(*self.within(self.gateway), "nft", *(["-c"] if check else []), "-f", "-", given=text)

    def no_rules(self):
        run(*self.within(self.gateway), "nft", "flush ruleset")

    def routes(self, commands):
        """Runs `ip …` commands in the gateway."""
        for words in commands:
            run("ip", "-n", self.gateway, *words[1:])

    def __exit__(self, *_):
        for name in self.made:
            subprocess.run([find("ip"), "netns", "delete", name], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(*command, given=""):
    """Runs a command to its end and returns what it printed; RuntimeError with its output if it failed."""
    done = subprocess.run([find(command[0]) or command[0], *command[1:]], input=given, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
