"""certctl doctor: what it finds, and that it changes nothing."""

import os
import shutil

from stage.files import tree


def findings(done, check=None, result=None):
    return [f for f in done.json['findings']
            if check in (None, f['check']) and result in (None, f['result'])]


def test_doctor_names_what_is_broken_and_exits_1(certd, zone):
    good = certd.ctl('doctor', '--json')
    assert not findings(good, 'certificates', 'bad'), good
    with open(certd.path('renewal', zone.name + '.conf'), 'w',
              encoding='ascii'):
        pass
    done = certd.ctl('doctor', '--json')
    assert done.code == 1, done
    bad, = findings(done, 'certificates', 'bad')
    assert bad['subject'] == zone.name, bad
    assert f'renewal/{zone.name}.conf is empty' in bad['found'], bad
    assert bad['todo'], bad
    plain = certd.ctl('doctor')
    assert plain.code == 1 and bad['found'] in plain.out, plain


def test_doctor_without_certd_says_so(new_certd):
    certd = new_certd(start=False)
    os.makedirs(certd.runtime)
    done = certd.ctl('doctor', '--json')
    assert done.code == 4, done
    bad, = findings(done, 'certd', 'bad')
    assert 'systemctl start certd.socket' in bad['todo'], bad


def edit(path, old, new):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    assert old in text
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text.replace(old, new))


def test_doctor_on_a_store_that_is_well(certd, zone):
    for check in ('accounts', 'certificates'):
        first, = findings(certd.ctl('doctor', '--json'), check)
        assert 'none yet' in first['found'], first
    assert certd.issue(zone.name).code == 0
    before = tree(certd.store)
    done = certd.ctl('doctor', '--json')
    ours = [f for c in ('store', 'accounts', 'certificates', 'remains')
            for f in findings(done, c)]
    assert {f['result'] for f in ours} == {'ok'}, done
    said = {(f['check'], f['subject']): f['found'] for f in ours}
    assert 'kept as it is' in said['store', certd.path('live')]
    assert 'will be renewed after' in said['certificates', zone.name]
    assert 'used by 1 certificate' in next(
        v for (c, s), v in said.items() if c == 'accounts')
    assert tree(certd.store) == before


def test_doctor_finds_what_is_not_broken_but_wrong(certd, zone):
    """Each finding with what to do, and nothing is changed."""
    for _ in range(2):
        assert certd.issue(zone.name, options=['--force-renewal']).code == 0
    conf = certd.path('renewal', zone.name + '.conf')
    key = certd.path('archive', zone.name, 'privkey2.pem')

    def finds(check, result, subject, *words):
        before = tree(certd.store)
        found = [f for f in findings(certd.ctl('doctor', '--json'), check,
                                     result) if f['subject'] == subject]
        assert found, (check, subject, certd.ctl('doctor'))
        for word in words:
            assert any(word in f['found'] + f['todo'] for f in found), found
        assert tree(certd.store) == before

    os.chmod(key, 0o644)
    finds('certificates', 'bad', zone.name, 'anybody can read', 'chmod o=')
    os.chmod(key, 0o600)
    edit(conf, 'authenticator = dns-cloudflare', 'authenticator = webroot')
    finds('certificates', 'bad', zone.name, '"webroot"', 'certctl issue')
    edit(conf, 'authenticator = webroot', 'authenticator = dns-cloudflare\n'
         'autorenew = False')
    finds('certificates', 'warn', zone.name, 'autorenew is switched off')
    edit(conf, 'autorenew = False', '')
    edit(conf, 'version = ', 'renew_before_expiry = soon\nversion = ')
    finds('certificates', 'warn', zone.name, 'renew_before_expiry = soon',
          'such as 30 days')
    edit(conf, 'renew_before_expiry = soon\n', '')
    assert certd.ctl('restore', zone.name, '1').code == 0
    finds('certificates', 'warn', zone.name, 'which was restored',
          f'certctl restore {zone.name} 2')
    # By hand, as an administrator of certbot would.
    for kind in ('cert', 'privkey', 'chain', 'fullchain'):
        os.unlink(certd.live(zone.name, kind))
        os.symlink(f'../../archive/{zone.name}/{kind}1.pem',
                   certd.live(zone.name, kind))
    edit(conf, 'held_until', 'was_held_until')
    finds('certificates', 'warn', zone.name, 'left as it is')
    # Remains, accounts, directories.
    shutil.copytree(certd.path('archive', zone.name),
                    certd.path('archive', 'old.test'))
    finds('remains', 'warn', 'archive/old.test', 'certctl delete old.test')
    os.chmod(certd.path('archive'), 0o777)
    finds('store', 'bad', certd.path('archive'), 'chmod go-w')
    os.chmod(certd.path('archive'), 0o710)
    folder, = [p for p in tree(certd.path('accounts'))
               if p.endswith('/private_key.json')]
    account = os.path.dirname(folder)
    os.chmod(certd.path('accounts', folder), 0o444)
    finds('accounts', 'bad', account, 'open to others', 'chmod 400')
    os.chmod(certd.path('accounts', folder), 0o400)
    os.rename(certd.path('accounts', account),
              certd.path('accounts', '.away'))
    finds('accounts', 'bad', zone.name, os.path.basename(account), 'backup')
