"""popa3d in a jail: small and strict, without CAPA, STLS, AUTH or words after +OK."""

from servers.spool import Spooled


class Popa3d(Spooled):
    name, tls = "popa3d", "off"
    spool = "/var/mail"
    # Its UIDs come from Received, Date and Message-ID alone, and getmail wants each UID once.
    spared = frozenset({"odd-no-header"})
    programs = command = ["/usr/sbin/popa3d"]

    def __init__(self, jail, certificates):
        super().__init__(jail, certificates)
        jail.folder("/var/lib/popa3d")  # its chroot until a login
