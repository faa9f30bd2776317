"""Debian's certbot with its Cloudflare plugin, in the stage. It resolves names
as the machine does, so it gets addresses."""

import os

from .certd import run


class Certbot:
    def __init__(self, stage, store, folder):
        self.stage, self.store = stage, store
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
            'certonly', '--server', self.stage.ca.url_by_address,
            '--agree-tos', '--register-unsafely-without-email',
            '--dns-cloudflare', '--dns-cloudflare-credentials', credentials,
            '--dns-cloudflare-propagation-seconds', '0', *domains, *options)
