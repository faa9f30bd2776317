"""Certificates as a forger makes them: everything may be wrong."""

import base64
import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def b64u(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def opened(jws):
    """Protected header and payload of a JWS."""
    parts = json.loads(jws)
    assert set(parts) == {'protected', 'payload', 'signature'}, parts
    return json.loads(b64u(parts['protected'])), b64u(parts['payload'])


def csr_of(jws):
    return x509.load_der_x509_csr(b64u(json.loads(opened(jws)[1])['csr']))


def subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Forger:
    """A CA of the attacker."""

    def __init__(self, name='Forger'):
        self.name, self.key = subject(name), ec.generate_private_key(
            ec.SECP256R1())
        self.certificate = self.make(
            self.key.public_key(), None, ca=True, subject_name=self.name)

    def make(self, public, names, ca=False, subject_name=None, days=(-1, 30),
             key=None, digest=None, extra=(), serial=None):
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder(
            self.name, subject_name or x509.Name([]), public,
            serial or x509.random_serial_number(),
            now + datetime.timedelta(days=days[0]),
            now + datetime.timedelta(days=days[1])) \
            .add_extension(x509.BasicConstraints(ca, None), True)
        if names is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(n) for n in names] + list(extra)),
                not subject_name)
        return builder.sign(key or self.key, digest or hashes.SHA256())

    def pem(self, *certificates):
        return b''.join(c.public_bytes(PEM) for c in
                        [*certificates, self.certificate])


def private_pem(key=None):
    return (key or ec.generate_private_key(ec.SECP256R1())).private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
