#!/usr/bin/python3
"""The DNS hook of clients that have no Cloudflare plugin here: makes and removes
a TXT record by the API, as the examples in their manuals do, and sleeps as long
as certbot does unless the client waits by itself.

    lego        present|cleanup NAME VALUE
    uacme       begin|done|failed TYPE NAME TOKEN VALUE
    dehydrated  deploy_challenge|clean_challenge NAME TOKEN VALUE

All else comes from the environment: BENCH_API, BENCH_ZONE, BENCH_TOKEN,
BENCH_ROOTS and BENCH_SLEEP."""

import json
import os
import ssl
import sys
import time
import urllib.parse
import urllib.request

RECORDS = f'{os.environ["BENCH_API"]}/zones/{os.environ["BENCH_ZONE"]}/dns_records'


def call(method, url, body=None):
    request = urllib.request.Request(
        url, body and json.dumps(body).encode(), {
            'Authorization': 'Bearer ' + os.environ['BENCH_TOKEN'],
            'Content-Type': 'application/json'}, method=method)
    context = ssl.create_default_context(cafile=os.environ['BENCH_ROOTS'])
    with urllib.request.urlopen(request, timeout=30, context=context) as reply:
        return json.load(reply)['result']


def add(name, value):
    call('POST', RECORDS, {'type': 'TXT', 'name': name, 'content': value,
                           'ttl': 120})
    time.sleep(float(os.environ.get('BENCH_SLEEP', '0')))


def remove(name, value):
    query = urllib.parse.urlencode(
        {'type': 'TXT', 'name': name, 'content': value})
    for record in call('GET', f'{RECORDS}?{query}'):
        call('DELETE', f'{RECORDS}/{record["id"]}')


def main(what, *arguments):
    if what in ('present', 'cleanup'):
        name, value = arguments[0].rstrip('.'), arguments[1]
    elif what in ('begin', 'done', 'failed'):
        if arguments[0] != 'dns-01':
            return 1
        name, value = '_acme-challenge.' + arguments[1], arguments[3]
    elif what in ('deploy_challenge', 'clean_challenge'):
        name, value = '_acme-challenge.' + arguments[0], arguments[2]
    else:
        return 0
    (add if what in ('present', 'begin', 'deploy_challenge') else remove)(
        name, value)
    return 0


sys.exit(main(*sys.argv[1:]))
