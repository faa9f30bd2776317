"""Name servers that misbehave, resolvers that lie, and a resolver over HTTPS.
Each stands before a knotd of the stage and passes on what it does not spoil."""

import http.server
import os
import random
import socket
import socketserver
import ssl
import struct
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

PORT = 53


def addresses(stage):
    """Addresses of the stage that nobody uses, one after the other."""
    for last in range(20, 250):
        yield f'{stage.world["prefix"]}.{last}'


class _Udp(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        reply = self.server.fake.reply(data, False)
        if reply is not None:
            sock.sendto(reply, self.client_address)


class _Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(10)
        try:
            while True:
                head = self.request.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                size, = struct.unpack('!H', head)
                query = self.request.recv(size, socket.MSG_WAITALL)
                reply = self.server.fake.reply(query, True)
                if reply is None:
                    continue
                for part in [reply] if isinstance(reply, bytes) else reply:
                    self.request.sendall(struct.pack('!H', len(part)) + part)
        except OSError:
            pass


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads, allow_reuse_address = True, True
    max_packet_size = 65535


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True
    request_queue_size = 64


class Fake:
    """A server on address (None: it does not listen). mood: what it does with questions (or a function
    from the question to that):

        None        passes them on
        'servfail', 'refused'   answers so
        'silent'    does not answer
        'lame'      answers without authority, and without knowledge
        'recursive' the true answer, without authority (a captive resolver)
        'tcp'       does not answer over UDP
        'closed'    no UDP port at all
        'truncated' over UDP, says that TCP is to be used
        'other id', 'other name'    the true answer to another question
        'many', 'giant'     says that 10,000 values follow: small ones, large
                            ones, as many as a message holds
        'noise'     bytes
        'loop'      an alias of itself, by way of another
        'stream'    over TCP, messages without end that are no answers

    chase: follows aliases from zone to zone, as a resolver does.
    knows: {(name, type): [text of rdata, ...]}, answered with authority instead
    of what the server behind it says; an empty list: there is none."""

    def __init__(self, stage, address=None, mood=None, knows=(), behind=None,
                 chase=False):
        self.mood, self.knows, self.chase = mood, dict(knows), chase
        self.behind = behind or stage.world['name_servers']
        self.address, self.questions = address, []
        self.servers = []
        if address and mood != 'closed':
            self.servers.append(_UdpServer((address, PORT), _Udp))
        if address:
            self.servers.append(_TcpServer((address, PORT), _Tcp))
        for server in self.servers:
            server.fake = self

    def __enter__(self):
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,),
                             daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def asked(self, name):
        """The types that were asked for this name."""
        return [kind for n, kind in self.questions if n == name]

    def reply(self, data, tcp):
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.questions.append((name, kind))
        mood = self.mood(name, kind) if callable(self.mood) else self.mood
        if mood == 'silent' or mood == 'tcp' and not tcp:
            return None
        if mood in HOSTILE:
            return HOSTILE[mood](self, query, tcp)
        answer = self.answer(query, name, kind, mood, tcp)
        return answer and answer.to_wire(max_size=65535)

    # ---- hostile ones ----

    def other_id(self, query, tcp):
        answer = self.answer(query, None, None, None, tcp)
        if answer is not None:
            answer.id ^= 1
        return answer and answer.to_wire(max_size=65535)

    def other_name(self, query, tcp):
        """The record is true, and belongs to a question that nobody asked."""
        answer = self.answer(query, None, None, None, tcp)
        if answer is None:
            return None
        other = dns.name.from_text('_acme-challenge.evil.test')
        answer.flags |= dns.flags.AA
        answer.question = [dns.rrset.RRset(other, dns.rdataclass.IN,
                                           query.question[0].rdtype)]
        for rrset in answer.answer:
            rrset.name = other
        return answer.to_wire(max_size=65535)

    def many(self, query, tcp):
        return self.values(query, 5000 if tcp else 1000,
                           lambda n: struct.pack('!BB', 1, n % 256))

    def giant(self, query, tcp):
        text = b'\x1b]0;x\x07' * 36
        return self.values(query, 200 if tcp else 100, lambda n: bytes(
            [len(text)]) + text)

    def values(self, query, n, rdata):
        """An answer whose count says more than there is room for."""
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        head = bytearray(answer.to_wire())
        head[6:8] = struct.pack('!H', 10000)
        for i in range(n):
            data = rdata(i)
            head += struct.pack('!HHHIH', 0xc00c, query.question[0].rdtype, 1,
                                5, len(data)) + data
        return bytes(head[:65000])

    def noise(self, query, tcp):
        return struct.pack('!HH', query.id, 0x8400) + os.urandom(1000)

    def loop(self, query, tcp):
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        own, other = query.question[0].name, dns.name.from_text(
            'loop.stage.test')
        for a, b in ((own, other), (other, own)):
            answer.answer.append(dns.rrset.from_text(
                a, 5, 'IN', 'CNAME', b.to_text()))
        return answer.to_wire(max_size=65535)

    def stream(self, query, tcp):
        """Over UDP it asks for TCP, where there is no end."""
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.TC
        return iter(lambda: os.urandom(0xffff), b'') if tcp else \
            answer.to_wire()

    def answer(self, query, name, kind, mood, tcp):
        answer = dns.message.make_response(query)
        if mood in ('servfail', 'refused'):
            answer.set_rcode(dns.rcode.from_text(mood.upper()))
        elif mood == 'truncated' and not tcp:
            answer.flags |= dns.flags.AA | dns.flags.TC
        elif mood == 'lame':
            pass
        elif (name, kind) in self.knows:
            answer.flags |= dns.flags.AA
            values = self.knows[name, kind]
            if values:
                answer.answer.append(dns.rrset.from_text(
                    query.question[0].name, 5, 'IN', kind, *values))
        elif (name, 'CNAME') in self.knows and kind != 'CNAME':
            answer.flags |= dns.flags.AA
            answer.answer.append(dns.rrset.from_text(
                query.question[0].name, 5, 'IN', 'CNAME',
                *self.knows[name, 'CNAME']))
        else:
            answer = self.ask(query)
            if answer is not None and self.chase:
                self.follow(answer, query.question[0])
            if answer is not None and mood == 'recursive':
                answer.flags &= ~dns.flags.AA
        return answer

    def follow(self, answer, question):
        """Appends where the alias at the end of the answer leads."""
        for _ in range(10):
            last = answer.answer[-1] if answer.answer else None
            if last is None or last.rdtype != dns.rdatatype.CNAME or \
                    question.rdtype == dns.rdatatype.CNAME:
                return
            more = self.ask(dns.message.make_query(
                last[0].target, question.rdtype))
            if more is None or not more.answer:
                return
            answer.answer += more.answer

    def ask(self, query):
        """Whichever of the servers behind it, as a resolver would."""
        try:
            return dns.query.udp(query, random.choice(self.behind), timeout=2)
        except (dns.exception.DNSException, OSError):
            return None


HOSTILE = {'other id': Fake.other_id, 'other name': Fake.other_name,
           'many': Fake.many, 'giant': Fake.giant, 'noise': Fake.noise,
           'loop': Fake.loop, 'stream': Fake.stream}


class _Post(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, format, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        doh = self.server.doh
        doh.questions.append((self.path, self.headers.get('Content-Type')))
        reply = doh.fake.reply(body, True) if doh.status == 200 else b'no'
        self.send_response(doh.status)
        self.send_header('Content-Type', 'application/dns-message'
                         if doh.status == 200 else 'text/plain')
        self.send_header('Content-Length', str(len(reply or b'')))
        self.end_headers()
        self.wfile.write(reply or b'')


class Doh:
    """A resolver over HTTPS on the address of fake.stage.test, which answers
    as fake (a Fake that need not run) would. setting is for doh-servers."""

    def __init__(self, stage, fake, status=200):
        self.fake, self.status, self.questions = fake, status, []
        address = stage.world['fake_address']
        self.server = http.server.ThreadingHTTPServer((address, 0), _Post)
        self.server.daemon_threads, self.server.doh = True, self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stage.world['certificate'])
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True)
        self.url = (f'https://fake.stage.test:{self.server.server_address[1]}'
                    '/dns-query')
        self.setting = f'{self.url}@{address}'

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Zone:
    """The servers of a zone, spoiled: a resolver for certd.conf (a context
    manager), which says that the zone has these name servers.

        servers     {host name: a Fake or an address}
    """

    def __init__(self, stage, address, zone, servers, **more):
        self.servers = servers
        self.fakes = [s for s in servers.values() if isinstance(s, Fake)]
        knows = {(zone, 'NS'): [host + '.' for host in servers]}
        for host, server in servers.items():
            where = getattr(server, 'address', server)
            six = ':' in where
            knows[host, 'A'] = [] if six else [where]
            knows[host, 'AAAA'] = [where] if six else []
        self.resolver = Fake(stage, address, None, {**knows, **more.pop(
            'knows', {})}, **more)

    def __enter__(self):
        for fake in [self.resolver, *self.fakes]:
            fake.__enter__()
        return self

    def __exit__(self, *_):
        for fake in [self.resolver, *self.fakes]:
            fake.__exit__()

    @property
    def setting(self):
        return self.resolver.address
