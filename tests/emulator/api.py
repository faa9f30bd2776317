"""The calls of the API: one function a route, looked up in a table."""

import json
import re

from . import errors
from .model import ACCOUNT, Draft

BASE = '/client/v4'
BATCH_MAX = 200


class Call:
    """A request whose sender is known."""

    def __init__(self, model, who, method, path, query, body):
        self.model, self.who = model, who
        self.method, self.path, self.query = method, path, query
        self._body = body

    def body(self):
        try:
            return json.loads(self._body)
        except ValueError:
            raise errors.bad_body() from None

    def number(self, key, default, most):
        text = self.query.get(key, str(default))
        if not re.fullmatch('[0-9]{1,6}', text) or not 1 <= int(text) <= most:
            raise errors.ApiError(400, 1001, f'Invalid value for {key}')
        return int(text)

    def page(self, items, default, most):
        per_page = self.number('per_page', default, most)
        page = self.number('page', 1, 1000000)
        shown = items[(page - 1) * per_page:page * per_page]
        return shown, {
            'page': page, 'per_page': per_page, 'count': len(shown),
            'total_count': len(items),
            'total_pages': -(-len(items) // per_page),
        }


def verify_token(call):
    found = {'id': call.who.id, 'status': call.who.status}
    if call.who.expires:
        found['expires_on'] = call.who.expires
    return found, None


def name_matches(name, wanted):
    """With or without an operator before the name."""
    operator, colon, value = wanted.partition(':')
    if not colon:
        return name == wanted
    return {'equal': name == value, 'not_equal': name != value,
            'starts_with': name.startswith(value),
            'ends_with': name.endswith(value),
            'contains': value in name}[operator]


def list_zones(call):
    if 'zone:read' not in call.who.rights and \
            'dns:edit' not in call.who.rights:
        raise errors.forbidden()
    query = call.query
    found = [z for z in call.model.zones.values() if call.who.sees(z)
             and name_matches(z.name, query.get('name', z.name).lower())
             and query.get('status', z.status) == z.status
             and query.get('account.id', ACCOUNT['id']) == ACCOUNT['id']]
    found.sort(key=lambda z: z.name)
    shown, info = call.page(found, 20, 50)
    return [{**z.as_json(), 'permissions': call.who.words()}
            for z in shown], info


def get_zone(call, number):
    return call.model.zone(call.who, number, 'zone:read').as_json(), None


def matches(record, query):
    tests = {
        '': lambda have, want: have == want,
        '.exact': lambda have, want: have == want,
        '.contains': lambda have, want: want in have,
        '.startswith': lambda have, want: have.startswith(want),
        '.endswith': lambda have, want: have.endswith(want),
    }
    results = []
    for field in ('type', 'name', 'content', 'comment'):
        for suffix, test in tests.items():
            want = query.get(field + suffix)
            if want is not None:
                have = record[field] or ''
                if field != 'content':  # names do not mind the case
                    have, want = have.lower(), want.lower()
                results.append(test(have, want))
    combine = any if query.get('match') == 'any' and results else all
    return combine(results)


def list_records(call, number):
    zone = call.model.zone(call.who, number, 'dns:read')
    found = [r for r in zone.records.values() if matches(r, call.query)]
    found.sort(key=lambda r: (r['name'], r['created_on'], r['id']))
    return call.page(found, 100, 50000)


def get_record(call, number, record):
    zone = call.model.zone(call.who, number, 'dns:read')
    return Draft(zone).get(record), None


def editing(call, number, change):
    """Runs change(draft) on a zone and makes it true."""
    zone = call.model.zone(call.who, number, 'dns:edit')
    with zone.lock:
        draft = Draft(zone)
        result = change(draft)
        draft.commit(call.model.publisher)
    return result, None


def create_record(call, number):
    body = call.body()
    return editing(call, number, lambda draft: draft.create(body))


def put_record(call, number, record):
    body = call.body()
    return editing(call, number, lambda d: d.change(record, body, True))


def patch_record(call, number, record):
    body = call.body()
    return editing(call, number, lambda d: d.change(record, body, False))


def delete_record(call, number, record):
    return editing(call, number,
                   lambda draft: {'id': draft.delete(record)['id']})


def batch_records(call, number):
    body = call.body()
    kinds = ('deletes', 'patches', 'puts', 'posts')
    if not isinstance(body, dict) or not all(
            isinstance(body.get(k, []), list) for k in kinds):
        raise errors.bad_body()
    todo = {k: body.get(k, []) for k in kinds}
    if not all(isinstance(o, dict) and (k == 'posts' or 'id' in o)
               for k in kinds for o in todo[k]):
        raise errors.bad_body()
    if not 1 <= sum(map(len, todo.values())) <= BATCH_MAX:
        raise errors.ApiError(400, 1001, 'Invalid number of batch operations')

    def change(draft):
        return {
            'deletes': [draft.delete(o['id']) for o in todo['deletes']],
            'patches': [draft.change(o['id'], o, False)
                        for o in todo['patches']],
            'puts': [draft.change(o['id'], o, True) for o in todo['puts']],
            'posts': [draft.create(o) for o in todo['posts']],
        }
    return editing(call, number, change)


ZONE, RECORD = '/zones/([^/]+)', '/zones/([^/]+)/dns_records/([^/]+)'
ROUTES = [(method, re.compile(pattern), function)
          for method, pattern, function in (
    ('GET', '/user/tokens/verify', verify_token),
    ('GET', '/accounts/[^/]+/tokens/verify', verify_token),
    ('GET', '/zones', list_zones),
    ('GET', ZONE, get_zone),
    ('GET', ZONE + '/dns_records', list_records),
    ('POST', ZONE + '/dns_records', create_record),
    ('POST', ZONE + '/dns_records/batch', batch_records),
    ('GET', RECORD, get_record),
    ('PUT', RECORD, put_record),
    ('PATCH', RECORD, patch_record),
    ('DELETE', RECORD, delete_record),
)]


def answer(model, method, path, query, headers, body):
    """(HTTP status, headers, JSON) for a request below BASE."""
    who = None
    try:
        who = model.principal(headers, path.endswith('/tokens/verify'))
        methods = False
        for verb, pattern, function in ROUTES:
            match = pattern.fullmatch(path)
            methods = methods or match
            if match and verb == method:
                call = Call(model, who, method, path, query, body)
                result, info = function(call, *match.groups())
                break
        else:
            raise errors.bad_method() if methods else errors.no_route(path)
    except errors.ApiError as e:
        return e.status, e.headers, {
            'success': False, 'errors': e.errors, 'messages': [],
            'result': None}
    reply = {'success': True, 'errors': [], 'messages': [], 'result': result}
    if info:
        reply['result_info'] = info
    left = who.limit - len(who.calls)
    return 200, {'Ratelimit': f'"default";r={max(left, 0)};t=300'}, reply
