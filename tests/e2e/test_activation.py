"""certd with the sockets of a service manager: systemd-socket-activate plays
it. What systemd itself makes of our units is for tests/system."""

import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest

from stage import process
from stage.certd import SANITIZER

SETTINGS = {'certd': {'idle-timeout': '1s'}, 'dns': {'credentials': None}}


class Manager:
    """The sockets, and the processes that a connection starts."""

    def __init__(self, certd):
        self.certd, self.processes = certd, []
        os.mkdir(certd.runtime, 0o755)
        self.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.heard.bind(self.path('notify'))
        self.heard.settimeout(0.2)
        self.texts, self.over = [], threading.Event()
        self.listener = threading.Thread(target=self._hear)
        self.listener.start()

    def path(self, name):
        return os.path.join(self.certd.runtime, name)

    def listen(self, names, program, *arguments, user=None, **environment):
        """Starts program at the first connection to one of the sockets; with a
        user: one for each connection, as that user."""
        argv = ['systemd-socket-activate']
        for name in names:
            argv += ['-l', self.path(name + '.sock')]
        argv += ['--accept'] if user else ['--fdname=' + ':'.join(names)]
        for key, value in {**SANITIZER, **environment}.items():
            argv.append(f'--setenv={key}={value}')
        if user and user != 'root':
            argv += ['setpriv', '--reuid', user, '--regid', user,
                     '--clear-groups']
        argv += [self.certd.program(program), *arguments]
        log = self.certd.log_file
        started = process.spawn(argv, log, env={'PATH': '/usr/sbin:/usr/bin'})
        self.processes.append(started)
        process.wait_until(
            lambda: all(os.path.exists(self.path(n + '.sock')) for n in names),
            started, log, program)
        for name in names:
            os.chmod(self.path(name + '.sock'), 0o666)
        return started

    def others(self):
        self.listen(['dns'], 'certd-dns', '--config', self.certd.config,
                    user='_certd-dns')
        self.listen(['hook'], 'certd-hook', user='root')

    def monitor(self, **environment):
        return self.listen(
            ['control', 'worker'], 'certd', '--config', self.certd.config,
            NOTIFY_SOCKET=self.path('notify'), WATCHDOG_USEC='400000',
            **environment)

    def worker(self):
        argv = ['setpriv', '--reuid', '_acmew', '--regid', '_acmew',
                '--clear-groups', self.certd.program('acmew'),
                '--config', self.certd.config]
        started = process.spawn(argv, self.certd.log_file,
                                env={'PATH': '/usr/sbin:/usr/bin',
                                     **SANITIZER})
        self.processes.append(started)
        return started

    def _hear(self):
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                self.texts.append(self.heard.recv(4096).decode())

    def hears(self, text, seconds=60):
        """Waits until certd has said this."""
        deadline = time.monotonic() + seconds
        while not any(t.startswith(text) for t in self.texts):
            assert time.monotonic() < deadline, (text, self.texts)
            time.sleep(0.02)

    def stop(self):
        for p in reversed(self.processes):
            process.stop(p)
        self.over.set()
        self.listener.join()


@pytest.fixture
def manager(new_certd):
    manager = Manager(new_certd(start=False, settings=SETTINGS))
    yield manager
    manager.stop()


def test_from_nothing_to_nothing(manager, zone):
    """The first connection starts all; after the job nothing is left. The token
    comes as a credential of the service manager."""
    folder = os.path.join(manager.certd.folder, 'credentials')
    os.mkdir(folder, 0o500)
    zone.credentials(os.path.join(folder, 'cloudflare'))
    manager.others()
    monitor = manager.monitor(CREDENTIALS_DIRECTORY=folder)
    issue = subprocess.Popen(
        [manager.certd.program('certctl'), '--socket',
         manager.path('control.sock'), 'issue', '-d', zone.name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    manager.hears('READY=1')
    worker = manager.worker()
    out, _ = issue.communicate(timeout=120)
    assert issue.returncode == 0, out + manager.certd.log()
    assert os.path.exists(manager.certd.live(zone.name))
    assert monitor.wait(60) == 0, manager.certd.log()
    assert worker.wait(60) == 0, manager.certd.log()
    for text in (f'STATUS={zone.name}: ', 'STATUS=nothing to do', 'WATCHDOG=1',
                 'STOPPING=1'):
        manager.hears(text)
    manager.certd.check_log()


@pytest.mark.parametrize('why', ['configuration', 'partner'])
def test_who_cannot_start_tells_why(manager, why):
    """Whoever waits at the socket hears it, and the next one can try again."""
    if why == 'configuration':
        manager.certd.write_config(settings={'certd': {'jail': 'open'}})
    monitor = manager.monitor()
    done = manager.certd.ctl('list')
    assert done.code == 1, done
    if why == 'configuration':
        assert 'jail = open' in done.err and 'refuse' in done.err, done
    else:
        assert 'systemctl start certd-dns.socket' in done.err, done
    assert monitor.wait(60) == 78, manager.certd.log()


def test_settings_that_change(manager):
    """A certd that has nothing to do and older settings than the files leaves,
    and the request that came waits for the next one."""
    manager.certd.write_config(settings={'certd': {'idle-timeout': '1h'}})
    manager.others()
    first = manager.monitor()
    assert manager.certd.ctl('list').code == 0
    manager.certd.write_config(settings={
        'certd': {'idle-timeout': '1h'}, 'acme': {'email': 'a@example.com'}})
    client = subprocess.Popen(
        [manager.certd.program('certctl'), '--socket',
         manager.path('control.sock'), 'list'],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert first.wait(60) == 0, manager.certd.log()
    assert 'the settings have changed' in manager.certd.log()
    client.communicate(timeout=60)
