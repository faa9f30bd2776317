"""A signer and a publisher that were taken over: whatever they answer, certd
believes the table. It leaves at once, with nothing half-written, and the next
one tidies up."""

import array
import contextlib
import json
import os
import re
import shutil
import socket
import threading
import time

import pytest

from hostile import wrong
from hostile.wire import body, frame

HERE = os.path.dirname(os.path.abspath(__file__))
# Every answer of an issuance, and how it is given. What comes of it is the same.
SIGNER = {'key_ready': ['too long', 'other id'],
          'saved': ['another answer', 'twice'],
          'jws': ['wrong type', 'half', 'a request'],
          'digest': ['too long', 'die', 'no base64url'],
          'chain_good': ['another answer', 'descriptor', 'other id']}
PUBLISHER = {'dns_ready': ['a field more', 'die'],
             'dns_published': ['no hex', 'other id', 'another answer'],
             'dns_removed': ['of a worker', 'twice']}


@pytest.fixture
def programs(stage, new_certd):
    """A copy of our programs, one of which can be replaced."""
    folder = stage.folder_for('programs')
    shutil.copytree(stage.world['programs'], folder, dirs_exist_ok=True)
    return folder


def data_for(table, row, how):
    """The frame that is sent instead; the number of the request is unknown."""
    good = table.good(row)
    number, names = row['number'], table.rows

    def of(name):
        return frame(body(names[name]['number'], 1,
                          table.good(names[name])))
    if how in ('too long', 'wrong type', 'no hex', 'no base64url'):
        kinds = {'too long': 'one byte too long', 'wrong type': 'nil',
                 'no hex': "'g'", 'no base64url': "'../A'"}
        return next(a.data for at in range(len(good))
                    for a in wrong.of_field(table, row, at, good)
                    if a.label.endswith(': ' + kinds[how]))
    return {'a field more': lambda: frame(body(number, 1, good + [1])),
            'another answer': lambda: of(
                'regr' if row['from'] == table.roles['signer'] else
                'dns_ready'),
            'a request': lambda: of('key_load'),
            'of a worker': lambda: of('progress')}[how]()


def replace(programs, program, plan):
    path = os.path.join(programs, 'libexec', 'certd', program)
    if not os.path.exists(path + '.real'):
        os.rename(path, path + '.real')
        shutil.copy(os.path.join(HERE, 'liar.py'), path)
        os.chmod(path, 0o755)
    with open(path + '.plan', 'w', encoding='ascii') as f:
        json.dump(plan, f)


def give_pairs(server):
    while True:
        try:
            c, _ = server.accept()
        except OSError:         # closed
            return
        pair = socket.socketpair()
        with c, pair[0], pair[1]:
            c.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                array.array('i', [p.fileno() for p in pair]))])


@contextlib.contextmanager
def pairs_for(programs, program):
    """The liar needs sockets that root has made."""
    path = os.path.join(programs, 'libexec', 'certd', program + '.pairs')
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        os.chmod(path, 0o666)
        server.listen()
        threading.Thread(target=give_pairs, args=(server,),
                         daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


def restore(programs, program):
    path = os.path.join(programs, 'libexec', 'certd', program)
    os.rename(path + '.real', path)


def betrayed(certd, name, program, label):
    """certd has left because of the answer, and nothing is in the store."""
    done = certd.issue(name, timeout=120)
    assert done.code != 0, (label, done)
    assert certd.process.wait(60) == 1, (label, certd.log())
    log = certd.log()
    assert f'lost {program}' in log or f'{program} has ended' in log or \
        f'{program} was ended' in log, (label, log)
    certd.check_log()
    if 'dns_removed' not in label:      # that comes when all is stored
        assert not os.path.exists(certd.path('live', name)), label
        assert not os.path.exists(certd.path('renewal', name + '.conf')), label
    with open(certd.log_file, 'w', encoding='ascii'):
        pass
    return [m.group(1) for m in re.finditer(
        program + r': connection closed: (.*)', log)]


@pytest.mark.parametrize('program, answers', [
    ('certd-sign', SIGNER), ('certd-dns', PUBLISHER)])
def test_answers_that_the_table_forbids(
        zone, new_certd, programs, table, attempts, program, answers):
    certd = new_certd(start=False)
    certd.programs = programs
    with pairs_for(programs, program):
        for answer, ways in answers.items():
            for how in ways:
                row = table.rows[answer]
                plan = {'answer': row['number'], 'skip': 0, 'how': how}
                if how not in ('twice', 'half', 'die', 'descriptor', 'other id'):
                    plan.update(how='instead',
                                data=data_for(table, row, how).hex())
                if answer == 'saved':       # of an account that is new
                    shutil.rmtree(certd.path('accounts'), ignore_errors=True)
                replace(programs, program, plan)
                certd.launch()
                reasons = betrayed(
                    certd, f'{answer[-5:].strip("_")}{ways.index(how)}.'.replace(
                        '_', '-') + zone.name, program, f'{answer}: {how}')
                assert len(reasons) == (how != 'die'), (answer, how, reasons)
                attempts[f'{program} lies', 'certd leaves'] += 1
    restore(programs, program)
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0, done
        # Jobs that were interrupted are taken up again, and end.
        deadline = time.monotonic() + 60
        while zone.records() or certd.staged():
            assert time.monotonic() < deadline, (zone.records(),
                                                 certd.staged())
            time.sleep(0.2)
