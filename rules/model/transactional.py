#!/usr/bin/env python3
"""Writes transactional mail as free shop and account software sends it, in some sixty languages, one file a message.

  transactional.py FOLDER

The texts are the templates and translations of django-allauth (MIT), django-oscar and django-helpdesk (BSD): confirm an
address, a password that was reset or changed, a code to sign in, an order, a ticket. They are read from the installed
packages, so no text of them is in this project:

  pip install django==5.2.19 django-allauth==65.22.1 django-oscar==4.2.1 django-helpdesk==2.6.1

The same versions write the same files. Each language of a package is a sender of its own.
"""

import email.message
import email.policy
import hashlib
import html
import importlib.util
import json
import pathlib
import re
import sys
import types

PACKAGES = ("django", "allauth", "oscar", "helpdesk")
NAMES = ("Bramley", "Harbour", "Juniper", "Lindqvist", "Marlow", "Northgate", "Orchard", "Pellegrin", "Quayside", "Rowan")
TRADES = ("Store", "Books", "Garden", "Tickets", "Library", "Cycles", "Club")


def package(name):
    """Where a package is installed."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        sys.exit(f"{name}: not installed; the beginning of {sys.argv[0]} says which packages it reads")
    return pathlib.Path(spec.origin).parent


def stand_in(name, **members):
    """A module that templates load, with what they use of it."""
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module
    return name


def configure(allauth, oscar):
    """Sets Django up for templates and translations, without a database."""
    import django
    from django import template
    from django.conf import settings

    tags = template.Library()
    tags.filter("currency", lambda value, currency=None: f"{value:.2f} {currency or 'EUR'}")
    tags.simple_tag(lambda *_: "https://SITE/account/", name="absolute_url")
    tags.simple_tag(lambda user: str(user), name="user_display")
    libraries = stand_in("template_tags", register=tags)
    settings.configure(
        USE_I18N=True,
        SECRET_KEY="none",
        ROOT_URLCONF=stand_in("urls", urlpatterns=[]),
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        LOCALE_PATHS=[allauth / "locale", oscar / "locale"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [allauth / "templates", oscar / "templates"],
                "OPTIONS": {"libraries": dict.fromkeys(("currency_filters", "url_tags", "allauth", "account"), libraries)},
            }
        ],
    )
    django.setup()


class Record(dict):
    """What a template reads members of."""

    __getattr__ = dict.get

    def __str__(self):
        return self.get("name", "")


def sender(key):
    """A made shop: its name and its domain."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    name, trade = NAMES[number % len(NAMES)], TRADES[number // 16 % len(TRADES)]
    return f"{name} {trade}", f"{name}-{trade}-{number % 97}.example".lower()


def context(name, number):
    """What the templates show."""
    site = Record(name=name, domain="SITE")
    user = Record(name="ann", email="ann@client.example", username="ann", first_name="Ann", get_full_name="Ann Miller")
    cups = Record(title="Espresso cups, set of 4", quantity=1, line_price_incl_tax=22.0)
    towel = Record(title="Tea towel", quantity=2, line_price_incl_tax=19.5)
    order = Record(number=str(number), user=user, currency="EUR", num_items=3, basket_total_incl_tax=41.5)
    order.update(shipping_incl_tax=4.9, total_incl_tax=46.4, shipping_method="Post", lines=Record(all=[cups, towel]))
    order.update(shipping_address=Record(active_address_fields=["Ann Miller", "5 Mill Lane", "Bath"]))
    towel.update(name="Tea towel", get_title="Tea towel")
    alert = Record(product=towel, get_confirm_url="/alerts/confirm/8f2/", get_cancel_url="/alerts/cancel/8f2/")
    ticket = Record(ticket=f"[support-{number}]", title="Order has not arrived", submitter_email="ann@client.example")
    ticket.update(ticket_url=f"https://SITE/tickets/view/?ticket=support-{number}&email=ann%40client.example")
    ticket.update(staff_url=f"https://SITE/tickets/{number}/", assigned_to="Peter Hall", get_priority_display="3. Normal")
    ticket.update(description="Where are my tea towels?", get_status="Open", created="27 Nov 2026, 10:12")
    return {
        **{"current_site": site, "site": site, "user": user, "order": order, "lines": order["lines"]["all"]},
        **{"alert": alert, "ticket": ticket, "queue": Record(title="Support"), "username": "ann"},
        **{"email": "ann@client.example", "from_email": "ann@client.example", "to_email": "anne@client.example"},
        **{"deleted_email": "old@client.example", "new_email": "anne@client.example", "provider": Record(name="GitHub")},
        **{"code": "482 913", "ip": "203.0.113.77", "user_agent": "Firefox", "timestamp": "27 Nov 2026, 10:12"},
        "activate_url": "https://SITE/accounts/confirm-email/MQ:1uTx9a:Zk3w/",
        "password_reset_url": "https://SITE/accounts/password/reset/key/1-c5hq2-3f9c/",
        "reset_url": "https://SITE/password/reset/1-c5hq2-3f9c/",
        "signup_url": "https://SITE/accounts/signup/",
        "status_url": f"https://SITE/account/orders/{number}",
        "comment": "The parcel left our warehouse today.",
        "resolution": "The parcel was delivered.",
    }


def templates(allauth, oscar):
    """The templates of subject, text and page, with the package that each comes from."""
    for text in sorted((allauth / "templates").glob("*/email/*_message.txt")):
        subject = text.with_name(text.name.replace("_message.txt", "_subject.txt"))
        if subject.exists():
            yield "allauth", allauth / "templates", subject, text, None
    for text in sorted((oscar / "templates/oscar/communication/emails").glob("commtype_*_body.txt")):
        page = text.with_suffix(".html")
        subject = text.with_name(text.name.replace("_body.txt", "_subject.txt"))
        yield "oscar", oscar / "templates", subject, text, page if page.exists() else None


def rendered(allauth, oscar):
    """Each message of the shop's and the accounts' software in each language: key, number, subject, text, page."""
    from django.template.loader import render_to_string
    from django.utils import translation

    folders = sorted({folder.name for root in (allauth, oscar) for folder in (root / "locale").iterdir()})
    languages = [name for name in folders if re.fullmatch(r"[A-Za-z_]+", name)]
    all_templates = list(templates(allauth, oscar))
    for language in languages:
        for number, (origin, root, *files) in enumerate(all_templates):
            key = f"{origin}-{language}"
            values = context(sender(key)[0], 100_300 + 7 * number)

            def render(file):
                return file and render_to_string(str(file.relative_to(root)), values)

            with translation.override(translation.to_language(language)):
                subject, text, page = map(render, files)
            yield key, files[1].stem, html.unescape(subject), html.unescape(text), page


def tickets(helpdesk):
    """Each message of the ticket software."""
    from django.template import Context, Template

    for number, entry in enumerate(json.loads((helpdesk / "fixtures/emailtemplate.json").read_text())):
        fields = entry["fields"]
        key = f"helpdesk-{fields['locale']}"
        values = Context(context(sender(key)[0], 4_100 + number), autoescape=False)
        parts = [Template(fields[part]).render(values) for part in ("subject", "plain_text", "html")]
        yield key, fields["template_name"], f"{values['ticket'].ticket} {values['ticket'].title} {parts[0]}", *parts[1:]


def message(key, name, subject, text, page):
    """A message with what its sender's server writes."""
    shop, domain = sender(key)
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"] = f"{shop} <noreply@{domain}>"
    mail["To"] = "Ann Miller <ann@client.example>"
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = "Fri, 27 Nov 2026 10:12:08 +0000"
    mail["Message-ID"] = f"<{hashlib.sha256(f'{key}{name}'.encode()).hexdigest()[:20]}@{domain}>"
    mail["MIME-Version"] = "1.0"
    mail.set_content(text.replace("SITE", domain), cte="quoted-printable")
    if page:
        mail.add_alternative(page.replace("SITE", domain), subtype="html", cte="quoted-printable")
        mail.set_boundary("=_part")
    return mail.as_bytes()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n\n")[1].strip())
    _, allauth, oscar, helpdesk = map(package, PACKAGES)
    configure(allauth, oscar)
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    seen = set()
    for key, name, *content in (*rendered(allauth, oscar), *tickets(helpdesk)):
        # What is not translated stands in English.
        shop = sender(key)[0]
        text = content[1].replace(shop, "")
        if text in seen or not text.strip():
            continue
        seen.add(text)
        (out / f"{key}-{name}.eml").write_bytes(message(key, name, *content))
    print(f"{len(seen)} messages in {out}")


if __name__ == "__main__":
    main()
