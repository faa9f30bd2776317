"""audit.log: what is in it, and that nobody changes it unseen."""

import contextlib
import os
import re
import shutil
import subprocess
import time

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
    assert [a['outcome'] for a in acts(certd, act='store')] == \
        ['begun', 'done']
    store, = acts(certd, act='store', outcome='done')
    assert store['certificate'] == zone.name and store['job'] == 1
    assert store['who'].startswith('certctl uid=0 pid=')
    assert len(acts(certd, act='publish', outcome='begun')) == 2
    assert len(acts(certd, act='publish', outcome='done')) == 2
    assert {a['what'].split()[0] for a in acts(certd, act='sign')} == {
        'new_account', 'new_order', 'answer', 'finalize'}
    assert len(acts(certd, act='hook', outcome='begun')) == 1
    hook, = acts(certd, act='hook', outcome='failed')
    assert 'exit status 3' in hook['what'] and \
        hook['certificate'] == zone.name
    refused = [a['what'] for a in acts(certd, outcome='refused')]
    assert any('only root' in w for w in refused), refused
    # Who the member was can be told from who did it.
    assert [a for a in acts(certd, outcome='refused')
            if a['who'].startswith('certctl uid=65534')]


def test_an_act_has_its_line_before_it_is_done(certd, zone, tmp_path):
    """The hook sees the audit as it is when root's program runs."""
    seen = tmp_path / 'seen'
    done = certd.issue(zone.name, options=[
        '--deploy-hook', f'cp {log_of(certd)} {seen}'])
    assert done.code == 0, done
    told = seen.read_text(encoding='utf-8').splitlines()
    assert ' act=hook ' in told[-1] and ' outcome=begun ' in told[-1], told
    assert f'cp {log_of(certd)}' in told[-1]
    order = [re.search(r' act=(\S+) .* outcome=(\w+)', line).groups()
             for line in told]
    for act in ('publish', 'store'):
        assert order.index((act, 'begun')) < order.index((act, 'done'))
    # And so does whoever is killed in between: certd, by its own hook.
    done = certd.issue(zone.name, options=[
        '--force-renewal', '--deploy-hook',
        f'sh -c "kill -9 {certd.process.pid}"'])
    assert done.code != 0
    certd.process.wait()
    last = lines_of(certd)[-1]
    assert ' act=hook ' in last and ' outcome=begun ' in last, last
    certd.start()
    assert certd.ctl('audit', '--verify').code == 0
    deadline = time.monotonic() + 60    # the job that was interrupted ends
    while len(acts(certd, act='end')) < 2:
        assert time.monotonic() < deadline, lines_of(certd)
        time.sleep(0.05)
    for arguments in (['reconfigure', zone.name, '--autorenew',
                       '--no-dry-run'],
                      ['restore', zone.name, '1'],
                      ['delete', '--cert-name', zone.name, '-n']):
        assert certd.ctl(*arguments).code == 0, arguments
        assert [a['outcome'] for a in acts(certd, act=arguments[0])] == \
            ['begun', 'done']


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
