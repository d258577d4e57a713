"""Fetching with mutt, as its user would, and with Perl's Net::POP3: the same shape as the programs in fetch.py."""

import os
import pty
import threading

from fetch import HOST, PASSWORD, PLAIN, config, read, run

FOLDER = os.path.dirname(os.path.abspath(__file__))
SEPARATOR = b"\1\1\1\1\n"


def net_pop3(port, user, count, folder, way=PLAIN):
    run(folder, "perl", os.path.join(FOLDER, "net_pop3.pl"), way.tls, str(port), user, PASSWORD, str(count), folder,
        *([way.ca] if way.ca else []))
    return [read(os.path.join(folder, str(n + 1))) for n in range(count)]


def on_a_terminal(folder, *command, question, answer):
    """Runs a program that needs a terminal; its output is discarded, or reported if it fails.

    A question that only a person could answer gets this answer once.
    """
    ours, theirs = pty.openpty()
    shown = []

    def look():
        while True:
            try:
                shown.append(os.read(ours, 4096))
            except OSError:  # the last one to hold the other end is gone
                return
            if question in b"".join(shown):
                shown.clear()
                os.write(ours, answer)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        run(folder, *command, terminal=theirs)
    except Exception as trouble:
        raise RuntimeError(f"{trouble}; its screen: {b''.join(shown)[-800:]!r}") from trouble
    finally:
        os.close(theirs)
        looking.join()
        os.close(ours)


def mutt(port, user, count, folder, way=PLAIN):
    inbox = os.path.join(folder, "inbox")
    scheme = "pops" if way.tls == "implicit" else "pop"
    # MMDF, since its separator is in no mail, whereas an mbox changes lines that begin with From_.
    rc = config(folder, "muttrc", f"""set spoolfile="{inbox}" mbox_type=MMDF folder="{folder}" tmpdir="{folder}"
set pop_host="{scheme}://{user}@{HOST}:{port}/" pop_pass="{PASSWORD}" pop_delete=no pop_last=no
set ssl_starttls={"yes" if way.tls == "starttls" else "no"} ssl_force_tls={"no" if way.tls == "off" else "yes"}
set ssl_verify_dates=yes ssl_verify_host=yes certificate_file="{folder}/none" ssl_ca_certificates_file="{way.ca or ''}"
push "<fetch-mail><exit>"
""")
    on_a_terminal(folder, "mutt", "-n", "-F", rc, "-f", "/dev/null", question=b"(r)eject", answer=b"r")
    # Above each it puts the From_ line of an mbox.
    return [message.partition(b"\n")[2] for message in read(inbox).split(SEPARATOR) if message]
