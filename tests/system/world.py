"""The stage, the machine in it, and what all scenes do."""

import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading

from stage import pem

NAMES = {'www': ('example.com', 'www.example.com'),     # Apache
         'imap': ('imap.example.com',),                 # Dovecot
         'mail': ('mail.example.com',)}                 # Exim
LIVE = '/etc/letsencrypt/live'
# Where a TLS server is, and how TLS begins there.
SERVERS = {'www': (443, None), 'imap': (993, None), 'mail': (25, 'smtp')}


class World:
    """The stage, the machine in it, and what the scenes know of each other."""

    def __init__(self, stage, machine, deb):
        self.stage, self.machine, self.deb = stage, machine, deb
        self.zone = stage.zone('example.com')
        self._prepare()

    def _prepare(self):
        m, world = self.machine, self.stage.world
        m.write('/etc/resolv.conf', ''.join(
            f'nameserver {a}\n' for a in world['name_servers']))
        m.write('/etc/hosts', '127.0.0.1 localhost\n')
        m.write('/etc/hostname', 'server\n')
        shutil.copy(world['ca_file'], m.path(
            '/usr/local/share/ca-certificates/stage.crt'))
        shutil.copy(self.deb, m.path('/root/certd.deb'))

    # ---- things that several scenes do ----

    def last_words(self):
        return '\n'.join(['--- journal', *self.machine.journal(
            '-b', '-n', '60').splitlines()])

    def certd_conf(self, more=''):
        world = self.stage.world
        self.machine.write('/etc/certd/certd.conf', (
            f'[certd]\nidle-timeout = 3s\n'
            f'[acme]\nserver = {self.stage.ca.url}\nmax-per-day = 0\n'
            f'[dns]\napi-url = {world["api_url"]}\n'
            f'propagation-settle = 0s\n' + more))

    def token(self, token):
        self.machine.write('/etc/certd/cloudflare.ini',
                           f'dns_cloudflare_api_token = {token}\n', 0o400)

    def token_text(self):
        """The token in the file."""
        return re.search('dns_cloudflare_api_token = (.*)', self.machine.read(
            '/etc/certd/cloudflare.ini')).group(1)

    def serial(self, lineage):
        return pem.serial(self.machine.path(
            f'{LIVE}/{lineage}/fullchain.pem'))

    def served(self, server):
        """The serial of what a server shows, verified by openssl."""
        port, starttls = SERVERS[server]
        name = NAMES[server][0]
        command = ['openssl', 's_client', '-connect', f'127.0.0.1:{port}',
                   '-servername', name, '-verify_hostname', name,
                   '-verify_return_error', '-CAfile',
                   self.stage.world['ca_root'], '-no-CApath', '-no-CAstore']
        if starttls:
            command += ['-starttls', starttls]
        done = subprocess.run(command, input='', capture_output=True,
                              text=True, timeout=30, check=False)
        found = re.search(r'-----BEGIN.*?-----END CERTIFICATE-----',
                          done.stdout, re.S)
        assert found and 'Verify return code: 0 (ok)' in done.stdout, \
            f'{server}: {done.stdout}{done.stderr}'
        return pem.serial_of(found.group(0))

    def make_due(self, lineage):
        path = self.machine.path(f'/etc/letsencrypt/renewal/{lineage}.conf')
        with open(path, encoding='utf-8') as f:
            text = f.read()
        if 'renew_before_expiry = 20 years' not in text:
            with open(path, 'w', encoding='utf-8') as f:
                f.write('renew_before_expiry = 20 years\n' + text)

    def cron_line(self):
        """The command of /etc/cron.d/certd, with a sleep that does not."""
        line, = [l for l in self.machine.read('/etc/cron.d/certd').splitlines()
                 if ' root ' in l and not l.startswith('#')]
        self.machine.write('/opt/test/sleep',
                           '#!/bin/sh\necho "$1" >>/opt/test/slept\n', 0o755)
        return 'PATH=/opt/test:$PATH; ' + line.split(' root ', 1)[1]

    def gone(self):
        """Nothing of ours runs."""
        self.machine.until(lambda: not self.machine.ours(),
                           'no process of ours')

    def tree(self):
        """A digest of everything below /etc/letsencrypt."""
        top, digest = self.machine.path('/etc/letsencrypt'), hashlib.sha256()
        for folder, folders, files in sorted(os.walk(top)):
            folders.sort()
            for name in sorted(files + folders):
                path = os.path.join(folder, name)
                s = os.lstat(path)
                digest.update(f'{path} {s.st_mode} {s.st_uid} {s.st_gid}'
                              .encode())
                if os.path.islink(path):
                    digest.update(os.readlink(path).encode())
                elif os.path.isfile(path):
                    with open(path, 'rb') as f:
                        digest.update(f.read())
        return digest.hexdigest()

    def certbot(self, *arguments):
        """Debian 12's certbot dies where the CA refuses a nonce, which Pebble
        does now and then: "can't set attribute"."""
        world = self.stage.world
        for _ in range(6):
            done = self.machine.run(
                'certbot', '-n', *arguments,
                REQUESTS_CA_BUNDLE='/etc/ssl/certs/ca-certificates.crt',
                CLOUDFLARE_API_URL=world['api_control'] + '/client/v4')
            if "can't set attribute" not in done.text:
                break
        return done

    def busy(self, *command):
        """Starts a command, and waits until certd asks the name servers, which
        show nothing for a while."""
        self.zone.lag(20, 20)
        client = self.machine.start(*command)
        self.machine.until(
            lambda: 'waiting for the name servers' in
            self.machine.run('certctl', 'status').out, 'a renewal on its way')
        self.zone.lag(0, 0)
        return client


class Handshakes(threading.Thread):
    """Connects to all servers all the time. A connection that is accepted must
    become a good TLS connection."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.over = world, threading.Event()
        self.good, self.bad = 0, []
        self.context = ssl.create_default_context(
            cafile=world.stage.world['ca_root'])

    def _one(self, server):
        port, starttls = SERVERS[server]
        try:
            raw = socket.create_connection(('127.0.0.1', port), 20)
        except OSError:
            return              # being restarted: not accepted
        with raw:
            if starttls:
                reader = raw.makefile('rb')
                reader.readline()
                raw.sendall(b'EHLO client\r\n')
                while reader.readline()[3:4] == b'-':
                    pass
                raw.sendall(b'STARTTLS\r\n')
                reader.readline()
            with self.context.wrap_socket(
                    raw, server_hostname=NAMES[server][0]):
                self.good += 1

    def run(self):
        while not self.over.is_set():
            for server in SERVERS:
                try:
                    self._one(server)
                except (OSError, ssl.SSLError) as e:
                    self.bad.append(f'{server}: {e!r}')

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0
