"""What the API knows: zones with their records, and who may touch them."""

import re
import secrets
import threading
import time

from . import errors

ACCOUNT = {'id': 'a' * 32, 'name': 'Test Stage'}
ALL_RIGHTS = ('zone:read', 'dns:read', 'dns:edit')
LIMIT_CALLS, LIMIT_SECONDS = 1200, 300
TXT_MAX, QUOTA = 2048, 1000


def now():
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime()) + '.000000Z'


def bare(content):
    """The bytes that DNS shows for the content of a TXT record."""
    if len(content) < 2 or not content.startswith('"'):
        return content
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', content)
    return re.sub(r'\\(.)', r'\1', ''.join(parts))


# Permissions of a zone, by the rights that we know.
WORDS = {
    'zone:read': ['#zone:read'],
    'dns:edit': ['#dns_records:edit', '#dns_records:read'],
    'dns:read': ['#dns_records:read'],
    'settings:edit': ['#zone_settings:edit', '#zone_settings:read'],
}


class Principal:
    """A token, or an e-mail address with its global key."""

    def __init__(self, zones='*', rights=ALL_RIGHTS, status='active',
                 limit=LIMIT_CALLS, expires=None):
        self.id = secrets.token_hex(16)
        self.zones, self.rights = zones, set(rights)
        self.status, self.limit = status, limit
        self.expires = expires          # as the API writes times
        self.calls, self.blocked_until = [], 0

    def sees(self, zone):
        return self.zones == '*' or zone.name in self.zones

    def words(self):
        """What it may do, as zones tell it."""
        return sorted(w for right in self.rights for w in WORDS[right])

    def count(self):
        """Cloudflare's limit: whoever exceeds it is shut out for long."""
        t = time.monotonic()
        if t < self.blocked_until:
            raise errors.too_fast(int(self.blocked_until - t) + 1)
        self.calls = [c for c in self.calls if c > t - LIMIT_SECONDS] + [t]
        if len(self.calls) > self.limit:
            self.blocked_until = t + LIMIT_SECONDS
            raise errors.too_fast(LIMIT_SECONDS)


class Zone:
    def __init__(self, name, name_servers, status='active'):
        self.id, self.name = secrets.token_hex(16), name
        self.name_servers, self.status = name_servers, status
        self.records = {}
        self.lock = threading.RLock()
        self.created = now()

    def as_json(self):
        return {
            'id': self.id, 'name': self.name, 'status': self.status,
            'paused': False, 'type': 'full', 'development_mode': 0,
            'name_servers': self.name_servers, 'account': ACCOUNT,
            'created_on': self.created, 'modified_on': self.created,
        }

    def texts(self, name):
        return sorted({bare(r['content']) for r in self.records.values()
                       if r['name'] == name and r['type'] == 'TXT'})


class Draft:
    """Changes to a zone that become true together, or not at all."""

    def __init__(self, zone):
        self.zone, self.records = zone, dict(zone.records)
        self.touched = set()

    def _checked(self, body, old=None):
        if not isinstance(body, dict):
            raise errors.bad_body()
        get = lambda k, d=None: body.get(k, (old or {}).get(k, d))
        kind, name, content = get('type'), get('name'), get('content')
        if not all(isinstance(v, str) and v for v in (kind, name, content)):
            raise errors.validation(9000, 'DNS name is invalid.')
        name = name.rstrip('.').lower()
        if name != self.zone.name and \
                not name.endswith('.' + self.zone.name):
            name += '.' + self.zone.name
        ttl = get('ttl', 1)
        if not isinstance(ttl, int) or ttl != 1 and not 60 <= ttl <= 86400:
            raise errors.validation(9021, 'Invalid TTL. Must be between 60 '
                                    'and 86400 seconds, or 1 for Automatic.')
        if kind == 'TXT' and len(bare(content)) > TXT_MAX:
            raise errors.validation(9013, 'Content for TXT record is too long')
        record = {
            'id': (old or {}).get('id') or secrets.token_hex(16),
            'name': name, 'type': kind, 'content': content, 'ttl': ttl,
            'proxiable': kind in ('A', 'AAAA', 'CNAME'), 'proxied': False,
            'settings': {}, 'meta': {}, 'comment': get('comment'),
            'tags': get('tags', []),
            'created_on': (old or {}).get('created_on', now()),
            'modified_on': now(),
        }
        return record

    def _put(self, record):
        others = [r for r in self.records.values()
                  if r['name'] == record['name'] and r['id'] != record['id']]
        for r in others:
            if r['type'] == record['type'] and \
                    bare(r['content']) == bare(record['content']):
                raise errors.identical_record()
            if 'CNAME' in (r['type'], record['type']):
                raise errors.conflicting_record()
        if record['id'] not in self.records and len(self.records) >= QUOTA:
            raise errors.record_quota()
        self.records[record['id']] = record
        self.touched.add((record['name'], record['type']))
        return record

    def create(self, body):
        return self._put(self._checked(body))

    def change(self, number, body, whole):
        old = self.get(number)
        self.touched.add((old['name'], old['type']))
        new = self._checked(body, None if whole else old)
        new['id'], new['created_on'] = number, old['created_on']
        return self._put(new)

    def delete(self, number):
        old = self.get(number)
        del self.records[number]
        self.touched.add((old['name'], old['type']))
        return old

    def get(self, number):
        if number not in self.records:
            raise errors.no_record()
        return self.records[number]

    def commit(self, publisher):
        self.zone.records = self.records
        publisher.publish(self.zone, sorted(self.touched))


class Model:
    def __init__(self, publisher):
        self.publisher = publisher
        self.lock = threading.RLock()
        self.zones = {}         # by id
        self.tokens = {}        # text: Principal
        self.keys = {}          # (e-mail, key): Principal

    def add_zone(self, name, status='active'):
        with self.lock:
            if any(z.name == name for z in self.zones.values()):
                raise ValueError(f'zone {name} exists')
            zone = Zone(name, self.publisher.names, status)
            self.publisher.add_zone(zone)
            self.zones[zone.id] = zone
            return zone

    def remove_zone(self, name):
        with self.lock:
            zone = self.zone_named(name)
            del self.zones[zone.id]
            self.publisher.remove_zone(zone)

    def zone_named(self, name):
        for zone in self.zones.values():
            if zone.name == name:
                return zone
        raise KeyError(f'no zone {name}')

    def principal(self, headers, of_itself=False):
        """of_itself: the question is whether the token is still good."""
        auth = headers.get('Authorization')
        email, key = headers.get('X-Auth-Email'), headers.get('X-Auth-Key')
        if auth is not None:
            if not re.fullmatch(r'Bearer [A-Za-z0-9_-]{20,200}', auth):
                raise errors.bad_header(6111, 'Authorization')
            who = self.tokens.get(auth[len('Bearer '):])
            if who is None or (who.status != 'active' and not of_itself):
                raise errors.invalid_token()
        elif email is None or key is None:
            raise errors.no_credentials()
        elif not re.fullmatch(r'[0-9a-z_]{37,60}', key):
            raise errors.bad_header(6103, 'X-Auth-Key')
        else:
            who = self.keys.get((email, key))
            if who is None:
                raise errors.unknown_key()
        who.count()
        return who

    def zone(self, who, number, right):
        if not re.fullmatch('[0-9a-f]{32}', number):
            raise errors.no_route(f'/zones/{number}')
        zone = self.zones.get(number)
        if zone is None or not who.sees(zone) or right not in who.rights:
            raise errors.forbidden()
        return zone
