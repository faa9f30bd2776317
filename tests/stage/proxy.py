"""A CA that misbehaves: passes requests to Pebble, except for those that a rule
meets. Pebble makes its URLs from the Host header, so that every URL leads back
here.

A rule is a dict:
    path, method      which requests (path: a regular expression)
    skip, times       passes over the first, then strikes so often (-1: ever)
    status, body, headers   this answer instead; body: text
    edit              a function from the answer's body to another one
    truncate          only so many bytes of the answer
    endless           a body that does not end
    drop              "before" or "after" the request reached Pebble
    delay             seconds to wait first
"""

import http.client
import http.server
import re
import ssl
import threading
import time


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
        if rule.get('drop') == 'before':
            self.close_connection = True
            return
        if 'status' in rule:
            answer = rule['status'], rule.get('headers', {}), \
                rule.get('body', '').encode()
        else:
            answer = self.proxy.forward(self.command, self.path, self.headers,
                                        body)
        if rule.get('drop') == 'after':
            self.close_connection = True
            return
        self.answer(rule, *answer)

    do_POST = do_HEAD = do_GET

    def answer(self, rule, status, headers, body):
        if 'edit' in rule:
            body = rule['edit'](body.decode()).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not rule.get('endless'):
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if 'truncate' in rule:
            body, self.close_connection = body[:rule['truncate']], True
        if self.command != 'HEAD':
            self.wfile.write(body)
        while rule.get('endless'):
            self.wfile.write(b' ' * 65536)
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128
    context = None

    def get_request(self):
        raw, address = super().get_request()
        return self.context.wrap_socket(
            raw, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        pass


class Proxy:
    """As a context manager: listens, then stops. url is its directory."""

    def __init__(self, stage, *rules, ca=None, certificate=None):
        self.world, self.ca = stage.world, ca or stage.ca
        self.rules = [dict(r) for r in rules]
        self.requests, self.lock = [], threading.Lock()
        self.server = Server((self.world['fake_address'], 0), type(
            'Bound', (Handler,), {'proxy': self}))
        self.server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.context.load_cert_chain(
            certificate or self.world['certificate'])
        self.port = self.server.server_address[1]
        self.url = f'https://fake.stage.test:{self.port}/dir'

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
            for rule in self.rules:
                if rule.get('method', method) != method or \
                        not re.search(rule.get('path', ''), path):
                    continue
                if rule.setdefault('times', -1) == 0:
                    continue
                if rule.get('skip', 0) > 0:
                    rule['skip'] -= 1
                    continue
                rule['times'] -= rule['times'] > 0
                return rule
        return {}

    def count(self, path=''):
        with self.lock:
            return sum(bool(re.search(path, p)) for _, p in self.requests)

    def forward(self, method, path, headers, body):
        context = ssl.create_default_context(cafile=self.world['ca_file'])
        host, port = self.world['acme_address'], self.ca.port
        connection = http.client.HTTPSConnection(host, port, timeout=60,
                                                 context=context)
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
