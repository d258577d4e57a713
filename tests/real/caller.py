"""What runs inside a network namespace for transparent.py: a mail client, and other requests from there.

    caller.py fetch HOST PORT USER COUNT [SNI [CA]]   a mailbox; with SNI over TLS, verified if there is a CA
    caller.py read_lines HOST PORT                          all lines until the server closes
    caller.py get URL                                 the body of an HTTP response
    caller.py wait HOST PORT SECONDS                  until there is a POP3 greeting

Prints one JSON object; {"error": …} if it failed.
"""

import base64
import json
import socket
import ssl
import sys
import urllib.request

from fetch import Wire, unstuffed
from server import greets

PATIENCE = 30  # seconds; network.run() waits longer


def fetch(host, port, user, count, name=None, ca=None):
    connected = socket.create_connection((host, int(port)), PATIENCE)
    certificate = b""
    if name:
        context = ssl.create_default_context(cafile=ca)
        if not ca:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connected = context.wrap_socket(connected, server_hostname=name)
        certificate = connected.getpeercert(binary_form=True)
    client = Wire(int(port), user, connected=connected)
    commands = [f"RETR {number + 1}" for number in range(int(count))]
    messages = [base64.b64encode(unstuffed(lines)).decode() for _, lines in client.each(commands)]
    client.quit()
    return {"messages": messages, "certificate": base64.b64encode(certificate).decode()}


def read_lines(host, port):
    with socket.create_connection((host, int(port)), PATIENCE) as connected:
        return {"lines": [line.decode(errors="replace") for line in connected.makefile("rb")]}


def get(url):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=PATIENCE) as answer:
        return {"body": answer.read().decode()}


def wait(host, port, seconds):
    if not greets(int(port), None, float(seconds), host):
        raise RuntimeError(f"no greeting from {host} port {port} within {seconds} seconds")
    return {}


if __name__ == "__main__":
    try:
        answer = {"fetch": fetch, "read_lines": read_lines, "get": get, "wait": wait}[sys.argv[1]](*sys.argv[2:])
    except (OSError, RuntimeError) as trouble:
        answer = {"error": f"{type(trouble).__name__}: {trouble}"}
    json.dump(answer, sys.stdout)
