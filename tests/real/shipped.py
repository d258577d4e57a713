"""The nftables files of deploy/, changed only as their comments tell the reader to change them."""

import os
import re

from network import LAN

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy")


def rules(name, **defines):
    """The text of a file with some of its defines changed."""
    with open(os.path.join(DEPLOY, name)) as f:
        text = f.read()
    for key, value in {"lan": f'{{ "{LAN}" }}', **defines}.items():
        text, found = re.subn(rf"(?m)^define popgate_{key} = .*$", f"define popgate_{key} = {value}", text)
        if found != 1:
            raise RuntimeError(f"{name} has {found} lines that define popgate_{key}")
    return text


def turned_on(text):
    """Enables the disabled rules: those after a # without a space."""
    changed, found = re.subn(r"(?m)^(\s+)#(?=\S)", r"\1", text)
    if not found:
        raise RuntimeError("no rules to turn on")
    return changed


def routes(text):
    """The `ip` commands in the comments, each as its words."""
    found = [line.split() for line in re.findall(r"(?m)^#\s+(ip (?:-6 )?(?:rule|route) add .*)$", text)]
    if len(found) != 4:
        raise RuntimeError(f"{len(found)} commands for rules and routes, not 4")
    return found
