#!/usr/bin/env python3
"""Signs the messages of this folder with dkimpy, which shares no code with popgate's library, by new keys.

Writes NAME.eml (CRLF), keys.txt (a name and its TXT record a line), and expected.txt: the results of dkimpy itself. The
private keys are thrown away. Needs dkimpy and openssl. It leaves alone what has rfc in its name: the examples of RFC 6376 (appendix
A.2 and C) and RFC 8463 (appendix A), with their keys.
"""

import base64
import hashlib
import pathlib
import subprocess

import dkim
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import parse_pem_private_key

HERE = pathlib.Path(__file__).parent
BODY = b"Hello  Bob,  \r\n\r\nthe figures\tare here.\r\n.leading dot\r\nsmall umlauts: \xc3\xa4\r\n\r\n\r\n"
HEADER = (
    b"Received: from mail.example.net (mail.example.net [192.0.2.1]) by mx.example.com; Mon, 2 Nov 2026 10:00:00 +0000\r\n"
    b"From: Ann  Example <ann@example.net>\r\nTo: bob@example.com\r\nSubject: Figures\r\n of October\r\n"
    b"Date: Mon, 2 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n\r\n"
)
MESSAGE = HEADER + BODY


def rsa(bits):
    key = subprocess.run(
        ["openssl", "genrsa", "-traditional", str(bits)], check=True, capture_output=True
    ).stdout
    public = subprocess.run(
        ["openssl", "rsa", "-pubout", "-outform", "DER"], input=key, check=True, capture_output=True
    ).stdout
    return key, base64.b64encode(public).decode()


def ed25519():
    key = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    public = subprocess.run(
        ["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"],
        input=key, check=True, capture_output=True,
    ).stdout
    return base64.b64encode(key[-32:]), base64.b64encode(public[-32:]).decode()


def main():
    keys, private = {}, {}
    for selector, bits in [("rsa1024", 1024), ("rsa2048", 2048), ("rsa4096", 4096), ("test", 2048), ("revoked", 2048)]:
        private[selector], public = rsa(bits)
        flags = "t=y; " if selector == "test" else ""
        keys[f"{selector}._domainkey.example.net"] = f"v=DKIM1; k=rsa; {flags}p={public}"
    private["ed"], public = ed25519()
    keys["ed._domainkey.example.net"] = f"v=DKIM1; k=ed25519; p={public}"
    private["absent"], _ = rsa(2048)
    made = {}

    def sign(name, selector, forms=(b"relaxed", b"relaxed"), message=MESSAGE, change=lambda it: it, **more):
        if selector == "ed":
            more["signature_algorithm"] = b"ed25519-sha256"
        signature = dkim.sign(
            message, selector.encode(), b"example.net", private[selector], canonicalize=forms, **more
        )
        made[name] = change(signature + message)

    for name, forms in [("rr", (b"relaxed", b"relaxed")), ("rs", (b"relaxed", b"simple")),
                        ("sr", (b"simple", b"relaxed")), ("ss", (b"simple", b"simple"))]:
        for selector in ["rsa1024", "rsa2048", "rsa4096", "ed"]:
            sign(f"{selector}-{name}", selector, forms)

    def sign_with(name, key, **tags):
        """By tags that dkimpy has no parameter for."""
        signer = dkim.DKIM(MESSAGE)
        signer.hasher = hashlib.sha256
        policy = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
        body = policy.canonicalize_body(signer.body)[:int(tags.get("l", 1 << 30))]
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        tags = {"v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": "example.net", "s": key, **tags,
                "h": "from:subject", "bh": digest, "b": "0" * 60}
        field = signer.gen_header([(name.encode(), value.encode()) for name, value in tags.items()], [b"from", b"subject"],
                                  policy, b"DKIM-Signature", parse_pem_private_key(private[key]))
        made[name] = b"DKIM-Signature: " + field + MESSAGE

    sign_with("expires", "rsa2048", x="1900000000")
    sign_with("length-zero", "rsa2048", l="0")
    sign("body-changed", "rsa2048", change=lambda it: it.replace(b"figures\tare", b"figures\twere"))
    sign("header-changed", "rsa2048", change=lambda it: it.replace(b"Subject: Figures", b"Subject: Forged"))
    sign("spaces-changed-relaxed", "rsa2048", change=lambda it: it.replace(b"Hello  Bob,  ", b"Hello Bob,"))
    sign("spaces-changed-simple", "rsa2048", (b"simple", b"simple"), change=lambda it: it.replace(b"Hello  Bob,  ", b"Hello Bob,"))
    sign("length-whole", "rsa2048", length=True)
    sign("length-appended", "rsa2048", length=True, change=lambda it: it + b"Buy now\r\n")
    sign("test-mode", "test")
    sign("revoked", "revoked")
    sign("no-key", "absent")
    sign("empty-body", "rsa2048", message=HEADER)
    sign("field-added-above", "rsa2048", change=lambda it: b"X-Added: yes\r\n" + it)
    sign("second-from", "rsa2048", change=lambda it: it.replace(b"To: bob", b"From: eve@example.org\r\nTo: bob"))
    keys["revoked._domainkey.example.net"] = "v=DKIM1; k=rsa; p="

    def txt(name, timeout=5):
        return keys.get(name.decode().rstrip(".").lower(), "").encode()

    expected = []
    for name, message in sorted(made.items()):
        (HERE / f"{name}.eml").write_bytes(message)
        try:
            passed = dkim.verify(message, dnsfunc=txt)
        except dkim.DKIMException:
            passed = False
        expected.append(f"{name} {'pass' if passed else 'fail'}")
    (HERE / "expected.txt").write_text("\n".join(expected) + "\n")
    (HERE / "keys.txt").write_text("".join(f"{name} {text}\n" for name, text in sorted(keys.items())))


main()
