"""A booted Debian: systemd-nspawn over a layer of its own, in the network
namespace of whoever calls."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import process                                       # noqa: E402

LANDLOCK = 'landlock_create_ruleset landlock_add_rule landlock_restrict_self'
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
BOOT_SECONDS = 120


class CannotBoot(Exception):
    """No machine can be started here."""


class Done:
    """How a command ended, and what it said."""

    def __init__(self, done):
        self.code, self.out, self.err = (done.returncode, done.stdout,
                                         done.stderr)

    @property
    def text(self):
        return self.out + self.err

    def __repr__(self):
        return f'exit {self.code}\n{self.text}'


class Machine:
    def __init__(self, base):
        self.folder = tempfile.mkdtemp(prefix='certd-system-')
        self.root = os.path.join(self.folder, 'root')
        self.console = os.path.join(self.folder, 'console')
        self.nspawn = None
        for name in ('upper', 'work', 'root'):
            os.mkdir(os.path.join(self.folder, name))
        layers = (f'lowerdir={base},upperdir={self.folder}/upper,'
                  f'workdir={self.folder}/work')
        done = subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o',
                               layers, self.root], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(self.folder)
            raise CannotBoot('overlayfs: ' + done.stderr.strip())

    # ---- files, also while it is off ----

    def path(self, inside):
        return self.root + inside

    def write(self, inside, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(self.path(inside), mode)

    def read(self, inside):
        with open(self.path(inside), encoding='utf-8', errors='replace') as f:
            return f.read()

    # ---- life ----

    def boot(self):
        environment = dict(os.environ)
        if os.path.isdir('/sys/fs/cgroup/unified'):     # hybrid, here
            environment['SYSTEMD_NSPAWN_UNIFIED_HIERARCHY'] = '1'
        self.nspawn = process.spawn(
            ['systemd-nspawn', '--register=no', '--keep-unit', '--quiet',
             f'--machine=certd-system-{os.getpid()}',
             '--network-namespace-path='
             f'/proc/{os.getpid()}/ns/net', '--resolv-conf=off',
             '--timezone=off', '--system-call-filter=' + LANDLOCK,
             '--console=read-only', '--boot', '--directory', self.root],
            self.console, env=environment)
        try:
            process.wait_until(self.is_up, self.nspawn, self.console,
                               'the machine', BOOT_SECONDS)
        except RuntimeError as e:
            raise CannotBoot(str(e)) from None
        return self

    def leader(self):
        """Its first process, as we see it."""
        children = glob.glob(f'/proc/{self.nspawn.pid}/task/*/children')
        pids = [pid for name in children
                for pid in open(name, encoding='ascii').read().split()]
        return int(pids[0]) if pids else None

    def is_up(self):
        if self.leader() is None:
            return False
        state = self.run('systemctl', 'is-system-running').out.strip()
        return state in ('running', 'degraded')

    def off(self, hard=False):
        """Shut down, or the plug pulled."""
        if self.nspawn is None:
            return
        if hard:
            os.kill(self.leader(), 9)
        else:
            self.nspawn.terminate()     # nspawn asks init to power off
        try:
            self.nspawn.wait(90)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.nspawn = None

    def remove(self):
        self.off()
        subprocess.run(['umount', self.root], check=False)
        if not os.environ.get('STAGE_KEEP_FILES'):
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- use ----

    def run(self, *command, timeout=180, stdin='', **environment):
        """Runs a command in it as root."""
        return Done(subprocess.run(
            self.argv(*command), input=stdin, capture_output=True, text=True,
            errors='replace', timeout=timeout, check=False,
            env={'PATH': PATH, 'LC_ALL': 'C.UTF-8', 'HOME': '/root',
                 'DEBIAN_FRONTEND': 'noninteractive', **environment}))

    def argv(self, *command):
        return ['nsenter', '--all', '--target', str(self.leader()), *command]

    def sh(self, script, **more):
        return self.run('sh', '-c', script, **more)

    def start(self, *command):
        """The same in the background; its output comes with communicate()."""
        return subprocess.Popen(
            self.argv(*command), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={'PATH': PATH, 'LC_ALL': 'C.UTF-8', 'HOME': '/root',
                 'DEBIAN_FRONTEND': 'noninteractive'})

    def until(self, condition, what, seconds=90):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f'not within {seconds} s: {what}'
            time.sleep(0.1)

    def journal(self, *arguments):
        return self.run('journalctl', '--no-pager', '-q', *arguments).out

    def ours(self):
        """Processes of ours in it."""
        return [line for line in
                self.run('ps', '-e', '-o', 'pid=,user:20=,args=').out.splitlines()
                if '/certd' in line or '/acmew' in line or 'certctl' in line]
