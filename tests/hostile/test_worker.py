"""A worker that was taken over speaks the protocol well, and means harm."""

import base64
import hashlib
import json
import os
import re
import socket
import threading
import time

import pytest
from cryptography import x509

from hostile.forge import Forger, b64u, csr_of, opened
from hostile.wire import body, frame
from stage import pem

NEW_ACCOUNT, NEW_ORDER, GET, ANSWER, FINALIZE, CLOSE = range(1, 7)
PHASES = ['start', 'order', 'final']
# When an issue job may have what signed (certd/monitor/policy.c). A verb that
# is not here is none for such a job, whatever is added to the protocol.
VERBS = {NEW_ORDER: {'start', 'order', 'final'}, GET: {'order', 'final'},
         ANSWER: {'order'}, FINALIZE: {'order', 'final'}, CLOSE: {'order'}}
PAYLOADS = {GET: b'', ANSWER: b'{}', CLOSE: b'{"status":"deactivated"}'}
TOKEN = 'A' * 43


# ---- made from the table: messages that are good, at the wrong time ----

def of_jobs(table):
    return [m for m in table.of('worker', 'monitor') if m['of_job']]


def test_messages_out_of_phase(scene, table):
    for row in of_jobs(table):
        for phase in PHASES:
            if not row['phases'] & table.phases[phase]:
                scene.cut_off(
                    'phase of the job', f'{row["name"]} in {phase}',
                    lambda c, w, row=row: c.send(frame(body(
                        row['number'], 9, table.good(row, job=w.id)))), phase)


def test_jobs_of_others(scene, table):
    """The neighbour's, one that waits for a worker, and none."""
    for row in of_jobs(table):
        _, work = scene.attacker()
        waits = max(j for j in scene.waiting if j != work.id)
        for label, job in (('the neighbour\'s', scene.neighbour.id),
                           ('one that waits', waits), ('0', 0),
                           ('the first', 1), ('one to come', 1 << 20),
                           ('the last', 0xffffffff)):
            scene.cut_off('job of another', f'{row["name"]}: {label}',
                          lambda c, w, row=row, job=job: c.send(frame(body(
                              row['number'], 9, table.good(row, job=job)))))


def test_before_hello_and_twice(scene, table):
    for row in table.of('worker', 'monitor'):
        def say(c, _, row=row):
            c.send(frame(body(row['number'], 9, table.good(row, job=1))))
        if row['name'] != 'hello':
            scene.stranger('before hello', row['name'], say, hello=False)
    for version in (0, 2, 0xffff):
        scene.stranger('before hello', f'version {version}',
                       lambda c, _, v=version: c.say('hello', v), hello=False)
    scene.cut_off('before hello', 'hello again',
                  lambda c, _: c.say('hello', table.version))


# ---- signatures ----

def places(ca):
    """URLs that are well-formed and not on the origin of the CA."""
    host, port = ca.host.split(':')
    return [
        f'https://{host}/order', f'https://{host}:443/order',
        f'https://{host}:{int(port) + 1}/order', f'https://{host}:1/order',
        f'https://{host}:{port[:-1]}/order', f'https://{host}.evil.test:{port}/',
        f'https://evil-{host}:{port}/', f'https://evil.{host}:{port}/',
        f'https://{host[:-1]}:{port}/', f'https://{host[1:]}:{port}/',
        f'https://{host.replace(".", "-")}:{port}/',
        f'https://{ca.address[0]}:{port}/order', f'https://[::1]:{port}/order',
        f'https://localhost:{port}/order', f'https://127.0.0.1:{port}/order',
        f'https://evil.test/{host}:{port}/order',
        f'https://evil.test/?https://{host}:{port}/',
        f'https://evil.test:{port}/order', 'https://evil.test/',
        f'https://xn--{host}:{port}/', f'https://{host}--:{port}/',
        'https://acme-v02.api.letsencrypt.org/acme/new-order',
        'https://169.254.169.254/latest/meta-data',
        'https://api.stage.test:8443/client/v4/zones']


def test_signatures_for_other_origins(scene):
    for url in places(scene.ca):
        for verb in VERBS:
            scene.refused(
                'other origin', f'verb {verb} on {url}',
                lambda c, w, v=verb, u=url: c.say('sign', w.id, v, u, 'n'),
                'start' if verb == NEW_ORDER else 'order', 'origin')
        for kind, phase in (('ordered', 'order'), ):
            scene.refused(
                'other origin', f'{kind} {url}',
                lambda c, w, k=kind, u=url: c.say(k, w.id, u), phase, 'origin')
        scene.refused('other origin', f'account_made {url}',
                      lambda c, w, u=url: c.say('account_made', w.id, u))


def test_verbs_out_of_turn(scene, table):
    field, = [f for f in table.rows['sign']['fields'] if f['name'] == 'verb']
    url = scene.ca.directory['newOrder']
    for verb in range(field['bound'] + 1):
        for phase in PHASES:
            if phase not in VERBS.get(verb, set()):
                scene.refused(
                    'verb', f'{verb} in {phase}',
                    lambda c, w, v=verb: c.say('sign', w.id, v, url, 'n'),
                    phase)


def test_what_is_signed_is_what_the_verb_means(scene):
    """Whatever stands in URL and nonce, the payload is certd's own."""
    base = f'https://{scene.ca.host}'
    urls = [scene.ca.directory[d] for d in
            ('newAccount', 'newOrder', 'revokeCert', 'keyChange')] + [
        f'{base}/?payload=' + base64.urlsafe_b64encode(
            b'{"status":"deactivated"}').decode().rstrip('='),
        f'{base}/{{'.replace('{', '%7B') + '%22payload%22%3A1%7D',
        f'{base}/a;b,c@d:e!$&\'()*+=~', f'{base}/' + 'x' * 900]
    nonces = ['n', 'A' * 256, base64.urlsafe_b64encode(
        b'{"identifiers":[{"type":"dns","value":"evil.test"}]}')
        .decode().rstrip('=')]
    for verb, phases in VERBS.items():
        for phase in sorted(phases):
            for url in urls:
                for nonce in nonces:
                    def ask(c, w, verb=verb, url=url, nonce=nonce):
                        if verb == CLOSE and not is_plain(url):
                            return      # refused: see below
                        jws = w.sign(verb, url, nonce)
                        meaning(scene, w, verb, url, nonce, jws)
                        if verb in (NEW_ORDER, FINALIZE):
                            scene.let_go()      # the phase is over
                    scene.in_vain('meaning', f'{verb} {phase}', ask, phase)


def meaning(scene, work, verb, url, nonce, jws):
    header, payload = opened(jws)
    assert header.pop('url') == url and header.pop('nonce') == nonce
    assert set(header) == {'alg', 'kid'}, header
    assert header['kid'].startswith(f'https://{scene.ca.host}/'), header
    if verb == NEW_ORDER:
        assert json.loads(payload) == {'identifiers': [
            {'type': 'dns', 'value': n} for n in work.names]}
    elif verb == FINALIZE:
        csr = csr_of(jws)
        names = csr.extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        assert sorted(names) == sorted(work.names)
        assert set(json.loads(payload)) == {'csr'} and csr.is_signature_valid
    else:
        assert payload == PAYLOADS[verb]


def is_plain(url):
    return re.fullmatch(r'https://[^/]*(/[-._~A-Za-z0-9]+)*', url)


def test_verbs_have_their_numbers(table):
    assert [table.verbs[w] for w in (
        'new_account', 'new_order', 'get', 'answer', 'finalize', 'close')] == [
        NEW_ACCOUNT, NEW_ORDER, GET, ANSWER, FINALIZE, CLOSE]


def test_an_account_cannot_be_closed(scene):
    """Authorizations are closed with the words that close an account: nothing
    that could be one gets them."""
    def account(c, work):
        c.say('account_ask', work.id)
        return c.hear_only('account_is')[2]['url']
    url = account(*scene.attacker('start'))
    top, number = url.rsplit('/', 1)
    host, folder = top.rsplit('/', 1)
    for other in (
            url, url + '/', url + '/x', url + '?x', url + ';x', top, top + '/',
            f'{top}/other', f'{top}//{number}', f'{host}//{folder}/{number}',
            f'{host}/{folder.upper()}/{number}', f'{host}/%6d{folder[1:]}/x',
            f'{top}/%2e%2e/{folder}/{number}'.replace('/%2e%2e', ''),
            f'{host}/x?/{folder}/{number}', f'{host}/{folder};a=b/{number}',
            f'{host}/x%2f..%2f{folder}/{number}', f'{host}/{folder}%00/x'):
        scene.refused('close', other, lambda c, w, u=other: c.say(
            'sign', w.id, CLOSE, u, 'n'), 'order', 'account')


BUDGETS = {NEW_ORDER: 48, GET: 400 + 2 * 150, ANSWER: 8 + 2 * 16,
           FINALIZE: 48, CLOSE: 16 + 2 * 12}


@pytest.mark.parametrize('verb', VERBS)
def test_signatures_past_the_budget(scene, verb):
    c, work = scene.attacker('start' if verb == NEW_ORDER else 'order')
    url = scene.ca.directory['newOrder']
    for n in range(BUDGETS[verb]):
        work.sign(verb, url, f'n{n}')
    c.say('sign', work.id, verb, url, 'more')
    name, _, fields = c.hear_only('signature', 'refused')
    assert name == 'refused' and 'budget' in fields['reason'], fields
    # It is over: whatever comes is passed over.
    for _ in range(20):
        c.say('sign', work.id, verb, url, 'more')
    assert 'budget' in scene.job_ended()
    scene.check('past the budget')
    c.say('account_ask', scene.attacker()[1].id)
    assert c.hear()[0] == 'account_is', 'a signature behind the refusal'
    scene.tally['budget', 'refused'] += 1
    scene.tally['budget', 'in vain'] += 20


def test_a_budget_outlives_the_worker(scene):
    """A job that is taken up again by the next worker has what is left."""
    url = scene.ca.directory['newOrder']
    c, work = scene.attacker()
    for n in range(BUDGETS[NEW_ORDER] - 2):
        work.sign(NEW_ORDER, url, f'n{n}')
    c.close()
    # With room for all jobs: others may be given out before it.
    scene.connection = scene.new_worker(capacity=2 * scene.JOBS)
    number = work.id
    while (work := scene.take_job(scene.connection)).id != number:
        assert work.id in scene.waiting
    scene.work = work
    work.sign(NEW_ORDER, url, 'n')
    work.sign(NEW_ORDER, url, 'n')
    c = scene.connection
    c.say('sign', work.id, NEW_ORDER, url, 'n')
    name, _, fields = c.hear_only('signature', 'refused')
    assert name == 'refused' and 'budget' in fields['reason'], fields
    assert 'budget' in scene.job_ended()
    scene.check('another worker')
    scene.tally['budget', 'refused'] += 1


def test_words_that_cross_a_cancellation(scene, table):
    """What an honest worker has said of its order before it hears of the end is
    passed over, and it is not cut off, because other jobs are with it."""
    c, work = scene.attacker('order', fresh=True)
    job = work.id
    said = [(row['name'], frame(body(
        row['number'], 7, table.good(row, job=job)))) for row in of_jobs(table)
        if row['name'] in ('publish', 'ordered', 'chain', 'progress')]
    assert len(said) == 4
    before = scene.dns.records(scene.zone.name)
    cancel = threading.Thread(target=scene.certd.ctl,
                              args=('cancel', str(job)))
    cancel.start()
    c.hear_only('drop')
    for _, data in said:
        c.send(data)
    c.say('done', job)
    cancel.join()
    assert 'cancel' in scene.job_ended()
    # The connection is good for another job.
    c.say('account_ask', scene.attacker()[1].id)
    assert c.hear_only('account_is')[0] == 'account_is'
    assert scene.connection is c
    assert scene.dns.records(scene.zone.name) == before
    scene.check('crossing')
    scene.tally['crossing', 'in vain'] += len(said)


def test_replays(scene, table):
    """What was said in one job and connection is worth nothing in another."""
    c, work = scene.attacker('final')
    old, job = [], work.id
    for row in of_jobs(table):
        old.append((row['name'], frame(body(
            row['number'], 7, table.good(row, job=job)))))
    scene.refused('replay', 'the end of the job', lambda c, w: c.say(
        'chain', w.id, b'nothing'), 'final')
    for label, data in old:     # the job is over: passed over
        scene.in_vain('replay', f'{label} afterwards',
                      lambda c, _, d=data: c.send(d))
    for label, data in old:     # elsewhere: there is no such job
        scene.cut_off('replay', f'{label} elsewhere',
                      lambda c, _, d=data: c.send(d), fresh=True)


# ---- records ----

def test_records_of_other_names(scene):
    zone = scene.zone.name

    def names(work):
        own = work.names[0]
        return [zone, '*.' + zone, 'neighbour.' + zone, '*.neighbour.' + zone,
                'x.' + own, '*.x.' + own, own[1:], 'a' + own,
                own + '.evil.test', 'evil.test', '*.evil.test', 'stage.test',
                'ns1.stage.test', own.replace('.', '-', 1),
                own.split('.', 1)[1], 'xn--' + own]
    for i in range(len(names(scene.attacker()[1]))):
        scene.refused('name of another', f'{i}', lambda c, w, i=i: c.say(
            'publish', w.id, names(w)[i], TOKEN), 'order', 'not one of')


def test_tokens_that_are_none(scene):
    for token in ('A', 'AA', 'A' * 21, '-' * 21, '_'):
        scene.refused('token', token, lambda c, w, t=token: c.say(
            'publish', w.id, w.names[0], t), 'order', 'token')


def test_a_record_is_a_digest_and_goes_with_its_job(scene):
    """The attacker chooses the token; what stands in DNS is its digest with the
    account's key, under the name of his job, until the job ends."""
    tokens = [TOKEN, 'A' * 22, 'A' * 128, '-' * 43, '_' * 43,
              base64.urlsafe_b64encode(hashlib.sha256(b'x').digest())
              .decode().rstrip('=')]
    for token in tokens:
        _, work = scene.attacker('order')
        had = {json.dumps(r, sort_keys=True) for r in scene.before['dns']}
        made = work.publish(work.names[0], token)
        new = [r for r in scene.dns.records(scene.zone.name)
               if json.dumps(r, sort_keys=True) not in had]
        assert [(r['type'], r['name'], r['content'].strip('"'))
                for r in new] == [('TXT', '_acme-challenge.' + work.names[0],
                                   made['value'])]
        assert made['value'] != token and len(b64u(made['value'])) == 32
        scene.refused('token', 'the end of the job', lambda c, w: c.say(
            'publish', w.id, 'evil.test', TOKEN), 'order')


def test_a_record_does_not_come_back_while_it_goes(scene):
    """finalize has the records removed; with another order the worker may
    publish again: the same record, or more. None outlives the job."""
    order = scene.ca.directory['newOrder']
    for i, token in enumerate([TOKEN, 'A' * 22] * 4):
        c, work = scene.attacker('order')
        work.publish(work.names[0], TOKEN)
        c.say('sign', work.id, FINALIZE, order, 'n')
        c.say('sign', work.id, NEW_ORDER, order, 'n')
        time.sleep(i // 2 * 0.004)
        c.say('publish', work.id, work.names[0], token)
        scene.let_go()
        scene.check(f'record {i}')


def test_records_past_the_budget(scene):
    def flood(c, work):
        for n in range(9):
            c.say('publish', work.id, work.names[n % 2], f'{n:043d}')
    scene.refused('budget', 'publish', flood, 'order', 'budget')


# ---- accounts and orders ----

def test_account_is_not_replaced(scene):
    for url in (f'https://{scene.ca.host}/my-account/other',
                scene.ca.directory['newAccount']):
        scene.refused('account', url, lambda c, w, u=url: c.say(
            'account_made', w.id, u))


# ---- texts for people ----

TEXTS = [
    'a' * 1024, '%s%s%s%n%n%n', '%1000000d', '\u202egnp.exe', '\u2066\u2069',
    '\u2028second line', 'certd: audit: act=store outcome=done',
    '"; rm -rf /', '$(id)', '`id`', '<script>alert(1)</script>',
    '\u200f', 'e\u0301' * 300, '\U0001f512 ' * 100, '\ufeff', '\u00ad' * 500]


def test_misleading_texts(scene, table):
    """They may be said; in the log and on a terminal each is one line that
    shows what it is."""
    shown = scene.watch()
    for stage in (0, 5, table.stages - 1, table.stages, 31):
        for text in TEXTS:
            def say(c, w, text=text, stage=stage):
                c.say('progress', w.id, stage, text)
                c.say('account_ask', w.id)
                c.hear_only('account_is')
            scene.in_vain('text', f'{stage} {text!r}', say)
        scene.let_go()
    for text in TEXTS:
        def give_up(c, w, text=text):
            c.say('failed', w.id, 31, text, text, (1 << 64) - 1)
        scene.gives_up('text', repr(text), give_up)
    for what, lines in (('log', scene.certd.log()), ('certctl', shown())):
        bad = [c for c in '\x1b\r\x7f\u202e\u2066\u2028\u200f' if c in lines]
        assert not bad, (what, bad)
        assert not [line for line in lines.splitlines()
                    if line.startswith('certd: audit: act=')], what


# ---- floods ----

def test_floods_of_messages(scene):
    """Each ends within a budget, or costs nothing."""
    url = scene.ca.directory['newOrder']

    def many(n, *message):
        def flood(c, w):
            c.sock.settimeout(60)
            for _ in range(n):
                c.say(message[0], w.id, *message[1:])
        return flood
    scene.in_vain('flood', '20,000 x progress', many(
        20000, 'progress', 5, 'x' * 200))
    scene.let_go()
    assert scene.certd.log().count('x' * 200) < 1000
    scene.refused('flood', '4,000 x ordered', many(4000, 'ordered', url),
                  'order', 'budget')
    scene.refused('flood', '4,000 x account_ask', many(4000, 'account_ask'),
                  told='budget')
    scene.cut_off('flood', '1,000 x ready', lambda c, _: [
        c.say('ready', n % 1000) for n in range(1000)])


def test_a_worker_that_does_not_read(scene):
    """Answers pile up in certd until it has had enough."""
    def deaf(c, w):
        c.say('account_ask', w.id)
        data = frame(body(scene.table.number('account_ask'), 1, [w.id])) * 1000
        c.sock.setblocking(False)
        for _ in range(4000):
            try:
                c.sock.send(data)
            except BlockingIOError:
                break
            except OSError:
                return
        c.sock.settimeout(60)
    scene.in_vain('flood', 'deaf', deaf)
    scene.let_go()


def test_half_and_slow_frames(scene):
    """They wait alone: nobody else does."""
    good = frame(body(scene.table.number('ready'), 1, [1]))
    held = []
    for n in range(1, len(good)):
        c = scene.new_worker(capacity=0)
        c.send(good[:n])
        held.append(c)
        scene.last = 0
        scene.check(f'half a frame: {n}')
        scene.tally['half frame', 'in vain'] += 1
    scene.attacker()            # there is room for an honest one
    for c, n in zip(held, range(1, len(good))):
        for i in range(n, len(good)):
            c.send(good[i:i + 1])
        c.close()
        scene.tally['slow frame', 'in vain'] += 1
    for n in (1, 3, 4, 6):
        scene.stranger('half frame', f'{n} bytes, and gone', lambda c, _, n=n:
                       (c.send(good[:n]), c.sock.shutdown(socket.SHUT_WR)))


def test_ten_thousand_connections(scene):
    """As many as the kernel lets through, most of them held."""
    held, turned_away = [], 0
    for _ in range(10000):
        try:
            c = scene.new_worker(capacity=0, hello=len(held) % 2 == 0,
                                 patience=0.0)
        except BlockingIOError:
            turned_away += 1
            continue
        held.append(c)
        if len(held) > 500:
            held.pop(0).close()
    scene.last = 0
    scene.check('10,000 connections')
    for c in held:
        c.close()
    scene.tally['connection', 'in vain'] += 10000
    scene.finds_room()
    assert len(scene.certd.log()) < 4 << 20


def test_descriptors_where_none_belong(scene):
    ready = frame(body(scene.table.number('account_ask'), 1, [1]))
    fds = [os.open('/dev/null', os.O_RDONLY) for _ in range(253)]
    mem = os.open('/proc/self/mem', os.O_RDONLY)
    pipe = os.pipe()
    try:
        for label, at, some in (
                ('253', 0, fds), ('in the length', 2, fds[:1]),
                ('in the body', 5, fds[:1]), ('two in the body', 6, fds[:2]),
                ('memory', 0, [mem]), ('a pipe', 0, [pipe[0]]),
                ('both ends', 0, list(pipe))):
            def act(c, _, at=at, some=some):
                if at:
                    c.send(ready[:at])
                c.send(ready[at:], some)
            scene.cut_off('descriptor', label, act)
    finally:
        for fd in (*fds, mem, *pipe):
            os.close(fd)
    pid = scene.certd.pids()['certd']
    assert not [fd for fd in os.listdir(f'/proc/{pid}/fd')
                if os.readlink(f'/proc/{pid}/fd/{fd}').startswith(
                    ('/dev/null', '/proc', 'pipe:[x'))][3:]


# ---- other users at the worker's door ----

def test_only_the_worker_is_heard(scene):
    for user in ('nobody', '_certd-sign', '_certd-dns', 'root'):
        try:
            c = scene.connect_worker_as(user)
        except PermissionError:
            scene.tally['wrong user', 'no entry'] += 1
            continue
        assert user == 'root', f'{user} was let in'
        assert c.is_closed()
        scene.admin.is_answered()       # the line comes after the end
        assert any('uid 0' in line for line in scene.log.read().splitlines())
        scene.tally['wrong user', 'cut off'] += 1
    scene.last = 0
    scene.check('other users')


# ---- what cannot be prevented ----

def test_what_an_owned_worker_can_do_all_the_same(scene):
    """Named in certd/PRIVSEP.md: refuse to work, lie about progress, bring a
    certificate of another CA for the job's own key and names. None of it gives
    the attacker a key, a token or another name."""
    scene.gives_up('all the same', 'gives the job up', lambda c, w: c.say(
        'done', w.id))
    c, work = scene.attacker('order')
    csr = csr_of(work.sign(FINALIZE, scene.ca.directory['newOrder'], 'n'))
    forger = Forger()
    work.store(forger.pem(forger.make(csr.public_key(), work.names)))
    owner = scene.waiting.pop(work.id)
    assert owner.result()['ok']
    scene.work = None
    scene.order_job(owner)
    name = work.names[0]
    assert pem.is_pair(scene.certd.live(name), scene.certd.live(
        name, 'privkey'))
    scene.tally['all the same', 'done'] += 1
