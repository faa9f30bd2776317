"""Where attacks happen: a certd whose worker is the attacker, with a job of his
own under his hands; beside it a neighbour, an honest worker in the middle of an
issuance, of whom nothing may be touched.

After every attempt: the attacker was cut off or refused, with one reason in the
log; his job has failed for that reason; store, ledger and DNS are as they were;
certd answers, and the neighbour can still finish."""

import collections
import http.client
import json
import os
import re
import shutil
import sqlite3
import ssl
import subprocess
import time
import urllib.parse

from .acme import Ca, Work
from .wire import PATIENCE, Closed, Connection

WHAT = re.compile(r' what=(?:"((?:[^"\\]|\\.)*)"|(\S+)) ')
# A connection that is cut off is a line of the audit, too; it is counted once.


def reason_of(line):
    """Why somebody was cut off, out of a line of the audit."""
    quoted, word = WHAT.search(line).groups()
    what = re.sub(r'\\(.)', r'\1', quoted) if quoted else word
    assert what.startswith('cut off: ') and len(what) > 12, line
    return what[len('cut off: '):]


class Administrator:
    """A connection to control.sock that has one request at a time."""

    def __init__(self, scene, user=None, groups=()):
        self.c = Connection(scene.table, scene.control, user, groups)
        self.number = scene.table.number

    def issue(self, names, **options):
        """Returns the job's number."""
        for word, value in options.items():
            option, = [o for o in self.c.table.options
                       if o['word'] == word.replace('_', '-')]
            self.c.say('option', option['number'], value)
        self.c.say('issue', names)
        name, _, fields = self.c.hear_only('accepted', 'error', 'question')
        assert name == 'accepted', fields
        return fields['job']

    def result(self):
        """How the job ended, when the request is over."""
        _, _, result = self.c.hear_only('result')
        self.c.hear_only('end')
        return result

    def is_answered(self):
        """By what is short: status tells of each job that has failed."""
        self.c.say('list')
        self.c.hear_only('end')


class Emulator:
    """What is in DNS, over one connection that stays."""

    def __init__(self, world):
        where = urllib.parse.urlsplit(world['api_control'])
        self.connection = http.client.HTTPSConnection(
            where.hostname, where.port, timeout=60,
            context=ssl.create_default_context(cafile=world['ca_file']))

    def records(self, zone):
        self.connection.request(
            'POST', '/control/records', json.dumps({'zone': zone}),
            {'Content-Type': 'application/json'})
        return json.loads(self.connection.getresponse().read())['result']


class Scene:
    JOBS = 4                    # of the attacker, prepared ahead

    def __init__(self, stage, certd, zone, table):
        self.stage, self.certd, self.zone, self.table = \
            stage, certd, zone, table
        self.control = os.path.join(certd.runtime, 'control.sock')
        self.worker_socket = os.path.join(certd.runtime, 'worker.sock')
        self.ca, self.dns = Ca(stage), Emulator(stage.world)
        self.log = open(certd.log_file, encoding='utf-8', errors='replace')
        self.audit = open(os.path.join(certd.state, 'audit.log'),
                          encoding='utf-8', errors='strict')
        self.connection, self.work = None, None
        self.count, self.tally = 0, collections.Counter()
        self.admin = Administrator(self)
        self.copy = os.path.join(certd.folder, 'ledger-copy')
        os.mkdir(self.copy)
        self.neighbour = self.meet_neighbour()
        self.waiting = {}       # job: its administrator
        for _ in range(self.JOBS):
            self.order_job(Administrator(self))
        self.attack_logged()
        self.before = self.look()

    def close(self):
        verified = self.certd.ctl('audit', '--verify')
        assert verified.code == 0, verified
        self.log.close()
        self.audit.close()

    # ---- who is there ----

    def new_worker(self, capacity=1, **more):
        c = Connection(self.table, self.worker_socket, '_acmew', **more)
        if capacity:
            c.say('ready', capacity)
        return c

    def connect_worker_as(self, user):
        return Connection(self.table, self.worker_socket,
                          None if user == 'root' else user)

    def watch(self):
        """certctl watches; returns a function that ends it and tells what it
        has shown."""
        out = open(os.path.join(self.certd.folder, 'watched'), 'w+b')
        watcher = subprocess.Popen(
            [self.certd.program('certctl'), '--socket', self.control, 'watch'],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={'PATH': os.defpath, 'LC_ALL': 'C.UTF-8'})

        def shown():
            watcher.terminate()
            watcher.wait(PATIENCE)
            out.seek(0)
            return out.read().decode('utf-8', 'replace')
        return shown

    def take_job(self, connection):
        return Work(connection, self.ca, connection.hear_only('job_issue')[2])

    def meet_neighbour(self):
        """An account, a certificate in the store, and a second issuance up to
        its record in DNS."""
        owner = Administrator(self)
        name = 'neighbour.' + self.zone.name
        owner.issue([name])
        c = self.new_worker()
        work = self.take_job(c)
        work.all()
        assert owner.result()['ok']
        assert os.path.exists(self.certd.live(name))
        job = owner.issue([name, '*.' + name], cert_name=name, expand='')
        work = self.take_job(c)
        assert work.id == job
        work.owner = owner
        work.account().place_order().prove()
        for record, value, *_ in work.published:
            work.wait_for(record, value)
        return work

    def neighbour_finishes(self):
        """The proof that nobody has touched the neighbour."""
        n = self.neighbour
        pem = n.answer().finalize()
        n.store(pem)
        n.c.say('done', n.id)
        assert n.owner.result()['ok']
        # A job of the attacker's may still be tidied up.
        deadline = time.monotonic() + PATIENCE
        while self.dns.records(self.zone.name):
            assert time.monotonic() < deadline, 'records are left'
            time.sleep(0.05)

    # ---- the attacker's job ----

    def order_job(self, administrator):
        self.count += 1
        job = administrator.issue([f'a{self.count}.{self.zone.name}',
                                   f'*.a{self.count}.{self.zone.name}'])
        self.waiting[job] = administrator

    def attacker(self, phase='start', fresh=False):
        """A connection with a job in this phase."""
        if fresh:
            self.let_go()
        if self.connection is None:
            self.connection = self.new_worker()
        if self.work is None:
            self.work = self.take_job(self.connection)
            self.work.phase = 'start'
        order = ['start', 'order', 'final']
        if order.index(self.work.phase) > order.index(phase):
            self.let_go()
            return self.attacker(phase)
        if self.work.phase == 'start' and phase != 'start':
            self.work.account()
            self.work.sign(2, self.ca.directory['newOrder'], 'n')
            self.work.phase = 'order'
        if self.work.phase == 'order' and phase == 'final':
            self.work.sign(5, self.ca.directory['newOrder'], 'n')
            self.work.phase = 'final'
        return self.connection, self.work

    def let_go(self):
        """Of connection and job; the next attempt has new ones."""
        if self.work is not None:       # one that only left would be waited for
            self.connection.say('failed', self.work.id, 0, 'let go', '', 0)
            self.job_ended()
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def job_ended(self):
        """Waits for the end of the attacker's job; why it failed."""
        owner = self.waiting.pop(self.work.id)
        self.last, self.work = self.work.id, None
        result = owner.result()
        assert not result['ok'], result
        self.order_job(owner)
        return result['text']

    def finds_room(self):
        """After a flood an honest worker comes in, if not at once."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.attacker(fresh=True)
            except Closed:
                self.connection = None
                assert time.monotonic() < deadline, 'no room for a worker'

    # ---- what is looked at ----

    def attack_logged(self):
        """Refusals that are new in the audit. certd closes a connection before it
        writes the line, and answers behind it."""
        self.admin.is_answered()
        return [line for line in self.audit.read().splitlines()
                if ' outcome=refused ' in line]

    def store(self):
        found = {}
        for folder, folders, files in os.walk(self.certd.store):
            if folder == self.certd.store:
                folders[:] = [f for f in folders if f != '.certd']
            for name in folders + files:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                found[path] = (st.st_mode, st.st_uid, st.st_gid, st.st_ino,
                               st.st_size, st.st_mtime_ns)
        return found

    def ledger(self):
        """All that is remembered, but of the attacker's own jobs."""
        for name in os.listdir(self.certd.state):
            if name.startswith('ledger.db'):
                shutil.copy(os.path.join(self.certd.state, name), self.copy)
        db = sqlite3.connect(os.path.join(self.copy, 'ledger.db'))
        try:
            db.execute('PRAGMA synchronous = OFF')  # it is only looked at
            tables = [t for t, in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND "
                "name NOT LIKE 'sqlite_%'")]
            found = {t: db.execute(f'SELECT * FROM {t}').fetchall()
                     for t in tables}
        finally:
            db.close()
        return {t: [r for r in rows if not any(
            re.match(r'(\*\.)?a\d+\.', v) for v in r if isinstance(v, str))]
            for t, rows in found.items()}

    def look(self):
        return {'store': self.store(), 'ledger': self.ledger(),
                'dns': self.dns.records(self.zone.name)}

    def check(self, label):
        """All is as it was, and certd answers."""
        now = self.look()
        for what, was in self.before.items():
            assert now[what] == was, f'{label}: {what} has changed'
        left = [f for f in self.certd.staged()
                if f.startswith(f'{self.last}.')]
        assert not left, f'{label}: of the job is left: {left}'
        self.admin.is_answered()

    # ---- attempts ----

    def cut_off(self, kind, label, act, phase='start', fresh=False):
        """act(connection, work) must end the connection."""
        c, work = self.attacker(phase, fresh)
        self.attack_logged()
        act(c, work)
        assert c.is_closed(), f'{kind} {label}: the connection stays'
        reasons = self.attack_logged()
        c.close()
        self.connection = None
        why = self.job_ended()
        assert len(reasons) == 1, f'{kind} {label}: logged {reasons}'
        reason = reason_of(reasons[0])
        assert reason in why, (label, reason, why)
        assert not re.search('[\0-\x1f\x7f]', reason), (label, reason)
        self.check(f'{kind} {label}')
        self.tally[kind, 'cut off'] += 1
        return reason

    def refused(self, kind, label, act, phase='start', told=''):
        """act(connection, work) must be refused; the job ends with it."""
        c, work = self.attacker(phase)
        self.attack_logged()
        act(c, work)
        try:
            got, _, fields = c.hear_only('refused', 'stored', job=work.id)
        except (Closed, TimeoutError) as e:
            raise AssertionError(f'{kind} {label}: {e!r}') from None
        assert got == 'refused', f'{kind} {label}: {got}'
        why = self.job_ended()
        reasons = self.attack_logged()
        assert len([r for r in reasons if f' job={self.last} ' in r]) == 1, \
            f'{kind} {label}: logged {reasons}'
        assert told in fields['reason'] and told in why, (label, fields, why)
        self.check(f'{kind} {label}')
        self.tally[kind, 'refused'] += 1
        return fields['reason']

    def in_vain(self, kind, label, act, phase='start'):
        """act(connection, work) is answered, or passed over, and changes
        nothing."""
        c, work = self.attacker(phase)
        act(c, work)
        self.last = 0
        self.check(f'{kind} {label}')
        self.tally[kind, 'in vain'] += 1

    def stranger(self, kind, label, act, hello=True):
        """As cut_off(), on a connection that has no job."""
        self.attack_logged()
        c = self.new_worker(capacity=0, hello=hello)
        act(c, None)
        assert c.is_closed(), f'{kind} {label}: the connection stays'
        c.close()
        reasons = self.attack_logged()
        assert len(reasons) == 1, f'{kind} {label}: logged {reasons}'
        reason_of(reasons[0])
        self.last = 0
        self.check(f'{kind} {label}')
        self.tally[kind, 'cut off'] += 1

    def gives_up(self, kind, label, act):
        """act(connection, work) ends the job, and nothing else."""
        c, work = self.attacker()
        act(c, work)
        why = self.job_ended()
        self.check(f'{kind} {label}')
        self.tally[kind, 'job failed'] += 1
        return why

    def table_attempt(self, attempt):
        self.cut_off(attempt.kind, attempt.label,
                     lambda c, _: c.send(attempt.data, attempt.fds))
