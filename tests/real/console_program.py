"""A program that uses the API of the console, so that what is counted of it is seen."""

import json
import subprocess
import threading
import urllib.error
import urllib.request


class ConsoleProgram:
    """Lists messages, and teaches one and takes that back, until `stop()`; once with a wrong token."""

    def __init__(self, popgate, config, port):
        done = subprocess.run([popgate, "passwd", "--api-token", "watching", "--config", config], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise AssertionError(f"`popgate passwd --api-token` ended with {done.returncode}: {done.stdout}{done.stderr}")
        self.token, self.address = done.stdout.split()[-1], f"http://127.0.0.1:{port}/api/v1/messages"
        self.over, self.failed = threading.Event(), []
        try:
            self.ask("", "wrong")
            self.failed.append("a wrong token is accepted")
        except urllib.error.HTTPError as refused:
            if refused.code != 401:
                self.failed.append(f"a wrong token is answered with {refused.code}")
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def ask(self, path, token, **given):
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {token}"}, **given)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def run(self):
        while not self.over.wait(1):
            try:
                listed = self.ask("", self.token)["messages"]
                taught = next((it["id"] for it in listed if it["verdict"] == "pass"), None)
                for action in ("spam", "undo-label") if taught else ():
                    self.ask(f"/{taught}/{action}", self.token, method="POST", data=b"")
            except OSError as error:
                self.failed.append(error)

    def stop(self):
        self.over.set()
        self.thread.join(60)
