"""What tests look at in certificates and keys."""

import re
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import serialization

_BLOCK = re.compile(rb'-----BEGIN CERTIFICATE-----.*?'
                    rb'-----END CERTIFICATE-----\n', re.S)


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def certificates(path):
    return [x509.load_pem_x509_certificate(b)
            for b in _BLOCK.findall(read(path))]


def names(path):
    """The DNS names of the first certificate, as a set."""
    extension = certificates(path)[0].extensions.get_extension_for_class(
        x509.SubjectAlternativeName)
    return set(extension.value.get_values_for_type(x509.DNSName))


def serial(path):
    return f'{certificates(path)[0].serial_number:x}'


def serial_of(text):
    """Of a certificate that is here as PEM text."""
    return f'{x509.load_pem_x509_certificate(text.encode()).serial_number:x}'


def key(path):
    return serialization.load_pem_private_key(read(path), None)


def public_bytes(public):
    return public.public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)


def is_pair(certificate, private_key):
    return public_bytes(certificates(certificate)[0].public_key()) == \
        public_bytes(key(private_key).public_key())


def verify(fullchain, root):
    """Checks the chain with openssl, which trusts nothing but root."""
    done = subprocess.run(
        ['openssl', 'verify', '-no-CApath', '-no-CAstore', '-CAfile', root,
         '-untrusted', fullchain, fullchain], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
