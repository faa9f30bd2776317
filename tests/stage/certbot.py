"""Debian's certbot with its Cloudflare plugin, in the stage. It resolves names
as the machine does, so it gets addresses."""

import os
import subprocess

from .certd import run

# certbot's own lock.py, as certbot uses it for as long as it runs.
HOLD_LOCK = (
    'import sys\n'
    'from certbot._internal import lock\n'
    'held = [lock.lock_dir(d) for d in sys.argv[1:]]\n'
    'print("held", flush=True)\n'
    'sys.stdin.read()\n'
    'for l in reversed(held): l.release()\n')


class Holder:
    """A process that holds certbot's locks until it is told to let go."""

    def __init__(self, directories):
        self.process = subprocess.Popen(
            ['/usr/bin/python3', '-c', HOLD_LOCK, *directories],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b'held\n'

    def release(self):
        self.process.communicate()


class Certbot:
    def __init__(self, stage, store, folder, ca=None):
        self.stage, self.store, self.ca = stage, store, ca or stage.ca
        self.directories = [
            '--config-dir', store,
            '--work-dir', os.path.join(folder, 'certbot-work'),
            '--logs-dir', os.path.join(folder, 'certbot-logs')]
        world = stage.world
        self.home = os.path.join(folder, 'certbot-home')
        os.makedirs(self.home, exist_ok=True)
        self.env = {
            'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': self.home,
            'LC_ALL': 'C.UTF-8', 'REQUESTS_CA_BUNDLE': world['ca_file'],
            'CLOUDFLARE_API_URL': world['api_control'] + '/client/v4'}

    def __call__(self, *arguments, timeout=120):
        """certbot with these arguments and this stage's directories."""
        return run(['/usr/bin/certbot', *self.directories, '-n', *arguments],
                   timeout, env=self.env, cwd=self.home)

    def certonly(self, credentials, *names, options=()):
        domains = [a for n in names for a in ('-d', n)]
        return self(
            'certonly', '--server', self.ca.url_by_address,
            '--agree-tos', '--register-unsafely-without-email',
            '--dns-cloudflare', '--dns-cloudflare-credentials', credentials,
            '--dns-cloudflare-propagation-seconds', '0', *domains, *options)

    def hold_lock(self):
        """A certbot at work: its locks in its order (logs, configuration,
        work) are held until release() is called."""
        config, work, logs = self.directories[1::2]
        for folder in (work, logs):
            os.makedirs(folder, exist_ok=True)
        return Holder([logs, config, work])
