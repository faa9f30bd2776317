"""A CA: Pebble, and haproxy before it. Pebble deadlocks for good when new orders
arrive at once, or one while an authorization is read and a certificate is stored,
so haproxy passes those two one at a time and all else freely."""

import csv
import json
import os
import socket
import ssl
import urllib.request

from . import net, process

HAPROXY = '''global
    maxconn 4096
    ssl-default-bind-options ssl-min-ver TLSv1.2
    tune.ssl.default-dh-param 2048
    stats socket {folder}/haproxy.sock mode 600
defaults
    mode http
    timeout connect 5s
    timeout client 2m
    timeout server 2m
    timeout queue 2m
    retries 0
frontend acme
    bind {front}:{port} ssl crt {certificate} alpn h2,http/1.1
    use_backend orders if {{ path /order-plz }} or {{ path_beg /authZ/ }}
    default_backend everything
backend orders
    server pebble {back}:{back_port} ssl verify required ca-file {ca_file} alpn h2,http/1.1 maxconn 1
backend everything
    server pebble {back}:{back_port} ssl verify required ca-file {ca_file} alpn h2,http/1.1
'''

ENVIRONMENT = {
    'PEBBLE_VA_NOSLEEP': '1',       # validate at once
    'PEBBLE_WFE_NONCEREJECT': '5',  # badNonce now and then, as by default
    'PEBBLE_AUTHZREUSE': '0',       # every order proves every name
}


class Ca:
    """A running CA. url is its directory, management its other port."""

    def __init__(self, processes, **places):
        self.processes = processes
        self.__dict__.update(places)
        self.places = places

    def _get(self, path):
        context = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(self.management + path, timeout=10,
                                    context=context) as reply:
            return reply.read().decode()

    def root(self, n=0):
        """PEM of the root that signs what this CA issues."""
        return self._get(f'/roots/{n}')

    def intermediate(self, n=0):
        return self._get(f'/intermediates/{n}')

    def status(self, serial_hex):
        """"Valid" or "Revoked"."""
        return json.loads(
            self._get(f'/cert-status-by-serial/{serial_hex}'))['Status']

    def reason(self, serial_hex):
        """Why it was revoked, as a number of RFC 5280."""
        return json.loads(self._get(
            f'/cert-status-by-serial/{serial_hex}')).get('Reason', 0)

    def requests(self):
        """How many requests haproxy has seen, as (requests, connections)."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(os.path.join(self.folder, 'haproxy.sock'))
            s.sendall(b'show stat\n')
            text = b''.join(iter(lambda: s.recv(65536), b'')).decode()
        rows = csv.DictReader(text.lstrip('# ').splitlines())
        row = next(r for r in rows if (r['pxname'], r['svname']) ==
                   ('acme', 'FRONTEND'))
        return int(row['req_tot']), int(row['stot'])

    def stop(self):
        for p in reversed(self.processes):
            process.stop(p)


def start(folder, world, port=None, keep=False, environment=(), resolver=None,
          **settings):
    """Starts a CA on the addresses of world. environment and settings are
    Pebble's (PEBBLE_..., keys of its configuration). resolver: whom it asks
    instead of the first name server."""
    os.makedirs(folder)
    front, back = world['acme_address'], world['pebble_address']
    port = port or net.free_port(front)
    back_port, management_port = net.free_port(back), net.free_port(back)
    config = {
        'listenAddress': f'{back}:{back_port}',
        'managementListenAddress': f'{back}:{management_port}',
        'certificate': world['certificate'],
        'privateKey': world['certificate_key'],
        'httpPort': 5002, 'tlsPort': 5001, 'ocspResponderURL': '',
        'externalAccountBindingRequired': False,
        'certificateValidityPeriod': 90 * 86400,
        **settings,
    }
    pebble_file = os.path.join(folder, 'pebble.json')
    with open(pebble_file, 'w', encoding='ascii') as f:
        json.dump({'pebble': config}, f, indent=1)
    haproxy_file = os.path.join(folder, 'haproxy.cfg')
    with open(haproxy_file, 'w', encoding='ascii') as f:
        f.write(HAPROXY.format(
            folder=folder, front=front, port=port, back=back,
            back_port=back_port, certificate=world['certificate'],
            ca_file=world['ca_file']))
    env = {'PATH': os.defpath, **ENVIRONMENT, **dict(environment)}
    logs = [os.path.join(folder, n) for n in ('pebble.log', 'haproxy.log')]
    pebble = process.spawn(
        ['/usr/bin/pebble', '-strict', '-config', pebble_file,
         '-dnsserver', (resolver or world['name_servers'][0]) + ':53'],
        logs[0], keep, env)
    haproxy = process.spawn(
        ['/usr/sbin/haproxy', '-db', '-q', '-f', haproxy_file], logs[1], keep)
    ca = Ca([pebble, haproxy], folder=folder, ca_file=world['ca_file'],
            host=world['acme_host'], port=port,
            url=f'https://{world["acme_host"]}:{port}/dir',
            url_by_address=f'https://{front}:{port}/dir',
            pebble=[back, back_port],
            management=f'https://{back}:{management_port}')
    try:
        process.wait_until(lambda: ca.root(), pebble, logs[0], 'pebble')
        context = ssl.create_default_context(cafile=world['ca_file'])
        process.wait_until(
            lambda: urllib.request.urlopen(
                ca.url_by_address, timeout=5, context=context).close() is None,
            haproxy, logs[1], 'haproxy')
    except BaseException:
        ca.stop()
        raise
    return ca
