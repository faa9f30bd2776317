"""A store with many lineages, as certbot would have left it: every certificate
has its own names; key and CA are shared, which nobody looks at here."""

import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SERVER = 'https://acme.stage.test:14000/dir'
KINDS = ('cert', 'chain', 'fullchain', 'privkey')
PEM = serialization.Encoding.PEM


def subject(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def write(path, data, mode=0o644):
    with open(path, 'wb') as f:
        f.write(data)
        os.fchmod(f.fileno(), mode)


def conf(store, name):
    lines = ['version = 2.1.0', f'archive_dir = {store}/archive/{name}']
    lines += [f'{kind} = {store}/live/{name}/{kind}.pem' for kind in KINDS]
    lines += ['[renewalparams]', 'account = ' + '0' * 32,
              'authenticator = dns-cloudflare', f'server = {SERVER}',
              'key_type = ecdsa']
    return '\n'.join(lines) + '\n'


class Maker:
    """Makes lineages in a store; days: how long each certificate lives from
    now on, of lifetime days."""

    def __init__(self, store, lifetime=90, parts=('live', 'archive', 'renewal')):
        self.store, self.lifetime = store, lifetime
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self.key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        self.now = datetime.datetime.utcnow()
        self.chain = self.certificate('bench CA', [], 3650)
        for part in parts:
            os.makedirs(os.path.join(store, part), exist_ok=True)

    def certificate(self, name, names, days):
        end = self.now + datetime.timedelta(days=days)
        builder = x509.CertificateBuilder(
            subject_name=subject(name), issuer_name=subject('bench CA'),
            public_key=self.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=end - datetime.timedelta(days=self.lifetime),
            not_valid_after=end)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(n) for n in names]), False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM)

    def leaf(self, name, days=80):
        return self.certificate(name, [name, '*.' + name], days)

    def bundle(self, name):
        return self.leaf(name) + self.chain

    def make(self, name, days=80):
        leaf = self.leaf(name, days)
        archive = os.path.join(self.store, 'archive', name)
        live = os.path.join(self.store, 'live', name)
        os.mkdir(archive)
        os.mkdir(live)
        for kind, data, mode in (('cert', leaf, 0o644),
                                 ('chain', self.chain, 0o644),
                                 ('fullchain', leaf + self.chain, 0o644),
                                 ('privkey', self.pem, 0o600)):
            write(f'{archive}/{kind}1.pem', data, mode)
            os.symlink(f'../../archive/{name}/{kind}1.pem',
                       f'{live}/{kind}.pem')
        write(os.path.join(self.store, 'renewal', name + '.conf'),
              conf(self.store, name).encode())


def name_of(i):
    return f'd{i:06}.example.net'


def in_parts(work, count):
    """work(i) for each i below count, on all processors."""
    workers = os.cpu_count() if count >= 1000 else 1
    children = []
    for first in range(1, workers):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                for i in range(first, count, workers):
                    work(i)
                status = 0
            finally:
                os._exit(status)
        children.append(pid)
    for i in range(0, count, workers):
        work(i)
    for pid in children:
        if os.waitpid(pid, 0)[1] != 0:
            raise OSError('a part was not made')


def fill(store, count, days=80):
    """count lineages that are not due."""
    maker = Maker(store)
    in_parts(lambda i: maker.make(name_of(i), days), count)
