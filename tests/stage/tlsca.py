"""A certificate authority that lives as long as the stage: for the HTTPS of
Pebble, of the emulator and of the servers that tests put up."""

import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())


def _builder(subject, issuer, key, days):
    now = datetime.datetime.utcnow()
    return x509.CertificateBuilder() \
        .subject_name(subject).issuer_name(issuer) \
        .public_key(key.public_key()) \
        .serial_number(x509.random_serial_number()) \
        .not_valid_before(now - datetime.timedelta(days=1)) \
        .not_valid_after(now + datetime.timedelta(days=days))


class Authority:
    def __init__(self, folder, name='stage'):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([
            x509.NameAttribute(NameOID.COMMON_NAME, f'{name} test root')])
        certificate = _builder(self.name, self.name, self.key, 2) \
            .add_extension(x509.BasicConstraints(True, None), True) \
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(
                self.key.public_key()), False) \
            .add_extension(x509.KeyUsage(
                False, False, False, False, False, True, True, False, False),
                True) \
            .sign(self.key, hashes.SHA256())
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.file = os.path.join(folder, f'{name}-root.pem')
        with open(self.file, 'wb') as f:
            f.write(self.pem)

    def issue(self, label, names, days=2):
        """A PEM file with a certificate for host names and addresses, and its
        key behind it; the key alone is beside it as LABEL.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        certificate = _builder(x509.Name([]), self.name, key, days) \
            .add_extension(x509.SubjectAlternativeName(alternatives), True) \
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self.key.public_key()), False) \
            .sign(self.key, hashes.SHA256())
        path = os.path.join(self.folder, label + '.pem')
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600),
                  'wb') as f:
            f.write(certificate.public_bytes(serialization.Encoding.PEM))
            f.write(_pem(key))
        with open(os.open(os.path.join(self.folder, label + '.key'),
                          os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600),
                  'wb') as f:
            f.write(_pem(key))
        return path
