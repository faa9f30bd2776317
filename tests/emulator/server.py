"""HTTPS in front of the API, with faults, a log of requests, and /control/."""

import http.server
import json
import socket
import ssl
import threading
import time
import traceback
import urllib.parse

from . import api
from .faults import Faults
from .model import ALL_RIGHTS, Principal

HTML = ('<!DOCTYPE html><html><head><title>{0}</title></head><body>'
        '<h1>Error {0}</h1><p>cloudflare</p></body></html>')


class Emulator:
    def __init__(self, model, log_path):
        self.model, self.faults = model, Faults()
        self.requests, self.lock = [], threading.Lock()
        self.log_file = open(log_path, 'a', buffering=1, encoding='utf-8')

    def record(self, **entry):
        entry['time'] = time.time()
        with self.lock:
            self.requests.append(entry)
            self.log_file.write(json.dumps(entry) + '\n')

    # ---- /control/: one method a call, JSON in and out ----

    def control_zone_add(self, name, status='active'):
        zone = self.model.add_zone(name, status)
        for other in list(self.model.zones.values()):
            if zone.name.endswith('.' + other.name):
                self.model.publisher.delegate(other, zone)
            elif other.name.endswith('.' + zone.name):
                self.model.publisher.delegate(zone, other)
        return {'id': zone.id, 'name_servers': zone.name_servers}

    def control_zone_remove(self, name):
        self.model.remove_zone(name)

    def control_zones(self):
        return {z.name: z.id for z in self.model.zones.values()}

    def control_records(self, zone):
        return sorted(self.model.zone_named(zone).records.values(),
                      key=lambda r: (r['name'], r['content']))

    def control_record_add(self, zone, **record):
        """A record that somebody else made."""
        zone = self.model.zone_named(zone)
        with zone.lock:
            draft = api.Draft(zone)
            made = draft.create({'type': 'TXT', 'ttl': 60, **record})
            draft.commit(self.model.publisher)
        return made

    def control_lag(self, zone, seconds):
        """Per name server: how late it hears of changes; null: never."""
        self.model.publisher.lags[zone] = seconds

    def control_token(self, token, zones='*', rights=ALL_RIGHTS,
                      status='active', limit=1200, expires=None):
        self.model.tokens[token] = Principal(zones, rights, status, limit,
                                             expires)

    def control_key(self, email, key, zones='*'):
        self.model.keys[(email, key)] = Principal(zones)

    def control_fault(self, **spec):
        self.faults.add(spec)

    def control_heal(self, token=None):
        self.faults.clear(token)

    def control_log(self, token=None):
        with self.lock:
            return [r for r in self.requests
                    if token is None or r['token'] == token]

    def control_times(self, token):
        """When something was asked with the token, and no more of it."""
        with self.lock:
            return [r['time'] for r in self.requests if r['token'] == token]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_version, sys_version = 'cloudflare', ''
    disable_nagle_algorithm = True
    wbufsize = -1               # one segment for headers and body
    timeout = 120
    emulator = None             # set by serve()

    def setup(self):
        self.request.settimeout(10)
        self.request.do_handshake()
        super().setup()

    def log_message(self, format, *args):
        pass                    # the log of requests says more

    def handle(self):
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def do_GET(self):
        size = int(self.headers.get('Content-Length') or 0)
        self.body = self.rfile.read(size) if size else b''
        target = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(
            target.query, keep_blank_values=True))
        if target.path.startswith('/control/'):
            self.control(target.path[len('/control/'):])
        elif target.path.startswith(api.BASE + '/'):
            self.api(target.path[len(api.BASE):])
        else:
            self.reply(404, {}, HTML.format(404), 'text/html')

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def reply(self, status, headers, text, kind='application/json',
              truncate=None):
        data = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        if truncate is not None:
            data, self.close_connection = data[:truncate], True
        self.wfile.write(data)
        self.wfile.flush()

    def control(self, name):
        method = getattr(self.emulator, 'control_' + name, None)
        try:
            if method is None:
                raise KeyError(f'no control {name}')
            result = method(**json.loads(self.body or b'{}'))
            self.reply(200, {}, json.dumps({'ok': True, 'result': result}))
        except Exception as e:          # whatever it is, the test must see it
            self.reply(400, {}, json.dumps({
                'ok': False, 'error': f'{type(e).__name__}: {e}'}))

    def api(self, path):
        auth = self.headers.get('Authorization', '')
        token = auth[len('Bearer '):] if auth.startswith('Bearer ') else \
            self.headers.get('X-Auth-Email', '')
        fault = self.emulator.faults.pick(token, self.command, self.path)
        time.sleep(fault.get('delay', 0))
        status, headers, result = 0, {}, None
        if fault.get('drop') != 'before' and not {
                'status', 'body', 'flood'} & set(fault):
            status, headers, result = self.work(path)
        self.emulator.record(
            token=token, method=self.command, path=path, query=self.query,
            status=status, fault=fault, body=self.body.decode('utf-8', 'replace'),
            errors=[e['code'] for e in (result or {}).get('errors', [])],
            content_type=self.headers.get('Content-Type'),
            agent=self.headers.get('User-Agent'),
            connection=self.client_address[1])
        if 'drop' in fault:
            self.close_connection = True
        elif fault:
            self.misbehave(fault, status, headers, result)
        else:
            self.reply(status, headers, json.dumps(result))

    def work(self, path):
        try:
            return api.answer(self.emulator.model, self.command, path,
                              self.query, self.headers, self.body)
        except Exception:       # a mistake of the emulator, not of its user
            traceback.print_exc()
            return 500, {}, {'success': False, 'result': None, 'errors': [
                {'code': 0, 'message': 'the emulator is broken'}]}

    def misbehave(self, fault, status, headers, result):
        status, kind = fault.get('status', status or 200), 'application/json'
        text = json.dumps(result)
        if 'body' in fault:
            text = fault['body']
        elif 'flood' in fault:
            text = b'x' * fault['flood']
        elif fault.get('html'):
            text, kind = HTML.format(status), 'text/html'
        elif 'status' in fault:
            text = json.dumps({
                'success': False, 'messages': [], 'result': None,
                'errors': [{'code': fault.get('code', 10000),
                            'message': fault.get('message', 'Told to fail')}]})
        headers = {**headers, **fault.get('headers', {})}
        if 'stall' in fault:
            self.reply(status, headers, text, kind, truncate=0)
            time.sleep(fault['stall'])
        else:
            self.reply(status, headers, text, kind, fault.get('truncate'))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    context = None

    def get_request(self):
        # The handshake happens in the thread of the connection.
        raw, address = super().get_request()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(
            raw, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        pass                    # clients that leave are no news


def serve(emulator, address, certificate):
    """A server that is ready to listen, with the given PEM file (key too)."""
    server = Server(tuple(address), type(
        'BoundHandler', (Handler,), {'emulator': emulator}))
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(certificate)
    server.context.set_alpn_protocols(['http/1.1'])
    return server
