"""Chains that a worker was never given: with another key, other names, forged,
expired, too many, too large, no certificates at all."""

import ipaddress
import itertools

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (Encoding,
                                                          PublicFormat, pkcs7)

from hostile.forge import Forger, csr_of, private_pem, subject
from stage import pem

NEW_ORDER, FINALIZE = 2, 5      # enum verb
RSA = rsa.generate_private_key(65537, 2048)


def chains(work, csr, neighbour, ca_chain):
    """What a forger could bring: [(label, PEM)]."""
    key, names = csr.public_key(), work.names
    other = ec.generate_private_key(ec.SECP256R1())
    forger, namesake = Forger(), Forger()
    good = forger.make(key, names)
    middle = forger.make(other.public_key(), None, ca=True,
                         subject_name=subject('Middle'))
    no_ca = forger.make(other.public_key(), ['ca.test'],
                        subject_name=subject('no CA'))
    stranger = Forger('no CA')
    stranger.key = other
    old = Forger()
    old.certificate = old.make(old.key.public_key(), None, ca=True,
                               subject_name=old.name, days=(-9, -1))
    text = forger.pem(good)

    def leaf(**more):
        return forger.pem(forger.make(
            more.pop('public', key), more.pop('names', names), **more))
    yield 'for another key', leaf(public=other.public_key())
    yield 'for an RSA key', leaf(public=RSA.public_key())
    yield 'a name is missing', leaf(names=names[:1])
    yield 'the wildcard is missing', leaf(names=[names[0]])
    yield 'only the wildcard', leaf(names=names[1:])
    yield 'a name more', leaf(names=names + ['evil.test'])
    yield 'another name', leaf(names=['evil.test'])
    yield 'a wildcard more', leaf(names=names + ['*.evil.test'])
    yield 'the zone too', leaf(names=names + [names[0].split('.', 1)[1]])
    yield 'a name with a NUL', leaf(names=names + [names[0] + '\0.evil.test'])
    yield 'no names', leaf(names=None)
    yield 'an empty name', leaf(names=names + [''])
    yield 'an address too', leaf(extra=[x509.IPAddress(
        ipaddress.ip_address('192.0.2.1'))])
    yield 'a mail address too', leaf(extra=[x509.RFC822Name('a@evil.test')])
    yield 'a URL too', leaf(extra=[x509.UniformResourceIdentifier(
        'https://evil.test/')])
    yield 'another common name', leaf(subject_name=subject('evil.test'))
    yield 'a name as common name only', leaf(
        names=None, subject_name=subject(names[0]))
    yield 'a CA', leaf(ca=True)
    yield 'expired', leaf(days=(-9, -1))
    yield 'not yet valid', leaf(days=(2, 30))
    yield 'signed by a namesake of its issuer', namesake.pem(good)
    yield 'signed with a foreign key', leaf(key=other)
    yield 'signed with SHA-1', leaf(digest=hashes.SHA1()) \
        if sha1_works() else b''
    yield 'its issuer has expired', old.pem(old.make(key, names))
    yield 'its issuer is no CA', forger.pem(stranger.make(
        key, names, key=other), no_ca)
    yield 'the issuer comes first', forger.certificate.public_bytes(
        Encoding.PEM) + good.public_bytes(Encoding.PEM)
    yield 'a stranger between', forger.pem(good, middle)
    yield 'the same twice', forger.pem(good, good)
    yield '11 certificates', text + forger.pem() * 9
    yield '100 certificates', text + forger.pem() * 98
    yield 'the neighbour\'s', neighbour
    yield 'the neighbour\'s behind it', text + neighbour
    yield 'the CA\'s own', ca_chain
    yield 'nothing', b''
    yield 'blanks', b' \n' * 100
    yield 'garbage', bytes(range(256)) * 16
    yield 'DER', good.public_bytes(Encoding.DER)
    yield 'garbage in PEM', b'-----BEGIN CERTIFICATE-----\nAAAA\n' \
        b'-----END CERTIFICATE-----\n'
    yield 'DER cut short, in PEM', text.replace(b'\n', b'\n', 1)[:200] + \
        b'\n-----END CERTIFICATE-----\n'
    yield 'no end', text[:-30]
    yield 'a private key in it', text + private_pem()
    yield 'a private key before it', private_pem() + text
    yield 'a private key alone', private_pem(other)
    yield 'the public key alone', key.public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield 'the request', csr.public_bytes(Encoding.PEM)
    yield 'PKCS #7', pkcs7.serialize_certificates([good], Encoding.PEM)
    yield 'another label', text.replace(b'CERTIFICATE', b'TRUSTED CERTIFICATE')
    yield 'an old label', text.replace(b'CERTIFICATE', b'X509 CERTIFICATE')
    yield 'text around it', b'subject=evil\n' + text
    yield 'headers in it', text.replace(
        b'-----\n', b'-----\nProc-Type: 4,ENCRYPTED\n\n', 1)
    yield 'NULs behind it', text + b'\0' * 8
    yield 'escapes behind it', text + b'\x1b[2J\n'
    yield '64 KiB in one line', b'A' * 65536
    yield 'many empty certificates', (b'-----BEGIN CERTIFICATE-----\n'
                                      b'-----END CERTIFICATE-----\n') * 1000


def sha1_works():
    try:
        Forger().make(ec.generate_private_key(ec.SECP256R1()).public_key(),
                      ['a.test'], digest=hashes.SHA1())
    except Exception:           # newer libraries sign nothing with it
        return False
    return True


def test_forged_chains(scene):
    def ask(c, work):
        url = scene.ca.directory['newOrder']
        work.account()
        work.sign(NEW_ORDER, url, 'n')
        csr = csr_of(work.sign(FINALIZE, url, 'n'))
        label, text = next(itertools.islice(chains(
            work, csr, neighbour, intermediate), at, None))
        labels.append(label)
        c.say('chain', work.id, text)
    neighbour = pem.read(scene.certd.live('neighbour.' + scene.zone.name))
    intermediate = scene.stage.ca.intermediate().encode()
    at, labels, n = 0, [], 55
    while at < n:
        scene.refused('chain', f'chain {at}', ask, told='certificate')
        if at == 0:
            _, work = scene.attacker()
            n = len(list(chains(work, _csr(scene), neighbour, b'')))
        at += 1
    assert len(set(labels)) == n > 50


def _csr(scene):
    _, work = scene.attacker('order')
    csr = csr_of(work.sign(FINALIZE, scene.ca.directory['newOrder'], 'n'))
    scene.let_go()
    return csr


def test_two_chains_at_once(scene):
    def twice(c, work):
        c.say('chain', work.id, b'x')
        c.say('chain', work.id, b'y')
    scene.refused('chain', 'two at once', twice, 'final')
