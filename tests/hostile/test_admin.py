"""The administrators' door: everybody else, and members of the admin group who
want more than they may."""

import grp
import os

import pytest

from hostile import wrong
from hostile.scene import Administrator, reason_of
from hostile.wire import Closed, Connection, body, frame

PARTS = 2


@pytest.fixture
def member():
    """A user who is only in the admin group."""
    return 'nobody', [grp.getgrnam('certadmin').gr_gid]


def knock(scene, who):
    return Connection(scene.table, scene.control, *who)


def cut_off(scene, who, kind, label, act):
    scene.attack_logged()
    c = knock(scene, who)
    act(c)
    assert c.is_closed(), f'{kind} {label}: the connection stays'
    c.close()
    reasons = scene.attack_logged()
    assert len(reasons) == 1, f'{kind} {label}: logged {reasons}'
    assert 'uid=' in reasons[0] and reason_of(reasons[0]), reasons
    after(scene, f'{kind} {label}')
    scene.tally['admin: ' + kind, 'cut off'] += 1


def refused(scene, who, kind, label, act, exit_status=None):
    """The request ends with an error, and an audit line."""
    scene.attack_logged()
    c = knock(scene, who)
    act(c)
    name, _, fields = c.hear_only('error', 'end', 'accepted', 'row', 'fact',
                                    'question', 'finding')
    assert name == 'error', f'{kind} {label}: {name} {fields}'
    assert exit_status in (None, fields['exit']), (label, fields)
    c.hear_only('end')
    c.close()
    assert len(scene.attack_logged()) == 1, f'{kind} {label}'
    after(scene, f'{kind} {label}')
    scene.tally['admin: ' + kind, 'refused'] += 1
    return fields['text']


def after(scene, label):
    scene.last = 0
    scene.check(label)


def requests(table):
    return [m for m in table.of('admin', 'monitor')
            if m['name'] not in ('hello', 'option')]


@pytest.mark.parametrize('part', range(PARTS))
def test_every_row_in_every_way(scene, table, member, part):
    own = table.of('admin', 'monitor')
    others = [m for m in table.messages if m not in own]
    attempts = [
        *wrong.of_table(table, own, 1),
        *list(wrong.of_table(table, others, 1, thorough=False))[::10],
        *wrong.of_others(table, 'admin'),
        *list(wrong.numbers_of_nobody(table))[::8],
        *list(wrong.frames(table))[:14]]
    for a in attempts[part::PARTS]:
        cut_off(scene, member, a.kind, a.label,
                lambda c, a=a: c.send(a.data, a.fds))


def test_what_is_roots_alone(scene, table, member):
    """Every option that is root's, with every request."""
    roots = [o for o in table.options if o['root']]
    assert {o['word'] for o in roots} >= {'pre-hook', 'post-hook',
                                          'deploy-hook'}
    for option in roots:
        for row in requests(table):
            for value in ('id', '/bin/sh -c id', ''):
                def ask(c, option=option, row=row, value=value):
                    c.say('option', option['number'], value)
                    c.send(frame(body(row['number'], 9, table.good(row))),
                           (0,) if row['fd'] else ())
                    c.say('status')     # where that was no request yet
                label = f'--{option["word"]} {value} {row["name"]}'
                try:
                    told = refused(scene, member, 'option of root', label,
                                   ask, 3)
                    assert 'only root' in told, told
                except Closed:  # certd has no use for this request yet
                    assert 'is not served' in scene.attack_logged()[0], label


def test_options_that_do_not_exist(scene, table, member):
    field, = [f for f in table.rows['option']['fields']
              if f['name'] == 'option']
    known = {o['number'] for o in table.options}
    for number in set(range(field['bound'] + 1)) - known:
        def ask(c, number=number):
            c.say('option', number, 'x')
            c.say('issue', ['a.' + scene.zone.name])
        refused(scene, member, 'unknown option', str(number), ask, 3)


def test_paths_in_names(scene, table, member):
    number, = [o['number'] for o in table.options if o['word'] == 'cert-name']
    names = ['../x', '../../etc/x', '/etc/x', '.', '..', 'a/b', './a', '-x',
             'a/../../b', '.certd', '~/x', 'x/', '', ' ', '\u202ex']
    for name in names:
        def ask(c, name=name):
            c.say('option', number, name)
            c.say('issue', [f'p{len(name)}.{scene.zone.name}'])
        if name not in (' ', '~/x', '', '\u202ex'):
            refused(scene, member, 'path', f'--cert-name {name!r}', ask)
        show_nothing(scene, member, name)


def show_nothing(scene, who, name):
    """An error, or a row that says why there is nothing to show."""
    c = knock(scene, who)
    c.say('show', name)
    got, _, fields = c.hear_only('error', 'row')
    if got == 'row':
        assert not fields['certificate'] and not fields['private_key'] and \
            not fields['names'] and fields['last_error'], fields
    c.hear_only('end')
    c.close()
    after(scene, f'show {name!r}')
    scene.tally['admin: path', 'refused'] += 1


VALUES = [
    ('server', 'http://ca.test/dir'), ('server', 'file:///etc/shadow'),
    ('server', 'https://a@b/'), ('server', '../x'), ('key-type', 'dsa'),
    ('key-type', '../../etc'), ('elliptic-curve', 'secp521r1'),
    ('rsa-key-size', '512'), ('rsa-key-size', '99999999999999999999'),
    ('rsa-key-size', '-2048')]


def test_values_that_are_none(scene, table, member):
    for option, value in VALUES:
        number, = [o['number'] for o in table.options if o['word'] == option]

        def ask(c, number=number, value=value):
            c.say('option', number, value)
            c.say('issue', ['a.' + scene.zone.name])
        refused(scene, member, 'value', f'--{option} {value}', ask)


def test_jobs_that_do_not_exist(scene, member):
    for request in ('watch', 'cancel'):
        for job in (1, 1 << 20, 0xffffffff):
            refused(scene, member, 'job', f'{request} {job}',
                    lambda c, r=request, j=job: c.say(r, j))


def test_requests_on_top_of_each_other(scene, table, member):
    """The first one of these does not end by itself."""
    for row in table.of('admin', 'monitor'):
        def ask(c, row=row):
            c.say('watch', 0)
            c.send(frame(body(row['number'], 9, table.good(row))),
                   (0,) if row['fd'] else ())
        cut_off(scene, member, 'two requests', row['name'], ask)


def test_no_answer_holds_a_key(scene, member):
    """Whatever may be asked: paths are told, never what is in the files."""
    secrets = []
    for path in (scene.certd.live('neighbour.' + scene.zone.name, 'privkey'),
                 scene.certd.credentials):
        with open(path, encoding='ascii') as f:
            secrets += [line for line in f.read().split() if len(line) > 20]
    assert len(secrets) >= 3
    c = knock(scene, member)
    seen = []
    for request, *fields in (('list',), ('status',),
                             ('show', 'neighbour.' + scene.zone.name)):
        c.say(request, *fields)
        while True:
            name, _, values = c.hear()
            seen.append(str(values))
            if name == 'end':
                break
    text = '\n'.join(seen)
    assert 'neighbour.' in text
    assert not [s for s in secrets if s in text and not s.startswith('---')]
    assert 'PRIVATE KEY' not in text
    after(scene, 'questions')
    scene.tally['admin: keys', 'not told'] += 3


def test_strangers_are_not_heard(scene, table):
    """By the mode of the socket; and where that was lost, by who they are,
    before a byte is read."""
    for user in ('nobody', '_acmew', '_certd-sign', '_certd-dns'):
        with pytest.raises(PermissionError):
            Connection(table, scene.control, user)
        scene.tally['stranger', 'no entry'] += 1
    mode = os.stat(scene.control).st_mode
    os.chmod(scene.control, 0o666)
    try:
        for user in ('nobody', '_acmew', '_certd-sign', '_certd-dns'):
            for data in (frame(body(table.number('list'), 1, [])),
                         frame(b'\xdd\xff\xff\xff\xff'), b'garbage' * 100, b''):
                stranger_told(scene, table, user, data)
    finally:
        os.chmod(scene.control, mode)


def stranger_told(scene, table, user, data):
    scene.attack_logged()
    c = Connection(table, scene.control, user, hello=False)
    c.send(data)
    name, _, fields = c.hear()
    assert (name, fields['exit']) == ('error', 3), fields
    assert c.hear()[0] == 'end' and c.is_closed()
    c.close()
    logged = [r for r in scene.attack_logged() if 'admin group' in r]
    assert len(logged) == 1, logged
    after(scene, f'{user}')
    scene.tally['stranger', 'turned away'] += 1


def test_strangers_at_an_open_worker_door(scene, table):
    mode = os.stat(scene.worker_socket).st_mode
    os.chmod(scene.worker_socket, 0o666)
    try:
        for user in ('nobody', '_certd-sign', '_certd-dns', None):
            c = Connection(table, scene.worker_socket, user)
            c.say('ready', 100)
            assert c.is_closed()
            c.close()
            after(scene, f'{user}')
            scene.tally['stranger', 'turned away'] += 1
    finally:
        os.chmod(scene.worker_socket, mode)
    assert scene.certd.log().count("is not the worker's") == 4


def test_many_administrators(scene, member):
    """They may crowd the door: for root there is room all the same."""
    held = [knock(scene, member) for _ in range(400)]
    for c in held[:200]:
        c.say('watch', 0)
    after(scene, 'a crowd')
    Administrator(scene).is_answered()
    for c in held:
        c.close()
    scene.tally['admin: flood', 'in vain'] += 400
