"""When each job of a certd came to each stage: its log, read while it is
written."""

import os
import re
import threading
import time

LINE = re.compile(rb'^certd: job (\d+) \([^)]*\): ([^:\n]*)', re.M)


def stamped(certd):
    """Before it starts: its log goes through us. A list of (time, what was logged)
    that grows; it is taken apart later, which costs time."""
    seen, fifo = [], os.path.join(certd.folder, 'log.fifo')
    os.mkfifo(fifo)

    def read():
        with open(fifo, 'rb', buffering=0) as pipe, \
                open(certd.log_file, 'ab', buffering=0) as log:
            while text := pipe.read(65536):
                seen.append((time.monotonic(), text))
                log.write(text)
    threading.Thread(target=read, daemon=True).start()
    certd.tracer = lambda: ['/bin/sh', '-c', f'exec "$@" 2>{fifo}', 'sh']
    return seen


def means(seen, first):
    """Milliseconds that a job spent in each stage, on average, of what came
    after the first so many parts. A part ends with a line: certd writes whole
    ones."""
    jobs, sums = {}, {}
    for when, text in seen[first:]:
        for job, stage in LINE.findall(text):
            jobs.setdefault(job, []).append((when, stage.decode()))
    for events in jobs.values():
        for (begin, stage), (end, _) in zip(events, events[1:]):
            sums[stage] = sums.get(stage, 0) + end - begin
    return {stage: total / len(jobs) * 1e3 for stage, total in sums.items()}
