"""Lines, as SVG. An axis whose values lie far apart is logarithmic, any other one
begins at zero, so that what is flat looks flat."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 30, 70, 60
FAR_APART = 20                  # times
COLORS = ('#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e')
MARKS = 10                      # about so many on a linear axis


class Axis:
    """Where values go, between two places, and the values that are marked."""

    def __init__(self, values, begin, end, may_be_log=True):
        low, high = min(values), max(values)
        self.begin, self.end = begin, end
        self.is_log = may_be_log and low > 0 and high / low > FAR_APART
        if self.is_log:
            self.low = 10 ** math.floor(math.log10(low) + 1e-9)
            self.high = 10 ** math.ceil(math.log10(high) - 1e-9)
            self.marks = [10.0 ** p for p in range(
                round(math.log10(self.low)), round(math.log10(self.high)) + 1)]
        else:
            step = self.step(max(high, 1e-6) / MARKS)
            self.low, self.high = 0, math.ceil(high / step - 1e-9) * step or 1
            self.marks = [step * i for i in range(
                round(self.high / step) + 1)]

    @staticmethod
    def step(least):
        power = 10 ** math.floor(math.log10(least))
        return next(power * n for n in (1, 2, 5, 10) if power * n >= least)

    def place(self, value):
        if self.is_log:
            value = max(value, self.low)
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)


def number(value):
    return f'{value:,.0f}' if value >= 10 else f'{value:g}'


def text(x, y, what, anchor='middle', more=''):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>'
            f'{escape(what)}</text>')


def grid(x, y):
    out = []
    for value in x.marks:
        at = x.place(value)
        out.append(f'<path d="M{at:.1f} {y.begin}V{y.end}" stroke="#ddd"/>'
                   + text(at, y.begin + 18, number(value)))
    for value in y.marks:
        at = y.place(value)
        out.append(f'<path d="M{x.begin} {at:.1f}H{x.end}" stroke="#ddd"/>'
                   + text(x.begin - 8, at + 4, number(value), 'end'))
    return out


def legend(names):
    out, at = [], LEFT
    for name, color in zip(names, COLORS):
        out.append(f'<rect x="{at}" y="46" width="12" height="12" '
                   f'fill="{color}"/>' + text(at + 17, 57, name, 'start'))
        at += 40 + 7 * len(name)
    return out


def lines(path, title, x_name, y_name, series, may_be_log=True):
    """series: {name: [(x, y), ...]}. may_be_log: the axis of y."""
    series = {name: line for name, line in series.items() if line}
    points = [p for line in series.values() for p in line]
    if not points:
        return
    x = Axis([p for p, _ in points], LEFT, WIDTH - RIGHT)
    y = Axis([p for _, p in points], HEIGHT - BOTTOM, TOP, may_be_log)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text(WIDTH / 2, 26, title, more=' font-size="15"'),
           text(WIDTH / 2, HEIGHT - 16, x_name),
           text(18, HEIGHT / 2, y_name, more=' transform="rotate(-90 18 '
                f'{HEIGHT / 2})"'),
           *grid(x, y), *legend(series)]
    for line, color in zip(series.values(), COLORS):
        spots = [(x.place(a), y.place(b)) for a, b in line]
        out.append('<path fill="none" stroke-width="2" '
                   f'stroke="{color}" d="M'
                   + 'L'.join(f'{a:.1f} {b:.1f}' for a, b in spots) + '"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}"/>'
                for a, b in spots]
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\n'.join(out) + '\n</svg>\n')
