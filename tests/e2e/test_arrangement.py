"""One user's own arrangement, as it runs with certbot: a deploy hook that leaves
notes, and a cron line whose second half reads them."""

import json
import os
import re
import subprocess
import textwrap

import pytest

from stage.certd import SANITIZER
from test_hooks import script, set_due

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class Arrangement:
    """The hook, the script and the programs that they call."""

    def __init__(self, certd):
        self.certd = certd
        self.bin = os.path.join(certd.folder, 'bin')
        self.calls = os.path.join(certd.folder, 'calls')
        self.notes = certd.path('renewed')
        os.makedirs(self.bin)
        os.makedirs(certd.path('renewal-hooks', 'deploy'), exist_ok=True)
        script(certd.path('renewal-hooks', 'deploy', 'notify'), f'''
            [ -d {self.notes} ] || mkdir -p {self.notes}
            for domain in $RENEWED_DOMAINS; do
                touch "{self.notes}/$domain"
            done
        ''')
        self.put('post-processing-script', f'''
            [ -d {self.notes} ] || exit 0
            for note in {self.notes}/*; do
                domain=`basename "$note"`
                logger -t certificates "new certificate for $domain"
                case "$domain" in
                mail.*) mail=yes;;
                *) web=yes;;
                esac
            done
            [ -n "$mail" ] && systemctl restart dovecot exim4
            [ -n "$web" ] && systemctl reload apache2
            rm -r {self.notes}
        ''')
        for name in ('logger', 'systemctl'):
            self.put(name, f'echo "{name} $*" >>{self.calls}')
        self.put('certctl', f'exec {certd.program("certctl")} --socket '
                            f'{certd.runtime}/control.sock "$@"')

    def put(self, name, text):
        script(os.path.join(self.bin, name), text)

    def cron(self, line):
        """What cron does; its output would be mailed."""
        return subprocess.run(
            ['/bin/sh', '-c', line], capture_output=True, text=True,
            timeout=120, check=False, stdin=subprocess.DEVNULL,
            env={'PATH': f'{self.bin}:/usr/bin:/bin', 'HOME': '/root',
                 **SANITIZER})

    def called(self):
        try:
            with open(self.calls, encoding='utf-8') as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            return []
        os.unlink(self.calls)
        return lines


LINE = 'certctl renew --quiet && post-processing-script'


@pytest.fixture
def domains(stage, zone):
    """Four, in zones of their own; the token is for all of them."""
    zones = [zone] + [stage.zone() for _ in range(3)]
    stage.cloudflare.control('token', token=zone.token,
                             zones=[z.name for z in zones])
    yield zones
    for z in zones[1:3]:
        z.remove()


def test_it_works_unchanged_and_the_trap_is_told(stage, certd, domains):
    mine = Arrangement(certd)
    names = ['mail.' + domains[0].name] + [z.name for z in domains[1:]]
    for name, z in zip(names, domains):
        done = certd.issue(name, '*.' + z.name,
                           options=['--cert-name', name, '--quiet'])
        assert done.code == 0, done
    subprocess.run(['/usr/bin/rm', '-r', mine.notes], check=True)

    # Nothing is due: nothing is said, nothing happens.
    done = mine.cron(LINE)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', ''), done
    assert mine.called() == [] and not os.path.exists(mine.notes)

    # All four are renewed; the script reads the notes after renew has ended.
    for name in names:
        set_due(certd, name)
    done = mine.cron(LINE)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', ''), done
    called = mine.called()
    told = {re.sub('.* for ', '', c) for c in called
            if c.startswith('logger -t certificates')}
    assert told == {n for name, z in zip(names, domains)
                    for n in (name, '*.' + z.name)}
    assert 'systemctl restart dovecot exim4' in called
    assert 'systemctl reload apache2' in called
    assert not os.path.exists(mine.notes)
    versions = [os.readlink(certd.live(n)) for n in names]
    assert all(v.endswith('fullchain2.pem') for v in versions), versions

    # One of four fails: three are new, and "&&" keeps the script from running.
    domains[3].remove()
    done = mine.cron(LINE.replace('renew', 'renew --force-renewal'))
    assert done.returncode == 1 and names[3] in done.stderr, done
    versions = [os.readlink(certd.live(n)) for n in names]
    assert [v.endswith('fullchain3.pem') for v in versions] == \
        [True, True, True, False], versions
    assert mine.called() == [], 'the trap'
    assert len(os.listdir(mine.notes)) == 6

    # Written as certctl doctor says, the services get the three.
    fixed = LINE.replace('renew', 'renew --force-renewal').replace(' &&', ';')
    done = mine.cron(fixed)
    assert names[3] in done.stderr, done
    called = mine.called()
    assert 'systemctl restart dovecot exim4' in called
    assert len([c for c in called if c.startswith('logger')]) == 6, called
    assert not os.path.exists(mine.notes)


def doctor(certd, files):
    """Runs doctor where /etc/cron.d and /etc/systemd/system have these files.
    """
    setup = ['set -e']
    for folder in ('/etc/cron.d', '/etc/systemd/system'):
        setup += [f'mkdir -p {folder}', f'mount -t tmpfs none {folder}']
    for path, text in files.items():
        setup.append(f"cat >{path} <<'END'\n{text}\nEND")
    setup.append(f'exec {certd.program("certctl")} --socket '
                 f'{certd.runtime}/control.sock doctor --json')
    done = subprocess.run(
        ['/usr/bin/unshare', '--mount', '/bin/sh', '-c', '\n'.join(setup)],
        capture_output=True, text=True, timeout=60, check=False,
        env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', **SANITIZER})
    if 'unshare:' in done.stderr or 'mount:' in done.stderr:
        pytest.skip('no mount namespace here: ' + done.stderr.strip())
    findings = json.loads(done.stdout)['findings']
    return [f for f in findings if f['check'] == 'cron']


def test_doctor_finds_such_lines_and_says_what_to_write(certd):
    bad = '# renew\n17 */12 * * * root ' + LINE
    found = doctor(certd, {
        '/etc/cron.d/mine': bad,
        '/etc/cron.d/good': bad.replace(' &&', ';'),
        '/etc/systemd/system/renew.service': textwrap.dedent('''
            [Service]
            ExecStart=/bin/sh -c '/usr/bin/certctl renew --quiet && \\
                post-processing-script'
        ''')})
    assert {f['subject'] for f in found if f['result'] == 'warn'} >= {
        '/etc/cron.d/mine:2', '/etc/systemd/system/renew.service:3'}, found
    assert not [f for f in found if 'good' in (f['subject'] or '')], found
    for f in found:
        assert 'renewal-hooks/deploy' in f['todo'] and '";"' in f['todo'], f


def test_our_own_advice_has_no_trap(certd):
    with open(os.path.join(TOP, 'packaging', 'cron', 'certd'),
              encoding='utf-8') as f:
        files = {'/etc/cron.d/certd': f.read()}
    with open(os.path.join(TOP, 'packaging', 'systemd', 'certd-renew.service'),
              encoding='utf-8') as f:
        files['/etc/systemd/system/certd-renew.service'] = f.read()
    with open(os.path.join(TOP, 'README.md'), encoding='utf-8') as f:
        files['/etc/cron.d/README'] = '\n'.join(
            line.strip() for line in f if line.startswith('    '))
    found = doctor(certd, files)
    assert not [f for f in found if '/etc/cron.d' in (f['subject'] or '')
                or 'certd-renew' in (f['subject'] or '')], found
