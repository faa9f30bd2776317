"""A worker that was taken over, with a job that only looks (certctl doctor):
nothing is signed or published for it, and what it says is shown and no more."""

import os
import re

from hostile.wire import Connection, body, frame


class Look:
    """A certd whose worker we are, and an administrator who asks doctor."""

    def __init__(self, certd, table):
        self.certd, self.table = certd, table
        self.owner = Connection(table, os.path.join(certd.runtime,
                                                    'control.sock'))
        self.before = self.state()

    def state(self):
        """Every file of the store, and of the ledger, with its time."""
        return sorted(
            (path, os.lstat(path).st_mtime_ns, os.lstat(path).st_size)
            for top in (self.certd.store, self.certd.state)
            for folder, folders, files in os.walk(top)
            for path in (os.path.join(folder, n) for n in folders + files)
            if not os.path.basename(path).startswith('audit.'))

    def begin(self):
        """The worker's connection, and the number of its job."""
        c = Connection(self.table, os.path.join(
            self.certd.runtime, 'worker.sock'), '_acmew')
        c.say('ready', 4)
        self.owner.say('doctor')
        _, _, job = c.hear_only('job_probe')
        return c, job['job']

    def findings(self):
        """All of doctor's, to the end."""
        found = []
        while True:
            name, _, fields = self.owner.hear_only('finding', 'end')
            if name == 'end':
                return found
            found.append(fields)

    def check(self, label):
        assert self.state() == self.before, label
        assert self.certd.ctl('status').code == 0, label


def refusals(certd):
    with open(os.path.join(certd.state, 'audit.log'), encoding='utf-8') as f:
        return [line for line in f if ' outcome=refused ' in line]


def test_a_look_grants_nothing(new_certd, table, attempts):
    """Every message that a worker has for jobs of other kinds, good as it is,
    ends the connection; doctor tells that, and all else that it knows."""
    look = Look(new_certd(worker=False), table)
    rows = [m for m in table.of('worker', 'monitor') if m['of_job'] and
            not m['phases'] & table.phases['look']]
    assert {'sign', 'publish', 'account_ask', 'chain', 'ordered',
            'achieved'} <= {m['name'] for m in rows}
    for row in rows:
        before = len(refusals(look.certd))
        c, job = look.begin()
        c.send(frame(body(row['number'], 9, table.good(row, job=job))))
        assert c.is_closed(), row['name']
        c.close()
        bad, = [f for f in look.findings() if f['check'] == 'network']
        assert bad['result'] == 2 and 'cut off' in bad['found'], bad
        assert len(refusals(look.certd)) == before + 1, row['name']
        look.check(row['name'])
        attempts['look: message of other jobs', 'cut off'] += 1


def test_words_of_a_look_are_words(new_certd, table, attempts):
    """Lies are shown as they are; too many, or what the table forbids, end it."""
    look = Look(new_certd(worker=False), table)
    row = table.rows['probed']
    c, job = look.begin()
    c.say('probed', job, 0, 'https://evil.test/', 0, 'all is well', 'rm -rf /')
    c.say('done', job)
    lie, = [f for f in look.findings() if f['check'] == 'ca']
    assert lie['found'] == 'all is well' and lie['todo'] == 'rm -rf /'
    for _ in range(1000):
        c.say('probed', job, 0, 'x', 0, 'after its end', '')
    look.check('after its end')
    assert len(refusals(look.certd)) == 0
    c.close()
    attempts['look: words', 'in vain'] += 1

    c, job = look.begin()
    for _ in range(1000):
        c.say('probed', job, 2, 'x', 2, 'too many', '')
    assert len([f for f in look.findings() if f['check'] == 'dns']) < 100
    assert 'more than there is to look at' in refusals(look.certd)[-1]
    look.check('too many')
    c.close()
    attempts['look: words', 'refused'] += 1

    for label, value in (('about', 3), ('result', 3), ('found', 'a\x1bb'),
                         ('found', 'a' * 2049), ('todo', 'a\nb'),
                         ('subject', 'a' * 1025), ('job', 1)):
        c, job = look.begin()
        c.send(frame(body(row['number'], 9, table.good(
            row, **{'job': job, label: value}))))
        assert c.is_closed(), label
        c.close()
        assert not [f for f in look.findings()
                    if re.search('[\0-\x1f]', f['found'] + f['todo'])]
        look.check(label)
        attempts['look: words', 'cut off'] += 1


def test_account_operation_is_none(new_certd, table, attempts):
    """Nor can an administrator ask for it as for an account's."""
    look = Look(new_certd(worker=False), table)
    for kind in (0, 1, 7, 8, 31):       # issue, revoke, the look, none
        look.owner.say('account', kind)
        name, _, fields = look.owner.hear_only('error', 'accepted')
        assert name == 'error' and 'no such operation' in fields['text']
        look.owner.hear_only('end')
        attempts['look: as an account', 'refused'] += 1
    look.check('account')
