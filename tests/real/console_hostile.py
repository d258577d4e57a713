"""Every page of the console that shows what senders write, full of attacks: no script runs, nothing is asked of anybody else.

`show(gate, sink, attacks, browser)` has the messages shown by as many processes with a Chromium each as there are cores. Each page is
looked at without the console's policy, where only the escaping is left, and a quarter of them with it: that is the same for all.
"""

import os
import re
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from urllib.parse import quote

import chromium
import hostile_mail
from console_probes import must

# Lists by a rule or a sender, to which each message leads: these are much the same.
MOST_LISTS = 60
WORKERS = 2


def is_chosen(path, part=4):
    """Of the pages of which a part is enough."""
    return zlib.crc32(path.encode()) % part == 0


def show(playwright, gate, sink, attacks, environment):
    """The number of pages that were shown."""
    browser = chromium.Chromium(playwright)
    person = chromium.Person(browser, gate.base)
    person.log_in("ann", gate.password)
    limit = time.monotonic() + 60
    while not (person.open("/") < 500 and person.has(f"<b>{len(attacks)}</b>")):
        must(time.monotonic() < limit, "not all is in the history")
        time.sleep(0.2)
    found, lists = set(), all_lists(person)
    for path in lists:
        person.open(path)
        found |= person.links()
    messages = sorted(path for path in found if re.fullmatch("/m/[^/]+", path))
    must(len(messages) == len(attacks), f"{len(messages)} messages are listed")
    rest = sorted(path for path in found - set(messages) if not path.endswith("/raw"))
    cookies = person.cookies()
    person.close()
    browser.close()
    shares = [(messages[number::WORKERS], (lists + rest)[number::WORKERS], number) for number in range(WORKERS)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(look, environment, gate.base, gate.folder, sink.address, cookies, *share) for share in shares]
        shown = sum(job.result() for job in jobs)
    must(sink.came == 0, f"{sink.came} connections to the attacker")
    return shown


def all_lists(person):
    """The lists with the hostile messages, page by page."""
    lists = []
    for first in ("/messages", "/held"):
        path = first
        while path:
            lists.append(path)
            person.open(path)
            after = [link for link in person.links() if link.startswith(first + "?") and "after=" in link]
            path = after[0] if after and after[0] not in lists else None
    return lists


def look(environment, base, folder, sink, cookies, messages, others, number):
    """One process: a share of the messages and of the other pages; returns how many pages it has shown."""
    chromium.install(environment)
    from playwright.sync_api import sync_playwright
    shown = 0
    with sync_playwright() as playwright:
        browser = chromium.Chromium(playwright, os.path.join(folder, f"network-{number}.json"))
        for csp in (False, True):
            person = chromium.Person(browser, base, cookies=cookies, csp=csp)
            shown += messages_and_lists(person, messages, others, csp) + addresses(person, sink, number, csp)
            person.open("/")
            must(not person.ran, f"scripts ran: {person.ran[:5]}")
            must(not person.elsewhere(), f"requests beyond the console: {person.elsewhere()[:5]}")
            person.close()
        browser.close()
        beyond = [one for one in browser.networked() if not one.startswith(base) and (sink in one or "zzevil" in one)]
        must(not beyond, f"in the network log: {beyond[:5]}")
        must(any(one.startswith(base) for one in browser.networked()), "the network log does not even have the console")
    return shown


def messages_and_lists(person, messages, others, csp):
    """The pages of messages, each with its preview in a frame, and what they lead to."""
    seen, lists = set(), []

    def show_page(path):
        seen.add(path)
        status = person.open(path)
        must(status < 500, f"{path} fails with {status}")
        return status

    for path in messages:
        if csp and not is_chosen(path):
            continue
        status = show_page(path)
        must(person.page.locator("iframe.preview").count() == 1, f"{path} ({status}) has no preview:\n{person.page.content()}")
        lists += sorted(link for link in person.links() if re.search("[?&](rule|q|mailbox|done)=", link))
        if is_chosen(path):
            # Plain text, and the preview without its frame.
            show_page(path + "/source")
            show_page(path + "/page")
    for path in others:
        if path not in seen and not (csp and not is_chosen(path)):
            show_page(path)
    for path in list(dict.fromkeys(lists))[:MOST_LISTS // (4 if csp else 1)]:
        if path not in seen:
            show_page(path)
    return len(seen)


def addresses(person, sink, number, csp):
    """The same texts in the addresses of pages, as somebody's link has them."""
    shown = 0
    for place, payload in enumerate(hostile_mail.payloads()):
        if place % WORKERS != number or (csp and place % 8 > 1):
            continue
        text = quote(payload.format(sink=sink))
        paths = [f"/messages?q={text}&rule={text}&days={text}&mailbox={text}&verdict={text}&least={text}&after={text}"]
        if payload in hostile_mail.WRITTEN:
            paths += [f"/login?token={text}&to={text}", f"/m/{text}", f"/{text}"]
        for path in paths:
            must(person.open(path) < 500, f"{path} fails")
            must(person.page.url.startswith(person.base + "/"), f"{path} leads to {person.page.url}")
            shown += 1
    return shown


def self_test(playwright, base, folder, sink):
    """The same texts, shown as HTML, would have been noticed."""
    browser = chromium.Chromium(playwright, os.path.join(folder, "network-self-test.json"))
    person = chromium.Person(browser, base, csp=False)
    for payload in hostile_mail.WRITTEN:
        page = person.context.new_page()  # A payload may lead it elsewhere.
        page.goto(base + "/login")
        page.evaluate("html => { document.body.innerHTML = html }", payload.format(sink=sink.address))
    limit = time.monotonic() + 20
    while sink.came <= 3:
        must(time.monotonic() < limit, "the sink is not reached")
        person.page.wait_for_timeout(50)
    must(len(person.ran) > 3 and len(person.elsewhere()) > 3, f"hostile mail would not be noticed: {person.ran} {person.elsewhere()}")
    person.close()
    browser.close()
    must(any(sink.address in one for one in browser.networked()), "the network log would not show it")
