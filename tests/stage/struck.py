"""A certd that is struck: killed, or refused a call, at the n-th thing that it
does to the world (tests/crash/strike.c), and started again."""

import collections
import os
import re
import sqlite3
import ssl
import struct
import time

from . import process
from .certd import Certd

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
STRIKE = os.path.join(TOP, os.environ.get('STAGE_BUILD', 'build'), 'tests',
                      'strike')
PASS, COUNT, KILL_ONE, KILL_ALL, LATE_ONE, LATE_ALL, FAIL_ONCE, FAIL_ON = \
    range(8)
DISK, MESSAGE, NETWORK = 1, 2, 4
ALL = DISK | MESSAGE | NETWORK
LATE_MSECS = 150                # the other side has acted by then
CONTROL = struct.Struct('8I')   # struct control of tests/crash/strike.h

Point = collections.namedtuple('Point', 'n program kind what')


def _message_names():
    """{number: name} of proto/messages.def."""
    with open(os.path.join(TOP, 'proto', 'messages.def'),
              encoding='utf-8') as f:
        return {int(number): name for name, number in
                re.findall(r'^BEGIN\((\w+), (\d+),', f.read(), re.M)}


MESSAGES = _message_names()


class Struck(Certd):
    """A certd under strike. Store and ledger may lie on a disk of their own
    (the folder where it is mounted)."""

    def __init__(self, *arguments, disk=None, **more):
        self.disk = disk
        super().__init__(*arguments, **more)
        self.control_file = os.path.join(self.folder, 'control')
        self.points_file = os.path.join(self.folder, 'points')
        self._tell(PASS)

    def write_config(self, server=None, settings=()):
        if self.disk:
            self.store = os.path.join(self.disk, 'le')
            self.state = os.path.join(self.disk, 'state')
        super().write_config(server, settings)

    def argv(self):
        return [STRIKE, self.control_file, self.points_file, *super().argv()]

    def start(self, keep=False):
        self.process = process.spawn(self.argv(), self.log_file, keep,
                                     {'PATH': os.defpath})
        process.wait_until(
            lambda: self.ctl('status', '--json').code == 0, self.process,
            self.log_file, 'certd', 60)
        return self

    def is_locked_in(self):
        return True

    # ---- striking ----

    def _tell(self, mode, at=0, classes=ALL, error=0, only_certd=False,
              late_msecs=LATE_MSECS):
        """Written in one piece, and in place: strike has it mapped."""
        self._write(CONTROL.pack(mode, at, error, classes, 0, 0, late_msecs,
                                 only_certd))

    def _write(self, data):
        fd = os.open(self.control_file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, data, 0)
        finally:
            os.close(fd)

    def arm(self, mode, at=0, **more):
        """From now on points are counted, from 1."""
        self._tell(mode, at, **more)

    def disarm(self):
        """Nothing happens any more; returns whether it had struck. What is being
        counted now keeps its number."""
        struck = self.was_struck()
        self._write(struct.pack('I', PASS))
        return struck

    def _state(self):
        with open(self.control_file, 'rb') as f:
            return CONTROL.unpack(f.read(CONTROL.size))

    def was_struck(self):
        return self._state()[5] == 1

    def points(self):
        """What was counted since it was armed."""
        found = []
        with open(self.points_file, encoding='utf-8') as f:
            for line in f:
                n, program, kind, what = line.rstrip('\n').split(' ', 3)
                if n == '1':
                    found = []
                if kind == 'message':
                    number = int(what.rpartition(' ')[2])
                    what = MESSAGES.get(number, str(number))
                found.append(Point(int(n), program, kind, what))
        return found

    def wait_gone(self, seconds=60):
        """Until certd and its children have ended; strike ends after them."""
        return self.process.wait(seconds)

    def start_and_strike(self, mode, at):
        """Starts, and strikes on the way to being idle. False where it was idle
        before; then it runs, and nothing happens any more."""
        self.arm(mode, at)
        self.process = process.spawn(self.argv(), self.log_file, False,
                                     {'PATH': os.defpath})
        deadline = time.monotonic() + 120
        while not self.was_struck() and not self.is_over():
            assert time.monotonic() < deadline, self.log()
            pause = time.monotonic() + 1    # who asks makes points, too
            while not self.was_struck() and time.monotonic() < pause:
                time.sleep(0.02)
        if not self.disarm():
            self.wait_idle()
            return False
        self.wait_gone()
        return True

    def is_over(self):
        """It runs, and nothing is left to be done."""
        done = self.ctl('status', '--json')
        return done.code == 0 and not done.json.get('job') and \
            not done.json.get('record_left_in_dns')

    # ---- looking at what is left ----

    def wait_idle(self, seconds=120):
        """Until no job is left, and no record of one."""
        process.wait_until(
            lambda: not self.unfinished(), self.process, self.log_file,
            'the work that was interrupted', seconds)

    def unfinished(self):
        done = self.ctl('status', '--json')
        assert done.code == 0, done
        return done.json.get('job', []) or \
            done.json.get('record_left_in_dns', [])

    def check_pair(self, lineage):
        """live/NAME is a pair that a TLS server can load."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.live(lineage),
                                self.live(lineage, 'privkey'))
        versions = {os.readlink(self.live(lineage, kind)).rstrip('.pem')[-1]
                    for kind in ('cert', 'chain', 'fullchain', 'privkey')}
        assert len(versions) == 1, versions

    def check_nothing_staged(self):
        """No key without a certificate, no half-written file."""
        left = os.listdir(self.path('.certd'))
        assert not left, f'.certd: {left}'
        for folder in ('live', 'archive', 'renewal'):
            self._check_nothing_new(folder)

    def check_nothing_left_of_accounts(self):
        self._check_nothing_new('accounts')

    def _check_nothing_new(self, part):
        for folder, folders, files in os.walk(self.path(part)):
            left = [n for n in folders + files if n.endswith('.new')]
            assert not left, f'{folder}: {left}'

    def check_ledger(self):
        """No job and no record; certd must not run."""
        path = os.path.join(self.state, 'ledger.db')
        with sqlite3.connect(f'file:{path}?mode=ro', uri=True) as db:
            for table in ('job', 'record'):
                rows = db.execute(f'SELECT * FROM {table}').fetchall()
                assert not rows, f'{table}: {rows}'
            assert db.execute('PRAGMA quick_check').fetchall() == [('ok',)]
