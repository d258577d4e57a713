"""Checks of the Windows program as a service, and of its installer, as far as Wine supports them."""

import os
import re
import shutil
import socket

from windows_mailbox import Mailbox, same
from wine import expect, until

EVENTS = r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\popgate"
# What Wine writes when a program has a window for the first time.
DISPLAY = re.compile(r"Software\\Wine\\|DEVICEMAP\\VIDEO|DeviceClasses|Control\\Video|Hardware Profiles")
UNINSTALL = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\popgate"
SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\popgate"
LONGEST_LOG = 16 << 20  # as in src/server/log.rs


def state(wine):
    """The state that the service manager has of the service; None if it knows none."""
    found = re.search(r"STATE\s*:\s*\d+\s+(\w+)", wine.ran(["wine", "sc", "query", "popgate"]).stdout)
    return found and found[1]


def becomes(wine, wanted):
    until(lambda: state(wine) == wanted, lambda: f"the service is {state(wine)}, not {wanted}; its log:\n{log(wine)}")


def log(wine):
    try:
        with open(wine.disk("ProgramData", "popgate", "popgate.log"), errors="replace") as f:
            return f.read()[-3000:]
    except FileNotFoundError:
        return ""


def exists(wine, key):
    return wine.ran(["wine", "reg", "query", key]).returncode == 0


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def events(wine, begin=0):
    """What the service has put into the event log since Wine's own log had this many characters."""
    return re.findall(r'ReportEventW L"(.*)"', wine.said()[begin:])


def has(found, text):
    return any(text in one for one in found)


def service(wine, _):
    """Installed, it serves; stopped, it serves until the last session has ended; removed, nothing of it is left but its data."""
    data = wine.disk("ProgramData", "popgate")
    begin = len(wine.said())
    wine.must("install")
    becomes(wine, "RUNNING")
    expect(exists(wine, EVENTS), "no source of events")
    wine.must("uninstall")
    becomes(wine, None)
    found = events(wine, begin)
    expect(has(found, "waits for its settings") and not has(found, "popgate serves"), f"events without settings: {found}")
    with_settings(wine, data)
    shutil.rmtree(data)


def with_settings(wine, data):
    box = Mailbox(wine, data)
    path = os.path.join(data, "popgate.log")
    begin = len(wine.said())
    with open(path, "ab") as f:
        f.truncate(LONGEST_LOG - 100)
    try:
        wine.must("install")
        becomes(wine, "RUNNING")
        until(lambda: not refuses(box.port), lambda: f"the service does not listen:\n{log(wine)}")
        same(box.fetch(), "lunch", "fetched from the service")
        # Else its absence later would say nothing.
        expect(wine.processes("popgate.exe"), "the process of the running service is not found")
        until(lambda: os.path.exists(path + ".old"), "a log that is too long is continued")
        expect(os.path.getsize(path) < 10000 and os.path.getsize(path + ".old") <= LONGEST_LOG, "a log that is too long is not replaced by a new one")
        client = box.session()
        stop = wine.ran(["wine", "sc", "stop", "popgate"])
        expect(stop.returncode == 0, f"sc stop: {stop.stdout}{stop.stderr}")
        becomes(wine, "STOP_PENDING")
        until(lambda: refuses(box.port), "a service that stops takes new sessions")
        got = b"".join(line + b"\r\n" for line in client.retr(1)[1])
        same({"lunch": got}, "lunch", "fetched while the service stops")
        client.quit()
        becomes(wine, "STOPPED")
        until(lambda: not wine.processes("popgate.exe"), "the process of the stopped service is there")
        wine.ran(["wine", "sc", "start", "popgate"])
        becomes(wine, "RUNNING")
        expect(wine.processes("popgate.exe"), "the process of the service that was started again is not found")
        wine.must("uninstall")
        becomes(wine, None)
        expect(not wine.processes("popgate.exe"), "the process of the removed service is there")
        expect(not exists(wine, SERVICE) and not exists(wine, EVENTS), "the registry still has the service or its events")
        expect(os.path.exists(box.config), "the settings are gone")
        found = events(wine, begin)
        expect(has(found, "popgate serves") and has(found, "popgate has stopped") and not has(found, "waits for its settings"),
               f"events with settings: {found}")
        print(f"    drained, started again, removed; {len(found)} events")
    finally:
        box.end()


def everything(wine):
    """Folders and files of drive C:, and keys of the registry."""
    files = {os.path.join(place, name) for place, folders, names in os.walk(wine.disk()) for name in folders + names}
    keys = set()
    for hive in ("HKLM", "HKCU"):
        path = os.path.join(wine.folder, "registry.txt")
        wine.ran(["wine", "reg", "export", hive, path, "/y"])
        with open(path, encoding="utf-16", errors="replace") as f:
            keys |= {line.strip() for line in f if line.startswith("[")}
    return files, keys


def until_the_next_start(wine):
    """Files that Windows deletes when it starts: the uninstaller cannot delete itself."""
    manager = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager"
    said = wine.ran(["wine", "reg", "query", manager, "/v", "PendingFileRenameOperations"]).stdout
    return [found.replace("\\", "/").lower() for found in re.findall(r"C:\\([^\0\n]*?)\\0", said)]


def installer(wine, setup):
    expect(setup and os.path.isfile(setup), "no installer to test: --setup names it; deploy/windows/build needs makensis")
    for flags in ([], ["/NOSERVICE"]):
        before = everything(wine)
        installed(wine, setup, flags)
        left = [sorted(found - known) for found, known in zip(everything(wine), before)]
        data = wine.disk("ProgramData", "popgate")
        going = until_the_next_start(wine)
        left[0] = [one for one in left[0] if not any(it.startswith(one.removeprefix(wine.disk() + os.sep).lower()) for it in going)]
        print(f"    {' '.join(['/S', *flags])}: left after the uninstallation:")
        for one in left[0] + [key for key in left[1] if not DISPLAY.search(key)]:
            print("        " + one.removeprefix(wine.disk() + os.sep))
        # Where a person's settings would go, had they been written.
        own = os.path.join("AppData", "Local", "popgate")
        surplus = [one for one in left[0] if not one.startswith(data) and not one.endswith(own)] + [key for key in left[1] if "popgate" in key.lower()]
        expect(not surplus, f"left: {surplus}")
        expect(bool(left[0]) != bool(flags), f"the service's data is not what is expected after {flags}")
        shutil.rmtree(data, ignore_errors=True)


def installed(wine, setup, flags):
    folder = wine.disk("Program Files", "popgate")
    program = os.path.join(folder, "popgate.exe")
    begin = len(wine.said())
    code = wine.ran(["wine", setup, "/S", *flags], 300).returncode
    expect(code == 0 and os.path.exists(program), f"the installer: exit {code}")
    expect(exists(wine, UNINSTALL), "Windows does not know how to remove it")
    wine.must("--version", program=program)
    wine.must("demo", "--once", program=program)
    becomes(wine, None if flags else "RUNNING")
    # Its events are written by a thread of their own.
    until(lambda: flags or "popgate" in wine.said()[begin:], "the service has said nothing")
    code = wine.ran(["wine", os.path.join(folder, "uninstall.exe"), "/S"], 300).returncode
    expect(code == 0, f"the uninstaller: exit {code}")
    # It copies itself elsewhere, and ends before its copy does.
    until(lambda: not os.path.exists(folder), lambda: f"left: {os.listdir(folder)}")
    becomes(wine, None)
    until(lambda: not exists(wine, UNINSTALL), "Windows still knows how to remove it")
