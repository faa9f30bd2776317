"""An ACME client that asks certd for what it needs, as acmew does: the honest
half of the attacker, so that an attack happens in the middle of real work."""

import http.client
import json
import ssl
import time
import urllib.parse

import dns.message
import dns.query


class Refused(Exception):
    pass


class Ca:
    """The CA of the stage over HTTPS, by address: nothing here resolves."""

    def __init__(self, stage):
        self.world = stage.world
        self.host = f'{stage.ca.host}:{stage.ca.port}'
        self.address = self.world['acme_address'], stage.ca.port
        self.directory_url = stage.ca.url
        self.connection, self.nonces, self.paths = None, [], None
        self.used = 0

    def call(self, method, url, body=None):
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(
                *self.address, timeout=60, context=ssl.create_default_context(
                    cafile=self.world['ca_file']))
        if time.monotonic() - self.used > 30:   # the CA may have closed it
            self.connection.close()
        path = urllib.parse.urlsplit(url).path
        self.connection.request(method, path, body, {
            'Host': self.host, 'Content-Type': 'application/jose+json'})
        reply = self.connection.getresponse()
        data = reply.read()
        self.used = time.monotonic()
        if reply.headers['Replay-Nonce']:
            self.nonces.append(reply.headers['Replay-Nonce'])
        return reply, data

    @property
    def directory(self):
        if self.paths is None:
            self.paths = json.loads(self.call('GET', self.directory_url)[1])
        return self.paths

    def nonce(self):
        if not self.nonces:
            self.call('HEAD', self.directory['newNonce'])
        return self.nonces.pop()


class Work:
    """One job in the hands of a worker's connection."""

    def __init__(self, connection, ca, job):
        self.c, self.ca, self.job = connection, ca, job
        self.id, self.names = job['job'], job['names']
        self.order = self.order_url = None

    def ask(self, name, *fields, answers):
        self.c.say(name, self.id, *fields)
        got, _, values = self.c.hear_only(*answers, 'refused', 'drop',
                                          job=self.id)
        if got in ('refused', 'drop'):
            raise Refused(values.get('reason', 'dropped'))
        return got, values

    def sign(self, verb, url, nonce=None):
        _, values = self.ask('sign', verb, url, nonce or self.ca.nonce(),
                             answers=['signature'])
        return values['jws']

    def post(self, verb, url):
        for _ in range(20):     # Pebble rejects nonces now and then
            reply, data = self.ca.call('POST', url, self.sign(verb, url))
            if reply.status < 400:
                return reply, data
            if b'badNonce' not in data:
                raise Refused(data.decode())
        raise Refused('badNonce')

    # ---- the steps of an issuance ----

    def account(self):
        got, _ = self.ask('account_ask',
                          answers=['account_is', 'account_none'])
        if got == 'account_none':
            reply, _ = self.post(1, self.ca.directory['newAccount'])
            self.c.say('account_made', self.id, reply.headers['Location'])
        return self

    def place_order(self):
        reply, data = self.post(2, self.ca.directory['newOrder'])
        self.order, self.order_url = json.loads(data), \
            reply.headers['Location']
        self.c.say('ordered', self.id, self.order_url)
        return self

    def challenges(self):
        """[(authorization URL, name, challenge)]"""
        found = []
        for url in self.order['authorizations']:
            authz = json.loads(self.post(3, url)[1])
            name = '*.' * authz.get('wildcard', False) + \
                authz['identifier']['value']
            challenge, = [c for c in authz['challenges']
                          if c['type'] == 'dns-01']
            found.append((url, name, challenge))
        return found

    def publish(self, name, token):
        _, values = self.ask('publish', name, token, answers=['published'])
        return values

    def wait_for(self, record, value):
        deadline = time.monotonic() + 60
        for server in self.ca.world['name_servers']:
            query = dns.message.make_query(record, 'TXT')
            while value not in str(dns.query.udp(query, server, timeout=10)):
                assert time.monotonic() < deadline, 'no record at ' + server
                time.sleep(0.02)

    def poll(self, url, good, bad=('invalid',)):
        deadline = time.monotonic() + 60
        while True:
            thing = json.loads(self.post(3, url)[1])
            assert thing['status'] not in bad, thing
            if thing['status'] in good:
                return thing
            assert time.monotonic() < deadline, thing
            time.sleep(0.05)

    def prove(self):
        self.published = []
        for url, name, challenge in self.challenges():
            if challenge['status'] == 'valid':
                continue        # the CA remembers an earlier proof
            made = self.publish(name, challenge['token'])
            self.published.append((made['record'], made['value'], url,
                                   challenge['url']))
        return self

    def answer(self):
        for record, value, url, challenge in self.published:
            self.wait_for(record, value)
            self.post(4, challenge)
        for _, _, url, _ in self.published:
            self.poll(url, ['valid'])
        return self

    def finalize(self):
        order = self.poll(self.order_url, ['ready', 'valid'])
        if order['status'] == 'ready':
            self.post(5, order['finalize'])
        order = self.poll(self.order_url, ['valid'])
        return self.post(3, order['certificate'])[1]

    def store(self, pem):
        return self.ask('chain', pem, answers=['stored'])

    def all(self):
        pem = self.account().place_order().prove().answer().finalize()
        self.store(pem)
        self.c.say('done', self.id)
        return pem
