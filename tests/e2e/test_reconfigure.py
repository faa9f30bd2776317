"""certctl reconfigure, cli.ini and credentials: how a certificate is renewed from
now on."""

import os

import configobj

from stage import pem
from stage.certbot import Certbot
from stage.lineage import conf_path, parameters, set_parameter, version


# ---- reconfigure ----

def test_reconfigure(certd, zone):
    name = zone.name
    assert certd.issue(name, options=['--deploy-hook', 'true']).code == 0
    path = conf_path(certd, name)
    with open(path, 'a', encoding='utf-8') as f:
        f.write('# mine\n[[nested]]\nunknown = 1\n')
    os.chmod(path, 0o640)
    made = len(zone.requests('POST'))
    done = certd.ctl('reconfigure', name, '--key-type', 'rsa',
                     '--deploy-hook', 'echo new', '--pre-hook', 'true',
                     '--reuse-key', '--renew-before-expiry', '20 days',
                     '--no-autorenew', '--preferred-chain', 'X')
    assert done.code == 1 and '--no-reuse-key' in done.err, done
    done = certd.ctl('reconfigure', name, '--key-type', 'rsa',
                     '--deploy-hook', 'echo new', '--pre-hook', 'true',
                     '--renew-before-expiry', '20 days', '--no-autorenew',
                     '--preferred-chain', 'X')
    assert done.code == 0 and 'reconfigured' in done.out, done
    assert len(zone.requests('POST')) > made and zone.records() == []
    assert version(certd, name) == 1 and not os.listdir(certd.path('.certd'))
    conf = configobj.ConfigObj(path, encoding='utf-8')
    told = conf['renewalparams']
    assert (told['key_type'], told['renew_hook'], told['pre_hook'],
            told['autorenew'], told['preferred_chain']) == \
        ('rsa', 'echo new', 'true', 'False', 'X')
    assert told['nested'] == {'unknown': '1'} and b'# mine' in pem.read(path)
    assert conf['renew_before_expiry'] == '20 days'
    assert os.stat(path).st_mode & 0o777 == 0o640

    # Without trying it out; "" takes things away.
    made = len(zone.requests())
    done = certd.ctl('reconfigure', '--cert-name', name, '--no-dry-run',
                     '--autorenew', '--pre-hook', '', '--reuse-key',
                     '--no-autorenew',
                     '--renew-before-expiry', '')
    assert done.code == 2, done         # both autorenew and no-autorenew
    done = certd.ctl('reconfigure', '--cert-name', name, '--no-dry-run',
                     '--autorenew', '--pre-hook', '',
                     '--renew-before-expiry', '')
    assert done.code == 0 and len(zone.requests()) == made, done
    conf = configobj.ConfigObj(path, encoding='utf-8')
    assert not {'autorenew', 'pre_hook'} & set(conf['renewalparams'])
    assert 'renew_before_expiry' not in conf
    # And what it says is what is done.
    done = certd.ctl('renew', '--force-renewal')
    assert done.code == 0, done
    assert pem.key(certd.live(name, 'privkey')).key_size == 2048
    row = certd.ctl('list', '--json').json['certificates'][0]
    assert row['status'] == 'valid'


def test_reconfigure_that_fails_changes_nothing(stage, certd, zone):
    name = zone.name
    assert certd.issue(name).code == 0
    path = conf_path(certd, name)
    before, status = pem.read(path), os.stat(path)
    cases = [
        ([], 2, 'nothing to change'),
        (['--key-type', 'dsa'], 2, 'dsa'),
        (['--renew-before-expiry', 'soon'], 2, 'soon'),
        (['--staging', '--key-type', 'rsa'], 1, '--break-my-certs'),
        (['--account', 'f' * 32], 1, 'f' * 32),
        (['--server', f'https://{stage.world["fake_address"]}:1/dir'], 1,
         'directory'),
    ]
    for options, code, told in cases:
        done = certd.ctl('reconfigure', name, *options)
        assert done.code == code and told in done.text, done
    done = certd.ctl('reconfigure', name, '--key-type', 'rsa', '--dry-run')
    assert done.code == 0 and 'tried out' in done.out, done
    stage.cloudflare.control('token', token=zone.token, status='disabled')
    done = certd.ctl('reconfigure', name, '--key-type', 'rsa')
    assert done.code == 1 and '9109' in done.err, done
    assert pem.read(path) == before
    assert os.stat(path).st_mtime_ns == status.st_mtime_ns
    done = certd.ctl('reconfigure', 'no.such', '--key-type', 'rsa')
    assert done.code == 1 and 'no.such' in done.err, done
    # Nobody but root sets what runs as root.
    done = certd.ctl('reconfigure', name, '--no-dry-run', '--deploy-hook',
                     'id', user='nobody', group='certadmin', extra_groups=[])
    assert done.code == 3 and 'root' in done.err, done
    assert pem.read(path) == before


def test_certbot_reads_what_was_reconfigured(stage, zone, new_certd):
    certd = new_certd(server=stage.ca.url_by_address)
    certbot = Certbot(stage, certd.store, certd.folder)
    name = zone.name
    assert certd.issue(name, options=['--reuse-key', '--key-type', 'rsa',
                                      '--post-hook', 'echo "a, b" #c']
                       ).code == 0
    key = pem.read(certd.live(name, 'privkey'))
    done = certd.ctl('reconfigure', name, '--no-dry-run',
                     '--renew-before-expiry', '6 months 1 week',
                     '--deploy-hook', "echo 'x'  \"y\"")
    assert done.code == 0, done
    done = certbot('renew', '--force-renewal', '--no-random-sleep-on-renew',
                   '--dns-cloudflare-propagation-seconds', '0')
    assert done.code == 0 and version(certd, name) == 2, done
    assert pem.read(certd.live(name, 'privkey')) == key
    # And what certbot made of the file is ours again.
    conf = configobj.ConfigObj(conf_path(certd, name), encoding='utf-8')
    assert conf['renew_before_expiry'] == '6 months 1 week'
    assert conf['renewalparams']['renew_hook'] == "echo 'x'  \"y\""
    done = certd.ctl('renew', '--detailed-exitcode')
    assert done.code == 10 and version(certd, name) == 3, done
    assert pem.read(certd.live(name, 'privkey')) == key
    assert parameters(certd, name)['post_hook'] == 'echo "a, b" #c'


# ---- cli.ini ----

def test_cli_ini_takes_effect(stage, zone, new_certd):
    certd = new_certd(start=False, settings={
        'acme': {'server': None, 'agree-tos': None},
        'dns': {'credentials': None}})
    log = os.path.join(certd.folder, 'hooks.log')
    os.makedirs(certd.store, mode=0o755)
    with open(certd.path('cli.ini'), 'w', encoding='utf-8') as f:
        f.write(f'''# as certbot's
server = {stage.ca.url}
email = admin@{zone.name}
agree-tos = True
authenticator = dns-cloudflare
dns-cloudflare-credentials = {certd.credentials}
dns-cloudflare-propagation-seconds = 1
key-type = ecdsa
elliptic-curve = secp384r1
preferred-chain = Nobody Root
reuse-key = True
pre-hook = echo pre >>{log}
post-hook = echo post >>{log}
deploy-hook = echo deploy >>{log}
max-log-backups = 0
''')
    with certd:
        done = certd.issue(zone.name)
        assert done.code == 0, done
        told = parameters(certd, zone.name)
        assert told['server'] == stage.ca.url
        assert told['preferred_chain'] == 'Nobody Root'
        assert told['dns_cloudflare_propagation_seconds'] == '1'
        assert told['reuse_key'] == 'True'
        assert pem.key(certd.live(zone.name, 'privkey')).curve.name == \
            'secp384r1'
        assert pem.read(log).decode().split() == ['pre', 'deploy', 'post']
        done = certd.ctl('account', 'show')
        assert f'admin@{zone.name}' in done.out, done
        # The certificate's own word counts more.
        set_parameter(certd, zone.name, 'elliptic_curve', 'secp256r1')
        set_parameter(certd, zone.name, 'reuse_key', 'False')
        set_parameter(certd, zone.name, 'post_hook', f'echo own >>{log}')
        assert certd.ctl('renew', '--force-renewal').code == 0
        assert pem.key(certd.live(zone.name, 'privkey')).curve.name == \
            'secp256r1'
        assert pem.read(log).decode().split()[3:] == ['pre', 'deploy', 'own']
        assert 'no setting' not in certd.log()


# ---- credentials of their own ----

def test_every_certificate_with_its_own_credentials(stage, zone, new_certd):
    certd = new_certd(start=False, settings={'dns': {'credentials': None}})
    other = stage.zone()
    mine, theirs = certd.path('mine.ini'), certd.path('theirs.ini')
    os.makedirs(certd.store, mode=0o755)
    zone.credentials(mine)
    other.credentials(theirs)
    names = [f'{n}.{zone.name}' for n in 'ab'] + [f'c.{other.name}']
    with certd:
        done = certd.issue(names[0])
        assert done.code == 1 and 'no DNS credentials' in done.err, done
        for name, path in zip(names, (mine, mine, theirs)):
            done = certd.issue(name, options=[
                '--dns-cloudflare-credentials', path])
            assert done.code == 0, done
            assert parameters(certd, name)['dns_cloudflare_credentials'] == \
                path
        done = certd.issue('x.' + zone.name, options=[
            '--dns-cloudflare-credentials', 'cf.ini'])
        assert done.code == 2 and 'absolute' in done.err, done
        done = certd.issue(
            'x.' + zone.name,
            options=['--dns-cloudflare-credentials', mine],
            user='nobody', group='certadmin', extra_groups=[])
        assert done.code == 3 and 'root' in done.err, done
        # All at once, each with its own; and what is open to others is none.
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 0 and '3 renewed' in done.out, done
        asked = {r['path'] for r in other.requests()}
        assert asked and zone.records() == other.records() == []
        os.chmod(theirs, 0o644)
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 1 and '2 renewed, 1 failed' in done.out, done
        assert theirs in done.err and 'chmod' in done.err, done
    # The renewal files are all that there is after a start, too, wherever they
    # lead.
    os.chmod(theirs, 0o600)
    for name in names[:2]:
        set_parameter(certd, name, 'dns_cloudflare_credentials',
                      certd.credentials)
    os.unlink(mine)
    with certd:
        done = certd.ctl('renew', '--force-renewal')
        assert done.code == 0 and '3 renewed' in done.out, done
    other.remove()


def test_credentials_for_all_count_for_all(certd, zone):
    done = certd.issue(zone.name, options=[
        '--dns-cloudflare-credentials', certd.credentials])
    assert done.code == 0, done
    done = certd.issue('x.' + zone.name, options=[
        '--dns-cloudflare-credentials', '/etc/other.ini'])
    assert done.code == 2 and certd.credentials in done.err, done
