"""When each job of a certd came to each stage: its log, read while it is
written."""

import os
import re
import threading
import time

LINE = re.compile(r'^certd: job (\d+) \([^)]*\): ([^:]*)(?::.*)?$')


def stamped(certd):
    """Before it starts: its log goes through us. A list of (time, job, stage)
    that grows."""
    seen, fifo = [], os.path.join(certd.folder, 'log.fifo')
    os.mkfifo(fifo)

    def read():
        with open(fifo, encoding='utf-8', errors='replace') as lines, \
                open(certd.log_file, 'a', buffering=1,
                     encoding='utf-8') as log:
            for line in lines:
                log.write(line)
                match = LINE.match(line.rstrip())
                if match:
                    seen.append((time.monotonic(), int(match[1]), match[2]))
    threading.Thread(target=read, daemon=True).start()
    certd.tracer = lambda: ['/bin/sh', '-c', f'exec "$@" 2>{fifo}', 'sh']
    return seen


def means(seen, first):
    """Milliseconds that a job spent in each stage, on average, of what came
    after the first so many lines."""
    jobs, sums = {}, {}
    for when, job, stage in seen[first:]:
        jobs.setdefault(job, []).append((when, stage))
    for events in jobs.values():
        for (begin, stage), (end, _) in zip(events, events[1:]):
            sums[stage] = sums.get(stage, 0) + end - begin
    return {stage: total / len(jobs) * 1e3 for stage, total in sums.items()}
