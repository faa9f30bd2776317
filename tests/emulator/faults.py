"""Bad days on demand. A fault says which requests it meets and what happens:

    token, method, path   whom it meets (path: a regular expression, searched
                          in path and query); absent: everybody
    skip, times           passes over the first requests, then strikes so often
                          (-1: for ever; the default is once)
    delay                 seconds to wait first
    drop                  "before": the connection ends, nothing was done;
                          "after": it was done, but the answer is lost
    status, code, message an error in the API's envelope
    html                  with status: a page of the edge instead of JSON
    body                  this text instead of the answer (status: 200)
    truncate              only so many bytes of the answer, then the end
    stall                 the headers, then silence for so many seconds
    flood                 a body of so many bytes
    headers               besides the usual ones
"""

import re
import threading

FIELDS = {'token', 'method', 'path', 'skip', 'times', 'delay', 'drop',
          'status', 'code', 'message', 'html', 'body', 'truncate', 'stall',
          'flood', 'headers'}


class Fault:
    def __init__(self, spec):
        unknown = set(spec) - FIELDS
        if unknown:
            raise ValueError(f'unknown fault fields: {sorted(unknown)}')
        self.spec = spec
        self.skip, self.times = spec.get('skip', 0), spec.get('times', 1)
        self.path = re.compile(spec.get('path', ''))

    def meets(self, token, method, target):
        spec = self.spec
        return self.times != 0 and spec.get('token', token) == token and \
            spec.get('method', method) == method and \
            self.path.search(target) is not None

    def strike(self):
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times > 0:
            self.times -= 1
        return True


class Faults:
    def __init__(self):
        self.all, self.lock = [], threading.Lock()

    def add(self, spec):
        with self.lock:
            self.all.append(Fault(spec))

    def clear(self, token):
        """Ends those of a token; None: all of them."""
        with self.lock:
            self.all = [f for f in self.all if token is not None
                        and f.spec.get('token') != token]

    def pick(self, token, method, target):
        """What happens to this request: a fault's fields, or {}."""
        with self.lock:
            for fault in self.all:
                if fault.meets(token, method, target) and fault.strike():
                    return fault.spec
        return {}
