"""certd, and the clients that it is measured against, behind one face: each is
asked for apex and wildcard of one zone, and may be killed while it is at it."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time

from . import lineages, machine

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'hook.py')
ROOTS = '/etc/ssl/certs/ca-certificates.crt'
# A CA that does not refuse nonces at random: Pebble does by default.
FAST = {'PEBBLE_WFE_NONCEREJECT': '0', 'PEBBLE_AUTHZREUSE': '0'}


class Scene:
    """What a client is up against: URLs of the CA and of the API, by name and
    by address (most clients resolve names as the machine does). sleep: how
    long those wait for DNS that only wait. hurry: nobody pauses where its
    settings let it be without."""

    def __init__(self, stage, ca, api=None, sleep=1, hurry=False):
        self.stage, self.ca, self.sleep = stage, ca, str(sleep)
        self.hurry = hurry
        world = stage.world
        host = world['acme_address'] if ca.url.startswith(
            f'https://{world["acme_host"]}') else world['fake_address']
        self.ca_url = ca.url
        self.ca_by_address = f'https://{host}:{ca.port}/dir'
        self.api_url = api.api_url if api else world['api_url']
        self.api_by_address = \
            f'https://{world["fake_address"]}:{api.port}/client/v4' if api \
            else world['api_control'] + '/client/v4'


class Client:
    """One installation of a client. issue() is one try for a name of the zone,
    true where it gave a certificate; kill() ends what is under way as a power
    loss would. fill() gives it so many certificates that are not due, and
    look() has it find that out, within so many seconds."""

    name = program = None
    needs_account = True        # also where nothing is due

    def __init__(self, scene, zone, label):
        self.scene, self.zone = scene, zone
        self.folder = scene.stage.folder_for(f'{self.name}{label}')
        self.process, self.said = None, ''
        self.peak = None        # 0: to be measured, MiB
        self.prepare()

    @classmethod
    def is_there(cls):
        return cls.program is None or shutil.which(cls.program) is not None

    def prepare(self):
        pass

    def environment(self):
        world = self.scene.stage.world
        zones = self.scene.stage.cloudflare.control('zones')
        return {
            'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': self.folder,
            'LC_ALL': 'C.UTF-8', 'BENCH_API': self.scene.api_by_address,
            'BENCH_ZONE': zones[self.zone.name],
            'BENCH_TOKEN': self.zone.token,
            'BENCH_ROOTS': world['ca_file'], 'BENCH_SLEEP': self.scene.sleep,
            'REQUESTS_CA_BUNDLE': world['ca_file'],
            'LEGO_CA_CERTIFICATES': world['ca_file'],
            'CLOUDFLARE_API_URL': self.scene.api_by_address}

    def run(self, argv, seconds=180):
        """In a system of its own, with the stage's hosts and roots."""
        world = self.scene.stage.world
        hosts = os.path.join(self.folder, 'hosts')
        with open(hosts, 'w', encoding='ascii') as f:
            f.writelines(f'{address} {name}\n' for name, address in
                         {'localhost': '127.0.0.1', **world['hosts']}.items())
        resolver = os.path.join(self.folder, 'resolv.conf')
        with open(resolver, 'w', encoding='ascii') as f:
            f.write(f'nameserver {world["name_servers"][0]}\n')
        argv = ['unshare', '-m', 'sh', '-c',
                'mount --bind "$1" /etc/hosts && '
                'mount --bind "$2" /etc/resolv.conf && '
                f'mount --bind "$3" {ROOTS} && shift 3 && exec "$@"',
                'sh', hosts, resolver, world['ca_file'], *argv]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors='replace',
            cwd=self.folder, env=self.environment(), start_new_session=True)
        sampler = None if self.peak is None else \
            machine.Sampler(self.process.pid, 0.05)
        try:
            self.said, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            self.said, _ = self.process.communicate()
        if sampler:
            self.peak = max(self.peak, sampler.end())
        return self.process.returncode == 0

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def issue(self, name=None):
        return self.run(self.argv(name or self.zone.name))

    def look(self, count, seconds):
        return self.run(['sh', '-c', self.looks(count)], seconds)

    def write(self, path, data):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lineages.write(path, data, 0o600)

    def begin(self):
        """A try in the background."""
        self.thread = threading.Thread(target=self.issue)
        self.thread.start()

    def end(self):
        self.thread.join()

    def close(self):
        pass


class Certbot(Client):
    name = program = 'certbot'
    needs_account = False

    def prepare(self):
        self.zone.credentials(os.path.join(self.folder, 'cloudflare.ini'))

    def fill(self, count):
        lineages.fill(os.path.join(self.folder, 'le'), count)

    def looks(self, count):
        return ('exec certbot renew -q -n --config-dir le --work-dir work '
                '--logs-dir logs')

    def argv(self, name):
        return ['certbot', 'certonly', '-n', '--config-dir', 'le', '--work-dir',
                'work', '--logs-dir', 'logs', '--server',
                self.scene.ca_by_address, '--agree-tos',
                '--register-unsafely-without-email', '--dns-cloudflare',
                '--dns-cloudflare-credentials', 'cloudflare.ini',
                '--dns-cloudflare-propagation-seconds', self.scene.sleep,
                '--force-renewal', '-d', name, '-d', '*.' + name]


class Lego(Client):
    """It waits for the name servers by itself."""

    name = program = 'lego'

    def environment(self):
        pauses = {'EXEC_SEQUENCE_INTERVAL': '0', 'EXEC_POLLING_INTERVAL': '1'}
        return {**super().environment(), 'EXEC_PATH': HOOK, 'BENCH_SLEEP': '0',
                **(pauses if self.scene.hurry else {})}

    def common(self):
        return ['lego', '--server', self.scene.ca_by_address, '--accept-tos',
                '--email', 'a@stage.test', '--path', 'lego', '--dns', 'exec',
                '--dns.resolvers',
                self.scene.stage.world['name_servers'][0] + ':53']

    def fill(self, count):
        def make(i):
            name = lineages.name_of(i)
            place = f'lego/certificates/{name}.'
            self.write(place + 'crt', maker.bundle(name))
            self.write(place + 'key', maker.pem)
            self.write(place + 'json', json.dumps(
                {'domain': name, 'certUrl': '', 'certStableUrl': ''}).encode())
        maker = lineages.Maker(self.folder, parts=())
        lineages.in_parts(make, count)

    def looks(self, count):
        return (f'for f in lego/certificates/d*.crt; do n=${{f##*/}}; '
                f'n=${{n%.crt}}; {" ".join(self.common())} -d "$n" -d "*.$n" '
                'renew || exit; done')

    def argv(self, name):
        return [*self.common(), '-d', name, '-d', '*.' + name, 'run']


class Uacme(Client):
    name = program = 'uacme'

    def call(self):
        return f'uacme -a {self.scene.ca_by_address} -c uacme -y'

    def fill(self, count):
        def make(i):
            name = lineages.name_of(i)
            self.write(f'uacme/{name}/cert.pem', maker.bundle(name))
            self.write(f'uacme/private/{name}/key.pem', maker.pem)
        maker = lineages.Maker(self.folder, parts=())
        lineages.in_parts(make, count)

    def looks(self, count):
        """-o: no OCSP; 1: nothing was done."""
        return (f'for f in uacme/d*/cert.pem; do n=${{f#*/}}; n=${{n%/*}}; '
                f'{self.call()} -o -h {HOOK} issue "$n" "*.$n"; '
                '[ $? = 1 ] || exit 2; done')

    def argv(self, name):
        return ['sh', '-c',
                f'{{ [ -f uacme/private/key.pem ] || {self.call()} new; }} && '
                f'exec {self.call()} -f -h {HOOK} issue {name} "*.{name}"']


class Dehydrated(Client):
    name = program = 'dehydrated'

    def prepare(self):
        with open(os.path.join(self.folder, 'config'), 'w',
                  encoding='ascii') as f:
            f.write(f'''BASEDIR={self.folder}
CA={self.scene.ca_by_address}
CHALLENGETYPE=dns-01
HOOK={HOOK}
CURL_OPTS="--cacert {self.scene.stage.world['ca_file']}"
''')

    def fill(self, count):
        def make(i):
            place = f'certs/{names[i]}/'
            pem = maker.bundle(names[i])
            self.write(place + 'cert.pem', pem)
            self.write(place + 'fullchain.pem', pem)
            self.write(place + 'chain.pem', maker.chain)
            self.write(place + 'privkey.pem', maker.pem)
        maker = lineages.Maker(self.folder, parts=())
        names = [lineages.name_of(i) for i in range(count)]
        self.write('domains.txt', ''.join(
            f'{n} *.{n}\n' for n in names).encode())
        lineages.in_parts(make, count)

    def looks(self, count):
        return 'exec dehydrated -f config -c'

    def argv(self, name):
        return ['sh', '-c', '{ [ -f accounts/*/registration_info.json ] || '
                'dehydrated -f config --register --accept-terms; } && '
                f'exec dehydrated -f config -c -x -d {name} -d "*.{name}"']


class Certd(Client):
    """The installation is a running certd."""

    name = 'certd'
    dns = {}                    # settings of this section

    def prepare(self):
        scene = self.scene
        defaults = {'propagation-timeout': None, 'propagation-settle': None}
        self.certd = scene.stage.certd(
            self.zone, folder=self.folder, server=scene.ca_url,
            settings={'acme': {'order-pause': None},
                      'dns': {**defaults, 'api-url': scene.api_url,
                              **self.dns}})
        self.certd.start()

    def issue(self, name=None):
        name = name or self.zone.name
        done = self.certd.issue(name, '*.' + name,
                                options=['--force-renewal'], timeout=600)
        self.said = repr(done)
        return done.code == 0

    def kill(self):
        """All of it at once; then the machine is up again."""
        for pid in self.certd.pids().values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass            # it went with another one
        self.certd.process.wait()
        time.sleep(0.5)
        self.certd.start()

    def close(self):
        self.certd.stop()


ALL = [Certd, Certbot, Lego, Uacme, Dehydrated]
