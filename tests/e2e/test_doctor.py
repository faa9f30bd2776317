"""certctl doctor: what it finds, and that it changes nothing."""

import os


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
