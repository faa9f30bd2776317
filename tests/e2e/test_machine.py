"""A machine that is not in order: the clock, the disk, the sockets, the
resolver. Each is told with what to do, and costs no certificate."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

from stage.certd import run
from stage.files import tree
from stage.image import own_mounts

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SLOW = 'san' in os.environ.get('STAGE_BUILD', '')


# ---- sockets ----

def test_socket_files_that_nobody_listens_at_are_replaced(new_certd):
    certd = new_certd(start=False)
    certd.start()
    os.kill(certd.process.pid, signal.SIGKILL)
    certd.process.wait(30)
    path = os.path.join(certd.runtime, 'control.sock')
    assert stat.S_ISSOCK(os.lstat(path).st_mode)
    with certd:
        assert certd.ctl('list').code == 0


@pytest.mark.parametrize('name', ['control.sock', 'worker.sock'])
def test_socket_of_another_is_left_to_him(new_certd, name):
    """As systemd's: his file stays, and he is not called."""
    certd = new_certd(start=False)
    os.mkdir(certd.runtime, 0o755)
    path = os.path.join(certd.runtime, name)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        other.setblocking(False)
        before = os.lstat(path)
        done = run(certd.argv(), 60)
        assert done.code == 1, done
        assert path in done.err and 'systemctl stop certd.socket' in done.err, \
            done
        assert os.lstat(path).st_ino == before.st_ino
        with pytest.raises(BlockingIOError):
            other.accept()
    with certd:                 # he has gone
        assert certd.ctl('list').code == 0


def test_second_certd_on_the_same_state_leaves(zone, new_certd):
    """With sockets of its own it would not meet the first one there."""
    first, second = new_certd(), new_certd(start=False)
    second.state = first.state
    second.write_config()
    done = run(second.argv(), 60)
    assert done.code == 1 and f'another certd works on {first.state}' in \
        done.err, done
    assert first.issue(zone.name).code == 0


@pytest.fixture
def small_disk(tmp_path):
    own_mounts()
    disk = str(tmp_path / 'small')
    os.mkdir(disk)
    done = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=755', 'tmpfs', disk],
        capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f'no tmpfs: {done.stderr}')
    yield disk
    subprocess.run(['umount', '-l', disk], check=False)


def fill(disk):
    path = os.path.join(disk, 'fill')
    with open(path, 'wb', buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b'\0' * 4096)
    return path


# ---- a clock in 1970 ----

class Past:
    """Programs for whom it is 1970, like the machine without a battery."""

    def __init__(self, certd, folder):
        self.certd, self.folder = certd, str(folder)
        shim = os.path.join(self.folder, 'clock.so')
        done = subprocess.run(
            ['cc', '-shared', '-fPIC', '-O1', '-o', shim,
             os.path.join(TOP, 'tests/e2e/clock.c'), '-ldl'],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.environment = {'LD_PRELOAD': shim,
                            'CLOCK_SECS': str(86400 - int(time.time()))}
        for name in ('certd-sign', 'certd-dns', 'certd-hook', 'acmew',
                     'certctl'):
            self._wrap(certd.program(name))
        # The others are looked for beside it, so certd is no script.
        os.makedirs(self.folder + '/sbin', exist_ok=True)
        shutil.copy(certd.program('certd'), self.folder + '/sbin/certd')

    def _wrap(self, program):
        program = os.path.abspath(program)
        path = os.path.join(self.folder, os.path.relpath(
            program, os.path.abspath(self.certd.programs)))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\n' + ''.join(
                f'export {k}={v}\n' for k, v in self.environment.items()) +
                f'exec {program} "$@"\n')
        os.chmod(path, 0o755)

    def enter(self):
        """From the next start on."""
        self.certd.programs = self.folder
        argv = self.certd.argv()
        self.certd.argv = lambda: [
            'env', *(f'{k}={v}' for k, v in self.environment.items()), *argv]


@pytest.fixture
def folder():
    folder = subprocess.run(['mktemp', '-d', '/tmp/certd-clock-XXXXXX'],
                            capture_output=True, text=True,
                            check=True).stdout.strip()
    os.chmod(folder, 0o755)     # for users other than root
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(SLOW, reason='sanitizers want to be loaded first')
def test_clock_in_1970_is_told_and_renews_nothing(zone, new_certd, folder):
    certd = new_certd(start=False)
    with certd:
        assert certd.issue(zone.name).code == 0
    before, asked = tree(certd.store), len(zone.requests())
    Past(certd, folder).enter()
    with certd:
        for _ in range(3):      # as a timer does, again and again
            done = certd.ctl('renew')
            assert done.code == 1, done
            assert "clock says 1970-01-02" in done.err and \
                'timedatectl' in done.err, done
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 1, done
        for text in ('not yet valid', 'the clock of this machine', '1970-01'):
            assert text in done.err, done
        done = certd.ctl('doctor')
        assert done.code == 1 and 'the clock says 1970-01-02' in done.out, done
    assert tree(certd.store) == before
    assert len(zone.requests()) == asked


# ---- disks ----

def test_state_on_a_full_disk(zone, new_certd, small_disk):
    """Nothing is begun that could not be remembered; with room all goes on."""
    certd = new_certd(start=False)
    certd.state = small_disk + '/state'
    certd.write_config()
    with certd:
        assert certd.issue(zone.name).code == 0
        before, asked = tree(certd.store), len(zone.requests('POST'))
        filler = fill(small_disk)
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 1, done
        assert certd.state in done.err and 'full' in done.err, done
    with certd:                 # it can start, and be asked
        assert certd.ctl('list').code == 0
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 1, done     # the ledger, or audit.log
        assert 'full' in done.err or 'No space left' in done.err, done
    assert tree(certd.store) == before
    assert len(zone.requests('POST')) == asked
    os.unlink(filler)
    with certd:
        done = certd.issue(zone.name, options=['--force-renewal'])
        assert done.code == 0, done


def test_store_that_becomes_read_only(zone, new_certd, small_disk):
    """As a root that the kernel remounts because of errors."""
    certd = new_certd(start=False)
    certd.store = small_disk + '/le'
    certd.write_config()
    with certd:
        assert certd.issue(zone.name).code == 0
        before, asked = tree(certd.store), len(zone.requests('POST'))
        subprocess.run(['mount', '-o', 'remount,ro', small_disk], check=True)
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 1, done
        assert 'Read-only file system' in done.err and \
            certd.store in done.err, done
        assert tree(certd.store) == before
        assert len(zone.requests('POST')) == asked
        subprocess.run(['mount', '-o', 'remount,rw', small_disk], check=True)
        assert certd.ctl('renew', '--force-renewal').code == 0


# ---- the network ----

def test_no_network_is_told_and_passes(stage, zone, new_certd):
    """Nobody answers, neither resolver nor CA; then they do."""
    world = stage.world
    dead = {'dns': {'resolver': '127.9.9.9:9'}}
    certd = new_certd(start=False, settings=dead)
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 1, done
        for text in ('acme.stage.test cannot be resolved', '127.9.9.9',
                     'has a network', 'resolv.conf'):
            assert text in done.err, done
    certd.write_config(settings={'dns': {'resolver': world['resolver']}})
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0, done
