"""The ways to ask for a certificate that exists already, in part or in whole;
what is asked of a person, and what a script must say."""

import os
import signal

import pytest

from stage import pem, terminal
from stage.lineage import parameters, version


def lineages(certd):
    return sorted(n[:-len('.conf')] for n in
                  os.listdir(certd.path('renewal')))


def domains(*names):
    return [a for n in names for a in ('-d', n)]


def serial_of(certd, lineage):
    return pem.serial(certd.live(lineage))


def orders(zone):
    """How many challenge records were made: no order without one."""
    return len(zone.requests('POST'))


def test_the_same_names_are_kept(certd, zone):
    a, b = zone.name, 'www.' + zone.name
    assert certd.issue(a, b).code == 0
    before = orders(zone)
    for options in ([], ['--keep-until-expiring'], ['-n']):
        done = certd.issue(b.upper(), a, options=options)
        assert done.code == 0 and 'not due' in done.out, done
    done = certd.ctl('issue', '--cert-name', a)
    assert done.code == 0 and 'not due' in done.out, done
    done = certd.ctl('certonly', '--cert-name', a, '-n', '--json')
    assert done.json['certificates'][0]['result'] == 'kept', done
    assert orders(zone) == before and version(certd, a) == 1
    done = certd.ctl('issue', '--cert-name', a, '--force-renewal')
    assert done.code == 0 and version(certd, a) == 2, done
    assert pem.names(certd.live(a)) == {a, b}
    assert lineages(certd) == [a]
    assert sorted(os.listdir(certd.path('archive', a))) == sorted(
        f'{kind}{n}.pem' for kind in ('cert', 'chain', 'fullchain', 'privkey')
        for n in (1, 2))


def test_more_names_need_expand(certd, zone):
    a, b = zone.name, 'www.' + zone.name
    assert certd.issue(a).code == 0
    before = orders(zone)
    done = certd.issue(a, b, options=['-n'])
    assert done.code == 1, done
    for word in (a, '--expand', '--duplicate'):
        assert word in done.err, done
    done = certd.issue(a, b, options=['--json'])
    assert done.code == 1 and '--expand' in done.json['error']['advice'], done
    assert orders(zone) == before and version(certd, a) == 1
    done = certd.issue(a, b, options=['--expand'])
    assert done.code == 0 and pem.names(certd.live(a)) == {a, b}, done
    assert lineages(certd) == [a] and version(certd, a) == 2


def test_fewer_or_other_names_are_no_new_lineage_unasked(certd, zone):
    a, b, c = zone.name, 'www.' + zone.name, 'c.' + zone.name
    assert certd.issue(a, b).code == 0
    before = orders(zone)
    for names in ((a,), (a, c)):
        done = certd.issue(*names)
        assert done.code == 1, done
        for word in ('--cert-name ' + a, '--expand', '--duplicate'):
            assert word in done.err, done
    assert orders(zone) == before and lineages(certd) == [a]
    done = certd.issue(a, options=['--duplicate'])
    assert done.code == 0, done
    assert lineages(certd) == [a, a + '-0001'] or \
        lineages(certd) == [a + '-0001', a]
    assert pem.names(certd.live(a + '-0001')) == {a}
    assert pem.names(certd.live(a)) == {a, b}
    # Another one of the same set, because it is asked for.
    assert certd.issue(a, options=['--duplicate']).code == 0
    assert pem.names(certd.live(a + '-0002')) == {a}


def test_cert_name_with_new_names(certd, zone):
    a, b = 'a.' + zone.name, 'b.' + zone.name
    assert certd.issue(a, options=['--cert-name', 'mine']).code == 0
    assert lineages(certd) == ['mine']
    # Nobody to ask: as certbot -n, yes.
    done = certd.issue(b, options=['--cert-name', 'mine'])
    assert done.code == 0 and pem.names(certd.live('mine')) == {b}, done
    done = certd.issue(a, options=['--cert-name', 'mine',
                                   '--renew-with-new-domains'])
    assert done.code == 0 and pem.names(certd.live('mine')) == {a}, done
    assert lineages(certd) == ['mine'] and version(certd, 'mine') == 3
    done = certd.ctl('issue', '--cert-name', 'no.such')
    assert done.code == 1 and 'no.such' in done.err, done


def test_a_person_is_asked(certd, zone):
    a, b, c = zone.name, 'www.' + zone.name, 'c.' + zone.name
    assert certd.issue(a).code == 0
    before = orders(zone)

    # Enter changes nothing, and neither does the end of input.
    for answer in ('', '3', None):
        done = certd.talk('issue', *domains(a, b),
                          answers=[('Enter: 3] ', answer)])
        assert done.code == 1, done
        assert '--expand' in done.text and a in done.text, done
    done = certd.talk('issue', *domains(a, b),
                      answers=[('Enter: 3] ', terminal.INTERRUPT)])
    assert done.code == -signal.SIGINT, done
    assert orders(zone) == before and version(certd, a) == 1

    done = certd.talk('issue', *domains(a, b), answers=[('Enter: 3] ', '1')])
    assert done.code == 0 and pem.names(certd.live(a)) == {a, b}, done

    done = certd.talk('issue', *domains(a, c), answers=[('Enter: 3] ', '2')])
    assert done.code == 0, done
    assert pem.names(certd.live(a + '-0001')) == {a, c}

    done = certd.talk('issue', *domains(a, 'd.' + a), answers=[
        ('Enter: 3] ', 'x'), ('Enter: 3] ', '1')])
    assert done.code == 0 and 'Please answer' in done.text, done
    assert pem.names(certd.live(a)) == {a, 'd.' + a}

    done = certd.talk('issue', '--cert-name', a, *domains(b),
                      answers=[('[Y/n] ', 'n')])
    assert done.code == 1 and '--renew-with-new-domains' in done.text, done
    assert pem.names(certd.live(a)) == {a, 'd.' + a}
    done = certd.talk('issue', '--cert-name', a, *domains(b),
                      answers=[('[Y/n] ', '')])
    assert done.code == 0 and pem.names(certd.live(a)) == {b}, done


def test_terms_are_asked_for_before_anything_begins(new_certd, zone):
    certd = new_certd(settings={'acme': {'agree-tos': None}})
    done = certd.issue(zone.name)
    assert done.code == 1 and '--agree-tos' in done.err, done
    done = certd.talk('issue', *domains(zone.name),
                      answers=[('[y/N] ', '')])
    assert done.code == 1 and 'terms of service' in done.text, done
    assert not os.path.exists(certd.path('accounts')) or not any(
        files for _, _, files in os.walk(certd.path('accounts')))
    assert zone.requests() == []
    done = certd.talk('issue', *domains(zone.name),
                      answers=[('[y/N] ', 'y')])
    assert done.code == 0 and os.path.exists(certd.live(zone.name)), done
    # There is an account now.
    assert certd.issue('b.' + zone.name).code == 0


@pytest.mark.parametrize('how', ['-n', '-q', '--json'])
def test_nobody_is_asked_who_does_not_want_it(certd, zone, how):
    a, b = zone.name, 'www.' + zone.name
    assert certd.issue(a).code == 0
    done = certd.talk('issue', how, *domains(a, b))
    assert done.code == 1 and '--expand' in done.text, done
    assert '[1-3' not in done.text, done


def test_key_type_needs_both_options(certd, zone):
    a = zone.name
    assert certd.issue(a).code == 0
    before = orders(zone)
    for options in (['--key-type', 'rsa'], ['--rsa-key-size', '3072'],
                    ['--key-type', 'rsa', '--force-renewal']):
        done = certd.issue(a, options=options)
        assert done.code == 1, done
        assert f'--cert-name {a}' in done.err and '--key-type' in done.err
    done = certd.talk('issue', *domains(a), '--key-type', 'rsa',
                      answers=[('[y/N] ', '')])
    assert done.code == 1, done
    assert orders(zone) == before and version(certd, a) == 1

    done = certd.issue(a, options=['--cert-name', a, '--key-type', 'rsa',
                                   '--rsa-key-size', '3072'])
    assert done.code == 0, done
    assert pem.key(certd.live(a, 'privkey')).key_size == 3072
    assert parameters(certd, a)['rsa_key_size'] == '3072'
    # It is what it should be now: kept, and renewed as it is.
    done = certd.issue(a, options=['--cert-name', a, '--key-type', 'rsa',
                                   '--rsa-key-size', '3072'])
    assert done.code == 0 and 'not due' in done.out, done
    assert certd.ctl('renew', '--force-renewal').code == 0
    assert pem.key(certd.live(a, 'privkey')).key_size == 3072
    done = certd.talk('issue', *domains(a), '--key-type', 'ecdsa',
                      answers=[('[y/N] ', 'yes')])
    assert done.code == 0, done
    assert pem.key(certd.live(a, 'privkey')).curve.name == 'secp256r1'
    assert 'rsa_key_size' not in parameters(certd, a)


def test_reuse_key_and_new_key(certd, zone):
    a = zone.name
    keys = []

    def key():
        done = pem.read(certd.live(a, 'privkey'))
        keys.append(done)
        assert pem.is_pair(certd.live(a), certd.live(a, 'privkey'))
        file = certd.path('archive', a, f'privkey{version(certd, a)}.pem')
        assert os.path.isfile(file) and not os.path.islink(file)
        assert os.stat(file).st_nlink == 1
        return done

    assert certd.issue(a, options=['--reuse-key']).code == 0
    first = key()
    assert parameters(certd, a)['reuse_key'] == 'True'
    os.chmod(certd.path('archive', a, 'privkey1.pem'), 0o640)
    assert certd.ctl('renew', '--force-renewal').code == 0
    assert key() == first
    assert os.stat(certd.path('archive', a, 'privkey2.pem')).st_mode & \
        0o777 == 0o640
    done = certd.issue(a, 'www.' + a, options=['--expand'])
    assert done.code == 0 and key() == first, done
    done = certd.ctl('issue', '--cert-name', a, '--elliptic-curve',
                     'secp384r1')
    assert done.code == 1 and '--new-key' in done.err, done
    done = certd.ctl('renew', '--force-renewal', '--elliptic-curve',
                     'secp384r1')
    assert done.code == 1 and '--new-key' in done.err, done
    done = certd.ctl('issue', '--cert-name', a, '--force-renewal', '--new-key')
    assert done.code == 0, done
    second = key()
    assert second != first
    assert parameters(certd, a)['reuse_key'] == 'True'
    assert certd.ctl('renew', '--force-renewal').code == 0
    assert key() == second
    done = certd.ctl('renew', '--force-renewal', '--no-reuse-key')
    assert done.code == 0 and key() not in (first, second), done
    assert 'reuse_key' not in parameters(certd, a)
    # A dry run takes the key over too, and changes nothing.
    assert certd.ctl('renew', '--dry-run', '--reuse-key').code == 0
    assert 'reuse_key' not in parameters(certd, a)
    assert not os.listdir(certd.path('.certd'))


def test_a_trial_never_replaces_a_real_certificate(certd, zone):
    a = zone.name
    assert certd.issue(a).code == 0
    before = orders(zone)
    for options in (['--staging'], ['--test-cert', '--force-renewal'],
                    ['--cert-name', a, '--staging', '-n']):
        done = certd.issue(a, options=options)
        assert done.code == 1 and '--break-my-certs' in done.err, done
    done = certd.issue(a, options=[
        '--server', 'https://acme-staging.stage.test/dir'])
    assert done.code == 1 and '--break-my-certs' in done.err, done
    assert orders(zone) == before and version(certd, a) == 1


def test_storage_is_checked_before_the_order(certd, zone):
    a = zone.name
    assert certd.issue(a).code == 0
    # What certbot leaves where it met this too late: archive without conf.
    os.makedirs(certd.path('archive', f'{a}-0001'))
    open(certd.path('archive', f'{a}-0001', 'x'), 'w').close()
    before = orders(zone)
    done = certd.issue('x.' + a, options=['--cert-name', f'{a}-0001'])
    assert done.code == 1 and f'{a}-0001' in done.err, done
    assert orders(zone) == before
    done = certd.issue(a, options=['--duplicate'])
    assert done.code == 0, done         # the next free number
    assert os.path.exists(certd.live(f'{a}-0002'))


def test_redundant_names_are_warned_of(certd, zone):
    done = certd.issue('*.' + zone.name, 'www.' + zone.name)
    assert f'www.{zone.name} is covered by *.{zone.name}' in done.err, done
    done = certd.issue('*.a.' + zone.name, 'a.' + zone.name,
                       'b.c.a.' + zone.name)
    assert done.code == 0 and 'covered' not in done.err, done


def test_small_key_waits_for_no_large_one(certd, zone, nothing_left):
    """Twenty keys of 4,096 bits take a while, one after the other."""
    large = [f'l{i}.{zone.name}' for i in range(20)]
    jobs = [str(certd.issue(name, options=[
        '--detach', '--json', '--key-type', 'rsa', '--rsa-key-size', '4096']
        ).json['certificates'][0]['job']) for name in large]
    done = certd.issue(zone.name)
    assert done.code == 0, done
    left = [job for job in jobs if certd.ctl('cancel', job).code == 0]
    assert len(left) > 3, 'it was ready at the end'
    certd.ctl('delete', '--cert-name', zone.name)
