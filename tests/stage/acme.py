"""A look at the CA with an account's key: what it says of a resource."""

import base64
import json
import os
import ssl
import urllib.request

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def number(text):
    return int.from_bytes(
        base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)), 'big')


class Account:
    """folder: certbot's, with an EC key."""

    def __init__(self, ca, folder):
        self.ca = ca
        with open(os.path.join(folder, 'private_key.json'),
                  encoding='utf-8') as f:
            jwk = json.load(f)
        with open(os.path.join(folder, 'regr.json'), encoding='utf-8') as f:
            self.url = json.load(f)['uri']
        self.key = ec.EllipticCurvePrivateNumbers(
            number(jwk['d']), ec.EllipticCurvePublicNumbers(
                number(jwk['x']), number(jwk['y']),
                ec.SECP256R1())).private_key()

    def fetch(self, url, data=None, method=None):
        # The stage's names are not the machine's: the address instead, and
        # the CA's certificate is for both.
        at = url.replace(self.ca.host, self.ca.url_by_address.split('/')[2]
                         .rsplit(':', 1)[0], 1)
        request = urllib.request.Request(at, data, {
            'Content-Type': 'application/jose+json',
            'Host': f'{self.ca.host}:{self.ca.port}'}, method=method)
        return urllib.request.urlopen(
            request, timeout=30, context=ssl.create_default_context(
                cafile=self.ca.ca_file))

    def get(self, url):
        """The resource, by POST-as-GET; tried again where the nonce is
        refused."""
        directory = json.load(self.fetch(self.ca.url))
        for _ in range(20):
            nonce = self.fetch(directory['newNonce'],
                               method='HEAD').headers['Replay-Nonce']
            head = b64u(json.dumps({'alg': 'ES256', 'kid': self.url,
                                    'nonce': nonce, 'url': url}).encode())
            r, s = utils.decode_dss_signature(self.key.sign(
                f'{head}.'.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
            try:
                return json.load(self.fetch(url, json.dumps({
                    'protected': head, 'payload': '',
                    'signature': b64u(signature)}).encode()))
            except urllib.error.HTTPError as e:
                if 'badNonce' not in e.read().decode():
                    raise
        raise AssertionError('twenty nonces were refused')
