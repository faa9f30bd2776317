"""Two authoritative name servers (knotd). Zones come and go while they run: the
catalog zone names them, the emulator writes it by dynamic update."""

import os
import socket

from . import process

CONFIG = '''server:
    rundir: {folder}
    listen: {address}@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: {folder}/db
    journal-db-mode: asynchronous
    journal-db-max-size: 64M
key:
  - id: stage
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: stage
    key: stage
    action: [update, transfer]
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
    acl: stage
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
  - id: member
    storage: {folder}
    file: "%s.zone"
    acl: stage
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
zone:
  - domain: .
    file: root.zone
  - domain: catalog.invalid
    file: catalog.zone
    catalog-role: interpret
    catalog-template: member
'''

CATALOG = '''catalog.invalid. 0 SOA invalid. invalid. 1 3600 600 86400 0
catalog.invalid. 0 NS invalid.
version.catalog.invalid. 0 TXT "2"
'''


def start(folder, address, secret, hosts, keep):
    """A knotd on address; hosts (name: address) stand in its root zone, so that
    it answers every question, as a resolver would: what nobody has made is
    NXDOMAIN. Returns the process and its folder."""
    os.makedirs(os.path.join(folder, 'db'))
    files = {
        'knot.conf': CONFIG.format(folder=folder, address=address,
                                   secret=secret),
        'catalog.zone': CATALOG,
        'root.zone': '. 5 SOA ns1.stage.test. hostmaster.stage.test. '
                     '1 3600 600 86400 5\n'
                     '. 5 NS ns1.stage.test.\n. 5 NS ns2.stage.test.\n'
                     + ''.join(f'{h}. 5 A {a}\n' for h, a in hosts.items()),
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), 'w', encoding='ascii') as f:
            f.write(text)
    log = os.path.join(folder, 'knotd.log')
    server = process.spawn(
        ['/usr/sbin/knotd', '-c', os.path.join(folder, 'knot.conf')], log,
        keep)

    def answers():
        import dns.message
        import dns.query
        query = dns.message.make_query('ns1.stage.test', 'A')
        try:
            return bool(dns.query.udp(query, address, timeout=0.3).answer)
        except dns.exception.Timeout:
            return False
    try:
        process.wait_until(answers, server, log, f'knotd on {address}')
    except socket.gaierror as e:
        raise RuntimeError(f'no address {address}: {e}') from e
    return server
