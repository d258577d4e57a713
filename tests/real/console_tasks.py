"""What people do in the console beside correcting one message: selections, a look at a held one, rules, a pause."""

import time

from console_probes import must


def until(what, happened, seconds=20):
    limit = time.monotonic() + seconds
    while not happened():
        must(time.monotonic() < limit, f"not yet: {what}")
        time.sleep(0.1)


def tick(person, *subjects):
    for subject in subjects:
        person.page.get_by_role("checkbox", name=f"Select: {subject}", exact=True).check()


def selection(gate, person, user):
    """Two messages of the list at once, and back."""
    bargain, lunch = f"bargain for {user}", f"lunch for {user}"
    person.open("/messages")
    tick(person, bargain, lunch)
    person.click("Spam")
    must(person.has("Done with so many messages"), f"no result: {person.page.inner_text('main')}")
    must("2" in person.page.get_by_role("status").inner_text(), person.page.inner_text("main"))
    until("both are spam", lambda: all(b"X-Spam-Flag: YES" in text for text in gate.fetch(user)[:2]))
    person.click("Undo all of it")
    must(person.has("Undone with so many messages"), person.page.inner_text("main"))
    until("lunch passes again", lambda: b"X-Spam-Flag" not in gate.fetch(user)[0])
    person.open("/held")
    tick(person, f"held for {user}")
    person.click("Release")
    until("it is released", lambda: any(b"zzheldzz" in text for text in gate.fetch(user)))
    person.open("/held")
    row = person.page.locator("tr", has_text=f"held for {user}")
    row.get_by_role("button", name="Undo", exact=True).click()
    person.page.wait_for_load_state()
    until("it is held again", lambda: not any(b"zzheldzz" in text for text in gate.fetch(user)))


def held_message(gate, person, user, javascript):
    """A held message is read without its leaving the quarantine."""
    person.open("/held")
    person.click(f"held for {user}", role="link")
    for text in ("Would now be judged as", "What would have changed it", "dmarc=pass", "zzheldzz The next issue is being printed."):
        must(person.has(text), f"the page of a held message does not say {text}")
    preview = person.page.frame_locator("iframe.preview").locator("body").inner_text()
    must("zzheldzz" in preview, f"the preview shows {preview!r}")
    person.click("Source", role="link")
    must("Subject: held for" in person.page.inner_text("body"), "the source is not shown")
    person.open("/mail-program")
    buttons = person.page.get_by_role("button", name="Copy Server")
    if javascript:
        buttons.first.click()
        person.page.get_by_role("button", name="Copied").or_(person.page.get_by_text("Copied")).first.wait_for()
    else:
        must(buttons.count() == 0, "a button that would do nothing is shown")


def rules_and_pause(gate, admin):
    """The administrator switches a rule off and on again, and pauses the filter. The texts have some points of their own: the rule
    alone does not tag what the learned filter takes for ham."""
    admin.open("/rules?q=TAGGED")
    admin.click("Change TAGGED", role="link")
    admin.click("Switch off")
    must(admin.has("Changed here"), admin.page.inner_text("main")[:500])
    must(gate.deliver("ann", "rule is off", "florist", "zzspamzz Win a hamper, click here and claim it today."), "a rule that is off still tags")
    admin.open("/rules")
    admin.click("Undo")
    must(not admin.has("Changed here"), "the rule is still changed")
    must(not gate.deliver("ann", "rule is on", "grocer", "zzspamzz Win a cruise, click here and claim it today."), "a rule that is on again does not tag")
    admin.open("/")
    admin.click("an hour")
    must(admin.has("Filtering is paused"), admin.page.inner_text("main")[:500])
    gate.deliver("ann", "paused", "dairy", "zzspamzz Win a prize, click here and claim it today.")
    must(b"unscanned=paused" in gate.fetch("ann")[-1], "a message is judged during the pause")
    admin.click("Filter again now")
    must(b"X-Spam-Flag: YES" in gate.fetch("ann")[-1], "a message is not judged after the pause")
    print("  the administrator switches a rule off and on again, and pauses the filter", flush=True)
