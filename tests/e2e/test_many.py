"""A large store: what has not changed is not read again, and whatever anybody
changes is seen."""

import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'bench'))
from stage import process                                     # noqa: E402
from lineages import KINDS, Maker, write                        # noqa: E402

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


def read(path):
    with open(path, 'rb') as f:
        return f.read()


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


# ---- one change after the other, to a certd that believes to know all ----

def in_place(many, name, data):
    """As many bytes as before, in the same second."""
    path = many.path('archive', name, 'cert1.pem')
    before = os.stat(path)
    assert before.st_size == len(data)
    with open(path, 'r+b') as f:
        f.write(data)
    second = before.st_mtime_ns // 10 ** 9 * 10 ** 9
    os.utime(path, ns=(second, second + (before.st_mtime_ns + 1) % 10 ** 9))


def by_rename(many, name, data):
    path = many.path('archive', name, 'cert1.pem')
    write(path + '~', data)
    os.rename(path + '~', path)


def shorter_write(many, name, data):
    write(many.path('archive', name, 'cert1.pem'), data + b'\n')


def by_link(many, name, data):
    """What certbot does: a new version, then its links."""
    for kind in KINDS:
        old = read(many.live(name, kind))
        write(many.path('archive', name, kind + '2.pem'),
              {'cert': data, 'fullchain': data + many.maker.chain}.get(
                  kind, old))
    for kind in KINDS:
        os.unlink(many.live(name, kind))
        os.symlink(f'../../archive/{name}/{kind}2.pem', many.live(name, kind))


def by_folder(many, name, data):
    """What we do: the folder in live/ is another one."""
    by_link(many, name, data)
    new = many.path('live', name + '.other')
    os.mkdir(new)
    for kind in KINDS:
        os.symlink(f'../../archive/{name}/{kind}2.pem', f'{new}/{kind}.pem')
    os.rename(many.path('live', name), many.path('live', name + '.old'))
    os.rename(new, many.path('live', name))


def conf_edited(many, name, data):
    path = many.path('renewal', name + '.conf')
    text = read(path)
    with open(path, 'wb') as f:
        f.write(b'renew_before_expiry = 20 days\n' + text)


def conf_replaced(many, name, data):
    path = many.path('renewal', name + '.conf')
    write(path + '~', b'renew_before_expiry = 20 days\n' + read(path))
    os.rename(path + '~', path)


def same_size(maker, name, size):
    """A signature's length is a matter of luck."""
    while True:
        data = maker.certificate(name, [name, '*.' + name], 70)
        if len(data) == size:
            return data


CHANGES = (in_place, by_rename, shorter_write, by_link, by_folder,
           conf_edited, conf_replaced)


def texts(certd):
    done = renew(certd)
    assert done.code == 0, done
    return {o['name']: o['text'] for o in done.json['certificates']}


def watches(certd):
    """That certd has set, as the kernel counts them."""
    total = 0
    folder = f'/proc/{certd.process.pid}/fdinfo'
    for fd in os.listdir(folder):
        try:
            total += read(os.path.join(folder, fd)).count(b'inotify wd')
        except FileNotFoundError:
            pass                        # closed meanwhile
    return total


def believe(certd):
    """Renews until it has watches on all, and has looked once more."""
    deadline = time.monotonic() + 60
    while watches(certd) < 2 * len(certd.names) + 3:
        assert time.monotonic() < deadline, watches(certd)
        texts(certd)
    for _ in range(3):
        found = texts(certd)
    return found


def check_changes(certd, names, prepare):
    for change, name in zip(CHANGES, names):
        before = prepare(certd)
        size = os.path.getsize(certd.path('archive', name, 'cert1.pem'))
        change(certd, name, same_size(certd.maker, name, size))
        after = texts(certd)
        assert [n for n in before if after[n] != before[n]] == [name], \
            (change.__name__, before[name], after[name])


def test_each_change_is_seen_while_watches_are_believed(many):
    believe(many)
    check_changes(many, many.names, believe)
    before = believe(many)
    many.maker.make('added.' + many.names[0])
    after = texts(many)
    assert set(after) - set(before) == {'added.' + many.names[0]}
    many.names.append('added.' + many.names[0])
    believe(many)
    os.unlink(many.path('renewal', many.names[9] + '.conf'))
    assert set(after) - set(texts(many)) == {many.names[9]}
    # The key beside a certificate that is as it was.
    name = many.names[11]
    many.names.remove(many.names[9])
    believe(many)
    os.rename(many.path('archive', name, 'privkey1.pem'),
              many.path('archive', name, 'key'))
    done = renew(many)
    assert done.code == 1
    assert [o['name'] for o in done.json['certificates']
            if o['result'] != 'kept'] == [name]


def test_file_with_a_second_link_is_looked_at_each_time(many):
    """Who writes to it elsewhere is not heard."""
    name = many.names[3]
    path = many.path('archive', name, 'cert1.pem')
    other = many.path('elsewhere')
    os.mkdir(other)
    os.link(path, other + '/cert.pem')
    for _ in range(5):
        before = texts(many)
    write(other + '/cert.pem', many.maker.certificate(
        name, [name, '*.' + name], 70))
    after = texts(many)
    assert [n for n in before if after[n] != before[n]] == [name]


def helper(certd):
    """The process that looks too, before the first look."""
    found = [pid for pid in process.children(certd.process.pid)
             if process.status(pid)['Name'] == 'certd']
    assert len(found) <= 1, found
    return found[0] if found else None


def test_each_change_is_seen_in_a_large_store(zone, new_certd):
    """Of which only what decides is looked at each time, the first time by two
    processes, one of which may die."""
    certd = new_certd(start=False)
    certd.maker = Maker(certd.store)
    certd.names = [f'l{i:04}.one-of-a-thousand-and-ten.{zone.name}'
                   for i in range(1010)]
    for name in certd.names:
        certd.maker.make(name)
    assert os.stat(certd.path('renewal')).st_size >= 65536
    with certd:
        before = texts(certd)
        check_changes(certd, certd.names, texts)
    with certd:
        assert (helper(certd) is None) == (len(os.sched_getaffinity(0)) == 1)
        after = texts(certd)
        assert helper(certd) is None
    changed = certd.names[-7:] + certd.names[500:507]
    for change, name in zip(2 * CHANGES, changed):
        size = os.path.getsize(certd.path('archive', name, 'cert1.pem'))
        change(certd, name, same_size(certd.maker, name, size))
    with certd:
        found = texts(certd)
        assert {n for n in found if found[n] != after[n]} == set(changed)
    with certd:
        after = texts(certd)
    os.unlink(certd.path('renewal', certd.names[-1] + '.conf'))
    with certd:
        pid = helper(certd)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        found = texts(certd)
        assert set(after) - set(found) == {certd.names[-1]}
        assert all(found[n] == after[n] for n in found)


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
