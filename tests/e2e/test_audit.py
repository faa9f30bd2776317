"""audit.log: what is in it, and that nobody changes it unseen."""

import contextlib
import os
import re
import shutil
import subprocess

import pytest

from stage import process
from test_input import as_user

LINE = re.compile(
    r'time=\S+Z seq=\d+ job=\d+ certificate=\S+ who=(?:\S+|"[^"]*") act=\S+ '
    r'what=(?:"(?:[^"\\]|\\.)*"|\S+) outcome=\w+( prev=[0-9a-f]{64})? '
    r'hash=[0-9a-f]{64}')


def log_of(certd):
    return os.path.join(certd.state, 'audit.log')


def lines_of(certd):
    with open(log_of(certd), encoding='utf-8') as f:
        return f.read().splitlines()


def write(certd, lines):
    with open(log_of(certd), 'w', encoding='utf-8') as f:
        f.writelines(line + '\n' for line in lines)


def acts(certd, **wanted):
    found = certd.ctl('audit', '--json', '--lines', '1000').json['lines']
    return [line for line in found
            if all(line[k] == v for k, v in wanted.items())]


def test_every_act_and_refusal_is_a_line(certd, zone):
    done = certd.issue(zone.name, '*.' + zone.name,
                       options=['--deploy-hook', 'exit 3'])
    assert done.code == 1, done         # no program
    done = certd.issue(zone.name, '*.' + zone.name,
                       options=['--deploy-hook', 'sh -c "exit 3"'])
    assert done.code == 0, done
    done = certd.issue(zone.name, options=['--deploy-hook', 'id'],
                       **as_user('nobody', 'certadmin'))
    assert done.code == 3, done
    lines = lines_of(certd)
    for line in lines:
        assert LINE.fullmatch(line), line
        assert line in certd.log(), 'the journal has every line'
    seen = {(a['act'], a['outcome']) for a in acts(certd)}
    assert {('audit', 'done'), ('ask', 'asked'), ('key', 'done'),
            ('account', 'done'), ('sign', 'done'), ('publish', 'done'),
            ('unpublish', 'done'), ('store', 'done'), ('hook', 'failed'),
            ('end', 'done'), ('request', 'refused')} <= seen, seen
    store, = acts(certd, act='store')
    assert store['certificate'] == zone.name and store['job'] == 1
    assert store['who'].startswith('certctl uid=0 pid=')
    assert len(acts(certd, act='publish')) == 2
    assert {a['what'].split()[0] for a in acts(certd, act='sign')} == {
        'new_account', 'new_order', 'answer', 'finalize'}
    hook, = acts(certd, act='hook')
    assert 'exit status 3' in hook['what'] and \
        hook['certificate'] == zone.name
    refused = [a['what'] for a in acts(certd, outcome='refused')]
    assert any('only root' in w for w in refused), refused
    # Who the member was can be told from who did it.
    assert [a for a in acts(certd, outcome='refused')
            if a['who'].startswith('certctl uid=65534')]


def test_audit_is_shown_to_root_alone(certd):
    done = certd.ctl('audit')
    assert done.code == 0 and 'act=audit' in done.out, done
    done = certd.ctl('audit', '--lines', '1')
    assert len(done.out.splitlines()) == 1, done
    done = certd.ctl('audit', **as_user('nobody', 'certadmin'))
    assert done.code == 3 and 'only root' in done.err and not done.out, done
    assert certd.ctl('audit', '--lines', 'x').code == 2


def test_verify_finds_what_was_done_to_it(certd):
    for i in range(5):
        assert certd.ctl('cancel', str(900 + i)).code == 1
    done = certd.ctl('audit', '--verify')
    assert done.code == 0 and 'whole' in done.out, done
    good = lines_of(certd)
    assert len(good) >= 6
    middle = len(good) // 2
    for name, bad, told in (
            ('changed', [line.replace('job 902', 'job 802') for line in good],
             'was changed'),
            ('removed', good[:middle] + good[middle + 1:], 'missing'),
            ('cut in the middle', good[:2] + good[-1:], 'missing'),
            ('first one gone', good[1:], 'missing'),
            ('last one gone', good[:-1], 'missing'),
            ('added', good[:middle] + [good[middle]] + good[middle:],
             'comes after'),
            ('exchanged', good[:1] + [good[2], good[1]] + good[3:],
             'missing'),
            ('emptied', [], 'missing')):
        write(certd, bad)
        done = certd.ctl('audit', '--verify')
        assert done.code == 1 and told in done.text, (name, done)
        as_json = certd.ctl('audit', '--verify', '--json')
        assert as_json.code == 1 and not as_json.json['verified']
        assert as_json.json['problems'], name
    write(certd, good)
    done = certd.ctl('audit', '--verify', '--json')
    assert done.code == 0 and done.json['verified'], done
    # A copy somewhere else, without certd.
    copy = os.path.join(certd.folder, 'copy')
    os.mkdir(copy)
    for name in ('audit.log', 'audit.head'):
        shutil.copy(os.path.join(certd.state, name), copy)
    assert certd.ctl('audit', '--verify', copy).code == 0
    # What was cut while certd did not run is told when it does.
    certd.stop()
    write(certd, good[:-2])
    certd.start()
    assert acts(certd, outcome='missing'), lines_of(certd)
    done = certd.ctl('audit', '--verify')
    assert done.code == 1 and 'missing' in done.text, done


def test_chain_goes_on_after_kill_9(certd, zone):
    assert certd.issue(zone.name, options=['--detach']).code == 0
    others = process.children(certd.process.pid)
    certd.process.kill()
    certd.process.wait(30)
    process.survivors(others)
    certd.start()
    done = certd.ctl('audit', '--verify')
    assert done.code == 0, done


@pytest.fixture
def small_disk(stage):
    """A state directory on a disk of 1 MiB."""
    place = stage.folder_for('small-disk')
    done = subprocess.run(['/usr/bin/mount', '-t', 'tmpfs', '-o', 'size=1m',
                           'small', place], check=False)
    if done.returncode:
        pytest.skip('tmpfs cannot be mounted here')
    yield place
    subprocess.run(['/usr/bin/umount', '-l', place], check=True)


def test_nothing_is_done_that_cannot_be_audited(
        stage, zone, new_certd, small_disk):
    certd = new_certd(start=False)
    certd.state = os.path.join(small_disk, 'state')
    certd.write_config(None, {'certd': {'state-dir': certd.state}})
    with certd:
        fill = os.path.join(small_disk, 'fill')
        with open(fill, 'wb', buffering=0) as f, \
                contextlib.suppress(OSError):
            while True:
                f.write(b'x' * 512)
        for i in range(60):             # until the last page is full
            certd.ctl('cancel', str(i + 1))
        done = certd.issue(zone.name)
        assert done.code == 1 and 'audit.log cannot be written' in done.err, \
            done
        assert zone.requests() == []
        assert certd.ctl('list').code == 0, 'looking is possible'
        os.unlink(fill)
        done = certd.issue(zone.name)
        assert done.code == 0, done
        done = certd.ctl('audit', '--verify')
        assert done.code == 0, done
        assert [a for a in acts(certd, outcome='refused')
                if 'cannot be written' in a['what']]
