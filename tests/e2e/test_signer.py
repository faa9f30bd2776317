"""certd-sign alone, at the end of a socket as the monitor holds it."""

import array
import base64
import datetime
import hashlib
import hmac
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import msgpack
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.x509.oid import NameOID

BUILD = os.environ.get('STAGE_BUILD', 'build')
PROGRAM = os.path.join(BUILD, 'libexec', 'certd', 'certd-sign')
KILL = ['--jail-kill'] if os.environ.get('STAGE_JAIL') == 'kill' else []

# proto/messages.def
HELLO, KEY_MAKE, KEY_LOAD, ACCOUNT_MAKE, ACCOUNT_LOAD, KEY_DROP = (
    1, 90, 91, 92, 93, 94)
REGR_LOAD, REGR_SAVE, META_SAVE = 95, 96, 97
NEW_ACCOUNT, NEW_ORDER, GET, ANSWER, FINALIZE = 100, 101, 102, 103, 104
KEY_SAVE, KEY_AUTH, CHAIN_CHECK, INSPECT = 98, 105, 106, 107
(CLOSE, REVOKE, REVOKE_OWN, CONTACT, DEACTIVATE, ROLL_OVER,
 FIND, NEW_ACCOUNT_BOUND) = range(108, 116)
KEY_READY, REGR, SAVED, JWS, DIGEST, CHAIN_GOOD, CERT_INFO, FAILED = range(
    120, 128)
P256, P384, RSA2048, RSA3072, RSA4096 = range(1, 6)

KID = 'https://ca.test/acct/1'
URL = 'https://ca.test/order'
NONCE = 'abc-_1'
NAMES = ['example.com', '*.example.com']


class Signer:
    """The process, and messages to and from it."""

    def __init__(self, *wrapper):
        self.sock, other = socket.socketpair()
        self.sock.settimeout(60)
        self.last = 0
        # As the monitor does: descriptor 3, an empty environment.
        start = (f'exec 3<&{other.fileno()}; exec "$@"')
        keep = {k: v for k, v in os.environ.items() if k.endswith('_OPTIONS')}
        self.process = subprocess.Popen(
            ['/bin/bash', '-c', start, 'sh', *wrapper, PROGRAM, *KILL],
            pass_fds=[other.fileno()], stderr=subprocess.PIPE, text=True,
            env={'PATH': '/usr/bin:/bin', **keep})
        other.close()
        assert self.receive()[::2] == [HELLO, 1]
        self.send(HELLO, 0, 1)

    def send(self, kind, number, *fields, fd=None):
        body = msgpack.packb([kind, number, *fields])
        frame = struct.pack('>I', len(body)) + body
        aux = [] if fd is None else [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))]
        sent = self.sock.sendmsg([frame], aux)
        if sent < len(frame):  # it may have gone, having heard it all
            self.sock.sendall(frame[sent:])

    def exactly(self, n):
        data = b''
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise EOFError('certd-sign is gone: '
                               + self.process.stderr.read())
            data += part
        return data

    def receive(self):
        size, = struct.unpack('>I', self.exactly(4))
        return msgpack.unpackb(self.exactly(size))

    def ask(self, kind, *fields, fd=None):
        self.last += 1
        self.send(kind, self.last, *fields, fd=fd)
        answer = self.receive()
        assert answer[1] == self.last
        return answer[0], answer[2:]

    def good(self, kind, *fields, fd=None):
        got, values = self.ask(kind, *fields, fd=fd)
        assert got != FAILED, values
        return values

    def bad(self, kind, *fields, fd=None):
        got, values = self.ask(kind, *fields, fd=fd)
        assert got == FAILED
        return values[0]

    def into(self, kind, *fields):
        """A request with an empty file; the answer, and what is in it."""
        with tempfile.TemporaryFile() as f:
            values = self.good(kind, *fields, fd=f.fileno())
            f.seek(0)
            return values, f.read()

    def of(self, kind, *fields, data):
        """A request with a file that holds data: the message's type and
        fields."""
        with tempfile.TemporaryFile() as f:
            f.write(data)
            f.seek(0)
            return self.ask(kind, *fields, fd=f.fileno())

    def end(self):
        self.sock.close()
        status = self.process.wait(60)
        return status, self.process.stderr.read()


@pytest.fixture(name='signer')
def fixture_signer():
    s = Signer()
    yield s
    status, text = s.end()
    assert (status, text) == (0, '')


def b64u(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def key_of_jwk(jwk):
    number = {k: int.from_bytes(b64u(v), 'big') for k, v in jwk.items()
              if k not in ('kty', 'crv')}
    curve = {'P-256': ec.SECP256R1(), 'P-384': ec.SECP384R1()}[jwk['crv']]
    return ec.EllipticCurvePublicNumbers(
        number['x'], number['y'], curve).public_key()


def opened(body, key):
    """Header and payload of a JWS, whose signature is verified."""
    jws = json.loads(body)
    assert set(jws) == {'protected', 'payload', 'signature'}
    signed = f'{jws["protected"]}.{jws["payload"]}'.encode()
    sig = b64u(jws['signature'])
    if isinstance(key, ec.EllipticCurvePublicKey):
        half = len(sig) // 2
        der = utils.encode_dss_signature(int.from_bytes(sig[:half], 'big'),
                                         int.from_bytes(sig[half:], 'big'))
        key.verify(der, signed, ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(sig, signed, padding.PKCS1v15(), hashes.SHA256())
    return json.loads(b64u(jws['protected'])), b64u(jws['payload'])


def certbot_id(public):
    pem = public.public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.md5(pem).hexdigest()


def load_jwk(text):
    josepy = pytest.importorskip('josepy')
    return josepy.JWK.json_loads(text)


def chain_for(public, names, days=90):
    """A leaf for this key and its CA, PEM."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'CA')])
    now = datetime.datetime.utcnow() - datetime.timedelta(minutes=1)

    def cert(subject, key, is_ca):
        b = x509.CertificateBuilder(
            issuer_name=ca, subject_name=subject, public_key=key,
            serial_number=0x1234, not_valid_before=now,
            not_valid_after=now + datetime.timedelta(days=days)
        ).add_extension(x509.BasicConstraints(is_ca, None), True)
        if not is_ca:
            b = b.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(n) for n in names]), True)
        return b.sign(ca_key, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM)

    return (cert(x509.Name([]), public, False)
            + cert(ca, ca_key.public_key(), True))


def test_issuance_as_the_monitor_does_it(signer):
    (kind, name, thumb), jwk = signer.into(ACCOUNT_MAKE, 1)
    public = key_of_jwk(json.loads(jwk))
    assert kind == P256 and name == certbot_id(public)
    josepy_key = load_jwk(jwk.decode())
    assert b64u(thumb) == josepy_key.thumbprint()

    header, payload = opened(signer.good(
        NEW_ACCOUNT, 1, URL, NONCE, ['mailto:a@example.com'], True)[0], public)
    assert header == {'alg': 'ES256', 'url': URL, 'nonce': NONCE,
                      'jwk': {k: v for k, v in json.loads(jwk).items()
                              if k != 'd'}}
    assert json.loads(payload) == {'termsOfServiceAgreed': True,
                                   'contact': ['mailto:a@example.com']}

    (kind, _, _), pem = signer.into(KEY_MAKE, 2, P384)
    assert kind == P384
    key = serialization.load_pem_private_key(pem, None)
    place = 1, KID, URL, NONCE
    header, payload = opened(signer.good(NEW_ORDER, *place, NAMES)[0], public)
    assert header == {'alg': 'ES256', 'url': URL, 'nonce': NONCE, 'kid': KID}
    assert json.loads(payload) == {'identifiers': [
        {'type': 'dns', 'value': n} for n in NAMES]}
    assert opened(signer.good(GET, *place)[0], public)[1] == b''
    assert opened(signer.good(ANSWER, *place)[0], public)[1] == b'{}'

    token = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'
    digest, = signer.good(KEY_AUTH, 1, token)
    assert b64u(digest) == hashlib.sha256(f'{token}.{thumb}'.encode()).digest()

    _, payload = opened(signer.good(FINALIZE, *place, 2, NAMES, False)[0],
                        public)
    csr = x509.load_der_x509_csr(b64u(json.loads(payload)['csr']))
    assert csr.is_signature_valid
    assert csr.public_key().public_numbers() == key.public_key().public_numbers()
    assert isinstance(csr.signature_hash_algorithm, hashes.SHA384)

    chain = chain_for(key.public_key(), NAMES)
    leaf, rest, top, *said = signer.good(CHAIN_CHECK, 2, NAMES, chain)
    assert leaf + rest == chain and top == 'CA'
    assert 'missing' in signer.bad(CHAIN_CHECK, 2, NAMES + ['a.test'], chain)

    got, info = signer.of(INSPECT, data=leaf + rest)
    assert got == CERT_INFO and info == said
    assert info[:4] == [NAMES, '1234', 'CN=CA', P384]
    assert info[4] == certbot_id(key.public_key())


def test_operations_have_these_payloads(signer):
    """RFC 8555 sections 7.3.2 to 7.3.6, 7.5.2."""
    _, jwk = signer.into(ACCOUNT_MAKE, 1)
    public = key_of_jwk(json.loads(jwk))
    with_kid = {'alg': 'ES256', 'url': URL, 'nonce': NONCE, 'kid': KID}
    at_account = {**with_kid, 'url': KID}

    def payload(kind, expected, *fields):
        header, text = opened(signer.good(kind, *fields)[0], public)
        assert header == expected
        return json.loads(text)
    assert payload(CONTACT, at_account, 1, KID, NONCE, ['mailto:a@b.test']) \
        == {'contact': ['mailto:a@b.test']}
    assert payload(CONTACT, at_account, 1, KID, NONCE, []) == {'contact': []}
    assert payload(DEACTIVATE, at_account, 1, KID, NONCE) == {
        'status': 'deactivated'}
    assert payload(CLOSE, with_kid, 1, KID, URL, NONCE) == {
        'status': 'deactivated'}
    header, text = opened(signer.good(FIND, 1, URL, NONCE)[0], public)
    assert 'kid' not in header and header['jwk']['kty'] == 'EC'
    assert json.loads(text) == {'onlyReturnExisting': True}


def test_account_is_bound_with_the_cas_key(signer):
    _, jwk = signer.into(ACCOUNT_MAKE, 1)
    jwk = {k: v for k, v in json.loads(jwk).items() if k != 'd'}
    secret = os.urandom(64)
    text = base64.urlsafe_b64encode(secret) + b'\n'    # with its padding
    for bits in 256, 384, 512:
        got, (body,) = signer.of(NEW_ACCOUNT_BOUND, 1, URL, NONCE, [], True,
                                 'customer "1"', bits, data=text)
        assert got == JWS
        _, payload = opened(body, key_of_jwk(jwk))
        bound = json.loads(payload)['externalAccountBinding']
        assert json.loads(b64u(bound['protected'])) == {
            'alg': f'HS{bits}', 'kid': 'customer "1"', 'url': URL}
        assert json.loads(b64u(bound['payload'])) == jwk
        signed = f'{bound["protected"]}.{bound["payload"]}'.encode()
        assert b64u(bound['signature']) == hmac.digest(
            secret, signed, f'sha{bits}')
    for bits, data in ((128, text), (256, b'short'), (256, b''),
                       (256, b'a b' * 30), (256, b'A' * 4000)):
        got, (why,) = signer.of(NEW_ACCOUNT_BOUND, 1, URL, NONCE, [], True,
                                'x', bits, data=data)
        assert got == FAILED and 'HMAC' in why, why


def test_authorization_is_closed_nowhere_near_an_account(signer):
    signer.into(ACCOUNT_MAKE, 1)
    for url in (KID, KID + '/', KID + '?x', 'https://ca.test/acct',
                'https://ca.test/acct/2', 'https://ca.test/ACCT/1',
                'https://ca.test//acct/1', 'https://ca.test/%61cct/1',
                'https://ca.test/authz/1?acct'):
        assert 'could be an account' in signer.bad(CLOSE, 1, KID, url, NONCE)
    assert 'could be an account' in signer.bad(
        CLOSE, 1, 'https://ca.test/1', 'https://ca.test/authz/1', NONCE)


def test_key_change_is_signed_by_both_keys(signer):
    _, old = signer.into(ACCOUNT_MAKE, 1)
    _, new = signer.into(ACCOUNT_MAKE, 2)
    old, new = json.loads(old), json.loads(new)
    public = [{k: v for k, v in jwk.items() if k != 'd'} for jwk in (old, new)]
    body, = signer.good(ROLL_OVER, 1, KID, URL, NONCE, 2)
    header, inner = opened(body, key_of_jwk(old))
    assert header == {'alg': 'ES256', 'url': URL, 'nonce': NONCE, 'kid': KID}
    header, text = opened(inner, key_of_jwk(new))
    assert header == {'alg': 'ES256', 'url': URL, 'jwk': public[1]}
    assert json.loads(text) == {'account': KID, 'oldKey': public[0]}
    signer.into(KEY_MAKE, 3, P256)
    assert 'no account key' in signer.bad(ROLL_OVER, 1, KID, URL, NONCE, 3)
    assert 'no account key' in signer.bad(ROLL_OVER, 3, KID, URL, NONCE, 1)


def test_revocation_with_either_key(signer):
    _, jwk = signer.into(ACCOUNT_MAKE, 1)
    account = key_of_jwk(json.loads(jwk))
    _, pem = signer.into(KEY_MAKE, 2, RSA2048)
    signer.into(KEY_MAKE, 3, P256)
    key = serialization.load_pem_private_key(pem, None).public_key()
    chain = chain_for(key, NAMES)
    der = x509.load_pem_x509_certificate(chain).public_bytes(
        serialization.Encoding.DER)

    got, (body,) = signer.of(REVOKE, 1, KID, URL, NONCE, 4, data=chain)
    header, text = opened(body, account)
    assert got == JWS and header['kid'] == KID and 'jwk' not in header
    assert json.loads(text)['reason'] == 4
    assert b64u(json.loads(text)['certificate']) == der
    got, (body,) = signer.of(REVOKE_OWN, 2, URL, NONCE, 1, data=chain)
    header, text = opened(body, key)
    assert got == JWS and header['alg'] == 'RS256' and 'kid' not in header
    assert header['jwk']['n'] and 'd' not in header['jwk']
    assert b64u(json.loads(text)['certificate']) == der
    # Another key, an account's key, no certificate.
    for number, data, text in ((3, chain, 'not that of the certificate'),
                               (1, chain, 'an account key'),
                               (2, b'nothing', 'no certificate')):
        got, (why,) = signer.of(REVOKE_OWN, number, URL, NONCE, 0, data=data)
        assert got == FAILED and text in why, why


def test_account_files_are_read_by_certbot(signer):
    certbot_account = pytest.importorskip('certbot._internal.account')
    messages = pytest.importorskip('acme.messages')
    _, jwk = signer.into(ACCOUNT_MAKE, 1)
    _, regr = signer.into(REGR_SAVE, KID)
    _, meta = signer.into(META_SAVE, 1800000000, 'host.test')
    account = certbot_account.Account(
        messages.RegistrationResource.json_loads(regr),
        load_jwk(jwk.decode()),
        certbot_account.Account.Meta.json_loads(meta))
    assert account.regr.uri == KID
    assert account.meta.creation_host == 'host.test'
    got, (kind, name, _) = signer.of(ACCOUNT_LOAD, 2, data=jwk)
    assert (got, kind, name) == (KEY_READY, P256, account.id)
    assert signer.of(REGR_LOAD, data=regr) == (REGR, [KID])


def test_account_of_certbot_is_loaded(signer):
    josepy = pytest.importorskip('josepy')
    from cryptography.hazmat.primitives.asymmetric import rsa
    key = rsa.generate_private_key(65537, 2048)
    text = josepy.JWKRSA(key=key).json_dumps().encode()
    got, (kind, name, thumb) = signer.of(ACCOUNT_LOAD, 9, data=text)
    assert (got, kind, name) == (KEY_READY, RSA2048,
                                 certbot_id(key.public_key()))
    header, _ = opened(signer.good(GET, 9, KID, URL, NONCE)[0],
                       key.public_key())
    assert header['alg'] == 'RS256'
    assert b64u(thumb) == josepy.JWKRSA(key=key).thumbprint()


@pytest.mark.parametrize('kind', [P256, P384, RSA2048, RSA3072, RSA4096])
def test_key_is_made_and_loaded(signer, kind):
    (made, name, _), pem = signer.into(KEY_MAKE, 1, kind)
    key = serialization.load_pem_private_key(pem, None)
    assert (made, name) == (kind, certbot_id(key.public_key()))
    assert pem.startswith(b'-----BEGIN PRIVATE KEY-----\n')
    got, (loaded, again, _) = signer.of(KEY_LOAD, 2, data=pem)
    assert (got, loaded, again) == (KEY_READY, kind, name)


@pytest.mark.parametrize('kind', [P384, RSA2048])
def test_key_is_copied_from_file_to_file(signer, kind):
    _, pem = signer.into(KEY_MAKE, 1, kind)
    assert signer.of(KEY_LOAD, 2, data=pem)[0] == KEY_READY
    assert signer.into(KEY_SAVE, 2) == ([], pem)
    # An account's key is no certificate's, and what is not there is nothing.
    signer.into(ACCOUNT_MAKE, 3)
    for number, why in (3, 'an account key'), (4, 'no key 4'):
        with tempfile.TemporaryFile() as f:
            assert why in signer.bad(KEY_SAVE, number, fd=f.fileno())
            assert f.seek(0, 2) == 0


def test_failures_are_answers(signer):
    signer.into(KEY_MAKE, 1, P256)
    signer.into(ACCOUNT_MAKE, 2)
    with tempfile.TemporaryFile() as f:
        assert 'exists already' in signer.bad(KEY_MAKE, 1, P256, fd=f.fileno())
        assert 'no key is made' in signer.bad(KEY_MAKE, 3, 6, fd=f.fileno())
        assert f.seek(0, 2) == 0
    with open('/dev/null', 'rb') as f:
        assert 'regular' in signer.bad(KEY_LOAD, 3, fd=f.fileno())
        assert 'Bad file' in signer.bad(ACCOUNT_MAKE, 3, fd=f.fileno())
    assert 'no account key' in signer.bad(GET, 1, KID, URL, NONCE)
    assert 'an account key' in signer.bad(FINALIZE, 2, KID, URL, NONCE, 2,
                                          NAMES, False)
    assert 'no key 7' in signer.bad(KEY_AUTH, 7, 'token')
    for request, number in (KEY_LOAD, [3]), (ACCOUNT_LOAD, [3]), (
            REGR_LOAD, []), (INSPECT, []):
        for data in b'', b'\x1b[31m\n{"', b'x' * 200000:
            assert signer.of(request, *number, data=data)[0] == FAILED
    signer.send(KEY_DROP, 77, 1)
    assert 'no key 1' in signer.bad(CHAIN_CHECK, 1, NAMES, b'')


def test_many_requests_at_once(signer):
    """Nothing assumes that the monitor waits for an answer."""
    _, jwk = signer.into(ACCOUNT_MAKE, 1)
    public = key_of_jwk(json.loads(jwk))
    for number in range(1000, 1400):
        signer.send(GET, number, 1, KID, f'{URL}/{number}', NONCE)
    for number in range(1000, 1400):
        kind, got, body = signer.receive()
        assert (kind, got) == (JWS, number)
        assert opened(body, public)[0]['url'] == f'{URL}/{number}'


def test_large_keys_hold_up_nobody(signer):
    """They are made one after the other, beside everything else; those that are
    not wanted any more are not made."""
    large = range(100, 108)
    with tempfile.TemporaryFile() as f:
        for number in large:
            signer.send(KEY_MAKE, number, number, RSA4096, fd=f.fileno())
        signer.send(KEY_MAKE, 1, 1, P256, fd=f.fileno())
        signer.send(KEY_AUTH, 2, 1, 'token')
        answers = [signer.receive() for _ in range(2)]
        while {1, 2} - {a[1] for a in answers}:
            answers.append(signer.receive())
        assert len(answers) < 8, answers    # two, unless we were asleep
        for number in reversed(large):
            signer.send(KEY_DROP, 0, number)
        answers += [signer.receive() for _ in range(10 - len(answers))]
    assert {a[1]: a[0] for a in answers}[1] == KEY_READY
    dropped = [a for a in answers if a[0] == FAILED and a[1] in large]
    assert dropped and all('dropped meanwhile' in a[2] for a in dropped)
    assert 'no key 100' in signer.bad(FINALIZE, 1, KID, URL, NONCE, 100,
                                      NAMES, False)


def test_end_does_not_wait_for_large_keys():
    s = Signer()
    with tempfile.TemporaryFile() as f:
        for number in range(1, 60):
            s.send(KEY_MAKE, number, number, RSA4096, fd=f.fileno())
        s.send(KEY_AUTH, 60, 1, 'token')
        while s.receive()[1] != 60:
            pass
        assert len(os.listdir(f'/proc/{s.process.pid}/task')) == 3
        start = time.monotonic()
        s.process.send_signal(signal.SIGTERM)
        assert s.end() == (0, '')
        assert time.monotonic() - start < 20    # 60 of them take a minute


def forms(number, size):
    """How a number can lie in memory: as such, as OpenSSL keeps it, as text."""
    big = number.to_bytes(size, 'big')
    return [big[-24:], big[::-1][-24:], big[:24].hex().encode(),
            base64.urlsafe_b64encode(big[:24])]


def writable_memory(pid):
    with open(f'/proc/{pid}/maps', encoding='ascii') as f:
        areas = [line.split()[:2] for line in f]
    with open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for area, mode in areas:
            begin, end = (int(n, 16) for n in area.split('-'))
            if mode.startswith('rw'):
                mem.seek(begin)
                yield mem.read(end - begin)


@pytest.mark.skipif(
    os.geteuid() != 0 or os.path.basename(BUILD) == 'san',
    reason='needs root; the sanitizer has terabytes to search')
def test_dropped_keys_are_gone_from_memory(signer):
    _, jwk = signer.into(ACCOUNT_MAKE, 1)
    d = int.from_bytes(b64u(json.loads(jwk)['d']), 'big')
    _, pem = signer.into(KEY_MAKE, 2, P256)
    _, rsa_pem = signer.into(KEY_MAKE, 3, RSA2048)
    signer.of(KEY_LOAD, 4, data=rsa_pem)
    for key in 2, 3, 4:
        signer.good(FINALIZE, 1, KID, URL, NONCE, key, NAMES, False)
    ec_key, rsa_key = (serialization.load_pem_private_key(p, None)
                       .private_numbers() for p in (pem, rsa_pem))
    secrets = [*forms(d, 32), *forms(ec_key.private_value, 32),
               *forms(rsa_key.d, 256), *forms(rsa_key.p, 128),
               *forms(rsa_key.q, 128), *forms(rsa_key.dmp1, 128),
               pem.splitlines()[2], rsa_pem.splitlines()[12]]

    def found():
        memory = list(writable_memory(signer.process.pid))
        return {i for i, s in enumerate(secrets) if any(s in m for m in memory)}

    assert len(found()) == 6        # each number, once in OpenSSL's form
    for key in 1, 2, 3, 4:
        signer.send(KEY_DROP, 0, key)
    assert 'no key 1' in signer.bad(GET, 1, KID, URL, NONCE)
    assert found() == set()


def test_sigterm_ends_it():
    s = Signer()
    s.into(KEY_MAKE, 1, P256)
    s.process.send_signal(signal.SIGTERM)
    assert s.process.wait(30) == 0
    assert s.end() == (0, '')


def test_foreign_message_ends_it():
    s = Signer()
    s.send(JWS, 5, b'x')
    assert s.end()[0] == 1


def test_without_descriptor_says_why():
    done = subprocess.run([PROGRAM], close_fds=True, capture_output=True,
                          text=True, env={}, check=False)
    assert done.returncode == 1 and 'descriptor 3' in done.stderr
    version = subprocess.run([PROGRAM, '--version'], capture_output=True,
                             text=True, check=True).stdout
    assert version.startswith('certd-sign ')


def measure():
    """Run by hand: time of a request, peak of memory."""
    s = Signer()
    s.into(ACCOUNT_MAKE, 1)
    start = time.perf_counter()
    for _ in range(2000):
        s.good(GET, 1, KID, URL, NONCE)
    each = (time.perf_counter() - start) / 2000
    for kind in P256, P384, RSA2048, RSA3072, RSA4096:
        start = time.perf_counter()
        _, pem = s.into(KEY_MAKE, 10 + kind, kind)
        made = time.perf_counter() - start
        start = time.perf_counter()
        s.of(KEY_LOAD, 20 + kind, data=pem)
        loaded = time.perf_counter() - start
        print(f'key kind {kind}: made in {made * 1e3:.1f} ms, '
              f'loaded in {loaded * 1e3:.1f} ms')
    with open(f'/proc/{s.process.pid}/status', encoding='ascii') as f:
        memory = [line.strip() for line in f
                  if line.startswith(('VmHWM', 'VmLck', 'VmData'))]
    print(f'ES256 JWS: {each * 1e6:.0f} us', *memory)
    print(s.end())


if __name__ == '__main__':
    sys.exit(measure())
