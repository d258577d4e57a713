"""Dovecot as the other tests have it, in the shape of the servers beside it: an account for each user, TLS upstream."""

from server import Dovecot as Alone


class Dovecot(Alone):
    name, tls, sasl = "Dovecot", "implicit", True
    settles = False
    spared = frozenset()

    @property
    def upstream(self):
        return self.pop3s
