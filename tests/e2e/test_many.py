"""A large store: what has not changed is not read again, and whatever anybody
changes is seen."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'bench'))
from lineages import Maker, write                               # noqa: E402

COUNT = 300


@pytest.fixture
def many(zone, new_certd):
    """A certd with COUNT lineages that are not due, all of them looked at."""
    certd = new_certd(start=False)
    certd.maker = Maker(certd.store)
    certd.names = [f'h{i:03}.{zone.name}' for i in range(COUNT)]
    for name in certd.names:
        certd.maker.make(name)
    with certd:
        assert kept(certd) == COUNT
        yield certd


def outcomes(done):
    return [(o['name'], o['result']) for o in done.json['certificates']]


def renew(certd, *options):
    return certd.ctl('renew', '--json', *options)


def kept(certd):
    done = renew(certd)
    assert done.code == 0, done
    found = outcomes(done)
    assert all(status == 'kept' for _, status in found), found
    return len(found)


def renewed(certd):
    return [name for name, status in outcomes(renew(certd))
            if status != 'kept']


def test_nothing_due_says_nothing_in_brief(many):
    assert kept(many) == COUNT
    assert outcomes(renew(many, '--brief')) == []
    done = many.ctl('renew', '--quiet')
    assert (done.code, done.text) == (0, '')


def test_change_of_any_kind_is_seen(many):
    """A certificate written over in place, one linked anew, a renewal file
    edited, a lineage added, one removed."""
    one, two, three, four = many.names[5:9]
    soon = many.maker.certificate(one, [one, '*.' + one], 3)
    write(many.path('archive', one, 'cert1.pem'), soon)
    for kind in ('cert', 'chain', 'fullchain', 'privkey'):
        data = many.maker.certificate(two, [two, '*.' + two], 2) \
            if kind == 'cert' else open(many.live(two, kind), 'rb').read()
        write(many.path('archive', two, kind + '2.pem'), data)
        os.unlink(many.live(two, kind))
        os.symlink(f'../../archive/{two}/{kind}2.pem', many.live(two, kind))
    conf = many.path('renewal', three + '.conf')
    with open(conf, encoding='utf-8') as f:
        text = f.read()
    with open(conf, 'w', encoding='utf-8') as f:
        f.write('renew_before_expiry = 85 days\n' + text)
    added = 'added.' + four
    many.maker.make(added, days=4)
    os.unlink(many.path('renewal', four + '.conf'))
    assert sorted(renewed(many)) == sorted([one, two, three, added])
    assert kept(many) == COUNT


def test_broken_one_is_told_each_time_and_only_that(many):
    name = many.names[0]
    os.unlink(many.path('archive', name, 'cert1.pem'))
    for _ in range(2):
        done = renew(many)
        assert done.code == 1
        assert [o for o in outcomes(done) if o[1] != 'kept'] == \
            [(name, 'failed')]


def test_request_finds_who_has_its_names(many):
    """Also a lineage that came a moment ago, under another name."""
    name = many.names[7]
    done = many.ctl('issue', '--json', '-d', f'*.{name}', '-d', name)
    assert (done.code, outcomes(done)) == (0, [(name, 'kept')])
    other = 'x.' + name
    many.maker.make(other)
    os.rename(many.path('renewal', other + '.conf'),
              many.path('renewal', 'odd.conf'))
    for part in ('live', 'archive'):
        os.rename(many.path(part, other), many.path(part, 'odd'))
    conf = many.path('renewal', 'odd.conf')
    with open(conf, encoding='utf-8') as f:
        text = f.read()
    with open(conf, 'w', encoding='utf-8') as f:
        f.write(text.replace('/' + other, '/odd'))
    for kind in ('cert', 'chain', 'fullchain', 'privkey'):
        os.unlink(many.live('odd', kind))
        os.symlink(f'../../archive/odd/{kind}1.pem', many.live('odd', kind))
    done = many.ctl('issue', '--json', '-d', other, '-d', '*.' + other)
    assert (done.code, outcomes(done)) == (0, [('odd', 'kept')])


def test_own_certificates_are_found_too(many):
    new = ['n1.' + many.names[0], 'n2.' + many.names[0]]
    for name in new:
        assert many.issue(name).code == 0
    for name in new:
        done = many.ctl('issue', '--json', '-d', name)
        assert (done.code, outcomes(done)) == (0, [(name, 'kept')])
