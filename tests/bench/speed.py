#!/usr/bin/python3
"""How long, with how much, and how many requests? Writes build/bench/report.md
and plots beside it. Everything is compared within one run; the figures of two
machines, or of two runs, are no comparison.

    many      50 to 1,000 issuances, beside a load generator that only asks the CA
    growth    10,000 issuances: what each thousand costs, and memory
    due       nothing is due, with 1 to 100,000 lineages
    near      one issuance, 50 and 1,000, beside other clients
    distance  the same, 50 ms from CA and API, 2 s until the records show
    zones     issuances of which each has a zone of its own

    tests/with-stage tests/bench/speed.py [--most N] [SCENE ...]
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bench import due, growth, machine, many, peers             # noqa: E402
from stage import Stage, image                                  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FOLDER = os.path.join(TOP, 'build', 'bench')
SCENES = {'many': many.many, 'growth': growth.growth, 'due': due.due,
          'near': peers.near, 'distance': peers.distance, 'zones': many.zones}


def table(title, rows):
    """rows: dicts with the keys of the first one."""
    keys = list(rows[0])
    return ['', f'## {title}', '', '| ' + ' | '.join(keys) + ' |',
            '|' + '---|' * len(keys), *(
                '| ' + ' | '.join(str(row.get(k, '')) for k in keys) + ' |'
                for row in rows)]


class Report:
    """What has been found out so far. flat: the CPU of one certificate, where
    scenes have measured it; goals: what was wanted, and what there is."""

    def __init__(self):
        os.makedirs(FOLDER, exist_ok=True)
        self.flat, self.goals = {}, []
        self.lines = ['# Measured', '', time.strftime(
            '%Y-%m-%d %H:%M UTC, ', time.gmtime())
            + f'{machine.CORES} cores, load before {os.getloadavg()[0]:.1f}']

    def path(self, name):
        return os.path.join(FOLDER, name)

    def goal(self, what, wanted, have, good):
        """wanted and have as they are shown."""
        self.goals.append({'what': what, 'wanted': wanted, 'measured': have,
                           'reached': 'yes' if good else 'no'})

    def most(self, what, have, limit, unit=''):
        """A goal that is a limit."""
        digits = 2 if limit < 5 else 0 if have >= 100 else 1
        self.goal(what, f'at most {limit}{unit}', f'{have:.{digits}f}{unit}',
                  have <= limit)

    def say(self, *lines):
        for line in lines:
            print(line, flush=True)
            self.lines.append(line)

    def table(self, title, rows):
        self.say(*table(title, rows))

    def write(self):
        lines = self.lines[:3] + (table('Goals', self.goals) if self.goals
                                  else []) + self.lines[3:]
        with open(self.path('report.md'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n')


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--most', type=int, default=100000,
                        help='the largest store, and number of issuances')
    parser.add_argument('scenes', nargs='*', metavar='SCENE')
    options = parser.parse_args()
    if unknown := set(options.scenes) - set(SCENES):
        parser.error(f'no scene {", ".join(unknown)}')
    image.own_mounts()          # before there are threads
    stage, report = Stage.attach(os.environ['STAGE']), Report()
    for name in options.scenes or SCENES:
        start = time.monotonic()
        SCENES[name](stage, report, options.most)
        report.say('', f'({name}: {time.monotonic() - start:.0f} s)')
        report.write()
    for line in table('Goals', report.goals) if report.goals else []:
        print(line)
    print(f'written to {FOLDER}/report.md')


if __name__ == '__main__':
    main()
