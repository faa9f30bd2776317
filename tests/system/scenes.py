"""What happens on the server, in order."""

import glob
import json
import os
import re
import time

import wrong
from world import LIVE, NAMES, SERVERS, Handshakes, listens

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


# ---- the scenes ----

def certbot_was_here(w):
    """certbot makes a certificate, as on a server that we come to."""
    m = w.machine
    m.run('update-ca-certificates')
    m.write('/root/cloudflare.ini',
            f'dns_cloudflare_api_token = {w.zone.token}\n', 0o600)
    done = w.certbot(
        'certonly', '--server', w.stage.ca.url_by_address, '--agree-tos',
        '--register-unsafely-without-email', '--dns-cloudflare',
        '--dns-cloudflare-credentials', '/root/cloudflare.ini',
        '--dns-cloudflare-propagation-seconds', '0', '-d', 'old.example.com')
    assert done.code == 0, done


def package_is_installed(w):
    """apt installs the package, which says that certbot is here too."""
    m = w.machine
    before = w.tree()
    done = m.run('apt-get', 'install', '-y', '/root/certd.deb')
    assert done.code == 0, done
    assert 'systemctl disable --now certbot.timer' in done.text, done
    assert w.tree() == before, 'the store was changed'
    for user in ('_acmew', '_certd-sign', '_certd-dns'):
        assert m.run('id', user).code == 0, user
    for group in ('certadmin', 'ssl-cert'):
        assert m.run('getent', 'group', group).code == 0, group
    for unit in ('certd.socket', 'certd-worker.socket', 'certd-dns.socket',
                 'certd-hook.socket', 'certd-renew.timer', 'certbot.timer'):
        assert m.run('systemctl', 'is-active', unit).code == 0, unit
    found = m.run('stat', '-c', '%n %a %U %G', '/run/certd/control.sock',
                  '/run/certd/worker.sock', '/run/certd/dns.sock',
                  '/run/certd/hook.sock').out.split('\n')[:4]
    assert found == ['/run/certd/control.sock 660 root certadmin',
                     '/run/certd/worker.sock 600 _acmew root',
                     '/run/certd/dns.sock 600 root root',
                     '/run/certd/hook.sock 600 root root'], found
    assert not m.ours(), m.ours()


def first_certificates(w):
    """From nothing: the first connection starts all, and each domain gets its
    certificate."""
    m = w.machine
    w.certd_conf()
    m.run('adduser', 'Debian-exim', 'ssl-cert')
    done = m.run('certctl', 'setup', '--agree-tos', '--token-file', '-',
                 stdin=w.zone.token + '\n')
    assert done.code == 0, done
    for text in ('The token sees 1 zone: example.com', '1 certificate in',
                 'certbot renews by itself too', 'certctl renew --dry-run'):
        assert text in done.out, done
    assert m.run('systemctl', 'is-active', 'certbot.timer').code == 0
    for names in NAMES.values():
        done = m.run('certctl', 'issue', *(a for n in names
                                           for a in ('-d', n)))
        assert done.code == 0, done
    ours = '\n'.join(m.ours())
    for program, user in (('/usr/sbin/certd', 'root'),
                          ('certd-sign', '_certd-sign'),
                          ('certd-dns', '_certd-dns'), ('certd-hook', 'root'),
                          ('/usr/sbin/acmew', '_acmew')):
        assert re.search(rf'{re.escape(user)}\s+\S*{program}', ours), \
            (program, ours)
    assert m.run('systemctl', 'show', '-P', 'StatusText',
                 'certd').out.strip() == 'nothing to do'
    w.gone()
    assert m.run('systemctl', 'is-failed', 'certd.service', 'acmew.service')\
        .code != 0
    assert not w.zone.records()


def servers_answer(w):
    """Apache, Dovecot and Exim answer TLS with them."""
    m = w.machine
    m.write('/etc/apache2/sites-available/www.conf', (
        '<VirtualHost *:443>\nServerName example.com\nSSLEngine on\n'
        f'SSLCertificateFile {LIVE}/example.com/fullchain.pem\n'
        f'SSLCertificateKeyFile {LIVE}/example.com/privkey.pem\n'
        '</VirtualHost>\n'))
    keys = ('ssl_cert = <', 'ssl_key = <')
    if not m.run('dovecot', '--version').out.startswith('2.3'):
        keys = ('ssl_server_cert_file = ', 'ssl_server_key_file = ')
    m.write('/etc/dovecot/conf.d/99-test.conf', (
        'ssl = yes\n'
        f'{keys[0]}{LIVE}/imap.example.com/fullchain.pem\n'
        f'{keys[1]}{LIVE}/imap.example.com/privkey.pem\n'))
    m.write('/etc/exim4/exim4.conf.localmacros', (
        'MAIN_TLS_ENABLE = yes\n'
        f'MAIN_TLS_CERTIFICATE = {LIVE}/mail.example.com/fullchain.pem\n'
        f'MAIN_TLS_PRIVATEKEY = {LIVE}/mail.example.com/privkey.pem\n'))
    m.write('/etc/letsencrypt/renewal-hooks/deploy/services', (
        '#!/bin/sh\nset -e\necho "$RENEWED_LINEAGE" >>/var/tmp/deployed\n'
        'systemctl reload-or-restart apache2 dovecot exim4\n'), 0o755)
    done = m.sh('set -e; a2enmod -q ssl; a2ensite -q www; '
                'systemctl restart apache2 dovecot exim4')
    assert done.code == 0, done
    for server in SERVERS:
        m.until(lambda server=server: listens(SERVERS[server][0]), server)
        assert w.served(server) == w.serial(NAMES[server][0]), server
    user = m.run('ps', '-C', 'exim4', '-o', 'user:20=').out
    assert 'Debian-exim' in user and 'root' not in user, user


def cron_renews(w):
    """Cron's line does nothing beside the timer; without it what is due is
    renewed, hooks restart the servers, and no handshake fails meanwhile."""
    m = w.machine
    before = {s: w.serial(NAMES[s][0]) for s in SERVERS}
    for names in NAMES.values():
        w.make_due(names[0])
    line = w.cron_line()
    done = m.sh(line)
    assert done.code == 0 and not done.text, done
    assert not os.path.exists(m.path('/opt/test/slept')), 'beside the timer'
    assert m.run('systemctl', 'disable', '--now', 'certd-renew.timer').code == 0
    with Handshakes(w) as handshakes:
        done = m.sh(line)
        assert done.code == 0 and not done.text, done
        time.sleep(1)
    assert handshakes.good > 10 and not handshakes.bad, \
        (handshakes.good, handshakes.bad[:5])
    assert 0 <= int(m.read('/opt/test/slept')) < 3600
    deployed = m.read('/var/tmp/deployed').split()
    for server in SERVERS:
        lineage = NAMES[server][0]
        assert w.serial(lineage) != before[server], server
        assert w.served(server) == w.serial(lineage), server
        assert f'{LIVE}/{lineage}' in deployed, deployed
    w.gone()


def hooks_are_free(w):
    """A hook may do what certd may not: it is no child of certd's unit."""
    m = w.machine
    m.write('/etc/letsencrypt/renewal-hooks/deploy/free', (
        '#!/bin/sh\nset -e\ntouch /usr/local/by-a-hook\n'
        'cat /proc/self/cgroup >/var/tmp/cgroup\n'
        'for p in self 1; do\n'
        'grep -E "^(Seccomp_filters|NoNewPrivs|CapBnd):" /proc/$p/status '
        '>>/var/tmp/limits.$p\ndone\n'), 0o755)
    done = m.run('certctl', 'renew', '--cert-name', 'imap.example.com',
                 '--force-renewal')
    assert done.code == 0 and 'hook' not in done.err, done
    text = m.read('/var/tmp/cgroup')
    assert 'certd-hook@' in text and os.path.exists(
        m.path('/usr/local/by-a-hook')), text
    ours, init = m.read('/var/tmp/limits.self'), m.read('/var/tmp/limits.1')
    assert ours == init, (ours, init)
    os.unlink(m.path('/etc/letsencrypt/renewal-hooks/deploy/free'))


def log_has_fields(w):
    """The journal finds lines by certificate, job and stage."""
    m = w.machine
    text = m.journal('-u', 'certd', 'CERTD_CERTIFICATE=mail.example.com',
                     '-o', 'cat')
    assert 'placing the order' in text and 'act=store' in text, text
    assert 'imap.example.com' not in text
    text = m.journal('CERTD_STAGE=order', '-o', 'verbose')
    assert 'CERTD_JOB=' in text and '_SYSTEMD_UNIT=certd.service' in text, text


def watch_follows(w):
    """certctl watch tells what the journal tells, as it happens."""
    m = w.machine
    done = m.sh('exec >/dev/null 2>&1; cd /var/tmp; '
                'timeout 120 certctl watch >watched & echo $! >watchers; '
                'timeout 120 certctl --json watch >watched.json & '
                'echo $! >>watchers; sleep 1; certctl renew --cert-name '
                'mail.example.com --force-renewal')
    assert done.code == 0, done
    m.until(lambda: 'done' in m.read('/var/tmp/watched'), 'the end is seen')
    text = m.read('/var/tmp/watched')
    for words in ('mail.example.com', 'placing the order',
                  'checking and storing'):
        assert words in text, text
        assert words in m.journal('-u', 'certd', '-o', 'cat'), words
    stages = [json.loads(line).get('stage') for line in
              m.read('/var/tmp/watched.json').splitlines()]
    assert 'order' in stages and 'done' in stages, stages
    m.sh('kill $(cat /var/tmp/watchers)')
    w.gone()
    return text


def token_is_encrypted(w):
    """The token as a credential that only this machine can decrypt, with the
    drop-in that the package has as an example, and no file with it."""
    m, before = w.machine, w.serial('mail.example.com')
    w.gone()
    settings = m.read('/etc/certd/certd.conf')
    m.write('/etc/certd/certd.conf',
            re.sub('(?m)^credentials = .*\n', '', settings))
    token = m.path('/etc/certd/cloudflare.ini')
    with open(token, encoding='ascii') as f:
        text = f.read()
    os.unlink(token)
    done = m.run('systemd-creds', 'encrypt', '--with-key=host',
                 '--name=cloudflare', '-', '/etc/certd/cloudflare.cred',
                 stdin=text)
    assert done.code == 0, done
    assert text.split()[-1] not in m.read('/etc/certd/cloudflare.cred')
    done = m.sh('set -e; d=/etc/systemd/system/certd.service.d; mkdir $d; '
                'cp /usr/share/doc/certd/examples/credential.conf $d; '
                'systemctl daemon-reload')
    assert done.code == 0, done
    done = m.run('certctl', 'renew', '--cert-name', 'mail.example.com',
                 '--force-renewal')
    assert done.code == 0 and w.serial('mail.example.com') != before, done
    done = m.run('certctl', 'doctor')
    assert done.code == 0 and '/run/credentials/certd.service/cloudflare: it ' \
        'works, and sees 1 zone' in done.out, done
    w.gone()
    m.sh('rm -r /etc/systemd/system/certd.service.d '
         '/etc/certd/cloudflare.cred; systemctl daemon-reload')
    m.write('/etc/certd/cloudflare.ini', text, 0o400)
    m.write('/etc/certd/certd.conf', settings)
    return done.out


def nothing_runs(w):
    """Between renewals no process of ours is there; the timer will be."""
    m = w.machine
    m.run('systemctl', 'enable', '--now', 'certd-renew.timer')
    w.gone()
    timers = m.run('systemctl', 'list-timers', '--no-pager', 'cert*').out
    assert 'certd-renew.timer' in timers, timers
    return timers + m.run('ps', '-e', '-o', 'pid,user:16,args').out


def token_is_rotated(w):
    """A new token is taken up without a restart; the old one is dead."""
    m = w.machine
    new = w.stage.token(['example.com'])
    assert m.run('certctl', 'list').code == 0
    w.stage.cloudflare.control('token', token=w.zone.token, zones=[])
    w.token(new)
    before = w.serial('mail.example.com')
    done = m.run('certctl', 'renew', '--cert-name', 'mail.example.com',
                 '--force-renewal')
    assert done.code == 0 and w.serial('mail.example.com') != before, done
    w.stage.cloudflare.control('token', token=w.zone.token,
                               zones=['example.com'])


def shells_complete(w):
    """bash, as an administrator has it, completes what the tables and the
    folder of certificates say."""
    for line, wanted in (
            ('certctl ren', 'renew'), ('certctl renew --force-r',
                                       '--force-renewal'),
            ('certctl renew --cert-name mai', 'mail.example.com'),
            ('certctl renew --cert-name=mai', 'mail.example.com'),
            ('certctl show imap', 'imap.example.com')):
        done = w.machine.run('bash', '-ic', (
            '. /usr/share/bash-completion/bash_completion; '
            '_completion_loader certctl; complete -p certctl >/dev/null || '
            f'exit 9; COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; '
            f'COMP_WORDS=({line.replace("=", " = ")}); '
            'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _certctl certctl; '
            'printf "%s\\n" "${COMPREPLY[@]}"'))
        assert done.code == 0 and done.out.split() == [wanted], (line, done)


def readme_is_right(w):
    """The ten lines of the README for who comes from certbot."""
    m = w.machine
    with open(os.path.join(TOP, 'README.md'), encoding='utf-8') as f:
        part = f.read().split('## Coming from certbot')[1].split('\n## ')[0]
    lines = [line.split('#')[0].strip() for line in part.splitlines()
             if line.startswith('    ')]
    assert len(lines) == 10, lines
    for line in lines:
        line = line.replace('./build/deb/certd_*.deb', '/root/next.deb')
        line = line.replace('apt remove', 'apt-get --simulate remove')
        done = m.sh('sudo() { "$@"; }; ' + line)
        assert done.code == 0, (line, done)
        if '--disable-certbot' in line:
            assert m.run('systemctl', 'is-active', 'certbot.timer').code != 0
    assert m.run('systemctl', 'is-active', 'certbot.timer').code == 0
    w.gone()


def machine_is_reset(w):
    """The plug is pulled in the middle of a renewal: after the next boot the
    timer's run makes good what was left."""
    m = w.machine
    before = w.serial('example.com')
    client = w.busy('certctl', 'renew', '--cert-name', 'example.com',
                    '--force-renewal')
    assert w.zone.records(), 'no record was published'
    m.off(hard=True)
    client.communicate()
    m.boot()
    assert w.serial('example.com') == before
    done = m.run('systemctl', 'start', 'certd-renew.service')
    assert done.code == 0, done
    assert w.serial('example.com') != before
    m.until(lambda: not w.zone.records(), 'records of before are removed')
    assert w.served('www') == w.serial('example.com')
    w.gone()


def package_is_upgraded(w):
    """An upgrade in the middle of a renewal lets it end; then the new version
    is there."""
    m = w.machine
    done = m.sh('set -e; cd /root; rm -rf new; dpkg-deb -R certd.deb new; '
                'sed -i "s/^Version: .*/Version: 0.1.0+next/" '
                'new/DEBIAN/control; dpkg-deb -b new next.deb')
    assert done.code == 0, done
    before = w.serial('example.com')
    client = w.busy('certctl', 'renew', '--cert-name', 'example.com',
                    '--force-renewal')
    done = m.run('apt-get', 'install', '-y', '/root/next.deb')
    assert done.code == 0, done
    assert client.poll() is None, 'it was not in the middle'
    out, _ = client.communicate(timeout=120)
    assert client.returncode == 0, out
    assert w.serial('example.com') != before
    w.gone()
    assert m.run('certctl', 'list').code == 0
    assert '0.1.0+next' in m.run('dpkg-query', '-W', 'certd').out


def certbot_is_left(w):
    """What certbot made is ours now: renewed by us with its account, and by
    certbot again."""
    m = w.machine
    listed = m.run('certctl', 'list', '--cert-name', 'old.example.com')
    assert 'old.example.com' in listed.out, listed
    accounts = glob.glob(m.path('/etc/letsencrypt/accounts/*/*/*'))
    before = w.serial('old.example.com')
    done = m.run('certctl', 'renew', '--cert-name', 'old.example.com',
                 '--force-renewal')
    assert done.code == 0 and w.serial('old.example.com') != before, done
    assert glob.glob(m.path('/etc/letsencrypt/accounts/*/*/*')) == accounts
    before = w.serial('old.example.com')
    done = w.certbot('renew', '--cert-name', 'old.example.com',
                     '--force-renewal', '--no-random-sleep-on-renew')
    assert done.code == 0 and w.serial('old.example.com') != before, done


def package_is_purged(w):
    """What is removed leaves settings and state, and runs no more; purge removes
    what is ours, and no certificate or account."""
    m = w.machine
    w.gone()
    before = w.tree()
    done = m.run('apt-get', 'remove', '-y', 'certd')
    assert done.code == 0, done
    for path in ('/etc/certd/certd.conf', '/etc/certd/cloudflare.ini',
                 '/etc/cron.d/certd', '/var/lib/certd/audit.log'):
        assert os.path.exists(m.path(path)), path
    assert m.run('test', '-e', '/run/certd/control.sock').code != 0
    assert m.run('systemctl', 'is-active', 'certd-renew.timer').code != 0
    # Cron's line, which stays as a file of settings does, says nothing.
    done = m.sh(w.cron_line())
    assert done.code == 0 and not done.text, done
    done = m.run('apt-get', 'purge', '-y', 'certd')
    assert done.code == 0, done
    assert w.tree() == before, 'the store was changed'
    for path in ('/etc/certd', '/var/lib/certd', '/etc/cron.d/certd',
                 '/usr/sbin/certd', '/run/certd/control.sock'):
        assert not os.path.exists(m.path(path)) and \
            m.run('test', '-e', path).code != 0, path
    assert not m.run('systemctl', 'list-units', '--all', '--plain', '--legend'
                     '=no', 'certd*', 'acmew*').out.strip()
    for server in SERVERS:
        assert w.served(server) == w.serial(NAMES[server][0]), server


SCENES = [certbot_was_here, package_is_installed, first_certificates,
          servers_answer, cron_renews, hooks_are_free, log_has_fields,
          watch_follows, token_is_rotated, token_is_encrypted, shells_complete,
          wrong.what_is_wrong_is_told, machine_is_reset,
          wrong.no_network_at_boot, package_is_upgraded, certbot_is_left,
          readme_is_right, nothing_runs, package_is_purged]
