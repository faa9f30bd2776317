"""The stage as a whole: started once, shared by all who find its description
(a JSON file, named by STAGE in the environment)."""

import base64
import itertools
import json
import os
import secrets
import shutil
import sys

from . import ca, knot, net, people, process, tlsca
from .certd import Certd
from .cloudflare import Cloudflare

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(TESTS)
PORTS = {'dns': 53, 'acme': 14000, 'api': 8443}


def copy_programs(build, to):
    """Our programs, at a place that every user can reach: the source tree may
    lie in somebody's closed home."""
    for part in ('bin', 'sbin', 'libexec'):
        shutil.copytree(os.path.join(build, part), os.path.join(to, part))
    for folder, _, files in os.walk(to):
        os.chmod(folder, 0o755)
        for name in files:
            os.chmod(os.path.join(folder, name), 0o755)


class Stage:
    def __init__(self, world):
        self.world = world      # what the description file holds
        self.folder = world['folder']
        self.processes, self.numbers = [], itertools.count()
        self.cloudflare = Cloudflare(world['api_control'], world['ca_file'])
        self.ca = ca.Ca([], **world['ca']) if 'ca' in world else None

    # ---- making one ----

    @classmethod
    def start(cls, build=None, keep=False, say=lambda text: None):
        """Starts everything. build: where our programs were built; None: the
        stage alone. keep: the servers outlive this process."""
        if os.geteuid() != 0:
            raise SystemExit('stage: needs root (port 53, other users)')
        people.make()
        hidden = net.own_namespace()
        say('a network namespace of its own' if hidden else
            'the loopback device of this machine')
        prefix = net.free_prefix([
            (1, PORTS['dns']), (2, PORTS['dns']), (3, PORTS['api']),
            (4, PORTS['acme'])])
        folder = net.tmp_folder('certd-stage-')
        stage = cls(cls._plan(folder, prefix))
        stage.world['keep'] = keep
        try:
            if build:
                copy_programs(build, stage.world['programs'])
            stage._start_servers(keep, say)
        except BaseException:
            stage.stop()
            raise
        stage.describe()
        return stage

    @staticmethod
    def _plan(folder, prefix):
        hosts = {
            'ns1.stage.test': f'{prefix}.1', 'ns2.stage.test': f'{prefix}.2',
            'api.stage.test': f'{prefix}.3', 'acme.stage.test': f'{prefix}.4',
            'pebble.stage.test': f'{prefix}.5', 'fake.stage.test': f'{prefix}.6',
            'www.stage.test': f'{prefix}.7',
        }
        for name in ('tls', 'ns1', 'ns2', 't'):
            os.mkdir(os.path.join(folder, name), 0o711)
        authority = tlsca.Authority(os.path.join(folder, 'tls'))
        certificate = authority.issue('stage', [*hosts, *hosts.values()])
        authority.issue('expired', [*hosts, *hosts.values()], days=-0.5)
        tlsca.Authority(os.path.join(folder, 'tls'), 'stranger').issue(
            'unknown', [*hosts, *hosts.values()])
        return {
            'folder': folder, 'prefix': prefix, 'hosts': hosts,
            'programs': os.path.join(folder, 'programs'),
            'ca_file': authority.file, 'certificate': certificate,
            'certificate_key': certificate[:-len('pem')] + 'key',
            'unknown_certificate': os.path.join(folder, 'tls', 'unknown.pem'),
            'name_servers': [f'{prefix}.1', f'{prefix}.2'],
            'resolver': f'{prefix}.1,{prefix}.2',
            'acme_host': 'acme.stage.test', 'acme_address': f'{prefix}.4',
            'pebble_address': f'{prefix}.5', 'fake_address': f'{prefix}.6',
            'www_address': f'{prefix}.7',
            'api_url':
                f'https://api.stage.test:{PORTS["api"]}/client/v4',
            'api_control': f'https://{prefix}.3:{PORTS["api"]}',
            'api_log': os.path.join(folder, 'emulator.requests'),
        }

    def _start_servers(self, keep, say):
        world, folder = self.world, self.folder
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        places = [(f'ns{i}.stage.test', address, os.path.join(folder, f'ns{i}'),
                   secret) for i, address in enumerate(world['name_servers'], 1)]
        for _, address, place, _ in places:
            self.processes.append(
                knot.start(place, address, secret, world['hosts'], keep))
        say('name servers (knot) on ' + ' and '.join(world['name_servers']))
        self._start_emulator([dict(zip(
            ('name', 'address', 'folder', 'secret'), p)) for p in places], keep)
        say(f'Cloudflare emulator on {world["api_control"]}')
        self.ca = ca.start(os.path.join(folder, 'ca'), world, PORTS['acme'],
                           keep)
        self.processes += self.ca.processes
        world['ca'] = self.ca.places
        world['ca_root'] = os.path.join(folder, 'tls', 'pebble-root.pem')
        with open(world['ca_root'], 'w', encoding='ascii') as f:
            f.write(self.ca.root())
        say(f'CA (pebble, haproxy before it) at {self.ca.url}')

    def _start_emulator(self, name_servers, keep):
        world = self.world
        settings = os.path.join(self.folder, 'emulator.json')
        log = os.path.join(self.folder, 'emulator.log')
        with open(settings, 'w', encoding='ascii') as f:
            json.dump({
                'address': [world['hosts']['api.stage.test'], PORTS['api']],
                'certificate': world['certificate'], 'log': world['api_log'],
                'name_servers': name_servers}, f)
        emulator = process.spawn(
            [sys.executable, '-m', 'emulator', settings], log, keep,
            {**os.environ, 'PYTHONPATH': TESTS,
             'PYTHONDONTWRITEBYTECODE': '1'})
        self.processes.append(emulator)
        process.wait_until(self.cloudflare.is_up, emulator, log,
                           'the emulator')

    def describe(self, *more):
        """Writes the description; more processes may have come since."""
        self.world['pids'] = {p.pid: process.start_time(p.pid)
                              for p in [*self.processes, *more]}
        path = os.path.join(self.folder, 'stage.json')
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(self.world, f, indent=1)
        self.file = path

    @classmethod
    def attach(cls, path):
        """A stage that somebody else started."""
        with open(path, encoding='utf-8') as f:
            return cls(json.load(f))

    def stop(self):
        """Ends the servers and removes the folder."""
        for p in reversed(self.processes):
            process.stop(p)
        if not os.environ.get('STAGE_KEEP_FILES'):
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- using it ----

    def folder_for(self, label):
        """A new folder for one test; short, for the sake of socket names."""
        path = os.path.join(
            self.folder, 't', f'{label[:24]}.{secrets.token_hex(3)}')
        os.mkdir(path, 0o755)
        return path

    def zone(self, name=None, **token):
        """A zone at Cloudflare, by default with a name that nobody else has,
        and a token for it. token: arguments of control_token()."""
        name = name or f'z{secrets.token_hex(4)}.test'
        self.cloudflare.control('zone_add', name=name)
        return Zone(self, name, self.token([name], **token))

    def token(self, zones, **token):
        text = secrets.token_urlsafe(30)[:40]
        self.cloudflare.control('token', token=text, zones=zones, **token)
        return text

    def new_ca(self, environment=(), **settings):
        """A CA of its own for one test; the caller stops it."""
        folder = os.path.join(self.folder, 't', f'ca.{secrets.token_hex(3)}')
        return ca.start(folder, self.world, environment=environment,
                        **settings)

    def certd(self, zone=None, **settings):
        """A certd of its own: see stage/certd.py."""
        return Certd(self, zone, **settings)


class Zone:
    """One of Cloudflare's zones, and the token of whoever uses it."""

    def __init__(self, stage, name, token):
        self.stage, self.name, self.token = stage, name, token
        self.cloudflare = stage.cloudflare

    def records(self):
        """What is in it now."""
        return self.cloudflare.control('records', zone=self.name)

    def requests(self, method=None):
        """What was asked with the token, in order."""
        log = self.cloudflare.control('log', token=self.token)
        return [r for r in log if method in (None, r['method'])]

    def times(self):
        """When, as seconds of the clock."""
        return self.cloudflare.control('times', token=self.token)

    def fault(self, **spec):
        """emulator/faults.py says what can be told."""
        self.cloudflare.control('fault', token=self.token, **spec)

    def heal(self):
        self.cloudflare.control('heal', token=self.token)

    def lag(self, *seconds):
        """Per name server; None: never."""
        self.cloudflare.control('lag', zone=self.name, seconds=seconds)

    def credentials(self, path):
        """Writes certbot's credentials file for the token."""
        flags = os.O_CREAT | os.O_WRONLY | os.O_EXCL
        with open(os.open(path, flags, 0o400), 'w', encoding='ascii') as f:
            f.write(f'dns_cloudflare_api_token = {self.token}\n')
        return path

    def remove(self):
        self.cloudflare.control('zone_remove', name=self.name)
