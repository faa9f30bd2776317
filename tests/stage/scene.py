"""A certd under strike with a CA of its own, so that orders can be counted."""

import os

from cryptography import x509

from . import struck
from .struck import Struck


class Scene:
    """As a context manager it ends everything, however it goes. disk: where
    store and ledger lie; environment: Pebble's."""

    def __init__(self, stage, zone, disk=None, environment=()):
        self.stage, self.zone, self.disk = stage, zone, disk
        self.names = (zone.name, '*.' + zone.name)
        self.ca = stage.new_ca(environment)
        self.certd = None
        self.resumed = self.wasted = self.twice = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.certd and self.certd.process:
            self.certd.process.kill()
            self.certd.process.wait()
        self.ca.stop()

    def fresh(self):
        """A certd that knows nothing."""
        if self.certd:
            self.end()
        self.certd = Struck(
            self.stage, self.zone, label='crash', server=self.ca.url,
            disk=self.disk, settings={'acme': {'max-per-day': '0'}})
        return self.certd.start()

    def end(self):
        """certd leaves as it should, and its ledger is empty."""
        self.certd.process.terminate()
        assert self.certd.wait_gone() == 0, self.certd.log()
        self.certd.check_ledger()
        self.certd.check_log()

    def issue(self, *options):
        return self.certd.issue(*self.names, options=options)

    def renew(self):
        return self.certd.ctl('renew', '--cert-name', self.zone.name,
                              '--force-renewal')

    def is_revoked(self):
        """Says the CA of the certificate that live/ shows."""
        with open(self.certd.live(self.zone.name, 'cert'), 'rb') as f:
            serial = x509.load_pem_x509_certificate(f.read()).serial_number
        return self.ca.status(f'{serial:x}') == 'Revoked'

    def orders(self):
        """How many the CA has had."""
        with open(os.path.join(self.ca.folder, 'pebble.log'),
                  encoding='utf-8', errors='replace') as f:
            return f.read().count('orders in the db')

    def count(self, act, classes=struck.ALL):
        """The points of one run of act()."""
        self.certd.arm(struck.COUNT, classes=classes)
        done = act()
        assert done.code == 0, done
        self.certd.disarm()
        return self.certd.points()
