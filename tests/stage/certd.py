"""One certd with a store, a state and sockets of its own."""

import json
import os
import pty
import re
import secrets
import subprocess
import threading
import time

from . import process, terminal

# What must not stand in the log of a healthy certd.
SICK = re.compile(
    r'AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior|'
    r'SIGSYS|Bad system call|signal 31|SIGSEGV|SIGABRT|'
    r'signal 11\b|signal 6\b|assertion', re.IGNORECASE)
SANITIZER = {name: value for name, value in os.environ.items()
             if name in ('ASAN_OPTIONS', 'LSAN_OPTIONS', 'UBSAN_OPTIONS')}


PROGRAMS = {'certd', 'certd-disk', 'certd-sign', 'certd-dns', 'certd-hook',
            'acmew'}


class Result:
    """How a program ended and what it said."""

    def __init__(self, done, seconds):
        self.code, self.seconds = done.returncode, seconds
        self.out, self.err = done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def text(self):
        return self.out + self.err

    def __repr__(self):
        return (f'exit {self.code} after {self.seconds:.2f} s\n'
                f'--- stdout\n{self.out}--- stderr\n{self.err}---')


def run(argv, timeout=120, **more):
    start = time.monotonic()
    done = subprocess.run(
        argv, stdin=more.pop('stdin', subprocess.DEVNULL), timeout=timeout,
        capture_output=True, text=True, errors='replace', **more)
    return Result(done, time.monotonic() - start)


class Certd:
    """settings: {section: {key: value}} over the usual ones; None takes a key
    away. As a context manager it is started, and at the end stopped and
    looked at: exit status 0, nothing left running, nothing sick in the log.
    worker=False: neither acmew nor certd-hook is started; the test is acmew."""

    def __init__(self, stage, zone=None, label='certd', settings=None,
                 server=None, folder=None, worker=True):
        self.stage, self.zone, self.worker = stage, zone, worker
        self.folder = folder or stage.folder_for(label)
        self.programs = stage.world['programs']
        self.store = os.path.join(self.folder, 'le')
        self.state = os.path.join(self.folder, 'state')
        self.runtime = os.path.join(self.folder, 'run')
        self.config = os.path.join(self.folder, 'certd.conf')
        self.credentials = os.path.join(self.folder, 'cloudflare.ini')
        self.log_file = os.path.join(self.folder, 'certd.log')
        self.process, self.deaths_expected = None, False
        self.server = server or stage.world['ca']['url']
        self.write_config(server, settings or {})
        if zone and not os.path.exists(self.credentials):
            zone.credentials(self.credentials)

    def write_config(self, server=None, settings=()):
        world = self.stage.world
        config = {
            'certd': {'config-dir': self.store, 'state-dir': self.state,
                      'runtime-dir': self.runtime},
            'acme': {'server': server or world['ca']['url'],
                     'ca-certificates': world['ca_file'],
                     'agree-tos': 'true', 'order-pause': '0s'},
            'dns': {'credentials': self.credentials,
                    'api-url': world['api_url'],
                    'ca-certificates': world['ca_file'],
                    'resolver': world['resolver'],
                    'propagation-timeout': '30s',
                    'propagation-settle': '0s', 'doh-servers': ''},
        }
        if os.environ.get('STAGE_JAIL'):
            config['certd']['jail'] = os.environ['STAGE_JAIL']
        for section, keys in dict(settings).items():
            config.setdefault(section, {}).update(keys)
        with open(self.config, 'w', encoding='utf-8') as f:
            for section, keys in config.items():
                f.write(f'[{section}]\n')
                f.writelines(f'{key} = {value}\n'
                             for key, value in keys.items()
                             if value is not None)
        os.chmod(self.config, 0o644)

    def program(self, name):
        for part in ('bin', 'sbin', 'libexec/certd'):
            path = os.path.join(self.programs, part, name)
            if os.path.exists(path):
                return path
        raise FileNotFoundError(f'{name} was not built')

    # ---- life ----

    def argv(self):
        return [*self.tracer(), self.program('certd'), '--config', self.config,
                '--foreground', *['--spawn'] * self.worker]

    def tracer(self):
        """For tests/jail-report: strace, which leaves certd our child."""
        folder = os.environ.get('STAGE_TRACE')
        if not folder:
            return []
        prefix = os.path.join(folder, secrets.token_hex(6))
        return ['/usr/bin/strace', '-D', '-f', '-ff', '-qq', '-s', '16', '-e',
                'signal=none', '-o', prefix]

    def launch(self, keep=False):
        """As start(), but a part of it may end at any moment."""
        self.process = process.spawn(
            self.argv(), self.log_file, keep,
            {'PATH': os.defpath, **SANITIZER})
        process.wait_until(
            lambda: self.ctl('status', '--json').code == 0 or
            self.process.poll() is not None, self.process, self.log_file,
            'certd')

    def start(self, keep=False):
        self.launch(keep)
        process.wait_until(self.is_locked_in, self.process, self.log_file,
                           'a process of certd')
        return self

    def is_locked_in(self):
        """All programs run, and each is in its jail."""
        pids = self.pids()
        wanted = PROGRAMS if self.worker else \
            PROGRAMS - {'acmew', 'certd-hook'}
        return wanted <= set(pids) and all(
            process.status(p).get('Seccomp') == '2' for p in pids.values())

    def stop(self):
        """Ends it as an administrator would; returns its exit status."""
        started = process.children(self.process.pid)
        status = process.stop(self.process)
        left = process.survivors(started)
        assert not left, f'still running after certd ended: {left}'
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        running = self.process.poll() is None
        status = self.stop()
        if kind is not None:
            print(f'--- {self.log_file}\n{self.log()}')
            return
        if not self.deaths_expected:
            assert running, f'certd ended by itself ({status}):\n{self.log()}'
            assert status == 0, f'exit status {status}:\n{self.log()}'
            self.check_log()

    def log(self):
        with open(self.log_file, encoding='utf-8', errors='replace') as f:
            return f.read()

    def check_log(self):
        sick = [line for line in self.log().splitlines() if SICK.search(line)]
        assert not sick, '\n'.join(sick)

    def pids(self):
        """{program: pid} of this certd's processes. What its children have
        forked is not among them: see process.children()."""
        found = {process.name(p): p
                 for p in process.children(self.process.pid)
                 if (fields := process.stat(p))     # it may be gone by now
                 and int(fields[1]) == self.process.pid}
        found['certd'] = self.process.pid
        return found

    def usage(self):
        """{program: (CPU seconds, peak KiB)} so far."""
        found, tick = {}, os.sysconf('SC_CLK_TCK')
        for name, pid in self.pids().items():
            fields = process.stat(pid)
            with open(f'/proc/{pid}/status', encoding='utf-8') as f:
                peak = re.search(r'VmHWM:\s+(\d+)', f.read())
            found[name] = ((int(fields[11]) + int(fields[12])) / tick,
                           int(peak.group(1)))
        return found

    # ---- use ----

    def ctl(self, *arguments, timeout=120, **more):
        """Runs certctl. more: arguments of subprocess.run()."""
        more.setdefault('env', {'PATH': os.defpath, 'LC_ALL': 'C.UTF-8',
                                **SANITIZER})
        return run([self.program('certctl'), '--socket',
                    os.path.join(self.runtime, 'control.sock'), *arguments],
                   timeout, **more)

    def ctl_on_terminal(self, typed, *arguments, timeout=120):
        """Runs certctl on a terminal at which somebody types; returns its exit
        status and what the terminal shows."""
        ours, theirs = pty.openpty()
        shown = []

        def look():
            try:
                while data := os.read(ours, 4096):
                    shown.append(data)
            except OSError:
                pass            # the other side is closed
        looker = threading.Thread(target=look)
        looker.start()
        os.write(ours, typed.encode())
        try:
            done = subprocess.run(
                [self.program('certctl'), '--socket',
                 os.path.join(self.runtime, 'control.sock'), *arguments],
                stdin=theirs, stdout=theirs, stderr=theirs, timeout=timeout,
                env={'PATH': os.defpath, 'TERM': 'vt100',
                     'LC_ALL': 'C.UTF-8', **SANITIZER}, check=False)
        finally:
            os.close(theirs)
            looker.join()
            os.close(ours)
        return done.returncode, b''.join(shown).decode(errors='replace')

    def talk(self, *arguments, answers=(), **more):
        """Runs certctl on a terminal: see stage/terminal.py."""
        return terminal.talk(
            [self.program('certctl'), '--socket',
             os.path.join(self.runtime, 'control.sock'), *arguments],
            answers, **more)

    def ctl_beside(self, holder, *arguments):
        """Runs certctl while holder has certbot's lock, which is released when
        certd is seen to wait for it."""
        done, before = [], self.log().count(' waits: ')
        runner = threading.Thread(
            target=lambda: done.append(self.ctl(*arguments)))
        runner.start()
        try:
            process.wait_until(
                lambda: self.log().count(' waits: ') > before, self.process,
                self.log_file, 'who waits for the lock')
        finally:
            holder.release()
            runner.join()
        return done[0]

    def issue(self, *names, options=(), **more):
        domains = [a for n in names for a in ('-d', n)]
        return self.ctl('issue', *domains, *options, **more)

    def staged(self):
        """What jobs have under their hands, beside the store."""
        folder = self.path('.certd')
        return os.listdir(folder) if os.path.isdir(folder) else []

    def path(self, *parts):
        return os.path.join(self.store, *parts)

    def live(self, lineage, kind='fullchain'):
        return self.path('live', lineage, kind + '.pem')
