"""A CA that misbehaves: passes requests to Pebble, except for those that a rule
meets. Pebble makes its URLs from the Host header, so that every URL leads back
here.

A rule is a dict:
    path, method      which requests (path: a regular expression)
    skip, times       passes over the first, then strikes so often (-1: ever)
    rate              strikes with this probability only, always in the same
                      order for the same seed of the proxy
    status, body, headers   this answer instead; body: text. Without status:
                      the headers take the place of those of the answer
    bad_nonce         refuses the nonce of the request
    edit              a function from the answer's body to another one
    truncate          only so many bytes of the answer
    endless           a body that does not end
    drip              seconds before each byte of the body
    drop              "before" or "after" the request reached Pebble
    reset             likewise, with a reset of the connection
    delay             seconds to wait first
    tls               the connection ends before its handshake; such a rule is
                      for connections, and has only times besides

"struck" in it counts how often it did. The same stands before the emulator of Cloudflare with upstream='api'.
"""

import http.client
import http.server
import json
import random
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = 'HTTP/1.1', -1
    disable_nagle_algorithm = True
    proxy = None                # set by Proxy

    def log_message(self, format, *args):
        pass

    def handle(self):
        try:
            super().handle()
        except OSError:         # the client left: TLS errors are among these
            self.close_connection = True

    def do_GET(self):
        size = int(self.headers.get('Content-Length') or 0)
        body = self.rfile.read(size)
        rule = self.proxy.rule_for(self.command, self.path)
        time.sleep(rule.get('delay', 0))
        if self.leaves(rule, 'before'):
            return
        if 'bad_nonce' in rule:
            answer = self.proxy.bad_nonce()
        elif 'status' in rule:
            answer = rule['status'], rule.get('headers', {}), \
                rule.get('body', '').encode()
        else:
            status, headers, data = self.proxy.forward(
                self.command, self.path, self.headers, body)
            own = {n.lower() for n in rule.get('headers', {})}
            answer = status, {**{n: v for n, v in headers.items()
                                 if n.lower() not in own},
                              **rule.get('headers', {})}, data
        if not self.leaves(rule, 'after'):
            self.answer(rule, *answer)

    do_POST = do_HEAD = do_DELETE = do_PATCH = do_PUT = do_GET

    def leaves(self, rule, when):
        if rule.get('reset') == when:
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            # Not close(): the descriptor is the TLS object's.
            socket.socket(fileno=self.connection.detach()).close()
            self.close_connection = True
            raise ConnectionResetError('as told')
        if rule.get('drop') == when:
            self.close_connection = True
        return rule.get('drop') == when

    def answer(self, rule, status, headers, body):
        if 'edit' in rule:
            body = rule['edit'](body.decode()).encode()
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not rule.get('endless'):
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if 'truncate' in rule:
            body, self.close_connection = body[:rule['truncate']], True
        if 'drip' in rule:
            for i in range(len(body)):
                self.wfile.write(body[i:i + 1])
                self.wfile.flush()
                time.sleep(rule['drip'])
        elif self.command != 'HEAD':
            self.wfile.write(body)
        while rule.get('endless'):
            self.wfile.write(b' ' * 65536)
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128
    context = proxy = None

    def get_request(self):
        raw, address = super().get_request()
        if self.proxy.strike(lambda rule: 'tls' in rule):
            raw.close()
            raise OSError('as told')
        return self.context.wrap_socket(
            raw, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        pass


class Proxy:
    """As a context manager: listens, then stops. url is its directory."""

    def __init__(self, stage, *rules, ca=None, certificate=None,
                 upstream='ca', seed=1):
        self.world, self.ca = stage.world, ca or stage.ca
        self.upstream = (self.world['acme_address'], self.ca.port)
        if upstream == 'api':
            url = urllib.parse.urlsplit(self.world['api_control'])
            self.upstream = (url.hostname, url.port)
        self.rules = [dict(r) for r in rules]
        self.random = random.Random(seed)
        # (method, path) of each request, and when it came
        self.requests, self.times = [], []
        self.lock = threading.Lock()
        self.server = Server((self.world['fake_address'], 0), type(
            'Bound', (Handler,), {'proxy': self}))
        self.server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.context.load_cert_chain(
            certificate or self.world['certificate'])
        self.server.proxy = self
        self.port = self.server.server_address[1]
        self.url = f'https://fake.stage.test:{self.port}/dir'
        self.api_url = f'https://fake.stage.test:{self.port}/client/v4'

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def rule_for(self, method, path):
        with self.lock:
            self.requests.append((method, path))
            self.times.append(time.monotonic())
        return self.strike(
            lambda rule: 'tls' not in rule and
            rule.get('method', method) == method and
            re.search(rule.get('path', ''), path))

    def strike(self, meets):
        """The first rule that meets and wants to, or {}."""
        with self.lock:
            for rule in self.rules:
                if not meets(rule) or rule.setdefault('times', -1) == 0:
                    continue
                if rule.get('skip', 0) > 0:
                    rule['skip'] -= 1
                    continue
                if self.random.random() >= rule.get('rate', 1):
                    continue
                rule['times'] -= rule['times'] > 0
                rule['struck'] = rule.get('struck', 0) + 1
                return rule
        return {}

    def bad_nonce(self):
        """The refusal, with a nonce that is good."""
        headers = self.forward('HEAD', '/nonce-plz', {}, b'')[1]
        nonce, = [v for n, v in headers.items() if n.lower() == 'replay-nonce']
        return 400, {
            'Content-Type': 'application/problem+json',
            'Replay-Nonce': nonce}, json.dumps({
                'type': 'urn:ietf:params:acme:error:badNonce', 'status': 400,
                'detail': 'as told'}).encode()

    def times_of(self, path):
        """When each request for path came."""
        with self.lock:
            return [t for t, (_, p) in zip(self.times, self.requests)
                    if re.search(path, p)]

    def count(self, path=''):
        with self.lock:
            return sum(bool(re.search(path, p)) for _, p in self.requests)

    def forward(self, method, path, headers, body):
        context = ssl.create_default_context(cafile=self.world['ca_file'])
        connection = http.client.HTTPSConnection(
            *self.upstream, timeout=60, context=context)
        try:
            connection.request(method, path, body or None, {
                n: v for n, v in headers.items()
                if n.lower() not in ('connection', 'content-length')})
            reply = connection.getresponse()
            data = reply.read()
        finally:
            connection.close()
        return reply.status, {
            n: v for n, v in reply.getheaders() if n.lower() not in
            ('connection', 'content-length', 'transfer-encoding')}, data
