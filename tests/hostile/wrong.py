"""Every row of the message table, in every way to be wrong. Nothing in here
knows a message by its name: a new row is attacked as soon as it is compiled.

An attempt is (what kind of wrong, what exactly, the bytes, descriptors). All of
them must close the connection that they come on."""

import collections
import struct

from .wire import Raw, body, frame, pack, sample

Attempt = collections.namedtuple('Attempt', 'kind label data fds')

NIL, FLOAT = Raw(b'\xc0'), Raw(b'\xcb\x3f\xf0\0\0\0\0\0\0')
MAP, EXT = Raw(b'\x81\xa1a\xa1b'), Raw(b'\xc7\x04\x05abcd')
NEGATIVE = Raw(b'\xff')

TEXTS = [                       # no UTF-8, or not fit for a terminal
    b'\xff', b'a\x80', b'\xc0\xaf', b'\xed\xa0\x80', b'\xe2\x82',
    b'\xf4\x90\x80\x80', b'\0', b'two\nlines', b'over\rwritten', b'\x1b[2J',
    b'\x1b]0;title\x07', b'\x7f', b'\xc2\x9b31m', b'\x08\x08', b'\t']
NAMES = [
    '.', 'com', 'a..example.com', 'A.example.com', 'a b.example.com',
    '../example.com', 'a/b.example.com', '-a.example.com', 'a_b.example.com',
    '192.0.2.1', '[::1].example.com', '*.*.example.com', 'a.*.example.com',
    '*', '*.', 'f*.example.com', 'example.com.', 'x' * 64 + '.example.com',
    'b\xfccher.example.com', 'a\0.example.com', 'a\n.example.com',
    'a.example.com\r\nb.example.com', '%2e.example.com', '"a".example.com']
SHAPES = {                      # what a text of each type must not be
    'text': TEXTS,
    'b64u': TEXTS + ['', '=', 'AAA=', 'A+B', 'A/B', '../A', 'A.B', 'A B',
                     '*', 'A' * 21 + '\xe9'],
    'hex': TEXTS + ['', 'A', 'g', '0x1', '-1', '1 ', '../1', '1/2'],
    'name': TEXTS + [''] + NAMES,
    'record': TEXTS + [
        '', 'example.com', '_acme-challenge', '_acme-challenge.',
        '_ACME-CHALLENGE.example.com', '_acme-challenge.*.example.com',
        '_acme-challenge._acme-challenge.example.com', 'mail.example.com',
        '_dmarc.example.com', '_acme-challenge_.example.com',
        'x._acme-challenge.example.com', '*.example.com',
        '_acme-challenge./example.com', '_acme-challenge.example.com.'],
    'url': TEXTS + [
        '', 'http://acme.stage.test/', 'HTTPS://acme.stage.test/',
        'javascript:alert(1)', 'file:///etc/shadow', 'ftp://acme.stage.test/',
        '//acme.stage.test/', '/order', 'https:/acme.stage.test/',
        'https://', 'https:///x', 'https://a@acme.stage.test/',
        'https://a:b@acme.stage.test/', 'https://acme.stage.test:0/',
        'https://acme.stage.test:65536/', 'https://acme.stage.test:/x',
        'https://acme.stage.test:014000/', 'https://acme.stage.test\\@b/',
        'https://acme.stage.test/#x', 'https://acme.stage.test/ x',
        'https://acme.stage.test/\r\nX: y', 'https://acme.stage.test/../x',
        'https://acme.stage.test/%2e%2e/x', 'https://acme.stage.test/%zz',
        'https://ACME.stage.test/', 'https://.stage.test/',
        'https://a..test/', 'https://[::1/', 'https://[fe80::1%25lo]/',
        'https://acme.stage.test?x', 'data:text/plain,x',
        'https://\xe4.test/', 'unix:/run/certd/control.sock'],
}
LISTED = {'names': 'name', 'texts': 'text'}


def text_of(value):
    """A str as msgpack of its bytes; bytes as a str that may be no UTF-8."""
    data = value if isinstance(value, bytes) else value.encode(
        'utf-8', 'surrogatepass')
    for head, most in ((lambda n: struct.pack('B', 0xa0 | n), 31),
                       (lambda n: struct.pack('BB', 0xd9, n), 255),
                       (lambda n: struct.pack('>BH', 0xda, n), 65535)):
        if len(data) <= most:
            return Raw(head(len(data)) + data)
    return Raw(struct.pack('>BI', 0xdb, len(data)) + data)


def of_length(kind, n):
    """A value of n bytes that has the right shape otherwise."""
    if kind == 'bytes':
        return b'x' * n
    head, tail = {
        'text': ('', ''), 'b64u': ('', ''), 'hex': ('', ''),
        'url': ('https://acme.stage.test/', ''),
        'name': ('', '.example.com'),
        'record': ('_acme-challenge.', '.example.com')}[kind]
    fill = n - len(head) - len(tail)
    middle = ('a' * 60 + '.') * (fill // 61) + 'a' * (fill % 61) \
        if kind in ('name', 'record') else 'a' * fill
    return text_of(head + middle + tail)


def wrong_types(kind):
    values = {'a number': 1, 'a text': 'a.example.com', 'bytes': b'x',
              'a flag': True, 'a list': ['a.example.com'], 'nil': NIL,
              'a float': FLOAT, 'a map': MAP, 'an extension': EXT,
              'a negative number': NEGATIVE}
    own = {'u32': 'a number', 'u64': 'a number', 'flag': 'a flag',
           'bytes': 'bytes', 'names': 'a list',
           'texts': 'a list'}.get(kind, 'a text')
    return [(label, v) for label, v in values.items() if label != own]


def wrong_sizes(kind, bound, text_max):
    if kind == 'u32':
        if bound < 0xffffffff:
            yield 'one too large', bound + 1
        yield '33 bits', 1 << 32
        yield 'the largest', (1 << 64) - 1
    elif kind == 'u64' and bound < (1 << 64) - 1:
        yield 'one too large', bound + 1
    elif kind in LISTED:
        yield 'one too many', [sample({'type': LISTED[kind], 'bound': 9})] * \
            (bound + 1)
        yield '127', ['a.example.com'] * 127
        yield '1000', ['a.example.com'] * 1000
        if kind == 'names':
            yield 'none', []
            yield 'one too long', [of_length('name', 254)]
        else:
            yield 'one too long', ['x' * (text_max + 1)]
        yield 'a list in it', [['a.example.com']]
        yield 'a number in it', [1]
        yield 'nil in it', [NIL]
        yield 'announced only', Raw(b'\xdd\x7f\xff\xff\xff')
    elif kind not in ('u32', 'u64', 'flag'):
        yield 'one byte too long', of_length(kind, bound + 1)
        yield 'announced only', Raw(
            b'\xc6\x7f\xff\xff\xff' if kind == 'bytes' else
            b'\xdb\x7f\xff\xff\xff')


def wrong_shapes(kind):
    for shape in SHAPES.get(kind, ()):
        yield repr(shape), text_of(shape)
    for shape in SHAPES.get(LISTED.get(kind), ()):
        if shape != '' or LISTED[kind] == 'name':
            yield 'in the list: ' + repr(shape), \
                [Raw(pack(['x'])[1:]), text_of(shape)] if \
                LISTED[kind] == 'text' else ['a.example.com', text_of(shape)]


def of_field(table, row, at, good):
    """One field is wrong, all others are good."""
    field = row['fields'][at]
    kind, bound = field['type'], field['bound']
    ways = [
        *(('type', *w) for w in wrong_types(kind)),
        *(('size', *w) for w in wrong_sizes(
            kind, bound, table.text_of_list_max)),
        *(('shape', *w) for w in wrong_shapes(kind))]
    for way, label, value in ways:
        fields = good[:at] + [value] + good[at + 1:]
        yield Attempt('field ' + way, f'{row["name"]}.{field["name"]}: {label}',
                      frame(body(row['number'], 9, fields)), ())


def of_whole(row, good):
    """The message as such is wrong."""
    number, right = row['number'], body(row['number'], 9, good)
    head = pack([0] * len(good + [0, 0]))[:1 if len(good) < 14 else 3]
    rest = right[len(head):]
    n = len(good) + 2

    def shapes():
        yield 'a field more', body(number, 9, good + [1])
        yield '20 fields more', body(number, 9, good + [1] * 20)
        if good:
            yield 'a field less', body(number, 9, good[:-1])
            yield 'no field', body(number, 9, [])
            yield 'cut short', right[:-1]
        yield 'a byte behind it', right + b'\0'
        yield 'another message behind it', right + right
        yield 'no number, no request', pack([])
        yield 'the number alone', pack([number])
        yield 'its name as number', pack([row['name'], 9, *good])
        yield 'a negative number', pack([NEGATIVE, 9, *good])
        yield 'a long number', pack(
            [Raw(struct.pack('>BQ', 0xcf, number)), 9, *good])
        yield 'another kind of list', struct.pack('>BI', 0xdd, n) + rest
        yield 'a map', struct.pack('>BH', 0xde, n // 2) + rest
        for label, request in (('text', 'nine'), ('nil', NIL),
                               ('negative', NEGATIVE), ('float', FLOAT),
                               ('list', [9]), ('33 bits', 1 << 32)):
            yield 'request number: ' + label, pack([number, request, *good])
        yield 'larger than it can be', body(
            number, 9, good[:-1] + [b'x' * (row['max_bytes'] + 1)])
    for label, data in shapes():
        yield Attempt('whole', f'{row["name"]}: {label}', frame(data), ())
    if not row['fd']:
        yield Attempt('descriptor', f'{row["name"]}: one', frame(right), (0,))
        yield Attempt('descriptor', f'{row["name"]}: two', frame(right),
                      (0, 1))


def of_table(table, rows, job, thorough=True):
    """Rows that the attacker may say, with one thing wrong. Less thorough:
    each field is tried in some of the ways, in turn."""
    turn = 0
    for row in rows:
        good = table.good(row, job=job)
        yield from of_whole(row, good)
        for at in range(len(good)):
            ways = list(of_field(table, row, at, good))
            if not thorough:
                step = max(1, len(ways) // 4)
                ways, turn = ways[turn % step::step], turn + 1
            yield from ways


def of_others(table, sender, receiver='monitor'):
    """Rows that are good, of somebody else."""
    own = {m['name'] for m in table.of(sender, receiver)}
    for row in table.messages:
        if row['name'] not in own:
            yield Attempt('sender', row['name'], frame(body(
                row['number'], 9, table.good(row))),
                (0,) if row['fd'] else ())


def numbers_of_nobody(table):
    for number in [n for n in range(256) if n not in table.by_number] + [
            256, 65535, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 64) - 1]:
        yield Attempt('number', f'number {number}',
                      frame(body(number, 9, [1])), ())


def frames(table):
    """Lengths and bytes that are no message of anybody."""
    right = body(table.number('hello'), 1, [table.version])
    for label, data in [
            ('of no bytes', frame(b'')),
            ('of 4 GiB', struct.pack('>I', 0xffffffff) + right),
            ('of 2 GiB', struct.pack('>I', 0x7fffffff) + right),
            ('of one byte more than any', struct.pack(
                '>I', table.frame_max + 1) + right),
            ('HTTP', b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
            ('JSON', frame(b'{"type":"sign","job":1}')),
            ('zeros', frame(bytes(64))),
            ('lists in lists', frame(b'\x91' * 60)),
            ('lists in lists, deep', frame(b'\x91' * 3000)),
            ('four billion elements', frame(b'\xdd\xff\xff\xff\xff')),
            ('a map of everything', frame(b'\xdf\xff\xff\xff\xff')),
            ('a text of 4 GiB', frame(b'\x93\x01\x01\xdb\xff\xff\xff\xff')),
            ('127 lists of 127', frame(
                b'\xdc\x00\x7f\x35\x09' + (b'\xdc\x00\x7f' + b'\x01' * 127) *
                125)),
            ('type 0xc1, which does not exist', frame(b'\x93\xc1\xc1\xc1'))]:
        yield Attempt('frame', label, data, ())
    for first in range(256):
        yield Attempt('frame', f'first byte {first:#04x}',
                      frame(bytes([first]) + b'\x01\x01\x01'), ())
